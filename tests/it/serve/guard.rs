//! Who may ask.

use super::{Answered, Server};
use crate::spool::{Spool, wait_until};
use std::fs;

const ROW: &[u8] = br#"{"x": [[1]]}"#;

fn ask(server: &Server, header: (&str, &str)) -> Answered {
    server.connect().ask("POST", "/stream", &[header], ROW)
}

#[test]
fn a_key_opens_however_it_is_presented_and_nothing_else_does() {
    let spool = Spool::guarded();
    let key = spool.add_key(&["ada"]);
    let server = spool.serve();
    let bearer = format!("Bearer {key}");
    let signed = format!(
        "AWS4-HMAC-SHA256 Credential={key}/20261126/eu-west-1/sagemaker/aws4_request, SignedHeaders=host, Signature=0"
    );
    for header in [
        ("x-api-key", key.as_str()),
        ("Authorization", &bearer),
        ("Authorization", &signed),
    ] {
        ask(&server, header).is(200);
    }
    let missing = server.post("/stream", ROW).is(403);
    assert_eq!(missing.text(), r#"{"message":"Forbidden"}"#);
    assert_eq!(ask(&server, ("x-api-key", "tfk_wrong")).is(403).body, missing.body);
    for path in ["/ping", "/health", "/live", "/v2/health/ready"] {
        server.get(path).is(200);
    }
}

#[test]
fn a_key_that_is_added_or_revoked_counts_without_a_restart() {
    let spool = Spool::guarded();
    let server = spool.serve();
    server.daemon.logs("transform keys add NAME");
    let key = spool.add_key(&["ada"]);
    wait_until("it opens", || ask(&server, ("x-api-key", &key)).status == 200);
    spool.run(&["keys", "revoke", "ada"]).exits(0);
    wait_until("it is shut", || ask(&server, ("x-api-key", &key)).status == 403);
}

#[test]
fn beyond_its_rate_and_its_quota_a_key_is_told_when_to_come_again() {
    let spool = Spool::guarded();
    let (fast, few) = (
        spool.add_key(&["fast", "--rate", "1/h", "--burst", "2"]),
        spool.add_key(&["few", "--quota", "1/day"]),
    );
    let server = spool.serve();
    let first = ask(&server, ("x-api-key", &fast)).is(200);
    assert!(
        first.header("ratelimit").unwrap().contains("\"burst\";r=1"),
        "{first:?}"
    );
    ask(&server, ("x-api-key", &fast)).is(200);
    let refused = ask(&server, ("x-api-key", &fast)).is(429);
    assert_eq!(refused.text(), r#"{"message":"Too Many Requests"}"#);
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() > 1000);

    ask(&server, ("x-api-key", &few)).is(200);
    assert_eq!(
        ask(&server, ("x-api-key", &few)).is(429).text(),
        r#"{"message":"Limit Exceeded"}"#
    );
    assert_eq!(server.stop(), 0);
    let again = spool.serve();
    ask(&again, ("x-api-key", &few)).is(429);
}

#[test]
fn damaged_keys_shut_the_door() {
    let spool = Spool::guarded();
    let key = spool.add_key(&["ada"]);
    let server = spool.serve();
    ask(&server, ("x-api-key", &key)).is(200);
    fs::write(spool.path("keys.toml"), "[[key]\n").unwrap();
    wait_until("nobody is let in", || ask(&server, ("x-api-key", &key)).status == 503);
    server.get("/ping").is(200);
    server.daemon.logs("keys.toml");
}

#[test]
fn a_check_says_if_a_server_could_start() {
    let spool = Spool::guarded();
    let missing = spool.run(&["check", "--serve"]).exits(64);
    assert!(missing.stdout.contains("NOT OK   server's keys"), "{missing:?}");
    spool.add_key(&["ada"]);
    let ran = spool.run(&["check", "--serve"]).exits(0);
    assert!(ran.stdout.contains("server's address: 127.0.0.1:"), "{ran:?}");
    assert!(ran.stdout.contains("server's keys: 1 in keys.toml"), "{ran:?}");
    assert!(!spool.run(&["check"]).exits(0).stdout.contains("server"));
}

/// The limit is on who asks; what a sender says of itself moves nobody out of it, and holds nobody else up.
#[test]
fn who_guesses_keys_is_held_up_and_nobody_else() {
    let spool = Spool::guarded().set("serve.trusted_proxies=[\"127.0.0.1\"]");
    let key = spool.add_key(&["ada"]);
    let server = spool.serve();
    let mut client = server.connect();
    let mut guess = |key: &str, from: &str| {
        let headers = [("x-api-key", key), ("X-Forwarded-For", from)];
        client.ask("POST", "/stream", &headers, ROW)
    };
    let mut held_up = None;
    for n in 0..200 {
        // Whoever guesses can say anything in front of the proxy's own word.
        let from = format!("10.9.9.{n}, 203.0.113.7");
        let answer = guess(&format!("tfk_guess{n}"), &from);
        if answer.status == 429 {
            held_up = Some((n, answer));
            break;
        }
        assert_eq!(answer.is(403).text(), r#"{"message":"Forbidden"}"#);
    }
    let (guesses, refused) = held_up.expect("it is held up");
    assert!((16..64).contains(&guesses), "{guesses}");
    assert_eq!(refused.text(), r#"{"message":"Too Many Requests"}"#);
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    // It learns nothing by a good one, either.
    guess(&key, "203.0.113.7").is(429);
    guess(&key, "203.0.113.8").is(200);
    guess("tfk_guess", "203.0.113.8").is(403);
}

#[test]
fn who_is_no_trusted_proxy_cannot_say_who_asks() {
    let spool = Spool::guarded();
    let key = spool.add_key(&["ada"]);
    let server = spool.serve();
    let mut client = server.connect();
    let mut guess = |key: &str, from: usize| {
        let from = format!("203.0.113.{from}");
        let headers = [("x-api-key", key), ("X-Forwarded-For", from.as_str())];
        client.ask("POST", "/stream", &headers, ROW).status
    };
    let held_up = (0..200).find(|n| guess(&format!("tfk_guess{n}"), *n) == 429);
    assert!(held_up.is_some());
    assert_eq!(guess(&key, 250), 429);
}
