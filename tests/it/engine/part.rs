//! `transform part run`, as a node runs it.

use crate::spool::{Ran, Spool};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use transform::config::{Config, Sources};
use transform::engine::lineup::Members;
use transform::engine::task::{ScoreRange, SurveyPieces};
use transform::engine::{Answer, Report, Source, Task, Work};
use transform::format::ranges::{InputRange, Ranges, TextRules};
use transform::registry::{Current, Registry};
use transform::transform::{Prepared, Run, Scorer};

/// Bytes.
const PIECE: u64 = 1 << 20;

/// What a driver knows of an input.
struct Driver {
    config: Config,
    members: Members,
    scorer: Scorer,
    source: Source,
}

impl Driver {
    fn of(spool: &Spool, name: &str) -> Driver {
        let set = |key: &str, folder: &str| format!("{key}={}", spool.path(folder).display());
        let sources = Sources {
            file: Some(spool.path("transform.toml")),
            set: vec![set("models.path", "models"), set("input.path", "input")],
            ..Sources::default()
        };
        let config = sources.load().unwrap();
        let mut current = Current::new(Registry::new(&config.models.path, &config.models.group)).watched(true);
        current.look();
        let path = spool.path("input").join(name);
        let found = fs::metadata(&path).unwrap();
        Driver {
            members: Members::of(&config, current.lineup().unwrap(), current.baselines()),
            scorer: Scorer::new(current.lineup().unwrap().clone(), config.shape.clone()),
            source: Source {
                path,
                size: found.len(),
                mtime: found.mtime(),
            },
            config,
        }
    }

    /// A survey of all pieces.
    fn survey(&self) -> Task {
        let work = SurveyPieces {
            input: self.source.clone(),
            piece: PIECE,
            indices: 0..self.source.size.div_ceil(PIECE),
            rules: self.rules(),
        };
        Task::new(1, Work::Survey(work))
    }

    fn rules(&self) -> TextRules {
        let file = fs::File::open(&self.source.path).unwrap();
        let run = Run::default();
        Prepared::new(&file, &self.scorer, &run, &[]).unwrap().rules()
    }

    /// Tasks to score its ranges, numbered from 2.
    fn score(&self, spool: &Spool, survey: &Report) -> Vec<Task> {
        let Answer::Survey(surveys) = &survey.answer else {
            panic!("{survey:?}")
        };
        let mut ranges = Ranges::new(self.source.size, PIECE);
        surveys.iter().for_each(|survey| ranges.take(*survey));
        let file = fs::File::open(&self.source.path).unwrap();
        let first = Prepared::new(&file, &self.scorer, &Run::default(), &[])
            .unwrap()
            .first();
        let ranges = std::iter::from_fn(|| ranges.next_range()).zip(2..);
        let task = |(range, id)| {
            let score = ScoreRange {
                input: self.source.clone(),
                first,
                range: InputRange::Text(range),
                members: self.members.clone(),
                shape: self.config.shape.text(),
                phase: None,
                trials: Vec::new(),
                memory: self.config.worker.memory,
                part: spool.path(format!("part-{id}")),
            };
            Task::new(id, Work::Score(Box::new(score)))
        };
        ranges.map(task).collect()
    }
}

fn run(spool: &Spool, tasks: &[Task]) -> Ran {
    let lines: Vec<String> = tasks.iter().map(Task::line).collect();
    run_lines(spool, &lines.join("\n"))
}

fn run_lines(spool: &Spool, lines: &str) -> Ran {
    spool.filter(&["part", "run", "--tasks", "-"], lines.as_bytes())
}

fn reports(ran: &Ran) -> Vec<Report> {
    ran.stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A spool with an input of `rows`, its driver, and a task to score its first range.
fn ready(rows: usize) -> (Spool, Driver, Vec<Task>) {
    let spool = Spool::new();
    let rows: String = (0..rows).map(|i| format!("{i},\"a\nb\"\n")).collect();
    spool.drop_file("a.csv", format!("x,note\n{rows}"));
    let driver = Driver::of(&spool, "a.csv");
    let ran = run(&spool, &[driver.survey()]).exits(0);
    let tasks = driver.score(&spool, &reports(&ran)[0]);
    (spool, driver, tasks)
}

/// Exits so, with that code on stderr, reports nothing, and leaves no part.
#[track_caller]
fn assert_fails(spool: &Spool, ran: Ran, exit: i32, code: &str) -> Ran {
    let ran = ran.exits(exit).says(&format!("{{\"code\":\"{code}\",\"message\":"));
    assert_eq!(ran.stdout, "");
    assert!(!spool.path("part-2").exists());
    ran
}

#[test]
fn an_input_is_surveyed_and_its_ranges_are_scored() {
    const ROWS: usize = 200_000;
    let (spool, _, tasks) = ready(ROWS);
    assert_eq!(tasks.len(), 3);
    // A file of several tasks: a report of each.
    let lines: Vec<String> = tasks.iter().map(Task::line).collect();
    fs::write(spool.path("tasks"), lines.join("\n") + "\n\n").unwrap();
    let ran = spool.run(&["part", "run", "--tasks", "tasks"]).exits(0);
    let mut rows = 0;
    for (report, task) in reports(&ran).iter().zip(&tasks) {
        let Answer::Score(part) = &report.answer else {
            panic!("{report:?}")
        };
        assert_eq!(report.id, task.id);
        let bytes = fs::read(&part.path).unwrap();
        assert_eq!((bytes.len() as u64, blake3::hash(&bytes)), (part.size, part.hash.0));
        rows += part.scored.rows;
    }
    assert_eq!(rows, ROWS as u64);
}

#[test]
fn an_attempt_does_not_touch_the_part_of_another() {
    let (spool, _, tasks) = ready(10);
    let attempt = tasks[0].attempt("x-1");
    let ran = run(&spool, std::slice::from_ref(&attempt)).exits(0);
    let Answer::Score(part) = &reports(&ran)[0].answer else {
        panic!()
    };
    assert_eq!(part.path, spool.path("part-2.x-1"));
    let ran = run(&spool, &[attempt]);
    assert_fails(&spool, ran, 75, "io_error").says("can't make");
    assert!(part.path.exists());
}

#[test]
fn another_input_than_the_drivers_is_refused() {
    let (spool, driver, tasks) = ready(10);
    let path = &driver.source.path;
    let text = fs::read_to_string(path).unwrap();
    let of_then = |path: &Path| {
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(driver.source.mtime as u64);
        fs::File::options()
            .append(true)
            .open(path)
            .unwrap()
            .set_modified(time)
            .unwrap();
    };
    // By its size; by its bytes alone: a later row, and the head.
    for (new, said) in [
        (text.clone() + "7,\n", "it is another one than the worker's"),
        (
            text.replace("5,", "6,"),
            "it has other contents than it had for the worker",
        ),
        (
            text.replace("x,", "y,"),
            "it has other contents than it had for the worker",
        ),
    ] {
        fs::write(path, new).unwrap();
        of_then(path);
        assert_fails(&spool, run(&spool, &tasks), 75, "engine_input").says(said);
    }
    fs::remove_file(path).unwrap();
    let ran = run(&spool, &tasks);
    assert_fails(&spool, ran, 75, "engine_input").says("a.csv: it isn't there");
    fs::write(path, &text).unwrap();
    of_then(path);
    run(&spool, &tasks).exits(0);
}

#[test]
fn another_model_than_the_drivers_is_refused() {
    let (spool, _, tasks) = ready(10);
    let manifest = spool.path("models/lines/1/model.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.clone() + "# mended\n").unwrap();
    let ran = run(&spool, &tasks);
    assert_fails(&spool, ran, 75, "engine_model").says("model.toml: another one was proven, of SHA-256 ");
    fs::write(&manifest, text).unwrap();
    let artifact = spool.path("models/lines/1/linear.json");
    fs::write(&artifact, "{}").unwrap();
    assert_fails(&spool, run(&spool, &tasks), 75, "engine_model").says("linear.json: ");
    fs::remove_dir_all(spool.path("models/lines/1")).unwrap();
    assert_fails(&spool, run(&spool, &tasks), 75, "engine_model").says("model.toml: the file is missing");
}

#[test]
fn a_task_of_another_version_is_refused_and_what_is_none() {
    let (spool, _, tasks) = ready(10);
    let line = tasks[0].line();
    for (from, to) in [
        ("\"format\":1", "\"format\":99,\"what\":\"is new\""),
        (
            concat!("\"version\":\"", env!("CARGO_PKG_VERSION")),
            "\"version\":\"0.0.9",
        ),
        ("\"output_format\":", "\"output_format\":9"),
    ] {
        let ran = run_lines(&spool, &line.replacen(from, to, 1));
        assert_fails(&spool, ran, 64, "engine_version").says("install the same one here");
    }
    let newer = line.replacen("\"id\":", "\"more\":1,\"id\":", 1);
    for wrong in [&*newer, "{}", "hello"] {
        assert_fails(&spool, run_lines(&spool, wrong), 64, "configuration").says("a line is no task");
    }
    spool
        .run(&["part", "run", "--tasks", "nowhere"])
        .exits(64)
        .says("\"configuration\"");
    run_lines(&spool, "").exits(0);
}

#[test]
fn a_part_that_cannot_be_written_is_tried_elsewhere() {
    let (spool, _, mut tasks) = ready(10);
    let mut score_into = |part: &Path| {
        let Work::Score(score) = &mut tasks[0].work else {
            panic!()
        };
        score.part = part.into();
        run(&spool, &tasks)
    };
    let ran = score_into(&spool.path("nowhere/part"));
    assert_fails(&spool, ran, 75, "not_found").says("can't make");
    // A file stands where its folder should.
    let ran = score_into(Path::new("/dev/full/part"));
    assert_fails(&spool, ran, 75, "io_error");
}

#[test]
fn it_ends_with_the_process_that_started_it() {
    let spool = Spool::new();
    let ran = spool.run(&["part", "run", "--tasks", "-", "--parent", "1"]);
    ran.exits(64)
        .says("--parent: process 1 is not the one that started this one");
    // It waits for more tasks; its parent is killed, and can't tell it.
    let (spool, driver, _) = ready(10);
    let mut parent = Command::new("sh")
        .args([
            "-c",
            "exec 3<&0; \"$0\" part run --tasks - --parent $$ <&3 & wait",
            env!("CARGO_BIN_EXE_transform"),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = parent.stdin.take().unwrap();
    writeln!(stdin, "{}", driver.survey().line()).unwrap();
    let mut stdout = BufReader::new(parent.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert!(line.contains("\"survey\""), "{line}");
    parent.kill().unwrap();
    parent.wait().unwrap();
    // Its end is the end of its stdout.
    assert_eq!(stdout.read_line(&mut line).unwrap(), 0);
    drop((stdin, spool));
}
