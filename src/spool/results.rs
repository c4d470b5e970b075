//! The names of what belongs to an input, and what stands under them.

use super::folder::Dir;
use super::name::Name;
use super::scan::stat;
use crate::error::{Error, Result};
use crate::format::OutputFormat;
use rustix::fs::{FileType, Stat};
use std::fs::File;
use std::io::Read;

pub const REJECTS: &str = ".rejects.csv";
pub(super) const REPORT: &str = ".error.json";
pub(super) const HELD: &str = ".held.json";
/// In each output's name, behind its input's.
const OUTPUT: &str = ".out";
/// Behind an output's name in its marker's.
const DONE: &str = ".done";

/// Of an input's output, in that format.
pub fn output(input: &Name, format: OutputFormat) -> Name {
    input.with(format.suffix(input.bytes()))
}

/// Of an input's output before there were formats.
pub fn bare_output(input: &Name) -> Name {
    input.with(OUTPUT)
}

/// Is an output's name longer than file systems take?
pub fn is_too_long(output: &Name) -> bool {
    output.too_long_with("")
}

/// What is kept of an experiment's trial of an input, below the folder of shadows: a CSV, whatever outputs are.
pub fn trial(experiment: &str, input: &Name) -> Name {
    Name::new([experiment.as_bytes(), b"/", output(input, OutputFormat::Csv).bytes()].concat())
}

/// The size of that, if it is there.
pub fn trial_size(root: &Dir, experiment: &str, input: &Name) -> Result<Option<u64>> {
    size(root, &trial(experiment, input))
}

pub(super) fn done_marker(output: &Name) -> Name {
    let bytes = output.bytes();
    let (input, suffix) = bytes.split_at(memchr::memmem::rfind(bytes, OUTPUT.as_bytes()).unwrap_or(bytes.len()));
    // Shortened, it ends as others do.
    let suffix = [suffix, DONE.as_bytes()].concat();
    Name::new(input).with_shortened(&String::from_utf8_lossy(&suffix))
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

/// The input that a file in the output or failed folder belongs to, and `None` of other files, as far as names tell.
pub fn input_of(published: &Name) -> Option<Name> {
    let bytes = published.bytes();
    let output = bytes.strip_suffix(DONE.as_bytes()).unwrap_or(bytes);
    let of_report = |suffix: &&str| bytes.strip_suffix(suffix.as_bytes());
    let input = input_of_output(output).or_else(|| [REPORT, HELD, REJECTS].iter().find_map(of_report));
    input.map(Name::new).filter(|name| !name.split().1.is_empty())
}

/// What stands in front of the last `.out`, if an output of an input of that name has what stands there and behind it.
fn input_of_output(output: &[u8]) -> Option<&[u8]> {
    let (input, suffix) = output.split_at(memchr::memmem::rfind(output, OUTPUT.as_bytes())?);
    let is_its = |format: &OutputFormat| format.suffix(input).as_bytes() == suffix;
    OutputFormat::ALL.iter().any(is_its).then_some(input)
}

/// The size of an output below `root`, if it is there; with its done marker, if it should have one.
pub fn output_size(root: &Dir, output: &Name, marked: bool) -> Result<Option<u64>> {
    if is_too_long(output) || marked && size(root, &done_marker(output))?.is_none() {
        return Ok(None);
    }
    size(root, output)
}

/// Opens an output below `root`; `None` if there is none, or no file in its place.
pub fn open_output(root: &Dir, output: &Name) -> Result<Option<(File, Stat)>> {
    let (folder, file) = output.split();
    let dir = root.below_if_there(folder)?;
    let opened = dir.map(|dir| dir.open_file(file)).transpose()?.flatten();
    Ok(opened.filter(|(_, stat)| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile))
}

/// When an output below `root` was written last, if it is there; microseconds since 1970.
pub fn output_time(root: &Dir, output: &Name) -> Result<Option<i64>> {
    if is_too_long(output) {
        return Ok(None);
    }
    let micros = |(_, stat): (File, Stat)| stat.st_mtime * 1_000_000 + stat.st_mtime_nsec as i64 / 1000;
    Ok(open_output(root, output)?.map(micros))
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

/// The hash of an output below `root`, if one of `size` bytes stands there.
pub fn output_hash(root: &Dir, output: &Name, size: u64) -> Result<Option<blake3::Hash>> {
    let Some((file, _)) = open_output(root, output)?.filter(|(_, stat)| stat.st_size as u64 == size) else {
        return Ok(None);
    };
    let mut hasher = blake3::Hasher::new();
    let read = hasher.update_reader(file).map(|hasher| hasher.finalize());
    read.map(Some).map_err(Error::io("read", root.join(output.bytes())))
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
            _ => input_of_output(name).is_some(),
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
    use proptest::prelude::*;

    fn name(text: &str) -> Name {
        Name::new(text.as_bytes())
    }

    #[test]
    fn whatever_is_published_names_its_input() {
        let input = name("in/a.csv.gz");
        for named in [report, held_report, rejects].map(|name| name(&input)) {
            assert_eq!(input_of(&named), Some(input.clone()), "{named}");
        }
        for (published, input) in [
            ("a.csv.out", Some("a.csv")),
            ("a.csv.out.done", Some("a.csv")),
            ("a.tsv.out.tsv.done", Some("a.tsv")),
            ("a.parquet.rejects.csv", Some("a.parquet")),
            ("a.csv.out.jsonl.rejects.csv", Some("a.csv.out.jsonl")),
            (
                "day/part-0.snappy.parquet.out.parquet",
                Some("day/part-0.snappy.parquet"),
            ),
            // Nothing has such an output.
            ("in/a.json", None),
            ("a.csv.out.csv", None),
            ("a.csv.out.tsv", None),
            ("a.parquet.out", None),
            ("a.parquet.out.arrow", None),
            ("a.csv.output", None),
            ("a.csv.done", None),
            (".out", None),
            ("in/.out", None),
            ("in/.error.json", None),
            ("", None),
        ] {
            assert_eq!(input_of(&name(published)), input.map(name), "{published}");
        }
    }

    #[test]
    fn what_is_kept_of_trials_is_a_csv() {
        for (input, kept) in [
            ("in/a.csv", "spring/in/a.csv.out"),
            ("a.tsv", "spring/a.tsv.out.csv"),
            ("a.csv.gz", "spring/a.csv.gz.out.csv"),
            ("a.parquet", "spring/a.parquet.out.csv"),
        ] {
            assert_eq!(trial("spring", &name(input)), name(kept));
        }
    }

    #[test]
    fn markers_are_named_after_outputs() {
        for (output, marker) in [
            ("in/a.csv.out", "in/a.csv.out.done"),
            ("a.jsonl.out.jsonl", "a.jsonl.out.jsonl.done"),
        ] {
            assert_eq!(done_marker(&name(output)), name(marker));
        }
        // As it was before there were formats.
        let input = name(&"a".repeat(250));
        let marker = done_marker(&output(&input, OutputFormat::Same));
        assert_eq!(marker, input.with_shortened(".out.done"));
        assert!(!is_too_long(&name(&"a".repeat(255))) && is_too_long(&name(&"a".repeat(256))));
    }

    /// Names in which what the names of outputs are made of comes up often, and anything else.
    fn names() -> impl Strategy<Value = Name> {
        let piece = prop_oneof![
            proptest::sample::select(
                &[
                    ".out", ".csv", ".CSV", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".arrow", ".feather",
                    ".gz", ".zst", ".done", ".error", ".held", ".rejects", "a", "/b", "~", "=",
                ][..]
            )
            .prop_map(|piece| piece.as_bytes().to_vec()),
            proptest::collection::vec(1_u8.., 1..3),
        ];
        let name = proptest::collection::vec(piece, 1..6).prop_map(|pieces| pieces.concat());
        name.prop_map(Name::new)
            .prop_filter("no file's name", |name| !name.split().1.is_empty())
    }

    proptest! {
        #[test]
        fn each_output_names_its_input_and_no_other_has_it(a in names(), b in names()) {
            for format in OutputFormat::ALL {
                prop_assert_eq!(input_of(&output(&a, format)), Some(a.clone()));
                prop_assert_eq!(input_of(&done_marker(&output(&a, format))), Some(a.clone()));
                prop_assert!(input_of_output(output(&a, format).bytes()).is_some());
                prop_assert!(input_of_output(report(&a).bytes()).is_none());
                prop_assert!(input_of_output(rejects(&a).bytes()).is_none());
                if a != b {
                    prop_assert_ne!(output(&a, format), output(&b, format));
                }
            }
        }

        /// What is taken for an output is one.
        #[test]
        fn no_other_name_is_an_outputs(published in names()) {
            match input_of_output(published.bytes()).map(Name::new) {
                Some(input) => prop_assert!(OutputFormat::ALL.iter().any(|format| output(&input, *format) == published)),
                None => {
                    let inputs = (0..published.bytes().len()).map(|at| Name::new(&published.bytes()[..at]));
                    let mut outputs = inputs.flat_map(|input| OutputFormat::ALL.map(|format| output(&input, format)));
                    prop_assert!(!outputs.any(|output| output == published));
                }
            }
        }
    }
}
