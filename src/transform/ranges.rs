//! A run of [`transform`](super::transform) cut in two: elsewhere, ranges of an input are scored ([`score_range`]); here, it is opened
//! and their parts are joined, in order ([`Prepared`]). The parts are those of one machine, block by block, and so is what they come to.

use super::scorer::Scorer;
use super::wire::{PartReader, PartWriter};
use super::{BadRows, Failure, Join, Limit, Opened, Part, Run, Sink, Summary, Trial, open};
use crate::format::ranges::{Division, InputRange, Mismatch, Span, TextRules};
use crate::format::table::Table;
use crate::format::{Block, Blocks, CutError, Cutting, HexHash, Out};
use crate::monitor::counts::Keys;
use crate::problem::Problem;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The first block of a text, by which it is opened everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FirstBlock {
    /// Bytes.
    pub length: u64,
    pub hash: HexHash,
}

impl FirstBlock {
    /// None: it is a table's beginning.
    fn of(block: &Block) -> Option<FirstBlock> {
        let Block::Text(text) = block else { return None };
        Some(FirstBlock {
            length: text.len() as u64,
            hash: HexHash(blake3::hash(text)),
        })
    }
}

/// An opened input whose ranges are scored elsewhere.
pub struct Prepared<'a> {
    file: &'a File,
    scorer: &'a Scorer,
    opened: Opened,
    first: Option<FirstBlock>,
    division: Division,
    table: Option<Arc<Table>>,
    cutting: Cutting<'a>,
    size: u64,
}

/// What comes next of an input.
#[expect(clippy::large_enum_variant, reason = "it is handed over at once")]
pub enum Next {
    Part(Part),
    /// All its parts have come. `bytes`, `hash`: of the input.
    End {
        bytes: u64,
        hash: blake3::Hash,
    },
}

impl<'a> Prepared<'a> {
    /// Opens an input as [`transform_beside`](super::transform_beside) does. `run.file` is not looked at.
    ///
    /// # Errors
    /// As there: it can't be read, or its rows can't be told or aren't the model's.
    pub fn new(file: &'a File, scorer: &'a Scorer, run: &Run<'a>, trials: &[Trial]) -> Result<Prepared<'a>, Failure> {
        let size = file.metadata()?.len();
        let cutting = cutting(file, size, scorer, run);
        let (first, opened) = begin(file, size, &cutting, scorer, run, trials)?;
        Ok(Prepared {
            file,
            scorer,
            division: Division::of(file, cutting.format, cutting.encoding)?,
            first: FirstBlock::of(&first),
            table: match first {
                Block::Table(table) => Some(table),
                _ => None,
            },
            opened,
            cutting,
            size,
        })
    }

    /// Into which ranges it may be divided.
    pub fn division(&self) -> Division {
        self.division
    }

    /// What a record of it is, if it is a text.
    pub fn rules(&self) -> TextRules {
        TextRules::new(&self.opened.input, self.cutting.encoding, self.cutting.dialect)
    }

    /// None of a table.
    pub fn first(&self) -> Option<FirstBlock> {
        self.first
    }

    /// What of it is known, if it is a table.
    pub fn table(&self) -> Option<&Table> {
        self.table.as_deref()
    }

    /// Bytes of the file.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// For the output of a part.
    pub fn memory(&self) -> Out {
        Out::new(&self.opened.input)
    }

    /// Reads a part file of one of its ranges.
    pub fn reader<R: Read>(&self, from: R) -> PartReader<'_, R> {
        PartReader::new(from, &self.opened)
    }

    /// Joins the parts of all ranges. `parts`: gives the next one; it has memory for that one's output. `sinks`: of the trials with
    /// which it was prepared, in their order.
    ///
    /// # Errors
    /// Those of [`transform_beside`](super::transform_beside), and those of `parts`.
    pub fn join(
        &self,
        mut parts: impl FnMut(Out) -> Result<Next, Failure>,
        out: &mut impl Write,
        rejects: &mut impl Write,
        sinks: Vec<Sink>,
        run: &Run,
    ) -> Result<Summary, Failure> {
        let run = &Run {
            size: self.cutting.text_size(),
            ..*run
        };
        let mut join = Join::new(&self.opened, &self.scorer.shape, out, rejects, run)?.with_trials(sinks);
        let mut kept = None;
        let mut memory = Out::new(&self.opened.input);
        loop {
            match parts(memory)? {
                Next::End { bytes, hash } => return join.finish(bytes, hash),
                Next::Part(mut part) => {
                    if part.is_whole() && part.out.lacks_kept() {
                        let kept = kept.get_or_insert_with(|| Kept::new(self));
                        kept.read(&mut part).map_err(|e| join.cut_error(e))?;
                    }
                    (_, memory) = join.add(part)?;
                }
            }
        }
    }
}

/// What an output keeps of a table as columns: it is read again where it is written, and not sent.
struct Kept<'a> {
    prepared: &'a Prepared<'a>,
    blocks: Option<Blocks<Span<'a>>>,
}

impl<'a> Kept<'a> {
    fn new(prepared: &'a Prepared<'a>) -> Kept<'a> {
        Kept { prepared, blocks: None }
    }

    /// Of the row group of a part; they come in order.
    fn read(&mut self, part: &mut Part) -> Result<(), CutError> {
        let Prepared {
            file,
            cutting,
            size,
            opened,
            ..
        } = self.prepared;
        if self.blocks.is_none() {
            let mut blocks = Blocks::new(Span::new(file, 0..*size), cutting)?;
            blocks.open_kept(&opened.input);
            self.blocks = Some(blocks);
        }
        let blocks = self.blocks.as_mut().expect("they were opened");
        let is_kept = loop {
            match blocks.next_block()? {
                Some(block) if block.row_group() < part.row_group => {}
                Some(block) => break block.row_group() == part.row_group && part.out.keep(&opened.input, &block),
                None => break false,
            }
        };
        match is_kept {
            true => Ok(()),
            false => Err(io::Error::other("a part isn't one of the table's row groups").into()),
        }
    }
}

/// What came of a range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scored {
    pub rows: u64,
    pub bad_rows: u64,
    /// Line feeds.
    pub lines: u64,
    /// Parts.
    pub parts: u64,
}

impl Scored {
    pub fn add(&mut self, part: &Part) {
        self.rows += part.rows;
        self.bad_rows += part.rejects.len() as u64;
        self.lines += part.lines;
        self.parts += 1;
    }
}

/// Why a range has no part file.
#[derive(Debug)]
pub enum RangeFailure {
    Read(io::Error),
    /// The part file can't be written.
    Write(io::Error),
    /// The input isn't the one that was divided: which of its bytes, as far as that is known.
    Changed(String),
    /// The input can't be opened here, though it is the same.
    Problem(Box<Problem>),
    Cancelled,
}

impl From<Mismatch> for RangeFailure {
    fn from(mismatch: Mismatch) -> RangeFailure {
        match mismatch {
            Mismatch::Read(e) => RangeFailure::Read(e),
            Mismatch::Bytes { from, to } => RangeFailure::Changed(format!("bytes {from} to {to} are others")),
            Mismatch::End { surveyed, found } => RangeFailure::Changed(format!(
                "a record ends at byte {found} that was seen to end at {surveyed}"
            )),
        }
    }
}

/// Scores a range of an input in this thread, and writes its part file. What is wrong with the input is in the file's last part.
/// `first`: of the input as it was divided. `trials`: those that are kept beside. Of the run its pool, progress and `tried` are not
/// used, nor its file.
///
/// # Errors
/// Then what was written is of no use. It isn't either before this has returned.
pub fn score_range(
    file: &File,
    range: &InputRange,
    scorer: &Scorer,
    run: &Run,
    trials: &[Trial],
    first: Option<&FirstBlock>,
    to: &mut impl Write,
) -> Result<Scored, RangeFailure> {
    let size = file.metadata().map_err(RangeFailure::Read)?.len();
    let cutting = cutting(file, size, scorer, run);
    let (block, opened) = begin(file, size, &cutting, scorer, run, trials).map_err(|e| unopened(e, file, range))?;
    if FirstBlock::of(&block).as_ref() != first {
        return Err(RangeFailure::Changed("its first block is another".into()));
    }
    drop(block);
    let rules = TextRules::new(&opened.input, cutting.encoding, cutting.dialect);
    let cutting = Cutting {
        dialect: rules.dialect,
        ..cutting
    };
    let mut scoring = RangeScoring {
        opened: &opened,
        scorer,
        keys: Keys::default(),
        scored: Scored::default(),
        writer: PartWriter::new(to).map_err(RangeFailure::Write)?,
        out: Some(Out::new(&opened.input)),
    };
    let mut blocks = match Blocks::of_range(file, range, &cutting) {
        Ok(blocks) => blocks,
        // The range in front of it has read its head, too, and is the last that is joined: here it is no fault of anybody's.
        Err(CutError::Problem(problem)) if matches!(range, InputRange::Text(_)) => {
            scoring
                .score(Err(CutError::Problem(problem)), false)
                .map_err(RangeFailure::Write)?;
            range.verify(file)?;
            return scoring.end();
        }
        Err(e) => return Err(unopened(e, file, range)),
    };
    blocks.open(&opened.input);
    let mut is_first = begins(range);
    let is_whole = loop {
        if run.cancel.is_some_and(|cancel| cancel.load(Ordering::Relaxed)) {
            return Err(RangeFailure::Cancelled);
        }
        let block = match blocks.next_block() {
            Ok(Some(block)) => Ok(block),
            Ok(None) if is_first => Ok(Block::default()),
            Ok(None) => break true,
            Err(CutError::Read(e)) => return Err(RangeFailure::Read(e)),
            Err(problem) => Err(problem),
        };
        let goes_on = scoring.score(block, is_first);
        match goes_on.map_err(RangeFailure::Write)? {
            Some(memory) => blocks.recycle(memory),
            None => break false,
        }
        is_first = false;
    };
    match is_whole {
        true => blocks.verify(file, range)?,
        false => range.verify(file)?,
    }
    scoring.end()
}

/// Scores the blocks of a range.
struct RangeScoring<'a, W> {
    opened: &'a Opened,
    scorer: &'a Scorer,
    /// Of the range alone: what it lets go isn't among those of the whole input either.
    keys: Keys,
    scored: Scored,
    writer: PartWriter<W>,
    out: Option<Out>,
}

impl<W: Write> RangeScoring<'_, W> {
    /// Gives the block's memory back. None: nothing behind it is needed any more.
    fn score(&mut self, block: Result<Block, CutError>, is_first: bool) -> io::Result<Option<Vec<u8>>> {
        let opened = self.opened;
        let out = self.out.take().unwrap_or_else(|| Out::new(&opened.input));
        let mut part = match block {
            Ok(block) if is_first => opened.first_part(block),
            block => opened.part_of(block, out),
        };
        if part.keyed > 0 {
            self.keys.add(&part.keys, part.keyed);
            opened.keys.store(self.keys.limit(), Ordering::Relaxed);
        }
        self.writer.write(&mut part)?;
        self.scored.add(&part);
        let is_over = match (self.scorer.shape.bad_rows, self.scorer.shape.max_bad_rows) {
            (BadRows::Fail, _) => self.scored.bad_rows > 0,
            (BadRows::Blank, Limit::Count(most)) => self.scored.bad_rows > most,
            (BadRows::Blank, Limit::Share(_)) => false,
        };
        if is_over || !part.is_whole() {
            return Ok(None);
        }
        self.out = Some(part.out);
        Ok(Some(part.source))
    }

    fn end(self) -> Result<Scored, RangeFailure> {
        self.writer.end().map_err(RangeFailure::Write)?;
        Ok(self.scored)
    }
}

/// Why an input isn't opened that was opened elsewhere.
fn unopened(error: CutError, file: &File, range: &InputRange) -> RangeFailure {
    match (error, range.verify(file)) {
        (CutError::Read(e), _) => RangeFailure::Read(e),
        (CutError::Problem(_), Err(mismatch)) => mismatch.into(),
        (CutError::Problem(problem), Ok(())) => RangeFailure::Problem(problem),
    }
}

fn cutting<'a>(file: &'a File, size: u64, scorer: &Scorer, run: &Run<'a>) -> Cutting<'a> {
    Run {
        size: Some(size),
        file: Some(file),
        ..*run
    }
    .cutting(&scorer.shape)
}

/// The beginning of an input, and the input as it is opened by that.
fn begin(
    file: &File,
    size: u64,
    cutting: &Cutting,
    scorer: &Scorer,
    run: &Run,
    trials: &[Trial],
) -> Result<(Block, Opened), CutError> {
    let mut blocks = Blocks::new(Span::new(file, 0..size), cutting)?;
    let first = blocks.next_block()?.unwrap_or_default();
    let opened = open(first.beginning(), run.format, scorer)?
        .in_phase(scorer, run.phase)?
        .with_trials(scorer, trials.iter().copied());
    Ok((first, opened))
}

/// Does the input begin with it?
fn begins(range: &InputRange) -> bool {
    match range {
        InputRange::Text(range) => range.begin == 0,
        InputRange::RowGroups { groups, .. } => groups.start == 0,
        InputRange::Whole { .. } => true,
    }
}
