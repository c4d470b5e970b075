#![allow(clippy::disallowed_methods, reason = "a test writes what it reads")]

use super::*;
use crate::format::OutputFormat;
use crate::transform::{Columns, Header, Limit, Share};
use std::time::Duration;

fn load(file: &str, environment: &[(&str, &str)], set: &[&str]) -> Result<Config> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.toml");
    std::fs::write(&path, file).unwrap();
    let own = |(a, b): &(&str, &str)| (a.to_string(), b.to_string());
    Sources {
        file: Some(path),
        environment: environment.iter().map(own).collect(),
        set: set.iter().map(|s| s.to_string()).collect(),
    }
    .load()
}

#[test]
fn later_sources_win() {
    let file = "[input]\nsettle = \"1s\"\n[models]\ngroup = \"a\"\n[worker]\nthreads = 3";
    let config = load(
        file,
        &[("TRANSFORM_MODELS__GROUP", "7"), ("TRANSFORM_WORKER__THREADS", "5")],
        &[
            "worker.threads=6",
            "output.columns=[\"id\"]",
            "input.include=*.csv, *.txt",
            "input.header=false",
        ],
    )
    .unwrap();
    assert_eq!(config.input.settle, Duration::from_secs(1));
    assert_eq!(config.models.group, "7");
    assert_eq!(config.worker.threads, 6);
    assert_eq!(config.shape.columns, Columns::Named(vec!["id".into()]));
    assert_eq!(config.shape.header, Header::Absent);
    assert!(config.input.rules.accept(&crate::spool::Name::new(*b"a.txt")));
    assert_eq!(config.input.poll_interval, Duration::from_secs(5));
    assert_eq!(config.worker.memory, 512 << 20);
    assert_eq!(config.shape.max_bad_rows, Limit::Share(Share::parse("10").unwrap()));
}

#[test]
fn what_is_wrong_is_refused_with_its_place() {
    for (file, words) in [
        (
            "[input]\nsettel = \"1s\"",
            "t.toml:2: unknown key input.settel; the nearest is input.settle",
        ),
        (
            "\n[input]\nsettle = 3",
            "t.toml:3: input.settle = 3 should be a duration",
        ),
        ("[input\n", "t.toml:1: this is no TOML at column 7"),
        ("settle = 1", "outside of a [section]"),
        ("[worker]\nmemory = \"1MiB\"", "at least \"32MiB\""),
        ("[input]\ndelimiter = \"ab\"", "one ASCII character"),
        (
            "[input]\nescape = \"a\"",
            "input.escape = \"a\" should be one ASCII character",
        ),
        ("[input]\nescape = \"\\\\n\"", "one ASCII character"),
        ("[input]\nescape = \"\\\"\"", "doubled quotes need none"),
        ("[input]\nescape = \",\"", "one ASCII character"),
        ("[input]\nescape = \" \"", "one ASCII character"),
        ("[input]\nescape = \"\\n\"", "one ASCII character"),
        ("[input]\nescape = \"7\"", "one ASCII character"),
        (
            "[input]\nescape = \"^\"\ndelimiter = \"^\"",
            "input.escape and input.delimiter can't be the same",
        ),
        ("[input]\nmax_bad_rows = \"110%\"", "a count, or a share"),
        ("[input]\nmax_bad_rows = -1", "a count, or a share"),
        (
            "[input]\nmissing = [\"?\", true]",
            "input.missing[1] = true: expected a word or a number",
        ),
        ("[input]\ndecimal = \";\"", "should be \".\" or \",\""),
        ("[input]\ndecimal = \",\"", "can't be the same character"),
        ("[input]\nheader = \"yes\"", "\"auto\" or \"true\" or \"false\""),
        ("[output]\ncolumns = [\"a\", \"a\"]", "each once"),
        ("[output]\npath = \"spool/input/out\"", "must lie apart"),
        ("[state]\npath = \"spool\"", "must lie apart"),
        ("[failed]\npath = \"spool/other/../input\"", "must lie apart"),
        ("[models]\ngroup = \"../x\"", "a folder's name"),
        (
            "[input]\nlinks = [\"spool\"]",
            "must lie apart, neither inside the other",
        ),
        (
            "[input]\nlinks = [\"cache\", \"spool/input/../output/today\"]",
            "input.links = spool/input/../output/today and output.path = spool/output must lie apart",
        ),
        (
            "[input]\nlinks = [\"spool/failed\"]",
            "failed.path = spool/failed must lie apart",
        ),
        (
            "[input]\nlinks = [\"spool/state\"]",
            "state.path = spool/state must lie apart",
        ),
        (
            "[capture]\npath = \"spool/input/captured\"",
            "capture.path = spool/input/captured and input.path = spool/input must lie apart",
        ),
        (
            "[capture]\npath = \"spool\"",
            "must lie apart, neither inside the other",
        ),
        (
            "[capture]\npath = \"spool/capture\"\n[input]\nlinks = [\"spool/capture/lines\"]",
            "capture.path = spool/capture must lie apart",
        ),
        ("[capture]\nsample = \"101%\"", "a share between"),
        ("[capture]\nsample = \"0.5\"", "a share between"),
        ("[capture]\nmax_disk = \"-1%\"", "a share between"),
        ("[capture]\nmax_size = \"1KiB\"", "at least \"64KiB\""),
        ("[input]\ninclude = []", "an array of globs"),
        ("[monitor]\nopen = \"3 of 2\"", "such as \"2 of 3\""),
        ("[monitor]\nclose = 0", "above 0 and at most 1"),
        ("[monitor]\ntimezone = \"Mars\"", "a time zone that this machine knows"),
        ("[monitor]\nsegments = [\"a\", \"a\"]", "each once"),
        ("[monitor]\ncompare = \"yesterday\"", "\"baseline\" or \"last-week\""),
        (
            "[monitor.column.age]\nmising = 0.1",
            "unknown key monitor.column.age.mising; the nearest is monitor.column.age.missing",
        ),
        ("[monitor.column.age]\nmissing = 2", "a share from 0 to 1"),
        ("[alerts]\npath = \"spool/input/alerts\"", "must lie apart"),
        (
            "[input]\nheader = false\n[monitor]\nkey = \"id\"\nsegments = [\"sex\"]",
            "t.toml:4: input.header = false and monitor.key can't go together",
        ),
        (
            "[input]\nheader = false\n[monitor]\nkey = \"id\"\ncolumns = [\"age\"]",
            "input.header = false and monitor.columns, monitor.key can't go together",
        ),
        ("[input]\nrecursive = 1", "true or false"),
        ("[input]\nmax_expansion = 0", "an integer of at least 1"),
        ("[input]\nmax_expansion = 5000000000", "an integer of at least 1"),
        (
            "[output]\nformat = \"json\"",
            "\"same\" or \"csv\" or \"jsonl\" or \"parquet\"",
        ),
        ("[output]\nprefix = \"a\\tb\"", "without control characters"),
        ("[output]\nprefix = 1", "a text of at most 64 bytes"),
    ] {
        let error = load(file, &[], &[]).unwrap_err();
        assert!(error.to_string().contains(words), "{file}: {error}");
        assert_eq!(error.exit_code(), 64);
    }
    let error = load("", &[("TRANSFORM_INPUT__SETLE", "1s")], &[]).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("TRANSFORM_INPUT__SETLE: unknown key input.setle"),
        "{error}"
    );
    let error = load("", &[], &["input.settle"]).unwrap_err();
    assert!(error.to_string().contains("section.key=value"), "{error}");
}

/// As the file has it; a text may also stand without its quotes.
#[test]
fn every_key_takes_its_value_as_a_flag_and_a_variable() {
    let file: toml::Table = toml::from_str(DEFAULTS).unwrap();
    // But for the file, which is another one each time.
    let shown = |config: Config| format!("{:?}", Config { file: None, ..config });
    let default = shown(load("", &[], &[]).unwrap());
    let mut keys = 0;
    for (section, keys_of) in &file {
        for (key, value) in keys_of.as_table().unwrap() {
            let bare = value.as_str().map(String::from);
            for text in [Some(value.to_string()), bare].into_iter().flatten() {
                let set = load("", &[], &[&format!("{section}.{key}={text}")]).unwrap();
                let variable = format!("TRANSFORM_{section}__{key}").to_uppercase();
                let variable = load("", &[(&variable, &text)], &[]).unwrap();
                for config in [set, variable] {
                    assert_eq!(shown(config), default, "{section}.{key}={text}");
                }
            }
            keys += 1;
        }
    }
    assert!(keys > 60, "{keys}");
}

#[test]
fn a_text_that_begins_with_a_quote_is_taken_as_it_is_unless_it_is_quoted_whole() {
    for (text, prefix) in [
        ("\"sales\"", "sales"),
        ("'sales'", "sales"),
        ("sales", "sales"),
        ("\"", "\""),
        ("\"a\" or b", "\"a\" or b"),
        ("'\"a\"'", "\"a\""),
        ("\"it's\"", "it's"),
    ] {
        let set = load("", &[], &[&format!("output.prefix={text}")]).unwrap();
        assert_eq!(set.shape.prefix, prefix, "{text}");
    }
    let config = load(
        "",
        &[("TRANSFORM_MODELS__GROUP", "\"sales\"")],
        &["input.delimiter=\";\""],
    )
    .unwrap();
    assert_eq!(
        (config.models.group.as_str(), config.shape.dialect.delimiter),
        ("sales", b';')
    );
}

#[test]
fn a_variable_and_a_flag_are_named_where_they_are_wrong() {
    let variable = [("TRANSFORM_INPUT__SETTLE", "soon")];
    let error = load("", &variable, &[]).unwrap_err().to_string();
    assert!(
        error.starts_with("TRANSFORM_INPUT__SETTLE: input.settle = \"soon\" should be a duration"),
        "{error}"
    );
    let error = load("[worker]\nthreads = 2", &[], &["worker.treads=3"]).unwrap_err();
    let expected = "--set: unknown key worker.treads; the nearest is worker.threads";
    assert_eq!(error.to_string(), expected);
    // What a flag makes good is good.
    load("[input]\nsettle = 3", &[], &["input.settle=3s"]).unwrap();
}

#[test]
fn a_column_has_bars_of_its_own() {
    let file = "[monitor]\nopen = \"1 of 1\"\n[monitor.column.\"miles per hour\"]\nmissing = 0.5\npsi = 0";
    let policy = load(file, &[], &["monitor.column.age.bad=0"]).unwrap().monitor;
    let of = |name: &str| policy.bars.columns[name].clone();
    let (miles, age) = (of("miles per hour"), of("age"));
    assert_eq!((miles.missing, miles.psi, miles.bad), (Some(0.5), Some(0.0), None));
    assert_eq!((age.bad, age.missing), (Some(0.0), None));
    assert_eq!((policy.alerting.over, policy.alerting.of), (1, 1));
}

#[test]
fn outputs_are_as_their_inputs_unless_a_format_is_named() {
    let config = load("", &[], &[]).unwrap();
    let shape = |config: &Config| {
        (
            config.shape.output,
            config.shape.prefix.clone(),
            config.shape.max_expansion,
        )
    };
    assert_eq!(shape(&config), (OutputFormat::Same, String::new(), 1000));
    let set = ["output.format=jsonl", "input.max_expansion=7"];
    let config = load(
        "[output]\nformat = \"csv\"",
        &[("TRANSFORM_OUTPUT__PREFIX", "our ")],
        &set,
    )
    .unwrap();
    assert_eq!(shape(&config), (OutputFormat::JsonLines, "our ".into(), 7));
    let long = "x".repeat(64);
    let of = |prefix: &str| load("", &[], &[&format!("output.prefix={prefix}")]);
    assert_eq!(of(&long).unwrap().shape.prefix, long);
    assert!(of(&(long + "x")).is_err());
}

#[test]
fn nothing_is_captured_unless_a_folder_is_named() {
    assert!(load("", &[], &[]).unwrap().capture.is_none());
    let capture = load("[capture]\npath = \"c\"\nsample = \"0.5%\"", &[], &[])
        .unwrap()
        .capture
        .unwrap();
    assert_eq!((capture.sample, capture.max_size), (0.005, 10 << 30));
    assert!(capture.max_disk.is_exceeded(76, 100) && !capture.max_disk.is_exceeded(75, 100));
}

/// Its keys and their meaning hold for ever.
#[test]
fn reads_the_configuration_of_version_0_1() {
    let old = include_str!("../../tests/fixtures/config-0.1.toml");
    let config = load(old, &[], &[]).unwrap();
    assert_eq!(config.state.history, Duration::from_secs(90 * 24 * 3600));
    assert_eq!(config.shape.text(), "");
    assert_eq!(config.input.rescan_interval, Duration::from_secs(60));
}

#[test]
fn a_configuration_that_the_disk_fails_to_read_is_no_wrong_usage() {
    let code = |e: i32| unreadable(Path::new("transform.toml"), io::Error::from_raw_os_error(e)).exit_code();
    let [enoent, eacces, eisdir, eio, emfile] = [2, 13, 21, 5, 24].map(code);
    assert_eq!([enoent, eacces, eisdir], [64; 3]);
    assert_eq!([eio, emfile], [75; 2]);
}
