//! What a node is told to do, and what it reports: JSON, a line each, the same for every engine.

use crate::engine::lineup::Members;
use crate::engine::paths;
use crate::engine::probe::{Probe, Probed};
use crate::engine::source::Source;
use crate::error::{EngineFault, Error, Result};
use crate::format::ranges::{InputRange, Survey, TextRules};
use crate::format::{HexHash, OUTPUT_FORMAT};
use crate::release::VERSION;
use crate::transform::{FirstBlock, Scored, Trial};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::path::PathBuf;

/// Of tasks and reports.
pub const FORMAT: u32 = 1;

/// What one process on a node does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    pub format: u32,
    /// The driver's. Another one may make other bytes.
    pub version: String,
    pub output_format: u32,
    /// The driver's, and none else's of its session.
    pub id: u64,
    pub work: Work,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Work {
    /// Is the node fit to work?
    Probe(Box<Probe>),
    Survey(SurveyPieces),
    Score(Box<ScoreRange>),
}

/// Tell of pieces of a text where records end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SurveyPieces {
    pub input: Source,
    /// Bytes of a piece.
    pub piece: u64,
    pub indices: Range<u64>,
    pub rules: TextRules,
}

/// Score a range of an input into a part file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreRange {
    pub input: Source,
    /// None of a table.
    pub first: Option<FirstBlock>,
    pub range: InputRange,
    pub members: Members,
    /// As [`Shape::text`](crate::transform::Shape::text) has it.
    pub shape: String,
    /// The phase of an experiment that the input is of.
    pub phase: Option<String>,
    /// What is kept beside, in the driver's order.
    pub trials: Vec<OnTrial>,
    /// Bound on the bytes of blocks in flight.
    pub memory: u64,
    /// Where the part file goes; each attempt adds to its name.
    #[serde(with = "paths")]
    pub part: PathBuf,
}

/// A [`Trial`], as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnTrial {
    Challenger(usize),
    Shadow(usize),
}

/// What came of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    pub format: u32,
    /// The task's.
    pub id: u64,
    pub answer: Answer,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    Probe(Box<Probed>),
    /// In the order of the pieces.
    Survey(Vec<Survey>),
    Score(PartFile),
}

/// What a node wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartFile {
    #[serde(with = "paths")]
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    pub hash: HexHash,
    pub scored: Scored,
}

/// Why a task failed, as a node says it on stderr.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    pub code: String,
    pub message: String,
}

impl Task {
    pub fn new(id: u64, work: Work) -> Task {
        Task {
            format: FORMAT,
            version: VERSION.into(),
            output_format: OUTPUT_FORMAT,
            id,
            work,
        }
    }

    /// # Errors
    /// It is no task, or one of another version of this program.
    pub fn parse(line: &str) -> Result<Task> {
        /// What all versions have in common.
        #[derive(Deserialize)]
        struct Common {
            format: u32,
            version: String,
            output_format: u32,
        }
        let malformed = |e: serde_json::Error| Error::config("--tasks", format!("a line is no task: {e}"));
        let common: Common = serde_json::from_str(line).map_err(malformed)?;
        if (common.format, &*common.version, common.output_format) != (FORMAT, VERSION, OUTPUT_FORMAT) {
            let program = std::env::current_exe().unwrap_or_else(|_| "transform".into());
            let message = format!(
                "this is transform {VERSION} (output format {OUTPUT_FORMAT}, task format {FORMAT}), the worker that sends tasks is {} \
                 ({}, {}): install the same one here",
                common.version, common.output_format, common.format
            );
            return Err(Error::engine(EngineFault::Version, program, message));
        }
        serde_json::from_str(line).map_err(malformed)
    }

    /// The same, whose part file has a name of this attempt's own: one that nobody waits for any more can't touch it.
    pub fn attempt(&self, suffix: &str) -> Task {
        let mut task = self.clone();
        if let Work::Score(score) = &mut task.work {
            score.part.as_mut_os_string().push(format!(".{suffix}"));
        }
        task
    }

    pub fn line(&self) -> String {
        serde_json::to_string(self).expect("a task is JSON")
    }
}

impl From<Trial> for OnTrial {
    fn from(trial: Trial) -> OnTrial {
        match trial {
            Trial::Challenger(place) => OnTrial::Challenger(place),
            Trial::Shadow(place) => OnTrial::Shadow(place),
        }
    }
}

impl From<OnTrial> for Trial {
    fn from(trial: OnTrial) -> Trial {
        match trial {
            OnTrial::Challenger(place) => Trial::Challenger(place),
            OnTrial::Shadow(place) => Trial::Shadow(place),
        }
    }
}

impl Report {
    pub fn new(id: u64, answer: Answer) -> Report {
        Report {
            format: FORMAT,
            id,
            answer,
        }
    }

    pub fn line(&self) -> String {
        serde_json::to_string(self).expect("a report is JSON")
    }
}

impl Fault {
    pub fn of(error: &Error) -> Fault {
        Fault {
            code: error.code().into(),
            message: error.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Dialect, Encoding, RowFormat};
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    fn task(path: PathBuf) -> Task {
        let input = Source {
            path,
            size: 7,
            mtime: -1,
        };
        let work = SurveyPieces {
            input,
            piece: 1 << 20,
            indices: 0..3,
            rules: TextRules {
                rows: RowFormat::Csv,
                encoding: Encoding::UTF_8,
                dialect: Dialect::plain(b','),
            },
        };
        Task::new(5, Work::Survey(work))
    }

    #[test]
    fn a_task_is_one_line_whatever_its_path() {
        for path in [&b"/a\n\"b\".csv"[..], b"/\xff\xfe.csv", "/\u{e4}.csv".as_bytes()] {
            let task = task(OsString::from_vec(path.into()).into());
            let line = task.line();
            assert!(!line.contains('\n'));
            assert_eq!(Task::parse(&line).unwrap(), task);
        }
        let expected = format!(
            r#"{{"format":1,"version":"{VERSION}","output_format":{OUTPUT_FORMAT},"id":5,"work":{{"survey":{{"input":{{"path":"/a","size":7,"mtime":-1}},"piece":1048576,"indices":{{"start":0,"end":3}},"rules":{{"rows":"csv","encoding":"utf-8","dialect":{{"delimiter":44,"escape":null}}}}}}}}}}"#
        );
        assert_eq!(task("/a".into()).line(), expected);
    }

    /// The version counts before anything else: what another one adds isn't known.
    #[test]
    fn another_version_is_named_and_what_is_no_task() {
        let line = task("/a".into()).line();
        let newer = line.replacen("\"format\":1", "\"format\":2,\"new\":[]", 1);
        assert_eq!(Task::parse(&newer).unwrap_err().code(), "engine_version");
        for wrong in [&*line.replacen("\"id\"", "\"new\":1,\"id\"", 1), "{}", ""] {
            assert_eq!(Task::parse(wrong).unwrap_err().code(), "configuration", "{wrong}");
        }
    }
}
