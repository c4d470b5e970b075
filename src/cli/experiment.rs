//! `transform experiment`

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub enum Experiment {
    /// Try a version beside the one that answers: a decision, kept with who, when and why
    ///
    /// As a shadow it scores every row of the files that come from now on, in the same pass, and answers none: outputs are the same
    /// bytes as without. What both say of each row goes to shadow.path.
    Start {
        /// Its name: letters, digits, '-', '_', '.'; never used again
        name: String,
        /// The version, approved or not
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
}
