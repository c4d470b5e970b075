//! The only module that writes to `output/` and `failed/`.
//!
//! A result is first made whole as a draft, then published with others of its group: sync all, rename each, sync the
//! folders once. A reader sees a whole result or none. Where a mount can't rename, the draft is made under `state/`
//! and copied over in one go.

mod owner;
mod trials;

pub use owner::{Folder, Owner, folds_names, owner};
pub use trials::TrialDraft;

use super::draft::Draft;
use super::folder::Dir;
use super::name::{NAME_MAX, Name};
use super::place::{Folders, Place};
use super::probe::Mode;
use super::results::{self, HELD, REPORT};
use crate::error::{Error, Result};
use crate::format::OutputFormat;
use rustix::fs::FileType;
use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

/// From this many drafts on, one sync of the whole file system is cheaper than one for each (measured: 0.28 ms a
/// file, against 90 ms for two thousand).
const SYNC_TOGETHER: usize = 8;

/// Where results go, and how.
pub struct Publisher {
    output: Place,
    failed: Place,
    trials: trials::Trials,
    staging: Arc<Dir>,
    /// Begins the names of drafts; one per state folder, so that two workers never take each other's for leftovers.
    prefix: Arc<str>,
    format: OutputFormat,
    done_marker: bool,
    expected: RwLock<owner::Expected>,
}

/// How results are to be published.
pub struct Options<'a> {
    pub output: &'a Path,
    pub failed: &'a Path,
    /// What is kept of trials; made once there is any.
    pub shadow: &'a Path,
    /// On a local disk; drafts stand here where they can't stand beside their outputs.
    pub staging: PathBuf,
    /// `None`: found out by trying.
    pub mode: Option<Mode>,
    pub format: OutputFormat,
    pub done_marker: bool,
    /// Names the state folder.
    pub instance: &'a str,
}

/// The results for one input, to be published together.
pub struct Item {
    pub name: Name,
    pub result: Product,
    pub rejects: Draft,
    /// Outputs of it that may stand under other names, from before the setting of the format changed: they go with the earlier one.
    pub former: Vec<Name>,
}

/// A success has an output, a failure a report, and so has a result that is held. Each takes the place of the others.
pub enum Product {
    Output(Draft),
    /// Why it failed. The earlier output goes.
    Report(Draft),
    /// The result is kept back, and not kept.
    Held {
        report: Draft,
        earlier: Earlier,
    },
}

/// What becomes of the output that stands while a newer result is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Earlier {
    /// Only where there is one. The rejects beside it are its own; those of the held result are dropped.
    Stays,
    /// It goes, with its marker, as for a failure.
    Goes,
}

impl Product {
    fn keeps_earlier(&self) -> bool {
        matches!(
            self,
            Product::Held {
                earlier: Earlier::Stays,
                ..
            }
        )
    }
}

impl Publisher {
    /// Makes the folders where they are missing, and finds out how to publish there.
    pub fn open(options: &Options) -> Result<Publisher> {
        let prefix = format!(".transform-{}-", options.instance);
        Ok(Publisher {
            output: Place::open(options.output, options.mode, &prefix)?,
            failed: Place::open(options.failed, options.mode, &prefix)?,
            trials: trials::Trials::new(options.shadow, options.mode),
            staging: Dir::open_or_make(&options.staging)?.into(),
            prefix: prefix.into(),
            format: options.format,
            done_marker: options.done_marker,
            expected: RwLock::default(),
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
        self.trials.release();
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
        self.check_marks(&items)?;
        let mut touched = Folders::default();
        // One look instead of two removals for each input: most of the time nothing has failed.
        let outdated = !self.failed.is_empty_but(owner::MARK)?;
        let results = items
            .into_iter()
            .map(|item| self.publish_one(item, outdated, &mut touched))
            .collect();
        touched.sync()?;
        Ok(results)
    }

    /// `outdated`: there may be reports or rejects from before.
    fn publish_one(&self, item: Item, outdated: bool, touched: &mut Folders) -> Result<u64> {
        let Item {
            name,
            result,
            rejects,
            former,
        } = item;
        let input = &name;
        if !result.keeps_earlier() {
            if rejects.bytes > 0 {
                self.failed.place(rejects, &results::rejects(input), touched)?;
            } else if outdated {
                self.failed.remove(&results::rejects(input), touched)?;
            }
        }
        match result {
            Product::Output(draft) => {
                // A whole output takes the old one's place at once; no marker is needed to tell.
                let output = results::output(input, self.format);
                let marker = results::done_marker(&output);
                if self.done_marker || self.output.mode == Mode::Direct {
                    self.output.remove(&marker, touched)?;
                }
                let size = self.output.place(draft, &output, touched)?;
                if outdated {
                    self.failed.remove(&results::report(input), touched)?;
                    self.failed.remove(&results::held_report(input), touched)?;
                }
                if self.done_marker {
                    self.output.touch(&marker, touched)?;
                }
                // A worker that is killed before has its record in doubt, and does it again.
                self.remove_outputs(former, touched)?;
                Ok(size)
            }
            Product::Report(draft) => {
                let size = self.failed.place(draft, &results::report(input), touched)?;
                if outdated {
                    self.failed.remove(&results::held_report(input), touched)?;
                }
                // What was made of another input, or by another model, is no output of this one.
                self.remove_outputs(former.into_iter().chain([results::output(input, self.format)]), touched)?;
                Ok(size)
            }
            Product::Held { report: draft, earlier } => {
                let size = self.failed.place(draft, &results::held_report(input), touched)?;
                if outdated {
                    self.failed.remove(&results::report(input), touched)?;
                }
                if earlier == Earlier::Goes {
                    self.remove_outputs(former.into_iter().chain([results::output(input, self.format)]), touched)?;
                }
                Ok(size)
            }
        }
    }

    /// Takes outputs away, and each one's marker before it.
    fn remove_outputs(&self, outputs: impl IntoIterator<Item = Name>, touched: &mut Folders) -> Result<()> {
        for output in outputs.into_iter().filter(|output| !results::is_too_long(output)) {
            self.output.remove(&results::done_marker(&output), touched)?;
            self.output.remove(&output, touched)?;
        }
        Ok(())
    }

    /// Makes the bytes of drafts durable before they get their names.
    fn sync_drafts(&self, items: &[Item]) -> Result<()> {
        let drafts = items.iter().flat_map(|item| match &item.result {
            Product::Output(draft) => [(draft, &self.output), (&item.rejects, &self.failed)],
            Product::Report(draft) | Product::Held { report: draft, .. } => {
                [(draft, &self.failed), (&item.rejects, &self.failed)]
            }
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

    /// Takes away what was reported on an input that is gone.
    pub fn withdraw_reports(&self, input: &Name) -> Result<()> {
        self.failed.release();
        let mut touched = Folders::default();
        for name in [results::report, results::held_report, results::rejects] {
            self.failed.remove(&name(input), &mut touched)?;
        }
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
                && let Some(input) = [REPORT, HELD].iter().find_map(|s| file.strip_suffix(s.as_bytes()))
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
        let trials = self.trials.root();
        let roots = [self.output.root()?, self.failed.root()?, self.staging.clone()];
        for root in roots.iter().chain(&trials) {
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

/// Takes a report away, so that its input is tried again.
pub fn withdraw_report(failed: &Path, input: &Name) -> Result<()> {
    for name in [results::report(input), results::held_report(input)] {
        let (folder, file) = name.split();
        if let Some(dir) = Dir::open(failed)?.below_if_there(folder)? {
            dir.remove(file)?;
        }
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

#[cfg(test)]
mod tests;
