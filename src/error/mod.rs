//! What can go wrong beside a single input: every error has a path, an exit code that says whether trying again helps,
//! and where the message doesn't tell it, the way out.

mod read_only;

use std::io;
use std::path::{Path, PathBuf};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Exit codes of the command line.
pub mod exit {
    pub const CONVERGED: u8 = 0;
    pub const SOME_FAILED: u8 = 1;
    pub const GATE: u8 = 2;
    pub const NO_MODEL: u8 = 3;
    pub const USAGE: u8 = 64;
    pub const TRY_AGAIN: u8 = 75;
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("can't {action} {}: {source}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// What was asked for can't be, or the configuration is wrong.
    #[error("{}: {message}", path.display())]
    Config { path: PathBuf, message: String },
    #[error("no approved model in {}: {message}", path.display())]
    NoModel { path: PathBuf, message: String },
    /// A manifest, artifact or approval that can't be believed.
    #[error("{}: {message}", path.display())]
    Model { path: PathBuf, message: String },
    /// The keys of callers, or what they used, that can't be believed.
    #[error("{}: {message}", path.display())]
    Keys { path: PathBuf, message: String },
    #[error("ledger {}: {message}", path.display())]
    Ledger {
        path: PathBuf,
        message: String,
        passing: bool,
    },
    #[error("another worker holds {}: pid {pid}", path.display())]
    Busy { path: PathBuf, pid: String },
    /// The output or failed folder is another worker's.
    #[error("{}: {message}", path.display())]
    Owned { path: PathBuf, message: String },
    /// A mount that is gone or gives back other than was put in.
    #[error("{}: {message}", path.display())]
    Mount { path: PathBuf, message: String },
    /// Of an engine that scores parts of inputs on other machines.
    #[error("{}: {message}", path.display())]
    Engine {
        fault: EngineFault,
        path: PathBuf,
        message: String,
    },
}

/// What is wrong with an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EngineFault {
    /// It doesn't answer, or can do no work.
    Unavailable,
    /// Of Ray, of Python, or of transform on a node: another version than is needed.
    Version,
    /// A node can't do what this machine can.
    Node,
    /// A node sees another model.
    Model,
    /// A node sees another input.
    Input,
}

impl EngineFault {
    pub const ALL: [EngineFault; 5] = [
        EngineFault::Unavailable,
        EngineFault::Version,
        EngineFault::Node,
        EngineFault::Model,
        EngineFault::Input,
    ];

    /// Stable name.
    pub fn code(self) -> &'static str {
        match self {
            EngineFault::Unavailable => "engine_unavailable",
            EngineFault::Version => "engine_version",
            EngineFault::Node => "engine_node",
            EngineFault::Model => "engine_model",
            EngineFault::Input => "engine_input",
        }
    }
}

impl Error {
    /// For `map_err`: names the action and the path.
    pub fn io<E: Into<io::Error>>(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(E) -> Error {
        move |source| Error::Io {
            action,
            path: path.as_ref().into(),
            source: source.into(),
        }
    }

    /// Of a file that a person named: that it isn't there, or not for them, is wrong usage; a faulty disk may pass.
    pub fn of_a_persons_file(self) -> Error {
        match &self {
            Error::Io { action, path, source } => match source.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied | io::ErrorKind::NotADirectory => {
                    Error::config(path, format!("can't {action} it: {source}"))
                }
                _ => self,
            },
            _ => self,
        }
    }

    pub fn config(path: impl AsRef<Path>, message: impl Into<String>) -> Error {
        Error::Config {
            path: path.as_ref().into(),
            message: message.into(),
        }
    }

    pub fn model(path: impl AsRef<Path>, message: impl Into<String>) -> Error {
        Error::Model {
            path: path.as_ref().into(),
            message: message.into(),
        }
    }

    pub fn keys(path: impl AsRef<Path>, message: impl Into<String>) -> Error {
        Error::Keys {
            path: path.as_ref().into(),
            message: message.into(),
        }
    }

    pub fn mount(path: impl AsRef<Path>, message: impl Into<String>) -> Error {
        Error::Mount {
            path: path.as_ref().into(),
            message: message.into(),
        }
    }

    pub fn engine(fault: EngineFault, path: impl AsRef<Path>, message: impl Into<String>) -> Error {
        Error::Engine {
            fault,
            path: path.as_ref().into(),
            message: message.into(),
        }
    }

    /// Stable name, for `status` and the logs. TROUBLESHOOTING.md has an entry for each.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Io { path, source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "disk_full",
                io::ErrorKind::PermissionDenied => "permission_denied",
                io::ErrorKind::ReadOnlyFilesystem if read_only::is_of_sandbox(path) => "sandbox",
                io::ErrorKind::ReadOnlyFilesystem => "read_only",
                io::ErrorKind::NotFound => "not_found",
                _ => "io_error",
            },
            Error::Config { .. } => "configuration",
            Error::NoModel { .. } => "no_approved_model",
            Error::Model { .. } => "damaged_model",
            Error::Keys { .. } => "damaged_keys",
            Error::Ledger { .. } => "ledger",
            Error::Busy { .. } => "another_worker",
            Error::Owned { .. } => "output_owned",
            Error::Mount { .. } => "mount",
            Error::Engine { fault, .. } => fault.code(),
        }
    }

    pub fn exit_code(&self) -> u8 {
        match self {
            // Two workers with one folder are configured so; that doesn't pass.
            Error::Config { .. } | Error::Keys { .. } | Error::Owned { .. } => exit::USAGE,
            Error::NoModel { .. } | Error::Model { .. } => exit::NO_MODEL,
            Error::Ledger { passing: false, .. } => exit::USAGE,
            Error::Engine {
                fault: EngineFault::Version,
                ..
            } => exit::USAGE,
            Error::Io { .. }
            | Error::Ledger { .. }
            | Error::Busy { .. }
            | Error::Mount { .. }
            | Error::Engine { .. } => exit::TRY_AGAIN,
        }
    }

    /// The way out, where the message alone doesn't tell it.
    pub fn hint(&self) -> Option<&'static str> {
        if let Error::Io { source, .. } = self
            && source.kind() == io::ErrorKind::AddrInUse
        {
            return Some(
                "another program listens there: 'ss -ltnp' names it; serve.listen is for another address, which each server needs",
            );
        }
        Error::hint_of(self.code())
    }

    /// The same, where all that is left of an error is its code.
    pub fn hint_of(code: &str) -> Option<&'static str> {
        match code {
            "disk_full" => Some("free some space; a worker that runs goes on by itself"),
            "permission_denied" => {
                Some("the user that runs transform needs the right to do this; see TROUBLESHOOTING.md")
            }
            "read_only" => Some(
                "it is mounted read-only: 'findmnt -T' tells which mount that is, 'dmesg' whether the kernel did so after a fault \
                 of the disk",
            ),
            "sandbox" => Some(
                "the disk is not read-only, the sandbox of the service is: 'systemctl edit' the unit, add ReadWritePaths=FOLDER \
                 under [Service], and restart it; inputs and models it never writes",
            ),
            "not_found" => Some("make it, or correct its path; a worker waits for its input folder"),
            "no_approved_model" => {
                Some("'transform models list' shows the versions, 'register' adds one, 'approve N' puts one to use")
            }
            "damaged_model" => Some("register the model again, or reject the version: transform models reject N"),
            "damaged_keys" => Some(
                "mend what it names, or put back a copy; no request is answered by a guess meanwhile. See TROUBLESHOOTING.md",
            ),
            "another_worker" => Some(
                "a state folder has one worker: stop the other one, or give this one folders of its own (state.path, output.path, failed.path)",
            ),
            "output_owned" => Some(
                "two workers would overwrite each other's results: give this one its own output.path and failed.path; if their \
                 inputs never have the same names, set output.shared = true for both; if the other one is gone, 'transform check \
                 --take-output' takes the folder over",
            ),
            "engine_unavailable" => Some(
                "'ray status' on a node of the cluster tells how it is; engine.address names it. A worker that runs tries again by \
                 itself; engine.kind = \"local\" does without",
            ),
            "engine_version" => Some(
                "all nodes need the transform of this machine and its Python and Ray; see engine_version in TROUBLESHOOTING.md",
            ),
            "engine_node" => {
                Some("mend that node, or take it from the cluster: 'ray stop' on it; 'transform check' asks all nodes")
            }
            "engine_model" => Some(
                "all nodes must see models.path as this machine does, at the same path: does the node's mount keep old contents?",
            ),
            "engine_input" => Some(
                "all nodes must see input.path as this machine does, at the same path: does the node's mount keep old contents?",
            ),
            _ => None,
        }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        match error {
            Error::Io { source, .. } => source,
            other => io::Error::other(other),
        }
    }
}
