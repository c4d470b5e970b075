//! Asks the nodes of a cluster whether each is fit to work.

#![allow(
    clippy::disallowed_methods,
    reason = "what is written is no result: a file by which a folder is known again"
)]

use super::attempts::Node;
use super::lineup::Members;
use super::probe::{Probe, Probed, executable, write};
use super::session::{Event, Place, Session};
use super::source::Source;
use super::task::{Answer, Task, Work};
use crate::error::{EngineFault, Error, Result};
use crate::spool::Dir;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long nodes may take: models are read and proven on each.
const WITHIN: Duration = Duration::from_secs(120);

/// What is asked of nodes. Removes what it wrote when it is dropped.
pub struct Question {
    probe: Probe,
}

impl Question {
    /// Writes a file into the folder of parts.
    pub fn new(parts: &Path, input: &Path, sample: Option<Source>, members: Option<Members>) -> Result<Question> {
        Dir::open(parts)?;
        let probe = Probe {
            executable: executable()?,
            input: std::path::absolute(input).unwrap_or_else(|_| input.into()),
            sample,
            members,
            parts: parts.into(),
            nonce: format!("{:032x}", rand::random::<u128>()),
        };
        write(&probe.asked(), &probe.nonce)?;
        Ok(Question { probe })
    }

    /// Asks all nodes that have CPUs, at once. No other task may go on in the session meanwhile.
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

/// Also what nodes wrote whose answers nobody waited for.
impl Drop for Question {
    fn drop(&mut self) {
        let asked = self.probe.asked();
        let asked = asked.file_name().unwrap_or_default().as_encoded_bytes();
        let found = fs::read_dir(&self.probe.parts).into_iter().flatten().flatten();
        for file in found.filter(|file| file.file_name().as_encoded_bytes().starts_with(asked)) {
            let _ = fs::remove_file(file.path());
        }
    }
}

fn fault(node: &Node, message: String) -> Error {
    Error::engine(EngineFault::Node, format!("node {node}"), message)
}
