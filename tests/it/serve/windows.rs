//! Rows that are asked over HTTP are held against the version's baseline, in windows.

use super::Server;
use crate::spool::{Spool, wait_until};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::thread;

/// `2 a`, where a missing `a` is 0; a city beside it.
const MODEL: &str = r#"{"inputs":[{"name":"a","missing":{"fill":0}},{"name":"city","categories":["Lima","Oslo"],
  "missing":"ignore","unknown":"ignore"}],
  "terms":[{"name":"a","factors":[{"input":"a"}],"mean":0,"scale":1,"coefficient":2}],"intercept":0,"output":"number"}"#;

/// That model approved, with a baseline of 2,000 rows of which one in a hundred has no `a`.
fn watched() -> Spool {
    let spool = unwatched(&["--baseline", "rows.csv"]);
    spool.approve(1);
    spool
}

fn unwatched(flags: &[&str]) -> Spool {
    let spool = Spool::without_model().open_to_all();
    fs::write(spool.path("m.json"), MODEL).unwrap();
    fs::write(spool.path("rows.csv"), csv(&rows(2_000, 100))).unwrap();
    spool.register_file("m.json", "pipeline", flags).exits(0);
    spool
}

type Row = (Option<String>, String);

/// One in `missing` has no `a`.
fn rows(count: usize, missing: usize) -> Vec<Row> {
    let a = |i: usize| (!i.is_multiple_of(missing)).then(|| (i * 37 % 100).to_string());
    (0..count).map(|i| (a(i), ["Lima", "Oslo"][i % 2].into())).collect()
}

/// Half of `a` is missing or can't be read, and there is a town that nobody knows.
fn broken(count: usize) -> Vec<Row> {
    let mut rows = rows(count, 2);
    for (i, row) in rows.iter_mut().enumerate() {
        if i % 50 == 1 {
            row.0 = Some("oops".into());
        }
        if i % 10 == 3 {
            row.1 = "Atlantis".into();
        }
    }
    rows
}

fn csv(rows: &[Row]) -> String {
    let line = |(a, city): &Row| format!("{},{city}\n", a.as_deref().unwrap_or_default());
    "a,city\n".to_string() + &rows.iter().map(line).collect::<String>()
}

/// Numbers as numbers.
fn value((a, _): &Row) -> Value {
    let a = a.as_ref();
    a.map_or(Value::Null, |a| {
        a.parse::<i64>().map_or_else(|_| json!(a), |a| json!(a))
    })
}

fn objects(rows: &[Row]) -> Vec<Value> {
    rows.iter().map(|row| json!({"a": value(row), "city": row.1})).collect()
}

impl Server {
    fn gauge(&self, name: &str) -> Option<f64> {
        let text = self.get("/metrics").is(200).text();
        let mut lines = text.lines().filter_map(|line| line.rsplit_once(' '));
        lines
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value.parse().unwrap())
    }

    fn windows(&self, model: &str) -> f64 {
        let name = format!("transform_monitor_windows_total{{model=\"{model}\"}}");
        self.gauge(&name).unwrap_or(-1.0)
    }

    fn waits_for_windows(&self, model: &str, windows: f64) {
        wait_until("the window is judged", || self.windows(model) == windows);
    }

    fn is_watched(&self, model: &str) -> Option<f64> {
        self.gauge(&format!("transform_monitor_watched{{model=\"{model}\"}}"))
    }

    /// Value, bar, over of each check of the last window.
    fn checks(&self) -> BTreeMap<String, [Option<f64>; 3]> {
        let text = self.get("/metrics").is(200).text();
        let mut checks = BTreeMap::<String, [Option<f64>; 3]>::new();
        for (place, figure) in ["value", "bar", "over"].iter().enumerate() {
            let name = format!("transform_monitor_check_{figure}{{model=\"lines/1\",");
            for line in text.lines().filter_map(|line| line.strip_prefix(&name)) {
                let (labels, value) = line.rsplit_once("} ").unwrap();
                checks.entry(labels.into()).or_default()[place] = Some(value.parse().unwrap());
            }
        }
        checks
    }
}

/// The same, of a file.
fn checks_of(spool: &Spool, file: &str) -> BTreeMap<String, [Option<f64>; 3]> {
    let checked = spool.run(&["monitor", "check", file, "--json", "--all"]).json();
    let checks = checked["checks"].as_array().unwrap().iter();
    // Those of a file as such aren't of requests.
    let of_a_file = ["rows", "columns_missing", "columns_new", "duplicates"];
    let computed =
        checks.filter(|check| !check["value"].is_null() && !of_a_file.iter().any(|name| check["check"] == *name));
    let labels = |check: &Value| {
        let text = |name: &str| check[name].as_str().unwrap().to_string();
        format!(
            "area=\"{}\",check=\"{}\",column=\"{}\",segment=\"\"",
            text("area"),
            text("check"),
            text("column")
        )
    };
    let over = |check: &Value| Some(f64::from(u8::from(check["over"].as_bool().unwrap())));
    computed
        .map(|check| {
            (
                labels(check),
                [check["value"].as_f64(), check["bar"].as_f64(), over(check)],
            )
        })
        .collect()
}

#[test]
fn rows_that_are_broken_are_told_of_as_a_file_of_them_would_be() {
    let spool = watched().set("monitor.min_rows=600");
    let rows = broken(600);
    fs::write(spool.path("same.csv"), csv(&rows)).unwrap();
    let expected = checks_of(&spool, "same.csv");
    let missing = "area=\"data\",check=\"missing\",column=\"a\",segment=\"\"";
    assert_eq!(expected[missing][2], Some(1.0), "{expected:?}");

    let server = spool.serve();
    server.daemon.logs("hold and block act as warn here");
    server.daemon.logs("rows are held against the version's baseline");
    assert_eq!(server.is_watched("lines/1"), Some(1.0));
    assert_eq!(server.checks(), BTreeMap::new());
    let lines: String = objects(&rows).iter().map(|row| format!("{row}\n")).collect();
    let split: Vec<Value> = rows.iter().map(|row| json!([value(row), row.1])).collect();
    let split = json!({"dataframe_split": {"columns": ["a", "city"], "data": split}});
    let instances = json!({"instances": objects(&rows)});
    let columns = json!({
        "a": rows.iter().map(value).collect::<Vec<_>>(),
        "city": rows.iter().map(|row| &row.1).collect::<Vec<_>>(),
    });
    let texts =
        |name: &str, texts: Vec<Value>| json!({"name": name, "datatype": "BYTES", "shape": [600], "data": texts});
    let tensors = json!({"inputs": [
        texts("a", rows.iter().map(|row| json!(row.0.as_deref().unwrap_or_default())).collect()),
        texts("city", rows.iter().map(|row| json!(row.1)).collect()),
    ]});
    let mut windows = 0.0;
    for (path, content_type, body) in [
        ("/score", "text/csv", csv(&rows)),
        ("/score", "application/jsonlines", lines),
        ("/invocations", "text/csv", csv(&rows)),
        ("/invocations", "application/json", split.to_string()),
        ("/batch", "application/json", columns.to_string()),
        ("/v1/models/lines:predict", "application/json", instances.to_string()),
        ("/v2/models/lines/infer", "application/json", tensors.to_string()),
    ] {
        // It is refused for its bad rows, which count.
        server.post_as(path, content_type, body).is(400);
        windows += 1.0;
        server.waits_for_windows("lines/1", windows);
        assert_eq!(server.checks(), expected, "{path} {content_type}");
    }
    let over = "transform_monitor_windows_over_total{model=\"lines/1\"}";
    assert_eq!(server.gauge(over), Some(windows));
    assert_eq!(
        server.gauge("transform_monitor_window_rows{model=\"lines/1\"}"),
        Some(0.0)
    );
    server
        .daemon
        .logs("requests are out of the ordinary model=lines/1 rows=600 found=\"");
    let page = server.get("/").text();
    assert!(
        page.contains("what lines/1 is asked is out of the ordinary: "),
        "{page}"
    );
}

#[test]
fn rows_count_the_same_in_however_many_requests_and_threads_they_come() {
    let spool = watched().set("monitor.min_rows=3000").set("serve.bad_rows=null");
    let rows = broken(3_000);
    fs::write(spool.path("same.csv"), csv(&rows)).unwrap();
    let server = spool.serve();
    thread::scope(|scope| {
        for (thread, part) in rows.chunks(750).enumerate() {
            let server = &server;
            scope.spawn(move || {
                let mut client = server.connect();
                for rows in part.chunks(1 + 16 * thread) {
                    let body = json!({"instances": objects(rows)}).to_string();
                    client
                        .ask("POST", "/v1/models/lines:predict", &[], body.as_bytes())
                        .is(200);
                }
            });
        }
    });
    server.waits_for_windows("lines/1", 1.0);
    assert_eq!(server.checks(), checks_of(&spool, "same.csv"));
}

#[test]
fn rows_of_a_version_without_a_baseline_are_unwatched_until_it_has_one() {
    let spool = unwatched(&["--approve"]).set("monitor.min_rows=50");
    let server = spool.serve();
    server
        .daemon
        .logs("the version has no baseline: its rows are unwatched");
    server.post_as("/score", "text/csv", csv(&rows(50, 100))).is(200);
    assert_eq!(server.is_watched("lines/1"), Some(0.0));
    assert_eq!(server.windows("lines/1"), -1.0);
    assert!(server.get("/").text().contains("unwatched"));

    spool.run(&["monitor", "baseline", "rows.csv"]).exits(0);
    wait_until("it is watched", || server.is_watched("lines/1") == Some(1.0));
    server.post_as("/score", "text/csv", csv(&rows(50, 100))).is(200);
    server.waits_for_windows("lines/1", 1.0);
}

#[test]
fn another_baseline_or_version_begins_a_window_of_its_own() {
    let spool = watched();
    let server = spool.serve();
    let open = |model: &str| server.gauge(&format!("transform_monitor_window_rows{{model=\"{model}\"}}"));
    server.post_as("/score", "text/csv", csv(&rows(40, 100))).is(200);
    assert_eq!(open("lines/1"), Some(40.0));
    fs::write(spool.path("other.csv"), csv(&rows(1_000, 100))).unwrap();
    spool.run(&["monitor", "baseline", "other.csv"]).exits(0);
    wait_until("the other baseline counts", || open("lines/1") == Some(0.0));
    server.post_as("/score", "text/csv", csv(&rows(30, 100))).is(200);

    let flags = ["--baseline", "rows.csv", "--approve"];
    spool.register_file("m.json", "pipeline", &flags).exits(0);
    wait_until("version 2 answers", || open("lines/2") == Some(0.0));
    assert_eq!(open("lines/1"), None);
    // Asked for by its number, with a baseline of its own.
    let by_number = "/v1/models/lines/versions/1:predict";
    let one = json!({"instances": [{"a": 1, "city": "Oslo"}]}).to_string();
    server.post(by_number, &one).is(200);
    assert_eq!((open("lines/1"), open("lines/2")), (Some(1.0), Some(0.0)));
    let again = ["monitor", "baseline", "rows.csv", "--version", "1"];
    spool.run(&again).exits(0);
    wait_until("it is forgotten", || open("lines/1").is_none());
    server.post(by_number, &one).is(200);
    assert_eq!(open("lines/1"), Some(1.0));
}

/// Nor do its rows count as the other one's.
#[test]
fn a_version_on_trial_begins_no_window_anew() {
    let spool = watched().set("capture.path=captured").set("capture.max_disk=100%");
    let server = spool.serve();
    let open = |model: &str| server.gauge(&format!("transform_monitor_window_rows{{model=\"{model}\"}}"));
    server.post_as("/score", "text/csv", csv(&rows(40, 100))).is(200);
    spool
        .register_file("m.json", "pipeline", &["--baseline", "rows.csv"])
        .exits(0);
    spool.run(&["experiment", "start", "trial", "--shadow", "2"]).exits(0);
    server.daemon.logs("a shadow scores, too");
    server.post_as("/score", "text/csv", csv(&rows(2, 100))).is(200);
    let scored = "transform_shadow_requests_total{model=\"lines/2\",experiment=\"trial\",outcome=\"scored\"}";
    wait_until("it is scored", || server.gauge(scored) == Some(1.0));
    assert_eq!((open("lines/1"), open("lines/2")), (Some(42.0), None));
}

#[test]
fn a_version_whose_baseline_is_damaged_does_not_answer() {
    let spool = watched();
    spool
        .run(&["monitor", "baseline", "rows.csv", "--target", "a"])
        .exits(0);
    let names = spool.names("models/lines/1");
    let given = names.iter().find(|name| name.starts_with("baseline-")).unwrap();
    let baseline = spool.path("models/lines/1").join(given);
    let whole = fs::read(&baseline).unwrap();
    fs::write(&baseline, b"{}").unwrap();
    let checked = spool.run(&["check", "--serve"]);
    checked.says("NOT OK   server's monitor");
    let server = spool.serve();
    server.post_as("/score", "text/csv", csv(&rows(1, 100))).is(503);
    fs::write(&baseline, whole).unwrap();
    wait_until("it answers", || {
        server.post_as("/score", "text/csv", csv(&rows(1, 100))).status == 200
    });
    assert_eq!(server.is_watched("lines/1"), Some(1.0));
    drop(server);

    fs::write(&baseline, b"{}").unwrap();
    let off = spool.set("monitor.data=off").set("monitor.drift=off");
    let off = off.set("monitor.bias=off").set("monitor.performance=off");
    let server = off.serve();
    server.post_as("/score", "text/csv", csv(&rows(1, 100))).is(200);
    assert_eq!(server.is_watched("lines/1"), Some(0.0));
}

#[test]
fn the_check_says_what_is_watched() {
    let spool = watched();
    let words = "windows of 500 rows or an hour; an answer can't be held back: hold and block act as warn here; lines/1 is held";
    spool.run(&["check", "--serve"]).exits(0).says(words);
    let spool = spool.set("monitor.data=warn");
    spool
        .run(&["check", "--serve"])
        .exits(0)
        .says("what is out of the ordinary is told");
}
