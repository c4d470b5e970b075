//! What a program found that breaks a guard of an experiment: `state/halts/GROUP/NAME.json`. The service can't write models, so it
//! halts the experiment here, where the worker and the server of this state folder both look; a person decides on it.

use super::disk;
use super::manifest::MANIFEST_MAX;
use crate::error::{Error, Result};
use crate::spool::durable;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

const FOLDER: &str = "halts";
const FORMAT_VERSION: u32 = 1;

/// A guard of an experiment broke.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Halt {
    pub format_version: u32,
    pub experiment: String,
    pub group: String,
    /// In which it broke: `NAME/NUMBER`.
    pub phase: String,
    /// The guard, as it was given.
    pub guard: String,
    /// What was found, in words.
    pub found: String,
    /// RFC 3339, UTC.
    pub at: String,
    /// `worker` or `server`.
    pub by: String,
}

/// `bad_rows 3 % of 600 rows, and more than 1% aborts it; phase trial/2, 2026-11-27T08:00:00Z by the worker`; where what was found
/// doesn't name what is measured, behind the guard.
impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Halt {
            phase,
            guard,
            found,
            at,
            by,
            ..
        } = self;
        let measure = guard.split(' ').next().unwrap_or_default();
        if !found.starts_with(measure) {
            write!(f, "{guard}: ")?;
        }
        write!(f, "{found}; phase {phase}, ")?;
        // As it is written, it is told from what happened a moment before; people needn't.
        match at.parse::<Timestamp>() {
            Ok(at) => write!(f, "{at:.0}")?,
            Err(_) => write!(f, "{at}")?,
        }
        write!(f, " by the {by}")
    }
}

impl Halt {
    pub fn new(experiment: &str, group: &str, phase: &str) -> Halt {
        Halt {
            format_version: FORMAT_VERSION,
            experiment: experiment.into(),
            group: group.into(),
            phase: phase.into(),
            guard: String::new(),
            found: String::new(),
            at: String::new(),
            by: String::new(),
        }
    }

    /// Its phase's. None: it can't be told, so no later phase lifts it.
    pub(super) fn number(&self) -> Option<u64> {
        self.phase.rsplit_once('/')?.1.parse().ok()
    }

    /// Halts an experiment, as a whole or not at all. What was found first stays; what was found in an earlier phase gives way.
    ///
    /// # Errors
    /// It can't be written.
    pub fn write(state: &Path, halt: &Halt) -> Result<()> {
        let folder = folder(state, &halt.group);
        durable::make_folder(&folder, 0o750)?;
        // The worker and the server at once: one waits for the other. State folders are on local disks, which can lock.
        let lock = File::open(&folder).map_err(Error::io("open", &folder))?;
        lock.lock().map_err(Error::io("lock", &folder))?;
        let path = path(&folder, &halt.experiment);
        match read(&path, &halt.group) {
            Ok(Some(there)) if there.number() < halt.number() => {}
            Ok(None) => {}
            // One that can't be read halts, too.
            Ok(Some(_)) | Err(Error::Model { .. }) => return Ok(()),
            Err(error) => return Err(error),
        }
        let json = serde_json::to_vec_pretty(halt).expect("a halt is JSON");
        durable::replace(&path, &json)
    }

    /// A person decided on it: it is gone, or wasn't there.
    ///
    /// # Errors
    /// It is there on.
    #[allow(clippy::disallowed_methods, reason = "a file of the state folder, never a result")]
    pub fn remove(state: &Path, group: &str, experiment: &str) -> Result<()> {
        let folder = folder(state, group);
        let path = path(&folder, experiment);
        match fs::remove_file(&path) {
            Ok(()) => durable::sync_folder(&folder),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(Error::io("remove", path)(e)),
        }
    }
}

/// What programs halted of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Halts(Vec<Halt>);

impl Halts {
    /// One that can't be read halts its experiment all the same.
    ///
    /// # Errors
    /// The folder or a file in it can't be read just now.
    pub fn read(state: &Path, group: &str) -> Result<Halts> {
        let folder = folder(state, group);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Halts::default()),
            Err(e) => return Err(Error::io("list", &folder)(e)),
        };
        let mut halts = Vec::new();
        for entry in entries {
            let path = entry.map_err(Error::io("list", &folder))?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".json")) else {
                continue;
            };
            halts.extend(match read(&path, group) {
                Err(error @ Error::Model { .. }) => Some(Halt {
                    found: error.to_string(),
                    guard: "it can't be told which guard broke".into(),
                    at: "at a time that can't be told".into(),
                    by: "worker or the server".into(),
                    ..Halt::new(name, group, "that can't be told")
                }),
                found => found?,
            });
        }
        halts.sort_unstable_by(|a, b| a.experiment.cmp(&b.experiment));
        Ok(Halts(halts))
    }

    /// Of the experiment of that name, if a person didn't lift it: see [`Experiment::halt`](super::Experiment::halt).
    pub(super) fn find(&self, experiment: &str) -> Option<&Halt> {
        self.0.iter().find(|halt| halt.experiment == experiment)
    }
}

/// The server has several groups, and each has names of its own.
fn folder(state: &Path, group: &str) -> PathBuf {
    state.join(FOLDER).join(group)
}

fn path(folder: &Path, experiment: &str) -> PathBuf {
    folder.join(format!("{experiment}.json"))
}

fn read(path: &Path, group: &str) -> Result<Option<Halt>> {
    let text = match disk::read(path, MANIFEST_MAX) {
        Ok(text) => text,
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let halt: Halt = serde_json::from_slice(&text).map_err(|e| Error::model(path, e.to_string()))?;
    disk::check_format(path, halt.format_version, FORMAT_VERSION)?;
    let named = path.file_stem().is_some_and(|stem| stem == halt.experiment.as_str());
    match named && halt.group == group {
        true => Ok(Some(halt)),
        false => Err(Error::model(path, "it isn't named as the experiment in it")),
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the test plays a vandal")]
mod tests {
    use super::*;

    fn halt(phase: &str, found: &str) -> Halt {
        Halt {
            guard: "bad_rows > 1%".into(),
            found: found.into(),
            at: "2026-11-27T08:00:00Z".into(),
            by: "worker".into(),
            ..Halt::new("trial", "lines", phase)
        }
    }

    #[test]
    fn it_is_told_once_and_to_the_second() {
        let mut halt = halt("trial/2", "bad_rows 3 % of 600 rows");
        halt.at = "2026-11-27T08:00:00.987654Z".into();
        assert_eq!(
            halt.to_string(),
            "bad_rows 3 % of 600 rows; phase trial/2, 2026-11-27T08:00:00Z by the worker"
        );
        halt.found = "3 of 100 rows".into();
        assert!(
            halt.to_string()
                .starts_with("bad_rows > 1%: 3 of 100 rows; phase trial/2, ")
        );
    }

    #[test]
    fn what_was_found_first_in_a_phase_stays() {
        let state = tempfile::tempdir().unwrap();
        let found = || Halts::read(state.path(), "lines").unwrap().0;
        assert_eq!(found(), []);
        for (phase, word, expected) in [
            ("trial/1", "first", "first"),
            ("trial/1", "second", "first"),
            ("trial/2", "third", "third"),
            ("trial/1", "late", "third"),
        ] {
            Halt::write(state.path(), &halt(phase, word)).unwrap();
            assert_eq!(found()[0].found, expected, "{phase} {word}");
        }
        assert_eq!(found().len(), 1);
        assert_eq!(Halts::read(state.path(), "other").unwrap(), Halts::default());
        for _ in 0..2 {
            Halt::remove(state.path(), "lines", "trial").unwrap();
            assert_eq!(found(), []);
        }
    }

    /// As the first version that knew halts wrote one.
    const GOLDEN: &str = r#"{
  "format_version": 1,
  "experiment": "trial",
  "group": "lines",
  "phase": "trial/1",
  "guard": "bad_rows > 1%",
  "found": "3 of 100 rows",
  "at": "2026-11-27T08:00:00Z",
  "by": "worker"
}"#;

    #[test]
    fn what_was_written_is_read_for_ever_and_what_is_damaged_halts_too() {
        let state = tempfile::tempdir().unwrap();
        Halt::write(state.path(), &halt("trial/1", "3 of 100 rows")).unwrap();
        let file = state.path().join("halts/lines/trial.json");
        assert_eq!(fs::read_to_string(&file).unwrap(), GOLDEN);
        for damaged in [
            "",
            "{}",
            &GOLDEN.replace("trial\"", "other\""),
            &GOLDEN.replacen('1', "9", 1),
        ] {
            fs::write(&file, damaged).unwrap();
            let halts = Halts::read(state.path(), "lines").unwrap();
            assert_eq!((&halts.0[0].experiment[..], halts.0[0].number()), ("trial", None));
            Halt::write(state.path(), &halt("trial/7", "again")).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), damaged, "a person is to see it");
        }
    }
}
