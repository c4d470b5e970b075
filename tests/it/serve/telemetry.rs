//! What is known of requests: metrics, the access log, the page, the description for programs.

use super::Server;
use crate::spool::{Spool, wait_until};

/// Three predictions, a bad row, a wrong path.
fn busy(spool: &Spool) -> Server {
    let server = spool.serve();
    server.post("/stream", r#"{"x": [[1]]}"#).is(200);
    server.post("/batch", r#"{"x": [[1], [2]]}"#).is(200);
    server.post("/batch", r#"{"x": [[1], ["abc"], [2]]}"#).is(400);
    server.get("/wr%3Cb%3Eong").is(404);
    server
}

#[test]
fn metrics_count_requests_rows_and_refusals() {
    let server = busy(&Spool::served());
    let answered = server.get("/metrics").is(200);
    assert_eq!(
        answered.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    let text = answered.text();
    for line in [
        "transform_requests_total{route=\"/stream\",group=\"lines\",version=\"1\",status=\"200\"} 1",
        "transform_requests_total{route=\"/batch\",group=\"lines\",version=\"1\",status=\"400\"} 1",
        "transform_requests_total{route=\"other\",group=\"\",version=\"\",status=\"404\"} 1",
        "transform_request_seconds_count{route=\"/batch\",group=\"lines\",version=\"1\"} 1",
        "transform_rows_total{group=\"lines\",version=\"1\",outcome=\"predicted\"} 3",
        "transform_rows_total{group=\"lines\",version=\"1\",outcome=\"bad\"} 1",
        "transform_rows_total{group=\"lines\",version=\"1\",outcome=\"refused\"} 2",
        "transform_refused_total{key=\"\",reason=\"bad_rows\"} 1",
        "transform_ready 1",
        "transform_in_flight 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    assert!(
        text.contains("transform_model_approved_timestamp_seconds{group=\"lines\",version=\"1\"} 1"),
        "{text}"
    );
    // Itself is counted by the next.
    assert!(
        server
            .get("/metrics")
            .text()
            .contains("route=\"/metrics\",group=\"\",version=\"\",status=\"200\"} 1")
    );
}

#[test]
fn versions_are_counted_apart() {
    let spool = Spool::served();
    let server = busy(&spool);
    spool.approve_line(10.0, 0.0);
    wait_until("version 2 answers", || {
        server.post("/stream", r#"{"x": [[1]]}"#).header("transform-model") == Some("lines/2")
    });
    let text = server.get("/metrics").text();
    assert!(
        text.contains("route=\"/batch\",group=\"lines\",version=\"1\",status=\"200\"} 1"),
        "{text}"
    );
    assert!(
        text.contains("route=\"/stream\",group=\"lines\",version=\"2\",status=\"200\"}"),
        "{text}"
    );
    assert!(
        text.contains("transform_model_info{group=\"lines\",version=\"2\""),
        "{text}"
    );
    assert!(
        !text.contains("transform_model_info{group=\"lines\",version=\"1\""),
        "{text}"
    );
}

#[test]
fn the_log_has_a_line_for_each_error_and_one_for_each_request_if_it_is_told_so() {
    for (which, ok, refused) in [("errors", false, true), ("all", true, true), ("off", false, false)] {
        let spool = Spool::served().set(&format!("serve.access_log={which}"));
        let server = busy(&spool);
        // What is still to be written is, before it ends.
        server.daemon.signal(rustix::process::Signal::TERM);
        server.daemon.logs("stopped");
        let log = server.daemon.log();
        let lines: Vec<_> = log.lines().filter(|line| line.contains(" request method=")).collect();
        let has = |words: &str| lines.iter().any(|line| line.contains(words));
        assert_eq!(has("method=POST route=/stream status=200"), ok, "{which}: {log}");
        assert_eq!(has("method=POST route=/batch status=400"), refused, "{which}: {log}");
        assert_eq!(has("method=GET route=other status=404"), refused, "{which}: {log}");
        if refused {
            assert!(
                has("model=lines/1 rows=3 bad_rows=1") && has("code=bad_rows"),
                "{which}: {log}"
            );
        }
    }
}

#[test]
fn who_is_not_let_in_is_logged_and_counted_by_the_keys_name_and_the_reason() {
    let spool = Spool::guarded();
    let key = spool.add_key(&["shop", "--groups", "others"]);
    let server = spool.serve();
    server.post("/stream", r#"{"x": [[1]]}"#).is(403);
    let headers = [("x-api-key", &*key)];
    server
        .connect()
        .ask("POST", "/stream", &headers, br#"{"x": [[1]]}"#)
        .is(403);
    let text = server.get("/metrics").is(200).text();
    for line in [
        "transform_refused_total{key=\"\",reason=\"missing\"} 1",
        "transform_refused_total{key=\"shop\",reason=\"group\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    server.daemon.logs("key=\"shop\" client=127.0.0.1");
    server.daemon.logs("code=group");
    assert!(!server.daemon.log().contains(&key) && !text.contains(&key));
}

#[test]
fn behind_a_trusted_proxy_the_log_and_the_page_name_who_asked() {
    for (proxies, client) in [(r#"["127.0.0.1"]"#, "203.0.113.9"), ("[]", "127.0.0.1")] {
        let spool = Spool::served()
            .set("serve.access_log=all")
            .set(&format!("serve.trusted_proxies={proxies}"));
        let server = spool.serve();
        let headers = [("x-forwarded-for", "192.0.2.1, 203.0.113.9")];
        server.connect().ask("POST", "/stream", &headers, b"{").is(400);
        server.daemon.logs(&format!("client={client} "));
        assert!(server.get("/").text().contains(&format!("<small>{client}</small>")));
    }
}

#[test]
fn the_page_shows_how_it_stands_and_runs_nothing() {
    let server = busy(&Spool::served());
    let page = server.get("/").is(200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let text = page.text();
    for words in [
        "lines/1 is proven, and answers",
        "<th scope=\"row\">/batch</th>",
        "1 of 3 rows can&#39;t be scored",
        "no_such_route",
        "None writes ",
    ] {
        assert!(text.contains(words), "{words} in {text}");
    }
    // What was asked for is nowhere in it.
    assert!(!text.contains("wr%3C") && !text.contains("wr<b>"), "{text}");
    let head = server.connect().ask("HEAD", "/", &[], b"").is(200);
    assert!(head.header("content-length").unwrap().parse::<usize>().unwrap() > 1000);
}

#[test]
fn the_page_tells_of_the_worker_that_shares_the_spool() {
    let spool = Spool::served();
    spool.drop_file("a.csv", "x\n1\n");
    spool.drop_file("b.csv", "y\n1\n");
    spool.once();
    let server = spool.serve();
    wait_until("the worker's status was looked at", || {
        server.get("/").text().contains("<dt>Failed</dt><dd>1</dd>")
    });
    assert!(server.get("/").text().contains("worker: 1\u{a0}file failed"));
}

#[test]
fn programs_find_all_routes_described() {
    let server = Spool::served().serve();
    let description = server.get("/openapi.json").is(200).json();
    assert_eq!(description["openapi"], "3.1.0");
    assert!(description["paths"]["/score"]["post"].is_object());
}
