//! What can't be taken for an input.

use crate::spool::Spool;
use std::fs;
use std::os::unix::net::UnixListener;

#[test]
fn what_can_not_be_taken_gets_a_clear_error() {
    let spool = Spool::without_model();
    spool.register(r#"{"features":["weight","height"],"coefficients":[1,10],"intercept":0}"#);
    spool.approve(1);
    let utf16: Vec<u8> = "\u{feff}weight,height\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let utf16_bare: Vec<u8> = "weight,height\n1,2\n"
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    let long = [b"weight,height\n1,2\n3,".to_vec(), vec![b'4'; 17 << 20]].concat();
    let endless = [b"weight,height\n1,2\n\"3".to_vec(), vec![b'\n'; 17 << 20]].concat();
    type Case = (&'static str, Vec<u8>, &'static str, Option<u64>, &'static str);
    let cases: Vec<Case> = vec![
        (
            "column",
            b"wieght,height\n1,2\n".to_vec(),
            "no_such_column",
            Some(1),
            "did the producer mean \"wieght\"?",
        ),
        (
            "far column",
            b"id,height\n1,2\n".to_vec(),
            "no_such_column",
            Some(1),
            "the file has: id, height",
        ),
        (
            "case",
            b"\n\nWeight,height\n1,2\n".to_vec(),
            "no_such_column",
            Some(3),
            "did the producer mean \"Weight\"?",
        ),
        (
            "twice",
            b"weight,height,weight\n1,2,3\n".to_vec(),
            "duplicate_column",
            Some(1),
            "column 1 and column 3",
        ),
        ("utf16", utf16, "utf16", Some(1), "UTF-16"),
        ("utf16 bare", utf16_bare, "utf16", Some(1), "iconv"),
        (
            "semicolons",
            b"weight;height\n1;2\n".to_vec(),
            "wrong_delimiter",
            Some(1),
            "input.delimiter = \";\"",
        ),
        (
            "semicolons, no header",
            b"1;2\n3;4\n".to_vec(),
            "wrong_delimiter",
            Some(1),
            "separated by ';'",
        ),
        (
            "tabs",
            b"id\tweight\theight\n".to_vec(),
            "wrong_delimiter",
            Some(1),
            "separated by tabs",
        ),
        ("empty", b"".to_vec(), "empty_file", None, "empty"),
        ("blank", b"\n\r\n\n".to_vec(), "empty_file", None, "empty"),
        ("bom alone", b"\xEF\xBB\xBF".to_vec(), "empty_file", None, "empty"),
        (
            "nul",
            b"weight,height\n1,2\n3,\0\n".to_vec(),
            "nul_byte",
            Some(3),
            "NUL",
        ),
        ("zeros", vec![0; 4096], "nul_byte", Some(1), "upload"),
        (
            "nul in header",
            b"wei\0ght,height\n1,2\n".to_vec(),
            "nul_byte",
            Some(1),
            "NUL",
        ),
        (
            "open quote",
            b"weight,height\n1,2\n\"3,4\n5,6\n".to_vec(),
            "unclosed_quote",
            Some(3),
            "never closes",
        ),
        ("long open quote", endless, "unclosed_quote", Some(3), "never closes"),
        ("long record", long, "record_too_long", Some(3), "16 MiB"),
        (
            "old mac",
            b"weight,height\r1,2\r3,4".to_vec(),
            "line_ends",
            Some(1),
            "carriage returns",
        ),
        (
            "bad rows",
            b"weight,height\n1,2\n1,a\n".to_vec(),
            "too_many_bad_rows",
            Some(3),
            "1 of 2 rows",
        ),
    ];
    for (case, text, ..) in &cases {
        spool.drop_file(&format!("{case}.csv"), text);
    }
    spool.once().exits(1);
    for (case, _, code, line, words) in &cases {
        let report = spool
            .report(&format!("{case}.csv"))
            .unwrap_or_else(|| panic!("no report on {case}"));
        assert_eq!(report["code"], *code, "{case}: {report}");
        assert_eq!(report["line"].as_u64(), *line, "{case}: {report}");
        assert!(
            report.to_string().replace("\\\"", "\"").contains(words),
            "{case}: {report}"
        );
        assert!(
            report["file"].as_str().unwrap().ends_with(&format!("input/{case}.csv")),
            "{report}"
        );
        assert!(
            !report["hint"].as_str().unwrap().is_empty() && report["format_version"] == 1,
            "{report}"
        );
        assert_eq!(spool.output(&format!("{case}.csv")), None, "{case}");
    }
}

#[test]
fn what_is_no_file_is_refused() {
    let spool = Spool::new();
    let secret = spool.path("secret.csv");
    fs::write(&secret, "x\n1\n").unwrap();
    std::os::unix::fs::symlink(&secret, spool.path("input/link.csv")).unwrap();
    std::os::unix::fs::symlink("nowhere", spool.path("input/dangling.csv")).unwrap();
    fs::create_dir(spool.path("input/folder.csv")).unwrap();
    let fifo = spool.path("input/fifo.csv");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o644),
        0,
    )
    .unwrap();
    // Only root can make the devices that are null and zero.
    let mode = rustix::fs::Mode::from_raw_mode(0o644);
    let device = rustix::fs::FileType::CharacterDevice;
    for (name, minor) in [("null.csv", 3), ("zero.csv", 5)] {
        let path = spool.path("input").join(name);
        if rustix::fs::mknodat(rustix::fs::CWD, &path, device, mode, rustix::fs::makedev(1, minor)).is_err() {
            fs::create_dir(&path).unwrap();
        }
    }
    let _socket = UnixListener::bind(spool.path("input/socket.csv")).unwrap();
    spool.drop_file("good.csv", "x\n1\n");
    spool.once().exits(1).says("scored 1 file").says("7 failed");
    for (name, code) in [
        ("null.csv", "not_a_file"),
        ("zero.csv", "not_a_file"),
        ("link.csv", "link"),
        ("dangling.csv", "link"),
        ("folder.csv", "not_a_file"),
        ("fifo.csv", "not_a_file"),
        ("socket.csv", "not_a_file"),
    ] {
        assert_eq!(spool.report(name).unwrap()["code"], code, "{name}");
    }
    spool.strict().exits(1).says("1 up to date").says("7 failed");
    // Mended: the link's place is taken by the file itself.
    fs::remove_file(spool.path("input/link.csv")).unwrap();
    fs::rename(&secret, spool.path("input/link.csv")).unwrap();
    spool.strict().exits(1).says("scored 1 file").says("6 failed");
    assert_eq!(spool.report("link.csv"), None);
}
