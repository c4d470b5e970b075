//! Metrics as they are to be expected, before labels come.

use super::reference::class_name;
use super::{Figures, Outcomes, Reference};
use crate::evaluate::Metric;

/// A confidence band is an estimate +- so many sampling errors.
const BAND: f64 = 3.0;

/// A metric of rows without labels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    pub value: f64,
    /// The standard error of so many rows, if labels were as their probabilities say. None where the reference has none.
    pub error: Option<f64>,
    /// +- 3 errors, within 0 and 1.
    pub band: Option<(f64, f64)>,
}

/// What a model said of some rows.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// In the order of the reference's classes; of yes and no that of yes alone.
    pub scores: &'a [f64],
    /// The number of a class; of yes and no 1 and 0.
    pub predicted: usize,
    /// How many such rows.
    pub weight: u64,
}

/// Rows by the bin of a class's score ([`super::Class::bin`]): those that were called it, and the others. Tallies of neighbouring
/// rows add up to those of both.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    pub called: Vec<u64>,
    pub other: Vec<u64>,
}

impl Tally {
    pub fn with_bins(bins: usize) -> Tally {
        Tally {
            called: vec![0; bins],
            other: vec![0; bins],
        }
    }

    pub fn rows(&self) -> u64 {
        self.called.iter().chain(&self.other).sum()
    }
}

/// So many rows of one score, and the probability that their class comes true.
struct Part {
    score: f64,
    share: f64,
    called: bool,
    weight: f64,
}

impl Reference {
    /// Of rows. Those with a score that isn't finite are left out.
    ///
    /// # Panics
    /// If a row hasn't a score for each class.
    pub fn estimate<'a>(&self, rows: impl IntoIterator<Item = Row<'a>>) -> Figures<Option<Estimate>> {
        let mut classes: Vec<Vec<Part>> = self.classes.iter().map(|_| vec![]).collect();
        let mut n = 0;
        for row in rows {
            assert_eq!(row.scores.len(), classes.len(), "a score for each class");
            if !row.scores.iter().all(|score| score.is_finite()) {
                continue;
            }
            n += row.weight;
            for (class, share) in self.shares(row.scores).into_iter().enumerate() {
                classes[class].push(Part {
                    score: row.scores[class],
                    share,
                    called: row.predicted == class_name(row.scores.len(), class),
                    weight: row.weight as f64,
                });
            }
        }
        let classes: Vec<Outcomes> = classes.into_iter().map(expected).collect();
        self.figures(&classes, n)
    }

    /// Of tallies, one for each class. Within a bin the rows count as alike, and as likely as the reference's rows of that bin.
    ///
    /// # Panics
    /// If there isn't a tally for each class, with the bins of its class.
    pub fn estimate_tallies(&self, tallies: &[Tally]) -> Figures<Option<Estimate>> {
        assert_eq!(tallies.len(), self.classes.len(), "a tally for each class");
        let classes = self.classes.iter().zip(tallies).map(|(class, tally)| {
            let sides = [
                (&tally.called, &class.called, true),
                (&tally.other, &class.other, false),
            ];
            let parts = sides.into_iter().flat_map(|(counts, shares, called)| {
                assert_eq!(counts.len(), shares.len(), "a count for each bin");
                let bins = counts.iter().zip(shares).enumerate();
                bins.map(move |(bin, (&count, &share))| Part {
                    score: bin as f64,
                    share,
                    called,
                    weight: count as f64,
                })
            });
            expected(parts.collect())
        });
        let classes: Vec<Outcomes> = classes.collect();
        self.figures(&classes, tallies[0].rows())
    }

    fn figures(&self, classes: &[Outcomes], n: u64) -> Figures<Option<Estimate>> {
        let values = Outcomes::figures(classes);
        Figures::of(|metric| {
            let value = values.value(metric)?;
            let error = self.error(metric, n);
            Some(Estimate {
                value,
                error,
                band: error.map(|error| ((value - BAND * error).max(0.0), (value + BAND * error).min(1.0))),
            })
        })
    }

    /// The sampling error of a metric of n rows.
    pub fn error(&self, metric: Metric, n: u64) -> Option<f64> {
        let deviation = self.deviations.value(metric)?;
        (n > 0).then(|| deviation / (n as f64).sqrt())
    }
}

/// TP is the sum of shares in rows that were called yes, FP of 1 - share; FN and TN so of the others.
fn expected(mut parts: Vec<Part>) -> Outcomes {
    parts.sort_by(|a, b| a.score.total_cmp(&b.score));
    let mut outcomes = Outcomes::default();
    for tied in parts.chunk_by(|a, b| a.score == b.score) {
        let (mut yes, mut no) = (0.0, 0.0);
        for part in tied {
            let confusion = &mut outcomes.confusion;
            let (to_yes, to_no) = match part.called {
                true => (&mut confusion.true_yes, &mut confusion.false_yes),
                false => (&mut confusion.false_no, &mut confusion.true_no),
            };
            *to_yes += part.share * part.weight;
            *to_no += (1.0 - part.share) * part.weight;
            yes += part.share * part.weight;
            no += (1.0 - part.share) * part.weight;
        }
        outcomes.ranking.tied(yes, no);
    }
    outcomes
}
