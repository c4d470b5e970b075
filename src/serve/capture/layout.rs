//! Where what lies below the capture folder: `GROUP/VERSION/yyyy/mm/dd/hh/MM-SS-mmm-TAG.jsonl`, in UTC, as SageMaker's
//! `ENDPOINT/VARIANT/yyyy/mm/dd/hh/FILE.jsonl`. Pure.

use crate::config::is_group;
use crate::serve::Stage;
use jiff::Timestamp;
use std::path::{Path, PathBuf};

const NANOS: i64 = 1_000_000_000;

/// Levels of folders, down to the one of an hour.
pub const LEVELS: usize = 6;
/// Those above the one of a year: they say who, not when.
pub const OWNERS: usize = 2;

/// Where a stage captures. Staging lies in a folder that can't be a group's, so that nobody takes it for production.
pub fn root(path: &Path, stage: Stage) -> PathBuf {
    match stage {
        Stage::Production => path.into(),
        Stage::Staging => path.join(".staging"),
    }
}

/// The hour of a time, as a number. `at`: nanoseconds since 1970.
pub fn hour(at: i64) -> i64 {
    at.div_euclid(3600 * NANOS)
}

/// Of an hour of a version.
pub fn folder(group: &str, version: u32, hour: i64) -> PathBuf {
    let begin = Timestamp::from_second(hour * 3600).unwrap_or_default();
    let hours = begin.strftime("%Y/%m/%d/%H").to_string();
    PathBuf::from(group).join(version.to_string()).join(hours)
}

/// Of a file that begins at that time. `tag` tells it from those of other processes.
pub fn name(at: i64, tag: u32) -> String {
    let begin = Timestamp::from_second(at.div_euclid(NANOS)).unwrap_or_default();
    let milliseconds = at.rem_euclid(NANOS) / 1_000_000;
    format!("{}-{milliseconds:03}-{tag:08x}.jsonl", begin.strftime("%M-%S"))
}

/// Can a folder of that level, or a file below the last one, be called so?
pub fn is_ours(level: usize, name: &str) -> bool {
    let is_number = |digits| name.len() == digits && name.bytes().all(|byte| byte.is_ascii_digit());
    match level {
        0 => is_group(name),
        1 => name.bytes().all(|byte| byte.is_ascii_digit()) && name.parse::<u32>().is_ok(),
        2 => is_number(4),
        3..LEVELS => is_number(2),
        _ => !name.starts_with('.') && name.ends_with(".jsonl"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_by_when_they_begin_and_sort_so() {
        let at = 1_764_180_000_999_999_999; // 2025-11-26T18:00:00.999Z
        assert_eq!(folder("diabetes", 3, hour(at)), Path::new("diabetes/3/2025/11/26/18"));
        assert_eq!(name(at, 0xab), "00-00-999-000000ab.jsonl");
        assert_eq!(folder("a", 1, hour(-1)), Path::new("a/1/1969/12/31/23"));
        assert_eq!(name(-1, 0), "59-59-999-00000000.jsonl");
        let path = folder("a", 1, hour(at)).join(name(at, 7));
        for (level, part) in path.iter().enumerate() {
            assert!(is_ours(level, part.to_str().unwrap()), "{part:?}");
        }
    }

    #[test]
    fn what_others_put_there_is_none_of_ours() {
        for (level, name) in [
            (0, ".staging"),
            (1, "x"),
            (1, "-1"),
            (1, "99999999999"),
            (2, "26"),
            (3, "1"),
            (5, "24h"),
            (6, "a.csv"),
            (6, ".a.jsonl"),
        ] {
            assert!(!is_ours(level, name), "{level} {name}");
        }
        assert_eq!(root(Path::new("c"), Stage::Production), Path::new("c"));
        let staging = root(Path::new("c"), Stage::Staging);
        assert!(!is_ours(0, staging.file_name().unwrap().to_str().unwrap()));
    }
}
