//! Settings -> validated [`Config`]. Reads one file.
//!
//! The built-in defaults are the shipped `config/transform.toml` itself, so that it can't tell another story.
//! Order: the defaults, the file, `TRANSFORM_SECTION__KEY` variables, `--set section.key=value`: [`layers`], one over the
//! other. A section is a file here: what it may say (`Raw`), and what the program uses. [`value`] has what several share.

mod capture;
mod disjoint;
mod engine;
mod environment;
mod input;
pub mod layers;
mod models;
mod monitor;
mod node;
mod output;
mod reader;
mod serve;
mod starter;
mod state;
mod status;
mod value;
mod worker;

pub use capture::Capture;
pub use engine::{Engine, Survey};
pub use input::{Input, Watch};
pub use models::{Models, OnApproval, is_group};
pub use monitor::has_segments;
pub use output::says_who_answers;
pub use output::{OnTaken, Output};
pub use serve::{AccessLog, Auth, BadRows, Serve};
pub use starter::starter;
pub use state::State;
pub use value::Decimal;
pub use worker::Worker;

use crate::error::{Error, Result};

use crate::monitor::Policy;
use crate::spool::publish::Options;
use crate::transform::Shape;
use layers::{Assignment, Content, Layers, Origin};
use serde::Deserialize;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

const DEFAULTS: &str = include_str!("../../config/transform.toml");
/// Looked for in this order where no file is named.
pub const PLACES: [&str; 2] = ["config/transform.toml", "/etc/transform/transform.toml"];

/// A configuration that holds together.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it was read from, if any.
    pub file: Option<PathBuf>,
    pub input: Input,
    /// What shapes an output.
    pub shape: Shape,
    pub output: Output,
    pub failed: PathBuf,
    /// The folder of what is kept of trials.
    pub shadow: PathBuf,
    pub models: Models,
    pub state: State,
    /// The folder of status.json.
    pub status: PathBuf,
    /// The file for Prometheus, if one is wished.
    pub textfile: Option<PathBuf>,
    pub worker: Worker,
    /// What results are held against, and what becomes of those that are out of the ordinary.
    pub monitor: Policy,
    /// The folder of alerts, if they are wished.
    pub alerts: Option<PathBuf>,
    pub serve: Serve,
    /// `None`: nothing is captured.
    pub capture: Option<Capture>,
    /// `None`: this machine alone scores.
    pub engine: Option<Engine>,
}

/// As it is written: a field a section.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    input: input::Raw,
    output: output::Raw,
    failed: state::Failed,
    shadow: state::Shadow,
    models: models::Raw,
    state: state::Raw,
    status: status::Raw,
    metrics: status::Metrics,
    worker: worker::Raw,
    monitor: monitor::Raw,
    alerts: monitor::Alerts,
    serve: serve::Raw,
    capture: capture::Raw,
    engine: engine::Raw,
}

impl Raw {
    fn validate(self, layers: &Layers, file: Option<PathBuf>) -> Result<Config> {
        let config = Config {
            file,
            input: self.input.validate(layers)?,
            shape: Shape {
                encoding: self.input.encoding,
                header: self.input.header,
                dialect: self.input.dialect(layers)?,
                spelling: self.input.spelling(layers)?,
                bad_rows: self.input.bad_rows,
                max_bad_rows: self.input.max_bad_rows,
                columns: self.output.columns.clone(),
                probabilities: self.output.probabilities,
                model_version: self.output.model_version,
                output: self.output.format,
                prefix: self.output.prefix.clone(),
                max_expansion: self.input.max_expansion,
            },
            output: self.output.validate(),
            failed: self.failed.path.0,
            shadow: self.shadow.path.0,
            models: self.models.validate(),
            state: self.state.validate(),
            status: self.status.path.0,
            textfile: self.metrics.textfile,
            worker: self.worker.validate(),
            monitor: self.monitor.validate(layers)?,
            alerts: self.alerts.path,
            serve: self.serve.validate(),
            capture: self.capture.validate(),
            engine: self.engine.validate(layers)?,
        };
        disjoint::check(&config, layers)?;
        monitor::has_names(&config, layers)?;
        Ok(config)
    }
}

impl Config {
    /// How results are published by a worker whose state folder is called `instance`.
    pub fn publishing<'a>(&'a self, instance: &'a str) -> Options<'a> {
        Options {
            shadow: &self.shadow,
            output: &self.output.path,
            failed: &self.failed,
            staging: self.state.path.join("staging"),
            mode: self.output.publish,
            format: self.shape.output,
            done_marker: self.output.done_marker,
            instance,
        }
    }
}

/// Where a configuration comes from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// `--config`, or `$TRANSFORM_CONFIG`.
    pub file: Option<PathBuf>,
    /// The environment's `TRANSFORM_SECTION__KEY` variables.
    pub environment: Vec<(String, String)>,
    /// `--set section.key=value`.
    pub set: Vec<String>,
}

impl Sources {
    /// The file named on the command line, else by the environment, and the environment's variables.
    pub fn from_environment(file: Option<PathBuf>, set: Vec<String>) -> Sources {
        Sources {
            file: file.or_else(|| std::env::var_os(environment::FILE).map(PathBuf::from)),
            environment: std::env::vars_os()
                .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
                .filter(|(k, _)| k.starts_with("TRANSFORM_") && k.contains("__"))
                .collect(),
            set,
        }
    }

    /// All keys that there are, such as `input.path`.
    pub fn keys() -> Vec<String> {
        Layers::defaults(DEFAULTS).known().to_vec()
    }

    /// Variables that set nothing, and those that were meant.
    pub fn strays() -> Vec<(String, String)> {
        let keys = Sources::keys();
        let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        let pairs = names.filter_map(|name| environment::meant(&name, &keys).map(|meant| (name, meant)));
        pairs.collect()
    }

    pub fn load(&self) -> Result<Config> {
        let mut layers = Layers::defaults(DEFAULTS);
        let file = match &self.file {
            Some(file) => Some(file.clone()),
            None => place()?,
        };
        if let Some(file) = &file {
            let text = std::fs::read_to_string(file).map_err(|e| unreadable(file, e))?;
            layers.merge(file, &text)?;
        }
        for (name, value) in &self.environment {
            let key = name["TRANSFORM_".len()..].to_lowercase();
            layers.assign(Assignment {
                key: key.split("__").map(String::from).collect(),
                content: Content::Text(value.clone()),
                origin: Origin::named(name),
            });
        }
        for assignment in &self.set {
            let Some((key, value)) = layers::assignment(assignment) else {
                return Err(Error::config(
                    "--set",
                    format!("{assignment:?} is not section.key=value"),
                ));
            };
            layers.assign(Assignment {
                key: layers::dotted(key.trim()),
                content: Content::Text(value.into()),
                origin: Origin::named("--set"),
            });
        }
        layers.read::<Raw>()?.validate(&layers, file)
    }
}

/// A configuration file of any text.
#[cfg(any(test, fuzzing))]
pub fn fuzz(text: &str) -> Result<Config> {
    let mut layers = Layers::defaults(DEFAULTS);
    layers.merge(Path::new("transform.toml"), text)?;
    layers.read::<Raw>()?.validate(&layers, None)
}

/// The first of the usual places that has a configuration. One that can't be looked at is no missing one.
fn place() -> Result<Option<PathBuf>> {
    for file in PLACES.map(PathBuf::from) {
        if file.try_exists().map_err(|e| unreadable(&file, e))? {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

/// What a person must mend is wrong usage; the rest, such as a faulty disk, may pass.
fn unreadable(file: &Path, e: io::Error) -> Error {
    match e.kind() {
        ErrorKind::NotFound
        | ErrorKind::PermissionDenied
        | ErrorKind::IsADirectory
        | ErrorKind::NotADirectory
        | ErrorKind::InvalidData => Error::config(file, format!("can't read the configuration: {e}")),
        _ => Error::io("read the configuration", file)(e),
    }
}

#[cfg(test)]
mod tests;
