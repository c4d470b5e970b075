//! The capture folder: how large it is, how full its disk, what a killed process left in it, and what is to go.

#![allow(clippy::disallowed_methods, reason = "what is captured is no result")]

use super::layout::{self, LEVELS, OWNERS};
use crate::config::Capture;
use crate::error::{Error, Result};
use crate::serve::Stage;
use crate::spool::durable;
use crate::transform::Share;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const FOLDER_MODE: u32 = 0o750;
const FILE_MODE: u32 = 0o640;

/// A file is closed when it is as large: a part of `max_size`, for only whole files go.
const PART: u64 = 64 << 20;
const SMALLEST_PART: u64 = 4 << 10;

pub struct Folder {
    root: PathBuf,
    max_size: u64,
    max_disk: Share,
    /// Bytes of all files, as far as known; `None`: not looked at yet.
    size: Option<u64>,
}

/// A file that is there.
struct Found {
    /// What sorts before was begun before, whichever version's it is.
    begun: PathBuf,
    path: PathBuf,
    size: u64,
}

impl Folder {
    pub fn new(settings: &Capture, stage: Stage) -> Folder {
        Folder {
            root: layout::root(&settings.path, stage),
            max_size: settings.max_size,
            max_disk: settings.max_disk,
            size: None,
        }
    }

    pub fn path(&self) -> &Path {
        &self.root
    }

    pub fn max_size(&self) -> u64 {
        self.max_size
    }

    /// The size at which a file is closed.
    pub fn part(&self) -> u64 {
        (self.max_size / 16).clamp(SMALLEST_PART, PART)
    }

    /// Bytes of all files.
    pub fn size(&self) -> u64 {
        self.size.unwrap_or_default()
    }

    /// So many bytes were written.
    pub fn add(&mut self, bytes: u64) {
        self.size = Some(self.size() + bytes);
    }

    /// Makes it where it isn't there. The first time, what killed processes left is put in order.
    pub fn prepare(&mut self) -> Result<()> {
        durable::make_folder(&self.root, FOLDER_MODE)?;
        if self.size.is_none() {
            let mut size = 0;
            for found in self.files()? {
                size += mend(&found)?;
            }
            self.size = Some(size);
        }
        Ok(())
    }

    /// Is its disk fuller than it may be, as `df` counts?
    pub fn is_full(&self) -> Result<bool> {
        let disk = rustix::fs::statvfs(&self.root).map_err(Error::io("stat", &self.root))?;
        let used = disk.f_blocks.saturating_sub(disk.f_bfree);
        Ok(self.max_disk.is_exceeded(used, used + disk.f_bavail))
    }

    /// Must older files go before so many bytes are written?
    pub fn lacks_room(&self, bytes: u64) -> bool {
        self.size() + bytes > self.max_size
    }

    /// Deletes the oldest files until so many bytes fit, and some more; those that are being written stay. False: they don't fit.
    pub fn sweep(&mut self, bytes: u64) -> Result<bool> {
        let mut files = self.files()?;
        files.sort_unstable_by(|a, b| a.begun.cmp(&b.begun));
        let mut size: u64 = files.iter().map(|found| found.size).sum();
        let goal = self.max_size.saturating_sub(bytes.max(self.part()));
        for found in &files {
            if size <= goal {
                break;
            }
            if is_in_use(&found.path) {
                continue;
            }
            if_there(fs::remove_file(&found.path)).map_err(Error::io("remove", &found.path))?;
            size -= found.size;
            self.remove_empty(&found.path);
        }
        self.size = Some(size);
        Ok(!self.lacks_room(bytes))
    }

    /// Begins a file, and holds it as in use until it is dropped.
    pub fn begin(&self, group: &str, version: u32, at: i64, tag: u32) -> Result<(File, PathBuf)> {
        let folder = self.root.join(layout::folder(group, version, layout::hour(at)));
        durable::make_folder(&folder, FOLDER_MODE)?;
        let path = folder.join(layout::name(at, tag));
        let made = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(&path);
        let file = made.map_err(Error::io("create", &path))?;
        // Some mounts know no locks; there, nobody else is to work in the folder.
        let _ = file.try_lock();
        Ok((file, path))
    }

    /// All files of this layout.
    fn files(&self) -> Result<Vec<Found>> {
        let mut found = Vec::new();
        let mut folders = vec![(self.root.clone(), 0)];
        while let Some((folder, level)) = folders.pop() {
            let Some(entries) = if_there(fs::read_dir(&folder)).map_err(Error::io("list", &folder))? else {
                continue;
            };
            for entry in entries {
                let entry = entry.map_err(Error::io("list", &folder))?;
                if !entry
                    .file_name()
                    .to_str()
                    .is_some_and(|name| layout::is_ours(level, name))
                {
                    continue;
                }
                let path = entry.path();
                // Of a link, the link.
                let Some(metadata) = if_there(entry.metadata()).map_err(Error::io("stat", &path))? else {
                    continue;
                };
                if level < LEVELS && metadata.is_dir() {
                    folders.push((path, level + 1));
                } else if level == LEVELS && metadata.is_file() {
                    let below = path.strip_prefix(&self.root).unwrap_or(&path);
                    found.push(Found {
                        begun: below.iter().skip(OWNERS).collect(),
                        size: metadata.len(),
                        path,
                    });
                }
            }
        }
        Ok(found)
    }

    /// The folders that a file left empty go, too.
    fn remove_empty(&self, file: &Path) {
        let above = file.ancestors().skip(1).take_while(|folder| *folder != self.root);
        for folder in above {
            if fs::remove_dir(folder).is_err() {
                break;
            }
        }
    }
}

/// Cuts the line that a killed process began and didn't end. Returns the size then.
fn mend(found: &Found) -> Result<u64> {
    let Found { path, size, .. } = found;
    let opened = if_there(OpenOptions::new().read(true).write(true).open(path)).map_err(Error::io("open", path))?;
    let Some(file) = opened else { return Ok(0) };
    if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
        return Ok(*size);
    }
    let whole = whole_lines(&file, *size).map_err(Error::io("read", path))?;
    if whole < *size {
        tracing::warn!(file = %path.display(), bytes = size - whole, "cut a line that a killed server began to capture");
        file.set_len(whole).map_err(Error::io("cut", path))?;
    }
    Ok(whole)
}

/// Bytes up to the last line's end.
fn whole_lines(file: &File, size: u64) -> io::Result<u64> {
    let mut buffer = [0; 4096];
    let mut end = size;
    while end > 0 {
        // Most end as they should: one byte tells it.
        let step = if end == size { 1 } else { end.min(buffer.len() as u64) };
        let read = &mut buffer[..step as usize];
        file.read_exact_at(read, end - step)?;
        if let Some(at) = memchr::memrchr(b'\n', read) {
            return Ok(end - step + at as u64 + 1);
        }
        end -= step;
    }
    Ok(0)
}

/// Is a server writing it?
fn is_in_use(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

/// Files may be taken away any time.
fn if_there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(root: &Path, max_size: u64) -> Folder {
        let settings = Capture {
            path: root.into(),
            sample: 1.0,
            max_size,
            max_disk: Share::ALL,
        };
        Folder::new(&settings, Stage::Production)
    }

    fn put(root: &Path, path: &str, bytes: &[u8]) -> PathBuf {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    #[test]
    fn the_oldest_files_go_first_whichever_version_is_theirs() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let kilobyte = vec![b'\n'; 10_000];
        let oldest = put(root, "z/9/2025/01/01/00/00-00-000-a.jsonl", &kilobyte);
        let second = put(root, "a/1/2025/01/01/01/00-00-000-a.jsonl", &kilobyte);
        let newest = put(root, "a/1/2025/02/01/00/00-00-000-a.jsonl", &kilobyte);
        let others = [
            put(root, "a/1/2024/README.md", &kilobyte),
            put(root, ".staging/a/1/2024/01/01/00/00-00-000-a.jsonl", &kilobyte),
            put(root, "a/1/2024/01/01/00/notes.txt", &kilobyte),
        ];
        let mut folder = folder(root, 40_000);
        folder.prepare().unwrap();
        assert_eq!(folder.size(), 30_000);
        assert!(!folder.lacks_room(10_000) && folder.lacks_room(10_001));
        assert!(folder.sweep(10_001).unwrap());
        assert!(!oldest.exists() && second.exists() && newest.exists());
        assert_eq!(folder.size(), 20_000);
        assert!(!root.join("z").exists(), "folders that are empty go");
        assert!(!folder.sweep(50_000).unwrap(), "it doesn't fit at all");
        assert!(!second.exists() && !newest.exists());
        assert!(others.iter().all(|path| path.exists()));
    }

    #[test]
    fn a_file_that_is_being_written_stays_and_is_not_mended() {
        let dir = tempfile::tempdir().unwrap();
        let mut own = folder(dir.path(), 64 << 10);
        own.prepare().unwrap();
        let (file, path) = own.begin("a", 1, 0, 7).unwrap();
        file.write_all_at(b"{}\n{", 0).unwrap_or_else(|_| {
            // Where appending files can't be written at a place.
            use std::io::Write;
            (&file).write_all(b"{}\n{").unwrap();
        });
        let mut other = folder(dir.path(), 64 << 10);
        other.prepare().unwrap();
        assert!(!other.sweep(1 << 20).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"{}\n{");
        drop(file);
        let mut next = folder(dir.path(), 64 << 10);
        next.prepare().unwrap();
        assert_eq!((fs::read(&path).unwrap().as_slice(), next.size()), (&b"{}\n"[..], 3));
    }

    #[test]
    fn a_torn_line_is_cut_however_long_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let long = vec![b'x'; 10_000];
        for (at, (before, after)) in [
            (vec![], 0),
            (b"\n".to_vec(), 1),
            (b"{}\n{}\n".to_vec(), 6),
            ([b"{}\n", &long[..]].concat(), 3),
            ([&long[..], b"\n", &long[..]].concat(), 10_001),
            (long.clone(), 0),
        ]
        .into_iter()
        .enumerate()
        {
            let path = put(dir.path(), &format!("a/{at}/2025/01/01/00/a.jsonl"), &before);
            let mut folder = folder(dir.path(), 1 << 20);
            folder.prepare().unwrap();
            assert_eq!(fs::read(&path).unwrap(), before[..after]);
        }
    }
}
