// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0

//! Tests of reading: the values that are accepted, and the sentences about mistakes.

use super::*;

/// The sentences about a text, each with its place.
fn mistakes(text: &str) -> String {
    let variables = Variables::new([("device".to_owned(), "sdb".to_owned())]);
    read(&Source::named("a.toml", text), variables)
        .map_or_else(|error| error.to_string(), |_| String::new())
}

/// A scenario with this line in its only step.
fn with(line: &str) -> String {
    let step = "name = \"x\"\ndevice = \"$device\"\n[[steps]]\nname = \"a\"";
    format!("{step}\nfor = \"1s\"\nquota = 5\n{line}\n")
}

#[test]
fn a_value_is_as_on_the_command_line() {
    for line in [
        "delay = \"10ms\"",
        "delay-us = 10000",
        "op = [\"read\", \"sync\"]",
        "op = \"read,sync\"",
        "min-bytes = \"4k\"",
        "min-bytes = 4096",
        "probability = \"0.5%\"",
        "probability = 12.5",
        "freeze = true",
        "freeze = 1",
        "pid = 1",
        "sectors = [\"0+8\", \"16+8\"]",
        "corr = 50",
        "repeat = \"7\"",
        "drop = true\ndata-loss = true",
        "torn = true\ndata-loss = true\nerror = \"EIO\"",
        "corrupt = 64\ndata-loss = true",
        "data-loss = false",
        "profile = [\"5ms:100\", \"45ms:0\"]",
    ] {
        assert_eq!(mistakes(&with(line)), "", "{line}");
    }
}

#[test]
fn a_wrong_value_is_told_with_its_place_and_the_right_ones() {
    for (line, expected) in [
        (
            "delay = 10",
            "a.toml:7:9: delay = \"10\": a time needs a unit: 10us, 10ms or 10s",
        ),
        ("delay = 10", "; accepted: 0s to 1h"),
        ("delay = \"2h\"", "it has to be from 0s to 1h"),
        (
            "dely = \"1ms\"",
            "a.toml:7:1: there is no key \"dely\" here; is it 'delay'?",
        ),
        ("bytes_quota = 1", "is it 'bytes-quota'?"),
        ("together_ = 1", "is it 'together'?"),
        ("xyz = 1", "`kchaos scenario schema` lists all keys"),
        (
            "hang = true",
            "no key \"hang\" here; 'freeze = 1' with 'for = \"20s\"' lets no I/O end",
        ),
        (
            "latency = \"5ms\"",
            "no key \"latency\" here; 'delay = \"10ms\"'",
        ),
        ("LATENCY_MS = 5", "'delay = \"10ms\"'"),
        (
            "limit = 100",
            "'iops = 100' limits I/Os, and 'times = \"N\"'",
        ),
        ("bps = 5", "'bandwidth = \"10MB/s\"'"),
        (
            "fsync = true",
            "'op = \"write,flush\"' is about the writes and flushes",
        ),
        ("label = \"x\"", "'name = \"slow\"'"),
        (
            "effect = \"delay\"",
            "no key \"effect\" here; `kchaos scenario schema`",
        ),
        ("own = true", "there is no key \"own\" here"),
        ("enabled = 0", "there is no key \"enabled\" here"),
        ("freeze = \"yes\"", "freeze = \"yes\": it has to be 0 or 1"),
        (
            "delay = true",
            "delay has to be a text or a number, and this is of type boolean",
        ),
        ("delay = [\"1ms\"]", "delay has one value, and no list"),
        (
            "op = [\"read\", 1.5]",
            "op = \"read, 1.5\": there is no operation \"1.5\"",
        ),
        (
            "probability = 0.5",
            "0.5 could be 0.5%, or 50% as a share of one",
        ),
        (
            "iops = 5",
            "a.toml:3:1: in \"a\", iops and quota exclude each other",
        ),
        (
            "preset = \"hdd\"",
            "it has to be one of gp2, gp3, p30, sd-a1, usb2",
        ),
        ("percentiles = \"50:1ms\"\ndelay = \"1ms\"", "leave one out"),
        (
            "min-bytes = \"8k\"\nmax-bytes = \"4k\"",
            "--min-bytes 8192 is more than",
        ),
        ("probability = 0", "\"a\" would do nothing: --probability 0"),
        (
            "times = 0",
            "in \"a\", times = 0 would be no end; choose more",
        ),
        ("drop = true", "the new data of files are lost"),
        ("torn = true", "with torn, the disk gets only the first"),
        ("corrupt = 1", "with corrupt, reads bring flipped bits"),
        (
            "drop = true\ndata-loss = false",
            "the new data of files are lost",
        ),
        ("repeat = 0", "repeat = 0: it has to be from 1 to 10000"),
        ("pause = 5", "pause = \"5\": a time needs a unit"),
        (
            "device = \"$disk\"",
            "the variable $disk has no value; add --set disk=VALUE",
        ),
        (
            "together = 5",
            "together has to be a list of tables; such as together = [",
        ),
        ("together = []", "together has at least one injection"),
        (
            "together = [{ quota = 1 }]",
            "an injection of together has a name",
        ),
        (
            "together = [{ name = \"a/b\" }]",
            "a name is neither . nor .. and contains no /",
        ),
        (
            "[[steps]]\nname = \"b\"\nquota = 5",
            "a.toml:7:1: \"b\" has no end; add for =",
        ),
        (
            "[[steps]]\nname = \"a\"",
            "\"a\" is the name of another one, too",
        ),
        ("delay = ", "a.toml:7:9: this is no TOML: "),
        ("quota = 6", "a.toml:7:1: this is no TOML: duplicate key"),
    ] {
        let told = mistakes(&with(line));
        assert!(told.contains(expected), "{line}: {told}");
    }
}

#[test]
fn all_mistakes_are_told_in_the_order_of_their_places() {
    let told = mistakes(&with("delay = 10\nxyz = 1\njitter = 5"));
    let places = told.lines().map(|line| line.split(": ").next());
    let places: Vec<&str> = places.flatten().collect();
    assert_eq!(places, ["a.toml:7:9", "a.toml:8:1", "a.toml:9:10"]);
    let told = mistakes("description = 5.5\n");
    for expected in [
        "the scenario has no variable device; it has none",
        "a scenario has a name",
        "a scenario has steps",
    ] {
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn an_option_of_a_table_goes_before_the_same_around_it() {
    let text = "name = \"x\"\nfor = \"1s\"\ndelay = \"1ms\"\n[[steps]]\nname = \"a\"\n\
                delay = \"2ms\"\ntogether = [{ name = \"b\", delay = \"3ms\" }, \
                { name = \"c\" }]\n[[steps]]\nname = \"d\"\n";
    let scenario = read(&Source::named("a.toml", text), Variables::default()).unwrap();
    let injections = scenario.steps.iter().flat_map(|step| &step.injections);
    let found = injections.map(|injection| {
        let settings = &injection.settings;
        (
            &*injection.name,
            settings.number(Name::DelayUs),
            settings.number(Name::DurationMs),
        )
    });
    let found: Vec<_> = found.collect();
    let second = Some(1_000);
    let expected = [
        ("b", Some(3_000), second),
        ("c", Some(2_000), second),
        ("d", Some(1_000), second),
    ];
    assert_eq!(found, expected);
}
