//! Does the sandbox of a service keep Ray from working? Those of the units that score on one machine do: they have no network.

use crate::error::{Error, Result};
use crate::service::unit_of;
use rustix::fs::{Access, access};
use std::fs;
use std::net::UdpSocket;
use std::path::Path;

/// Ray's objects are there.
const SHARED_MEMORY: &str = "/dev/shm";

/// # Errors
/// `configuration`: which lines of which unit.
pub fn check() -> Result<()> {
    let mut closed = Vec::new();
    // It sends nothing: a socket of that family is refused, or not.
    if UdpSocket::bind("127.0.0.1:0").is_err() {
        closed.push("RestrictAddressFamilies=, PrivateNetwork=");
    }
    if Path::new(SHARED_MEMORY).exists() && access(SHARED_MEMORY, Access::WRITE_OK).is_err() {
        closed.push("InaccessiblePaths=/dev/shm");
    }
    match closed.is_empty() {
        true => Ok(()),
        false => {
            let unit = unit_of(&fs::read_to_string("/proc/self/cgroup").unwrap_or_default());
            let unit = unit.map_or("this process".into(), |unit| unit + ".service");
            let message = format!(
                "engine.kind = \"ray\" needs the network and {SHARED_MEMORY}, which the sandbox of {unit} takes away ({}): run it as \
                 transform-ray.service, or set engine.kind = \"local\"",
                closed.join(", ")
            );
            Err(Error::config(&unit, message))
        }
    }
}
