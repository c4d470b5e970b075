//! A/B tests: a challenger answers for a share of the keys.

use crate::spool::{Ran, Spool};
use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

/// With `2 x + 1` approved, and `3 x` registered as version 2; outputs say who answered.
fn spool() -> Spool {
    let spool = Spool::new()
        .set("input.max_bad_rows=100%")
        .set("output.model_version=true");
    assert_eq!(spool.register_line(3.0, 0.0), 2);
    spool
}

fn start(spool: &Spool, share: &str, flags: &[&str]) -> Ran {
    let command = [
        "experiment",
        "start",
        "ab",
        "--challenger",
        "2",
        "--key",
        "id",
        "--salt",
        "spring",
        "--share",
        share,
    ];
    spool.run(&[&command[..], flags].concat())
}

fn decide(spool: &Spool, command: &[&str]) -> Ran {
    spool.run(&[&["experiment"], command].concat())
}

/// As `printf 'spring\0KEY' | b3sum` has it, in hundredths of a percent.
fn place(key: &str) -> u64 {
    let hash = blake3::hash(format!("spring\0{key}").as_bytes());
    let bucket = u64::from_be_bytes(*hash.as_bytes().first_chunk().unwrap());
    ((u128::from(bucket) * 10_000) >> 64) as u64
}

fn key(row: usize) -> String {
    format!("C{row:04}")
}

const ROWS: usize = 400;

/// A row a key.
fn customers() -> String {
    let row = |row| format!("{},{row}\n", key(row));
    "id,x\n".to_owned() + &(0..ROWS).map(row).collect::<String>()
}

/// What it should come to if keys below `percent` are the challenger's.
fn expected(percent: u64) -> String {
    let row = |row: usize| {
        let x = row as f64;
        match place(&key(row)) < percent * 100 {
            true => format!("{:?},2\n", 3.0 * x),
            false => format!("{:?},1\n", 2.0 * x + 1.0),
        }
    };
    "prediction,model_version\n".to_owned() + &(0..ROWS).map(row).collect::<String>()
}

fn made(spool: &Spool, name: &str) -> SystemTime {
    let output = spool.path(format!("output/{name}.out"));
    fs::metadata(output).unwrap().modified().unwrap()
}

fn kept(spool: &Spool, name: &str) -> PathBuf {
    spool.path(format!("spool/shadow/ab/{name}.out"))
}

#[test]
fn what_an_ab_test_needs_is_refused_by_name_where_it_is_missing() {
    let spool = Spool::new();
    spool.register_line(3.0, 0.0);
    start(&spool, "10%", &[]).exits(64).says("output.model_version");
    let spool = spool.set("output.model_version=true");
    start(&spool, "0%", &[]).exits(64);
    start(&spool, "101%", &[]).exits(64);
    start(&spool, "10%", &["--abort-if", "bad_rows"])
        .exits(64)
        .says("bad_rows > 1%");
    decide(&spool, &["start", "ab", "--challenger", "2", "--share", "10%"])
        .exits(64)
        .says("--key");
    start(&spool, "10%", &[]).exits(0);
    decide(
        &spool,
        &["start", "other", "--challenger", "2", "--key", "id", "--share", "1%"],
    )
    .exits(64)
    .says("ab");
    decide(&spool, &["ramp", "ab", "10%"]).exits(64);
}

#[test]
fn a_challenger_answers_for_its_keys_of_what_comes_and_of_nothing_that_was_there() {
    let spool = spool();
    spool.drop_file("before.csv", customers());
    spool.once().exits(0);
    let before = made(&spool, "before.csv");
    start(&spool, "10%", &[]).exits(0);
    spool.drop_file("ten.csv", customers());
    spool.once().exits(0).says("by lines/1 and lines/2");
    assert_eq!(spool.output("before.csv").unwrap(), expected(0));
    assert_eq!(spool.output("ten.csv").unwrap(), expected(10));
    assert!(expected(10).contains(",2\n"));

    // A ramp moves keys of the champion alone, in what comes.
    let ten = made(&spool, "ten.csv");
    decide(&spool, &["ramp", "ab", "30%"]).exits(0);
    spool.drop_file("thirty.csv", customers());
    spool.once().exits(0);
    assert_eq!(spool.output("thirty.csv").unwrap(), expected(30));
    decide(&spool, &["stop", "ab", "--reason", "seen enough"]).exits(0);
    spool.drop_file("after.csv", customers());
    spool.once().exits(0);
    assert_eq!(spool.output("after.csv").unwrap(), expected(0));
    spool.once().exits(0).says("nothing to do");
    assert_eq!((made(&spool, "before.csv"), made(&spool, "ten.csv")), (before, ten));
    assert_eq!(spool.run(&["status", "--json"]).exits(0).json()["pending"], 0);

    // Whatever makes them again, they are the same.
    for (name, percent) in [("ten.csv", 10), ("thirty.csv", 30), ("after.csv", 0)] {
        fs::remove_file(spool.path(format!("output/{name}.out"))).unwrap();
        spool.once().exits(0).says("scored 1 file");
        assert_eq!(spool.output(name).unwrap(), expected(percent), "{name}");
    }
    let bytes = |name: &str| fs::read(spool.path(format!("input/{name}"))).unwrap();
    for (name, percent) in [("ten.csv", 10), ("before.csv", 0)] {
        // The same contents again, and settings by which outputs are others.
        spool.deliver(name, bytes(name));
        let more = spool.run(&["--once", "--set", "output.columns=[\"id\"]"]).exits(0);
        more.says("scored");
        let by_version = |text: &str, row: usize| text.lines().nth(row).unwrap().rsplit(',').next().unwrap().to_owned();
        let (found, expected) = (spool.output(name).unwrap(), expected(percent));
        for row in 1..=ROWS {
            assert_eq!(by_version(&found, row), by_version(&expected, row), "{name} {row}");
        }
        spool.once().exits(0);
        assert_eq!(spool.output(name).unwrap(), expected, "{name}");
    }
    // Other contents are of today.
    spool.deliver("ten.csv", customers() + "C9999,1\n");
    spool.once().exits(0);
    assert_eq!(spool.output("ten.csv").unwrap(), expected(0) + "3.0,1\n");
}

#[test]
fn what_each_arm_said_is_kept_beside_and_made_again_if_it_goes() {
    let spool = spool();
    start(&spool, "50%", &[]).exits(0);
    let keyless = "id,x\nC0000,1\n,2\n  ,3\nC0001,oops\n17.0,4\n17,4\nC0002,5,6\n";
    spool.drop_file("few.csv", keyless);
    spool.drop_file("none.csv", "x\n1\n2\n");
    spool.once().exits(0);
    let arm = |key: &str| if place(key) < 5_000 { "challenger" } else { "champion" };
    let said = |key: &str, x: f64| match arm(key) {
        "challenger" => 3.0 * x,
        _ => 2.0 * x + 1.0,
    };
    let whole = format!("{},{:?}", arm("17"), said("17", 4.0));
    let expected = format!(
        "line,key,arm,prediction\n2,C0000,{},{:?}\n3,,,5.0\n4,,,7.0\n5,C0001,{},\n6,17.0,{whole}\n7,17,{whole}\n8,,,\n",
        arm("C0000"),
        said("C0000", 1.0),
        arm("C0001"),
    );
    assert_eq!(fs::read_to_string(kept(&spool, "few.csv")).unwrap(), expected);
    assert_eq!(
        spool.output("none.csv").unwrap(),
        "prediction,model_version\n3.0,1\n5.0,1\n"
    );
    assert_eq!(
        fs::read_to_string(kept(&spool, "none.csv")).unwrap(),
        "line,key,arm,prediction\n2,,,3.0\n3,,,5.0\n"
    );
    let before = made(&spool, "few.csv");
    fs::remove_file(kept(&spool, "few.csv")).unwrap();
    spool.once().exits(0);
    assert_eq!(fs::read_to_string(kept(&spool, "few.csv")).unwrap(), expected);
    assert_eq!(made(&spool, "few.csv"), before);
    decide(&spool, &["list"]).exits(0).says("50%").says("2 files");
}

#[test]
fn a_rejected_challenger_takes_back_what_it_answered_and_a_promoted_one_answers_all() {
    let spool = spool();
    start(&spool, "40%", &[]).exits(0);
    spool.drop_file("a.csv", customers());
    spool.once().exits(0);
    assert_eq!(spool.output("a.csv").unwrap(), expected(40));
    spool.reject(2);
    spool.once().exits(0).says("scored 1 file");
    assert_eq!(spool.output("a.csv").unwrap(), expected(0));

    let version = spool.register_line(5.0, 0.0).to_string();
    let start = [
        "start",
        "next",
        "--challenger",
        &version,
        "--key",
        "id",
        "--share",
        "50%",
    ];
    decide(&spool, &start).exits(0);
    spool.drop_file("b.csv", customers());
    spool.once().exits(0);
    decide(&spool, &["promote", "next", "--reason", "better"]).exits(0);
    spool.once().exits(0).says("scored 2 files");
    for name in ["a.csv", "b.csv"] {
        let output = spool.output(name).unwrap();
        assert!(output.lines().skip(1).all(|line| line.ends_with(",3")), "{name}");
    }
    let report = spool.path("models/lines/experiments/next.report.json");
    assert!(fs::read_to_string(report).unwrap().contains("\"next\""));
    decide(&spool, &["list"]).exits(0).says("promoted");
}

#[test]
fn nobody_answers_for_a_challenger_that_is_damaged() {
    let spool = spool();
    start(&spool, "40%", &[]).exits(0);
    let artifact = spool.path("models/lines/2/linear.json");
    let whole = fs::read(&artifact).unwrap();
    fs::write(&artifact, "{}").unwrap();
    let (ours, theirs): (Vec<usize>, Vec<usize>) = (0..ROWS).partition(|row| place(&key(*row)) >= 4_000);
    let rows = |of: &[usize]| {
        "id,x\n".to_owned()
            + &of
                .iter()
                .map(|row| format!("{},{row}\n", key(*row)))
                .collect::<String>()
    };
    spool.drop_file("ours.csv", rows(&ours));
    spool.drop_file("theirs.csv", rows(&theirs[..1]));
    spool.once().exits(75).says("theirs.csv");
    assert!(spool.output("ours.csv").is_some());
    assert_eq!((spool.output("theirs.csv"), spool.report("theirs.csv")), (None, None));
    spool.run(&["status"]).says("keys of it are the challenger's");
    fs::write(&artifact, whole).unwrap();
    spool.once().exits(0);
    let x = theirs[0] as f64;
    assert_eq!(
        spool.output("theirs.csv").unwrap(),
        format!("prediction,model_version\n{:?},2\n", 3.0 * x)
    );

    // Whose keys are its can't be told then.
    let file = spool.path("models/lines/experiments/ab.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("salt =", "pepper =")).unwrap();
    spool.drop_file("more.csv", rows(&ours));
    spool.once().exits(64).says("ab.toml");
    assert_eq!(spool.output("more.csv"), None);
    fs::write(&file, text).unwrap();
    spool.once().exits(0);
    assert!(spool.output("more.csv").is_some());
}

/// More than one in a hundred of its rows can't be scored; the file is whole, and the next one is the champion's alone.
#[test]
fn a_guard_halts_a_challenger_until_a_person_decides() {
    let spool = spool().set("alerts.path=alerts");
    let model = r#"{"features":["y"],"coefficients":[3],"intercept":0}"#;
    let version = spool.register(model).to_string();
    let start = [
        "start",
        "guarded",
        "--challenger",
        &version,
        "--key",
        "id",
        "--salt",
        "spring",
        "--share",
        "50%",
    ];
    decide(&spool, &[&start[..], &["--abort-if", "bad_rows > 1%"]].concat()).exits(0);
    let text = |bad: usize| {
        let row = |row: usize| format!("{},{row},{}\n", key(row), if row < bad { "oops" } else { "1" });
        "id,x,y\n".to_owned() + &(0..3 * ROWS).map(row).collect::<String>()
    };
    spool.drop_file("good.csv", text(0));
    spool.once().exits(0);
    spool.drop_file("bad.csv", text(60));
    spool.once().exits(1).says("halted: experiment guarded");
    let bad = spool.output("bad.csv").unwrap();
    assert!(bad.contains(&format!(",{version}\n")));
    spool.drop_file("next.csv", text(60));
    spool.once().exits(1);
    assert!(!spool.output("next.csv").unwrap().contains(&format!(",{version}\n")));
    decide(&spool, &["list"]).exits(0).says("halted");
    spool.run(&["status"]).says("bad_rows");
    let told = spool.names("alerts").into_iter().find(|name| name.contains("halted"));
    let told = fs::read_to_string(spool.path("alerts").join(told.unwrap())).unwrap();
    assert!(told.contains("experiment guarded is halted: bad_rows"), "{told}");
    decide(&spool, &["ramp", "guarded", "60%"]).exits(64).says("halted");
    decide(&spool, &["promote", "guarded"]).exits(64).says("halted");

    decide(&spool, &["resume", "guarded", "--reason", "mended upstream"]).exits(0);
    spool.drop_file("mended.csv", text(0));
    spool.once().exits(0);
    assert!(spool.output("mended.csv").unwrap().contains(&format!(",{version}\n")));
    let file = fs::read_to_string(spool.path("models/lines/experiments/guarded.toml")).unwrap();
    assert!(file.contains("resume") && file.contains("bad_rows > 1%"), "{file}");
    // What the first phase made is as it was.
    spool.once().exits(0).says("nothing to do");
    fs::remove_file(spool.path("output/bad.csv.out")).unwrap();
    spool.once().exits(0);
    assert_eq!(spool.output("bad.csv").unwrap(), bad);
}

#[test]
fn an_output_says_who_answered_as_long_as_a_challenger_does() {
    let spool = spool();
    start(&spool, "40%", &[]).exits(0);
    spool.run(&["check"]).exits(0).says("ab (version 2 as a challenger)");
    let silent = ["--set", "output.model_version=false"];
    spool
        .run(&[&["check"], &silent[..]].concat())
        .exits(64)
        .says("which version did");
    spool.drop_file("a.csv", customers());
    spool
        .run(&[&["--once"], &silent[..]].concat())
        .exits(64)
        .says("output.model_version");
    assert_eq!(spool.output("a.csv"), None);
    spool.once().exits(0);
    assert_eq!(spool.output("a.csv").unwrap(), expected(40));
}

/// Killed after an output had its name, and before it was recorded: what was claimed of it says by whom it is made again.
#[test]
fn a_killed_worker_leaves_by_whom_its_outputs_were_made() {
    let spool = spool();
    let ledger = || rusqlite::Connection::open(spool.path("state/ledger.db")).unwrap();
    start(&spool, "10%", &[]).exits(0);
    spool.drop_file("ten.csv", customers());
    spool.once().exits(0);
    let claim =
        "INSERT INTO claims SELECT input, input_hash, phase FROM results; DELETE FROM results; DELETE FROM trials";
    ledger().execute_batch(claim).unwrap();
    decide(&spool, &["ramp", "ab", "60%"]).exits(0);
    spool.once().exits(0);
    assert_eq!(spool.output("ten.csv").unwrap(), expected(10));
    let claims: i64 = ledger()
        .query_row("SELECT count(*) FROM claims", [], |row| row.get(0))
        .unwrap();
    assert_eq!(claims, 0, "it is recorded now");
    // Other contents are of today.
    ledger().execute_batch(claim).unwrap();
    spool.deliver("ten.csv", customers() + "C9999,1\n");
    spool.once().exits(0);
    assert!(spool.output("ten.csv").unwrap().starts_with(&expected(60)));
    decide(&spool, &["stop", "ab"]).exits(0);

    // Of none was claimed what was published before a test began; it stands since then.
    spool.drop_file("before.csv", customers());
    spool.once().exits(0);
    ledger().execute_batch("DELETE FROM results").unwrap();
    decide(
        &spool,
        &["start", "next", "--challenger", "2", "--key", "id", "--share", "90%"],
    )
    .exits(0);
    spool.once().exits(0);
    assert_eq!(spool.output("before.csv").unwrap(), expected(0));
}

#[test]
fn what_is_kept_is_purged_for_good() {
    let spool = spool();
    start(&spool, "50%", &[]).exits(0);
    spool.drop_file("a.csv", customers());
    spool.once().exits(0);
    assert!(kept(&spool, "a.csv").exists());
    decide(&spool, &["stop", "ab", "--purge"]).exits(0);
    spool.once().exits(0);
    fs::remove_file(spool.path("output/a.csv.out")).unwrap();
    spool.once().exits(0);
    assert_eq!(spool.output("a.csv").unwrap(), expected(50));
    assert!(!kept(&spool, "a.csv").exists());
}

/// A file that fails for its rows, and one whose lines can't be kept, are bad rows as others are.
#[test]
fn a_guard_looks_at_files_that_fail_and_at_those_of_which_nothing_can_be_kept() {
    for fails in [true, false] {
        let spool = Spool::new().set("output.model_version=true").set(if fails {
            "input.max_bad_rows=1%"
        } else {
            "input.max_bad_rows=100%"
        });
        spool.register(r#"{"features":["y"],"coefficients":[3],"intercept":0}"#);
        let start = ["start", "ab", "--challenger", "2", "--key", "id", "--share", "100%"];
        decide(&spool, &[&start[..], &["--abort-if", "bad_rows > 1%"]].concat()).exits(0);
        if !fails {
            fs::create_dir_all(spool.path("spool/shadow/ab/a.csv.out/in the way")).unwrap();
        }
        let row = |row: usize| format!("{},1,{}\n", key(row), if row.is_multiple_of(10) { "oops" } else { "1" });
        spool.drop_file("a.csv", "id,x,y\n".to_owned() + &(0..1000).map(row).collect::<String>());
        spool.once().exits(1).says("halted: experiment ab");
        assert_eq!(spool.report("a.csv").is_some(), fails);
        decide(&spool, &["report", "ab"])
            .exits(0)
            .says("1 file left out: a.csv");
        // Then the champion answers, who can.
        if fails {
            decide(&spool, &["stop", "ab"]).exits(0);
            spool.once().exits(0);
            assert_eq!(spool.output("a.csv").unwrap().lines().count(), 1001);
        }
    }
}

#[test]
fn an_input_of_a_phase_that_nobody_knows_waits_for_a_person() {
    let spool = spool();
    start(&spool, "40%", &[]).exits(0);
    spool.drop_file("a.csv", customers());
    spool.once().exits(0);
    let [experiments, away] = ["models/lines/experiments", "away"].map(|path| spool.path(path));
    fs::rename(&experiments, &away).unwrap();
    spool.once().exits(75);
    spool.run(&["status"]).says("was answered in phase ab/1");
    assert_eq!(spool.output("a.csv").unwrap(), expected(40));
    // Another group's version makes it again whoever answered before.
    let line = r#"{"features":["x"],"coefficients":[7],"intercept":0}"#;
    fs::write(spool.path("other.json"), line).unwrap();
    let register = [
        "models",
        "register",
        "other.json",
        "--format",
        "linear",
        "--group",
        "other",
        "--approve",
    ];
    spool.run(&register).exits(0);
    spool.run(&["--once", "--set", "models.group=other"]).exits(0);
    assert!(spool.output("a.csv").unwrap().contains("\n7.0,1\n"));

    fs::rename(&away, &experiments).unwrap();
    spool.once().exits(0);
    assert_eq!(spool.output("a.csv").unwrap(), expected(40));
    fs::rename(&experiments, &away).unwrap();
    spool.run(&["--once", "--all"]).exits(0);
    assert_eq!(spool.output("a.csv").unwrap(), expected(0));
}

#[test]
fn a_key_column_that_stands_twice_is_refused_and_a_clock_ahead_delays_nothing() {
    let spool = spool();
    start(&spool, "40%", &[]).exits(0);
    spool.drop_file("twice.csv", "id,x,id\n1,1,2\n");
    spool.once().exits(1);
    assert_eq!(spool.report("twice.csv").unwrap()["code"], "duplicate_column");
    let file = spool.path("models/lines/experiments/ab.toml");
    let text = fs::read_to_string(&file).unwrap();
    let (before, at) = text.split_once("at = \"").unwrap();
    fs::write(&file, format!("{before}at = \"2099{}", &at[4..])).unwrap();
    spool.drop_file("a.csv", customers());
    spool.once();
    assert_eq!(spool.output("a.csv").unwrap(), expected(40));
}

#[test]
fn a_file_of_a_trial_that_was_altered_is_in_no_report() {
    let spool = spool();
    start(&spool, "50%", &[]).exits(0);
    spool.drop_file("a.csv", customers());
    spool.once().exits(0);
    let text = fs::read_to_string(kept(&spool, "a.csv")).unwrap();
    fs::write(kept(&spool, "a.csv"), text.replacen("champion", "chbmpion", 1)).unwrap();
    decide(&spool, &["report", "ab"])
        .exits(0)
        .says("1 file left out: a.csv");
}
