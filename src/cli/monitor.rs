//! `transform monitor`

use super::{Since, VersionName, files};
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub enum Monitor {
    /// Say what the policy would make of a file: each check with its value, its bar, and what chance makes
    ///
    /// Nothing is published or kept. Exit code 1 if the file would be held or blocked.
    #[command(after_help = files())]
    Check {
        /// A file in any format, or the name of an input
        file: PathBuf,
        /// The version, such as 2 or sales/2 [default: the latest approved one]
        #[arg(long, value_name = "VERSION")]
        version: Option<VersionName>,
        /// Print also the checks that are fine
        #[arg(long)]
        all: bool,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Say what changed in the files that a version scored: a page, or a short text
    ///
    /// Then and now by column, over time, by segment, what the model is worth, and what to do next. Exit code 0, whatever it says.
    Report {
        /// Only these: inputs, or files that aren't dropped [default: all that the version scored]
        files: Vec<PathBuf>,
        /// Only what was first seen from then on: 7d, 36h, 2026-11-01, 2026-11-01T08:30:00Z
        #[arg(long, value_name = "WHEN")]
        since: Option<Since>,
        /// The version, such as 2 or sales/2 [default: the latest approved one]
        #[arg(long, value_name = "VERSION")]
        version: Option<VersionName>,
        /// Write one HTML page that needs nothing else, to look at, print or send
        #[arg(long, value_name = "OUT")]
        html: Option<PathBuf>,
        /// Print all of it as one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Say what came true: labels, mostly late, are joined with what was predicted
    ///
    /// By the key of each row (monitor.key), or row by row (--of). Says what the versions that predicted were worth, beside what they were
    /// worth when they were approved, and whether groups of people were treated alike. Exit code 1 if a check is beyond its bar
    /// whose area isn't off. Without labels: what is known so far.
    #[command(after_help = files())]
    Labels {
        /// A file with the key's column and the target's, in any format; or Amazon SageMaker's ground truth, a JSON object a line
        labels: Option<PathBuf>,
        /// The input whose rows they are of, one by one, in order
        #[arg(long, value_name = "INPUT", requires = "labels")]
        of: Option<PathBuf>,
        /// The column with what came true [default: the only one beside the key's]
        #[arg(long, value_name = "COLUMN", requires = "labels")]
        target: Option<String>,
        /// Only of inputs that were first seen since then, such as 7d or 2026-11-01
        #[arg(long, value_name = "WHEN")]
        since: Option<Since>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// List the results that are held; exit code 1 if there are any
    Held {
        /// Inputs: with the rows that made them so
        files: Vec<PathBuf>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Publish results that are held: a decision, kept with who, when and why
    ///
    /// Each is scored once more, and published if it comes out as it was when it was held.
    Release {
        /// The inputs
        #[arg(required_unless_present_any = ["all", "model", "since"], conflicts_with_all = ["all", "model", "since"])]
        files: Vec<PathBuf>,
        /// All that are held
        #[arg(long, conflicts_with_all = ["model", "since"])]
        all: bool,
        /// Those by a version, such as sales/2
        #[arg(long, value_name = "VERSION", conflicts_with = "since")]
        model: Option<VersionName>,
        /// Those that were held since then: 7d, 36h, 2026-11-01
        #[arg(long, value_name = "WHEN")]
        since: Option<Since>,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Who [default: user@host]
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Give a version the rows that later ones are held against: a decision, kept with who, when and SHA-256
    ///
    /// Rows of a time that was good, read as inputs are; the version predicts them. Without it, what was registered with the
    /// version counts: `train` leaves a baseline, and `models register --baseline` makes one.
    #[command(after_help = files())]
    Baseline {
        /// Rows with the model's columns, in any format
        rows: PathBuf,
        /// The version, such as 2 or sales/2 [default: the latest approved one]
        #[arg(long, value_name = "VERSION")]
        version: Option<VersionName>,
        #[command(flatten)]
        columns: BaselineColumns,
        /// Why; kept with the decision
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
    },
    /// Give a version the baseline of an Amazon SageMaker Model Monitor: its statistics.json, and constraints.json
    ///
    /// What can't be taken from them is said, column by column.
    Import {
        /// statistics.json
        statistics: PathBuf,
        /// constraints.json
        constraints: Option<PathBuf>,
        /// The version, such as 2 or sales/2 [default: the latest approved one]
        #[arg(long, value_name = "VERSION")]
        version: Option<VersionName>,
        /// Why; kept with the decision
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
    },
}

impl Monitor {
    /// That it names.
    pub fn versions(&self) -> Vec<&VersionName> {
        match self {
            Monitor::Check { version, .. }
            | Monitor::Report { version, .. }
            | Monitor::Release { model: version, .. }
            | Monitor::Baseline { version, .. }
            | Monitor::Import { version, .. } => version.iter().collect(),
            Monitor::Labels { .. } | Monitor::Held { .. } => Vec::new(),
        }
    }
}

/// Which columns of a baseline's rows are what, beside the model's inputs.
#[derive(Args, Clone, Debug, Default)]
pub struct BaselineColumns {
    /// The column of the baseline's rows with what was true, so that the model's errors are known, too
    #[arg(long, value_name = "COLUMN")]
    pub target: Option<String>,
    /// The column with what another system predicted, instead of the version
    #[arg(long, value_name = "COLUMN")]
    pub prediction: Option<String>,
    /// The column with its probability of the second class; of more classes one for each, in the model's order: may be given again
    #[arg(long, value_name = "COLUMN", requires = "prediction")]
    pub probability: Vec<String>,
    /// Columns that the model doesn't take, and that are to be watched
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    pub columns: Vec<String>,
}
