//! Whose results stand in a folder. Two workers with states of their own that publish into one folder would overwrite each
//! other's outputs of the same name for ever, and take each other's reports away, so each marks it.

use super::Publisher;
use crate::error::{Error, Result};
use crate::spool::folder::Dir;
use crate::spool::name::Name;
use crate::spool::place::Folders;
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Hidden, and the name of nobody's result.
pub(super) const MARK: &str = ".transform-owner";
/// More than anybody writes there.
const MOST: u64 = 64 << 10;

/// One of the folders that a worker publishes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folder {
    Output,
    Failed,
}

/// Who publishes into a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    pub host: String,
    /// The folder that it marked, absolute: a copy of it has the same mark.
    pub folder: PathBuf,
    /// Its state folder, absolute.
    pub state: PathBuf,
    /// The random name of that; empty before its ledger is made.
    pub instance: String,
}

impl Owner {
    /// This one publishes to `path`, so `me` must not.
    pub fn refuse(&self, me: &Owner, path: &Path) -> Error {
        let Owner { host, state, .. } = self;
        let twin = self.instance == me.instance;
        Error::Owned {
            path: path.into(),
            message: match (twin, *host == me.host) {
                (true, true) => format!(
                    "the worker whose state folder {} was copied publishes here",
                    state.display()
                ),
                (true, false) => format!("a worker on {host} with a copy of this one's state folder publishes here"),
                (false, _) => format!("the worker of {} on {host} publishes here", state.display()),
            },
        }
    }
}

/// Who marked the folder at `path`, if it is there and anybody did.
///
/// # Errors
/// A mark that can't be read is not taken for none.
pub fn owner(path: &Path) -> Result<Option<Owner>> {
    let Some(dir) = Dir::open_if_there(path)? else {
        return Ok(None);
    };
    let path = dir.join(MARK.as_bytes());
    let Some((file, _)) = dir.open_file(MARK.as_bytes())? else {
        return Ok(None);
    };
    let mut text = Vec::new();
    file.take(MOST)
        .read_to_end(&mut text)
        .map_err(Error::io("read", &path))?;
    if text.is_empty() {
        return Ok(None); // a mount that can't rename, and a worker that was killed
    }
    let damaged = |e| Error::Owned {
        path: path.clone(),
        message: format!("it doesn't say who publishes here ({e})"),
    };
    serde_json::from_slice(&text).map(Some).map_err(damaged)
}

impl Publisher {
    /// Marks a folder as `owner`'s.
    pub fn mark(&self, folder: Folder, owner: &Owner) -> Result<()> {
        let place = match folder {
            Folder::Output => &self.output,
            Folder::Failed => &self.failed,
        };
        place.release();
        let path = place.path.join(MARK);
        let name = Name::new(MARK.as_bytes());
        let mut draft = self.draft(place, &name)?;
        let mut text = serde_json::to_vec_pretty(owner).map_err(Error::io("write", &path))?;
        text.push(b'\n');
        draft.write_all(&text).map_err(Error::io("write", &path))?;
        draft.sync()?;
        let mut touched = Folders::default();
        place.place(draft, &name, &mut touched)?;
        touched.sync()
    }
}
