//! `transform monitor report`: what changed in the files that a version scored.

use super::check::{counted, in_force};
use crate::cli::Since;
use crate::commands::spool::require_spool;
use crate::commands::{input_name, print_json, print_line, print_lines};
use crate::config::Config;
use crate::error::{Error, Result, exit};
use crate::ledger::{Counted, Held, Ledger};
use crate::monitor::{Action, Counts, Policy, Then, Watch};
use crate::registry::Registry;
use crate::registry::baseline::InForce;
use crate::report::page::page;
use crate::report::text::lines;
use crate::report::{KeptBack, Released, Report, Seen, Subject, Truth};
use crate::service::clock::wall_clock;
use crate::spool::{Name, durable};
use crate::worker::Usual;
use jiff::Timestamp;
use std::path::{Path, PathBuf, absolute};

/// Older windows aren't looked at: of more than these no picture shows anything.
const WINDOWS: usize = 500;

pub struct Question<'a> {
    pub version: u32,
    /// Only these; none: all.
    pub files: &'a [PathBuf],
    pub since: Option<Since>,
    pub html: Option<&'a Path>,
    pub json: bool,
}

impl Question<'_> {
    /// In microseconds since 1970.
    fn since(&self) -> i64 {
        let moment = |since: Since| since.moment(Timestamp::now()).as_microsecond();
        self.since.map_or(i64::MIN, moment)
    }
}

pub fn report(config: &Config, registry: &Registry, question: &Question) -> Result<u8> {
    let Question {
        version, files, html, ..
    } = *question;
    if let Some(path) = html {
        is_no_input(config, files, path)?;
    }
    let in_force = in_force(registry, version)?;
    let ledger = Ledger::read(&config.state.path)?;
    if ledger.is_none() && files.is_empty() {
        require_spool(config)?;
    }
    let model = format!("{}/{version}", registry.group());
    let names: Vec<Name> = files.iter().map(|file| input_name(config, file)).collect();
    let made_by = registry.identity(version)?.made_by();
    let mut windows = Windows {
        policy: &config.monitor,
        made_by: &made_by,
        in_force: &in_force,
        ledger: ledger.as_ref(),
        usual: None,
    };
    let (mut seen, older) = windows.recorded(question, &names)?;
    for (file, name) in files.iter().zip(&names) {
        if seen.iter().all(|seen| seen.input.as_ref() != Some(&name.to_string())) {
            let summary = counted(config, registry, version, &in_force, file)?;
            let at = wall_clock() / 1000;
            seen.push(windows.seen(Some(name.to_string()), at, summary.rows, summary.counts)?);
        }
    }
    let (kept_back, released, truths) = match &ledger {
        Some(ledger) => (
            kept_back(ledger, &made_by, question, &names)?,
            released(ledger, &made_by, question, &names)?,
            truths(ledger, &made_by, question, &names, &config.monitor.watch)?,
        ),
        None => Default::default(),
    };
    let report = Report::of(&Subject {
        model: &model,
        version,
        baseline: &in_force.baseline,
        sha256: &in_force.sha256.to_string(),
        policy: &config.monitor,
        since: question.since.map(|_| question.since()),
        windows: &seen,
        older,
        kept_back: &kept_back,
        released: &released,
        approved: &registry.show(version)?.manifest.numbers(),
        evaluation: registry.evaluation(version)?.as_ref(),
        truths: &truths,
    });
    if let Some(path) = html {
        durable::hand_out(path, page(&report).as_bytes())?;
    }
    if question.json {
        print_json(&report);
        return Ok(exit::CONVERGED);
    }
    match html {
        Some(path) => {
            print_line(&report.headline);
            print_line(format!("look at {}", path.display()));
        }
        None => print_lines(&lines(&report)),
    }
    Ok(exit::CONVERGED)
}

/// What was counted of a version's inputs, and what each is held against.
struct Windows<'a> {
    policy: &'a Policy,
    made_by: &'a str,
    in_force: &'a InForce,
    ledger: Option<&'a Ledger>,
    /// Of the day of the last one.
    usual: Option<Usual>,
}

impl Windows<'_> {
    /// The last ones that the ledger has, oldest first, and how many older ones are left out.
    fn recorded(&mut self, question: &Question, names: &[Name]) -> Result<(Vec<Seen>, usize)> {
        let Some(ledger) = self.ledger else {
            return Ok((Vec::new(), 0));
        };
        let since = question.since();
        let mut recorded = ledger.counted(self.made_by, self.in_force.sha256, since)?;
        if !names.is_empty() {
            recorded.retain(|counted| counted.input.as_ref().is_some_and(|input| names.contains(input)));
        }
        let older = recorded.len().saturating_sub(WINDOWS);
        let of = |Counted {
                      input,
                      rows,
                      first_seen,
                      counts,
                  }| self.seen(input.map(|input: Name| input.to_string()), first_seen, rows, counts);
        let seen: Result<Vec<Seen>> = recorded.drain(older..).map(of).collect();
        Ok((seen?, older))
    }

    fn seen(&mut self, input: Option<String>, at: i64, of: u64, counts: Counts) -> Result<Seen> {
        let known = |usual: &Usual| usual.is_of(at, self.policy);
        if let Some(ledger) = self.ledger
            && !self.usual.as_ref().is_some_and(known)
        {
            self.usual = Usual::find(ledger, self.made_by, self.in_force.sha256, at, self.policy)?;
        }
        Ok(Seen {
            input,
            at,
            of,
            counts,
            then: self.usual.as_ref().map_or(Then::Baseline, |usual| usual.then.clone()),
        })
    }
}

/// What came true of the version's rows. `names`: only these; none: all.
fn truths(ledger: &Ledger, made_by: &str, question: &Question, names: &[Name], watch: &Watch) -> Result<Vec<Truth>> {
    let labelled = ledger.labelled(question.since())?.into_iter();
    let wanted = labelled
        .filter(|labelled| labelled.made_by == made_by && (names.is_empty() || names.contains(&labelled.input)));
    let truths = wanted.map(|mut labelled| {
        labelled
            .measured
            .keep_segments(&watch.segments, watch.favourable.as_deref());
        Truth {
            input: labelled.input.to_string(),
            at: labelled.first_seen,
            measured: labelled.measured,
        }
    });
    Ok(truths.collect())
}

/// Results that wait for a person, with rows of the version. `names`: only these; none: all.
fn kept_back(ledger: &Ledger, made_by: &str, question: &Question, names: &[Name]) -> Result<Vec<KeptBack>> {
    let begin = question.since();
    let of = |action, kept: Vec<Held>| {
        let wanted = kept
            .into_iter()
            .filter(|held| held.versions().any(|version| version == made_by))
            .filter(|held| names.is_empty() || names.contains(&held.input));
        wanted.map(move |held| KeptBack {
            input: held.input.to_string(),
            action,
            since: Timestamp::from_microsecond(held.at).unwrap_or_default().to_string(),
            found: held.message,
            earlier: held.at < begin,
        })
    };
    let held = of(Action::Hold, ledger.held()?);
    Ok(held.chain(of(Action::Block, ledger.blocked()?)).collect())
}

/// Results with rows of the version that a person let out in the period. `names`: only these; none: all.
fn released(ledger: &Ledger, made_by: &str, question: &Question, names: &[Name]) -> Result<Vec<Released>> {
    let since = question.since();
    let wanted = ledger
        .released(made_by)?
        .into_iter()
        .filter(|release| release.at >= since && (names.is_empty() || names.contains(&release.input)));
    let released = wanted.map(|release| Released {
        input: release.input.to_string(),
        at: Timestamp::from_microsecond(release.at).unwrap_or_default().to_string(),
        by: release.by,
        reason: release.reason,
    });
    Ok(released.collect())
}

/// # Errors
/// The page would take the place of an input, or be one.
fn is_no_input(config: &Config, files: &[PathBuf], path: &Path) -> Result<()> {
    let whole = |path: &Path| {
        path.canonicalize()
            .or_else(|_| absolute(path))
            .unwrap_or_else(|_| path.into())
    };
    // The file itself may not be there yet.
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => whole(folder),
        _ => whole(Path::new(".")),
    };
    if folder.starts_with(whole(&config.input.path)) {
        let message = "it is in the input folder, where it would be scored; give another folder";
        return Err(Error::config(path, message));
    }
    match files.iter().any(|file| whole(file) == whole(path)) {
        true => Err(Error::config(path, "it is one of the files that the report is of")),
        false => Ok(()),
    }
}
