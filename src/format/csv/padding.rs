//! Lines of blanks alone: padding where nothing else follows, and no records.

use super::dialect::Dialect;
use memchr::memrchr;

/// A run of whole lines of blanks, of any length in little memory: they are mostly the same.
#[derive(Debug, Default)]
pub struct Held {
    runs: Vec<Run>,
}

#[derive(Debug)]
struct Run {
    /// With its line feed.
    line: Vec<u8>,
    times: u64,
}

impl Held {
    /// `lines`: each ends with a line feed.
    pub fn add(&mut self, lines: &[u8]) {
        for line in lines.split_inclusive(|b| *b == b'\n') {
            match self.runs.last_mut() {
                Some(run) if run.line == line => run.times += 1,
                _ => self.runs.push(Run {
                    line: line.into(),
                    times: 1,
                }),
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    pub fn lines(&self) -> u64 {
        self.runs.iter().map(|run| run.times).sum()
    }

    /// Runs of equal lines: a line, and how often it stands there.
    pub fn runs(&self) -> impl Iterator<Item = (&[u8], u64)> {
        self.runs.iter().map(|run| (&run.line[..], run.times))
    }

    /// Bytes in memory, or so.
    pub fn size(&self) -> usize {
        self.runs.iter().map(|run| size_of::<Run>() + run.line.len()).sum()
    }

    /// The first lines: one, or as many as `most` bytes hold.
    pub fn take(&mut self, most: usize) -> Vec<u8> {
        let mut lines = Vec::new();
        let mut done = 0;
        for run in &mut self.runs {
            while run.times > 0 && (lines.is_empty() || lines.len() + run.line.len() <= most) {
                lines.extend_from_slice(&run.line);
                run.times -= 1;
            }
            if run.times > 0 {
                break;
            }
            done += 1;
        }
        self.runs.drain(..done);
        lines
    }
}

/// Whole records without lines of blanks at their end. A tab is none where it parts fields; Ctrl-Z ends texts on DOS.
pub fn without_padding(lines: &[u8], dialect: Dialect) -> &[u8] {
    let mut end = lines.len();
    while end > 0 {
        let start = memrchr(b'\n', &lines[..end - 1]).map_or(0, |n| n + 1);
        if !is_padding(&lines[start..end], dialect.delimiter) || dialect.is_continued(&lines[..start]) {
            break;
        }
        end = start;
    }
    &lines[..end]
}

pub fn is_padding(line: &[u8], delimiter: u8) -> bool {
    line.iter().all(|b| *b != delimiter && b" \t\r\n\x1A".contains(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_long_run_takes_little() {
        let mut held = Held::default();
        for _ in 0..100 {
            held.add(&b"\r\n".repeat(10_000));
        }
        assert_eq!(held.lines(), 1_000_000);
        assert!(held.size() < 100, "{}", held.size());
    }

    proptest! {
        #[test]
        fn lines_come_back_as_they_were(lines in "([ \r]{0,2}\n){0,30}", most in 1usize..20) {
            let mut held = Held::default();
            held.add(lines.as_bytes());
            let mut all = Vec::new();
            while !held.is_empty() {
                all.extend(held.take(most));
            }
            prop_assert_eq!(all, lines.as_bytes());
        }
    }
}
