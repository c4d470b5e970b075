//! argv -> [`Cli`]. Pure.

pub mod completion;
mod experiment;
#[cfg(test)]
mod help;
mod keys;
mod models;
mod monitor;
mod names;
mod output_hash;
mod overrides;
mod since;
mod until;
mod version;

pub use experiment::{Experiment, Labelled};
pub use keys::{Bound, Keys};
pub use models::{Details, Models};
pub use monitor::{BaselineColumns, Monitor};
pub use names::Names;
pub use output_hash::OutputHash;
pub use overrides::Overrides;
pub use since::Since;
pub use until::Until;
pub use version::{Model, VersionName};

use crate::format::{FileFormat, OutputFormat};
use crate::serve::Stage;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Drop a CSV into spool/input; predictions by the latest approved model appear in spool/output.
///
/// Without a command it watches the input folder and works until SIGTERM. With --once it makes every output that is
/// missing or out of date, and ends. Both may be started again at any time: what is done is not done twice, and nothing
/// that was dropped is lost.
#[derive(Debug, Parser)]
#[command(name = "transform", version = crate::release::BUILD, after_long_help = AFTER_HELP)]
pub struct Cli {
    #[command(flatten)]
    pub common: Common,
    /// Make one pass, then end
    #[arg(long)]
    pub once: bool,
    /// With --once: make every output again, also those that are up to date
    #[arg(long, requires = "once")]
    pub all: bool,
    /// With --once: exit with 1 for any failure that nobody dismissed, not only for what failed anew
    #[arg(long, requires = "once")]
    pub strict: bool,
    /// With --once: print the result as one JSON object on stdout
    #[arg(long, requires = "once")]
    pub json: bool,
    /// With --once: say only what needs a person, and nothing if all is well
    ///
    /// That is: bad rows, files that failed anew (with --strict: that failed), also for now, are held, or left for their outputs went; that somebody has open for
    /// writing; and with a column in which every category is unknown to the model.
    #[arg(long, requires = "once")]
    pub quiet: bool,
    #[command(subcommand)]
    pub command: Option<Command>,
}

const AFTER_HELP: &str = "\
Exit codes:
  0   converged: nothing new for a person
  1   files failed anew, or are held; they are named, and reports stand in the failed folder. With --strict: any failure
      that nobody dismissed
  2   a trained model didn't pass its gate; nothing was registered
  3   no approved model, or it is damaged
  64  wrong usage or configuration, or a state that needs a person
  75  another worker holds the state folder, a passing fault (disk, mount), or a file still being written: try again

Examples:
  transform init churn                      a spool with its configuration in the folder churn
  transform --once                          score what is new, from cron or by hand
  transform --once --set input.path=/data   the same, elsewhere
  transform models register m.json --format linear --approve
  transform train config/diabetes.toml      from examples to a version that waits for approval
  transform score < rows.csv                try the approved model on standard input
  transform status                          what is done, pending, failed; is a worker running";

/// Behind what a command has of its own, and before `--help`.
const LAST: usize = 900;

/// Behind them, whatever headings they have.
const COMMON: &str = "Options of all commands";

/// What every command takes.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// The configuration file [default: $TRANSFORM_CONFIG, config/transform.toml, /etc/transform/transform.toml]
    #[arg(long, value_name = "FILE", global = true, display_order = LAST, help_heading = COMMON)]
    pub config: Option<PathBuf>,
    /// Set one key of the configuration, such as worker.threads=2; a text as it is or in quotes, as in the file. May be given again
    #[arg(long, value_name = "SECTION.KEY=VALUE", global = true, display_order = LAST + 1, help_heading = COMMON)]
    pub set: Vec<String>,
    /// How to write logs, on stderr
    #[arg(long, value_name = "FORMAT", default_value = "text", global = true, display_order = LAST + 2, help_heading = COMMON)]
    pub log_format: LogFormat,
    /// The least severe log to write [default: info; warn with --once and for commands]
    #[arg(long, value_name = "LEVEL", global = true, display_order = LAST + 3, help_heading = COMMON)]
    pub log_level: Option<LogLevel>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a spool: its folders, a configuration with comments, and a page that says what is where
    ///
    /// What is there already is left as it is, so it may be run again.
    Init {
        /// The folder
        #[arg(value_name = "DIR", default_value = ".")]
        folder: PathBuf,
        /// The model group that scores [default: the only one there is]
        #[arg(long)]
        group: Option<String>,
    },
    /// Show what is done, pending, held and failed, the model, and whether a worker is running
    ///
    /// With --check it is a plugin for Nagios, Icinga and the like: one line with perfdata, and as exit code 0 OK, 1 WARNING,
    /// 2 CRITICAL, 3 UNKNOWN.
    Status {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
        /// Judge it: one line, and an exit code from 0 to 3
        #[arg(long, conflicts_with = "json")]
        check: bool,
        /// With --check: a file that is pending for longer is a warning, twice as long critical
        #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration, requires = "check")]
        max_pending_age: Duration,
        /// With --check: no worker needs to run if the last one did so within this time, as from cron or a timer
        #[arg(long, value_name = "DURATION", value_parser = duration, requires = "check")]
        max_run_age: Option<Duration>,
    },
    /// Show every transformation of a file, or the last ones of all files: when, which model, rows, time, hashes
    ///
    /// The ledger keeps them for as long as state.history of the configuration says.
    History {
        /// The file, by its name in the input folder or its path
        file: Option<PathBuf>,
        /// From then on: a duration such as 7d or 36h, or a date (in UTC) such as 2026-11-01
        #[arg(long, value_name = "WHEN")]
        since: Option<Since>,
        /// Of this model alone: GROUP/VERSION, VERSION of the configured group, or GROUP for all its versions
        #[arg(long, value_name = "MODEL")]
        model: Option<Model>,
        /// Who made this output: its SHA-256 (`sha256sum`) or BLAKE3, or how one begins, of 8 digits at least
        #[arg(long, value_name = "HASH")]
        output_hash: Option<OutputHash>,
        /// At most this many, newest first [default: 50; all with --since or --output-hash]
        #[arg(long, value_name = "N")]
        limit: Option<u32>,
        /// Print an array of JSON objects, with hashes: see config/schemas/history.schema.json
        #[arg(long)]
        json: bool,
    },
    /// Try failed files again, or make outputs and rejects again that went
    ///
    /// For example after a fault outside of the files was mended: a file that failed is tried again by itself as soon as it, the
    /// model or the configuration changes. An output that went is made again where its input is named; so are the bad rows of one
    /// that is done, with its output.
    Retry {
        /// The files; all that failed, but for those that were dismissed, if none is named
        files: Vec<PathBuf>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Acknowledge failed files, which count no more: for --strict, in `failed`, and for who watches
    ///
    /// Who, when and why are kept, and shown by status and history. It ends when the failure does: as soon as the file, the model
    /// or the configuration changes, and with a retry.
    Dismiss {
        /// The files
        #[arg(required = true)]
        files: Vec<PathBuf>,
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
    /// Check that the configuration, the folders and the model are ready
    Check {
        /// A missing model is no error, as for the daemon, which waits for one
        #[arg(long)]
        no_model_ok: bool,
        /// Mark the output and failed folders as this worker's, though another one did
        #[arg(long)]
        take_output: bool,
        /// Check what `transform serve` needs, too: its address, its keys, its state
        #[arg(long)]
        serve: bool,
    },
    /// Score standard input to standard output: a filter, beside the spool
    Score {
        /// A model version, such as 2 or sales/2, or its folder; approved or not [default: the latest approved version]
        #[arg(long, value_name = "VERSION")]
        model: Option<PathBuf>,
        /// Write the rows that can't be scored here, each with its line, column and reason; empty if there are none
        #[arg(long, value_name = "FILE")]
        rejects: Option<PathBuf>,
        /// How the rows stand in standard input, as the end of a file's name would say it [default: csv]
        #[arg(long, value_name = "FORMAT", value_parser = formats())]
        format: Option<FileFormat>,
        /// How they shall stand in standard output, uncompressed unless it is the same [default: output.format of the configuration]
        #[arg(long, value_name = "FORMAT", value_parser = output_formats())]
        output_format: Option<OutputFormat>,
    },
    /// Register, compare, approve and reject model versions
    Models {
        #[command(subcommand)]
        command: Models,
        /// The model group [default: models.group of the configuration, or the only one there is]
        #[arg(long, global = true, display_order = LAST - 1)]
        group: Option<String>,
    },
    /// Say whether data looks like what the model knows: what is out of the ordinary, since when, what is held
    ///
    /// Without a subcommand: of the version at work, its last window, open alerts, and what isn't watched. Exit code 1 if an alert is
    /// open or a result is held.
    Monitor {
        #[command(subcommand)]
        command: Option<Monitor>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
        /// The model group [default: models.group of the configuration, or the only one there is]
        #[arg(long, global = true, display_order = LAST - 1)]
        group: Option<String>,
    },
    /// Try a version beside the one that answers
    Experiment {
        #[command(subcommand)]
        command: Experiment,
        /// The model group [default: models.group of the configuration, or the only one there is]
        #[arg(long, global = true, display_order = LAST - 1)]
        group: Option<String>,
    },
    /// Make, list and revoke the keys of those who may ask `transform serve`
    Keys {
        #[command(subcommand)]
        command: Keys,
    },
    /// Train a model version from a file of examples, in any format: preprocess, train, evaluate, check the gate, register as pending
    ///
    /// A pipeline file says how; config/diabetes.toml has every key. Each key is also a flag, which counts more. Nothing is
    /// registered if the evaluation doesn't pass the gate (exit code 2), and nothing is approved.
    #[command(after_help = files(), after_long_help = format!("{}\n\n{MINIMAL}", files()))]
    Train {
        /// The pipeline file
        #[arg(value_name = "PIPELINE")]
        pipeline: PathBuf,
        #[command(flatten)]
        overrides: Overrides,
        /// Train and evaluate, and register nothing
        #[arg(long)]
        dry_run: bool,
        /// Write the evaluation's page here, too
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
        /// Print the evaluation as one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Evaluate a registered version on fresh labelled rows
    #[command(after_help = files())]
    Evaluate {
        /// Rows with the model's columns and the target, in any format
        data: PathBuf,
        /// The version, such as 2 or sales/2 [default: the latest approved one]
        #[arg(long, value_name = "VERSION")]
        version: Option<VersionName>,
        /// The target's column [default: the one that the version was trained on]
        #[arg(long, value_name = "COLUMN")]
        target: Option<String>,
        /// A file with the target alone, in any format
        #[arg(long, value_name = "FILE")]
        target_file: Option<PathBuf>,
        /// Of a classification: yes from this probability on [default: as it was trained, or 0.5]
        #[arg(long)]
        threshold: Option<f64>,
        /// The model group [default: models.group of the configuration, or the only one there is]
        #[arg(long)]
        group: Option<String>,
        /// Write a page with plots
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Answer over HTTP, by the approved models, until SIGTERM
    ///
    /// It shares configuration and models with the worker, and nothing else: either runs without the other. SIGHUP reads the
    /// configuration's keys file again; a new approval needs no signal.
    Serve {
        /// production: by the latest approved version. staging: by the newest one that nobody rejected, approved or not
        #[arg(long, value_name = "STAGE", default_value = "production")]
        stage: Stage,
    },
    /// Work for an engine, on a node of it
    #[command(hide = true)]
    Part {
        #[command(subcommand)]
        command: Part,
    },
    /// Print a completion script, which asks this program what may come next
    ///
    /// For bash in ~/.local/share/bash-completion/completions/transform, for zsh in a folder of $fpath as _transform, for fish in
    /// ~/.config/fish/completions/transform.fish.
    Completions { shell: completion::Shell },
    /// Say what may come next: the scripts of shells ask
    #[command(hide = true)]
    Complete {
        /// Look by itself, and wait for what it looks at
        #[arg(long)]
        beside: bool,
        /// The words that are typed
        #[arg(last = true)]
        typed: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
pub enum Part {
    /// Do the tasks of a file, a line of JSON each, and print a report of each
    ///
    /// Exit codes: 0, all are done; 75, this machine can't, another one may; 70, a panic; else, none can. Why stands on stderr, as
    /// JSON. The configuration isn't read: tasks say all.
    Run {
        /// The file; - is standard input
        #[arg(long, value_name = "FILE")]
        tasks: PathBuf,
        /// End when this process does, which must be the one that starts this
        #[arg(long, value_name = "PID")]
        parent: Option<u32>,
    },
}

fn formats() -> impl TypedValueParser<Value = FileFormat> {
    PossibleValuesParser::new(FileFormat::NAMES).map(|name| FileFormat::of(format!(".{name}").as_bytes()))
}

fn output_formats() -> impl TypedValueParser<Value = OutputFormat> {
    let names = OutputFormat::ALL.map(OutputFormat::name);
    PossibleValuesParser::new(names).map(|name| OutputFormat::parse(&name).unwrap_or_default())
}

/// One of these words.
fn one_of<T: FromStr<Err = String> + Clone + Send + Sync + 'static>(
    words: impl IntoIterator<Item = impl Into<PossibleValue>>,
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(words).try_map(|word| word.parse())
}

/// Which files of rows commands read: those of all formats.
fn files() -> String {
    let names: Vec<String> = FileFormat::NAMES.iter().map(|name| format!(".{name}")).collect();
    format!(
        "Files of rows are read by the ends of their names: {}. Any other name is that of a CSV.",
        names.join(", ")
    )
}

/// For who has only the program.
const MINIMAL: &str = concat!(
    "A pipeline file to start from; all else has a default:\n\n",
    include_str!("pipeline.toml")
);

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "not a duration, such as 90s, 15m or 1h".to_string();
    let span = text.parse::<jiff::SignedDuration>().map_err(|_| wrong())?;
    Duration::try_from(span).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::pipeline::Pipeline;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_pipeline_to_start_from_is_one() {
        let file = include_str!("pipeline.toml");
        let pipeline = Pipeline::parse("p.toml".as_ref(), file, &[]).unwrap();
        assert_eq!(pipeline.data.target.as_deref(), Some("price"));
        let mut train = Cli::command().find_subcommand("train").unwrap().clone();
        assert!(train.render_long_help().to_string().contains(file.trim_end()));
        assert!(include_str!("../../TRAIN.md").contains(file));
    }

    #[test]
    fn words_become_commands() {
        let cli = Cli::try_parse_from(["transform", "--once", "--all", "--set", "input.path=x"]).unwrap();
        assert!(cli.once && cli.all && cli.command.is_none());
        assert_eq!(cli.common.set, ["input.path=x"]);
        let cli =
            Cli::try_parse_from(["transform", "models", "approve", "2", "--group", "g", "--config", "c"]).unwrap();
        assert_eq!(cli.common.config, Some("c".into()));
        let Some(Command::Models { command, group }) = cli.command else {
            panic!("{cli:?}");
        };
        assert!(
            matches!(
                command,
                Models::Approve {
                    version: VersionName { number: 2, .. },
                    ..
                }
            ) && group.as_deref() == Some("g")
        );
        for wrong in [
            &["transform", "--all"][..],
            &["transform", "scoer"],
            &["transform", "models", "show", "x"],
        ] {
            assert!(Cli::try_parse_from(wrong).is_err(), "{wrong:?}");
        }
    }
}
