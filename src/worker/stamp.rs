//! What an older version of transform recorded gets the names of today, by what the registry has.

use crate::config::Config;
use crate::error::{Error, Result};
use crate::ledger::{Former, Ledger};
use crate::registry::{Manifest, Registry};
use crate::score::Identity;
use jiff::Timestamp;

/// To be called before outputs are compared with a lineup or shape for the first time.
///
/// # Errors
/// If the ledger or the registry can't be read now; what is left is stamped by another call.
pub fn stamp(ledger: &mut Ledger, config: &Config) -> Result<()> {
    ledger.stamp_shape(&config.shape)?;
    let former = ledger.former()?;
    let registry = |group: &str| Registry::new(&config.models.path, group);
    // A group without any version is no registry yet, or one whose mount is away.
    if former.is_empty() || registry(&config.models.group).versions()?.is_empty() {
        return Ok(());
    }
    for former in former {
        let registry = registry(&former.group);
        let version = match registered(&registry, &former) {
            // Another group doesn't answer, nor does what is damaged or closed; asked for again with the next listing.
            Err(_) if former.group != config.models.group => continue,
            Err(error) if matches!(error, Error::Model { .. }) || error.code() == "permission_denied" => continue,
            version => version?,
        };
        ledger.stamp(&former, version.as_ref().map(|(identity, since)| (identity, *since)))?;
    }
    Ok(())
}

/// The version of this number, if it has the same artifact, and when it was registered, in microseconds since 1970.
fn registered(registry: &Registry, former: &Former) -> Result<Option<(Identity, i64)>> {
    if !registry.versions()?.contains(&former.version) {
        return Ok(None);
    }
    let identity = registry.identity(former.version)?;
    let manifest = Manifest::read(&registry.folder(former.version))?;
    let since = manifest.created_at.parse::<Timestamp>();
    let since = since.map_or(i64::MIN, Timestamp::as_microsecond);
    Ok((identity.artifact == former.artifact).then_some((identity, since)))
}
