//! Answers over HTTP: the same models, the same rule of what a cell means, the same predictions as in the spool.
//!
//! A connection is accepted and its requests are read ([`connections`]). The [`Endpoint`] is what all requests share: the
//! [`route`] is found, the [`guard`] checks the caller's key and charges it, the body is taken in under limits, the route's [`protocol`] makes
//! rows of it, a [`served::Served`] version scores them ([`scoring`]), and the protocol writes the [`Answer`]; what is refused, is
//! refused in the protocol's own shape ([`refusal`]). While an A/B test goes on ([`arms`]), a key chooses the version, or of the rows of a
//! request both answer ([`answering`], [`union`]). What was scored is counted, and held against the version's baseline ([`live`]). What
//! was asked and answered is kept for monitoring where that is wished ([`capture`]); then versions on trial score it, too ([`shadows`]).
//! What versions of experiments did ([`tally`]) halts them, where it is beyond a limit.
//!
//! What came of each is recorded in one place ([`telemetry`]), for Prometheus, the access log, and the [`page`] for who is on call.
//!
//! Only [`server`], [`connections`], [`patience`], [`endpoint`] and [`body`] know tokio.

mod answer;
mod answering;
mod arms;
mod base64;
mod body;
mod bounds;
mod capture;
mod connections;
mod cut;
mod division;
mod endpoint;
mod file_type;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod guard;
mod id;
pub mod keys;
mod listener;
mod live;
mod models;
mod page;
mod patience;
mod protocol;
mod queue;
mod refusal;
mod rehearsal;
mod request;
mod route;
mod scoring;
mod served;
mod server;
mod shadow;
mod shadows;
mod tally;
mod telemetry;
mod union;
mod vertex;

pub use rehearsal::rehearse;
pub use route::Stage;
pub use server::run;
