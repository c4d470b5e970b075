//! What stands in a folder that another worker published to: it may be of the same size as what this one made, and be that
//! one's.

use crate::config::Config;
use crate::error::{Error, Result};
use crate::ledger::{HalfHash, Ledger, Published};
use crate::spool::publish::Folder;
use crate::spool::{Dir, Name, results};

/// So many are read of the ledger at once.
const CHUNK: usize = 1024;

/// Doubts what doesn't stand in `folders` as this worker published it. What went is left to the listing.
pub fn compare(config: &Config, ledger: &Ledger, folders: &[Folder], mut heartbeat: impl FnMut()) -> Result<()> {
    if folders.contains(&Folder::Failed) {
        ledger.doubt_reports()?;
    }
    let Some(output) = Dir::open_if_there(&config.output.path)?.filter(|_| folders.contains(&Folder::Output)) else {
        return Ok(());
    };
    let mut after = Name::new(*b"");
    loop {
        let published = ledger.published(&after, CHUNK)?;
        let Some(last) = published.last() else {
            return Ok(());
        };
        after = last.input.clone();
        let mut others = Vec::new();
        for published in published {
            heartbeat();
            if !is_as_published(&output, &published)? {
                others.push(published.input);
            }
        }
        ledger.doubt(&others)?;
    }
}

/// Also if it went.
fn is_as_published(output: &Dir, published: &Published) -> Result<bool> {
    let Published {
        output: name,
        size,
        hash,
        ..
    } = published;
    let same = || {
        Ok(match results::output_size(output, name, false)? {
            None => true,
            Some(stands) if stands != *size => false,
            Some(_) => results::output_hash(output, name, *size)?.map(HalfHash::from) == *hash && hash.is_some(),
        })
    };
    // What this worker can't read is another's.
    same().or_else(|error: Error| match error.code() {
        "permission_denied" => Ok(false),
        _ => Err(error),
    })
}
