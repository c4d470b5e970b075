//! Against bridges that speak as they should, or misbehave: shell scripts in Python's place.

use super::*;
use crate::config::Survey;
use crate::engine::attempts::ATTEMPTS;
use crate::engine::source::Source;
use crate::engine::task::{SurveyPieces, Work};
use crate::format::ranges::TextRules;
use crate::format::{Dialect, Encoding, RowFormat};
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use tempfile::TempDir;

const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(50);

const PATIENT: Patience = Patience {
    start: LONG,
    connect: LONG,
    silence: LONG,
    no_cpus: LONG,
    told: LONG,
    end: LONG,
};

/// What scripts begin with. `answer ID NODE RC`: the task ran, and reports what it should; `refuse`: and says why it failed.
const WORDS: &str = r#"#!/bin/sh
say() { printf '%s\n' "$1"; }
versions() { echo '{"ray":"2.60.0","python":"3.11.7"}'; }
nodes() {
  list=; for n in "$@"; do list="$list,{\"id\":\"$n\",\"host\":\"host-$n\",\"address\":\"10.0.0.1\",\"cpus\":2.0}"; done
  echo "{\"nodes\":[${list#,}]}"
}
next() {
  read -r line || exit 0
  id=${line#*'"id":'}; id=${id%%,*}
  task=${line#*'\"id\":'}; task=${task%%,*}
}
answer() { say "{\"id\":$id,\"node\":\"$1\",\"rc\":0,\"out\":\"{\\\"format\\\":1,\\\"id\\\":$task,\\\"answer\\\":{\\\"survey\\\":[]}}\\n\",\"err\":\"\"}"; }
refuse() { say "{\"id\":$id,\"node\":\"$1\",\"rc\":$2,\"out\":\"\",\"err\":\"thread main\\n{\\\"code\\\":\\\"$3\\\",\\\"message\\\":\\\"$4\\\"}\\n\"}"; }
"#;

struct Fake {
    dir: TempDir,
    session: Session,
}

impl Fake {
    fn with(script: &str, patience: Patience) -> Fake {
        let dir = tempfile::tempdir().unwrap();
        let python = dir.path().join("python");
        // Another process writes it: what a thread beside this one starts may inherit a descriptor, and a file that somebody has open
        // for writing can't be run.
        let mut writer = Command::new("sh");
        writer.args(["-c", "cat >\"$0\" && chmod +x \"$0\""]).arg(&python);
        let mut writer = writer.stdin(Stdio::piped()).spawn().unwrap();
        write!(
            writer.stdin.take().unwrap(),
            "{WORDS}folder={}\n{script}",
            dir.path().display()
        )
        .unwrap();
        assert!(writer.wait().unwrap().success());
        let engine = Engine {
            address: "auto".into(),
            part_size: 1 << 20,
            python,
            parts: dir.path().into(),
            survey: Survey::Worker,
        };
        let session = Session::with_patience(&engine, patience).unwrap();
        Fake { dir, session }
    }

    fn new(script: &str) -> Fake {
        Fake::with(script, PATIENT)
    }

    fn submit(&mut self) -> u64 {
        let id = self.session.next_id();
        self.session.submit(task(id), anywhere());
        id
    }

    #[track_caller]
    fn event(&mut self) -> Event {
        self.session.next(LONG).unwrap().expect("something happened")
    }

    /// How the session ends.
    #[track_caller]
    fn end(&mut self) -> (&'static str, String) {
        let error = loop {
            match self.session.next(LONG) {
                Ok(event) => assert!(event.is_none(), "{event:?}"),
                Err(error) => break error,
            }
        };
        (error.code(), error.to_string())
    }
}

fn anywhere() -> Place {
    Place::Anywhere {
        avoid: Vec::new(),
        never: Vec::new(),
    }
}

fn task(id: u64) -> Task {
    let input = Source {
        path: "/input/a.csv".into(),
        size: 1,
        mtime: 0,
    };
    let work = SurveyPieces {
        input,
        piece: 1 << 20,
        indices: 0..1,
        rules: TextRules {
            rows: RowFormat::Csv,
            encoding: Encoding::UTF_8,
            dialect: Dialect::plain(b','),
        },
    };
    Task::new(id, Work::Survey(work))
}

#[track_caller]
fn assert_end(script: &str, patience: Patience, code: &str, words: &str) {
    let (found, message) = Fake::with(script, patience).end();
    assert!(found == code && message.contains(words), "{found}: {message}");
}

#[test]
fn a_cluster_that_is_not_there_is_no_hang() {
    let impatient = Patience {
        start: SHORT,
        connect: SHORT,
        silence: SHORT,
        told: LONG,
        no_cpus: SHORT,
        end: SHORT,
    };
    let hang = "exec sleep 1000";
    assert_end(hang, impatient, "engine_unavailable", "Python doesn't come to run");
    let patient = Patience {
        start: LONG,
        ..impatient
    };
    assert_end(
        &format!("echo 'connecting...' >&2; versions; {hang}"),
        patient,
        "engine_unavailable",
        "the cluster doesn't answer for 50ms",
    );
    let patient = Patience {
        connect: LONG,
        ..patient
    };
    assert_end(
        &format!("versions; nodes a; {hang}"),
        patient,
        "engine_unavailable",
        "the bridge to Ray is silent",
    );
    // It speaks, and can do nothing.
    let script = "versions; while :; do echo '{\"nodes\":[]}'; done";
    assert_end(
        script,
        patient,
        "engine_unavailable",
        "no node of the cluster has a CPU",
    );
}

#[test]
fn a_bridge_that_ends_says_why() {
    for (script, code, words) in [
        (
            "echo \"ModuleNotFoundError: No module named 'ray'\" >&2",
            "engine_version",
            "engine.python has no Ray",
        ),
        (
            "versions; echo 'RuntimeError: Version mismatch: The cluster was started with:' >&2; echo '    Ray: 2.61.0' >&2",
            "engine_version",
            "Version mismatch: The cluster was started with: Ray: 2.61.0",
        ),
        (
            "versions; echo 'ConnectionError: Could not find any running Ray instance.' >&2",
            "engine_unavailable",
            "ended: ConnectionError: Could not find any running Ray instance.",
        ),
        ("kill -9 $$", "engine_unavailable", "ended: it says nothing"),
        (
            "echo 'usage: python'; cat",
            "engine_unavailable",
            "no message: usage: python",
        ),
        (
            "echo '{\"ray\":\"2.9.3\",\"python\":\"3.11.7\"}'; cat",
            "engine_version",
            "from 2.60 on",
        ),
        (
            "echo '{\"ray\":\"3.0.0\",\"python\":\"3.11.7\"}'; cat",
            "engine_version",
            "below 3.0",
        ),
    ] {
        assert_end(script, PATIENT, code, words);
    }
}

#[test]
fn tasks_may_be_submitted_before_the_cluster_answers() {
    let mut fake = Fake::new("next; versions; nodes a b; answer a; next; answer b; cat");
    let first = fake.submit();
    let Event::Done { report, node } = fake.event() else {
        panic!()
    };
    assert_eq!((report.id, &*node.host, fake.session.attempts), (first, "host-a", 1));
    assert_eq!((fake.session.cpus(), fake.session.flights.len()), (4, 0));
    let second = fake.submit();
    assert!(matches!(fake.event(), Event::Done { report, .. } if report.id == second));
    assert!(fake.session.next(Duration::ZERO).unwrap().is_none());
}

#[test]
fn a_task_that_fails_on_a_node_goes_to_another() {
    let script = "
        versions; nodes a b c
        next; refuse a 75 disk_full 'the disk is full'
        next; case $line in *'\"labels\":{\"ray.io/node-id\":\"!in(a)\"}'*) ;; *) exit 1;; esac; say \"{\\\"id\\\":$id,\\\"lost\\\":\\\"NodeDiedError\\\"}\"
        next; case $line in *'!in(a)'*) answer b;; esac; cat";
    let mut fake = Fake::new(script);
    fake.session.connect(&AtomicBool::new(false)).unwrap();
    let id = fake.submit();
    let Event::Done { report, node } = fake.event() else {
        panic!()
    };
    assert_eq!((report.id, &*node.id, fake.session.attempts), (id, "b", 3));
}

#[test]
fn a_task_that_no_node_can_do_is_given_up_and_says_where() {
    let script = "versions; nodes a b; while next; do refuse b 75 engine_model '/models/1: another one'; done";
    let mut fake = Fake::new(script);
    let id = fake.submit();
    let Event::Failed { id: failed, error } = fake.event() else {
        panic!()
    };
    assert_eq!((failed, error.code(), error.exit_code()), (id, "engine_model", 75));
    assert_eq!(error.to_string(), "node host-b (10.0.0.1): /models/1: another one");
    assert_eq!(fake.session.attempts, u64::from(ATTEMPTS));
}

/// The same exit would come of it anywhere.
#[test]
fn what_is_permanent_is_not_tried_again() {
    let mut fake = Fake::new("versions; nodes a b; next; refuse a 64 configuration bad; cat");
    fake.submit();
    let Event::Failed { error, .. } = fake.event() else {
        panic!()
    };
    assert_eq!(
        (error.exit_code(), error.to_string()),
        (64, "node host-a (10.0.0.1): bad".into())
    );
    assert_eq!(fake.session.attempts, 1);
}

#[test]
fn a_panic_counts_once_another_node_has_it_too() {
    let script = "versions; nodes a b; next; refuse a 70 internal oops; next; answer b
        next; refuse a 70 internal oops; next; refuse b 70 internal again; cat";
    let mut fake = Fake::new(script);
    let id = fake.submit();
    assert!(matches!(fake.event(), Event::Done { report, node } if report.id == id && node.id == "b"));
    let id = fake.submit();
    assert!(matches!(fake.event(), Event::Panicked { id: panicked, message } if panicked == id && message == "again"));
    assert_eq!(fake.session.attempts, 4);
}

#[test]
fn a_node_whose_every_task_fails_gets_no_more() {
    let script = "
        versions; nodes a b
        while next; do case $line in *'!in(a)'*) answer b;; *) refuse a 75 disk_full full;; esac; done";
    let mut fake = Fake::new(script);
    fake.session.connect(&AtomicBool::new(false)).unwrap();
    let mut attempts = Vec::new();
    for _ in 0..5 {
        let before = fake.session.attempts;
        fake.submit();
        assert!(matches!(fake.event(), Event::Done { .. }));
        attempts.push(fake.session.attempts - before);
    }
    assert_eq!(attempts, [2, 2, 2, 1, 1]);
}

#[test]
fn what_waits_for_nodes_that_left_goes_elsewhere() {
    let script = "
        versions; nodes a b
        next; refuse a 75 disk_full full
        next; first=$id; nodes a
        next; case $line in '{\"cancel\":'$first'}'*) ;; *) exit 1;; esac
        next; case $line in *'\"labels\":{}'*) answer a;; esac
        next; nodes a; cat";
    let mut fake = Fake::new(script);
    fake.session.connect(&AtomicBool::new(false)).unwrap();
    fake.submit();
    assert!(matches!(fake.event(), Event::Done { .. }));
    assert_eq!(fake.session.attempts, 3);
    // What is for one node alone has nowhere else to go.
    let id = fake.session.next_id();
    fake.session.submit(task(id), Place::Node("b".into()));
    let Event::Failed { error, .. } = fake.event() else {
        panic!()
    };
    assert!(error.to_string().contains("the node left the cluster"), "{error}");
}

#[test]
fn a_cancelled_task_comes_to_nothing() {
    let script =
        "versions; nodes a; next; first=$id one=$task; next; id=$first task=$one; answer a; next; answer a; cat";
    let mut fake = Fake::new(script);
    let first = fake.submit();
    fake.session.cancel(first);
    let second = fake.submit();
    assert_eq!(fake.event().id(), second);
}

#[test]
fn a_bridge_that_hangs_takes_nobody_with_it_and_is_left_to_nobody() {
    let patience = Patience { end: SHORT, ..PATIENT };
    let mut fake = Fake::with(
        "trap '' TERM INT HUP; versions; nodes a; echo $$ >$folder/pid; exec sleep 1000",
        patience,
    );
    fake.session.connect(&AtomicBool::new(false)).unwrap();
    // More than a pipe holds.
    for _ in 0..2000 {
        fake.submit();
    }
    let pid = loop {
        // It stands there once it is written to its end.
        let text = fs::read_to_string(fake.dir.path().join("pid")).unwrap_or_default();
        if let Some(pid) = text.strip_suffix('\n') {
            break pid.to_string();
        }
        fake.session.next(SHORT).unwrap();
    };
    let process = std::path::Path::new("/proc").join(pid);
    assert!(process.exists());
    drop(fake.session);
    assert!(!process.exists());
}

#[test]
fn a_python_that_is_not_there_is_named() {
    let engine = Engine {
        address: "auto".into(),
        part_size: 1 << 20,
        python: "/nowhere/python".into(),
        parts: "/".into(),
        survey: Survey::Worker,
    };
    let error = Session::start(&engine).map(drop).unwrap_err();
    assert_eq!(error.code(), "configuration");
    assert!(
        error
            .to_string()
            .starts_with("/nowhere/python: engine.python can't be run"),
        "{error}"
    );
}

#[test]
fn what_a_node_that_left_never_tells_of_is_tried_again_and_the_late_one_is_ended() {
    let patience = Patience {
        told: SHORT,
        end: SHORT,
        ..PATIENT
    };
    // The first attempt is where node a was, and nobody tells.
    let script = "versions; nodes a b; next; nodes b; next; answer b; next; say \"$line\" >$folder/told; sleep 1000";
    let mut fake = Fake::with(script, patience);
    let task = fake.submit();
    assert!(matches!(fake.event(), Event::Done { report, node } if report.id == task && node.id == "b"));
    let told = fake.dir.path().join("told");
    let deadline = Instant::now() + LONG;
    while fs::read_to_string(&told).is_err() {
        assert!(Instant::now() < deadline, "nobody ends the first attempt");
        fake.session.next(SHORT).unwrap();
    }
    assert_eq!(fs::read_to_string(&told).unwrap(), "{\"cancel\":1}\n");
}

#[test]
fn what_one_node_read_no_other_than_another_checks() {
    let patience = Patience { end: SHORT, ..PATIENT };
    let mut fake = Fake::with("versions; nodes a; next; sleep 1000", patience);
    fake.session.connect(&AtomicBool::new(false)).unwrap();
    let id = fake.session.next_id();
    let never = vec!["a".to_string()];
    let avoid = Vec::new();
    fake.session.submit(task(id), Place::Anywhere { avoid, never });
    let Event::Failed { error, .. } = fake.event() else {
        panic!("it is done by the node that mustn't")
    };
    assert_eq!(error.code(), "engine_node");
}

#[test]
fn where_nobody_listens_nobody_is_waited_for() {
    // A port that no system gives.
    let address = "127.0.0.1:1";
    let engine = Engine {
        address: address.into(),
        part_size: 1 << 20,
        python: "/bin/true".into(),
        parts: "/".into(),
        survey: Survey::Worker,
    };
    let mut session = Session::with_patience(&engine, PATIENT).unwrap();
    let error = session.connect(&AtomicBool::new(false)).unwrap_err();
    let said = error.to_string();
    assert!(
        error.code() == "engine_unavailable" && said.contains(address) && said.contains("refused"),
        "{said}"
    );
}
