// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! The JSON of `kchaos list` and `kchaos status` has the form that `cli/schema` describes.

use crate::tree::{Tree, stdout};
use serde_json::{Value, json};
use std::{fs, path::Path};

/// The JSON Schema of a verb's output.
pub(crate) fn schema(verb: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
    let text = fs::read_to_string(folder.join(format!("{verb}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The errors that a schema finds in a value.
pub(crate) fn complaints(schema: &Value, value: &Value) -> Vec<String> {
    let validator = jsonschema::validator_for(schema).unwrap();
    let errors = validator.iter_errors(value);
    errors.map(|error| error.to_string()).collect()
}

/// The same schema without keys that are not in it.
pub(crate) fn closed(mut schema: Value) -> Value {
    fn close(value: &mut Value) {
        if value.get("additionalProperties") == Some(&json!(true)) {
            value["additionalProperties"] = json!(false);
        }
        match value {
            Value::Object(object) => object.values_mut().for_each(close),
            Value::Array(array) => array.iter_mut().for_each(close),
            _ => {}
        }
    }
    close(&mut schema);
    schema
}

/// Systems in several states.
fn systems() -> Vec<Tree> {
    let full = Tree::new();
    full.disk("vdb", "none [ioem]");
    full.disk("vdc", "[ioem]");
    full.write("run/kchaos/vdb", "kyber 64\n");
    full.write("sys/devices/vdb/queue/iosched/held", "0 5 1200 9000\n");
    let inject = "inject ioem delay --delay 1ms --quota 5 --probability 12.5% --seed 7 --op read \
                  --device vdb,vda --sectors 0+8 --for 30s --name full";
    stdout(&mut full.kchaos(inject));
    full.write("config/ioem/full/ceiling", "vdb 25600\n");
    let stats = "active 1\nremaining_ms 9\nmatched 7\nadded_us_lt_1024 4\nvdb.matched 5\n";
    full.write("config/ioem/full/stats", stats);
    vec![Tree::new(), crate::status::stopped(), full]
}

#[test]
fn json_has_the_form_of_its_schema() {
    for verb in ["list", "status"] {
        // A key that is in no schema is not told to anybody.
        let schema = closed(schema(verb));
        for tree in systems() {
            let text = stdout(&mut tree.kchaos(&format!("{verb} --json")));
            let value = serde_json::from_str(&text).unwrap();
            assert_eq!(complaints(&schema, &value), [""; 0], "{text}");
        }
    }
}

#[test]
fn a_line_of_watch_has_the_form_of_status() {
    let [.., tree] = &systems()[..] else { panic!() };
    let mut command = std::process::Command::new("timeout");
    command.args(["--signal=INT", "2", crate::tree::KCHAOS]);
    command.args(["status", "--json", "--watch", "--interval", "100ms"]);
    let output = command.envs(tree.environment()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let schema = closed(schema("status"));
    let mut rates = 0;
    for line in text.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        assert_eq!(complaints(&schema, &value), [""; 0], "{line}");
        rates += usize::from(value["injections"][0]["delayed_per_second"].is_number());
    }
    assert!(rates > 2, "{text}");
}

#[test]
fn a_schema_allows_more_keys_and_no_other_values() {
    for (verb, path) in [
        ("list", "/injections/0/quota"),
        ("status", "/injections/0/matched"),
    ] {
        let schema = schema(verb);
        let [.., tree] = &systems()[..] else { panic!() };
        let text = stdout(&mut tree.kchaos(&format!("{verb} --json")));
        let mut value: Value = serde_json::from_str(&text).unwrap();
        value["injections"][0]["later"] = json!({"a": 1});
        assert_eq!(complaints(&schema, &value), [""; 0]);
        *value.pointer_mut(path).unwrap() = json!("7");
        assert_eq!(complaints(&schema, &value).len(), 1, "{path}");
        value["schema"] = json!(2);
        assert_eq!(complaints(&schema, &value).len(), 2, "{path}");
        value.as_object_mut().unwrap().remove("devices");
        assert_eq!(complaints(&schema, &value).len(), 3, "{path}");
    }
}
