//! Of made-up rows: what the report says, its lines, its page.

use super::{Phase, Report, Row, Spent, Subject, Tally, page, text};
use crate::experiment::difference::Pairing;
use crate::experiment::losses::Scale;
use crate::experiment::verdict::Verdict;
use crate::model::{Category, Column, Type};
use crate::report::text::Line;
use crate::score::Spelling;
use crate::score::arm::{Arm, Split};
use crate::share::Share;
use serde_json::{Value, to_value};
use std::time::Duration;

/// 2026-11-02, 08:00 UTC.
const STARTED: i64 = 1_793_606_400_000_000;
const DAY: i64 = 24 * 3_600 * 1_000_000;

/// As if by chance, in [0, 1); the same each time.
fn chance(i: u64, of: u64) -> f64 {
    let mixed = (i * 1_000 + of + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ (mixed >> 31)).wrapping_mul(0xd1b5_4a32_d192_ed03) >> 11) as f64 / 2f64.powi(53)
}

fn phases(shares: &[&str]) -> Vec<Phase> {
    let phase = |(number, share): (u32, &&str)| Phase {
        number,
        share: Share::parse(share).unwrap(),
        began: STARTED + i64::from(number - 1) * 7 * DAY,
    };
    (1..).zip(shares).map(phase).collect()
}

fn price() -> Pairing {
    let output = [Column::plain("price".into(), Type::Float64)];
    Pairing::of(&output, &output).unwrap()
}

fn late(class: &str) -> Pairing {
    let mut label = Column::plain("late".into(), Type::Category);
    label.categories = ["no", class].map(|class| Category::Text(class.into())).into();
    let outputs = [
        label,
        Column::plain("p_no".into(), Type::Float64),
        Column::plain("p_yes".into(), Type::Float64),
    ];
    Pairing::of(&outputs, &outputs).unwrap()
}

fn subject<'a>(tally: Tally, phases: &'a [Phase], notes: &[&str]) -> Subject<'a> {
    Subject {
        name: "spring",
        champion: "credit/3",
        challenger: "credit/5",
        state: "running",
        phases,
        tally,
        margin: 0.0,
        purged: false,
        notes: notes.iter().map(ToString::to_string).collect(),
    }
}

/// Rows of keys, two of each, split as shares say; the challenger's probabilities are nearer to what comes true.
fn labelled(phases: &[Phase], keys: u64, better: f64, lost: impl Fn(u64, Arm) -> bool) -> Tally {
    let outputs = late("yes");
    let mut tally = Tally::new(outputs.clone(), Some(Scale::new(outputs).unwrap()));
    for phase in phases {
        let split = Split::new("spring", phase.share.fraction());
        let took = |arm: u64| Spent {
            rows: keys * 2 * arm,
            took: Duration::from_micros(keys * 3 * arm),
        };
        tally.begin(phase.number, [took(9), took(1)]);
        for row in 0..keys * 2 {
            let (truth, draw) = (chance(row / 2, 0), chance(row / 2, 1));
            let key = if row % 100 == 0 {
                String::new()
            } else {
                format!("C{:05}", row / 2)
            };
            let arm = split.arm(key.as_bytes());
            if lost(row / 2, arm) {
                continue;
            }
            let spread = if arm == Arm::Challenger { better } else { 0.9 };
            let p = (truth + spread * (chance(row, 2) - 0.5)).clamp(0.001, 0.999);
            let cells = [
                if p >= 0.5 { "yes" } else { "no" }.to_string(),
                (1.0 - p).to_string(),
                p.to_string(),
            ];
            let mut cells = cells.each_ref().map(|cell| &cell[..]);
            if row % 500 == 7 {
                cells = [""; 3];
            }
            let row = Row {
                key: &key,
                arm,
                outputs: &cells,
            };
            tally.check(&row).unwrap();
            let label = if draw < truth { "yes" } else { "no" };
            assert_ne!(
                tally.add(phase.number, &row, Some((label, &Spelling::USUAL))),
                Some(false)
            );
        }
    }
    tally
}

fn lines(report: &Report) -> String {
    let lines = text(report).into_iter().map(|line| match line {
        Line::Text(text) => text,
        Line::Table(rows) => rows.iter().map(|row| row.join(" | ")).collect::<Vec<_>>().join("\n"),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn each_phase_is_reported_apart_the_newest_first() {
    let phases = phases(&["10", "50"]);
    let report = Report::of(subject(
        labelled(&phases, 12_000, 0.1, |_, _| false),
        &phases,
        &["1 file left out: <b>.csv (gone)"],
    ));
    assert_eq!(report.verdict, Some(Verdict::Better));
    assert!(
        report
            .headline
            .starts_with("credit/5 is better than credit/3: error rate 0."),
        "{}",
        report.headline
    );
    assert!(
        report
            .headline
            .ends_with(" of the champion with a label, in phase 2 (50%)"),
        "{}",
        report.headline
    );
    let said = lines(&report);
    for part in [
        "spring: credit/5 for a share of the keys, beside credit/3, since 2026-11-02 08:00 UTC, running, 2 files",
        "2 | 50% | 2026-11-09 08:00 | 1 | 24000 | 240 | ",
        "1 | 10% | 2026-11-02 08:00 | 1 | 24000 | 240 | ",
        "2 | error rate | ",
        "1 | log loss | ",
        "2 | yes | challenger | 0.",
        "1 file left out",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let json = to_value(&report).unwrap();
    assert_eq!(
        (&json["kind"], &json["verdict"], &json["phases"][0]["phase"]),
        (&"challenger".into(), &"better".into(), &2.into())
    );
    let first = &json["phases"][1];
    let keys = first["champion"]["keys"].as_u64().unwrap() + first["challenger"]["keys"].as_u64().unwrap();
    assert_eq!(
        (keys, &first["why"], &first["began"]),
        (12_000, &Value::Null, &"2026-11-02T08:00:00Z".into())
    );
    assert_eq!(first["challenger"]["milliseconds"], 1.5);
    assert_eq!(first["lifts"][1]["measure"], "log_loss");
    let bad = first["champion"]["bad_rows"].as_u64().unwrap() + first["challenger"]["bad_rows"].as_u64().unwrap();
    assert_eq!(bad, 48);
}

#[test]
fn keys_that_were_lost_leave_no_winner() {
    let phases = phases(&["10"]);
    let lost = |key, arm| arm == Arm::Challenger && key % 4 == 0;
    let report = Report::of(subject(labelled(&phases, 12_000, 0.1, lost), &phases, &[]));
    assert_eq!(
        (
            report.verdict,
            report.phases[0].lifts[0].verdict,
            report.phases[0].lifts[0].more_keys
        ),
        (None, None, None)
    );
    let said = &report.headline;
    assert!(
        said.starts_with("Whether credit/5 is better than credit/3 can't be told: in phase 1 (10%) "),
        "{said}"
    );
    assert!(
        said.contains("keys were lost or joined wrongly") && said.ends_with("no winner is shown"),
        "{said}"
    );
    assert_eq!(lines(&report).matches("keys were lost").count(), 1);
    assert!(page(&report).contains("No winner"));
    // What was found of the arms stays to be looked at.
    assert!(report.phases[0].lifts[0].lift.is_some());
}

/// As where a challenger's refusals are never paid back: those whose labels are known aren't alike.
#[test]
fn labels_that_are_missing_in_one_arm_leave_no_winner() {
    let phases = phases(&["50"]);
    let output = price();
    let mut tally = Tally::new(output.clone(), Some(Scale::new(output).unwrap()));
    let split = Split::new("s", phases[0].share.fraction());
    tally.begin(1, [Spent::default(); 2]);
    for i in 0..4_000u64 {
        let key = format!("{i}.0");
        let row = Row {
            key: &key,
            arm: split.arm(key.as_bytes()),
            outputs: &["1.5"],
        };
        let label = (row.arm == Arm::Champion || i % 2 == 0).then_some(("2", &Spelling::USUAL));
        tally.add(1, &row, label);
    }
    let report = Report::of(subject(tally, &phases, &[]));
    let phase = &report.phases[0];
    assert!(!phase.mismatch.as_ref().unwrap().found && phase.labelled_mismatch.as_ref().unwrap().found);
    assert!(
        report
            .headline
            .contains("keys with a label are the challenger's instead of about"),
        "{}",
        report.headline
    );
}

#[test]
fn without_labels_the_report_counts() {
    let phases = phases(&["50", "100"]);
    let mut tally = Tally::new(price(), None);
    tally.begin(1, [Spent::default(); 2]);
    for i in 0..400u64 {
        let key = (i % 200).to_string();
        let arm = if i % 2 == 0 { Arm::Champion } else { Arm::Challenger };
        let value = format!("{:?}", (i % 100) as f64);
        let cells = [if i % 40 == 1 { "" } else { &value[..] }];
        let row = Row {
            key: &key,
            arm,
            outputs: &cells,
        };
        tally.check(&row).unwrap();
        tally.add(1, &row, None);
    }
    let report = Report::of(subject(tally, &phases, &[]));
    assert_eq!(
        report.headline,
        "credit/5 answers for 100 of 200 keys in phase 1 (50%); it can't score 5 % of its rows, credit/3 0 % of its own"
    );
    let [all, half] = &report.phases[..] else { panic!() };
    assert_eq!(
        (
            all.rows,
            all.mismatch.is_none(),
            half.champion.keys,
            half.challenger.bad_rows
        ),
        (0, true, 100, 10)
    );
    let output = &half.outputs[0];
    assert_eq!(
        (output.champion.mean, output.champion.deciles.unwrap()[4]),
        (Some(49.0), 48.0)
    );
    assert!(output.psi.is_some_and(|psi| psi < 0.1));
    assert!(page(&report).contains("Only labels can say") && report.verdict.is_none());
    let none = Report::of(subject(Tally::new(price(), None), &phases, &[]));
    assert_eq!(none.headline, "credit/5 has answered for no row yet");
    assert!(page(&none).ends_with("</html>\n") && lines(&none).contains("2 | 100%"));
}

#[test]
fn what_isnt_of_these_versions_is_refused_before_it_counts() {
    let tally = Tally::new(late("yes"), None);
    let check = |key: &str, arm, outputs: &[&str]| tally.check(&Row { key, arm, outputs });
    assert_eq!(check("a", Arm::Champion, &["yes", "0.1", "0.9"]), Ok(()));
    assert_eq!(check(" ", Arm::Unassigned, &["NaN", "NaN", "NaN"]), Ok(()));
    for (key, arm, outputs, why) in [
        ("a", Arm::Champion, &["yes", "0.9"][..], "2 outputs instead of 3"),
        (
            "a",
            Arm::Champion,
            &["maybe", "0.1", "0.9"],
            "\"maybe\" is none of the classes",
        ),
        ("a", Arm::Champion, &["yes", "0.1", "x"], "\"x\" is no number"),
        (
            "a",
            Arm::Unassigned,
            &["yes", "0.1", "0.9"],
            "\"a\" has the arm of another key",
        ),
        (
            "",
            Arm::Challenger,
            &["yes", "0.1", "0.9"],
            "\"\" has the arm of another key",
        ),
    ] {
        assert_eq!(check(key, arm, outputs), Err(why.into()));
    }
}

/// A key has one arm in a phase, always.
#[test]
fn a_key_in_both_arms_leaves_no_winner() {
    let phases = phases(&["50"]);
    let mut tally = Tally::new(price(), None);
    for (key, arm) in [("17", Arm::Champion), ("17.0", Arm::Challenger)] {
        tally.add(
            1,
            &Row {
                key,
                arm,
                outputs: &["1.0"],
            },
            None,
        );
    }
    let report = Report::of(subject(tally, &phases, &[]));
    assert!(
        report
            .headline
            .contains("1 row of a key that was in the other arm before"),
        "{}",
        report.headline
    );
}

/// What stands in names, keys and classes is text, and stays so.
#[test]
fn no_text_is_markup() {
    let evil = "</td><script>alert(1)</script>";
    let phases = phases(&["50"]);
    let mut tally = Tally::new(late(evil), None);
    tally.add(
        1,
        &Row {
            key: evil,
            arm: Arm::Champion,
            outputs: &[evil, "0.1", "0.9"],
        },
        None,
    );
    let report = Report::of(Subject {
        name: evil,
        champion: evil,
        challenger: evil,
        ..subject(tally, &phases, &[evil])
    });
    let page = page(&report);
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;"));
}

#[test]
fn a_phase_without_keys_has_no_p_and_a_margin_is_said() {
    let phases = phases(&["50", "60"]);
    let tally = labelled(&phases[..1], 400, 0.5, |_, _| false);
    let mut report = Report::of(Subject {
        margin: 0.25,
        ..subject(tally, &phases, &[])
    });
    let said = lines(&report);
    assert!(
        said.contains("margin: within 0.25 of error rate, either way, they are equivalent"),
        "{said}"
    );
    assert!(report.phases[0].key_mismatch().is_none() && report.phases[1].key_mismatch().is_some());
    // Rows without a key alone.
    report.phases[0].rows = 3;
    let page = page(&report);
    assert!(
        !page.contains("Phase 2 (60%): p") && page.contains("Phase 1 (50%): p"),
        "{page}"
    );
    let purged = Report::of(Subject {
        purged: true,
        ..subject(Tally::new(late("yes"), None), &phases, &[])
    });
    assert!(purged.headline.contains("was purged"), "{}", purged.headline);
}

#[test]
fn the_page_stays_small_and_needs_nothing_else() {
    let phases = phases(&["5", "10", "50"]);
    let report = Report::of(subject(labelled(&phases, 4_000, 0.5, |_, _| false), &phases, &[]));
    let page = page(&report);
    assert!(page.len() < 60_000, "{}", page.len());
    for part in ["<script", "http:", "https:", "@import", "url(", "NaN"] {
        assert!(!page.contains(part), "{part}");
    }
    assert_eq!(page.matches("<svg").count(), 2 + 3);
}
