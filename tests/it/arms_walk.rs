//! Random sequences of what people do with A/B tests and files, against a naive model: who answers for a key depends on the key and on
//! the phase in which its file was first seen, and on nothing else.

use crate::formats::{Dress, INCLUDE};
use crate::spool::Spool;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use transform::format::OutputFormat;

#[derive(Clone, Debug)]
enum Step {
    Drop {
        file: u8,
        x: u8,
    },
    DeleteOutput {
        file: u8,
    },
    DeleteKept {
        file: u8,
    },
    /// Start a test, or end the one that runs.
    StartOrStop {
        share: u8,
    },
    Ramp {
        share: u8,
    },
    Once {
        threads: u8,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let file = 0..3u8;
    let share = 1..=100u8;
    prop_oneof![
        4 => (file.clone(), 0..3u8).prop_map(|(file, x)| Step::Drop { file, x }),
        1 => file.clone().prop_map(|file| Step::DeleteOutput { file }),
        1 => file.prop_map(|file| Step::DeleteKept { file }),
        2 => share.clone().prop_map(|share| Step::StartOrStop { share }),
        1 => share.prop_map(|share| Step::Ramp { share }),
        3 => (1..=2u8).prop_map(|threads| Step::Once { threads }),
    ]
}

/// A phase: the experiment's number, and the share.
type Phase = Option<(usize, u8)>;

#[derive(Default)]
struct Naive {
    inputs: BTreeMap<u8, u8>,
    /// What was scored last, and in which phase it was first seen.
    scored: BTreeMap<u8, (u8, Phase)>,
    running: Phase,
    experiments: usize,
}

const ROWS: usize = 24;

fn text(x: u8) -> String {
    let row = |row| format!("K{row},{x}\n");
    "id,x\n".to_owned() + &(0..ROWS).map(row).collect::<String>()
}

fn expected(x: u8, phase: Phase) -> String {
    let row = |row| {
        let is_challengers = phase.is_some_and(|(experiment, share)| {
            let hash = blake3::hash(format!("e{experiment}\0K{row}").as_bytes());
            let bucket = u64::from_be_bytes(*hash.as_bytes().first_chunk().unwrap());
            u128::from(bucket) * 100 < u128::from(share) << 64
        });
        let x = f64::from(x);
        match is_challengers {
            true => format!("{:?},2\n", 3.0 * x + 5.0),
            false => format!("{:?},1\n", 2.0 * x + 1.0),
        }
    };
    "prediction,model_version\n".to_owned() + &(0..ROWS).map(row).collect::<String>()
}

fn walk(steps: Vec<Step>, dresses: [Dress; 3]) {
    let dress = |file: u8| dresses[usize::from(file)];
    let name = |file: u8| dress(file).name(&format!("f{file}"));
    let spool = Spool::new().set(INCLUDE).set("output.model_version=true");
    spool.register_line(3.0, 5.0);
    let decide = |command: &[&str]| spool.run(&[&["experiment"], command].concat());
    let mut naive = Naive::default();
    for step in steps {
        match step {
            Step::Drop { file, x } => {
                spool.drop_file(&name(file), dress(file).file(&text(x)));
                naive.inputs.insert(file, x);
            }
            Step::DeleteOutput { file } => {
                let _ = fs::remove_file(spool.path("output").join(Spool::output_name(&name(file))));
            }
            Step::DeleteKept { file } => {
                if let Some((experiment, _)) = naive.running {
                    let kept = OutputFormat::Csv.suffix(name(file).as_bytes());
                    let _ = fs::remove_file(spool.path(format!("spool/shadow/e{experiment}/{}{kept}", name(file))));
                }
            }
            Step::StartOrStop { share } => match naive.running.take() {
                Some((experiment, _)) => drop(decide(&["stop", &format!("e{experiment}")]).exits(0)),
                None => {
                    naive.experiments += 1;
                    naive.running = Some((naive.experiments, share));
                    let (experiment, share) = (format!("e{}", naive.experiments), format!("{share}%"));
                    decide(&[
                        "start",
                        &experiment,
                        "--challenger",
                        "2",
                        "--key",
                        "id",
                        "--share",
                        &share,
                    ])
                    .exits(0);
                }
            },
            Step::Ramp { share } => {
                if let Some((experiment, before)) = &mut naive.running
                    && *before != share
                {
                    decide(&["ramp", &format!("e{experiment}"), &format!("{share}%")]).exits(0);
                    *before = share;
                }
            }
            Step::Once { threads } => {
                spool
                    .run(&["--once", "--set", &format!("worker.threads={threads}")])
                    .exits(0);
                for (file, x) in &naive.inputs {
                    let (_, phase) = *(naive.scored.entry(*file))
                        .and_modify(|scored| {
                            if scored.0 != *x {
                                *scored = (*x, naive.running);
                            }
                        })
                        .or_insert((*x, naive.running));
                    let output = spool.output_bytes(&name(*file)).unwrap();
                    let output = dress(*file).csv(&output, &["prediction", "model_version"]);
                    assert_eq!(output, expected(*x, phase), "{}", name(*file));
                }
                spool.once().exits(0).says("nothing to do");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, max_shrink_iters: 60, ..ProptestConfig::default() })]

    #[test]
    fn who_answers_depends_on_the_key_and_on_when_its_file_came(
        mut steps in proptest::collection::vec(step(), 1..25),
        dresses in proptest::array::uniform3(prop::sample::select(Dress::all().collect::<Vec<_>>())),
    ) {
        steps.push(Step::Once { threads: 2 });
        walk(steps, dresses);
    }
}
