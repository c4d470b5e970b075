//! Is a node fit to work? It runs the same program, and sees the same inputs, models and parts.

#![allow(
    clippy::disallowed_methods,
    reason = "what is written is no result: a file by which a folder is known again"
)]

use super::attempts::Node;
use super::lineup::Members;
use super::node::host;
use super::session::{Event, Place, Session};
use super::task::{Answer, Source, Task, Work, bytes};
use crate::error::{EngineFault, Error, Result};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Its own executable, which stays the one it was when its file is replaced.
const SELF: &str = "/proc/self/exe";
/// How long nodes may take: models are read and proven on each.
const WITHIN: Duration = Duration::from_secs(120);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// BLAKE3 of the driver's executable, hexadecimal.
    executable: String,
    /// The folder of inputs.
    #[serde(with = "bytes")]
    input: PathBuf,
    /// One of them.
    sample: Option<Source>,
    members: Option<Members>,
    /// The folder of parts.
    #[serde(with = "bytes")]
    parts: PathBuf,
    /// What stands in a file there; its name ends in it, too.
    nonce: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probed {
    pub host: String,
    /// The name of the file that it wrote into the folder of parts, in which the nonce stands.
    pub file: String,
}

/// What is asked of nodes. Removes what it wrote when it is dropped.
pub struct Question {
    probe: Probe,
}

impl Question {
    /// Writes a file into the folder of parts, which is made if it is missing.
    pub fn new(parts: &Path, input: &Path, sample: Option<Source>, members: Option<Members>) -> Result<Question> {
        fs::create_dir_all(parts).map_err(Error::io("make folder", parts))?;
        let probe = Probe {
            executable: hash(SELF.as_ref())?,
            input: std::path::absolute(input).unwrap_or_else(|_| input.into()),
            sample,
            members,
            parts: parts.into(),
            nonce: format!("{:032x}", rand::random::<u128>()),
        };
        write(&probe.asked(), &probe.nonce)?;
        Ok(Question { probe })
    }

    /// Asks these nodes, all at once; those without CPUs needn't answer. No other task may go on in the session meanwhile.
    ///
    /// # Errors
    /// Of the session. Those of nodes stand beside them.
    pub fn ask(&self, session: &mut Session, cancel: &AtomicBool) -> Result<Vec<(Node, Result<Probed>)>> {
        let workers = session.nodes().iter().filter(|node| node.cpus >= 1.0);
        let mut asked: Vec<(u64, Node)> = Vec::new();
        for node in workers.cloned().collect::<Vec<_>>() {
            let id = session.next_id();
            session.submit(
                Task::new(id, Work::Probe(Box::new(self.probe.clone()))),
                Place::Node(node.id.clone()),
            );
            asked.push((id, node));
        }
        let mut answers = Vec::new();
        let deadline = Instant::now() + WITHIN;
        while !asked.is_empty() && !cancel.load(Ordering::Relaxed) && Instant::now() < deadline {
            let Some(event) = session.next(Duration::from_millis(200))? else {
                continue;
            };
            if let Some(place) = asked.iter().position(|(id, _)| *id == event.id()) {
                let (_, node) = asked.swap_remove(place);
                let answer = self.check(event, &node);
                answers.push((node, answer));
            }
        }
        for (id, node) in asked {
            session.cancel(id);
            let message = format!("it has not answered within {WITHIN:?}: does one of its mounts hang?");
            let error = fault(&node, message);
            answers.push((node, Err(error)));
        }
        answers.sort_by(|(a, _), (b, _)| (&a.host, &a.address).cmp(&(&b.host, &b.address)));
        Ok(answers)
    }

    /// The node's word, and whether its file is seen from here.
    fn check(&self, event: Event, node: &Node) -> Result<Probed> {
        let probed = match event {
            Event::Done { report, .. } => match report.answer {
                Answer::Probe(probed) => *probed,
                _ => return Err(fault(node, "it answers another question".into())),
            },
            Event::Failed { error, .. } => return Err(error),
            Event::Panicked { message, .. } => return Err(fault(node, format!("it panicked: {message}"))),
        };
        let file = self
            .probe
            .parts
            .join(Path::new(&probed.file).file_name().unwrap_or_default());
        let seen = fs::read_to_string(&file);
        let _ = fs::remove_file(&file);
        match seen {
            Ok(text) if text == self.probe.nonce => Ok(probed),
            Ok(_) => Err(fault(
                node,
                format!(
                    "what it writes into {} comes with other bytes",
                    self.probe.parts.display()
                ),
            )),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Err(fault(
                node,
                format!(
                    "what it writes into {} isn't seen from here: it is another folder there",
                    self.probe.parts.display()
                ),
            )),
            Err(e) => Err(Error::io("read", &file)(e)),
        }
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.probe.asked());
    }
}

impl Probe {
    /// The driver's file.
    fn asked(&self) -> PathBuf {
        self.parts.join(format!(".probe-{}", self.nonce))
    }

    /// What a node does of it.
    ///
    /// # Errors
    /// What it can't do, or sees otherwise.
    pub fn run(&self) -> Result<Probed> {
        let own = hash(SELF.as_ref())?;
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

fn fault(node: &Node, message: String) -> Error {
    Error::engine(EngineFault::Node, format!("node {node}"), message)
}

/// A new file, on the disk before it is told of.
fn write(path: &Path, text: &str) -> Result<()> {
    let mut file = File::create_new(path).map_err(Error::io("make", path))?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.map_err(Error::io("write", path))
}

fn hash(path: &Path) -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    let read = File::open(path).and_then(|file| hasher.update_reader(file).map(|_| ()));
    read.map_err(Error::io("read", path))?;
    Ok(hasher.finalize().to_hex().to_string())
}
