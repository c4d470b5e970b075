//! Whose results stand in a folder. Two workers with states of their own that publish into one folder would overwrite each
//! other's outputs of the same name for ever, and take each other's reports away, so each marks it.

use super::{Item, Product, Publisher};
use crate::error::{Error, Result};
use crate::spool::folder::Dir;
use crate::spool::name::Name;
use crate::spool::place::{Folders, Place};
use rustix::fs::FileType;
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

/// Hidden, and the name of nobody's result.
pub(super) const MARK: &str = ".transform-owner";
/// More than anybody writes there.
const MOST: u64 = 64 << 10;

/// Does a folder that is marked take a name for another one in other letter case? Then the mark stands under both.
pub fn folds_names(dir: &Dir) -> Result<bool> {
    Ok(dir.stat(MARK.to_uppercase().as_bytes())?.is_some())
}

/// One of the folders that a worker publishes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folder {
    Output,
    Failed,
}

/// Whose marks must stand while something is published; `None`: anybody's.
#[derive(Default)]
pub(super) struct Expected {
    output: Option<Owner>,
    failed: Option<Owner>,
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
    Dir::open_if_there(path)?.map_or(Ok(None), |dir| found(&dir))
}

fn found(dir: &Dir) -> Result<Option<Owner>> {
    let path = dir.join(MARK.as_bytes());
    let strange = |message: String| Error::Owned {
        path: path.clone(),
        message,
    };
    let opened = dir.open_file(MARK.as_bytes()).map_err(|error| match error.code() {
        "permission_denied" => strange(format!("who publishes here can't be read ({error})")),
        _ => error,
    });
    let Some((file, stat)) = opened? else {
        return Ok(None);
    };
    if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
        let message = "a folder stands where a file says whose results these are: remove it";
        return Err(Error::config(&path, message));
    }
    let mut text = Vec::new();
    file.take(MOST)
        .read_to_end(&mut text)
        .map_err(Error::io("read", &path))?;
    if text.is_empty() {
        return Ok(None); // a mount that can't rename, and a worker that was killed
    }
    let damaged = |e| strange(format!("it doesn't say who publishes here ({e})"));
    serde_json::from_slice(&text).map(Some).map_err(damaged)
}

impl Publisher {
    fn place(&self, folder: Folder) -> &Place {
        match folder {
            Folder::Output => &self.output,
            Folder::Failed => &self.failed,
        }
    }

    /// Nothing is published to `folder` once it has another mark than `owner`'s; `None`: whoever marked it.
    pub fn expect(&self, folder: Folder, owner: Option<&Owner>) {
        let mut expected = self.expected.write().unwrap_or_else(PoisonError::into_inner);
        match folder {
            Folder::Output => expected.output = owner.cloned(),
            Folder::Failed => expected.failed = owner.cloned(),
        }
    }

    /// An error if another worker took over a folder to which `items` go. It begins to work at once; this one's next listing
    /// may be a minute away.
    pub(super) fn check_marks(&self, items: &[Item]) -> Result<()> {
        let expected = self.expected.read().unwrap_or_else(PoisonError::into_inner);
        let fails = |item: &Item| item.rejects.bytes > 0 || !matches!(item.result, Product::Output(_));
        let output = expected.output.as_ref().filter(|_| !items.is_empty());
        let failed = expected.failed.as_ref().filter(|_| items.iter().any(fails));
        for (place, me) in [(&self.output, output), (&self.failed, failed)] {
            if let Some(me) = me
                && let Some(owner) = found(&*place.root()?)?
                && owner != *me
            {
                return Err(owner.refuse(me, &place.path));
            }
        }
        Ok(())
    }

    /// Marks a folder as `owner`'s.
    pub fn mark(&self, folder: Folder, owner: &Owner) -> Result<()> {
        let place = self.place(folder);
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
