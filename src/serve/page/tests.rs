use super::*;
use crate::monitor::{Action, Area, Check, Judgement};
use crate::registry::{Halt, Status};
use crate::serve::capture::Captured;
use crate::serve::live::{Judged, Windows};
use crate::serve::tally::Counted as Arm;
use crate::serve::telemetry::arms::Standing as Test;
use crate::serve::telemetry::histogram::BUCKETS;
use crate::serve::telemetry::shadows::Standing as Shadow;
use crate::serve::telemetry::windows::Watched;

const SCRIPT: &str = "<script>alert(1)</script>\"'&";

fn version(group: &str, version: u32) -> Version {
    Version {
        group: group.into(),
        version,
        sha256: "3f1c9a0b77de41c2".into(),
        decision: Some(Decision {
            status: Status::Approved,
            by: "ada@lab".into(),
            at: "2026-11-26T09:12:44Z".into(),
            reason: "beats 2 on the holdout".into(),
        }),
        totals: totals(1200, 12, 0),
        rows: Rows {
            predicted: 56_000,
            bad: 17,
            refused: 40,
        },
    }
}

fn totals(answered: u64, refused: u64, failed: u64) -> Totals {
    let mut seconds = [0; BUCKETS];
    (seconds[1], seconds[2], seconds[9]) = (answered * 9 / 10, answered / 10, answered / 50);
    Totals {
        answered,
        refused,
        failed,
        gone: 0,
        seconds,
    }
}

/// Of a window in which half of these columns was missing.
fn watched(model: &str, columns: &[&str], now: Timestamp) -> Watched {
    let over = |column: &&str| Check {
        value: Some(0.5),
        bar: Some(0.0417),
        over: true,
        ..Check::new(Area::Data, "missing", column, 500)
    };
    let over: Vec<Check> = columns.iter().map(over).collect();
    let last = Judged {
        at: now - jiff::SignedDuration::from_secs(120),
        rows: 512,
        judgement: Judgement {
            action: Action::Hold,
            checks: over.clone(),
        },
        over,
    };
    Watched {
        model: model.into(),
        windows: Some(Windows {
            open: 17,
            judged: 1_290,
            over: columns.len() as u64,
            last: Some(last.into()),
        }),
    }
}

fn shadow(experiment: &str) -> Shadow {
    Shadow {
        model: "diabetes/4".into(),
        experiment: experiment.into(),
        scored: 1_419_000,
        skipped: 988,
        failed: 12,
        seconds: totals(1_419_000, 0, 0).seconds,
        seconds_sum: 25.0,
    }
}

/// A server at which nothing is wrong.
fn facts() -> Facts {
    let mut all = vec![Totals::default(); counters::ROUTES];
    let mut recent = all.clone();
    for (place, count) in [(2, 5760), (6, 1_234_567), (7, 45_210), (17, 5760)] {
        (all[place], recent[place]) = (totals(count, 0, 0), totals(count / 40, 0, 0));
    }
    let counted = |routes| Counted {
        routes,
        ..Counted::default()
    };
    let now: Timestamp = "2026-11-26T18:40:12Z".parse().unwrap();
    Facts {
        now,
        started: "2026-11-25T18:40:00Z".parse().unwrap(),
        stage: Stage::Production,
        configuration: Some("/etc/transform/transform.toml".into()),
        needs_keys: true,
        keys_error: None,
        quotas: Vec::new(),
        is_stopping: false,
        standing: Standing {
            is_ready: true,
            models: Vec::new(),
            in_flight: 3,
            max_in_flight: 256,
            max_connections: 1024,
            body_bytes: 41_000,
            max_body_bytes: 256 << 20,
            capture: None,
            watched: vec![watched("diabetes/3", &[], now)],
            tests: Vec::new(),
            halted: Vec::new(),
            shadows: Vec::new(),
        },
        connections: 32,
        resident: Some(18 << 20),
        answers: Ok("diabetes/3".into()),
        groups: BTreeMap::from([("diabetes".into(), Ok(version("diabetes", 3)))]),
        group: "diabetes".into(),
        others: Vec::new(),
        all: counted(all),
        recent: counted(recent),
        window: Duration::from_secs(300),
        refused: Vec::new(),
        last_refusals: Vec::new(),
        log_lost: 0,
        worker: Arc::new(Ok(None)),
        status: "spool/status/status.json".into(),
    }
}

/// A night on call.
fn wrong() -> Facts {
    let mut facts = facts();
    facts.all.routes[14] = totals(900, 4, 2);
    facts.recent.routes[14] = totals(80, 4, 2);
    facts.recent.routes[6].refused = 30_000;
    facts.all.routes[6].refused = 31_000;
    facts.all.routes[counters::ROUTES - 1].refused = 88;
    facts.recent.rows = Rows {
        predicted: 30_864,
        bad: 17,
        refused: 40,
    };
    facts.all.rows = Rows {
        predicted: 1_400_000,
        bad: 17,
        refused: 40,
    };
    facts
        .groups
        .insert("churn".into(), Err("no approved model: version 1 is pending".into()));
    facts.others.push(Version {
        decision: None,
        ..version("diabetes", 2)
    });
    facts.refused = vec![
        (String::new(), "forbidden", 3),
        ("nightly-batch".into(), "rate", 30_000),
        (String::new(), "bad_rows", 4),
    ];
    for (i, (status, route, code, message)) in [
        (429, "/stream", "rate", "Too Many Requests"),
        (
            400,
            "/v2/models/{group}/infer",
            "bad_rows",
            "2 of 100 rows can't be scored; row 3, bmi: not a number; row 71, bmi: not a number",
        ),
        (403, "/batch", "forbidden", "Forbidden"),
        (
            503,
            "/v2/models/{group}/infer",
            "busy",
            "too many requests are in flight; try again",
        ),
        (
            404,
            "other",
            "no_such_route",
            "there is no such route; /openapi.json lists them",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        facts.last_refusals.push(Refused {
            at: facts.now.as_nanosecond() as i64 - i as i64 * 47_000_000_000,
            route,
            status,
            code,
            message: message.into(),
            key: (status != 403).then(|| "nightly-batch".into()),
            client: "10.20.30.40".parse().unwrap(),
            id: "4bf92f3577b34da6a3ce929d0e0e4736".into(),
        });
    }
    let columns = ["age", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6", "sex"];
    facts.standing.watched[0] = watched("diabetes/3", &columns, facts.now);
    facts.standing.watched.push(Watched {
        model: "diabetes/2".into(),
        windows: None,
    });
    facts.log_lost = 1200;
    facts.standing.shadows.push(shadow("trees"));
    facts.standing.capture = Some(Captured {
        events: 1_420_000,
        lost: [("queue", 0), ("disk", 311), ("write", 0)],
        bytes: 9 << 30,
        max_bytes: 10 << 30,
    });
    let left = |quota, remaining| Left {
        policy: "day",
        quota,
        window: Duration::from_secs(86_400),
        remaining,
        reset: Duration::from_secs(19_187),
    };
    for (key, left) in [("webshop", left(100_000, 81_234)), ("nightly-batch", left(10_000, 320))] {
        facts.quotas.push(QuotaLeft { key: key.into(), left });
    }
    facts.worker = Arc::new(Ok(Some(
        serde_json::from_str(
            r#"{"at": "2026-11-26T18:40:10Z", "worker": {"state": "running", "mode": "daemon", "model": "diabetes/2",
            "heartbeat": "2026-11-26T18:40:10Z"}, "counted": "2026-11-26T18:40:00Z", "done": 1240, "pending": 3, "failed": 2,
            "held": 1, "retrying": 0, "oldest_pending": "2026-11-26T18:12:00Z"}"#,
        )
        .unwrap(),
    )));
    facts
}

/// Leaves it to be looked at, where a folder is named.
fn show(facts: &Facts, file: &str) -> String {
    let page = html(facts);
    if let Some(folder) = std::env::var_os("SERVE_PAGES") {
        #[expect(clippy::disallowed_methods, reason = "for people to look at")]
        std::fs::write(std::path::Path::new(&folder).join(file), &page).unwrap();
    }
    well_formed(&page);
    page
}

/// Every element that is opened is closed, in order; nothing is loaded, nothing runs, nothing is styled in place.
fn well_formed(html: &str) {
    for banned in [
        "<script", "http://", "https://", "url(", "@import", "src=", "style=", "onclick", "<form", "<button", "NaN",
    ] {
        assert!(!html.contains(banned), "{banned}");
    }
    let mut open = Vec::new();
    for tag in html.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').unwrap();
        let name = tag.split([' ', '\n']).next().unwrap();
        match name.strip_prefix('/') {
            Some(closed) => assert_eq!(open.pop(), Some(closed), "</{closed}>"),
            None if ["!DOCTYPE", "meta", "link"].contains(&name) => {}
            None => open.push(name),
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn a_quiet_night_says_ready_and_nothing_else() {
    let page = show(&facts(), "quiet.html");
    assert!(page.contains("diabetes/3 is proven, and answers"));
    assert!(
        page.contains("approved by ada@lab<small>2026-11-26 09:12:44 UTC, 9 h ago</small>"),
        "{page}"
    );
    assert_eq!(page.matches("<li>").count(), 1, "{page}");
}

#[test]
fn what_is_wrong_comes_first_with_the_command() {
    let page = show(&wrong(), "wrong.html");
    for text in [
        "2\u{a0}requests failed in the last 5 min",
        "30,004 of ",
        "17 of 30,921\u{a0}rows were bad",
        "worker: 2\u{a0}files failed <code>transform status</code>",
        "the worker scores by diabetes/2, this server by diabetes/3",
        "<b>30,000</b> rate, nightly-batch",
        "no approved model: version 1 is pending",
        "pending: nobody decided yet",
        "what diabetes/3 is asked is out of the ordinary: missing of age: 0.500, bar 0.0417; missing of bmi: 0.500, bar 0.0417; \
         missing of bp: 0.500, bar 0.0417; and 7 more",
        "<small>of 512\u{a0}rows, 2 min ago, 2026-11-26 18:38:12 UTC</small>",
        "unwatched<small>it has no baseline",
        "nightly-batch used 96.8\u{a0}% of its day quota, which turns in 5 h",
        "<th scope=\"row\">diabetes/4</th>",
        "<span class=\"warns\">988</span>",
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }
    assert!(!page.contains("over HTTP"), "{page}");
}

#[test]
fn an_ab_test_shows_its_arms_and_whose_keys_nobody_answers() {
    let arm = |rows, bad_rows| {
        let mut seconds = [0; BUCKETS];
        seconds[2] = rows;
        Arm {
            rows,
            bad_rows,
            seconds,
            seconds_sum: 0.0,
        }
    };
    let mut facts = facts();
    facts.standing.tests.push(Test {
        champion: "diabetes/3".into(),
        challenger: "diabetes/4".into(),
        experiment: "spring".into(),
        phase: "spring/2".into(),
        share: 0.125,
        is_usable: true,
        arms: [arm(7000, 0), arm(1000, 3), Arm::default()],
    });
    let html = html(&facts);
    well_formed(&html);
    for words in [
        "spring/2",
        "87.5 %",
        "12.5 %",
        "7,000",
        "<span class=\"warns\">3</span>",
        "diabetes/4",
    ] {
        assert!(html.contains(words), "{words} in {html}");
    }
    assert!(!html.contains("nobody answers its keys"));
    facts.standing.tests[0].is_usable = false;
    assert!(super::html(&facts).contains("nobody answers its keys"));
}

#[test]
fn without_a_capture_shadows_score_nothing() {
    let mut facts = facts();
    facts.standing.shadows.push(shadow("trees"));
    let page = show(&facts, "no-capture.html");
    let text = "experiment trees: diabetes/4 scores nothing over HTTP, for there is no capture";
    assert!(page.contains(text), "{page}");
}

/// Twenty routes that nobody asked lately stood before the models and the last refusals: eight screens of a phone.
#[test]
fn a_route_that_nobody_asked_lately_takes_no_row() {
    let mut facts = facts();
    let place = |name: &str| {
        (0..counters::ROUTES)
            .find(|place| counters::name(*place) == name)
            .unwrap()
    };
    facts.all.routes[place("/score")] = totals(61, 5, 2);
    facts.recent.routes[place("/batch")] = Totals::default();
    let page = show(&facts, "quiet-routes.html");
    for text in [
        "<li><b>61</b> /score, <span class=\"warns\">5</span> refused, <span class=\"fails\">2</span> failed</li>",
        "<li><b>45,210</b> /batch</li>",
        "<th scope=\"row\">/stream</th>",
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }
    assert!(!page.contains("<th scope=\"row\">/batch</th>"), "{page}");
    facts.recent.routes.fill(Totals::default());
    let page = show(&facts, "all-quiet.html");
    assert!(page.contains("None in the last 5 min."), "{page}");
    assert!(!page.contains("<th>Route</th>"), "{page}");
}

#[test]
fn a_halted_experiment_is_shown_before_all_that_is_right() {
    let mut facts = facts();
    facts.standing.halted.push(Halt {
        guard: "bad_rows > 1%".into(),
        found: "bad_rows 3 % of 600 rows, and more than 1% aborts it".into(),
        at: "2026-11-27T08:00:00.123456Z".into(),
        by: "server".into(),
        ..Halt::new("spring", "diabetes", "spring/2")
    });
    let page = show(&facts, "halted.html");
    let halted = page.find(
        "experiment spring is HALTED: bad_rows 3 % of 600 rows, and more than 1% aborts it; phase spring/2, 2026-11-27T08:00:00Z by the \
         server",
    );
    assert!(
        halted.is_some() && halted < page.find("is proven, and answers"),
        "{page}"
    );
    for command in ["stop spring", "resume spring --reason WHY"] {
        assert!(
            page.contains(&format!("transform experiment {command}")),
            "{command} in {page}"
        );
    }
    assert!(!page.contains("WHY --group"), "{page}");
}

#[test]
fn without_a_model_it_says_why() {
    let mut facts = facts();
    facts.answers = Err("no approved model yet".into());
    facts.groups = BTreeMap::from([("diabetes".into(), Err("no approved model yet".into()))]);
    facts.needs_keys = false;
    (facts.all.routes, facts.recent.routes) = (Vec::new(), Vec::new());
    let page = show(&facts, "nothing.html");
    for text in [
        "<h1>no model answers</h1>",
        "not ready: no approved model yet",
        "None yet.",
        "whoever reaches",
    ] {
        assert!(page.contains(text), "{text} in {page}");
    }
}

#[test]
fn what_clients_and_people_wrote_is_text() {
    let mut facts = wrong();
    facts.answers = Ok(SCRIPT.into());
    facts.configuration = Some(SCRIPT.into());
    facts.group = SCRIPT.into();
    facts.status = SCRIPT.into();
    facts.keys_error = Some(SCRIPT.into());
    facts.quotas[0].key = SCRIPT.into();
    facts.refused.push((SCRIPT.into(), "forbidden", 1));
    for refused in &mut facts.last_refusals {
        refused.message = SCRIPT.into();
        refused.id = SCRIPT.into();
        refused.key = Some(SCRIPT.into());
    }
    facts.groups.insert(SCRIPT.into(), Err(SCRIPT.into()));
    let mut bad = version(SCRIPT, 1);
    bad.decision = Some(Decision {
        status: Status::Approved,
        by: SCRIPT.into(),
        at: SCRIPT.into(),
        reason: SCRIPT.into(),
    });
    facts.others.push(bad);
    facts.standing.watched = vec![watched(SCRIPT, &[SCRIPT], facts.now)];
    facts.standing.shadows.push(Shadow {
        model: SCRIPT.into(),
        ..shadow(SCRIPT)
    });
    show(&facts, "attack.html");
    facts.standing.halted.push(Halt {
        found: SCRIPT.into(),
        ..Halt::new("spring", SCRIPT, "spring/1")
    });
    facts.worker = Arc::new(Err(SCRIPT.into()));
    show(&facts, "attack.html");
}
