//! What is kept of trials: a file for each, in a folder for each experiment. Nobody waits for them.

use super::Publisher;
use crate::error::Result;
use crate::spool::draft::Draft;
use crate::spool::folder::Dir;
use crate::spool::name::Name;
use crate::spool::place::{Folders, Place};
use crate::spool::probe::Mode;
use crate::spool::results;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// The folder, opened once there is something to be written.
pub(super) struct Trials {
    path: PathBuf,
    mode: Option<Mode>,
    place: OnceLock<Place>,
}

impl Trials {
    pub fn new(path: &Path, mode: Option<Mode>) -> Trials {
        let place = OnceLock::new();
        Trials {
            path: path.into(),
            mode,
            place,
        }
    }

    fn place(&self, prefix: &str) -> Result<&Place> {
        if self.place.get().is_none() {
            let _ = self.place.set(Place::open(&self.path, self.mode, prefix)?);
        }
        Ok(self.place.get().expect("just set"))
    }

    pub fn release(&self) {
        self.place.get().into_iter().for_each(Place::release);
    }

    /// If it can be opened.
    pub fn root(&self) -> Option<Arc<Dir>> {
        Dir::open_if_there(&self.path).ok()?.map(Arc::new)
    }
}

/// What is kept of a trial of an input, in the making. Where it can't be made, that shows when it is written.
pub struct TrialDraft(Result<Draft>);

impl Write for TrialDraft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Ok(draft) => draft.write(bytes),
            Err(error) => Err(io::Error::other(error.to_string())),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Publisher {
    pub fn draft_trial(&self, experiment: &str, input: &Name) -> TrialDraft {
        let name = results::trial(experiment, input);
        let place = self.trials.place(&self.prefix);
        TrialDraft(place.and_then(|place| self.draft(place, &name)))
    }

    /// Returns its size. Nothing is synced: what a power cut takes is made again, its size tells.
    pub fn publish_trial(&self, experiment: &str, input: &Name, draft: TrialDraft) -> Result<u64> {
        let draft = draft.0?;
        let place = self.trials.place(&self.prefix)?;
        let mut touched = Folders::default();
        place.place(draft, &results::trial(experiment, input), &mut touched)
    }
}
