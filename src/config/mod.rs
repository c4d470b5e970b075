//! TOML -> validated [`Config`]. Reads one file.
//!
//! The built-in defaults are the shipped `config/transform.toml` itself, so that it can't tell another story.
//! Order: the defaults, the file, `TRANSFORM_SECTION__KEY` variables, `--set section.key=value`.

mod keys;

use crate::error::{Error, Result};
use crate::spool::publish::{Mode, Options};
use crate::spool::scan::Rules;
use crate::transform::{BadRows, Columns, Header, Limit, Shape, Share};
use keys::Keys;
pub(crate) use keys::line_of;
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;
use toml::Value;

const DEFAULTS: &str = include_str!("../../config/transform.toml");
/// Looked for in this order where no file is named.
pub const PLACES: [&str; 2] = ["config/transform.toml", "/etc/transform/transform.toml"];
const MEMORY_MIN: u64 = 32 << 20;
const DAY: Duration = Duration::from_secs(24 * 3600);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

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
    pub models: Models,
    pub state: State,
    pub worker: Worker,
}

#[derive(Clone, Debug)]
pub struct Input {
    pub path: PathBuf,
    pub rules: Rules,
    pub watch: Watch,
    pub poll_interval: Duration,
    pub rescan_interval: Duration,
    pub settle: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    Auto,
    Events,
    Poll,
}

#[derive(Clone, Debug)]
pub struct Output {
    pub path: PathBuf,
    /// `None`: found out at start.
    pub publish: Option<Mode>,
    pub done_marker: bool,
}

#[derive(Clone, Debug)]
pub struct Models {
    pub path: PathBuf,
    pub group: String,
    /// ONNX Runtime's library; empty: it is looked for.
    pub onnxruntime: PathBuf,
    pub on_approval: OnApproval,
}

/// What a new approval means for files that are scored already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnApproval {
    Rescore,
    NewFiles,
}

#[derive(Clone, Debug)]
pub struct State {
    pub path: PathBuf,
    /// How long the ledger keeps what is only history.
    pub history: Duration,
}

#[derive(Clone, Debug)]
pub struct Worker {
    pub threads: usize,
    /// Bytes.
    pub memory: u64,
    pub retry_max_backoff: Duration,
}

impl Config {
    /// How results are published by a worker whose state folder is called `instance`.
    pub fn publishing<'a>(&'a self, instance: &'a str) -> Options<'a> {
        Options {
            output: &self.output.path,
            failed: &self.failed,
            staging: self.state.path.join("staging"),
            mode: self.output.publish,
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
            file: file.or_else(|| std::env::var_os("TRANSFORM_CONFIG").map(PathBuf::from)),
            environment: std::env::vars_os()
                .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
                .filter(|(k, _)| k.starts_with("TRANSFORM_") && k.contains("__"))
                .collect(),
            set,
        }
    }

    pub fn load(&self) -> Result<Config> {
        let mut keys = Keys::defaults();
        let file = match &self.file {
            Some(file) => Some(file.clone()),
            None => place()?,
        };
        if let Some(file) = &file {
            let text = std::fs::read_to_string(file).map_err(|e| unreadable(file, e))?;
            keys.merge_file(file, &text)?;
        }
        for (name, value) in &self.environment {
            let key = name["TRANSFORM_".len()..].to_lowercase().replacen("__", ".", 1);
            keys.merge_text(&key, value, name)?;
        }
        for assignment in &self.set {
            let Some((key, value)) = assignment.split_once('=') else {
                return Err(Error::config(
                    "--set",
                    format!("{assignment:?} is not section.key=value"),
                ));
            };
            keys.merge_text(key.trim(), value, "--set")?;
        }
        keys.validate(file)
    }
}

/// Can a model group be called so? It is a folder below the models.
pub fn is_group(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.chars().any(|c| c == '/' || c.is_control())
}

/// A configuration file of any text.
#[cfg(fuzzing)]
pub fn fuzz(text: &str) -> Result<Config> {
    let mut keys = Keys::defaults();
    keys.merge_file(Path::new("transform.toml"), text)?;
    keys.validate(None)
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

impl Keys {
    fn validate(&self, file: Option<PathBuf>) -> Result<Config> {
        let delimiter = self.string("input.delimiter")?;
        let delimiter = match delimiter.as_bytes() {
            [b] if is_delimiter(*b) => *b,
            b"\\t" => b'\t',
            _ => {
                return self.wrong(
                    "input.delimiter",
                    "one ASCII character that is no letter, digit, quote, space, + - or .",
                );
            }
        };
        let path = |key: &str| match self.string(key)? {
            "" => self.wrong(key, "the path of a folder"),
            path => Ok(PathBuf::from(path)),
        };
        let group = self.string("models.group")?.to_string();
        if !is_group(&group) {
            return self.wrong("models.group", "a folder's name");
        }
        let threads = match self.integer("worker.threads")? {
            0 => std::thread::available_parallelism().map_or(1, |n| n.get()),
            n => n.min(1024) as usize,
        };
        let memory = self.string("worker.memory")?.parse::<bytesize::ByteSize>();
        let memory = match memory {
            Ok(size) if size.as_u64() >= MEMORY_MIN => size.as_u64(),
            _ => return self.wrong("worker.memory", "a size of at least \"32MiB\", such as \"512MiB\""),
        };
        let config = Config {
            file,
            input: Input {
                path: path("input.path")?,
                rules: self.rules()?,
                watch: self.choice(
                    "input.watch",
                    &[("auto", Watch::Auto), ("events", Watch::Events), ("poll", Watch::Poll)],
                )?,
                poll_interval: self.duration("input.poll_interval", Duration::from_millis(10), WEEK)?,
                rescan_interval: self.duration("input.rescan_interval", Duration::from_millis(10), WEEK)?,
                settle: self.duration("input.settle", Duration::ZERO, WEEK)?,
            },
            shape: Shape {
                header: self.header()?,
                delimiter,
                bad_rows: self.choice("input.bad_rows", &[("blank", BadRows::Blank), ("fail", BadRows::Fail)])?,
                max_bad_rows: self.limit("input.max_bad_rows")?,
                columns: self.columns("output.columns")?,
                probabilities: self.boolean("output.probabilities")?,
            },
            output: Output {
                path: path("output.path")?,
                publish: self.choice(
                    "output.publish",
                    &[
                        ("auto", None),
                        ("rename", Some(Mode::Rename)),
                        ("direct", Some(Mode::Direct)),
                    ],
                )?,
                done_marker: self.boolean("output.done_marker")?,
            },
            failed: path("failed.path")?,
            models: Models {
                path: path("models.path")?,
                group,
                onnxruntime: self.string("models.onnxruntime")?.into(),
                on_approval: self.choice(
                    "models.on_approval",
                    &[("rescore", OnApproval::Rescore), ("new-files", OnApproval::NewFiles)],
                )?,
            },
            state: State {
                path: path("state.path")?,
                history: self.duration("state.history", DAY, 36_500 * DAY)?,
            },
            worker: Worker {
                threads,
                memory,
                retry_max_backoff: self.duration("worker.retry_max_backoff", Duration::from_millis(10), WEEK)?,
            },
        };
        self.keep_apart(&config)?;
        Ok(config)
    }

    /// An output inside the input folder would be an input, and so on.
    fn keep_apart(&self, config: &Config) -> Result<()> {
        let input = resolve(&config.input.path);
        for (key, path) in [
            ("output.path", &config.output.path),
            ("failed.path", &config.failed),
            ("models.path", &config.models.path),
            ("state.path", &config.state.path),
        ] {
            let other = resolve(path);
            if other.starts_with(&input) || input.starts_with(&other) {
                let message = format!(
                    "{key} = {} and input.path = {} must lie apart, neither inside the other",
                    path.display(),
                    config.input.path.display()
                );
                return Err(Error::config(self.origin(key), message));
            }
        }
        Ok(())
    }

    fn rules(&self) -> Result<Rules> {
        let key = "input.include";
        let Value::Array(globs) = self.value(key) else {
            return self.wrong(key, "an array of globs, such as [\"*.csv\"]");
        };
        let globs: Option<Vec<String>> = globs.iter().map(|g| g.as_str().map(str::to_string)).collect();
        match globs.filter(|g| !g.is_empty()).map(|g| {
            Rules::new(self.boolean("input.recursive")?, &g).map_err(|e| Error::config(self.origin(key), e.to_string()))
        }) {
            Some(rules) => rules,
            None => self.wrong(key, "an array of globs, such as [\"*.csv\"]"),
        }
    }

    fn header(&self) -> Result<Header> {
        match self.value("input.header") {
            Value::Boolean(true) => Ok(Header::Present),
            Value::Boolean(false) => Ok(Header::Absent),
            _ => self.choice(
                "input.header",
                &[
                    ("auto", Header::Auto),
                    ("true", Header::Present),
                    ("false", Header::Absent),
                ],
            ),
        }
    }

    fn limit(&self, key: &str) -> Result<Limit> {
        let limit = match self.value(key) {
            Value::Integer(n) => u64::try_from(*n).ok().map(Limit::Count),
            Value::String(text) => match text.strip_suffix('%') {
                Some(percent) => Share::parse(percent.trim()).map(Limit::Share),
                None => text.trim().parse().ok().map(Limit::Count),
            },
            _ => None,
        };
        limit.map_or_else(
            || self.wrong(key, "a count, or a share between \"0%\" and \"100%\""),
            Ok,
        )
    }

    fn columns(&self, key: &str) -> Result<Columns> {
        let expected = "\"prediction\", \"all\", or an array of column names, each once";
        match self.value(key) {
            Value::String(word) if word == "prediction" => Ok(Columns::Prediction),
            Value::String(word) if word == "all" => Ok(Columns::All),
            Value::Array(names) if !names.is_empty() => {
                let names: Option<Vec<String>> = names.iter().map(|n| n.as_str().map(str::to_string)).collect();
                match names {
                    Some(names) if (1..names.len()).all(|i| !names[..i].contains(&names[i])) => {
                        Ok(Columns::Named(names))
                    }
                    _ => self.wrong(key, expected),
                }
            }
            _ => self.wrong(key, expected),
        }
    }
}

/// Any other byte could be part of a number or of a quoted field.
fn is_delimiter(b: u8) -> bool {
    b == b'\t' || b.is_ascii_punctuation() && !matches!(b, b'"' | b'\'' | b'+' | b'-' | b'.')
}

/// An absolute path without links or dots, as far as it exists.
fn resolve(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.into());
    let mut resolved = PathBuf::new();
    for part in absolute.components() {
        match part {
            Component::ParentDir => drop(resolved.pop()),
            Component::CurDir => {}
            part => resolved.push(part),
        }
        if let Ok(real) = resolved.canonicalize() {
            resolved = real;
        }
    }
    resolved
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test writes what it reads")]
mod tests {
    use super::*;

    fn load(file: &str, environment: &[(&str, &str)], set: &[&str]) -> Result<Config> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.toml");
        std::fs::write(&path, file).unwrap();
        let own = |(a, b): &(&str, &str)| (a.to_string(), b.to_string());
        Sources {
            file: Some(path),
            environment: environment.iter().map(own).collect(),
            set: set.iter().map(|s| s.to_string()).collect(),
        }
        .load()
    }

    #[test]
    fn later_sources_win() {
        let file = "[input]\nsettle = \"1s\"\n[models]\ngroup = \"a\"\n[worker]\nthreads = 3";
        let config = load(
            file,
            &[("TRANSFORM_MODELS__GROUP", "7"), ("TRANSFORM_WORKER__THREADS", "5")],
            &[
                "worker.threads=6",
                "output.columns=[\"id\"]",
                "input.include=*.csv, *.txt",
                "input.header=false",
            ],
        )
        .unwrap();
        assert_eq!(config.input.settle, Duration::from_secs(1));
        assert_eq!(config.models.group, "7");
        assert_eq!(config.worker.threads, 6);
        assert_eq!(config.shape.columns, Columns::Named(vec!["id".into()]));
        assert_eq!(config.shape.header, Header::Absent);
        assert!(config.input.rules.accept(&crate::spool::Name::new(*b"a.txt")));
        assert_eq!(config.input.poll_interval, Duration::from_secs(5));
        assert_eq!(config.worker.memory, 512 << 20);
        assert_eq!(config.shape.max_bad_rows, Limit::Share(Share::parse("10").unwrap()));
    }

    #[test]
    fn what_is_wrong_is_refused_with_its_place() {
        for (file, words) in [
            (
                "[input]\nsettel = \"1s\"",
                "t.toml:2: unknown key input.settel; the nearest is input.settle",
            ),
            (
                "\n[input]\nsettle = 3",
                "t.toml:3: input.settle = 3 should be a duration",
            ),
            ("[input\n", "t.toml: TOML parse error at line 1"),
            ("settle = 1", "outside of a [section]"),
            ("[worker]\nmemory = \"1MiB\"", "at least \"32MiB\""),
            ("[input]\ndelimiter = \"ab\"", "one ASCII character"),
            ("[input]\nmax_bad_rows = \"110%\"", "a count, or a share"),
            ("[input]\nmax_bad_rows = -1", "a count, or a share"),
            ("[input]\nheader = \"yes\"", "\"auto\" or \"true\" or \"false\""),
            ("[output]\ncolumns = [\"a\", \"a\"]", "each once"),
            ("[output]\npath = \"spool/input/out\"", "must lie apart"),
            ("[state]\npath = \"spool\"", "must lie apart"),
            ("[failed]\npath = \"spool/other/../input\"", "must lie apart"),
            ("[models]\ngroup = \"../x\"", "a folder's name"),
            ("[input]\ninclude = []", "an array of globs"),
            ("[input]\nrecursive = 1", "true or false"),
        ] {
            let error = load(file, &[], &[]).unwrap_err();
            assert!(error.to_string().contains(words), "{file}: {error}");
            assert_eq!(error.exit_code(), 64);
        }
        let error = load("", &[("TRANSFORM_INPUT__SETLE", "1s")], &[]).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("TRANSFORM_INPUT__SETLE: unknown key input.setle"),
            "{error}"
        );
        let error = load("", &[], &["input.settle"]).unwrap_err();
        assert!(error.to_string().contains("section.key=value"), "{error}");
    }

    #[test]
    fn a_configuration_that_the_disk_fails_to_read_is_no_wrong_usage() {
        let code = |e: i32| unreadable(Path::new("transform.toml"), io::Error::from_raw_os_error(e)).exit_code();
        let [enoent, eacces, eisdir, eio, emfile] = [2, 13, 21, 5, 24].map(code);
        assert_eq!([enoent, eacces, eisdir], [64; 3]);
        assert_eq!([eio, emfile], [75; 2]);
    }
}
