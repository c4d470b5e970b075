//! PURE: what is to be done of one input, in which order; its parts, in theirs.
//!
//! First its pieces are looked at: hashed, and of a text also where they can be cut. Ranges are scored as soon as they are known. Not
//! more than a window of parts is under way or waits for those in front of it: they take disk.

use crate::format::ranges::{InputRange, Ranges, Survey};
use crate::format::{Digest, HexHash, PieceHash};
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

/// What one task does.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Look where these pieces can be cut, and hash them.
    Survey(Range<u64>),
    /// Hash them.
    Hash(Range<u64>),
    Score(u64, InputRange),
}

/// Row groups, and the pieces that hold what is read for them, ascending.
pub type RowGroupRun = (Range<usize>, Vec<u64>);

/// `P`: what a part is, once it is made.
#[derive(Debug)]
pub struct Plan<P> {
    /// Bytes of the input.
    size: u64,
    /// Bytes of a piece.
    piece: u64,
    looking: Looking,
    /// Those that no task has looked at yet.
    pieces: Range<u64>,
    /// Pieces of a task that looks at them.
    batch: u64,
    /// Pieces that tasks look at now.
    looked_at: u64,
    /// Ranges that no task has yet.
    ready: VecDeque<InputRange>,
    /// How many tasks may be under way, and parts be made ahead of those that are joined.
    window: u64,
    given: u64,
    joined: u64,
    /// Made, and not joined.
    parts: BTreeMap<u64, P>,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one of an input")]
enum Looking {
    Text(Ranges),
    Hashes {
        /// By index.
        hashes: Vec<Option<PieceHash>>,
        missing: usize,
        /// None: the input is one range.
        runs: Option<Vec<RowGroupRun>>,
    },
}

impl<P> Plan<P> {
    /// Of a text. `size`: of the input, in bytes. `piece`: bytes of a piece. `cpus`: those that the tasks may use.
    pub fn of_text(size: u64, piece: u64, cpus: u64) -> Plan<P> {
        Plan::new(Looking::Text(Ranges::new(size, piece)), size, piece, cpus)
    }

    /// Of a table: a range is a run of row groups.
    pub fn of_table(runs: Vec<RowGroupRun>, size: u64, piece: u64, cpus: u64) -> Plan<P> {
        Plan::new(Looking::hashes(size.div_ceil(piece), Some(runs)), size, piece, cpus)
    }

    /// Of what can't be cut.
    pub fn of_whole(size: u64, piece: u64, cpus: u64) -> Plan<P> {
        Plan::new(Looking::hashes(size.div_ceil(piece), None), size, piece, cpus)
    }

    fn new(looking: Looking, size: u64, piece: u64, cpus: u64) -> Plan<P> {
        /// Of a task that looks at pieces: enough that its start is nothing beside it.
        const MOST: u64 = 1 << 30;
        let count = size.div_ceil(piece);
        Plan {
            size,
            piece,
            looking,
            pieces: 0..count,
            batch: count.div_ceil(2 * cpus.max(1)).clamp(1, (MOST / piece).max(1)),
            looked_at: 0,
            ready: VecDeque::new(),
            window: 2 * cpus.max(1) + 2,
            given: 0,
            joined: 0,
            parts: BTreeMap::new(),
        }
    }

    /// Bytes of a piece.
    pub fn piece(&self) -> u64 {
        self.piece
    }

    /// How many tasks may be under way.
    pub fn window(&self) -> usize {
        self.window as usize
    }

    /// What another task may do now. The first range is scored before the last piece is looked at.
    pub fn next(&mut self) -> Option<Step> {
        if self.given - self.joined < self.window
            && let Some(range) = self.ready.pop_front()
        {
            self.given += 1;
            return Some(Step::Score(self.given - 1, range));
        }
        let ahead = self.ready.len() as u64 + self.looked_at;
        let is_far_ahead = matches!(self.looking, Looking::Text(_)) && ahead >= self.window + self.batch;
        if self.pieces.is_empty() || is_far_ahead {
            return None;
        }
        let end = self.pieces.end.min(self.pieces.start + self.batch);
        let pieces = self.pieces.start..end;
        self.pieces.start = end;
        self.looked_at += end - pieces.start;
        Some(match self.looking {
            Looking::Text(_) => Step::Survey(pieces),
            Looking::Hashes { .. } => Step::Hash(pieces),
        })
    }

    /// Of one task, which looked at so many pieces as it was asked to.
    pub fn take_surveys(&mut self, surveys: Vec<Survey>) {
        self.looked_at -= surveys.len() as u64;
        if let Looking::Text(ranges) = &mut self.looking {
            surveys.into_iter().for_each(|survey| ranges.take(survey));
            self.ready
                .extend(std::iter::from_fn(|| ranges.next_range()).map(InputRange::Text));
        }
    }

    /// The same of hashes.
    pub fn take_hashes(&mut self, found: Vec<PieceHash>) {
        self.looked_at -= found.len() as u64;
        let Looking::Hashes { hashes, missing, runs } = &mut self.looking else {
            return;
        };
        for hash in found {
            *missing -= usize::from(hashes[hash.index() as usize].replace(hash).is_none());
        }
        if *missing > 0 {
            return;
        }
        let all = || hashes.iter().flatten().copied();
        match runs {
            Some(runs) => self
                .ready
                .extend(runs.drain(..).map(|(groups, pieces)| InputRange::RowGroups {
                    groups,
                    piece: self.piece,
                    pieces: pieces.into_iter().filter_map(|index| hashes[index as usize]).collect(),
                })),
            None => self.ready.push_back(InputRange::Whole {
                size: self.size,
                hash: HexHash(hash_of(all())),
            }),
        }
    }

    pub fn take_part(&mut self, number: u64, part: P) {
        self.parts.insert(number, part);
    }

    /// The part whose turn it is to be joined, if it is made.
    pub fn next_part(&mut self) -> Option<P> {
        let part = self.parts.remove(&self.joined)?;
        self.joined += 1;
        Some(part)
    }

    /// Was the last part given out to be joined?
    pub fn is_done(&self) -> bool {
        self.pieces.is_empty() && self.looked_at == 0 && self.ready.is_empty() && self.joined == self.given
    }

    /// How many ranges were scored, or are.
    pub fn ranges(&self) -> u64 {
        self.given
    }

    /// BLAKE3 of the input, once all of it was looked at.
    pub fn hash(&self) -> Option<blake3::Hash> {
        match &self.looking {
            Looking::Text(ranges) => ranges.hash(),
            Looking::Hashes { hashes, missing: 0, .. } => Some(hash_of(hashes.iter().flatten().copied())),
            Looking::Hashes { .. } => None,
        }
    }
}

impl Looking {
    fn hashes(count: u64, runs: Option<Vec<RowGroupRun>>) -> Looking {
        Looking::Hashes {
            hashes: vec![None; count as usize],
            missing: count as usize,
            runs,
        }
    }
}

fn hash_of(pieces: impl Iterator<Item = PieceHash>) -> blake3::Hash {
    let mut digest = Digest::default();
    pieces.for_each(|piece| digest.add(piece));
    digest.hash()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::ranges::Found;
    use proptest::prelude::*;

    const PIECE: u64 = 1024;

    fn hash(bytes: &[u8], index: u64) -> PieceHash {
        let from = (index * PIECE) as usize;
        let to = (from + PIECE as usize).min(bytes.len());
        PieceHash::of(&bytes[from..to], index, PIECE as usize)
    }

    /// As of a text that has a line end in front of each piece.
    fn survey(bytes: &[u8], index: u64) -> Survey {
        let end = ((index + 1) * PIECE).min(bytes.len() as u64);
        Survey {
            piece: hash(bytes, index),
            has_line: true,
            unquoted: Some(Found {
                cut: Some((end, HexHash(blake3::hash(b"")))),
                in_quotes: false,
            }),
            quoted: None,
        }
    }

    proptest! {
        #[test]
        fn each_part_is_joined_once_in_its_order_whoever_is_done_first(
            size in 1u64..40_000,
            cpus in 0u64..9,
            kind in 0..3,
            order: u64,
        ) {
            let bytes: Vec<u8> = (0..size).map(|i| (i * 7 % 251) as u8).collect();
            let count = size.div_ceil(PIECE);
            let runs = (0..3usize).map(|run| (run..run + 1, (0..count).filter(|i| i % 3 == run as u64).collect()));
            let mut plan = match kind {
                0 => Plan::of_text(size, PIECE, cpus),
                1 => Plan::of_table(runs.collect(), size, PIECE, cpus),
                _ => Plan::of_whole(size, PIECE, cpus),
            };
            let (mut under_way, mut joined, mut scored) = (Vec::new(), Vec::new(), Vec::new());
            let mut order = order;
            while !plan.is_done() {
                while under_way.len() < plan.window() && let Some(step) = plan.next() {
                    under_way.push(step);
                }
                prop_assert!(!under_way.is_empty(), "nothing is under way, and nothing done");
                order = order.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                match under_way.swap_remove((order >> 33) as usize % under_way.len()) {
                    Step::Survey(pieces) => plan.take_surveys(pieces.map(|index| survey(&bytes, index)).collect()),
                    Step::Hash(pieces) => plan.take_hashes(pieces.map(|index| hash(&bytes, index)).collect()),
                    Step::Score(number, range) => {
                        scored.push((number, range));
                        plan.take_part(number, number);
                    }
                }
                joined.extend(std::iter::from_fn(|| plan.next_part()));
                prop_assert!(plan.parts.len() as u64 <= plan.window);
            }
            prop_assert_eq!(&joined, &(0..plan.ranges()).collect::<Vec<_>>());
            prop_assert_eq!(plan.hash(), Some(blake3::hash(&bytes)));
            scored.sort_by_key(|(number, _)| *number);
            let mut at = 0;
            for (_, range) in scored {
                match range {
                    InputRange::Text(range) => {
                        prop_assert_eq!(range.from, at);
                        at = range.to;
                    }
                    InputRange::RowGroups { groups, pieces, .. } => {
                        let run = groups.start as u64;
                        let expected: Vec<PieceHash> = (0..count).filter(|i| i % 3 == run).map(|i| hash(&bytes, i)).collect();
                        prop_assert_eq!(pieces, expected);
                        at = size;
                    }
                    InputRange::Whole { size, hash } => {
                        prop_assert_eq!(hash.0, blake3::hash(&bytes));
                        at = size;
                    }
                }
            }
            prop_assert_eq!(at, size);
        }
    }
}
