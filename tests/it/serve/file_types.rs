//! `/score` of bodies that would be files: each comes out as the worker writes its file.

use super::Server;
use super::attacks::gzip;
use super::capture::{capturing, events};
use crate::spool::Spool;
use std::io::Read;

/// `2 x + 1`; `id` and `y` are no features.
const ROWS: [(&str, &str); 3] = [("a", "1"), ("b;c", "0.25"), ("d", "-3")];

fn text(delimiter: char) -> String {
    let rows = ROWS.map(|(id, x)| format!("{id}{delimiter}{x}\n"));
    format!("id{delimiter}x\n{}", rows.concat())
}

fn unpacked(bytes: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(bytes)
        .read_to_string(&mut text)
        .unwrap();
    text
}

/// A body as the worker's input, and its output.
fn of_worker(spool: &Spool, name: &str, body: &[u8]) -> Vec<u8> {
    spool.drop_file(name, body);
    spool.once().exits(0);
    let outputs = spool.names("output");
    let output = outputs
        .iter()
        .find(|output| output.starts_with(&format!("{name}.out")))
        .unwrap();
    std::fs::read(spool.path("output").join(output)).unwrap()
}

fn ask(server: &Server, query: &str, headers: &[(&str, &str)], body: &[u8]) -> super::Answered {
    server.connect().ask("POST", &format!("/score{query}"), headers, body)
}

#[test]
fn texts_and_compressed_files_come_out_as_the_worker_writes_them() {
    let spool = Spool::served()
        .set("input.include=[\"*\"]")
        .set("input.delimiter=;")
        .set("output.columns=all");
    let server = spool.serve();
    let csv = text(';').replace("b;c", "b\tc");
    for (name, media_type, answered, body) in [
        (
            "a.csv",
            "application/csv",
            "text/csv; charset=utf-8",
            csv.clone().into_bytes(),
        ),
        (
            "a.tsv",
            "text/tab-separated-values",
            "text/tab-separated-values; charset=utf-8",
            text('\t').into_bytes(),
        ),
        ("a.csv.gz", "application/gzip", "application/gzip", gzip(csv.as_bytes())),
        (
            "b.csv.gz",
            "application/x-gzip",
            "application/gzip",
            gzip(csv.as_bytes()),
        ),
        (
            "a.csv.zst",
            "application/zstd",
            "application/zstd",
            zstd::encode_all(csv.as_bytes(), 3).unwrap(),
        ),
    ] {
        let answer = ask(&server, "?columns=all", &[("Content-Type", media_type)], &body).is(200);
        assert_eq!(answer.header("content-type"), Some(answered));
        assert_eq!(answer.body, of_worker(&spool, name, &body), "{media_type}");
    }
}

#[test]
fn another_format_is_answered_to_who_accepts_it() {
    let server = Spool::served().serve();
    let body = gzip(text(',').as_bytes());
    let ask = |accept| {
        let headers = [("Content-Type", "application/gzip"), ("Accept", accept)];
        ask(&server, "?columns=all", &headers, &body).is(200)
    };
    assert_eq!(
        ask("application/jsonlines").text().lines().next().unwrap(),
        r#"{"id":"a","x":"1","prediction":3.0}"#
    );
    let csv = ask("application/json, text/csv;q=0.5");
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(csv.text().lines().next(), Some("id,x,prediction"));
    // What can't be written of such a body is passed over.
    assert_eq!(unpacked(&ask("text/tab-separated-values, */*").body), csv.text());
}

#[test]
fn bad_rows_of_any_text_are_refused_or_come_as_a_second_part() {
    let spool = Spool::served();
    let body = "id\tx\na\t1\nb\toops\n";
    let headers = [
        ("Content-Type", "text/tab-separated-values"),
        ("Accept", "multipart/mixed"),
    ];
    let server = spool.serve();
    let problem = ask(&server, "", &headers, body.as_bytes()).is(400).json();
    assert_eq!(problem["code"], "bad_rows");
    assert_eq!(problem["rows"][0]["line"], 3);
    assert_eq!(server.stop(), 0);
    let server = spool.set("serve.bad_rows=null").serve();
    let parts = ask(&server, "", &headers, body.as_bytes()).is(200);
    let text = parts.text();
    assert!(
        text.contains("Content-Type: text/tab-separated-values; charset=utf-8\r\n"),
        "{text}"
    );
    assert!(
        text.contains("line,column,reason,text\n3,x,not a number,b\toops\n"),
        "{text}"
    );
    let packed = [("Content-Type", "application/gzip")];
    let alone = ask(&server, "", &packed, &gzip(b"x\n1\noops\n")).is(200);
    assert_eq!(alone.header("transform-bad-rows"), Some("1"));
    assert_eq!(unpacked(&alone.body), "prediction\n3.0\n\"\"\n");
}

#[test]
fn a_compressed_file_is_bounded_and_checked_as_any_compressed_body() {
    let spool = Spool::served().set("serve.max_body=1MiB");
    let server = spool.serve();
    let bomb = "x\n1\n".repeat(16 << 20);
    let whole = gzip(text(',').as_bytes());
    for (media_type, body, status) in [
        ("application/gzip", gzip(bomb.as_bytes()), 413),
        ("application/zstd", zstd::encode_all(bomb.as_bytes(), 1).unwrap(), 413),
        ("application/gzip", whole[..whole.len() - 3].to_vec(), 400),
        ("application/gzip", text(',').into_bytes(), 400),
        ("application/zstd", whole.clone(), 400),
        ("application/x-bzip2", whole, 415),
    ] {
        let refused = ask(&server, "", &[("Content-Type", media_type)], &body).is(status);
        assert!(refused.json()["detail"].is_string(), "{media_type}");
    }
    // Of a way and a file that are both compressed, both are undone.
    let twice = [("Content-Type", "application/gzip"), ("Content-Encoding", "gzip")];
    ask(&server, "", &twice, &gzip(&gzip(b"x\n1\n"))).is(200);
    server.still_answers();
}

#[test]
fn a_compressed_file_is_captured_as_its_text_and_its_answer_in_base64() {
    let spool = capturing();
    let server = spool.serve();
    ask(&server, "", &[("Content-Type", "application/gzip")], &gzip(b"x\n1\n")).is(200);
    assert_eq!(server.stop(), 0);
    let events = events(&spool.path("captured"));
    let of = |end: &str, key: &str| events[0]["captureData"][end][key].clone();
    assert_eq!(
        (of("endpointInput", "data"), of("endpointInput", "encoding")),
        ("x\n1\n".into(), "CSV".into())
    );
    assert_eq!(of("endpointOutput", "encoding"), "BASE64");
    assert_eq!(of("endpointOutput", "observedContentType"), "application/gzip");
}
