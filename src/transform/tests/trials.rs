//! What a version on trial makes of rows is what it makes of them when it answers alone; and who answers is the same without shadows.

use super::super::*;
use super::shape;
use crate::format::{OutputFormat, RowFormat};
use crate::model::{Format, Model};
use crate::score::{Arm, Challenger, Identity, Lineup, Member, Phase, Shadow, Split};
use proptest::prelude::*;
use std::sync::Arc;

/// Two numbers that must be there; the same by other names of the types; texts of two kinds of categories; with what is missing filled;
/// the classes of the third in another order.
const MODELS: [(Format, &str); 5] = [
    (
        Format::Linear,
        r#"{"features":["x","y"],"coefficients":[2,1],"intercept":0.5}"#,
    ),
    (
        Format::Pipeline,
        r#"{"inputs":[{"name":"y","missing":{"fill":7}},{"name":"x","missing":"refuse"},
             {"name":"city","categories":["Lima","Oslo"],"missing":"ignore","unknown":"refuse"}],
            "terms":[{"name":"x","factors":[{"input":"x"}],"mean":0,"scale":1,"coefficient":3},
                     {"name":"y","factors":[{"input":"y"}],"mean":0,"scale":1,"coefficient":5},
                     {"name":"c","factors":[{"input":"city","category":"Oslo"}],"mean":0,"scale":1,"coefficient":1000}],
            "intercept":0,"output":"number"}"#,
    ),
    (
        Format::Pipeline,
        r#"{"inputs":[{"name":"x","categories":["1","2.5","oops"],"missing":{"category":"1"},"unknown":"ignore"},
             {"name":"city","categories":["Oslo"],"missing":"refuse","unknown":"ignore"}],
            "terms":[{"name":"x","factors":[{"input":"x","category":"2.5"}],"mean":0,"scale":1,"coefficient":1},
                     {"name":"c","factors":[{"input":"city","category":"Oslo"}],"mean":0,"scale":1,"coefficient":2}],
            "intercept":0,"output":{"classes":["no","yes"],"threshold":0.8}}"#,
    ),
    (
        Format::Linear,
        r#"{"features":["y"],"coefficients":[1],"intercept":0,"link":"logit"}"#,
    ),
    (
        Format::Pipeline,
        r#"{"inputs":[{"name":"x","missing":"refuse"}],
            "terms":[{"name":"x","factors":[{"input":"x"}],"mean":0,"scale":1,"coefficient":1}],
            "intercept":0,"output":{"classes":["yes","no"],"threshold":0.6}}"#,
    ),
];

fn member(of: usize) -> Member {
    let (format, artifact) = MODELS[of];
    Member {
        identity: Identity {
            group: "g".into(),
            version: of as u32,
            manifest: String::new(),
            artifact: String::new(),
        },
        model: Model::parse(format, artifact.as_bytes()).unwrap().into(),
    }
}

pub fn scorer(champion: usize, shadows: &[usize]) -> Scorer {
    let shadow = |&of: &usize| Shadow {
        experiment: format!("e{of}"),
        member: member(of),
        key: Some("id".into()),
        since: 0,
        phase: 1,
        guards: vec!["psi > 1".into()],
    };
    let lineup = Lineup {
        experiments: Vec::new(),
        challengers: Vec::new(),
        champion: member(champion),
        shadows: shadows.iter().map(shadow).collect(),
    };
    Scorer::new(Arc::new(lineup), all_outputs()).with_trials()
}

fn all_outputs() -> Shape {
    Shape {
        probabilities: true,
        ..shape(Columns::Prediction, Limit::Share(Share::ALL))
    }
}

const SPLIT: (u64, u64) = (1, 2);

/// An A/B test by `id` in its first phase; outputs say who answered.
pub fn divided(champion: usize, challenger: usize) -> Scorer {
    let phase = Phase {
        number: 1,
        name: "ab/1".into(),
        split: Split::new("salt", SPLIT),
        since: 0,
        made_by: String::new(),
    };
    let of = member(challenger);
    let lineup = Lineup {
        experiments: Vec::new(),
        champion: member(champion),
        challengers: vec![Challenger {
            experiment: "ab".into(),
            identity: of.identity,
            model: Ok(of.model),
            key: "id".into(),
            phases: vec![phase],
            is_open: true,
            guards: Vec::new(),
        }],
        shadows: Vec::new(),
    };
    let shape = Shape {
        model_version: true,
        ..all_outputs()
    };
    Scorer::new(Arc::new(lineup), shape).with_trials()
}

/// The records of a CSV that is quoted where need be.
fn records(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut field, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '"' if quoted && characters.peek() == Some(&'"') => field.push(characters.next().unwrap()),
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            c => field.push(c),
        }
    }
    records
}

/// What comes of it, or why there is nothing, and the output's lines.
fn run(
    text: &str,
    scorer: &Scorer,
    sinks: Vec<Sink>,
    pool: Option<&rayon::ThreadPool>,
    phase: Option<&str>,
) -> (Result<Summary, String>, Vec<String>) {
    let run = Run {
        pool,
        memory: 1 << 20,
        phase,
        ..Run::default()
    };
    let mut out = Vec::new();
    let done = transform_beside(text.as_bytes(), scorer, &mut out, &mut io::sink(), sinks, &run);
    let lines = String::from_utf8(out).unwrap();
    (
        done.map_err(|e| format!("{e:?}")),
        lines.lines().map(String::from).collect(),
    )
}

fn cell() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "1",
        "2.5",
        "1",
        "-3e2",
        "",
        "NaN",
        "NA",
        "inf",
        "oops",
        "Lima",
        "Oslo",
        " Oslo ",
        "\"3\"",
        "\"a\"\"b\"",
        "\"two\nlines\"",
        " 4",
        "\u{e9}",
        "\"x,y\"",
        "1e999",
        "0x1",
    ])
    .prop_map(String::from)
}

pub fn table() -> impl Strategy<Value = String> {
    let header = prop::sample::select(vec![
        "x,y,city,id",
        "id,city,y,x",
        "y,x",
        "city,x,id",
        "x,y,x,id",
        "y,id,note,x,city",
    ]);
    let row = prop::collection::vec(cell(), 5);
    let rows = prop::collection::vec((row, 0..20usize), 0..40);
    (header, rows, prop::sample::select(vec!["\n", "\r\n"])).prop_map(|(header, rows, end)| {
        let width = header.split(',').count();
        let mut text = header.to_string() + end;
        for (cells, odd) in rows {
            // One in twenty has a field too many or too few.
            let width = match odd {
                0 => width - 1,
                1 => width + 1,
                _ => width,
            };
            text += &(cells.into_iter().cycle().take(width).collect::<Vec<_>>().join(",") + end);
        }
        text
    })
}

/// The fields of a line that is written for a machine: those with commas or quotes are keys, and stand second.
fn outputs(line: &str, width: usize) -> Vec<&str> {
    let mut fields: Vec<&str> = line.rsplitn(width + 1, ',').collect();
    fields.truncate(width);
    fields.reverse();
    fields
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_shadow_predicts_what_it_would_alone(text in table(), champion in 0..MODELS.len()) {
        let others: Vec<usize> = (0..MODELS.len()).filter(|&of| of != champion).collect();
        let (alone, expected) = run(&text, &scorer(champion, &[]), Vec::new(), None, None);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        for pool in [None, Some(&pool)] {
            let mut made = vec![Vec::new(); others.len()];
            let sinks = made.iter_mut().enumerate().map(|(place, out)| Sink { trial: Trial::Shadow(place), out }).collect();
            let (beside, lines) = run(&text, &scorer(champion, &others), sinks, pool, None);
            prop_assert_eq!(&lines, &expected);
            let summary = match (&alone, beside) {
                (Ok(alone), Ok(beside)) => {
                    prop_assert_eq!((alone.rows, alone.bad_rows, alone.output_hash), (beside.rows, beside.bad_rows, beside.output_hash));
                    beside
                }
                (alone, beside) => {
                    prop_assert_eq!(alone.as_ref().err(), beside.as_ref().err());
                    return Ok(());
                }
            };
            for ((&of, made), (_, shadowed)) in others.iter().zip(&made).zip(&summary.trials) {
                let (own, own_lines) = run(&text, &scorer(of, &[]), Vec::new(), None, None);
                if own.is_err() {
                    prop_assert!(shadowed.problem.is_some(), "{own:?}");
                    continue;
                }
                prop_assert_eq!(&shadowed.problem, &None);
                let made = String::from_utf8(made.clone()).unwrap();
                let width = own_lines[0].split(',').count();
                // Keys with line feeds: the records, not the lines, are counted.
                let records: Vec<&str> = made.split_terminator('\n').filter(|line| line.matches(',').count() > width).collect();
                prop_assert_eq!(records.len(), own_lines.len());
                let good = own_lines[1..].iter().filter(|line| !outputs(line, width)[0].is_empty() && *line != "\"\"").count() as u64;
                prop_assert_eq!(shadowed.sides[1].good_rows(), good);
                prop_assert_eq!(shadowed.sides[0].rows, summary.rows);
                for (record, own) in records[1..].iter().zip(&own_lines[1..]) {
                    let own = if own == "\"\"" { "" } else { own };
                    prop_assert_eq!(outputs(record, width).join(","), own, "{}", record);
                }
            }
        }
    }

    /// Each row is to the last byte what the one who answers for its key says alone, and so is why it is bad.
    #[test]
    fn in_an_ab_test_each_row_is_as_its_arm_says_alone(text in table(), pair in prop::sample::select(vec![(0, 1), (1, 0), (2, 4), (4, 2), (0, 0)])) {
        let (champion, challenger) = pair;
        let alone = |of: usize| {
            let mut scorer = divided(of, of);
            Arc::get_mut(&mut scorer.lineup).unwrap().challengers.clear();
            run(&text, &Scorer::new(scorer.lineup, scorer.shape), Vec::new(), None, None)
        };
        let [(of_champion, by_champion), (of_challenger, by_challenger)] = [champion, challenger].map(alone);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        for pool in [None, Some(&pool)] {
            let mut kept = Vec::new();
            let sink = Sink { trial: Trial::Challenger(0), out: &mut kept };
            let (done, lines) = run(&text, &divided(champion, challenger), vec![sink], pool, Some("ab/1"));
            let summary = match (&of_champion, &of_challenger, done) {
                (Ok(_), Ok(_), Ok(summary)) => summary,
                (champion, challenger, done) => {
                    prop_assert!(done.is_err() && (champion.is_err() || challenger.is_err()), "{done:?}");
                    continue;
                }
            };
            let kept = records(std::str::from_utf8(&kept).unwrap());
            prop_assert_eq!(kept.len(), lines.len());
            let split = Split::new("salt", SPLIT);
            let mut sums = [[0; 2]; 3];
            for (row, kept) in kept.iter().enumerate().skip(1) {
                let arm = split.arm(kept[1].as_bytes());
                let (expected, name, place) = match arm {
                    Arm::Champion => (&by_champion, "champion", 0),
                    Arm::Challenger => (&by_challenger, "challenger", 1),
                    Arm::Unassigned => (&by_champion, "", 2),
                };
                let mut expected: Vec<&str> = expected[row].split(',').collect();
                if arm == Arm::Challenger && pair.0 + pair.1 == 6 {
                    // Its own order of the classes is the other one.
                    expected.swap(1, 2);
                }
                prop_assert_eq!(&lines[row], &expected.join(","));
                prop_assert_eq!(&kept[2], name);
                let (outputs, version) = lines[row].rsplit_once(',').unwrap();
                prop_assert_eq!(version, [champion, challenger, champion][place].to_string());
                prop_assert_eq!(kept[3..].join(","), outputs);
                sums[place][0] += 1;
                sums[place][1] += u64::from(kept[3].is_empty());
            }
            let tried = &summary.trials[0].1;
            prop_assert_eq!(&Some(tried.sides.clone()), &summary.arms.map(|arms| arms.tried.sides));
            let sides = [0, 1].map(|side| [tried.sides[side].rows, tried.sides[side].bad_rows]);
            prop_assert_eq!((sides, tried.unassigned), ([sums[0], sums[1]], sums[2][0]));
            prop_assert_eq!(summary.bad_rows, sums.iter().map(|[_, bad]| bad).sum::<u64>());
        }
    }

    /// Trials see rows of JSON Lines as they see those of a CSV.
    #[test]
    fn trials_of_json_lines_are_those_of_the_same_csv(
        rows in prop::collection::vec(prop::array::uniform4(cell()), 1..40),
        raw in prop::collection::vec(any::<bool>(), 40),
        pair in prop::sample::select(vec![(0, 1), (1, 0), (2, 4), (3, 1)]),
    ) {
        const COLUMNS: [&str; 4] = ["x", "y", "city", "id"];
        let (mut csv, mut json) = (COLUMNS.join(",") + "\n", String::new());
        for ((place, row), raw) in rows.iter().enumerate().zip(raw) {
            // Lines are counted.
            let row = row.clone().map(|cell| cell.replace('\n', " "));
            csv += &(row.join(",") + "\n");
            let member = |(name, text): (&str, String)| match serde_json::from_str::<serde_json::Number>(&text) {
                Ok(_) if raw => Some(format!("\"{name}\":{text}")),
                _ if text.is_empty() && place > 0 => raw.then(|| format!("\"{name}\" : null")),
                _ => Some(format!("\"{name}\":{}", serde_json::to_string(&text).unwrap())),
            };
            let cells = row.iter().map(|cell| cell.trim_matches('"').replace("\"\"", "\""));
            json += &format!("{{{}}}\n", COLUMNS.into_iter().zip(cells).filter_map(member).collect::<Vec<_>>().join(","));
        }
        // Its first line is the CSV's second.
        json = "\n".to_string() + &json;
        let score = |text: &str, rows: RowFormat, mut scorer: Scorer, trial: Trial, phase: Option<&str>| {
            scorer.shape.output = OutputFormat::Csv;
            let (mut out, mut rejects, mut kept) = (Vec::new(), Vec::new(), Vec::new());
            let run = Run { phase, format: FileFormat { rows, ..FileFormat::default() }, ..Run::default() };
            let sink = Sink { trial, out: &mut kept };
            let done = transform_beside(text.as_bytes(), &scorer, &mut out, &mut rejects, vec![sink], &run);
            let done = done.map_err(|e| format!("{e:?}"))?;
            let tried = done.trials[0].1.clone();
            let sides = tried.sides.map(|side| (side.rows, side.bad_rows, side.predictions));
            let text = |bytes| String::from_utf8(bytes).unwrap();
            Ok::<_, String>((text(out), text(kept), sides, tried.unassigned, tried.has_key))
        };
        let (champion, other) = pair;
        for phase in [None, Some("ab/1")] {
            let scorer = || match phase {
                None => scorer(champion, &[other]),
                Some(_) => divided(champion, other),
            };
            if phase.is_some() && champion == 3 {
                continue;
            }
            let trial = if phase.is_some() { Trial::Challenger(0) } else { Trial::Shadow(0) };
            let of_csv = score(&csv, RowFormat::Csv, scorer(), trial, phase);
            let of_json = score(&json, RowFormat::JsonLines, scorer(), trial, phase);
            let (Ok(of_csv), Ok(mut of_json)) = (of_csv.clone(), of_json.clone()) else {
                panic!("{of_csv:?} {of_json:?}");
            };
            // The empty line in front is a bad row that no key assigns.
            let without_first = |text: &str| text.split_inclusive('\n').enumerate().filter(|(i, _)| *i != 1).map(|(_, line)| line).collect::<String>();
            of_json.0 = without_first(&of_json.0);
            of_json.1 = without_first(&of_json.1);
            match phase {
                None => of_json.2.iter_mut().for_each(|side| (side.0, side.1) = (side.0 - 1, side.1 - 1)),
                Some(_) => of_json.3 -= 1,
            }
            prop_assert_eq!(of_json, of_csv);
        }
    }
}
