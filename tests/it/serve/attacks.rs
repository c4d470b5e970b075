//! Clients that mean harm, or know no better. Whatever they send: an answer in the route's shape or a closed connection, no file
//! read, no page of HTML, and the next client is answered.

use super::{Client, Server};
use crate::spool::{Spool, wait_until};
use std::io::{Read, Write};
use std::net::Shutdown;

const ROW: &[u8] = br#"{"x": [[1]]}"#;

impl Client {
    /// Writes; the server may have answered and closed already.
    fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref());
    }

    /// All that comes until the server closes.
    fn rest(mut self) -> Vec<u8> {
        let mut all = std::mem::take(&mut self.behind);
        let _ = self.stream.read_to_end(&mut all);
        all
    }
}

impl Server {
    /// What comes to a request by hand, after which the client sends no more.
    fn raw(&self, request: impl AsRef<[u8]>) -> String {
        let mut client = self.connect();
        client.write(request);
        let _ = client.stream.shutdown(Shutdown::Write);
        String::from_utf8_lossy(&client.rest()).into_owned()
    }

    #[track_caller]
    pub(super) fn still_answers(&self) {
        let answer = self.post("/stream", ROW).is(200);
        assert_eq!(answer.text(), "3.0");
    }

    /// A number of its metrics.
    #[track_caller]
    fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").is(200).text();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    }
}

/// The status line's, of each answer.
fn statuses(answers: &str) -> Vec<&str> {
    answers.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect()
}

#[track_caller]
fn is_no_page(answer: &str) {
    assert!(!answer.to_lowercase().contains("<html"), "{answer}");
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn half_a_request_takes_nothing_from_others() {
    let spool = Spool::served();
    let server = spool.serve();
    let halves = [
        "",
        "P",
        // Another protocol's.
        "\x16\x03\x01\x02\x00",
        "\r\n\r\n\0\0\0\0\r\n",
        "POST /stream HTTP/1.1\r\nHost: t\r\nX-A",
        "POST /stream HTTP/1.1\r\nHost: t\r\nContent-Length: 12\r\n\r\n{\"x\":",
        "POST /stream HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"x",
        "POST /stream HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n5",
    ];
    for half in halves {
        let answer = server.raw(half);
        assert!(!answer.contains(" 200 "), "{half:?}: {answer}");
        is_no_page(&answer);
        let mut held = server.connect();
        held.write(half);
        server.still_answers();
    }
    wait_until("memory is given back", || server.metric("transform_body_bytes") == 0.0);
    assert_eq!(server.metric("transform_in_flight"), 0.0);
}

/// What is declared and doesn't come takes no room.
#[test]
fn bodies_that_are_declared_and_never_sent_keep_nobody_out() {
    let spool = Spool::served().set("serve.memory=1MiB").set("serve.max_body=1MiB");
    let server = spool.serve();
    let mut declared: Vec<_> = (0..8).map(|_| server.connect()).collect();
    for client in &mut declared {
        client.write("POST /stream HTTP/1.1\r\nHost: t\r\nContent-Length: 1000000\r\n\r\n{");
    }
    wait_until("they are at it", || server.metric("transform_connections") >= 9.0);
    server.still_answers();
}

/// Whoever says nothing makes room where it is crowded.
#[test]
fn a_crowd_of_silent_connections_keeps_nobody_out_for_long() {
    let spool = Spool::served().set("serve.max_connections=4");
    let server = spool.serve();
    let silent: Vec<_> = (0..4).map(|_| server.connect()).collect();
    server.still_answers();
    drop(silent);
}

/// Who asks and doesn't read is given up, with its answer.
#[test]
fn an_answer_that_nobody_reads_is_given_up() {
    let spool = Spool::served().set("serve.timeout=300ms").set("serve.max_body=64MiB");
    let server = spool.serve();
    // Of 16 MB, which is more than the system takes for a client that doesn't read.
    let body = gzip(format!("x\n{}", "0.1234567890123\n".repeat(1_000_000)).as_bytes());
    let mut client = server.connect();
    client.send("POST", "/score", &[("Content-Encoding", "gzip")], &body);
    wait_until("the answer is there", || server.metric("transform_body_bytes") > 0.0);
    wait_until("it is given up", || server.metric("transform_body_bytes") == 0.0);
    wait_until("so is the connection", || server.metric("transform_connections") == 1.0);
    server.still_answers();
}

#[test]
fn a_large_answer_counts_as_memory_until_it_is_read() {
    let spool = Spool::served().set("serve.memory=1MiB").set("serve.max_body=1MiB");
    let server = spool.serve();
    let rows = |count| format!("x\n{}", "1e9\n".repeat(count));
    // To try again would be in vain.
    server.post("/score", rows(200_000)).is(413);
    let mut other = server.connect();
    other.write(format!(
        "POST /score HTTP/1.1\r\nHost: t\r\nContent-Length: 800000\r\n\r\n{}",
        rows(150_000)
    ));
    wait_until("another's body takes some", || {
        server.metric("transform_body_bytes") >= 600_000.0
    });
    let refused = server.post("/score", rows(50_000)).is(503);
    assert_eq!(refused.header("retry-after"), Some("1"));
    drop(other);
    wait_until("it is given back", || server.metric("transform_body_bytes") == 0.0);
    server.post("/score", rows(50_000)).is(200);
    wait_until("it is given back", || server.metric("transform_body_bytes") == 0.0);
}

#[test]
fn requests_that_come_at_once_are_answered_in_their_order() {
    let spool = Spool::served();
    let server = spool.serve();
    let mut client = server.connect();
    let mut all = String::new();
    for x in 0..200 {
        let body = match x % 5 {
            4 => "{\"x\": [[\"?\"]]}".into(),
            _ => format!("{{\"x\": [[{x}]]}}"),
        };
        all.push_str(&format!(
            "POST /stream HTTP/1.1\r\nHost: t\r\nX-Request-Id: r{x}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
    }
    client.write(&all);
    for x in 0..200 {
        let answer = client.answer("POST").expect("an answer");
        assert_eq!(answer.header("transform-request-id"), Some(&format!("r{x}")[..]));
        match x % 5 {
            4 => drop(answer.is(400)),
            _ => assert_eq!(answer.is(200).text(), format!("{:?}", f64::from(2 * x + 1))),
        }
    }
}

#[test]
fn heads_beyond_the_limit_are_refused_as_such() {
    let spool = Spool::served();
    let server = spool.serve();
    let many: String = (0..101).map(|i| format!("X-{i}: 1\r\n")).collect();
    let large = format!("X-A: {}\r\n", "a".repeat(33 << 10));
    let path = "/".repeat(40 << 10);
    for head in [
        format!("GET /live HTTP/1.1\r\nHost: t\r\n{many}\r\n"),
        format!("GET /live HTTP/1.1\r\nHost: t\r\n{large}\r\n"),
        format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n"),
    ] {
        let answer = server.raw(head);
        assert_eq!(statuses(&answer), ["431"], "{answer}");
        assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    }
    let counted = "transform_requests_total{route=\"other\",group=\"\",version=\"\",status=\"431\"}";
    wait_until("they are counted", || server.metric(counted) == 3.0);
    server.still_answers();
}

/// One request, one meaning: what two servers could read as two requests is none.
#[test]
fn a_request_whose_end_is_in_doubt_is_refused() {
    let spool = Spool::served();
    let server = spool.serve();
    let smuggled = "GET /live HTTP/1.1\r\nHost: t\r\n\r\n";
    let chunked = "Transfer-Encoding: chunked\r\n";
    for (what, head, body) in [
        (
            "two lengths",
            "Content-Length: 3\r\nContent-Length: 4\r\n".to_string(),
            "abcd",
        ),
        ("a list of lengths", "Content-Length: 3, 4\r\n".into(), "abcd"),
        ("a signed length", "Content-Length: +4\r\n".into(), "abcd"),
        ("a length of hex", "Content-Length: 0x4\r\n".into(), "abcd"),
        (
            "a huge length",
            "Content-Length: 99999999999999999999\r\n".into(),
            "abcd",
        ),
        ("another coding", "Transfer-Encoding: identity\r\n".into(), "abcd"),
        (
            "chunked before another",
            "Transfer-Encoding: chunked, gzip\r\n".into(),
            "0\r\n\r\n",
        ),
        ("an odd chunk size", chunked.into(), "0x4\r\nabcd\r\n0\r\n\r\n"),
        ("a negative chunk size", chunked.into(), "-1\r\nabcd\r\n0\r\n\r\n"),
        (
            "a chunk size beyond 64 bits",
            chunked.into(),
            "10000000000000004\r\nabcd\r\n0\r\n\r\n",
        ),
        ("a chunk without its end", chunked.into(), "4\r\nabcdef\r\n0\r\n\r\n"),
        (
            "a folded header",
            "X-A: 1\r\n folded\r\nContent-Length: 0\r\n".into(),
            "",
        ),
        ("a space before the colon", "Content-Length : 4\r\n".into(), "abcd"),
        ("a NUL in a header", "X-A: a\0b\r\n".into(), ""),
    ] {
        let answer = server.raw(format!(
            "POST /stream HTTP/1.1\r\nHost: t\r\n{head}\r\n{body}{smuggled}"
        ));
        let statuses = statuses(&answer);
        assert!(statuses.first() == Some(&"400"), "{what}: {answer}");
        assert!(statuses.len() == 1, "{what}: {answer}");
        is_no_page(&answer);
    }
    server.still_answers();
}

/// RFC 9112, 6.1: the chunks count, and the connection is closed behind them.
#[test]
fn of_a_length_and_chunks_none_lets_a_second_request_through() {
    let spool = Spool::served();
    let server = spool.serve();
    let smuggled = "GET /live HTTP/1.1\r\nHost: t\r\n\r\n";
    for head in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "Transfer-Encoding: xchunked\r\nContent-Length: 4\r\n",
    ] {
        let answer = server.raw(format!(
            "POST /stream HTTP/1.1\r\nHost: t\r\n{head}\r\n0\r\n\r\n{smuggled}"
        ));
        assert_eq!(statuses(&answer), ["400"], "{head}: {answer}");
    }
}

/// Whatever is refused before its body is read: what is in that is never taken for the next request.
#[test]
fn the_body_of_a_refused_request_is_no_request() {
    let spool = Spool::new()
        .set("serve.listen=127.0.0.1:0")
        .set("serve.keys=keys.toml")
        .set("serve.max_body=1KiB");
    let added = spool.run(&["keys", "add", "ada"]).exits(0).stdout;
    let key = added.split_whitespace().find(|word| word.starts_with("tfk_")).unwrap();
    let server = spool.serve();
    let smuggled = "GET /live HTTP/1.1\r\nHost: t\r\n\r\n";
    for (request, status) in [
        ("POST /nowhere HTTP/1.1\r\n".to_string(), "404"),
        ("POST /live HTTP/1.1\r\n".into(), "405"),
        ("POST /stream HTTP/1.1\r\n".into(), "403"),
        ("GET /live HTTP/1.1\r\n".into(), "200"),
        (format!("GET /openapi.json HTTP/1.1\r\nx-api-key: {key}\r\n"), "200"),
        (format!("POST /stream HTTP/1.1\r\nx-api-key: {key}\r\n"), "413"),
        (
            format!("POST /stream HTTP/1.1\r\nx-api-key: {key}\r\nContent-Encoding: br\r\n"),
            "413",
        ),
    ] {
        for chunked in [false, true] {
            let body = smuggled.repeat(40);
            let (framing, body) = match chunked {
                true => (
                    "Transfer-Encoding: chunked".to_string(),
                    format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len()),
                ),
                false => (format!("Content-Length: {}", body.len()), body),
            };
            let answer = server.raw(format!("{request}Host: t\r\n{framing}\r\n\r\n{body}"));
            assert_eq!(statuses(&answer), [status], "{request}: {answer}");
        }
    }
}

#[test]
fn methods_that_a_route_has_not_are_named() {
    let spool = Spool::served();
    let server = spool.serve();
    for (method, path, allow) in [
        ("GET", "/stream", "POST"),
        ("HEAD", "/stream", "POST"),
        ("OPTIONS", "/stream", "POST"),
        ("TRACE", "/live", "GET, HEAD"),
        ("DELETE", "/v2/models/lines", "GET, HEAD"),
        ("POST", "/", "GET, HEAD"),
        ("PROPFIND", "/metrics", "GET, HEAD"),
    ] {
        let answer = server.connect().ask(method, path, &[("X-Secret", "s")], b"").is(405);
        assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
        assert!(!answer.text().contains("X-Secret"), "{answer:?}");
    }
    for head in ["OPTIONS * HTTP/1.1", "CONNECT evil:80 HTTP/1.1", "GET stream HTTP/1.1"] {
        let answer = server.raw(format!("{head}\r\nHost: t\r\n\r\n"));
        assert!(["400", "404", "405"].contains(&statuses(&answer)[0]), "{answer}");
        is_no_page(&answer);
    }
    server.still_answers();
}

#[test]
fn a_client_that_asks_before_it_sends_is_told_to_or_refused() {
    let spool = Spool::served().set("serve.max_body=1KiB");
    let server = spool.serve();
    let mut client = server.connect();
    client.write("POST /stream HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 12\r\n\r\n");
    client.answer("POST").unwrap().is(100);
    client.write(ROW);
    client.answer("POST").unwrap().is(200);
    for (path, length, status) in [("/stream", 2000, 413), ("/nowhere", 12, 404), ("/live", 12, 405)] {
        let mut client = server.connect();
        client.write(format!(
            "POST {path} HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
        ));
        client.answer("POST").unwrap().is(status);
    }
    // Another protocol isn't spoken: it is answered as if nothing was said.
    let headers = [
        ("Connection", "Upgrade, HTTP2-Settings"),
        ("Upgrade", "h2c"),
        ("HTTP2-Settings", "AA"),
    ];
    server.connect().ask("GET", "/live", &headers, b"").is(200);
    let preface = server.raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert!(!preface.contains(" 200 "), "{preface}");
    server.still_answers();
}

/// A client whose body isn't wanted reads why, though it sends it all first.
#[test]
fn who_sends_a_large_body_for_nothing_reads_why() {
    let spool = Spool::served().set("serve.max_body=1MiB");
    let server = spool.serve();
    let body = vec![b'1'; 8 << 20];
    for (path, status) in [("/stream", 413), ("/nowhere", 404)] {
        for _ in 0..5 {
            let mut client = server.connect();
            client.send("POST", path, &[], &body);
            client.answer("POST").expect("an answer").is(status);
        }
    }
}

#[test]
fn no_name_of_a_group_is_a_path() {
    let spool = Spool::served();
    let server = spool.serve();
    spool.drop_file("secret", "secret");
    let long = "a".repeat(20_000);
    for group in [
        "..%2finput%2fsecret",
        "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "..",
        ".",
        "%2e%2e",
        "lines%00",
        "lines%2f1",
        "%2fetc%2fpasswd",
        "lines%0d%0aX-A:%201",
        "%ff",
        "%",
        "%zz",
        "%e2%80%ae",
        &long,
    ] {
        for path in [
            format!("/v2/models/{group}/infer"),
            format!("/v2/models/{group}/versions/1/infer"),
            format!("/v1/models/{group}:predict"),
            format!("/v1/models/{group}/versions/1:predict"),
            format!("/endpoints/{group}/invocations"),
        ] {
            let answer = server.post(&path, ROW).is(404);
            assert!(!answer.text().contains("secret\""), "{answer:?}");
            assert!(answer.header("x-a").is_none() && answer.body.len() < 100_000);
            is_no_page(&answer.text());
        }
        for path in [format!("/v2/models/{group}"), format!("/v1/models/{group}")] {
            server.get(&path).is(404);
        }
    }
    for version in ["0", "-1", "01", "4294967296", "1%2f..", "../1", "1e3", "99"] {
        server
            .post(&format!("/v2/models/lines/versions/{version}/infer"), ROW)
            .is(404);
    }
    let variants = [("X-Amzn-SageMaker-Target-Variant", "../../1")];
    let asked = server
        .connect()
        .ask("POST", "/endpoints/lines/invocations", &variants, b"1\n");
    assert!(asked.status == 404 || asked.status == 400, "{asked:?}");
    for path in [
        "/../../etc/passwd",
        "/%2e%2e/models",
        "//stream",
        "/stream/",
        "/production/production/stream",
        "/productio",
    ] {
        server.post(path, ROW).is(404);
    }
    server.still_answers();
}

#[test]
fn a_client_that_sends_no_more_is_answered_however_long_it_takes() {
    let spool = Spool::served();
    let server = spool.serve();
    let body = format!("x\n{}", "1\n".repeat(100_000));
    let request = format!(
        "POST /score HTTP/1.1\r\nHost: t\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = server.raw(request);
    assert_eq!(statuses(&answer), ["200"]);
    assert!(answer.ends_with("3.0\n"), "{}", &answer[..answer.len().min(500)]);
}

#[test]
fn a_client_that_goes_away_gives_back_what_it_took() {
    let spool = Spool::served();
    let server = spool.serve();
    let body = format!("x\n{}", "1\n".repeat(100_000));
    for _ in 0..20 {
        let mut client = server.connect();
        client.send("POST", "/score", &[], body.as_bytes());
        drop(client);
    }
    wait_until("all is given back", || {
        server.metric("transform_in_flight") == 0.0
            && server.metric("transform_body_bytes") == 0.0
            && server.metric("transform_connections") == 1.0
    });
    server.still_answers();
}
