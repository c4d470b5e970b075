//! Does anybody listen at an address?

use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// `address`: `HOST:PORT`; else it is Ray's to find.
///
/// # Errors
/// Nobody does, or doesn't say so in time.
pub fn knock(address: &str) -> io::Result<()> {
    const WITHIN: Duration = Duration::from_secs(5);
    if address == "auto" {
        return Ok(());
    }
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, WITHIN) {
            Ok(_) => return Ok(()),
            Err(e) => last = e,
        }
    }
    Err(last)
}
