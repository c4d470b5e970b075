//! The process that speaks with Ray: lines in, lines out, and no wait without an end.

use super::attempts::Node;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

const SCRIPT: &str = include_str!("bridge.py");
/// Messages that nobody took yet; a bridge that says more waits. A session that nobody uses takes none.
const UNREAD: usize = 64;
/// Bytes of one line, and more than any report.
const LINE_MAX: u64 = 64 << 20;
/// Lines of stderr that are kept for an error's message, and bytes of each.
const LAST_WORDS: usize = 20;
const WORDS_MAX: u64 = 2048;

/// What is asked of Ray.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Request<'a> {
    Run {
        id: u64,
        argv: &'a [String],
        stdin: String,
        cpus: u32,
        /// What the labels of the node must be.
        labels: BTreeMap<&'static str, String>,
    },
    Cancel {
        cancel: u64,
    },
}

#[derive(Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Message {
    Versions {
        ray: String,
        python: String,
    },
    Nodes {
        nodes: Vec<Node>,
    },
    Ran {
        id: u64,
        node: String,
        /// The exit code, or a signal below zero; none if it couldn't be started.
        rc: Option<i32>,
        out: String,
        err: String,
    },
    Lost {
        id: u64,
        lost: String,
    },
}

pub enum Received {
    Message(Message),
    Malformed(String),
    /// It closed its stdout: it has ended, or will at once.
    Ended,
}

pub struct Bridge {
    child: Child,
    /// `None` once it is to end.
    to: Option<Sender<String>>,
    from: Receiver<Received>,
    last_words: Arc<Mutex<VecDeque<String>>>,
    /// Until its stderr has ended; nothing is sent.
    speaks: Receiver<()>,
    end_within: Duration,
}

impl Bridge {
    /// `end_within`: how long it may take to end once its stdin did; then it is killed.
    pub fn start(python: &Path, address: &str, end_within: Duration) -> Result<Bridge> {
        let absolute = match python.components().count() {
            // A name is looked for in PATH.
            0 | 1 => python.into(),
            _ => std::path::absolute(python).unwrap_or_else(|_| python.into()),
        };
        let mut child = Command::new(absolute)
            .args(["-c", SCRIPT, address])
            .env("PYTHONUTF8", "1")
            // Python looks for modules where it runs, and a folder of files may have any.
            .current_dir("/")
            // What a terminal sends to the worker isn't for it: its stdin ends when the worker does, however that is.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| Error::config(python, format!("engine.python can't be run: {e}")))?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (to, lines) = channel();
        let (messages, from) = sync_channel(UNREAD);
        let last_words = Arc::<Mutex<VecDeque<String>>>::default();
        let heard = last_words.clone();
        let (speaking, speaks) = channel();
        let bridge = Bridge {
            child,
            to: Some(to),
            from,
            last_words,
            speaks,
            end_within,
        };
        start_thread("bridge-in", move || write(stdin.expect("it is piped"), &lines))?;
        start_thread("bridge-out", move || read(stdout.expect("it is piped"), &messages))?;
        start_thread("bridge-err", move || {
            keep(stderr.expect("it is piped"), &heard);
            drop(speaking);
        })?;
        Ok(bridge)
    }

    /// Never waits. What a bridge that ended isn't told, is lost.
    pub fn send(&self, request: &Request) {
        let line = serde_json::to_string(request).expect("it is JSON") + "\n";
        if let Some(to) = &self.to {
            let _ = to.send(line);
        }
    }

    pub fn receive(&self, timeout: Duration) -> Option<Received> {
        match self.from.recv_timeout(timeout) {
            Ok(received) => Some(received),
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => None,
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => Some(Received::Ended),
        }
    }

    /// What it said last, once it has ended: as [`Bridge::last_words`]. Another process may have its stderr, and isn't waited for.
    pub fn end(&self) -> Vec<String> {
        let _ = self.speaks.recv_timeout(self.end_within);
        self.last_words()
    }

    /// The last lines of its stderr, the very last one first: what Python and Ray say of an error.
    pub fn last_words(&self) -> Vec<String> {
        let words = self.last_words.lock().unwrap_or_else(PoisonError::into_inner);
        words.iter().rev().cloned().collect()
    }
}

/// Ends it, and waits until it has ended.
impl Drop for Bridge {
    fn drop(&mut self) {
        self.to = None;
        let deadline = Instant::now() + self.end_within;
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            if let Some(Received::Ended) = self.receive(left) {
                break;
            }
        }
        // One that hangs, in its stdin's place; one that ended takes no harm.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start_thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
    let thread = thread::Builder::new().name(name.into());
    let started = thread.spawn(work).map(drop);
    started.map_err(Error::io("start", format!("the thread {name}")))
}

/// Until nobody sends any more, or it ended.
fn write(mut stdin: ChildStdin, lines: &Receiver<String>) {
    while let Ok(line) = lines.recv() {
        if stdin.write_all(line.as_bytes()).is_err() {
            return;
        }
    }
}

fn read(stdout: impl Read, messages: &SyncSender<Received>) {
    let mut stdout = BufReader::new(stdout);
    let mut line = Vec::new();
    while let Ok(1..) = stdout.by_ref().take(LINE_MAX).read_until(b'\n', &mut line) {
        let received = match serde_json::from_slice(&line) {
            Ok(message) => Received::Message(message),
            Err(_) => Received::Malformed(String::from_utf8_lossy(&line[..line.len().min(200)]).trim().into()),
        };
        if messages.send(received).is_err() {
            return;
        }
        line.clear();
    }
    let _ = messages.send(Received::Ended);
}

fn keep(stderr: impl Read, last_words: &Mutex<VecDeque<String>>) {
    let mut stderr = BufReader::new(stderr);
    let mut line = Vec::new();
    while let Ok(1..) = stderr.by_ref().take(WORDS_MAX).read_until(b'\n', &mut line) {
        let text = String::from_utf8_lossy(&line).trim_end().to_string();
        line.clear();
        if text.is_empty() {
            continue;
        }
        tracing::debug!(text, "the bridge to Ray");
        let mut words = last_words.lock().unwrap_or_else(PoisonError::into_inner);
        words.push_back(text);
        if words.len() > LAST_WORDS {
            words.pop_front();
        }
    }
}
