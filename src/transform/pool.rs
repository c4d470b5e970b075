//! The threads that score.

use crate::error::{Error, Result};
use std::error::Error as _;
use std::io;

/// A pool of so many threads.
///
/// # Errors
/// That the system gives no more threads may pass; anything else is a wrong number.
pub fn pool(threads: usize) -> Result<rayon::ThreadPool> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|i| format!("score {i}"))
        .build();
    pool.map_err(|error| {
        let system = error.source().and_then(|source| source.downcast_ref::<io::Error>());
        match system.and_then(io::Error::raw_os_error) {
            Some(code) => Error::io("start", format!("{threads} threads"))(io::Error::from_raw_os_error(code)),
            None => Error::config("worker.threads", error.to_string()),
        }
    })
}
