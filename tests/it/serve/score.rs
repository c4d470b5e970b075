//! `/score`: a CSV in, and out as the spool writes it.

use crate::spool::{Spool, xs};
use serde_json::json;

#[test]
fn a_csv_comes_out_as_from_the_spool() {
    let spool = Spool::served().set("output.probabilities=false");
    let text = "id,x\n7,0.1\n\n8,1e300\n9,\"0.3\"\n";
    spool.drop_file("a.csv", text);
    spool.once().exits(0);
    let server = spool.serve();
    let answer = server.post_as("/score", "text/csv", text).is(200);
    assert_eq!(answer.text(), spool.output("a.csv").unwrap());
    let kept = spool
        .filter(&["score", "--set", "output.columns=all"], text.as_bytes())
        .exits(0);
    assert_eq!(server.post("/score?columns=all", text).is(200).text(), kept.stdout);
}

#[test]
fn a_large_csv_is_scored_in_blocks_all_the_same() {
    let spool = Spool::served();
    let values: Vec<f64> = (0..100_000).map(|i| f64::from(i) / 8.0).collect();
    let text = xs(&values);
    spool.drop_file("large.csv", &text);
    spool.once().exits(0);
    let server = spool.serve();
    assert_eq!(
        server.post("/score", &text).is(200).text(),
        spool.output("large.csv").unwrap()
    );
    let late = text + "oops\n";
    let problem = server.post("/score", late).is(400).json();
    assert_eq!(
        problem["rows"],
        json!([{"row": 100_001, "line": 100_002, "column": "x", "reason": "not a number"}])
    );
}

#[test]
fn bad_rows_come_as_a_second_part_to_who_accepts_it() {
    let spool = Spool::served().set("serve.bad_rows=null");
    let server = spool.serve();
    let text = "x\n1\noops\n2\n";
    let alone = server.post("/score", text).is(200);
    assert_eq!(alone.text(), "prediction\n3.0\n\"\"\n5.0\n");
    assert_eq!(alone.header("transform-bad-rows"), Some("1"));
    let accept = [("Accept", "multipart/mixed")];
    let parts = server.connect().ask("POST", "/score", &accept, text.as_bytes()).is(200);
    let boundary = parts.header("content-type").unwrap().split("boundary=").nth(1).unwrap();
    let bodies: Vec<String> = parts
        .text()
        .split(&format!("--{boundary}"))
        .filter_map(|part| {
            part.split_once("\r\n\r\n")
                .map(|(_, body)| body.trim_end_matches("\r\n").into())
        })
        .collect();
    assert_eq!(
        bodies,
        [alone.text(), "line,column,reason,text\n3,x,not a number,oops\n".into()]
    );
}

#[test]
fn what_is_no_csv_of_the_model_is_a_problem_with_its_place() {
    let spool = Spool::served();
    let server = spool.serve();
    let answer = server.post("/score", "y\n1\n").is(400);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let problem = answer.json();
    assert_eq!(
        (&problem["code"], &problem["column"]),
        (&json!("no_such_column"), &json!("x"))
    );
    assert_eq!(&problem["instance"], answer.header("transform-request-id").unwrap());
    assert_eq!(server.post("/score", "").is(400).json()["code"], "empty_file");
    assert_eq!(
        server.post("/score", "x\n\"1\n").is(400).json()["code"],
        "unclosed_quote"
    );
    assert_eq!(
        server.post("/score?columns=some", "x\n1\n").is(400).json()["code"],
        "bad_request"
    );
    server.post_as("/score", "image/png", "x\n1\n").is(415);
}

#[test]
fn a_row_a_line_comes_out_a_row_a_line() {
    let spool = Spool::served().set("serve.bad_rows=null");
    let server = spool.serve();
    let ask = |path: &str, body: &str| server.post_as(path, "application/jsonlines", body);
    let body = "{\"id\": \"a\", \"x\": 1}\n\n{\"x\": \"oops\"}\n{\"x\": 2.50}";
    assert_eq!(
        ask("/score", body).is(200).text(),
        "{\"prediction\":3.0}\n{\"prediction\":null,\"error\":\"x: not a number\"}\n{\"prediction\":6.0}\n"
    );
    assert_eq!(
        ask("/score?columns=all", "{\"id\": \"a\", \"x\": 2.50}").is(200).text(),
        "{\"id\":\"a\",\"x\":2.50,\"prediction\":6.0}\n"
    );
    assert_eq!(
        ask("/score", "[1]\n[2]\n").is(200).text(),
        "{\"prediction\":3.0}\n{\"prediction\":5.0}\n"
    );
    assert_eq!(ask("/score", "{\"x\": 1}\n{\"x\": }").is(400).json()["line"], 2);
}

/// A body in UTF-8 was read in `input.encoding`, whatever its Content-Type said.
#[test]
fn the_charset_of_a_content_type_counts_more_than_the_configured_encoding() {
    let spool = Spool::without_model().open_to_all();
    spool.approve(spool.register("{\"features\":[\"K\u{f6}ln\"],\"coefficients\":[2],\"intercept\":1}"));
    let (utf8, latin1) = ("K\u{f6}ln\n1\n".as_bytes(), &b"K\xf6ln\n1\n"[..]);
    let check = |spool: &Spool, own: &[u8], other: &[u8], charset: &str| {
        let server = spool.serve();
        let said = format!("text/csv;header=present;charset={charset}");
        for path in ["/score", "/invocations"] {
            server.post_as(path, "text/csv;header=present", own).is(200);
            server.post_as(path, &said, other).is(200);
            let refused = server.post_as(path, "text/csv;charset=klingon", own).is(415);
            assert!(refused.text().contains("klingon"), "{}", refused.text());
        }
    };
    check(&spool, utf8, latin1, "\"iso-8859-1\"");
    check(&spool.set("input.encoding=latin1"), latin1, utf8, "UTF-8");
}
