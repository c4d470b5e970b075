//! The only module that writes to `output/` and `failed/`.
//!
//! A result is first made whole as a draft, then published with others of its group: sync all, rename each, sync the
//! folders once. A reader sees a whole result or none. Where a mount can't rename, the draft is made under `state/`
//! and copied over in one go.

use super::draft::{Draft, below};
use super::folder::{Dir, Home};
use super::name::{NAME_MAX, Name};
use crate::error::{Error, Result};
use rustix::fs::FileType;
use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// From this many drafts on, one sync of the whole file system is cheaper than one for each (measured: 0.28 ms a
/// file, against 90 ms for two thousand).
const SYNC_TOGETHER: usize = 8;

/// How a finished result gets its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Rename,
    /// For mounts that can't rename.
    Direct,
}

/// Where results go, and how.
pub struct Publisher {
    output: Place,
    failed: Place,
    staging: Arc<Dir>,
    /// Begins the names of drafts; one per state folder, so that two workers never take each other's for leftovers.
    prefix: Arc<str>,
    done_marker: bool,
}

/// How results are to be published.
pub struct Options<'a> {
    pub output: &'a Path,
    pub failed: &'a Path,
    /// On a local disk; drafts stand here where they can't stand beside their outputs.
    pub staging: PathBuf,
    /// `None`: found out by trying.
    pub mode: Option<Mode>,
    pub done_marker: bool,
    /// Names the state folder.
    pub instance: &'a str,
}

/// The results for one input, to be published together.
pub struct Item {
    pub name: Name,
    pub result: Product,
    pub rejects: Draft,
}

/// A success has an output, a failure a report.
pub enum Product {
    Output(Draft),
    Report(Draft),
}

impl Publisher {
    /// Makes the folders where they are missing, and finds out how to publish there.
    pub fn open(options: &Options) -> Result<Publisher> {
        let prefix = format!(".transform-{}-", options.instance);
        Ok(Publisher {
            output: Place::open(options.output, options.mode, &prefix)?,
            failed: Place::open(options.failed, options.mode, &prefix)?,
            staging: Dir::open_or_make(&options.staging)?.into(),
            prefix: prefix.into(),
            done_marker: options.done_marker,
        })
    }

    /// How outputs get their names.
    pub fn mode(&self) -> Mode {
        self.output.mode
    }

    /// Does one of the folders stand on a mount?
    pub fn on_mount(&self) -> bool {
        self.output.home.mount || self.failed.home.mount
    }

    /// Lets go of the folders. They are opened again when they are needed: they may have been made anew meanwhile, and
    /// a mount that is held open can't be unmounted.
    pub fn release(&self) {
        self.output.release();
        self.failed.release();
    }

    /// An error if the mount of one of the folders is away.
    pub fn check(&self) -> Result<()> {
        self.output.root()?;
        self.failed.root().map(drop)
    }

    pub fn draft_output(&self, input: &Name) -> Result<Draft> {
        self.draft(&self.output, input)
    }

    pub fn draft_failed(&self, input: &Name) -> Result<Draft> {
        self.draft(&self.failed, input)
    }

    fn draft(&self, place: &Place, input: &Name) -> Result<Draft> {
        let (root, folder) = match place.mode {
            Mode::Rename => (place.root()?, input.split().0),
            Mode::Direct => (self.staging.clone(), &b""[..]),
        };
        Ok(Draft::new(root, folder, &self.prefix))
    }

    /// Publishes a group. For each item the size of what readers now see (the output, or the report), or what went
    /// wrong with it. An error of the whole means that none of the group can be relied on.
    pub fn publish(&self, items: Vec<Item>) -> Result<Vec<Result<u64>>> {
        self.release();
        self.sync_drafts(&items)?;
        let mut touched = Folders::default();
        // One look instead of two removals for each input: most of the time nothing has failed.
        let outdated = !self.failed.is_empty()?;
        let results = items
            .into_iter()
            .map(|item| self.publish_one(item, outdated, &mut touched))
            .collect();
        touched.sync()?;
        Ok(results)
    }

    /// `outdated`: there may be reports or rejects from before.
    fn publish_one(&self, item: Item, outdated: bool, touched: &mut Folders) -> Result<u64> {
        let Item { name, result, rejects } = item;
        if rejects.bytes > 0 {
            self.failed.place(rejects, &rejects_name(&name), touched)?;
        } else if outdated {
            self.failed.remove(&rejects_name(&name), touched)?;
        }
        match result {
            Product::Output(draft) => {
                // A whole output takes the old one's place at once; no marker is needed to tell.
                if self.done_marker || self.output.mode == Mode::Direct {
                    self.output.remove(&done_marker(&name), touched)?;
                }
                let size = self.output.place(draft, &output(&name), touched)?;
                if outdated {
                    self.failed.remove(&report(&name), touched)?;
                }
                if self.done_marker {
                    self.output.touch(&done_marker(&name), touched)?;
                }
                Ok(size)
            }
            Product::Report(draft) => {
                let size = self.failed.place(draft, &report(&name), touched)?;
                // What was made of another input, or by another model, is no output of this one.
                if !name.too_long_with(OUTPUT) {
                    self.output.remove(&done_marker(&name), touched)?;
                    self.output.remove(&output(&name), touched)?;
                }
                Ok(size)
            }
        }
    }

    /// Makes the bytes of drafts durable before they get their names.
    fn sync_drafts(&self, items: &[Item]) -> Result<()> {
        let drafts = items.iter().flat_map(|item| match &item.result {
            Product::Output(draft) => [(draft, &self.output), (&item.rejects, &self.failed)],
            Product::Report(draft) => [(draft, &self.failed), (&item.rejects, &self.failed)],
        });
        let (mut local, mut devices) = (Vec::new(), HashSet::new());
        for (draft, place) in drafts.filter(|(d, p)| d.open.is_some() && p.mode == Mode::Rename) {
            if place.home.mount {
                draft.sync()?;
            } else {
                local.push(draft);
            }
        }
        if local.len() < SYNC_TOGETHER {
            return local.into_iter().try_for_each(Draft::sync);
        }
        for draft in local {
            if devices.insert(draft.root.device()?) {
                rustix::fs::syncfs(draft.root.fd()).map_err(Error::io("sync", draft.root.path()))?;
            }
        }
        Ok(())
    }

    /// Forgets what was said about an input that is gone.
    pub fn withdraw_reports(&self, input: &Name) -> Result<()> {
        self.failed.release();
        let mut touched = Folders::default();
        self.failed.remove(&report(input), &mut touched)?;
        self.failed.remove(&rejects_name(input), &mut touched)?;
        touched.sync()
    }

    /// Tries to write where results will be written.
    pub fn rehearse(&self) -> Result<()> {
        let input = Name::new(*b"rehearsal");
        for mut draft in [self.draft_output(&input)?, self.draft_failed(&input)?] {
            let path = draft.root.path().to_path_buf();
            draft.write_all(b"rehearsal").map_err(Error::io("write to", path))?;
        }
        Ok(())
    }

    /// The inputs that reports in the failed folder are about, as far as their names tell.
    pub fn reported(&self) -> Result<Vec<Name>> {
        let mut inputs = Vec::new();
        walk(&*self.failed.root()?, &mut Vec::new(), &mut |_, below, file| {
            // A shortened name doesn't tell.
            if file.len() < NAME_MAX
                && let Some(input) = file.strip_suffix(REPORT.as_bytes())
            {
                inputs.push(Name::new([below, input].concat()));
            }
            Ok(())
        })?;
        Ok(inputs)
    }

    /// Removes drafts that an earlier worker was killed over.
    pub fn remove_leftovers(&self) -> Result<u64> {
        let mut removed = 0;
        for root in [&self.output.root()?, &self.failed.root()?, &self.staging] {
            walk(root, &mut Vec::new(), &mut |dir, _, file| {
                if file.starts_with(self.prefix.as_bytes()) {
                    removed += u64::from(dir.remove(file)?);
                }
                Ok(())
            })?;
        }
        Ok(removed)
    }
}

/// The output's suffix.
pub const OUTPUT: &str = ".out";
/// The longest suffix that an output needs.
pub const DONE_MARKER: &str = ".out.done";

const REPORT: &str = ".error.json";
pub const REJECTS: &str = ".rejects.csv";

fn output(input: &Name) -> Name {
    input.with(OUTPUT)
}

fn done_marker(input: &Name) -> Name {
    input.with_shortened(DONE_MARKER)
}

fn report(input: &Name) -> Name {
    input.with_shortened(REPORT)
}

fn rejects_name(input: &Name) -> Name {
    input.with_shortened(REJECTS)
}

/// The input that a file in the output or failed folder belongs to.
pub fn input_of(published: &Name) -> Option<Name> {
    ["", ".done"].iter().find_map(|more| {
        let bytes = published.bytes().strip_suffix(more.as_bytes())?;
        let suffixes = [OUTPUT, REPORT, ".rejects.csv"];
        let input = suffixes.iter().find_map(|s| bytes.strip_suffix(s.as_bytes()))?;
        Some(Name::new(input))
    })
}

/// The size of an input's output below `root`, if there is one; with its done marker, if it should have one.
pub fn output_size(root: &Dir, input: &Name, marked: bool) -> Result<Option<u64>> {
    if input.too_long_with(OUTPUT) || marked && super::scan::look(root, &done_marker(input), false)?.is_none() {
        return Ok(None);
    }
    Ok(super::scan::look(root, &output(input), false)?.map(|seen| seen.fingerprint.size))
}

/// The size of an input's report below `root`, if there is one.
pub fn report_size(root: &Dir, input: &Name) -> Result<Option<u64>> {
    Ok(super::scan::look(root, &report(input), false)?.map(|seen| seen.fingerprint.size))
}

/// Takes a report away, so that its input is tried again.
pub fn withdraw_report(failed: &Path, input: &Name) -> Result<()> {
    let name = report(input);
    let (folder, file) = name.split();
    if let Some(dir) = Dir::open(failed)?.below_if_there(folder)? {
        dir.remove(file)?;
    }
    Ok(())
}

/// Calls `visit` for each name below `dir` that is no folder's: its folder, that folder's path (empty, or with a slash at
/// its end), and its name there.
fn walk(dir: &Dir, below: &mut Vec<u8>, visit: &mut impl FnMut(&Dir, &[u8], &[u8]) -> Result<()>) -> Result<()> {
    for entry in dir.entries()? {
        let entry = entry.map_err(Error::io("list", dir.path()))?;
        let name = entry.file_name().to_bytes();
        if entry.file_type() != FileType::Directory {
            visit(dir, below, name)?;
        } else if name.first() != Some(&b'.') {
            let length = below.len();
            below.extend_from_slice(name);
            below.push(b'/');
            match dir.below(name, false) {
                Ok(dir) => walk(&dir, below, visit)?,
                // It keeps back what is in it, and nothing else.
                Err(error) if error.code() == "permission_denied" => {
                    tracing::warn!(%error, "can't look into a folder of results");
                }
                Err(error) => return Err(error),
            }
            below.truncate(length);
        }
    }
    Ok(())
}

/// A folder for results.
struct Place {
    path: PathBuf,
    /// The folder, while a group is worked on.
    root: RwLock<Option<Arc<Dir>>>,
    home: Home,
    mode: Mode,
}

impl Place {
    fn open(path: &Path, mode: Option<Mode>, prefix: &str) -> Result<Place> {
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
    fn root(&self) -> Result<Arc<Dir>> {
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

    fn release(&self) {
        *self.root.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Is it known to hold nothing? A mount's listing may be an old one.
    fn is_empty(&self) -> Result<bool> {
        let known = !self.home.mount;
        Ok(known && self.root()?.is_empty()?)
    }

    /// The folder in which results for `input` stand.
    fn below(&self, input: &Name) -> Result<Arc<Dir>> {
        below(&self.root()?, input.split().0)
    }

    /// Gives a draft its name. Returns its size.
    fn place(&self, mut draft: Draft, name: &Name, touched: &mut Folders) -> Result<u64> {
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

    fn remove(&self, name: &Name, touched: &mut Folders) -> Result<()> {
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
    fn touch(&self, name: &Name, touched: &mut Folders) -> Result<()> {
        let dir = self.below(name)?;
        dir.create_file(name.split().1)?;
        touched.add(dir, self.home.mount);
        Ok(())
    }
}

/// Finds out whether a mount can rename; if not, whether an object can at least be replaced and deleted.
fn probe(dir: &Dir, prefix: &str) -> Result<Mode> {
    let (one, two) = (format!("{prefix}probe1"), format!("{prefix}probe2"));
    let (one, two) = (one.as_bytes(), two.as_bytes());
    let write = || -> Result<()> {
        let mut file = dir.create_file(one)?;
        file.write_all(b"probe").map_err(Error::io("write", dir.join(one)))?;
        file.sync_all().map_err(Error::io("write", dir.join(one)))
    };
    let missing = |flag: &str, e: Error| {
        Error::mount(
            dir.path(),
            format!("the mount can't rename, and {e}; mount it with {flag}"),
        )
    };
    // It is still there if an earlier start wasn't allowed to replace or remove it.
    let stayed = dir.stat(one)?.is_some();
    write().map_err(|e| match stayed && e.code() == "permission_denied" {
        true => missing("--allow-overwrite", e),
        false => e,
    })?;
    if dir.rename(one, two).is_ok() {
        dir.remove(two)?;
        return Ok(Mode::Rename);
    }
    write().map_err(|e| missing("--allow-overwrite", e))?;
    dir.remove(one).map_err(|e| missing("--allow-delete", e))?;
    Ok(Mode::Direct)
}

/// The folders whose names changed, each once.
#[derive(Default)]
struct Folders(Vec<(Arc<Dir>, bool)>);

impl Folders {
    fn add(&mut self, dir: Arc<Dir>, mount: bool) {
        if !self.0.iter().any(|(d, _)| d.path() == dir.path()) {
            self.0.push((dir, mount));
        }
    }

    fn sync(self) -> Result<()> {
        self.0.into_iter().try_for_each(|(dir, mount)| dir.sync(mount))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publisher(root: &Path) -> Publisher {
        Publisher::open(&Options {
            output: &root.join("output"),
            failed: &root.join("failed"),
            staging: root.join("staging"),
            mode: None,
            done_marker: false,
            instance: "test",
        })
        .unwrap()
    }

    /// A thread that was given up at a reload may still write a draft; the names began anew, and both wrote one file.
    #[test]
    fn a_reload_does_not_give_a_drafts_name_to_another() {
        let root = tempfile::tempdir().unwrap();
        let input = Name::new(*b"a.csv");
        let drafts = [0, 1].map(|_| {
            let mut draft = publisher(root.path()).draft_output(&input).unwrap();
            draft.write_all(b"x").unwrap();
            draft
        });
        assert_ne!(drafts[0].temp, drafts[1].temp);
        let output = Dir::open(&root.path().join("output")).unwrap();
        assert!(
            output.create_new_file(drafts[0].temp.as_bytes()).is_err(),
            "it is there"
        );
    }

    /// Leftovers are removed by the worker that made them; those of a killed `check` stay, and must not stop the next one.
    #[test]
    fn a_draft_that_was_left_keeps_no_other_from_being_made() {
        let root = tempfile::tempdir().unwrap();
        let input = Name::new(*b"a.csv");
        let publisher = publisher(root.path());
        let mut draft = publisher.draft_output(&input).unwrap();
        let left = root.path().join("output").join(&draft.temp);
        let output = Dir::open(&root.path().join("output")).unwrap();
        output.create_new_file(draft.temp.as_bytes()).unwrap();
        draft.write_all(b"whole").unwrap();
        drop(draft);
        assert!(left.exists(), "it is another's");
    }
}
