//! Batch scoring that an operator can trust.
//!
//! Drop a CSV, or another file of rows ([`format`]), into `spool/input`; predictions by the latest approved model appear in
//! `spool/output`. The output folder is a function of the input folder, the latest approved model and the configuration: whatever
//! wakes the worker, it compares what is with what should be, and makes what is stale. A missed event, a crash, a second start, a new
//! approval and a deleted output are all the same case.
//!
//! # The way of one file
//!
//! An event or a timer adds to the worker's inbox. The loop in [`worker`] looks at the input (its fingerprint, its record
//! in the [`ledger`], its output) and asks the pure `plan` what to do (`worker::commit` decides on each input, for it owns
//! all that is known of them). Its name tells its format. A stale input is cut into blocks of whole records, or row groups
//! ([`format::Blocks`]). The first one is opened: its head tells which field is which feature ([`transform::open`]). Each block becomes a part, on any thread: a
//! reader fills batches of rows by the rule of what a cell means ([`score::cell`]), the lineup's [`model`] predicts, a
//! writer makes bytes. Parts are joined in order ([`transform::Join`]), where bad rows get their lines and limits are held.
//! The bytes are a draft until [`spool::publish`] gives them their name; then the ledger commits.
//!
//! An input that outgrows one machine goes the same way in ranges ([`format::ranges`]), which have the very blocks of one machine:
//! [`engine`] has `transform part run` score them on nodes of a cluster, each into a file of parts ([`transform::wire`]), and the worker
//! joins these as if it had made them.
//!
//! # The way of one request
//!
//! [`serve`] answers over HTTP, in a process of its own. A request's route is found by its path, its key is checked and charged,
//! its body is taken in within limits; then it goes the way of a file without its first and last steps: the protocol of its route
//! makes rows of the body (what a file could be, [`format::json`] or tensors), a batch is filled by the rule of a cell, the version that
//! answers predicts, and the protocol writes what came of it. Which versions answer, a thread beside keeps looking up in the
//! [`registry`] with a [`registry::Current`] for each group, as the worker does for its own.
//!
//! `transform score` reads standard input and writes standard output by [`transform::transform`], with a lineup of one version.
//! Golden rows and evaluation write no bytes at all: a [`score::Batch`] is filled, from a file that is read as a CSV in memory
//! ([`format::as_csv`], [`format::csv::table`]) or from texts, and [`score::predict`] is asked.
//!
//! # The way of one version
//!
//! [`train`] makes a candidate from a file of examples: a pipeline file says how, preprocessing is fitted and becomes part
//! of the artifact, a trainer gives coefficients. [`evaluate`] holds its predictions against what came true, beside a
//! baseline and the approved version; a gate decides ([`train::candidate`]). Or `models register` takes what another
//! library wrote; `models ensemble` makes one of several versions ([`registry::ensemble`], [`model::ensemble`]). The [`registry`] keeps it as pending, with all that was found, and a [`monitor::Baseline`] of the rows that it
//! knows. A person approves. [`registry::Current`] sees the decision, has the version prove itself by its golden rows, and makes
//! a [`score::Lineup`] of it; its identity holds the hash of the whole manifest. What another lineup made is stale then: the [`ledger`] keeps, as text, who made
//! each result and by which settings ([`transform::Shape`]).
//!
//! A version on trial scores beside it as a [`score::Shadow`] of the lineup: [`registry::experiment`] has who decided on it, a
//! [`score::Derivation`] makes its rows of the same batch, `transform::trial` its lines, and [`experiment`] holds both against each
//! other. Over HTTP it scores behind the answer, in `serve::shadows`, into the capture.
//!
//! In an A/B test it is a [`score::Challenger`], which answers for a share of the keys: the steps that people took come to phases
//! ([`registry::experiment`]), of which the [`registry::Current`] makes the lineup, those that are over included: what was first seen in
//! one is made again by it. A program that finds a guard broken writes a [`registry::Halt`] into the state folder, where
//! the worker and the server look; people resume or stop.
//!
//! # Where to change what
//!
//! - what a cell means: [`score::cell`]; how producers spell it: [`score::spelling`]; what parts and escapes it:
//!   [`format::csv::dialect`];
//! - which types of Parquet and Arrow are cells, and by which text: [`format::table`]; how much of them is in memory at once: there;
//! - how rows stand in JSON: a variant of [`format::json::Form`]; in tensors: [`format::tensors`];
//! - what a file's name tells of its format, and what its output is called: [`format::FileFormat`], `spool::results`;
//! - where an input may be cut for several machines: [`format::ranges`];
//! - how files are compressed: [`format::compression`]; how training, evaluation and labels take them: [`format::as_csv`]; which media
//!   types they are over HTTP: `serve::file_type`;
//! - an input format: a folder beside [`format::csv`], and a variant of each type that
//!   [`format`] names for [`transform`], which knows no other; the steps stand there;
//! - when a file is scored, whom a fault charges, how long it waits: `worker::plan`;
//! - what a first line is: `format::csv::first`; what is no CSV: `format::foreign`; no JSON Lines: [`format::json::foreign()`];
//! - a reason in the rejects file: of a cell [`score::cell::CellError`], of a record [`format::csv::cause`];
//!   of a line of JSON [`format::json::cause`]; the file itself: [`format::rejects`];
//! - what `status` says: `worker::status` (looked at in `survey`, judged in `check`), and config/schemas;
//! - who may ask the server, and how much: [`serve::keys`];
//! - a key: the section's file in [`config`], and its line in `config/transform.toml`; if it shapes outputs, also
//!   [`transform::Shape`];
//! - what happens between scoring and publishing (a verdict): [`transform::Verdict`], `worker::job` (on any thread, without the
//!   ledger), `worker::commit` (with it: whose rows are held against which baseline, `monitors`; what becomes of a group, `sorting`);
//! - what a node is told and reports: [`engine::task`]; what is done of one input, and in which order: `engine::plan`; where a task
//!   goes, and when again: `engine::attempts`; what is spoken with Ray: `src/engine/bridge.py`; what `check` and a worker ask of nodes:
//!   `engine::probe`;
//! - what the ledger keeps: `ledger::schema`, with an upgrade; what `history` shows: `ledger::history`, `ledger::entry` for
//!   programs (with `config/schemas`), then [`commands`]; the files of a day: `worker::export`;
//! - which rows are kept to evaluate on: [`train::split`]; which columns are no features: `train::identifiers`;
//! - a figure of an evaluation: [`evaluate::metrics`], computed by `evaluate::rows`, of several classes by `evaluate::multiclass`; what stands beside it on the page: [`evaluate::details`], found by
//!   [`registry::evaluation::details`], drawn by a file of `evaluate::page`; how people see numbers: [`digits`], and words of commands: [`shell`];
//! - a route: `serve::route`, and `config/openapi.json`, which a test holds against it; a protocol: a file in `serve::protocol`; who
//!   may ask, and how much: `serve::keys`, `serve::guard`; an error's status and shape: `serve::refusal`; what is counted and logged
//!   of requests: `serve::telemetry`; what of their rows, by a baseline: `serve::live`; what the page shows: `serve::page`; what is
//!   kept of a prediction: `serve::capture`;
//! - what is counted of a column, and held against later ones: [`monitor::baseline`]; which baseline counts: [`registry::baseline`];
//!   where the week before counts in its place: [`monitor::then`]; a figure that is held against it, and its bar: [`monitor::check`]; what a report of it says, and its page: [`report`]; when
//!   people are told: [`monitor::alert`], and what a file in the folder of alerts says: `worker::alerts`;
//! - how labels find their rows, and what is measured of them: [`labels`]; what is kept of them: `ledger::labels`;
//! - what is said of two versions that scored the same rows: [`experiment`]; of two that answered each for its own keys:
//!   [`experiment::arms`]; what halts an experiment by itself: [`experiment::guard`]; which version answers for a key: [`score::arm`];
//! - which model group a command means: `commands::group`; what `init` writes: [`config::starter`];
//! - what shells complete: [`cli::completion`], and `commands::complete` for what stands in folders;
//! - a command: [`cli`] and a file in [`commands`], which decides nothing.
//!
//! # Who knows whom
//!
//! `main` → [`cli`], [`commands`] → [`worker`], [`serve`] → [`spool`], [`ledger`], [`registry`], [`transform`] → [`format`] →
//! [`score`] → [`model`]; beside it [`commands`] → [`train`] → [`evaluate`], [`registry`] → [`format`], for predictions and
//! golden rows. [`worker`] and [`commands`] know [`engine`], which knows [`transform`], [`registry`], [`spool`] and [`format`]. [`labels`] knows the ledger, the registry and the outputs; only [`commands`] know it. What scores, trains or registers knows [`monitor`], which knows [`score`], [`model`] and the metrics of
//! [`evaluate`] alone. [`service`] knows none of them: signals, the service manager, clocks and logs, whatever the process does.
//! [`experiment`] compares two versions by what they said, and knows of [`monitor`] the index and how far chance goes,
//! of [`evaluate`] the histograms, of [`report`] how times and shares are written.
//! [`commands`] make a [`report`] of what [`monitor`] counted; its page and that of an evaluation are drawn by [`plot`] and styled by [`html`].
//! `plan`, [`score`], [`format`], [`model`], [`monitor`], [`evaluate`], [`experiment`], [`report`] and [`cli`] are pure: no clock, no file, no log; but ONNX models
//! are scored by a library that [`onnxruntime`] finds and loads. Only [`service`] and [`serve`] know tokio; the rest is plain threads and rayon. Only [`spool::publish`] writes to
//! the output and failed folders; of [`format`] the spool knows the names of outputs alone.

pub mod checksum;
pub mod cli;
pub mod commands;
pub mod config;
pub mod digits;
pub mod engine;
pub mod error;
pub mod evaluate;
pub mod experiment;
pub mod format;
pub mod html;
pub mod labels;
pub mod ledger;
pub mod model;
pub mod monitor;
pub mod onnxruntime;
pub mod plot;
pub mod problem;
pub mod quantile;
pub mod registry;
pub mod release;
pub mod report;
pub mod score;
pub mod serve;
pub mod service;
pub mod share;
pub mod shell;
pub mod spool;
pub mod train;
pub mod transform;
pub mod worker;
