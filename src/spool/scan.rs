//! Lists inputs, looks at them and opens them. Writes nothing.

use super::folder::{Dir, Seen};
use super::name::Name;
use crate::error::{Error, Result};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use rustix::fs::{FileType, Stat};
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Which names are inputs.
#[derive(Clone, Debug)]
pub struct Rules {
    recursive: bool,
    include: GlobSet,
}

impl Rules {
    /// `include`: globs on the file name, case ignored.
    pub fn new(recursive: bool, include: &[String]) -> Result<Rules, globset::Error> {
        let mut set = GlobSetBuilder::new();
        for glob in include {
            set.add(GlobBuilder::new(glob).case_insensitive(true).build()?);
        }
        Ok(Rules {
            recursive,
            include: set.build()?,
        })
    }

    pub fn recursive(&self) -> bool {
        self.recursive
    }

    /// Could `name` be an input? Names that begin with a dot, or end as those of files in the making do, never are.
    pub fn accept(&self, name: &Name) -> bool {
        let (folder, file) = name.split();
        let hidden = |part: &[u8]| part.first() == Some(&b'.');
        if !folder.is_empty() && (!self.recursive || folder.split(|b| *b == b'/').any(hidden)) {
            return false;
        }
        let lower = file.to_ascii_lowercase();
        let unfinished = [".tmp", ".part", ".partial"]
            .iter()
            .any(|s| lower.ends_with(s.as_bytes()));
        !hidden(file) && !unfinished && self.include.is_match(OsStr::from_bytes(file))
    }
}

/// A listing under way. Folders are read as they come: memory doesn't grow with the number of files.
pub struct Listing {
    root: Dir,
    rules: Rules,
    open: Option<(Vec<u8>, rustix::fs::Dir, PathBuf)>,
    folders: Vec<Vec<u8>>,
    unreadable: Vec<(Name, Error)>,
}

impl Listing {
    pub fn new(root: &Path, rules: &Rules) -> Result<Listing> {
        Ok(Listing {
            root: Dir::open(root)?,
            rules: rules.clone(),
            open: None,
            folders: vec![Vec::new()],
            unreadable: Vec::new(),
        })
    }

    pub fn root(&self) -> &Dir {
        &self.root
    }

    /// Subfolders that couldn't be opened, and why.
    pub fn take_unreadable(&mut self) -> Vec<(Name, Error)> {
        std::mem::take(&mut self.unreadable)
    }

    /// At most `most` further names; empty at the end.
    pub fn next(&mut self, most: usize) -> Result<Vec<Name>> {
        let mut names = Vec::new();
        while names.len() < most {
            let Some((folder, entries, path)) = &mut self.open else {
                let Some(folder) = self.folders.pop() else {
                    break;
                };
                // A subfolder may have gone, or become a link, since it was listed.
                let opened = self.root.below_if_there(&folder).and_then(|dir| {
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
            if self.rules.recursive {
                let kind = match entry.file_type() {
                    FileType::Unknown => {
                        let stat = self.root.below(folder, false)?.stat(file)?;
                        stat.map_or(FileType::Unknown, |s| FileType::from_raw_mode(s.st_mode))
                    }
                    kind => kind,
                };
                if kind == FileType::Directory {
                    self.folders.push(full);
                    continue;
                }
            }
            let name = Name::new(full);
            if self.rules.accept(&name) {
                names.push(name);
            }
        }
        Ok(names)
    }
}

/// What stands under `name` below `root` now; `None` if nothing does.
pub fn look(root: &Dir, name: &Name, local: bool) -> Result<Option<Seen>> {
    let (folder, file) = name.split();
    let stat = match folder {
        b"" => root.stat(file)?,
        _ => match root.below_if_there(folder)? {
            Some(dir) => dir.stat(file)?,
            None => None,
        },
    };
    Ok(stat.map(|s| Seen::of(&s, local)))
}

/// Opens the file `name` below `root`; `None` if there is none, or a link on the way.
pub fn open(root: &Dir, name: &Name) -> Result<Option<(File, Stat)>> {
    let (folder, file) = name.split();
    match folder {
        b"" => root.open_file(file),
        _ => match root.below_if_there(folder)? {
            Some(dir) => dir.open_file(file),
            None => Ok(None),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(recursive: bool, include: &[&str], name: &str) -> bool {
        let include: Vec<String> = include.iter().map(|s| s.to_string()).collect();
        Rules::new(recursive, &include)
            .unwrap()
            .accept(&Name::new(name.as_bytes()))
    }

    #[test]
    fn only_finished_visible_csvs_are_inputs() {
        for (name, is) in [
            ("a.csv", true),
            ("A.CSV", true),
            (".a.csv", false),
            (".a.csv.Xy12Zw", false),
            ("a.csv.tmp", false),
            ("a.csv.part", false),
            ("a.csv.PARTIAL", false),
            ("a.csv.out", false),
            ("a.txt", false),
            ("b/a.csv", false),
        ] {
            assert_eq!(accepts(false, &["*.csv"], name), is, "{name}");
        }
        assert!(accepts(true, &["*.csv"], "b/c/a.csv"));
        assert!(!accepts(true, &["*.csv"], "b/.c/a.csv"));
        assert!(accepts(false, &["*.csv", "rows-*"], "rows-1"));
        assert!(!accepts(false, &["*"], "rows.tmp"));
    }
}
