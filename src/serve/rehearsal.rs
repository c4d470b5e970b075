//! Could a server start, and would it answer? For `transform check --serve`.

use super::capture;
use super::keys::Keys;
use super::server::state_folder;
use super::{Stage, listener, live};
use crate::config::{Auth, Config, Serve};
use crate::error::{Error, Result};
use crate::registry::Registry;
use crate::spool::durable;
use std::io::ErrorKind;

/// What was looked at, and what was found. Nothing is left behind.
pub fn rehearse(config: &Config) -> [(&'static str, Result<String>); 5] {
    [
        ("server's address", address(&config.serve)),
        ("server's keys", keys(&config.serve)),
        ("server's state", state(config)),
        ("server's capture", capture(config)),
        ("server's monitor", monitor(config)),
    ]
}

fn capture(config: &Config) -> Result<String> {
    match &config.capture {
        None => Ok("off".into()),
        Some(settings) => capture::rehearse(settings, Stage::Production),
    }
}

fn monitor(config: &Config) -> Result<String> {
    let policy = live::policy(&config.monitor);
    if !config.monitor.is_on() {
        return Ok(policy);
    }
    let registry = Registry::new(&config.models.path, &config.models.group);
    let Ok(identity) = registry.latest_approved() else {
        return Ok(policy);
    };
    let model = format!("{}/{}", identity.group, identity.version);
    Ok(match registry.baseline(identity.version)? {
        Some(_) => format!("{policy}; {model} is held against its baseline"),
        None => format!("{policy}; {model} has no baseline: it is unwatched"),
    })
}

fn address(serve: &Serve) -> Result<String> {
    match listener::listen(serve) {
        Ok(listeners) => Ok(
            match listeners
                .sockets
                .first()
                .and_then(|listener| listener.local_addr().ok())
            {
                Some(address) => format!("{address} is free"),
                None => "free".into(),
            },
        ),
        // By the service manager, or by a server that runs.
        Err(Error::Io { source, .. }) if source.kind() == ErrorKind::AddrInUse => Ok(format!(
            "{} is in use already, by a socket unit or a server that runs",
            serve.listen
        )),
        Err(error) => Err(error),
    }
}

fn keys(serve: &Serve) -> Result<String> {
    match serve.auth {
        Auth::None => Ok("none is asked for: whoever reaches the server may ask".into()),
        Auth::Keys => Ok(format!(
            "{} in {}",
            Keys::read(&serve.keys)?.len(),
            serve.keys.display()
        )),
    }
}

fn state(config: &Config) -> Result<String> {
    let folder = state_folder(config, Stage::Production);
    durable::make_folder(&folder, 0o750)?;
    durable::rehearse(&folder)?;
    Ok(folder.display().to_string())
}
