//! Connections: how they are held, and how they end.

use crate::spool::{Spool, wait_until};
use std::io::Write;
use std::net::TcpStream;

#[test]
fn a_connection_is_kept_for_the_next_request() {
    let spool = Spool::served();
    let server = spool.serve();
    let mut client = server.connect();
    for _ in 0..3 {
        client.ask("POST", "/stream", &[], br#"{"x": [[1]]}"#).is(200);
    }
    let named = client.ask("GET", "/live", &[("X-Request-Id", "mine")], b"").is(200);
    assert_eq!(named.header("transform-request-id"), Some("mine"));
    let head = client.ask("HEAD", "/live", &[], b"").is(200);
    assert!(head.body.is_empty() && head.header("content-length") == Some("6"));
}

#[test]
fn a_body_beyond_the_limit_is_refused_whether_declared_or_not() {
    let spool = Spool::served().set("serve.max_body=2KiB");
    let server = spool.serve();
    let large = format!("x\n{}", "1\n".repeat(2000));
    server.post("/score", &large).is(413);
    let mut client = server.connect();
    let head = "POST /score HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
    let _ = client.stream.write_all((head.to_string() + &chunk).as_bytes());
    client.answer("POST").unwrap().is(413);
    server.post("/score", "x\n1\n").is(200);
}

#[test]
fn a_body_that_does_not_come_is_timed_out() {
    let spool = Spool::served().set("serve.timeout=200ms");
    let server = spool.serve();
    let mut client = server.connect();
    client
        .stream
        .write_all(b"POST /score HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nx\n1")
        .unwrap();
    client.answer("POST").unwrap().is(408);
}

#[test]
fn more_connections_than_there_may_be_wait_for_one_to_end() {
    let spool = Spool::served().set("serve.max_connections=2");
    let server = spool.serve();
    let (mut first, mut second, mut third) = (server.connect(), server.connect(), server.connect());
    first.ask("GET", "/live", &[], b"").is(200);
    second.ask("GET", "/live", &[], b"").is(200);
    third.send("GET", "/live", &[], b"");
    drop(first);
    third.answer("GET").unwrap().is(200);
}

/// What is under way is answered, and told to close; then nobody is accepted any more.
#[test]
fn a_stop_answers_what_is_under_way() {
    let spool = Spool::served();
    let server = spool.serve();
    let (mut idle, mut busy) = (server.connect(), server.connect());
    idle.ask("GET", "/live", &[], b"").is(200);
    busy.stream
        .write_all(b"POST /score HTTP/1.1\r\nHost: t\r\nContent-Length: 4\r\n\r\nx\n")
        .unwrap();
    let address = server.address;
    server.daemon.signal(rustix::process::Signal::TERM);
    wait_until("nobody is accepted", || TcpStream::connect(address).is_err());
    // Sent before its client knew.
    let last = idle.ask("GET", "/ping", &[], b"").is(503);
    assert_eq!(last.header("connection"), Some("close"));
    busy.stream.write_all(b"1\n").unwrap();
    let answer = busy.answer("POST").unwrap().is(200);
    assert_eq!(
        (answer.text().as_str(), answer.header("connection")),
        ("prediction\n3.0\n", Some("close"))
    );
    assert_eq!(server.stop(), 0);
}
