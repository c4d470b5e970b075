//! What a shadow makes of rows is what it makes of them when it is the one that answers; and who answers is the same without it.

use super::super::*;
use super::shape;
use crate::model::{Format, Model};
use crate::score::{Identity, Lineup, Member, Shadow};
use proptest::prelude::*;
use std::sync::Arc;

/// Two numbers that must be there; the same by other names of the types; texts of two kinds of categories; with what is missing filled.
const MODELS: [(Format, &str); 4] = [
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

fn scorer(champion: usize, shadows: &[usize]) -> Scorer {
    let shadow = |&of: &usize| Shadow {
        experiment: format!("e{of}"),
        member: member(of),
        key: Some("id".into()),
        since: 0,
    };
    let lineup = Lineup {
        challengers: Vec::new(),
        champion: member(champion),
        shadows: shadows.iter().map(shadow).collect(),
    };
    let shape = Shape {
        probabilities: true,
        ..shape(Columns::Prediction, Limit::Share(Share::ALL))
    };
    Scorer::new(Arc::new(lineup), shape).beside_shadows()
}

/// What comes of it, or why there is nothing, and the output's lines.
fn run(
    text: &str,
    scorer: &Scorer,
    sinks: Vec<Sink>,
    pool: Option<&rayon::ThreadPool>,
) -> (Result<Summary, String>, Vec<String>) {
    let run = Run {
        pool,
        memory: 1 << 20,
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

fn table() -> impl Strategy<Value = String> {
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
        let (alone, expected) = run(&text, &scorer(champion, &[]), Vec::new(), None);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        for pool in [None, Some(&pool)] {
            let mut made = vec![Vec::new(); others.len()];
            let sinks = made.iter_mut().enumerate().map(|(shadow, out)| Sink { shadow, out }).collect();
            let (beside, lines) = run(&text, &scorer(champion, &others), sinks, pool);
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
            for ((&of, made), shadowed) in others.iter().zip(&made).zip(&summary.shadows) {
                let (own, own_lines) = run(&text, &scorer(of, &[]), Vec::new(), None);
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
                prop_assert_eq!(shadowed.both + shadowed.shadow_only, good);
                for (record, own) in records[1..].iter().zip(&own_lines[1..]) {
                    let own = if own == "\"\"" { "" } else { own };
                    prop_assert_eq!(outputs(record, width).join(","), own, "{}", record);
                }
            }
        }
    }
}
