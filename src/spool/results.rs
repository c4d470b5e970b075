//! The names of what belongs to an input, and what stands under them.

use super::folder::Dir;
use super::name::Name;
use super::scan::stat;
use crate::error::{Error, Result};
use rustix::fs::{FileType, Stat};
use std::fs::File;
use std::io::Read;

/// The output's suffix.
pub const OUTPUT: &str = ".out";
pub const REJECTS: &str = ".rejects.csv";
pub(super) const REPORT: &str = ".error.json";
pub(super) const HELD: &str = ".held.json";
/// The longest suffix that an output needs.
const DONE_MARKER: &str = ".out.done";

pub fn output(input: &Name) -> Name {
    input.with(OUTPUT)
}

/// What is kept of an experiment's trial of an input, below the folder of shadows.
pub fn trial(experiment: &str, input: &Name) -> Name {
    Name::new([experiment.as_bytes(), b"/", input.bytes(), OUTPUT.as_bytes()].concat())
}

/// The size of that, if it is there.
pub fn trial_size(root: &Dir, experiment: &str, input: &Name) -> Result<Option<u64>> {
    size(root, &trial(experiment, input))
}

pub(super) fn done_marker(input: &Name) -> Name {
    input.with_shortened(DONE_MARKER)
}

pub(super) fn report(input: &Name) -> Name {
    input.with_shortened(REPORT)
}

pub(super) fn held_report(input: &Name) -> Name {
    input.with_shortened(HELD)
}

pub(super) fn rejects(input: &Name) -> Name {
    input.with_shortened(REJECTS)
}

/// The input that a file in the output or failed folder belongs to.
pub fn input_of(published: &Name) -> Option<Name> {
    let suffixes = [OUTPUT, DONE_MARKER, REPORT, HELD, REJECTS];
    let input = |suffix: &&str| published.bytes().strip_suffix(suffix.as_bytes());
    suffixes.iter().find_map(input).map(Name::new)
}

/// The size of an input's output below `root`, if there is one; with its done marker, if it should have one.
pub fn output_size(root: &Dir, input: &Name, marked: bool) -> Result<Option<u64>> {
    if input.too_long_with(OUTPUT) || marked && size(root, &done_marker(input))?.is_none() {
        return Ok(None);
    }
    size(root, &output(input))
}

/// Opens an input's output below `root`; `None` if there is none, or no file in its place.
pub fn open_output(root: &Dir, input: &Name) -> Result<Option<(File, Stat)>> {
    let name = output(input);
    let (folder, file) = name.split();
    let dir = root.below_if_there(folder)?;
    let opened = dir.map(|dir| dir.open_file(file)).transpose()?.flatten();
    Ok(opened.filter(|(_, stat)| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile))
}

/// When an input's output below `root` was written last, if there is one; microseconds since 1970.
pub fn output_time(root: &Dir, input: &Name) -> Result<Option<i64>> {
    if input.too_long_with(OUTPUT) {
        return Ok(None);
    }
    let micros = |(_, stat): (File, Stat)| stat.st_mtime * 1_000_000 + stat.st_mtime_nsec as i64 / 1000;
    Ok(open_output(root, input)?.map(micros))
}

/// Why an input's result is held, as its report below `root` says; `None` if there is none.
pub fn read_held_report(root: &Dir, input: &Name) -> Result<Option<Vec<u8>>> {
    const MOST: u64 = 64 << 20;
    let name = held_report(input);
    let (folder, file) = name.split();
    let dir = root.below_if_there(folder)?;
    let Some((file, _)) = dir.map(|dir| dir.open_file(file)).transpose()?.flatten() else {
        return Ok(None);
    };
    let mut text = Vec::new();
    let read = file.take(MOST).read_to_end(&mut text);
    read.map_err(Error::io("read", root.join(name.bytes())))?;
    Ok(Some(text))
}

/// The hash of an input's output below `root`, if one of `size` bytes stands there.
pub fn output_hash(root: &Dir, input: &Name, size: u64) -> Result<Option<blake3::Hash>> {
    let Some((file, _)) = open_output(root, input)?.filter(|(_, stat)| stat.st_size as u64 == size) else {
        return Ok(None);
    };
    let mut hasher = blake3::Hasher::new();
    let read = hasher.update_reader(file).map(|hasher| hasher.finalize());
    read.map(Some)
        .map_err(Error::io("read", root.join(output(input).bytes())))
}

/// Does any output stand below `root`? `recursive`: in its subfolders, too. What can't be looked at may.
pub fn holds_outputs(root: &Dir, recursive: bool) -> Result<bool> {
    for entry in root.entries()? {
        let entry = entry.map_err(Error::io("list", root.path()))?;
        let name = entry.file_name().to_bytes();
        if name.starts_with(b".") {
            continue;
        }
        let holds = match entry.file_type() {
            FileType::Directory if !recursive => false,
            FileType::Directory => match root.below_if_there(name) {
                Ok(folder) => folder.map_or(Ok(false), |folder| holds_outputs(&folder, true))?,
                Err(_) => true,
            },
            _ => name.ends_with(OUTPUT.as_bytes()),
        };
        if holds {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The size of the report below `root` on why an input failed, if there is one.
pub fn report_size(root: &Dir, input: &Name) -> Result<Option<u64>> {
    size(root, &report(input))
}

/// The size of the report below `root` on why an input's result is held, if there is one.
pub fn held_size(root: &Dir, input: &Name) -> Result<Option<u64>> {
    size(root, &held_report(input))
}

/// Do an input's rejects stand below `root`?
pub fn has_rejects(root: &Dir, input: &Name) -> Result<bool> {
    Ok(size(root, &rejects(input))?.is_some())
}

fn size(root: &Dir, name: &Name) -> Result<Option<u64>> {
    Ok(stat(root, name)?.map(|stat| stat.st_size as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_published_names_its_input() {
        let input = Name::new(*b"in/a.csv");
        for name in [output, done_marker, report, held_report, rejects].map(|name| name(&input)) {
            assert_eq!(input_of(&name), Some(input.clone()), "{name}");
        }
        assert_eq!(input_of(&Name::new(*b"in/a.json")), None);
    }
}
