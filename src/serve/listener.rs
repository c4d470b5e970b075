//! Where a server listens: on sockets that the service manager passes, else on an address.

use crate::config::Serve;
use crate::error::{Error, Result};
use std::env;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// Ports that platforms name; then it listens on all addresses, as they ask for.
const PORTS: [&str; 3] = ["AIP_HTTP_PORT", "SAGEMAKER_BIND_TO_PORT", "PORT"];

/// Non-blocking.
pub struct Listeners {
    pub sockets: Vec<TcpListener>,
    /// They are the service manager's, and outlive this process: who waits there is answered by the next one.
    pub outlive: bool,
}

/// # Errors
/// The address is taken, or not this machine's; what was passed is no listening socket.
pub fn listen(serve: &Serve) -> Result<Listeners> {
    let passed = sd_notify::listen_fds().map_err(Error::io("take", "the sockets that the service manager passes"))?;
    let mut sockets: Vec<TcpListener> = passed.map(adopt).collect();
    let outlive = !sockets.is_empty();
    if !outlive {
        let address = address(serve.listen, |name| env::var(name).ok())?;
        sockets.push(TcpListener::bind(address).map_err(Error::io("listen on", address.to_string()))?);
    }
    for socket in &sockets {
        let failed = Error::io("listen on", "a socket that the service manager passed");
        socket.set_nonblocking(true).map_err(failed)?;
    }
    Ok(Listeners { sockets, outlive })
}

#[expect(unsafe_code)]
fn adopt(fd: RawFd) -> TcpListener {
    // SAFETY: the service manager passes it to this process, and it is taken once.
    unsafe { OwnedFd::from_raw_fd(fd) }.into()
}

fn address(configured: SocketAddr, variable: impl Fn(&str) -> Option<String>) -> Result<SocketAddr> {
    for name in PORTS {
        if let Some(text) = variable(name).filter(|text| !text.is_empty()) {
            let port = text
                .parse()
                .map_err(|_| Error::config(name, format!("{text:?} is no port")))?;
            return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port));
        }
    }
    Ok(configured)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_names_the_port() {
        let configured: SocketAddr = "127.0.0.1:8080".parse().unwrap();
        let with = |variables: &'static [(&str, &str)]| {
            let find = move |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| v.to_string());
            address(configured, find).map(|address| address.to_string())
        };
        assert_eq!(with(&[]).unwrap(), "127.0.0.1:8080");
        assert_eq!(
            with(&[("PORT", "9000"), ("AIP_HTTP_PORT", "9001")]).unwrap(),
            "0.0.0.0:9001"
        );
        assert!(with(&[("PORT", "http")]).unwrap_err().to_string().contains("no port"));
    }
}
