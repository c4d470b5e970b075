//! Of made-up predictions: what the report says, its lines, its page.

use super::difference::{Pairing, Record, Tally};
use super::page::page;
use super::paired::{Loss, Measure, Paired, error, log_loss, squared_error};
use super::text::text;
use super::verdict::Verdict;
use super::{Report, Subject};
use crate::model::{Category, Column, Type};
use crate::report::text::Line;
use serde_json::{Value, to_value};

/// 2026-11-02, 08:00 UTC.
const STARTED: i64 = 1_793_606_400_000_000;
const DAY: i64 = 24 * 3_600 * 1_000_000;

/// As if by chance, in [0, 1); the same each time.
fn chance(i: u64, of: u64) -> f64 {
    let mixed = (i * 1_000 + of + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ (mixed >> 31)).wrapping_mul(0xd1b5_4a32_d192_ed03) >> 11) as f64 / 2f64.powi(53)
}

fn subject(tally: Tally, paired: Vec<Paired>) -> Subject<'static> {
    Subject {
        name: "spring",
        champion: "credit/3",
        shadow: "credit/5",
        state: "running",
        started: STARTED,
        files: 12,
        difference: Ok(tally.finish()),
        milliseconds: Some([1.25, 0.4321]),
        paired,
        notes: vec!["1 file left out: <b>.csv (gone)".into()],
    }
}

fn classes(names: &[&str]) -> Vec<Column> {
    let mut label = Column::plain("label".into(), Type::Category);
    label.categories = names.iter().map(|name| Category::Text((*name).into())).collect();
    let probabilities = names
        .iter()
        .map(|name| Column::plain(format!("p_{name}"), Type::Float64));
    std::iter::once(label).chain(probabilities).collect()
}

fn add(tally: &mut Tally, row: u64, outputs: [Vec<String>; 2]) {
    let cells = outputs
        .each_ref()
        .map(|cells| cells.iter().map(String::as_str).collect::<Vec<_>>());
    let record = Record {
        file: &format!("loans-2026-11-{:02}.csv", 2 + row % 12),
        line: 2 + row / 12,
        key: &format!("C{row:05}"),
        outputs: [&cells[0], &cells[1]],
    };
    tally.add(&record).unwrap();
}

/// Probabilities of a default; the shadow is nearer to what came true.
fn labelled(rows: u64) -> Report {
    let outputs = classes(&["no", "yes"]);
    let mut tally = Tally::new(Pairing::of(&outputs, &outputs).unwrap());
    let (mut errors, mut logs) = (Vec::new(), Vec::new());
    for row in 0..rows {
        let truth = chance(row, 0);
        let came_true = chance(row, 1) < truth;
        let near = |spread: f64, of| (truth + spread * (chance(row, of) - 0.5)).clamp(0.001, 0.999);
        let given = [near(0.9, 2), near(0.3, 3)];
        let said = |p: f64| {
            let label = if p >= 0.5 { "yes" } else { "no" };
            vec![label.to_string(), (1.0 - p).to_string(), p.to_string()]
        };
        let mut cells = given.map(said);
        if row % 500 == 7 {
            cells[1].fill(String::new());
        }
        add(&mut tally, row, cells);
        let at = STARTED + row as i64 * 12 * DAY / rows as i64;
        let loss = |[champion, shadow]: [f64; 2]| Loss {
            key: format!("C{row:05}"),
            at,
            champion,
            shadow,
        };
        errors.push(loss(given.map(|p| error((p >= 0.5) == came_true))));
        logs.push(loss(given.map(|p| log_loss(if came_true { p } else { 1.0 - p }))));
    }
    let paired = vec![
        Paired::of(Measure::Error, errors, 0.002),
        Paired::of(Measure::LogLoss, logs, 0.0),
    ];
    Report::of(subject(tally, paired))
}

fn numbers(rows: u64) -> Report {
    let output = [Column::plain("price".into(), Type::Float64)];
    let mut tally = Tally::new(Pairing::of(&output, &output).unwrap());
    let mut losses = Vec::new();
    for row in 0..rows {
        let price = 100.0 * (1.0 + 9.0 * chance(row, 0).powi(2));
        let noise = 40.0 * (chance(row, 1) - 0.5);
        let shadow = if row % 3 == 0 {
            price
        } else {
            price + noise + if row % 997 == 5 { 600.0 } else { 0.0 }
        };
        add(&mut tally, row, [price, shadow].map(|price| vec![format!("{price:?}")]));
        losses.push(Loss {
            key: row.to_string(),
            at: STARTED,
            champion: squared_error(price + 10.0, price),
            shadow: squared_error(price + 10.0 * chance(row, 4), price),
        });
    }
    losses.truncate(80);
    Report::of(subject(tally, vec![Paired::of(Measure::SquaredError, losses, 0.0)]))
}

fn lines(report: &Report) -> String {
    let lines = text(report).into_iter().map(|line| match line {
        Line::Text(text) => text,
        Line::Table(rows) => rows.iter().map(|row| row.join(" | ")).collect::<Vec<_>>().join("\n"),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn with_labels_the_report_says_which_is_better() {
    let report = labelled(6_000);
    assert_eq!(report.verdict, Some(Verdict::Better));
    assert!(
        report
            .headline
            .starts_with("credit/5 is better than credit/3: error rate 0."),
        "{}",
        report.headline
    );
    assert!(
        report.headline.contains("of 6,000 keys with a label"),
        "{}",
        report.headline
    );
    let said = lines(&report);
    for part in [
        "spring: credit/5 beside credit/3 since 2026-11-02 08:00 UTC, running, 12 files, 6,000 rows, 12 rows scored by credit/3 alone",
        "credit/3 takes 1.25 ms for 1,000 rows, credit/5 takes 0.432 ms for 1,000 rows",
        "error rate | 6000 | 0 | 0.",
        "yes | no | ",
        "MOST DIFFERENT | LINE | KEY",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let json = to_value(&report).unwrap();
    assert_eq!(
        (&json["verdict"], &json["format_version"]),
        (&"better".into(), &1.into())
    );
    assert_eq!(json["difference"]["champion_only"], 12);
    assert_eq!(json["paired"][0]["over_time"][59]["at"], "2026-11-14T07:57:07Z");
    assert_eq!(json["paired"][1]["measure"], "log_loss");
    assert!(json["difference"]["columns"][0].get("points").is_none());
}

#[test]
fn few_labels_say_how_many_more_it_takes() {
    let report = numbers(900);
    assert_eq!(report.verdict, Some(Verdict::NotYet));
    let said = &report.headline;
    assert!(
        said.starts_with("Whether credit/5 is better than credit/3 can't be told yet"),
        "{said}"
    );
    assert!(
        said.ends_with("of 80 keys with a label; if it stays so, some 20 more keys will tell"),
        "{said}"
    );
    let losses = |n: u64| {
        (0..n).map(|i| Loss {
            key: i.to_string(),
            at: 0,
            champion: chance(i, 0),
            shadow: chance(i, 1) - 0.03,
        })
    };
    let paired = Paired::of(Measure::SquaredError, losses(800).collect(), 0.0);
    let said = Report::of(subject(tally_of_flips(), vec![paired])).headline;
    assert!(said.ends_with("if it stays so, some 330 more keys will tell"), "{said}");
}

#[test]
fn without_labels_the_report_says_how_predictions_differ() {
    let mut report = subject(tally_of_flips(), vec![]);
    report.milliseconds = None;
    let report = Report::of(report);
    assert_eq!(
        report.headline,
        "credit/5 gives another label than credit/3 in 25 % of 4 rows; its probability of yes differs by 0.1 on average, at most 0.388 in 99 % of them"
    );
    assert_eq!((report.verdict, report.shadow_milliseconds), (None, None));
    assert!(page(&report).contains("Only labels can say"));
}

fn tally_of_flips() -> Tally {
    let outputs = classes(&["no", "yes"]);
    let mut tally = Tally::new(Pairing::of(&outputs, &outputs).unwrap());
    for (row, shadow) in (0..).zip([
        ["yes", "0.1", "0.9"],
        ["no", "0.5", "0.5"],
        ["yes", "0.1", "0.9"],
        ["yes", "0.1", "0.9"],
    ]) {
        add(
            &mut tally,
            row,
            [["yes", "0.1", "0.9"], shadow].map(|cells| cells.map(String::from).to_vec()),
        );
    }
    tally
}

#[test]
fn versions_that_have_nothing_in_common_are_said_to() {
    let mut subject = subject(tally_of_flips(), vec![]);
    subject.difference = Err("the champion gives labels, and the shadow numbers".into());
    let report = Report::of(subject);
    assert!(
        report
            .headline
            .ends_with("can't be compared: the champion gives labels, and the shadow numbers")
    );
    let json = to_value(&report).unwrap();
    assert_eq!((&json["difference"], json["why"].is_string()), (&Value::Null, true));
    assert!(page(&report).ends_with("</html>\n") && lines(&report).lines().count() == 3);
    let empty = Tally::new(Pairing::of(&classes(&["a", "b"]), &classes(&["a", "b"])).unwrap());
    let report = Report::of(Subject {
        paired: vec![Paired::of(Measure::Error, vec![], 0.0)],
        ..self::subject(empty, vec![])
    });
    assert_eq!(
        report.headline,
        "Whether credit/5 is better than credit/3 can't be told yet: there are 0 keys with a label"
    );
    assert!(page(&report).ends_with("</html>\n"));
}

/// What stands in names, keys and classes is text, and stays so.
#[test]
fn no_text_is_markup() {
    let evil = "</td><script>alert(1)</script>";
    let outputs = classes(&["no", evil]);
    let mut tally = Tally::new(Pairing::of(&outputs, &outputs).unwrap());
    let cells = [["no", "0.9", "0.1"], [evil, "0.2", "0.8"]];
    let record = Record {
        file: evil,
        line: 2,
        key: evil,
        outputs: [&cells[0], &cells[1]],
    };
    tally.add(&record).unwrap();
    let report = Report::of(Subject {
        name: evil,
        champion: evil,
        ..subject(tally, vec![])
    });
    let page = page(&report);
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;"));
}

#[test]
fn the_page_stays_small_and_needs_nothing_else() {
    for report in [labelled(6_000), numbers(5_000)] {
        let page = page(&report);
        assert!(page.len() < 150_000, "{}", page.len());
        for part in ["<script", "http:", "https:", "@import", "url(", "NaN"] {
            assert!(!page.contains(part), "{part}");
        }
        assert_eq!(page.matches("<svg").count(), 2 + report.paired.len());
    }
}
