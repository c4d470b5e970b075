//! `transform models ...`

use super::{BaselineColumns, Names, VersionName, files, one_of};
use crate::model::Format;
use crate::model::ensemble::Combine;
use clap::builder::PossibleValue;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub enum Models {
    /// List the versions of a group
    List {
        /// Print an array of JSON objects
        #[arg(long)]
        json: bool,
    },
    /// Show a version: manifest, signature, metrics, training, attachments, and every decision on it
    Show {
        /// Its number, such as 2; its group may stand before it: sales/2
        #[arg(value_name = "VERSION")]
        version: VersionName,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Show what changed between two versions: columns, coefficients, metrics, training data
    Diff {
        /// The version to compare with
        #[arg(value_name = "VERSION")]
        old: VersionName,
        /// The version to compare
        #[arg(value_name = "VERSION")]
        new: VersionName,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Add a version from an artifact; it is pending until somebody approves it
    ///
    /// The artifact is copied, and never changes again. A linear model is JSON:
    /// {"features": ["x"], "coefficients": [2.5], "intercept": 1.0, "link": "identity"}.
    /// XGBoost and LightGBM models are what their `save_model` writes; ONNX models are scored by ONNX Runtime, whose
    /// library must be there.
    #[command(after_help = files())]
    Register {
        /// The artifact's file
        artifact: PathBuf,
        /// How the artifact is written ('models ensemble' makes ensembles)
        #[arg(long, value_parser = one_of::<Format>(artifacts()))]
        format: Format,
        /// The features' names, in the model's order, where the artifact has none; one with a comma stands in double quotes,
        /// as in a CSV: 'a,"b, c"'. So do those of the other lists of names
        #[arg(long, value_name = "NAME,..")]
        feature_names: Option<Vec<Names>>,
        /// The classes' names, in the model's order, where the artifact only counts them
        #[arg(long, value_name = "NAME,..")]
        class_names: Option<Vec<Names>>,
        /// Inputs that are booleans: their cells may be True and False (true, TRUE, t), or 1 and 0, whichever the model was
        /// trained on
        #[arg(long, value_name = "NAME,..")]
        booleans: Vec<Names>,
        /// A number that means, in every input of numbers, that the value is missing, as XGBoost's missing=-999, which is
        /// not in the file; may be given again
        #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
        missing: Vec<f64>,
        /// The categories of the model are codes, written as numbers: a LightGBM file that was not written from Python
        #[arg(long)]
        codes: bool,
        /// The columns that were categories to pandas when a LightGBM model was trained, where `register` says that its file
        /// leaves it in doubt
        #[arg(long, value_name = "NAME,..")]
        categories: Vec<Names>,
        #[command(flatten)]
        details: Details,
    },
    /// Make a version of others of the group: an ensemble, which gives the mean of what they predict, or the median
    ///
    /// Their artifacts are copied, so the new version stays whole when they go. It is a version as any other: pending until
    /// somebody approves it.
    #[command(after_help = files())]
    Ensemble {
        /// The versions, approved or not
        #[arg(required = true, num_args = 2.., value_name = "VERSION")]
        versions: Vec<VersionName>,
        /// A weight for each, in the same order; only their ratios count [default: all the same]
        #[arg(long, value_name = "NUMBER,..", value_delimiter = ',', allow_negative_numbers = true, value_parser = finite)]
        weights: Vec<f64>,
        /// mean: the weighted mean of numbers, or of the probabilities of each class. median: of numbers alone
        #[arg(long, value_name = "WORD", default_value = "mean", value_parser = one_of::<Combine>(["mean", "median"]))]
        combine: Combine,
        /// Of two classes: the second one is the label from this mean probability on [default: as its members have it, or the
        /// more probable one]
        #[arg(long, value_parser = finite)]
        threshold: Option<f64>,
        #[command(flatten)]
        details: Details,
    },
    /// Read an artifact, and end: `register` runs this in a process of its own, for libraries that could crash
    #[command(hide = true)]
    Try {
        artifact: PathBuf,
        #[arg(long)]
        format: Format,
    },
    /// Approve a version: the highest approved version scores
    ///
    /// Before that it must load and score: its checksums hold, its signature is whole, and it reproduces its golden rows.
    Approve {
        /// Its number, such as 2; its group may stand before it: sales/2
        #[arg(value_name = "VERSION")]
        version: VersionName,
        /// Why; kept with the decision
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Reject a version; if it was the latest approved one, the one before scores again
    Reject {
        /// Its number, such as 2; its group may stand before it: sales/2
        #[arg(value_name = "VERSION")]
        version: VersionName,
        /// Why; kept with the decision
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Remove the artifact of an old version that nothing needs; its number, manifest and decisions stay
    ///
    /// It can't be approved or loaded again, nor brought back but by registering the artifact anew. Refused of the latest approved
    /// version, and of the newest one that nobody rejected. An ensemble that was made of it has a copy.
    Retire {
        /// Its number, such as 2; its group may stand before it: sales/2
        #[arg(value_name = "VERSION")]
        version: VersionName,
        /// Why; kept with the decision
        #[arg(long, default_value = "")]
        reason: String,
    },
}

impl Models {
    /// That it names.
    pub fn versions(&self) -> Vec<&VersionName> {
        match self {
            Models::Show { version, .. }
            | Models::Approve { version, .. }
            | Models::Reject { version, .. }
            | Models::Retire { version, .. } => vec![version],
            Models::Diff { old, new, .. } => vec![old, new],
            Models::Ensemble { versions, .. } => versions.iter().collect(),
            Models::List { .. } | Models::Register { .. } | Models::Try { .. } => Vec::new(),
        }
    }
}

/// What may be registered. An ensemble's plan is refused by name.
fn artifacts() -> impl Iterator<Item = PossibleValue> {
    Format::ALL
        .into_iter()
        .map(|format| PossibleValue::new(format.name()).hide(format == Format::Ensemble))
}

/// What is said of a version of any format, and kept with it.
#[derive(Args, Clone, Debug, Default)]
pub struct Details {
    /// A line for people
    #[arg(long, default_value = "")]
    pub description: String,
    /// A figure of its evaluation; may be given again
    #[arg(long, value_name = "NAME=NUMBER", value_parser = metric)]
    pub metric: Vec<(String, f64)>,
    /// Rows in any format, of at most 64 MiB: up to 32 of its rows, and their predictions, are kept with the
    /// version, which must reproduce them before it is put to use
    #[arg(long, value_name = "ROWS.csv")]
    pub golden: Option<PathBuf>,
    /// Rows in any format that later rows are held against, as `train` keeps one: see `transform monitor baseline`
    #[arg(long, value_name = "ROWS.csv")]
    pub baseline: Option<PathBuf>,
    #[command(flatten)]
    pub columns: BaselineColumns,
    /// Approve it at once
    #[arg(long)]
    pub approve: bool,
}

fn metric(text: &str) -> Result<(String, f64), String> {
    let (name, number) = text.split_once('=').ok_or("not NAME=NUMBER")?;
    let number = number.parse::<f64>().map_err(|e| e.to_string())?;
    Ok((name.into(), number))
}

fn finite(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|x: &f64| x.is_finite());
    number.ok_or_else(|| "must be a finite number".into())
}
