//! Lists inputs, looks at them and opens them. Writes nothing.

use super::folder::{Dir, Kind, Seen};
use super::links::{Bounds, Target, is_loop};
use super::name::Name;
use super::rules::{Rules, Sort};
use crate::error::{Error, Result};
use crate::format::{FileFormat, foreign};
use rustix::fs::{FileType, Stat};
use std::fs::File;
use std::path::{Path, PathBuf};

/// The input folder, held open: what stands under an input's name in it, however it was found.
pub struct Inputs {
    dir: Dir,
    rules: Rules,
    local: bool,
    /// Where links may lead to; `None`: they aren't followed.
    bounds: Option<Bounds>,
}

/// More links than this aren't followed on the way to a folder: eight folders with links to each other have 400 ways of two, and
/// 8,800 of four.
const FOLDER_LINKS: usize = 2;

impl Inputs {
    pub fn open(path: &Path, rules: &Rules) -> Result<Inputs> {
        let dir = Dir::open(path)?;
        Ok(Inputs {
            local: !dir.is_mount()?,
            bounds: Bounds::of(&dir, rules.links())?,
            rules: rules.clone(),
            dir,
        })
    }

    pub fn dir(&self) -> &Dir {
        &self.dir
    }

    /// Is it on a local disk, so that ctimes mean something?
    pub fn is_local(&self) -> bool {
        self.local
    }

    pub fn is_recursive(&self) -> bool {
        self.rules.recursive()
    }

    /// Could `name` be an input?
    pub fn accept(&self, name: &Name) -> bool {
        self.rules.accept(name)
    }

    /// What stands under an input's name now; `None` if nothing does, or a folder whose files are inputs themselves.
    pub fn look(&self, name: &Name) -> Result<Option<Seen>> {
        let Some(stat) = stat(&self.dir, name)? else {
            let by_link = self.target(name)?;
            return Ok(by_link.map(|(_, seen)| seen).filter(|seen| !self.enters(seen.kind)));
        };
        let mut seen = Seen::of(&stat, self.local);
        if seen.kind == Kind::Link
            && let Some((_, target)) = self.target(name)?
        {
            seen = target;
        }
        Ok(Some(seen).filter(|seen| !self.enters(seen.kind)))
    }

    /// Is it a link that leads in a circle?
    pub fn is_loop(&self, name: &Name) -> Result<bool> {
        let (folder, file) = name.split();
        Ok(self.folder(folder)?.is_some_and(|dir| is_loop(&dir, file)))
    }

    /// Opens an input; `None` if there is none, or a link on the way that isn't followed.
    pub fn open_file(&self, name: &Name) -> Result<Option<(File, Seen)>> {
        let (folder, file) = name.split();
        let opened = match folder {
            b"" => self.dir.open_file(file)?,
            _ => match self.dir.below_if_there(folder)? {
                Some(dir) => dir.open_file(file)?,
                None => None,
            },
        };
        if let Some((file, stat)) = opened {
            return Ok(Some((file, Seen::of(&stat, self.local))));
        }
        let Some((target, seen)) = self.target(name)? else {
            return Ok(None);
        };
        let file = target.open(&self.dir.join(name.bytes()))?;
        Ok(file.map(|file| (file, seen)))
    }

    /// What `name` stands for by links, on the way to it or its own; `None` if none may be followed, or nothing is there.
    fn target(&self, name: &Name) -> Result<Option<(Target, Seen)>> {
        let Some(bounds) = &self.bounds else {
            return Ok(None);
        };
        let (folder, file) = name.split();
        let Some(dir) = self.folder(folder)? else {
            return Ok(None);
        };
        let Some(target) = bounds.follow(&dir, file)? else {
            return Ok(None);
        };
        let seen = target.seen(&dir, file)?;
        Ok(Some((target, seen)))
    }

    /// Opens a subfolder (empty: the input folder again), by links where they may be followed; `None` if there is none, or
    /// one that the way to it leads through already.
    fn folder(&self, below: &[u8]) -> Result<Option<Dir>> {
        let Some(bounds) = &self.bounds else {
            return self.dir.below_if_there(below);
        };
        let Some(mut dir) = self.dir.below_if_there(b"")? else {
            return Ok(None);
        };
        let (mut passed, mut links) = (vec![dir.identity()?], 0);
        for part in below.split(|b| *b == b'/').filter(|part| !part.is_empty()) {
            let next = match dir.below_if_there(part)? {
                Some(next) => next,
                None => {
                    links += 1;
                    let target = bounds.follow(&dir, part)?.filter(Target::is_folder);
                    let path = dir.join(part);
                    match target.map(|target| target.open(&path)).transpose()?.flatten() {
                        Some(folder) => dir.adopt(part, folder.into()),
                        None => return Ok(None),
                    }
                }
            };
            if passed.contains(&next.identity()?) || links > FOLDER_LINKS {
                return Ok(None);
            }
            passed.push(next.identity()?);
            dir = next;
        }
        Ok(Some(dir))
    }

    fn enters(&self, kind: Kind) -> bool {
        self.rules.recursive() && kind == Kind::Folder
    }
}

/// What stands under `name` below `root`, without following a link.
pub(super) fn stat(root: &Dir, name: &Name) -> Result<Option<Stat>> {
    let (folder, file) = name.split();
    match folder {
        b"" => root.stat(file),
        _ => match root.below_if_there(folder)? {
            Some(dir) => dir.stat(file),
            None => Ok(None),
        },
    }
}

/// A listing under way. Folders are read as they come: memory doesn't grow with the number of files.
pub struct Listing {
    inputs: Inputs,
    open: Option<(Vec<u8>, rustix::fs::Dir, PathBuf)>,
    folders: Vec<Vec<u8>>,
    unreadable: Vec<(Name, Error)>,
    /// Files that are no inputs for no glob has their names, and a few of them.
    ignored: u64,
    named: Vec<Name>,
}

/// Ignored files that are named.
const NAMED: usize = 3;

/// Those that could be inputs first, then those that hold rows otherwise; of each by name, whatever the order of the listing.
fn rank(name: &Name) -> u8 {
    match (FileFormat::glob(name.bytes()), foreign::by_name(name.bytes())) {
        (Some(_), _) => 0,
        (None, Some(_)) => 1,
        (None, None) => 2,
    }
}

impl Listing {
    pub fn new(root: &Path, rules: &Rules) -> Result<Listing> {
        Ok(Listing {
            inputs: Inputs::open(root, rules)?,
            open: None,
            folders: vec![Vec::new()],
            unreadable: Vec::new(),
            ignored: 0,
            named: Vec::new(),
        })
    }

    pub fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// Subfolders that couldn't be opened, and why.
    pub fn take_unreadable(&mut self) -> Vec<(Name, Error)> {
        std::mem::take(&mut self.unreadable)
    }

    /// How many files were listed that are no inputs, for no glob has their names; and a few of them.
    pub fn ignored(&self) -> (u64, &[Name]) {
        (self.ignored, &self.named)
    }

    /// At most `most` further names; empty at the end.
    pub fn next(&mut self, most: usize) -> Result<Vec<Name>> {
        let mut names = Vec::new();
        while names.len() < most {
            let Some((folder, entries, path)) = &mut self.open else {
                let Some(folder) = self.folders.pop() else {
                    break;
                };
                // A subfolder may have gone, or become another one, since it was listed.
                let opened = self.inputs.folder(&folder).and_then(|dir| {
                    dir.map(|dir| Ok((dir.entries()?, dir.path().to_path_buf())))
                        .transpose()
                });
                match opened {
                    Ok(Some((entries, path))) => self.open = Some((folder, entries, path)),
                    Ok(None) => {}
                    Err(error) if folder.is_empty() => return Err(error),
                    Err(error) => self.unreadable.push((Name::new(folder), error)),
                }
                continue;
            };
            let Some(entry) = entries.next() else {
                self.open = None;
                continue;
            };
            let entry = entry.map_err(Error::io("list", &path))?;
            let file = entry.file_name().to_bytes();
            if file.first() == Some(&b'.') {
                continue;
            }
            let full = if folder.is_empty() {
                file.to_vec()
            } else {
                [folder, &b"/"[..], file].concat()
            };
            if self.inputs.rules.recursive() {
                let kind = match entry.file_type() {
                    FileType::Unknown => {
                        let stat = self.inputs.folder(folder)?.map(|dir| dir.stat(file)).transpose()?;
                        stat.flatten()
                            .map_or(FileType::Unknown, |s| FileType::from_raw_mode(s.st_mode))
                    }
                    kind => kind,
                };
                let kind = match kind {
                    FileType::Symlink if self.inputs.bounds.is_some() && self.inputs.rules.enter(&full) => {
                        let target = self.inputs.target(&Name::new(&*full));
                        // What can't be looked at is looked at again as an input.
                        let folder = target.is_ok_and(|t| t.is_some_and(|(target, _)| target.is_folder()));
                        if folder { FileType::Directory } else { kind }
                    }
                    kind => kind,
                };
                if kind == FileType::Directory {
                    if self.inputs.rules.enter(&full) {
                        self.folders.push(full);
                    }
                    continue;
                }
            }
            let folder = entry.file_type() == FileType::Directory;
            let name = Name::new(full);
            match self.inputs.rules.sort(&name) {
                Sort::Input => names.push(name),
                Sort::Other if !folder => {
                    self.ignored += 1;
                    let at = self
                        .named
                        .partition_point(|other| (rank(other), other) <= (rank(&name), &name));
                    self.named.insert(at, name);
                    self.named.truncate(NAMED);
                }
                Sort::Other | Sort::Never => {}
            }
        }
        Ok(names)
    }
}
