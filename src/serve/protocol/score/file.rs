//! What would be a file of the spool in, and out as the spool writes it. Who accepts `multipart/mixed` gets bad rows as a second
//! part, as the spool's rejects file has them.

use super::super::Ask;
use crate::config::BadRows;
use crate::format::{Assembly, FileFormat, Out, rejects};
use crate::serve::answer::{Answer, CSV, Scored};
use crate::serve::answering::Candidates;
use crate::serve::bounds::bounded;
use crate::serve::file_type;
use crate::serve::refusal::{BadRow, NAMED, Refusal};
use crate::serve::scoring;
use crate::serve::telemetry::counters::Rows;
use crate::transform::{Opened, Part, Place, Shape, Tried, open};
use hyper::header::ACCEPT;
use std::time::Instant;

/// `format`: of the body. Where both versions answer, the engine scores each row by its own, as in a file of the phase.
pub fn answer(ask: &Ask, candidates: &Candidates, shape: Shape, format: FileFormat) -> Result<Answer, Refusal> {
    let accept = ask.request.header(&ACCEPT).unwrap_or_default();
    let shape = Shape {
        output: file_type::accepted(accept, format),
        ..shape
    };
    let by = ask.choose(candidates, |found| {
        scoring::keys(&candidates.champion, Some(&shape), ask.body(format), found)
    })?;
    let served = &by.served;
    let begun = Instant::now();
    let mixed = by.tested.as_ref().filter(|_| by.is_mixed()).map(|tested| &tested.arms);
    let other = match mixed {
        Some(arms) => Some(arms.scorer(shape)),
        None => (shape != served.scorer.shape).then(|| served.scorer.with(shape)),
    };
    let scorer = other.as_ref().unwrap_or(&served.scorer);
    let mut blocks = ask.body(format).cut(served, &scorer.shape)?;
    let first = blocks.first(served, &scorer.shape)?;
    let phase = mixed.map(|arms| &*arms.phase);
    let opened = open(first.beginning(), format, scorer)?.in_phase(scorer, phase)?;
    let in_parts = ask.bad_rows == BadRows::Null && accept.contains("multipart/mixed");
    blocks.open(&opened.input);
    // Rows become row groups first.
    if format.is_text() && !opened.input.output().is_text() {
        ask.room.grow(ask.request.body.len() as u64)?;
    }
    let mut output = Output::begin(&opened, in_parts)?;
    let mut tried = Tried::default();
    let mut part = opened.first_part(first);
    loop {
        if let Some(live) = &served.live {
            live.add(&part.counts);
        }
        if let (Some(arms), Some(part)) = (mixed, &part.arms) {
            if let Some(live) = arms.challenger().ok().and_then(|challenger| challenger.live.as_ref()) {
                live.add(&part.counts);
            }
            tried.add(&part.tried);
        }
        let before = output.bytes();
        let source = output.add(part)?;
        ask.room.grow((output.bytes() - before) as u64)?;
        bounded(output.rows as usize, served.lineup.signature().outputs.len())?;
        blocks.recycle(source);
        part = match blocks.next(output.lines)? {
            Some(block) => opened.part(block, Out::new(&opened.input)),
            None => break,
        };
    }
    let before = output.bytes();
    output.end()?;
    ask.room.grow((output.bytes() - before) as u64)?;
    match mixed {
        Some(arms) => arms.count_tried(output.rows, output.bad_rows, &tried),
        None => by.count(output.rows, output.bad_rows, begun.elapsed()),
    }
    if output.bad_rows > 0 && ask.bad_rows == BadRows::Refuse {
        return Err(Refusal::of_rows(
            output.bad_rows as usize,
            output.rows as usize,
            output.named,
        ));
    }
    let media_type = file_type::media_type(opened.input.output());
    let answer = match output.rejects {
        Some(rejects) if !rejects.is_empty() => {
            ask.room.grow((output.out.len() + rejects.len()) as u64)?;
            parts(media_type, &output.out, &rejects)
        }
        _ => Answer::ok(media_type, output.out),
    };
    let (rows, bad_rows) = (output.rows, output.bad_rows);
    let challenger = mixed.and_then(|arms| arms.challenger().ok().cloned());
    let [_, side] = &tried.sides;
    let of_challenger = Rows {
        predicted: side.good_rows(),
        bad: side.bad_rows,
        refused: 0,
    };
    Ok(Answer {
        scored: Some(Scored {
            by,
            rows,
            bad_rows,
            challenger: challenger.zip(Some(of_challenger)),
            predictions: None,
        }),
        ..answer
    })
}

/// The parts of a body, put together in order.
struct Output<'a> {
    opened: &'a Opened,
    assembly: Assembly<'a>,
    out: Vec<u8>,
    /// None: nobody reads them, and they may be many times the body.
    rejects: Option<Vec<u8>>,
    named: Vec<BadRow>,
    rows: u64,
    bad_rows: u64,
    lines: u64,
}

impl Output<'_> {
    fn begin(opened: &Opened, with_rejects: bool) -> Result<Output<'_>, Refusal> {
        Ok(Output {
            opened,
            assembly: Assembly::new(&opened.input)?,
            out: Vec::new(),
            rejects: with_rejects.then(Vec::new),
            named: Vec::new(),
            rows: 0,
            bad_rows: 0,
            lines: opened.input.lines(),
        })
    }

    fn bytes(&self) -> usize {
        self.out.len() + self.rejects.as_ref().map_or(0, Vec::len)
    }

    /// Gives the memory of its range back.
    fn add(&mut self, mut part: Part) -> Result<Vec<u8>, Refusal> {
        let format = self.opened.input.format().rows;
        for (reject, record) in part.bad_rows() {
            if self.rejects.is_none() && self.named.len() == NAMED {
                break;
            }
            let place = reject.place(self.lines, self.rows);
            let column = self.opened.column(reject);
            let reason = self.opened.reason(&part, reject, record);
            if let Some(rejects) = &mut self.rejects {
                if rejects.is_empty() {
                    rejects.extend_from_slice(rejects::header(format));
                }
                let listed = reject.listed(part.row_group, self.lines, self.rows);
                rejects::push(format, listed, column, &reason, record, rejects);
            }
            if self.named.len() < NAMED {
                let row = self.rows + u64::from(reject.row) + 1;
                let line = match place {
                    Place::Line(line) => Some(line),
                    Place::Row(_) => None,
                };
                let column = (!column.is_empty()).then(|| column.into());
                self.named.push(BadRow::new(row, line, column, reason.into_owned()));
            }
        }
        if let Some(problem) = part.problem {
            return Err(problem.behind(self.lines).into());
        }
        self.bad_rows += part.rejects.len() as u64;
        self.rows += part.rows;
        self.lines += part.lines;
        self.out.extend_from_slice(self.assembly.add(&mut part.out)?);
        Ok(part.source)
    }

    /// What stands behind all parts.
    fn end(&mut self) -> Result<(), Refusal> {
        self.out.extend_from_slice(self.assembly.end()?);
        Ok(())
    }
}

/// A text that no line of ours begins with.
const BOUNDARY: &str = "--transform-8f6d2c1be0a94735";

fn parts(media_type: &str, out: &[u8], rejects: &[u8]) -> Answer {
    let mut body = Vec::with_capacity(out.len() + rejects.len() + 400);
    for (name, media_type, part) in [("predictions", media_type, out), ("rejects", CSV, rejects)] {
        body.extend_from_slice(
            format!(
                "--{BOUNDARY}\r\nContent-Type: {media_type}\r\nContent-Disposition: inline; name=\"{name}\"\r\n\r\n"
            )
            .as_bytes(),
        );
        body.extend_from_slice(part);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    Answer::ok("multipart/mixed; boundary=--transform-8f6d2c1be0a94735", body)
}
