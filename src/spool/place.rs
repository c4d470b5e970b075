//! A folder for results, and what is done in it.

use super::draft::{Draft, below};
use super::folder::{Dir, Home};
use super::name::Name;
use super::probe::{Mode, probe};
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// A folder for results.
pub(super) struct Place {
    pub(super) path: PathBuf,
    /// The folder, while a group is worked on.
    root: RwLock<Option<Arc<Dir>>>,
    pub(super) home: Home,
    pub(super) mode: Mode,
}

impl Place {
    pub(super) fn open(path: &Path, mode: Option<Mode>, prefix: &str) -> Result<Place> {
        let dir = Dir::open_or_make(path)?;
        let home = Home::of(&dir)?;
        let mode = match mode {
            Some(mode) => mode,
            None if home.mount => probe(&dir, prefix)?,
            None => Mode::Rename,
        };
        Ok(Place {
            path: path.into(),
            root: RwLock::default(),
            home,
            mode,
        })
    }

    /// The folder. If its mount is gone, nothing must be written to what is below it.
    pub(super) fn root(&self) -> Result<Arc<Dir>> {
        if let Some(root) = &*self.root.read().unwrap_or_else(PoisonError::into_inner) {
            return Ok(root.clone());
        }
        let root = match Dir::open(&self.path) {
            // A bucket has no empty folders: this one went with the last object in it.
            Err(error) if error.code() == "not_found" && self.home.mount => {
                self.home.check(&Dir::nearest(&self.path)?)?;
                Dir::open_or_make(&self.path)?
            }
            opened => opened?,
        };
        self.home.check(&root)?;
        let root = Arc::new(root);
        *self.root.write().unwrap_or_else(PoisonError::into_inner) = Some(root.clone());
        Ok(root)
    }

    pub(super) fn release(&self) {
        *self.root.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Is it known to hold nothing but `mark`? A mount's listing may be an old one.
    pub(super) fn is_empty_but(&self, mark: &str) -> Result<bool> {
        let known = !self.home.mount;
        Ok(known && self.root()?.is_empty_but(mark)?)
    }

    /// The folder in which results for `input` stand.
    fn below(&self, input: &Name) -> Result<Arc<Dir>> {
        below(&self.root()?, input.split().0)
    }

    /// Gives a draft its name. Returns its size.
    pub(super) fn place(&self, mut draft: Draft, name: &Name, touched: &mut Folders) -> Result<u64> {
        let dir = draft.open()?.0.clone();
        let bytes = draft.bytes;
        let file = name.split().1;
        let dir = match self.mode {
            Mode::Rename => {
                draft.open = None; // closed before it gets its name: some mounts upload at close
                let renamed = dir.rename(draft.temp.as_bytes(), file);
                if renamed.is_err() {
                    let _ = dir.remove(draft.temp.as_bytes());
                }
                renamed?;
                dir
            }
            Mode::Direct => {
                let target = self.below(name)?;
                draft.copy_to(&target, file)?;
                target
            }
        };
        if self.home.mount {
            let size = dir.stat(file)?.map(|s| s.st_size as u64);
            if size != Some(bytes) {
                let message = format!("{bytes} bytes were written, and the mount has {size:?}");
                return Err(Error::mount(dir.join(file), message));
            }
        }
        touched.add(dir, self.home.mount);
        Ok(bytes)
    }

    pub(super) fn remove(&self, name: &Name, touched: &mut Folders) -> Result<()> {
        let (folder, file) = name.split();
        let dir = match folder {
            b"" => Some(self.root()?),
            _ => self.root()?.below_if_there(folder)?.map(Arc::new),
        };
        if let Some(dir) = dir
            && dir.remove(file)?
        {
            touched.add(dir, self.home.mount);
        }
        Ok(())
    }

    /// Creates an empty file.
    pub(super) fn touch(&self, name: &Name, touched: &mut Folders) -> Result<()> {
        let dir = self.below(name)?;
        dir.create_file(name.split().1)?;
        touched.add(dir, self.home.mount);
        Ok(())
    }
}

/// The folders whose names changed, each once.
#[derive(Default)]
pub(super) struct Folders(Vec<(Arc<Dir>, bool)>);

impl Folders {
    fn add(&mut self, dir: Arc<Dir>, mount: bool) {
        if !self.0.iter().any(|(d, _)| d.path() == dir.path()) {
            self.0.push((dir, mount));
        }
    }

    pub(super) fn sync(self) -> Result<()> {
        self.0.into_iter().try_for_each(|(dir, mount)| dir.sync(mount))
    }
}
