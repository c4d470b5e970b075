//! Has tasks done by the nodes of a cluster, each until it is done or given up.

mod knock;
mod patience;

use self::knock::knock;
use self::patience::Patience;
use crate::config::Engine;
use crate::engine::attempts::{ATTEMPTS, Attempts, Doubt, Health, Node, is_left};
use crate::engine::bridge::{Bridge, Message, Received, Request};
use crate::engine::outcome::{Outcome, cause, fault, outcome, unfit};
use crate::engine::sandbox;
use crate::engine::task::{Report, Task};
use crate::error::{EngineFault, Error, Result};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Ray's name for a node's own label.
const NODE_ID: &str = "ray.io/node-id";
/// How long a wait is before it is looked whether it is to end.
const LOOK: Duration = Duration::from_millis(200);

/// Where a task may be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Wherever there is a CPU: on none of the nodes to avoid while there are others, and never on the others. It is tried again elsewhere.
    Anywhere { avoid: Vec<String>, never: Vec<String> },
    /// There alone, whatever else goes on there, and once.
    Node(String),
}

/// What came of a task.
#[derive(Debug)]
pub enum Event {
    Done {
        report: Report,
        /// Those where it failed before are said in the log.
        node: Node,
    },
    /// It was tried where it could be, and given up.
    Failed { id: u64, error: Error },
    /// It ended by a panic, as it would on this machine.
    Panicked { id: u64, message: String },
}

/// How far it came.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Starting,
    Connecting,
    Connected,
}

pub struct Session {
    bridge: Bridge,
    /// Of the cluster's head, as it is configured.
    at: String,
    /// The same, for people.
    address: PathBuf,
    python: String,
    /// What runs on nodes, but for its last words.
    argv: Vec<String>,
    /// Tells the part files of this session from those of others.
    nonce: String,
    patience: Patience,
    stage: Stage,
    /// When it was heard of last.
    heard: Instant,
    /// Since when no node has a CPU.
    without_cpus: Option<Instant>,
    nodes: Vec<Node>,
    /// By the number of the attempt.
    flights: HashMap<u64, Flight>,
    attempts: u64,
    ids: u64,
    health: Health,
    doubt: Doubt,
    events: VecDeque<Event>,
}

/// An attempt that goes on.
struct Flight {
    task: Task,
    place: Place,
    attempts: Attempts,
    avoided: BTreeSet<String>,
    since: Instant,
}

impl Session {
    /// Returns at once. What keeps the cluster from answering, [`Session::next`] says in time.
    ///
    /// # Errors
    /// `engine.python` can't be run; or the sandbox of a service has no room for it.
    pub fn start(engine: &Engine) -> Result<Session> {
        sandbox::check()?;
        Session::with_patience(engine, Patience::USUAL)
    }

    pub(super) fn with_patience(engine: &Engine, patience: Patience) -> Result<Session> {
        let program = std::env::current_exe().map_err(Error::io("find", "this program"))?;
        let Some(path) = program.to_str() else {
            return Err(Error::config(
                &program,
                "a program that nodes are to run needs a path that is UTF-8",
            ));
        };
        let argv = [path, "part", "run", "--tasks", "-"].map(String::from);
        Ok(Session {
            bridge: Bridge::start(&engine.python, &engine.address, patience.end)?,
            at: engine.address.clone(),
            python: engine.python.display().to_string(),
            address: format!("engine {}", engine.address).into(),
            argv: argv.into(),
            nonce: format!("{:016x}", rand::random::<u64>()),
            patience,
            stage: Stage::Starting,
            heard: Instant::now(),
            without_cpus: None,
            nodes: Vec::new(),
            flights: HashMap::new(),
            attempts: 0,
            ids: 0,
            health: Health::default(),
            doubt: Doubt::default(),
            events: VecDeque::new(),
        })
    }

    /// The nodes of the cluster as it said last, those without CPUs included; none before it answered.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// How many tasks may go on at a time, whoever else uses the cluster.
    pub fn cpus(&self) -> usize {
        self.nodes.iter().map(|node| node.cpus as usize).sum()
    }

    /// Waits until the cluster answers and has a CPU, or for `cancel`.
    pub fn connect(&mut self, cancel: &AtomicBool) -> Result<()> {
        // Ray itself waits for long where nobody listens.
        knock(&self.at).map_err(|e| self.unavailable(format!("no cluster answers there: {e}")))?;
        while self.cpus() == 0 && !cancel.load(Ordering::Relaxed) {
            self.step(LOOK)?;
        }
        Ok(())
    }

    /// An id for a task, which no other of this session has.
    pub fn next_id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    /// Has it done; its id must be no other's of this session. Never waits.
    pub fn submit(&mut self, task: Task, place: Place) {
        let attempts = match &place {
            Place::Anywhere { avoid, never } => Attempts::new(avoid, never),
            Place::Node(_) => Attempts::default(),
        };
        self.send(task, place, attempts);
    }

    /// Gives a task up: it comes to no event any more, and is ended where it runs.
    pub fn cancel(&mut self, id: u64) {
        let is_its = |flight: &Flight| flight.task.id == id;
        let its: Vec<u64> = self
            .flights
            .iter()
            .filter(|(_, f)| is_its(f))
            .map(|(n, _)| *n)
            .collect();
        for attempt in its {
            self.abandon(attempt);
        }
        self.events.retain(|event| event.id() != id);
    }

    /// What happened next, or nothing within this time. To be called often: it is what sees that a cluster is gone.
    ///
    /// # Errors
    /// The session is over, and so is all that it was told to do.
    pub fn next(&mut self, timeout: Duration) -> Result<Option<Event>> {
        let deadline = Instant::now() + timeout;
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            self.step(left.min(LOOK))?;
            if left.is_zero() {
                return Ok(self.events.pop_front());
            }
        }
    }

    /// Takes what the bridge says next, and looks whether it says enough.
    fn step(&mut self, timeout: Duration) -> Result<()> {
        self.try_doubtful(Instant::now());
        match self.bridge.receive(timeout) {
            Some(Received::Message(message)) => {
                self.heard = Instant::now();
                self.take(message)
            }
            Some(Received::Malformed(line)) => {
                Err(self.unavailable(format!("the bridge to Ray says what is no message: {line}")))
            }
            Some(Received::Ended) => {
                let (fault, message) = cause(&self.bridge.end(), &self.python);
                Err(Error::engine(fault, &self.address, message))
            }
            None => self.bear(Instant::now()),
        }
    }

    /// # Errors
    /// Its silence, or that of its nodes, took too long.
    fn bear(&self, now: Instant) -> Result<()> {
        let (most, what) = match self.stage {
            Stage::Starting => (self.patience.start, "Python doesn't come to run the bridge to Ray"),
            Stage::Connecting => (self.patience.connect, "the cluster doesn't answer"),
            Stage::Connected => (
                self.patience.silence,
                "the bridge to Ray is silent: does the cluster's head answer?",
            ),
        };
        if now.duration_since(self.heard) > most {
            let said = self.bridge.last_words();
            let said = said.first().map_or(String::new(), |said| format!("; it says: {said}"));
            return Err(self.unavailable(format!("{what} for {most:?}{said}")));
        }
        let most = self.patience.no_cpus;
        match self.without_cpus {
            Some(since) if now.duration_since(since) > most => {
                let nodes = self.nodes.len();
                Err(self.unavailable(format!(
                    "no node of the cluster has a CPU for tasks, for {most:?}; nodes: {nodes}"
                )))
            }
            _ => Ok(()),
        }
    }

    fn unavailable(&self, message: String) -> Error {
        Error::engine(EngineFault::Unavailable, &self.address, message)
    }

    fn take(&mut self, message: Message) -> Result<()> {
        match message {
            Message::Versions { ray, python } => {
                if let Some(message) = unfit(&ray) {
                    return Err(Error::engine(EngineFault::Version, &self.address, message));
                }
                tracing::debug!(ray, python, "connecting to the cluster");
                self.stage = Stage::Connecting;
            }
            Message::Nodes { nodes } => {
                if self.stage != Stage::Connected {
                    tracing::info!(nodes = nodes.len(), address = self.at, "connected to the cluster");
                }
                self.stage = Stage::Connected;
                if self
                    .nodes
                    .iter()
                    .any(|known| nodes.iter().all(|node| node.id != known.id))
                {
                    self.doubt.leave(Instant::now());
                }
                self.nodes = nodes;
                self.without_cpus = match self.cpus() {
                    0 => self.without_cpus.or(Some(Instant::now())),
                    _ => None,
                };
                self.redirect();
                // It goes on speaking; whether it has CPUs is to be borne, too.
                return self.bear(Instant::now());
            }
            Message::Ran { id, node, rc, out, err } => {
                let Some(flight) = self.flights.remove(&id) else {
                    return Ok(()); // Nobody waits for it any more.
                };
                let node = self.node(&node);
                let outcome = outcome(rc, &out, &err, flight.task.id);
                self.conclude(flight, node, outcome);
            }
            Message::Lost { id, lost } => {
                let Some(flight) = self.flights.remove(&id) else {
                    return Ok(());
                };
                self.lose(flight, lost);
            }
        }
        Ok(())
    }

    fn node(&self, id: &str) -> Node {
        let known = self.nodes.iter().find(|node| node.id == id).cloned();
        known.unwrap_or_else(|| Node {
            id: id.into(),
            host: "unknown".into(),
            address: id.into(),
            cpus: 0.0,
        })
    }

    fn conclude(&mut self, mut flight: Flight, node: Node, outcome: Outcome) {
        let id = flight.task.id;
        if let Outcome::Done(_) = &outcome {
            self.doubt.add(flight.since.elapsed());
            self.cancel(id);
        } else if self.goes_on(id) {
            tracing::info!(%node, task = id, "an attempt failed, and another one goes on");
            return;
        }
        let (fault, message, is_passing) = match outcome {
            Outcome::Done(report) => {
                self.health.succeed(&node.id);
                return self.events.push_back(Event::Done { report, node });
            }
            // By another one, too, or it is that node's.
            Outcome::Panicked(message) if flight.attempts.count() == 0 && flight.is_anywhere() => {
                tracing::warn!(%node, task = id, message, "a part ended by a panic on a node; it is tried elsewhere");
                flight.attempts.fail(Some(&node.id));
                return self.send(flight.task, flight.place, flight.attempts);
            }
            Outcome::Panicked(message) => return self.events.push_back(Event::Panicked { id, message }),
            Outcome::Failed(failed) => (Some(fault(&failed.code)), failed.message, true),
            Outcome::Refused(message) => (None, message, false),
        };
        let place = format!("node {node}");
        if is_passing && flight.is_anywhere() {
            if self.health.fail(&node.id, Instant::now()) {
                tracing::warn!(%node, message, "a node of the cluster fails whatever it gets; it gets nothing for a while");
            }
            let again = flight.attempts.fail(Some(&node.id));
            tracing::info!(%node, task = id, again, message, "a part failed on a node");
            if again {
                return self.send(flight.task, flight.place, flight.attempts);
            }
        }
        let error = match fault {
            Some(fault) => Error::engine(fault, place, message),
            None => Error::config(place, message),
        };
        self.events.push_back(Event::Failed { id, error });
    }

    /// What ran it is gone, with its node or without.
    fn lose(&mut self, mut flight: Flight, why: String) {
        let id = flight.task.id;
        if self.goes_on(id) {
            return;
        }
        let again = flight.is_anywhere() && flight.attempts.fail(None);
        tracing::info!(task = id, again, why, "a part was lost with what ran it");
        if again {
            return self.send(flight.task, flight.place, flight.attempts);
        }
        let (place, message) = match &flight.place {
            Place::Anywhere { .. } => (self.address.clone(), format!("a task was lost {ATTEMPTS} times: {why}")),
            Place::Node(node) => (
                format!("node {}", self.node(node)).into(),
                format!("its task was lost: {why}"),
            ),
        };
        let error = Error::engine(EngineFault::Node, place, message);
        self.events.push_back(Event::Failed { id, error });
    }

    fn send(&mut self, task: Task, place: Place, attempts: Attempts) {
        let avoided = match &place {
            Place::Anywhere { .. } => attempts.avoid(&self.nodes, &self.health.resting(Instant::now())),
            Place::Node(_) => Some(BTreeSet::new()),
        };
        let Some(avoided) = avoided else {
            let message =
                "no node is left that may check what another one read: with engine.survey = \"worker\", any node may";
            let error = Error::engine(EngineFault::Node, &self.address, message);
            return self.events.push_back(Event::Failed { id: task.id, error });
        };
        self.attempts += 1;
        let label = match &place {
            Place::Node(id) => Some(id.clone()),
            Place::Anywhere { .. } if avoided.is_empty() => None,
            Place::Anywhere { .. } => Some(format!(
                "!in({})",
                avoided.iter().cloned().collect::<Vec<_>>().join(",")
            )),
        };
        self.bridge.send(&Request::Run {
            id: self.attempts,
            argv: &self.argv,
            stdin: task.attempt(&format!("{}-{}", self.nonce, self.attempts)).line() + "\n",
            cpus: matches!(place, Place::Anywhere { .. }).into(),
            labels: label
                .map(|label| (NODE_ID, label))
                .into_iter()
                .collect::<BTreeMap<_, _>>(),
        });
        let flight = Flight {
            task,
            place,
            attempts,
            avoided,
            since: Instant::now(),
        };
        self.flights.insert(self.attempts, flight);
    }

    /// Is there an attempt at it?
    fn goes_on(&self, task: u64) -> bool {
        self.flights.values().any(|flight| flight.task.id == task)
    }

    /// Of what takes too long another attempt is made, while the former goes on: nobody knows where that one is, nor whether it ends.
    /// Ray says nothing of a task whose node stands still, or whose mount hangs.
    fn try_doubtful(&mut self, now: Instant) {
        let mut last: HashMap<u64, (u64, Instant, u32)> = HashMap::new();
        for (number, flight) in &self.flights {
            if flight.is_anywhere() {
                let of = last.entry(flight.task.id).or_insert((*number, flight.since, 0));
                of.2 += 1;
                if *number > of.0 {
                    (of.0, of.1) = (*number, flight.since);
                }
            }
        }
        for (task, (number, since, attempts)) in last {
            if !self.doubt.is_due(since, now, self.patience.told) {
                continue;
            }
            let flight = &self.flights[&number];
            if flight.attempts.count() + attempts < ATTEMPTS {
                tracing::warn!(task, "a part takes too long; another attempt is made at it");
                self.send(flight.task.clone(), flight.place.clone(), flight.attempts.clone());
                continue;
            }
            // Nodes may come and go while it takes its time.
            if !self.doubt.is_old(since, now) {
                continue;
            }
            self.cancel(task);
            let message = format!("{attempts} attempts at a task don't end: does a mount of its nodes hang?");
            let error = Error::engine(EngineFault::Node, &self.address, message);
            self.events.push_back(Event::Failed { id: task, error });
        }
    }

    fn abandon(&mut self, attempt: u64) -> Option<Flight> {
        self.bridge.send(&Request::Cancel { cancel: attempt });
        self.flights.remove(&attempt)
    }

    /// What waits for nodes that are gone, Ray would have wait for ever.
    fn redirect(&mut self) {
        let is_there = |id: &String| self.nodes.iter().any(|node| node.id == *id);
        let waits_for_ever = |flight: &Flight| match &flight.place {
            Place::Node(id) => !is_there(id),
            Place::Anywhere { .. } => !flight.avoided.is_empty() && !is_left(&self.nodes, &flight.avoided),
        };
        let stuck: Vec<u64> = self
            .flights
            .iter()
            .filter(|(_, f)| waits_for_ever(f))
            .map(|(n, _)| *n)
            .collect();
        for attempt in stuck {
            let Some(flight) = self.abandon(attempt) else { continue };
            match flight.place {
                Place::Node(_) => self.lose(flight, "the node left the cluster".into()),
                Place::Anywhere { .. } => self.send(flight.task, flight.place, flight.attempts),
            }
        }
    }
}

impl Flight {
    fn is_anywhere(&self) -> bool {
        matches!(self.place, Place::Anywhere { .. })
    }
}

impl Event {
    /// The task's.
    pub fn id(&self) -> u64 {
        match self {
            Event::Done { report, .. } => report.id,
            Event::Failed { id, .. } | Event::Panicked { id, .. } => *id,
        }
    }
}

#[cfg(test)]
mod tests;
