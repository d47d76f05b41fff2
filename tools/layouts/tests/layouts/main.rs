// SPDX-License-Identifier: GPL-2.0-only

//! Kernels made of a few types: some fit the contract, and each of the others differs from it in
//! one thing.

mod btf;

use btf::Btf;
use layouts::{Contract, Kernel, generate};
use std::{collections::BTreeSet, fs, process::Command};

const CONTRACT: &str = "
struct ops {
	int (*start)(struct queue *, unsigned int);
	void (*stop)(struct queue *);
}
struct type {
	struct ops ops;
	const char *name;
}
bindings queue { int depth; void *data; }
int attach(struct type *);
";

/// The differences of a kernel.
#[derive(Default)]
struct Different {
    ops: Option<&'static str>,
    stop: Option<&'static str>,
    start_takes_int: bool,
    depth_is_long: bool,
    no_attach: bool,
    /// The only function is declared, and not defined.
    is_declared: bool,
}

fn kernel(different: &Different) -> Vec<u8> {
    let mut btf = Btf::new();
    let int = btf.int("int", 4, 1);
    let unsigned = btf.int("unsigned int", 4, 0);
    let long = btf.int("long int", 8, 1);
    let char = btf.int("char", 1, 1);
    let const_char = btf.add(10, 0, "", char, &[]);
    let name = btf.pointer(const_char);
    let void_pointer = btf.pointer(0);
    let depth = if different.depth_is_long { long } else { int };
    let inside = btf.structure("", 16, &[("depth", depth, 0), ("data", void_pointer, 64)]);
    let queue = btf.structure("queue", 24, &[("other", long, 0), ("", inside, 64)]);
    let queue = btf.pointer(queue);
    let second = if different.start_takes_int {
        int
    } else {
        unsigned
    };
    let start = btf.prototype(int, &[queue, second]);
    let start = btf.pointer(start);
    let stop = btf.prototype(0, &[queue]);
    let stop = btf.pointer(stop);
    let ops = btf.structure(
        different.ops.unwrap_or("ops"),
        32,
        &[
            ("debug", void_pointer, 0),
            ("start", start, 64),
            (different.stop.unwrap_or("stop"), stop, 128),
        ],
    );
    let kind = btf.structure("type", 48, &[("ops", ops, 0), ("name", name, 256)]);
    let kind = btf.pointer(kind);
    let attach = btf.prototype(int, &[kind]);
    if different.is_declared {
        let pointer = btf.pointer(attach);
        btf.structure(layouts::FUNCTIONS, 8, &[("attach", pointer, 0)]);
    } else if !different.no_attach {
        btf.add(12, 1, "attach", attach, &[]);
    }
    btf.bytes()
}

fn generated(different: &Different) -> Result<String, Vec<String>> {
    let contract = Contract::parse(CONTRACT).unwrap();
    let kernel = Kernel::from_bytes(&kernel(different)).unwrap();
    generate(&contract, &kernel)
        .map_err(|errors| errors.iter().map(|error| format!("{error:#}")).collect())
}

#[test]
fn an_optional_function_may_be_absent_and_not_differ() {
    let generated = |declaration: &str, no_attach: bool| {
        let contract = format!("{CONTRACT}\noptional {declaration};");
        let contract = contract.replace("\nint attach(struct type *);\n", "\n");
        let different = Different {
            no_attach,
            ..Different::default()
        };
        let kernel = Kernel::from_bytes(&kernel(&different)).unwrap();
        generate(&Contract::parse(&contract).unwrap(), &kernel)
    };
    let has_attach = |text: String| text.contains("fn attach(");
    let declaration = "int attach(struct type *)";
    assert!(has_attach(generated(declaration, false).unwrap()));
    assert!(!has_attach(generated(declaration, true).unwrap()));
    assert!(generated("void attach(struct type *)", false).is_err());
}

#[test]
fn a_kernel_that_fits_is_generated_with_its_offsets() {
    let text = generated(&Different::default()).unwrap();
    for line in [
        "pub(crate) struct Ops {",
        "pub(crate) start: Option<unsafe extern \"C\" fn(*mut bindings::queue, u32) -> i32>,",
        "pub(crate) stop: Option<unsafe extern \"C\" fn(*mut bindings::queue)>,",
        "assert!(size_of::<Ops>() == 32);",
        "assert!(core::mem::offset_of!(Ops, start) == 8);",
        "pub(crate) name: *const ffi::c_char,",
        "assert!(core::mem::offset_of!(Type, name) == 32);",
        "assert!(core::mem::offset_of!(bindings::queue, __bindgen_anon_1.depth) == 8);",
        "assert!(core::mem::offset_of!(bindings::queue, __bindgen_anon_1.data) == 16);",
        "pub(crate) fn attach(argument_0: *mut Type) -> i32;",
    ] {
        assert!(text.contains(line), "{line} is not in:\n{text}");
    }
}

#[test]
fn a_kernel_that_differs_is_refused_by_name() {
    let cases = [
        (
            Different {
                ops: Some("operations"),
                ..Different::default()
            },
            "this kernel has no struct ops",
        ),
        (
            Different {
                stop: Some("halt"),
                ..Different::default()
            },
            "this kernel's struct ops has no member stop",
        ),
        (
            Different {
                start_takes_int: true,
                ..Different::default()
            },
            "this kernel's ops.start is \"int (*start)(struct queue *, int)\", and the driver was \
             written for \"int (*start)(struct queue *, unsigned int)\"",
        ),
        (
            Different {
                depth_is_long: true,
                ..Different::default()
            },
            "this kernel's queue.depth is \"long int depth\", and the driver was written for \"int depth\"",
        ),
        (
            Different {
                no_attach: true,
                ..Different::default()
            },
            "this kernel has no function attach",
        ),
    ];
    for (different, message) in cases {
        let errors = generated(&different).unwrap_err();
        assert!(
            errors.iter().any(|error| error == message),
            "{message} is not in {errors:?}"
        );
    }
}

#[test]
fn all_differences_are_told_at_once() {
    let different = Different {
        stop: Some("halt"),
        no_attach: true,
        ..Different::default()
    };
    assert_eq!(generated(&different).unwrap_err().len(), 2);
}

/// With any part cut off or overwritten, the answer is an error or a text, and never a panic.
#[test]
fn broken_type_information_does_not_panic() {
    let whole = kernel(&Different::default());
    let contract = Contract::parse(CONTRACT).unwrap();
    let look = |bytes: &[u8]| {
        if let Ok(kernel) = Kernel::from_bytes(bytes) {
            let _ = generate(&contract, &kernel);
        }
    };
    for length in 0..whole.len() {
        look(&whole[..length]);
    }
    for at in 0..whole.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] = value;
            look(&bytes);
        }
    }
}

/// Each type has the one before in it twice: few types, but too many ways through them to follow.
#[test]
fn types_that_branch_at_each_step_come_to_an_end() {
    let contract = Contract::parse("struct queue { int depth; void (*stop)(int); }").unwrap();
    let look = |btf: &Btf| generate(&contract, &Kernel::from_bytes(&btf.bytes()).unwrap());

    let mut btf = Btf::new();
    let int = btf.int("int", 4, 1);
    let mut inside = btf.structure("", 4, &[("other", int, 0)]);
    for _ in 0..40 {
        inside = btf.structure("", 4, &[("", inside, 0), ("", inside, 0)]);
    }
    btf.structure("queue", 4, &[("", inside, 0)]);
    let differences = look(&btf).unwrap_err();
    assert!(differences[0].to_string().contains("too many"));

    let mut btf = Btf::new();
    let int = btf.int("int", 4, 1);
    let mut stop = btf.prototype(0, &[int]);
    for _ in 0..40 {
        stop = btf.prototype(0, &[stop, stop]);
    }
    let stop = btf.pointer(stop);
    btf.structure("queue", 16, &[("depth", int, 0), ("stop", stop, 64)]);
    let differences = look(&btf).unwrap_err();
    assert!(differences[0].to_string().contains("too many"));
}

#[test]
fn the_program_leaves_a_file_alone_that_would_not_change() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("contract"), CONTRACT).unwrap();
    let run = |bytes: &[u8]| {
        fs::write(path("btf"), bytes).unwrap();
        Command::new(env!("CARGO_BIN_EXE_layouts"))
            .arg("--btf")
            .arg(path("btf"))
            .arg("--contract")
            .arg(path("contract"))
            .arg("--output")
            .arg(path("generated.rs"))
            .output()
            .unwrap()
    };
    assert!(run(&kernel(&Different::default())).status.success());
    let first = fs::metadata(path("generated.rs"))
        .unwrap()
        .modified()
        .unwrap();
    assert!(run(&kernel(&Different::default())).status.success());
    let metadata = fs::metadata(path("generated.rs")).unwrap();
    assert_eq!(metadata.modified().unwrap(), first);

    let output = run(&kernel(&Different {
        no_attach: true,
        ..Different::default()
    }));
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.starts_with("layouts: this kernel has no function attach\n"),
        "{message}"
    );
    assert!(path("generated.rs").exists());

    let output = run(b"neither");
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("install the headers"), "{message}");
}

/// The contract with what older kernels have instead.
const ERAS: &str = "
struct ops {
	int (*start)(struct queue *, unsigned int);
	or int (*start)(struct queue *, int);
	optional void (*stop)(struct queue *);
}
struct type {
	struct ops ops;
	const char *name;
}
bindings queue {
	int depth as inner.depth;
	or long int depth;
	void *data as inside.data.pointer;
}
int attach(struct type *, int);
or int attach(struct type *);
optional int detach(struct type *);
";

/// The symbols of these kernels that modules may use.
fn exports() -> BTreeSet<String> {
    BTreeSet::from(["attach".to_owned()])
}

fn own(different: &Different) -> layouts::OwnBindings {
    let kernel = Kernel::from_bytes(&kernel(different)).unwrap();
    layouts::generate_own(&Contract::parse(ERAS).unwrap(), &kernel, &exports()).unwrap()
}

#[test]
fn a_function_that_modules_may_not_call_is_told_or_left_out() {
    let kernel = Kernel::from_bytes(&kernel(&Different::default())).unwrap();
    let own = |contract: &str| {
        let contract = Contract::parse(&CONTRACT.replace("int attach", contract)).unwrap();
        layouts::generate_own(&contract, &kernel, &BTreeSet::new())
    };
    let errors = own("int attach").unwrap_err();
    assert_eq!(
        errors.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["this kernel does not let modules call attach"]
    );
    let without = own("optional int attach").unwrap();
    assert!(!without.text.contains("fn attach") && without.newest.is_empty());
}

#[test]
fn a_variable_that_modules_may_not_use_is_told() {
    let kernel = Kernel::from_bytes(&kernel(&Different::default())).unwrap();
    let own = |name| {
        let contract = Contract::parse(&format!("exported {name};")).unwrap();
        layouts::generate_own(&contract, &kernel, &exports())
    };
    let errors = own("lost").unwrap_err();
    assert_eq!(
        errors.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["this kernel does not let modules use lost"]
    );
    assert!(own("attach").is_ok());
}

#[test]
fn a_function_that_is_only_declared_is_as_one_that_is_defined() {
    let declared = Different {
        is_declared: true,
        ..Different::default()
    };
    assert_eq!(own(&declared), own(&Different::default()));
    let kernel = Kernel::from_bytes(&kernel(&declared)).unwrap();
    let other = CONTRACT.replace("int attach", "void attach");
    let errors = generate(&Contract::parse(&other).unwrap(), &kernel).unwrap_err();
    assert_eq!(
        errors[0].to_string(),
        "this kernel's attach is \"int attach(struct type *)\", and the driver was written for \
         \"void attach(struct type *)\""
    );
}

#[test]
fn the_own_crate_gets_what_the_kernel_has() {
    let newest = own(&Different::default());
    assert_eq!(newest.newest, ["ops.start", "ops.stop", "queue.depth"]);
    assert!(newest.text.contains("pub stop: Option"), "{}", newest.text);
    assert!(newest.text.contains("pub depth: i32"), "{}", newest.text);

    let older = own(&Different {
        stop: Some("halt"),
        start_takes_int: true,
        depth_is_long: true,
        ..Different::default()
    });
    assert_eq!(older.newest, [""; 0]);
    assert!(!older.text.contains("pub stop"), "{}", older.text);
    assert!(older.text.contains("pub depth: i64"), "{}", older.text);
}

#[test]
fn a_structure_that_does_not_fit_says_nothing_about_eras() {
    let mut btf = Btf::new();
    let int = btf.int("int", 4, 1);
    let long = btf.int("long int", 8, 1);
    let data = btf.pointer(0);
    btf.structure("queue", 8, &[("depth", int, 0)]);
    btf.structure("queue", 16, &[("depth", long, 0), ("data", data, 64)]);
    let kernel = Kernel::from_bytes(&btf.bytes()).unwrap();
    let contract = "bindings queue { int depth; or long int depth; void *data; }";
    let contract = Contract::parse(contract).unwrap();
    let found = layouts::generate_own(&contract, &kernel, &exports()).unwrap();
    assert_eq!(found.newest, [""; 0]);
}

#[test]
fn members_deep_inside_lie_in_structures_of_their_own() {
    let text = own(&Different::default()).text;
    for line in [
        "pub struct queue_inside {",
        "    pub data: queue_inside_data,",
        "pub struct queue_inside_data {",
        "    assert!(core::mem::offset_of!(queue, inside.data.pointer) == 16);",
        "    assert!(core::mem::offset_of!(queue, inner.depth) == 8);",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[test]
fn a_kernel_of_no_era_is_refused() {
    let kernel = Kernel::from_bytes(&kernel(&Different {
        no_attach: true,
        ops: Some("operations"),
        ..Different::default()
    }));
    let contract = Contract::parse(ERAS).unwrap();
    let refused = layouts::generate_own(&contract, &kernel.unwrap(), &exports());
    let errors: Vec<String> = refused
        .unwrap_err()
        .iter()
        .map(|e| format!("{e:#}"))
        .collect();
    assert!(
        errors.contains(&"this kernel has no struct ops".to_owned()),
        "{errors:?}"
    );
    assert!(
        errors.contains(&"this kernel has no function attach".to_owned()),
        "{errors:?}"
    );
}

#[test]
fn contracts_are_added_up() {
    let parse = |text| Contract::parse(text).unwrap();
    let mut all = parse("bindings queue { int depth; }");
    all.add(parse("bindings queue { int depth; void *data; }"));
    all.add(parse("struct queue { int depth; }"));
    let kernel = Kernel::from_bytes(&kernel(&Different::default())).unwrap();
    let text = layouts::generate_own(&all, &kernel, &exports())
        .unwrap()
        .text;
    assert!(text.contains("pub data: *mut ffi::c_void"), "{text}");
    for name in ["pub struct queue {", "pub struct Queue {"] {
        assert_eq!(
            text.lines().filter(|line| *line == name).count(),
            1,
            "{text}"
        );
    }
}
