//! `transform experiment`

use clap::Subcommand;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub enum Experiment {
    /// Try a version beside the one that answers: a decision, kept with who, when and why
    ///
    /// As a shadow it scores every row of the files that come from now on, in the same pass, and answers none: outputs are the same
    /// bytes as without. What both say of each row goes to shadow.path.
    Start {
        /// Its name: letters, digits, '-', '_', '.'; never used again
        name: String,
        /// The version: pending, or approved and lower than the one that answers
        #[arg(long, value_name = "N")]
        shadow: u32,
        /// The column by which rows are found again when labels come [default: monitor.key]
        #[arg(long, value_name = "COLUMN")]
        key: Option<String>,
        /// The files that are there already, too
        #[arg(long)]
        backfill: bool,
        /// Why; kept with the decision
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
    },
    /// End a trial: a decision, kept with who, when and why
    Stop {
        name: String,
        /// Remove what the version on trial made, too; also of an experiment that is over
        #[arg(long)]
        purge: bool,
        /// Why; kept with the decision
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
    },
    /// List all experiments, and how each stands
    List {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Say how a version on trial is beside the one that answers: how they differ, and with labels which is better
    ///
    /// The verdict may be looked at as often as one likes: better, worse, equivalent, or not yet, with the keys still needed. Exit code
    /// 0, whatever it says.
    Report {
        name: String,
        /// What came true: a CSV with the key's column and the target's
        #[arg(long, value_name = "LABELS.csv")]
        labels: Option<PathBuf>,
        /// The labels' column with the key [default: the experiment's]
        #[arg(long, value_name = "COLUMN", requires = "labels")]
        key: Option<String>,
        /// Their column with what came true [default: the only other one]
        #[arg(long, value_name = "COLUMN", requires = "labels")]
        target: Option<String>,
        /// A difference in mean loss that is none: within it, the versions are equivalent
        #[arg(long, value_name = "LOSS", default_value_t = 0.0, value_parser = margin, requires = "labels")]
        margin: f64,
        /// Write one HTML page that needs nothing else, to look at, print or send
        #[arg(long, value_name = "OUT")]
        html: Option<PathBuf>,
        /// Print all of it as one JSON object
        #[arg(long)]
        json: bool,
    },
}

fn margin(text: &str) -> Result<f64, String> {
    let margin = text.parse().ok().filter(|x: &f64| x.is_finite() && *x >= 0.0);
    margin.ok_or_else(|| "must be a number, 0 or above".into())
}
