//! Batch scoring that an operator can trust.
pub mod config;
pub mod error;
pub mod ledger;
pub mod model;
pub mod registry;
pub mod spool;
pub mod transform;
