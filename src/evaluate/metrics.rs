//! What is measured: each metric's name, formula, and where it has no value.
//!
//! A metric that is undefined (R2 of a target that never changes, ROC AUC of one class, precision where nothing was
//! called yes) has no value here, where others warn and say 0 or 1: a gate must not pass, or fail, on an invented
//! figure. Everything else equals scikit-learn.

use crate::digits::significant;
use std::ops::Not;

/// What is predicted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Task {
    /// A number.
    Regression,
    /// Yes or no: yes where its probability is at least `threshold`.
    Classification { threshold: f64 },
    /// One of several classes.
    Multiclass { classes: usize },
}

/// What came true, and what was predicted, by row.
#[derive(Clone, Copy, Debug)]
pub struct Examples<'a> {
    /// Numbers; 1 for yes and 0 for no; of several classes the place of the class.
    pub actual: &'a [f64],
    /// As many numbers; probabilities of yes; of several classes the place of the one that was called.
    pub predicted: &'a [f64],
    /// Of several classes, `[class][row]`; empty for other tasks, and for models that give labels alone.
    pub probabilities: &'a [Vec<f64>],
}

impl<'a> Examples<'a> {
    /// Of a task without probabilities beside what is predicted.
    pub fn plain(actual: &'a [f64], predicted: &'a [f64]) -> Examples<'a> {
        Examples {
            actual,
            predicted,
            probabilities: &[],
        }
    }
}

/// What a model says of some rows: [`Examples`] without what came true.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Predictions {
    pub predicted: Vec<f64>,
    pub probabilities: Vec<Vec<f64>>,
}

impl Predictions {
    /// Of a task without probabilities beside what is predicted.
    pub fn plain(predicted: Vec<f64>) -> Predictions {
        Predictions {
            predicted,
            probabilities: Vec::new(),
        }
    }

    pub fn beside<'a>(&'a self, actual: &'a [f64]) -> Examples<'a> {
        Examples {
            actual,
            predicted: &self.predicted,
            probabilities: &self.probabilities,
        }
    }
}

/// A figure of merit. `y` is what came true, `p` what was predicted, `n` the number of rows; TP, FP, TN, FN are the
/// counts of [`Confusion`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Metric {
    /// 1 - sum (y - p)^2 / sum (y - mean y)^2: the share of the variance that is explained. No unit, at most 1.
    /// Undefined where all y are equal. (scikit-learn, `r2_score`, 3.4.6.1.)
    R2,
    /// sum (y - p)^2 / n, in the target's unit squared. (`mean_squared_error`.)
    Mse,
    /// The square root of MSE, in the target's unit. (`root_mean_squared_error`.)
    Rmse,
    /// sum |y - p| / n, in the target's unit. (`mean_absolute_error`.)
    Mae,
    /// -sum ln q / n, where q is the probability that was given to what came true, held within [e, 1 - e], e = 2^-52.
    /// (`log_loss`; Bishop 2006, 4.3.2.)
    LogLoss,
    /// The probability that a row that came true as yes has a higher p than one that came true as no, ties counting
    /// half. Undefined where there is one class only. (Hanley and McNeil 1982; `roc_auc_score`.)
    RocAuc,
    /// TP / (TP + FP). Undefined where nothing was called yes. (`precision_score`, `zero_division=nan`.)
    Precision,
    /// TP / (TP + FN). Undefined where nothing came true as yes. (`recall_score`, `zero_division=nan`.)
    Recall,
    /// 2 TP / (2 TP + FP + FN). Undefined where nothing is yes, called or true. (`f1_score`, `zero_division=nan`.)
    F1,
    /// (TP + TN) / n. (`accuracy_score`.)
    Accuracy,
    /// TN / (TN + FP): the recall of no. Undefined where nothing came true as no. No figure of an evaluation; a monitor's.
    Specificity,
    /// Of several classes: the mean of F1 over those that came true or were called, each held against the rest. A mean is
    /// undefined where one of its classes is. (`f1_score`, `average="macro"`.)
    F1Macro,
    /// The same, each class weighted by how often it came true; those that never did have no weight. (`average="weighted"`.)
    F1Weighted,
    PrecisionMacro,
    PrecisionWeighted,
    RecallMacro,
    RecallWeighted,
    /// The mean of each class's ROC AUC against the rest, by its own probability. Undefined where a class never came true, and
    /// without probabilities. (`roc_auc_score`, `multi_class="ovr"`; Provost and Domingos 2000.)
    RocAucOvr,
    /// The same, each class weighted by how often it came true. (`average="weighted"`.)
    RocAucOvrWeighted,
}

impl Metric {
    /// The main one first: it stands for the model where there is room for one figure.
    pub const REGRESSION: [Metric; 4] = [Metric::R2, Metric::Mse, Metric::Rmse, Metric::Mae];

    /// The main one first.
    pub const CLASSIFICATION: [Metric; 6] = [
        Metric::RocAuc,
        Metric::LogLoss,
        Metric::Precision,
        Metric::Recall,
        Metric::F1,
        Metric::Accuracy,
    ];

    /// The main one first.
    pub const MULTICLASS: [Metric; 10] = [
        Metric::F1Macro,
        Metric::F1Weighted,
        Metric::PrecisionMacro,
        Metric::PrecisionWeighted,
        Metric::RecallMacro,
        Metric::RecallWeighted,
        Metric::RocAucOvr,
        Metric::RocAucOvrWeighted,
        Metric::LogLoss,
        Metric::Accuracy,
    ];

    /// Each once.
    pub fn all() -> impl Iterator<Item = Metric> {
        let of_two = Metric::REGRESSION.into_iter().chain(Metric::CLASSIFICATION);
        let of_more = Metric::MULTICLASS.into_iter();
        of_two.chain(of_more.filter(|metric| !Metric::CLASSIFICATION.contains(metric)))
    }

    pub fn of(task: Task) -> &'static [Metric] {
        match task {
            Task::Regression => &Metric::REGRESSION,
            Task::Classification { .. } => &Metric::CLASSIFICATION,
            Task::Multiclass { .. } => &Metric::MULTICLASS,
        }
    }

    pub fn main(task: Task) -> Metric {
        Metric::of(task)[0]
    }

    pub fn named(name: &str) -> Option<Metric> {
        Metric::all().find(|metric| metric.name() == name)
    }

    /// As messages list them.
    pub fn names(metrics: impl Iterator<Item = Metric>) -> String {
        metrics.map(Metric::name).collect::<Vec<_>>().join(", ")
    }

    /// Its name in files; never changes.
    pub fn name(self) -> &'static str {
        match self {
            Metric::R2 => "r2",
            Metric::Mse => "mse",
            Metric::Rmse => "rmse",
            Metric::Mae => "mae",
            Metric::LogLoss => "log_loss",
            Metric::RocAuc => "roc_auc",
            Metric::Precision => "precision",
            Metric::Recall => "recall",
            Metric::F1 => "f1",
            Metric::Accuracy => "accuracy",
            Metric::Specificity => "specificity",
            Metric::F1Macro => "f1_macro",
            Metric::F1Weighted => "f1_weighted",
            Metric::PrecisionMacro => "precision_macro",
            Metric::PrecisionWeighted => "precision_weighted",
            Metric::RecallMacro => "recall_macro",
            Metric::RecallWeighted => "recall_weighted",
            Metric::RocAucOvr => "roc_auc_ovr",
            Metric::RocAucOvrWeighted => "roc_auc_ovr_weighted",
        }
    }

    pub fn larger_is_better(self) -> bool {
        matches!(self, Metric::Mse | Metric::Rmse | Metric::Mae | Metric::LogLoss).not()
    }

    /// Is it undefined of a classification that gives labels alone?
    pub fn needs_probabilities(self) -> bool {
        matches!(
            self,
            Metric::RocAuc | Metric::LogLoss | Metric::RocAucOvr | Metric::RocAucOvrWeighted
        )
    }

    /// A value as people read it: four digits.
    pub fn show(self, value: f64) -> String {
        match self {
            Metric::Mse | Metric::Rmse | Metric::Mae => significant(value, 4),
            // So that a baseline's R2 of -3e-17 is 0.
            _ => format!("{:.4}", (value * 1e4).round() / 1e4 + 0.0),
        }
    }
}

/// How often yes and no were called rightly and wrongly: counted; or expected, where labels aren't known yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confusion<N = u64> {
    pub true_yes: N,
    pub false_yes: N,
    pub true_no: N,
    pub false_no: N,
}

impl From<Confusion> for Confusion<f64> {
    fn from(counts: Confusion) -> Confusion<f64> {
        Confusion {
            true_yes: counts.true_yes as f64,
            false_yes: counts.false_yes as f64,
            true_no: counts.true_no as f64,
            false_no: counts.false_no as f64,
        }
    }
}

impl Confusion<f64> {
    /// A [`Metric`] that is a share of these; NaN where it is undefined, or another one.
    pub fn share(&self, metric: Metric) -> f64 {
        let Confusion {
            true_yes,
            false_yes,
            true_no,
            false_no,
        } = *self;
        match metric {
            Metric::Precision => true_yes / (true_yes + false_yes),
            Metric::Recall => true_yes / (true_yes + false_no),
            Metric::Specificity => true_no / (true_no + false_yes),
            Metric::F1 => 2.0 * true_yes / (2.0 * true_yes + false_yes + false_no),
            Metric::Accuracy => (true_yes + true_no) / (true_yes + true_no + false_yes + false_no),
            _ => f64::NAN,
        }
    }
}

/// [`Metric::RocAuc`] of rows that come by ascending score, those with the same one at once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ranking {
    pub yes: f64,
    pub no: f64,
    /// Twice the number of pairs (a yes, a no) in which the yes has the higher score, ties counting half.
    ordered: f64,
}

impl Ranking {
    /// So many rows of the next score: counted, or expected.
    pub fn tied(&mut self, yes: f64, no: f64) {
        self.ordered += yes * (2.0 * self.no + no);
        self.yes += yes;
        self.no += no;
    }

    /// NaN where there is one class only.
    pub fn roc_auc(&self) -> f64 {
        self.ordered / 2.0 / (self.yes * self.no)
    }
}
