//! `transform experiment`

use super::{VersionName, files};
use crate::share::Share;
use clap::{ArgGroup, Args, Subcommand};
use std::path::PathBuf;

const START: &str = "\
Examples:
  transform experiment start trees --shadow 4 --backfill --reason \"how do they differ?\"
  transform experiment start spring --challenger 4 --share 10% --key id --abort-if \"bad_rows > 5%\"";

#[derive(Debug, Subcommand)]
pub enum Experiment {
    /// Try a version beside the one that answers: a decision, kept with who, when and why
    ///
    /// As a shadow it scores every row of the files that come from now on, in the same pass, and answers none: outputs are the same
    /// bytes as without. As a challenger it answers for a share of the keys, and the other one for the rest. What both say goes to
    /// shadow.path.
    #[command(group = ArgGroup::new("version").required(true), after_help = START)]
    Start {
        /// Its name: letters, digits, '-', '_', '.'; never used again
        name: String,
        /// The version that scores and doesn't answer: pending, or approved and lower than the one that answers
        #[arg(long, value_name = "VERSION", group = "version")]
        shadow: Option<VersionName>,
        /// The version that answers for a share of the keys; needs output.model_version = true
        #[arg(long, value_name = "VERSION", group = "version", requires = "share")]
        challenger: Option<VersionName>,
        /// With --challenger: its share of the keys, above 0% and at most 100%, such as 10%
        #[arg(long, value_name = "SHARE", value_parser = share, requires = "challenger", conflicts_with = "shadow")]
        share: Option<Share>,
        /// The column by which rows are found again when labels come, and by which a challenger's are chosen [default: monitor.key]
        #[arg(long, value_name = "COLUMN")]
        key: Option<String>,
        /// What keys are hashed with: experiments of one salt split them alike [default: the name]
        #[arg(long, value_name = "TEXT", requires = "challenger", conflicts_with = "shadow")]
        salt: Option<String>,
        /// Of a shadow: score the files that are there already, too
        #[arg(long, conflicts_with = "challenger")]
        backfill: bool,
        /// Halt it by itself where this is so: "bad_rows > 1%", "psi > 0.3" or "p99_ms > 5" (over HTTP); may be given again
        #[arg(long, value_name = "RULE")]
        abort_if: Vec<String>,
        /// Why; kept with the decision
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
    },
    /// Give a challenger a greater or smaller share of the keys: a decision, kept with who, when and why
    ///
    /// A greater share keeps the keys that it has and takes more from the champion, a smaller one gives some back. It begins a phase:
    /// what comes from now on is of that, and what was answered stays as it is.
    Ramp {
        /// The experiment's name
        #[arg(value_name = "EXPERIMENT")]
        name: String,
        /// From now on, above 0% and at most 100%, such as 20%
        #[arg(value_parser = share)]
        share: Share,
        /// Why; kept with the decision
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
    },
    /// Have a trial that is halted go on: a decision, kept with what was found, who, when and why
    Resume {
        /// The experiment's name
        #[arg(value_name = "EXPERIMENT")]
        name: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Approve a challenger and end its test: a decision, kept with who, when, why, and the report
    ///
    /// It answers all keys from then on, and outputs that are there are made again by it, unless models.on_approval = "new-files". It
    /// must prove itself, as for `models approve`; the report is printed and kept, and decides nothing.
    #[command(after_help = files())]
    Promote {
        /// The experiment's name
        #[arg(value_name = "EXPERIMENT")]
        name: String,
        #[command(flatten)]
        labelled: Labelled,
        /// Why; kept with the decision
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
    },
    /// End a trial: a decision, kept with who, when and why
    Stop {
        /// The experiment's name
        #[arg(value_name = "EXPERIMENT")]
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
    #[command(after_help = files())]
    Report {
        /// The experiment's name
        #[arg(value_name = "EXPERIMENT")]
        name: String,
        #[command(flatten)]
        labelled: Labelled,
        /// Write one HTML page that needs nothing else, to look at, print or send
        #[arg(long, value_name = "OUT")]
        html: Option<PathBuf>,
        /// Print all of it as one JSON object
        #[arg(long)]
        json: bool,
    },
}

impl Experiment {
    /// That it names.
    pub fn versions(&self) -> Vec<&VersionName> {
        match self {
            Experiment::Start { shadow, challenger, .. } => shadow.iter().chain(challenger).collect(),
            _ => Vec::new(),
        }
    }
}

/// What a report is of, beside what was scored.
#[derive(Debug, Args)]
pub struct Labelled {
    /// What came true: a file with the key's column and the target's, in any format
    #[arg(long, value_name = "LABELS.csv")]
    pub labels: Option<PathBuf>,
    /// The labels' column with the key [default: the experiment's]
    #[arg(long, value_name = "COLUMN", requires = "labels")]
    pub key: Option<String>,
    /// Their column with what came true [default: the only other one]
    #[arg(long, value_name = "COLUMN", requires = "labels")]
    pub target: Option<String>,
    /// A difference in mean loss that is none: within it, the versions are equivalent
    #[arg(long, value_name = "LOSS", default_value_t = 0.0, value_parser = margin, requires = "labels")]
    pub margin: f64,
}

fn share(text: &str) -> Result<Share, String> {
    let share = text.parse().ok().filter(|share: &Share| share.fraction().0 > 0);
    share.ok_or_else(|| "must be a percentage above 0% and at most 100%, such as 10%".into())
}

fn margin(text: &str) -> Result<f64, String> {
    let margin = text.parse().ok().filter(|x: &f64| x.is_finite() && *x >= 0.0);
    margin.ok_or_else(|| "must be a number, 0 or above".into())
}
