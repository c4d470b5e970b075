//! SHA-256 of outputs that were too large for it when they were made, or are older than it: of those that still stand, when a
//! person asks.

use crate::checksum::{Checksums, Sha256Sum};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::ledger::{HalfHash, Ledger};
use crate::spool::{Dir, Name, results};

/// Reads the outputs whose SHA-256 the ledger lacks, of one input or of all, and keeps it, until `found` says that it is enough. An
/// output that isn't what was made any more, or can't be read, is left out.
pub fn complete(
    config: &Config,
    ledger: &mut Ledger,
    input: Option<&Name>,
    found: impl Fn(Sha256Sum) -> bool,
) -> Result<()> {
    let Some(root) = Dir::open_if_there(&config.output.path)? else {
        return Ok(());
    };
    for (input, hash, output) in ledger.without_sha256(input)? {
        let output = output.unwrap_or_else(|| results::output(&input, config.shape.output));
        let path = root.join(output.bytes());
        let read = || -> Result<Option<_>> {
            let file = results::open_output(&root, &output)?;
            let sums = file.map(|(file, _)| Checksums::of(file)).transpose();
            sums.map_err(Error::io("read", &path))
        };
        let (blake3, sha256) = match read() {
            Ok(Some(sums)) => sums,
            Ok(None) => continue,
            Err(error) => {
                tracing::warn!(%error, "can't read an output for its SHA-256");
                continue;
            }
        };
        if HalfHash::from(blake3) == hash {
            ledger.set_sha256(&input, blake3, sha256)?;
            if found(sha256) {
                break;
            }
        }
    }
    Ok(())
}
