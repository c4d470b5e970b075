//! Parts, put together in order: the output, the rejects with their lines, the sums; limits on bad rows.

use super::open::Opened;
use super::part::{Part, Place, Reject};
use super::trial::{ArmsPart, Sink, TrialJoin};
use super::{BadRows, Destination, Failure, Limit, Run, Shape, Summary};
use crate::checksum::Checksums;
use crate::format::{Assembly, CutError, Out, rejects};
use crate::monitor::counts::Keys;
use crate::problem::{Code, Problem, excerpt};
use crate::score::unknown;
use std::io::Write;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

/// A file whose rest is smaller is read to its end: its report can say how many rows are bad.
const REST: u64 = 1 << 20;

/// Puts parts together, in order.
pub struct Join<'a, O, J> {
    opened: &'a Opened,
    shape: &'a Shape,
    out: &'a mut O,
    rejects: &'a mut J,
    run: &'a Run<'a>,
    summary: Summary,
    /// What was joined of the input.
    bytes: u64,
    lines: u64,
    first: Option<Bad>,
    assembly: Assembly<'a>,
    checksums: Checksums,
    /// Of all rows so far.
    keys: Keys,
    arms: Option<ArmsPart>,
    trials: Vec<TrialJoin<'a>>,
}

fn write(bytes: &[u8], out: &mut impl Write, checksums: &mut Checksums) -> Result<(), Failure> {
    checksums.update(bytes);
    out.write_all(bytes).map_err(|e| Failure::Write(Destination::Output, e))
}

/// A bad row, in words.
struct Bad {
    place: Place,
    column: String,
    reason: String,
    text: Vec<u8>,
    hint: Option<&'static str>,
}

impl<'a, O: Write, J: Write> Join<'a, O, J> {
    /// # Errors
    /// A kept column can't be written.
    pub fn new(
        opened: &'a Opened,
        shape: &'a Shape,
        out: &'a mut O,
        rejects: &'a mut J,
        run: &'a Run<'a>,
    ) -> Result<Self, Problem> {
        Ok(Join {
            opened,
            shape,
            out,
            rejects,
            run,
            summary: Summary::default(),
            bytes: opened.input.end() as u64,
            lines: opened.input.lines(),
            first: None,
            assembly: Assembly::new(&opened.input)?,
            checksums: Checksums::new(run.sha256_most),
            keys: Keys::default(),
            arms: None,
            trials: Vec::new(),
        })
    }

    /// The same, and what is kept of the opened input's trials goes there: a sink for each, that of the arms first.
    pub fn with_trials(self, sinks: Vec<Sink<'a>>) -> Self {
        let opened = self.opened;
        let trials = sinks.into_iter().map(|sink| TrialJoin::new(sink, opened)).collect();
        Join { trials, ..self }
    }

    /// Takes the next part and gives the memory of its range and of its output back.
    pub fn add(&mut self, mut part: Part) -> Result<(Vec<u8>, Out), Failure> {
        if self.run.cancel.is_some_and(|c| c.load(Ordering::Relaxed)) {
            return Err(Failure::Cancelled);
        }
        if part.arms.as_ref().is_some_and(|arms| arms.is_unanswered) {
            let why = self
                .opened
                .arms
                .as_ref()
                .and_then(|arms| arms.unanswered(&self.opened.lineup));
            return Err(Failure::Unanswered(why.unwrap_or_default().into()));
        }
        if let (Some(tried), Some(part)) = (self.run.tried, &part.arms) {
            tried.lock().unwrap_or_else(PoisonError::into_inner).add(&part.tried);
        }
        self.add_rejects(&part)?;
        if let Some(problem) = part.problem {
            return Err(self.cut_error(problem));
        }
        self.summary.rows += part.rows;
        self.summary.not_finite += part.not_finite;
        self.summary.counts.add(&part.counts);
        if part.keyed > 0 {
            self.keys.add(&part.keys, part.keyed);
            self.opened.keys.store(self.keys.limit(), Ordering::Relaxed);
        }
        let signature = self.opened.lineup.signature();
        unknown::add(&mut self.summary.unknown, signature, &part.unknown);
        unknown::add(&mut self.summary.lacking, signature, &part.lacking);
        write(self.assembly.add(&mut part.out)?, self.out, &mut self.checksums)?;
        for (trial, part) in self.trials.iter_mut().zip(&part.trials) {
            trial.add(part, self.lines);
        }
        if let Some(next) = &part.arms {
            match &mut self.arms {
                Some(arms) => arms.append(next),
                None => self.arms = Some(next.clone()),
            }
        }
        self.lines += part.lines;
        self.bytes += part.bytes();
        if let Some(progress) = self.run.progress {
            progress.fetch_add(part.bytes(), Ordering::Relaxed);
        }
        Ok((part.source, part.out))
    }

    fn add_rejects(&mut self, part: &Part) -> Result<(), Failure> {
        if part.rejects.is_empty() {
            return Ok(());
        }
        let format = self.opened.input.format().rows;
        let mut text = Vec::new();
        if self.first.is_none() {
            text.extend_from_slice(rejects::header(format));
        }
        for (reject, record) in part.bad_rows() {
            let place = reject.place(self.lines, self.summary.rows);
            let column = self.opened.column(reject);
            let reason = self.opened.reason(part, reject, record);
            let listed = reject.listed(part.row_group, self.lines, self.summary.rows);
            rejects::push(format, listed, column, &reason, record, &mut text);
            self.first.get_or_insert_with(|| Bad {
                place,
                column: column.into(),
                reason: reason.into_owned(),
                text: record.into(),
                hint: self.opened.input.hint(reject.cause, record),
            });
            self.summary.bad_rows += 1;
            if self.shape.bad_rows == BadRows::Fail {
                return Err(self.bad_row().into());
            }
            if let Some(problem) = self.beyond_limit(reject, place) {
                self.write_rejects(&text)?;
                return Err(problem.into());
            }
        }
        self.write_rejects(&text)
    }

    fn write_rejects(&mut self, text: &[u8]) -> Result<(), Failure> {
        self.rejects
            .write_all(text)
            .map_err(|e| Failure::Write(Destination::Rejects, e))
    }

    /// What is wrong once no rest of the input, however good, could keep its bad rows within the limit.
    fn beyond_limit(&self, reject: &Reject, place: Place) -> Option<Problem> {
        match self.shape.max_bad_rows {
            Limit::Count(most) if self.summary.bad_rows > most => {
                Some(self.too_many(format!("more than {most} rows can't be scored"), self.mend("")))
            }
            Limit::Count(_) => None,
            Limit::Share(share) => {
                let rest = self.run.size?.checked_sub(self.bytes + u64::from(reject.end))?;
                let rows = self.summary.rows + u64::from(reject.row) + 1;
                // The last row may have no line feed.
                let most = rows + rest / self.opened.input.least()? + 1;
                (rest >= REST && share.is_exceeded(self.summary.bad_rows, most)).then(|| {
                    let upto = place.number();
                    self.too_many(
                        format!("more than {share} of the rows can't be scored, whatever the rest holds"),
                        self.mend(&format!(" up to line {upto}, where it was given up")),
                    )
                })
            }
        }
    }

    /// `bytes`, `hash`: of the input.
    pub fn finish(mut self, bytes: u64, hash: blake3::Hash) -> Result<Summary, Failure> {
        write(self.assembly.end()?, self.out, &mut self.checksums)?;
        if let Limit::Share(share) = self.shape.max_bad_rows
            && share.is_exceeded(self.summary.bad_rows, self.summary.rows)
        {
            let Summary { rows, bad_rows, .. } = self.summary;
            let problem = self.too_many(format!("{bad_rows} of {rows} rows can't be scored"), self.mend(""));
            return Err(problem.into());
        }
        self.count_observed();
        self.end_arms();
        self.summary.trials = self.trials.into_iter().map(TrialJoin::finish).collect();
        self.summary.bytes = bytes;
        self.summary.input_hash = Some(hash);
        let (blake3, sha256) = self.checksums.finish();
        (self.summary.output_hash, self.summary.output_sha256) = (Some(blake3), sha256);
        self.out.flush().map_err(|e| Failure::Write(Destination::Output, e))?;
        Ok(self.summary)
    }

    /// What is known of watched columns only once all is joined.
    fn count_observed(&mut self) {
        let Some(counter) = &self.opened.counter else { return };
        let has = |column: usize| self.opened.input.observes(column);
        let counts = &mut self.summary.counts;
        let names = counter.observed().iter().enumerate();
        counts.absent = names.filter(|(i, _)| !has(*i)).map(|(_, name)| name.clone()).collect();
        counts.absent.sort_unstable();
        counts.added = counter.added(self.opened.input.names());
        if counter.key().is_some_and(has) {
            counts.duplicates = Some(self.keys.duplicates());
            counts.halvings = self.keys.halvings();
        }
    }

    /// The challenger's rows.
    fn end_arms(&mut self) {
        if let (Some(part), Some(arms)) = (self.arms.take(), &self.opened.arms) {
            let signature = arms.signature(&self.opened.lineup);
            unknown::add(&mut self.summary.unknown, signature, &part.unknown);
            self.summary.arms = Some(part);
        }
    }

    /// `upto`: where the list of bad rows ends, if before the input does.
    fn mend(&self, upto: &str) -> String {
        let list = self
            .run
            .rejects
            .map(|list| format!("{list} lists every such row{upto}; "));
        list.unwrap_or_default() + "mend them, or raise input.max_bad_rows"
    }

    pub fn cut_error(&self, error: CutError) -> Failure {
        error.behind(self.lines).into()
    }

    fn bad_row(&self) -> Problem {
        let bad = self.first.as_ref().expect("a row was bad");
        let problem = Problem::new(
            Code::BadRow,
            format!("{}: {}", bad.reason, excerpt(&bad.text, 120)),
            bad.hint("mend the row, or set input.bad_rows = \"blank\" to score the others"),
        );
        bad.locate(problem)
    }

    fn too_many(&self, what: String, hint: String) -> Problem {
        let bad = self.first.as_ref().expect("rows were bad");
        let message = format!(
            "{what}, and max_bad_rows is {}; the first: {}: {}",
            self.shape.max_bad_rows,
            bad.reason,
            excerpt(&bad.text, 120)
        );
        bad.locate(Problem::new(Code::TooManyBadRows, message, bad.hint(&hint)))
    }
}

impl Bad {
    fn hint(&self, hint: &str) -> String {
        match self.hint {
            Some(first) => format!("{first}; or {hint}"),
            None => hint.into(),
        }
    }

    fn locate(&self, problem: Problem) -> Problem {
        let problem = match self.place {
            Place::Line(line) => problem.line(line),
            Place::Row(row) => Problem {
                message: format!("row {row}: {}", problem.message),
                ..problem
            },
        };
        match self.column.is_empty() {
            true => problem,
            false => problem.column(&self.column),
        }
    }
}
