//! Random sequences of what people do, against a naive model of what the output folder should be.

use crate::formats::{Dress, INCLUDE};
use crate::spool::{Daemon, Spool, line, wait_until, xs};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;

#[derive(Clone, Debug)]
enum Step {
    Drop {
        file: u8,
        x: i8,
    },
    DropBad {
        file: u8,
    },
    DeleteInput {
        file: u8,
    },
    DeleteOutput {
        file: u8,
    },
    Approve {
        version: u8,
    },
    Reject {
        version: u8,
    },
    Once,
    /// Start a daemon, or kill the one that runs.
    StartOrKill,
}

fn step() -> impl Strategy<Value = Step> {
    let file = 0..4u8;
    prop_oneof![
        4 => (file.clone(), any::<i8>()).prop_map(|(file, x)| Step::Drop { file, x }),
        1 => file.clone().prop_map(|file| Step::DropBad { file }),
        1 => file.clone().prop_map(|file| Step::DeleteInput { file }),
        2 => file.prop_map(|file| Step::DeleteOutput { file }),
        1 => (1..=3u8).prop_map(|version| Step::Approve { version }),
        1 => (1..=3u8).prop_map(|version| Step::Reject { version }),
        2 => Just(Step::Once),
        1 => Just(Step::StartOrKill),
    ]
}

/// What the folders should hold.
#[derive(Default)]
struct Naive {
    /// The format of each file.
    dresses: [Option<Dress>; 4],
    /// `None`: an input that can't be scored.
    inputs: BTreeMap<u8, Option<i8>>,
    /// What was there after the last convergence, of inputs that have gone since or wait for a model.
    outputs: BTreeMap<u8, String>,
    approved: [bool; 3],
}

impl Naive {
    fn converge(&mut self) -> Option<u8> {
        let version = (1..=3u8).rev().find(|v| self.approved[*v as usize - 1])?;
        for (file, input) in &self.inputs {
            match input {
                Some(x) => self
                    .outputs
                    .insert(*file, line(f64::from(version), 0.5, &[f64::from(*x)])),
                None => self.outputs.remove(file),
            };
        }
        Some(version)
    }

    fn dress(&self, file: u8) -> Dress {
        self.dresses[usize::from(file)].unwrap_or(Dress::Csv)
    }

    fn name(&self, file: u8) -> String {
        self.dress(file).name(&format!("f{file}"))
    }

    /// The names of all outputs that there should be.
    fn outputs(&self) -> Vec<String> {
        let name = |file: &u8| Spool::output_name(&self.name(*file));
        self.outputs.keys().map(name).collect()
    }

    /// The names of all reports.
    fn reports(&self) -> Vec<String> {
        let bad = self.inputs.iter().filter(|(_, input)| input.is_none());
        bad.map(|(file, _)| format!("{}.error.json", self.name(*file)))
            .collect()
    }
}

fn output(spool: &Spool, naive: &Naive, file: u8) -> Option<String> {
    let bytes = spool.output_bytes(&naive.name(file))?;
    Some(naive.dress(file).csv(&bytes, &["prediction"]))
}

fn check(spool: &Spool, naive: &Naive) {
    assert_eq!(spool.names("output"), naive.outputs());
    for (file, expected) in &naive.outputs {
        assert_eq!(&output(spool, naive, *file).unwrap(), expected, "{file}");
    }
    assert_eq!(spool.names("failed"), naive.reports());
}

/// `dresses`: of each file; CSVs where there are none.
fn walk(steps: Vec<Step>, dresses: [Option<Dress>; 4]) {
    let spool = Spool::without_model().set(INCLUDE);
    for version in 1..=3 {
        spool.register_line(f64::from(version), 0.5);
    }
    let mut naive = Naive {
        dresses,
        ..Naive::default()
    };
    let mut daemon: Option<Daemon> = None;
    for step in steps {
        // While a daemon runs, what it makes between two steps is its own business; what counts is where it ends.
        match step {
            Step::Drop { file, x } => {
                spool.drop_file(&naive.name(file), naive.dress(file).file(&xs(&[f64::from(x)])));
                naive.inputs.insert(file, Some(x));
            }
            Step::DropBad { file } => {
                spool.drop_file(&naive.name(file), naive.dress(file).file("z\n1\n"));
                naive.inputs.insert(file, None);
            }
            Step::DeleteInput { file } => {
                if daemon.is_none() {
                    let _ = fs::remove_file(spool.path("input").join(naive.name(file)));
                    naive.inputs.remove(&file);
                }
            }
            Step::DeleteOutput { file } => {
                let _ = fs::remove_file(spool.path("output").join(Spool::output_name(&naive.name(file))));
                naive.outputs.remove(&file);
            }
            Step::Approve { version } => {
                spool.approve(version.into());
                naive.approved[version as usize - 1] = true;
            }
            Step::Reject { version } => {
                spool.reject(version.into());
                naive.approved[version as usize - 1] = false;
            }
            Step::Once => {
                if let Some(daemon) = daemon.take() {
                    daemon.kill();
                }
                let model = naive.converge();
                let ran = spool.strict();
                let failed = naive.inputs.values().any(Option::is_none);
                let code = if model.is_none() { 3 } else { i32::from(failed) };
                assert_eq!(ran.code, code, "{ran:?}");
                if model.is_some() {
                    check(&spool, &naive);
                    let again = spool.strict().exits(code);
                    assert!(
                        again.stderr.contains("nothing to do") || again.stderr.contains("scored 0 files"),
                        "{again:?}"
                    );
                    // All was told, and each input counts once.
                    let bad = naive.inputs.values().filter(|input| input.is_none()).count();
                    let tally = spool.run(&["--once", "--json"]).exits(0).json();
                    let count = |name: &str| tally[name].as_u64().unwrap() as usize;
                    assert_eq!((count("failed_anew"), count("failed_before")), (0, bad), "{tally}");
                    assert_eq!(
                        (count("scored"), count("unchanged")),
                        (0, naive.inputs.len() - bad),
                        "{tally}"
                    );
                }
            }
            Step::StartOrKill => match daemon.take() {
                Some(daemon) => {
                    if naive.converge().is_some() {
                        settles(&spool, &naive);
                    }
                    daemon.kill();
                }
                None if naive.converge().is_some() => {
                    daemon = Some(spool.daemon());
                    settles(&spool, &naive);
                }
                None => {}
            },
        }
        if daemon.is_some() {
            // Deterministic from here on: what a daemon has made before a model is revoked or an output deleted.
            if naive.converge().is_some() {
                settles(&spool, &naive);
            }
        }
    }
}

fn settles(spool: &Spool, naive: &Naive) {
    wait_until("the folders are as they should be", || {
        let visible = |folder: &str| -> Vec<String> {
            spool
                .names(folder)
                .into_iter()
                .filter(|n| !n.starts_with('.'))
                .collect()
        };
        visible("output") == naive.outputs()
            && visible("failed") == naive.reports()
            && naive
                .outputs
                .iter()
                .all(|(file, expected)| output(spool, naive, *file).as_ref() == Some(expected))
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, max_shrink_iters: 60, ..ProptestConfig::default() })]

    #[test]
    fn the_output_folder_is_what_a_naive_model_says(
        mut steps in proptest::collection::vec(step(), 1..25),
        dresses in proptest::array::uniform4(prop::sample::select(Dress::all().collect::<Vec<_>>()).prop_map(Some)),
    ) {
        steps.insert(0, Step::Approve { version: 1 });
        steps.push(Step::Once);
        walk(steps, dresses);
    }
}

/// A failure that a killed worker had read again, a moment after its input was dropped anew, wasn't counted by the next run.
#[test]
fn a_failure_that_another_worker_was_about_to_read_again_is_counted() {
    for _ in 0..5 {
        walk(
            vec![
                Step::Approve { version: 1 },
                Step::DropBad { file: 0 },
                Step::Once,
                Step::DropBad { file: 0 },
                Step::StartOrKill,
                Step::Once,
            ],
            [None; 4],
        );
    }
}
