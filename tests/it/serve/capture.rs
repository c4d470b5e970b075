//! What was asked and answered, kept for monitoring.

use super::attacks::gzip;
use super::{Answered, Server};
use crate::spool::{Spool, wait_until};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

pub const ID: &str = "X-Amzn-SageMaker-Inference-Id";

/// A spool whose server captures, however full the disk is on which it is tested.
pub fn capturing() -> Spool {
    Spool::served()
        .set("capture.path=captured")
        .set("capture.max_disk=100%")
}

fn ask(server: &Server, id: &str) -> Answered {
    server.connect().ask("POST", "/stream", &[(ID, id)], br#"{"x": [[1]]}"#)
}

/// All files below a folder, in the order of their paths.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else {
        return found;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

/// All events. Each line is whole.
pub fn events(folder: &Path) -> Vec<Value> {
    let texts = files(folder).into_iter().map(|path| fs::read_to_string(path).unwrap());
    let mut events = Vec::new();
    for text in texts {
        assert!(text.is_empty() || text.ends_with('\n'), "{text}");
        events.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
    }
    events
}

pub fn ids(folder: &Path) -> Vec<String> {
    let events = events(folder);
    let ids = events
        .iter()
        .filter_map(|event| event["eventMetadata"]["inferenceId"].as_str());
    ids.map(Into::into).collect()
}

#[test]
fn a_prediction_is_found_again_by_its_inference_id() {
    let spool = capturing();
    let server = spool.serve();
    ask(&server, "order-17").is(200);
    let folder = spool.path("captured");
    wait_until("it is captured", || ids(&folder) == ["order-17"]);
    let counted = || {
        server
            .get("/metrics")
            .is(200)
            .text()
            .contains("transform_captured_total 1\n")
    };
    wait_until("it is counted", counted);
    let event = &events(&folder)[0];
    let [input, output] = ["endpointInput", "endpointOutput"].map(|end| &event["captureData"][end]);
    assert_eq!(input["data"], r#"{"x": [[1]]}"#);
    assert_eq!((&input["mode"], &input["encoding"]), (&"INPUT".into(), &"JSON".into()));
    assert_eq!(input["observedContentType"], "application/json");
    assert_eq!((&output["data"], &output["mode"]), (&"3.0".into(), &"OUTPUT".into()));
    assert_eq!(event["eventVersion"], "0");
    let time = event["eventMetadata"]["inferenceTime"].as_str().unwrap();
    assert!(time.len() == 20 && time.ends_with('Z'), "{time}");

    // GROUP/VERSION/yyyy/mm/dd/hh/FILE
    let file = &files(&folder)[0];
    let hour = time[..13].replace(['-', 'T'], "/");
    let below = file.strip_prefix(&folder).unwrap();
    assert_eq!(below.parent().unwrap(), Path::new(&format!("lines/1/{hour}")));
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(file) & !0o640, 0, "nobody else reads it");
    assert!(
        file.ancestors()
            .skip(1)
            .take(7)
            .all(|folder| mode(folder) & !0o750 == 0)
    );
    assert_eq!(server.stop(), 0);
}

#[test]
fn a_csv_is_captured_as_such_and_what_was_compressed_as_it_was_meant() {
    let spool = capturing();
    let server = spool.serve();
    server.post_as("/score", "text/csv", "x\n1\n").is(200);
    let headers = [("Content-Type", "text/csv"), ("Content-Encoding", "gzip")];
    server
        .connect()
        .ask("POST", "/score", &headers, &gzip(b"x\n2\n"))
        .is(200);
    assert_eq!(server.stop(), 0, "what waits is written");
    let events = events(&spool.path("captured"));
    let of = |at: usize, end: &str| events[at]["captureData"][end].clone();
    assert_eq!(events.len(), 2);
    assert_eq!(of(0, "endpointInput")["data"], "x\n1\n");
    assert_eq!(of(0, "endpointInput")["encoding"], "CSV");
    assert_eq!(of(0, "endpointOutput")["data"], "prediction\n3.0\n");
    assert_eq!(of(1, "endpointInput")["data"], "x\n2\n");
}

#[test]
fn what_boto3_asks_is_captured_under_the_version_that_answered() {
    let spool = capturing();
    spool.approve_line(5.0, 0.0);
    let server = spool.serve();
    let headers = [
        ("Content-Type", "text/csv"),
        (ID, "order-17"),
        ("X-Amzn-SageMaker-Target-Variant", "1"),
    ];
    let path = "/endpoints/lines/invocations";
    server.connect().ask("POST", path, &headers, b"1\n").is(200);
    assert_eq!(server.stop(), 0);
    let folder = spool.path("captured/lines");
    assert_eq!(ids(&folder.join("1")), ["order-17"]);
    assert!(!folder.join("2").exists());
    assert_eq!(events(&folder)[0]["captureData"]["endpointInput"]["encoding"], "CSV");
}

#[test]
fn predictions_are_captured_and_nothing_else() {
    let spool = capturing();
    let server = spool.serve();
    server.post("/stream", "{").is(400);
    server.post("/stream", r#"{"x": [["a"]]}"#).is(400);
    server.get("/ping").is(200);
    server.get("/version").is(200);
    ask(&server, "one").is(200);
    assert_eq!(server.stop(), 0);
    assert_eq!(events(&spool.path("captured")).len(), 1);

    let off = Spool::served();
    let server = off.serve();
    ask(&server, "one").is(200);
    assert_eq!(server.stop(), 0);
    assert!(!off.path("captured").exists());
}

#[test]
fn a_sample_has_its_share() {
    let spool = capturing().set("capture.sample=25%");
    let server = spool.serve();
    let mut client = server.connect();
    for _ in 0..200 {
        client.ask("POST", "/stream", &[], br#"{"x": [[1]]}"#).is(200);
    }
    assert_eq!(server.stop(), 0);
    let captured = events(&spool.path("captured")).len();
    assert!(captured.abs_diff(50) <= 3, "{captured}");
}

#[test]
fn the_oldest_go_where_all_would_be_too_large() {
    let spool = capturing().set("capture.max_size=64KiB");
    let folder = spool.path("captured");
    let old = folder.join("lines/1/2020/01/01/00/old.jsonl");
    fs::create_dir_all(old.parent().unwrap()).unwrap();
    fs::write(&old, "{}\n".repeat(10_000)).unwrap();
    let server = spool.serve();
    let body = format!(r#"{{"x": [[1]], "note": "{}"}}"#, "n".repeat(1000));
    let mut client = server.connect();
    for n in 0..300 {
        let headers = [(ID, &*format!("n{n}"))];
        client.ask("POST", "/stream", &headers, body.as_bytes()).is(200);
    }
    let log = server.daemon.log();
    assert!(
        !log.contains("captured:") && !log.contains("can't be captured"),
        "{log}"
    );
    let metrics = server.get("/metrics").is(200).text();
    assert!(metrics.contains("transform_capture_limit_bytes 65536"), "{metrics}");
    assert_eq!(server.stop(), 0);
    let size: u64 = files(&folder).iter().map(|path| path.metadata().unwrap().len()).sum();
    assert!((32 << 10..=64 << 10).contains(&size), "{size}");
    assert!(!old.exists() && !folder.join("lines/1/2020").exists());
    let ids = ids(&folder);
    assert!(ids.contains(&"n299".into()) && !ids.contains(&"n0".into()), "{ids:?}");
}

#[test]
fn nothing_is_captured_on_a_full_disk_and_that_is_said_once() {
    let spool = capturing().set("capture.max_disk=0%");
    let server = spool.serve();
    for n in 0..3 {
        ask(&server, &n.to_string()).is(200);
    }
    server.daemon.logs("fuller than capture.max_disk");
    let checked = spool.run(&["check", "--serve"]);
    assert!(checked.stdout.contains("NOT OK   server's capture"), "{checked:?}");
    let lost = "transform_capture_lost_total{reason=\"disk\"} 3";
    wait_until("it is counted", || server.get("/metrics").is(200).text().contains(lost));
    let page = server.connect().ask("GET", "/", &[], b"").is(200).text();
    assert!(
        page.contains("predictions were not captured: the disk is fuller"),
        "{page}"
    );
    let log = server.daemon.log();
    assert_eq!(server.stop(), 0);
    assert_eq!(log.matches("fuller than capture.max_disk").count(), 1, "{log}");
    assert!(files(&spool.path("captured")).is_empty());
}

#[test]
fn a_folder_that_cannot_be_written_to_hurts_no_answer() {
    let spool = capturing().set("capture.path=transform.toml/captured");
    let server = spool.serve();
    ask(&server, "one").is(200);
    server.daemon.logs("predictions can't be captured");
    ask(&server, "two").is(200);
    assert_eq!(server.stop(), 0);
}

#[test]
fn what_is_captured_may_be_deleted_any_time() {
    let spool = capturing();
    let folder = spool.path("captured");
    let server = spool.serve();
    ask(&server, "one").is(200);
    wait_until("it is captured", || ids(&folder) == ["one"]);
    fs::remove_dir_all(&folder).unwrap();
    ask(&server, "two").is(200);
    wait_until("the next one is", || ids(&folder) == ["two"]);
}

#[test]
fn a_killed_server_leaves_whole_lines() {
    let spool = capturing();
    let folder = spool.path("captured");
    let server = spool.serve();
    let address = server.address;
    let senders: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn(move || {
                let body = format!(r#"{{"x": [[1]], "note": "{}"}}"#, "n".repeat(3000));
                let head = format!(
                    "POST /stream HTTP/1.1\r\nHost: t\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                let mut stream = std::net::TcpStream::connect(address).unwrap();
                // Until the server is gone.
                while stream.write_all((head.clone() + &body).as_bytes()).is_ok()
                    && std::io::Read::read(&mut stream, &mut [0; 1024]).is_ok_and(|read| read > 0)
                {}
            })
        })
        .collect();
    wait_until("there is some", || {
        let sizes = files(&folder).into_iter().map(|path| fs::metadata(path).unwrap().len());
        sizes.sum::<u64>() > 1 << 20
    });
    server.daemon.kill();
    senders.into_iter().for_each(|sender| sender.join().unwrap());
    // Whatever a kill can leave: the begin of a line.
    let last = files(&folder).pop().unwrap();
    let mut file = fs::File::options().append(true).open(&last).unwrap();
    file.write_all(br#"{"captureData":{"endpoint"#).unwrap();
    drop(file);
    let again = spool.serve();
    again.daemon.logs("cut a line that a killed server began to capture");
    ask(&again, "after").is(200);
    assert_eq!(again.stop(), 0);
    let events = events(&folder);
    assert!(events.len() > 250, "{}", events.len());
    assert_eq!(ids(&folder), ["after"]);
}

#[test]
fn staging_captures_where_production_does_not_look() {
    let spool = capturing();
    spool.register_line(5.0, 0.0);
    let (production, staging) = (spool.serve(), spool.serve_with(&["--stage", "staging"]));
    ask(&production, "real").is(200);
    assert_eq!(ask(&staging, "try").is(200).text(), "5.0");
    assert_eq!((production.stop(), staging.stop()), (0, 0));
    let folder = spool.path("captured");
    assert_eq!(ids(&folder.join("lines")), ["real"]);
    assert_eq!(ids(&folder.join(".staging/lines/2")), ["try"]);
}

#[test]
fn a_check_says_where_it_would_be_captured() {
    let spool = capturing().set("serve.keys=keys.toml");
    let ran = spool.run(&["check", "--serve"]).exits(0);
    assert!(
        ran.stdout.contains("server's capture: captured: 0 B of 10.0 GiB"),
        "{ran:?}"
    );
}
