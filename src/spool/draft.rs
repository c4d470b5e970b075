//! Results in the making.

use super::folder::Dir;
use crate::error::{Error, Result};
use rustix::fs::Advice;
use std::fs::File;
use std::io::{self, Write};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers the drafts of this process. Never begun anew: after a reload, a thread that was given up may still write one.
static NUMBERS: AtomicU64 = AtomicU64::new(0);

/// A large draft goes to disk while the rest of it is made, so that its sync has little left to wait for: 245 MB took 70
/// ms to sync at the end.
const WRITE_BEHIND: u64 = 8 << 20;

/// A result in the making. Nothing exists before the first byte is written; what isn't published is gone when dropped.
pub struct Draft {
    pub(super) root: Arc<Dir>,
    folder: Vec<u8>,
    prefix: Arc<str>,
    pub(super) temp: String,
    pub(super) open: Option<(Arc<Dir>, File)>,
    pub(super) bytes: u64,
    /// How much of it the disk was asked to write.
    begun: u64,
}

impl Draft {
    /// Will stand in `folder` below `root` under a name that begins with `prefix`, and that no draft of this process had.
    pub(super) fn new(root: Arc<Dir>, folder: &[u8], prefix: &Arc<str>) -> Draft {
        Draft {
            root,
            folder: folder.into(),
            temp: unused_name(prefix),
            prefix: prefix.clone(),
            open: None,
            bytes: 0,
            begun: 0,
        }
    }

    pub(super) fn open(&mut self) -> Result<&mut (Arc<Dir>, File)> {
        if self.open.is_none() {
            let dir = below(&self.root, &self.folder)?;
            let file = loop {
                match dir.create_new_file(self.temp.as_bytes()) {
                    // Left by a process that was killed, or being written by another that checks the folders.
                    Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {
                        self.temp = unused_name(&self.prefix);
                    }
                    created => break created?,
                }
            };
            self.open = Some((dir, file));
        }
        Ok(self.open.as_mut().expect("just made"))
    }

    /// Bytes that were written.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The folder on whose disk it stands.
    pub fn disk(&self) -> Arc<Dir> {
        self.root.clone()
    }

    pub(super) fn sync(&self) -> Result<()> {
        let sync = |(dir, file): &(Arc<Dir>, File)| {
            file.sync_data()
                .map_err(Error::io("sync", dir.join(self.temp.as_bytes())))
        };
        self.open.iter().try_for_each(sync)
    }

    /// Has the disk write what is there, without waiting for it.
    ///
    /// Linux begins to write dirty pages that aren't needed; what is being written can't be dropped, and stays cached.
    fn begin_writing(&mut self) {
        if let Some((_, file)) = &self.open {
            let length = NonZeroU64::new(self.bytes - self.begun);
            let _ = rustix::fs::fadvise(file, self.begun, length, Advice::DontNeed);
            self.begun = self.bytes;
        }
    }

    /// Writes the whole under its final name in one go, and waits until it is there.
    pub(super) fn copy_to(&mut self, dir: &Dir, name: &[u8]) -> Result<()> {
        let staged = self.root.join(self.temp.as_bytes());
        let mut source = File::open(&staged).map_err(Error::io("open", &staged))?;
        let path = dir.join(name);
        let mut target = dir.create_file(name)?;
        io::copy(&mut source, &mut target).map_err(Error::io("write", &path))?;
        target.sync_all().map_err(Error::io("write", &path))
    }
}

fn unused_name(prefix: &str) -> String {
    let number = NUMBERS.fetch_add(1, Ordering::Relaxed).to_string();
    [prefix, &number, ".tmp"].concat()
}

/// The folder `folder` below `root`, made if it is missing.
pub(super) fn below(root: &Arc<Dir>, folder: &[u8]) -> Result<Arc<Dir>> {
    match folder {
        b"" => Ok(root.clone()),
        _ => root.below(folder, true).map(Arc::new),
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.open()?.1.write(bytes)?;
        self.bytes += n as u64;
        if self.bytes - self.begun >= WRITE_BEHIND {
            self.begin_writing();
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some((dir, _)) = self.open.take() {
            let _ = dir.remove(self.temp.as_bytes());
        }
    }
}
