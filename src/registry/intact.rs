//! Whether the files of the version at work are still those that were registered. It scores from memory, so it would be the
//! next start that finds them damaged.

use super::Registry;
use super::disk::{self, Frozen};
use super::ensemble;
use super::manifest::Manifest;
use crate::error::{Error, Result};
use crate::onnxruntime;
use std::path::PathBuf;

/// A file's name, size and times.
type Stamp = (PathBuf, (u64, i64, i64));

/// What was seen of the files last.
#[derive(Default)]
pub struct Intact {
    seen: Option<(u32, Vec<Stamp>)>,
    damage: Option<Error>,
    /// The ONNX Runtime that the model needs went.
    runtime: Option<Error>,
}

impl Intact {
    /// Why the latest approved version couldn't be used again. Its files are read only if they changed since they were seen
    /// first, which is when they were proven.
    pub fn look(&mut self, registry: &Registry) -> Option<&Error> {
        if let Err(error) = self.find(registry) {
            self.damage = Some(error);
        }
        self.damage.as_ref().or(self.runtime.as_ref())
    }

    fn find(&mut self, registry: &Registry) -> Result<()> {
        let before = self.seen.take();
        self.runtime = None;
        let version = registry.latest_approved()?.version;
        let folder = registry.folder(version);
        let manifest = Manifest::read(&folder)?;
        let plan = ensemble::plan(&manifest, &folder)?;
        let mut files = manifest.files_in(&folder);
        files.extend(plan.iter().flat_map(|plan| ensemble::files(plan, &folder)));
        if let Some(path) = ensemble::onnx(&manifest, plan.as_ref(), &folder) {
            self.runtime = onnxruntime::missing().map(|message| Error::config(path, message));
        }
        let stamp = |file: &Frozen| Ok((file.path.clone(), disk::stamp(&file.path).map_err(disk::as_damage)?));
        let stamps = files.iter().map(stamp).collect::<Result<Vec<Stamp>>>()?;
        let (other, same) = match &before {
            Some((seen, before)) => (*seen != version, *seen == version && *before == stamps),
            None => (true, false),
        };
        self.seen = Some((version, stamps));
        if same {
            return Ok(()); // as good or as bad as before
        }
        if self.damage.take().is_some() || !other {
            for file in &files {
                file.read()?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the test plays a vandal, and who mends")]
mod tests {
    use super::*;
    use crate::registry::sample;
    use std::fs;

    #[test]
    fn files_that_change_after_they_were_proven_are_read_again() {
        let models = tempfile::tempdir().unwrap();
        let registry = Registry::new(models.path(), "lines");
        let mut intact = Intact::default();
        let code = |intact: &mut Intact| intact.look(&registry).map(Error::code);
        assert_eq!(code(&mut intact), Some("no_approved_model"));
        sample::register(&registry);
        registry.approve(1, sample::vote()).unwrap();
        assert_eq!(
            registry.last_decision().unwrap().as_deref(),
            Some("2026-11-26T00:00:00Z")
        );
        assert_eq!(code(&mut intact), None);
        let artifact = registry.folder(1).join("linear.json");
        let whole = fs::read(&artifact).unwrap();
        for (bytes, expected) in [(&b"{}"[..], Some("damaged_model")), (&whole[..], None)] {
            fs::remove_file(&artifact).unwrap();
            assert_eq!(code(&mut intact), Some("damaged_model"), "missing");
            fs::write(&artifact, bytes).unwrap();
            assert_eq!(code(&mut intact), expected);
            assert_eq!(code(&mut intact), expected, "and so it stays");
        }
    }
}
