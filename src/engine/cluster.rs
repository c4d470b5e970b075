//! A cluster that answers, and which of its nodes can't work.

use super::attempts::Node;
use super::lineup::Members;
use super::question::Question;
use super::session::{Event, Place, Session};
use super::source::Source;
use super::task::{Task, Work};
use crate::config;
use crate::error::Result;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub struct Cluster {
    session: Session,
    /// The nodes that can't work, by their ids.
    unfit: Vec<String>,
    /// What the others have proven.
    members: Members,
    /// When its nodes were asked.
    since: Instant,
}

impl Cluster {
    /// Asks each node whether it is fit to work, so that a person hears of those that aren't. None: it was cancelled. `parts`: the
    /// worker's own folder of them: what a killed one leaves of its question goes with that.
    ///
    /// # Errors
    /// It doesn't answer, or none of its nodes is fit.
    pub fn connect(
        engine: &config::Engine,
        parts: &Path,
        input: Source,
        members: &Members,
        cancel: &AtomicBool,
    ) -> Result<Option<Cluster>> {
        let mut session = Session::start(engine)?;
        let folder = input.path.parent().unwrap_or(Path::new("/")).to_path_buf();
        let question = Question::new(parts, &folder, Some(input), Some(members.clone()))?;
        session.connect(cancel)?;
        let answers = question.ask(&mut session, cancel)?;
        if cancel.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let is_any_fit = answers.iter().any(|(_, answer)| answer.is_ok());
        let mut unfit = Vec::new();
        for (node, answer) in answers {
            match answer {
                Ok(_) => {}
                Err(error) if !is_any_fit => return Err(error),
                Err(error) => {
                    tracing::error!(%node, %error, "a node of the cluster isn't fit to work, and gets nothing to do");
                    unfit.push(node.id);
                }
            }
        }
        Ok(Some(Cluster {
            session,
            unfit,
            members: members.clone(),
            since: Instant::now(),
        }))
    }

    /// Have its nodes proven these models? No node may score by a version that was approved since.
    pub fn has_proven(&self, members: &Members) -> bool {
        self.members == *members
    }

    /// May the next input have it? Nodes that weren't fit are asked again, but not for each input.
    pub fn may_stay(&self) -> bool {
        const AGAIN: Duration = Duration::from_secs(60);
        self.unfit.is_empty() || self.since.elapsed() < AGAIN
    }

    /// How many tasks may go on at a time.
    pub fn cpus(&self) -> usize {
        self.session.cpus()
    }

    /// Is there a node that can work beside these?
    pub fn has_others(&self, nodes: &BTreeSet<&String>) -> bool {
        let can = |node: &Node| node.cpus >= 1.0 && !self.unfit.contains(&node.id) && !nodes.contains(&node.id);
        self.session.nodes().iter().any(can)
    }

    /// Has it done by a node that is fit, and none of these. The task's id.
    pub fn submit(&mut self, work: Work, never: Vec<String>) -> u64 {
        let (id, avoid) = (self.session.next_id(), self.unfit.clone());
        self.session
            .submit(Task::new(id, work), Place::Anywhere { avoid, never });
        id
    }

    /// As [`Session::next`].
    pub fn next(&mut self, timeout: Duration) -> Result<Option<Event>> {
        self.session.next(timeout)
    }

    pub fn cancel(&mut self, task: u64) {
        self.session.cancel(task);
    }
}
