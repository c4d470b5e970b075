//! Is a node fit to work? It runs the same program, and sees the same inputs, models and parts.

#![allow(
    clippy::disallowed_methods,
    reason = "what is written is no result: a file by which a folder is known again"
)]

use super::lineup::Members;
use super::paths;
use super::source::Source;
use crate::error::{EngineFault, Error, Result};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Its own executable, which stays the one it was when its file is replaced.
const SELF: &str = "/proc/self/exe";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// BLAKE3 of the driver's executable, hexadecimal.
    pub(super) executable: String,
    /// The folder of inputs.
    #[serde(with = "paths")]
    pub(super) input: PathBuf,
    /// One of them.
    pub(super) sample: Option<Source>,
    pub(super) members: Option<Members>,
    /// The folder of parts.
    #[serde(with = "paths")]
    pub(super) parts: PathBuf,
    /// What stands in a file there; its name ends in it, too.
    pub(super) nonce: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probed {
    pub host: String,
    /// The name of the file that it wrote into the folder of parts, in which the nonce stands.
    pub file: String,
}

impl Probe {
    /// The driver's file.
    pub(super) fn asked(&self) -> PathBuf {
        self.parts.join(format!(".probe-{}", self.nonce))
    }

    /// What a node does of it.
    ///
    /// # Errors
    /// What it can't do, or sees otherwise.
    pub fn run(&self) -> Result<Probed> {
        let own = executable()?;
        if own != self.executable {
            let program = std::env::current_exe().unwrap_or_else(|_| SELF.into());
            let message = format!(
                "it is another one than the worker's (BLAKE3 {own}, not {}): install the same",
                self.executable
            );
            return Err(Error::engine(EngineFault::Version, program, message));
        }
        let node = |path: &Path, message: &str| Error::engine(EngineFault::Node, path, message);
        match fs::read_to_string(self.asked()) {
            Ok(text) if text == self.nonce => {}
            Ok(_) => {
                return Err(node(
                    &self.parts,
                    "what the worker wrote into it comes with other bytes here",
                ));
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(node(
                    &self.parts,
                    "what the worker wrote into it isn't seen here: engine.parts must be one folder for all, at the same path",
                ));
            }
            Err(e) => return Err(Error::io("read", self.asked())(e)),
        }
        match fs::read_dir(&self.input) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(node(
                    &self.input,
                    "it isn't here: input.path must be one folder for all, at the same path",
                ));
            }
            listed => drop(listed.map_err(Error::io("list", &self.input))?),
        }
        if let Some(sample) = &self.sample {
            sample.open()?;
        }
        if let Some(members) = &self.members {
            members.prove()?;
        }
        let file = format!(".probe-{}-{}-{}", self.nonce, std::process::id(), rand::random::<u32>());
        write(&self.parts.join(&file), &self.nonce)?;
        Ok(Probed { host: host(), file })
    }
}

/// The host's name, for people.
fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// A new file, on the disk before it is told of.
pub(super) fn write(path: &Path, text: &str) -> Result<()> {
    let mut file = File::create_new(path).map_err(Error::io("make", path))?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.map_err(Error::io("write", path))
}

/// The hash of this program's.
pub(super) fn executable() -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    let read = File::open(SELF).and_then(|file| hasher.update_reader(file).map(|_| ()));
    read.map_err(Error::io("read", SELF))?;
    Ok(hasher.finalize().to_hex().to_string())
}
