//! Behaviour, through the binary: one story a test.
#![allow(clippy::disallowed_methods, reason = "tests play producers, operators and vandals")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod arms;
mod as_found;
mod attackers;
mod bytes;
mod cells;
mod contents;
mod corpus;
mod csv;
mod daemon;
mod differential;
mod documents;
mod ensembles;
mod escapes;
mod experiment;
mod failures;
mod golden;
mod headers;
mod history;
mod hosts;
mod inputs;
mod keys;
mod ledger;
mod monitor;
mod once;
mod onnx;
mod owner;
mod parity;
mod preprocessing;
mod producers;
mod promises;
mod random_walk;
mod registry;
mod reports;
mod retire;
mod schema;
mod serve;
mod service;
mod spellings;
mod spool;
mod status;
mod taken;
mod train;
mod training;
mod trees;
