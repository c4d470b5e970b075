//! What a challenger is like beside the champion, each with its own keys, for people and programs.

use super::lift::Lift;
use super::tally::{PhaseSums, Side, Spent, Tally};
use super::{ARMS, Phase};
use crate::digits::short;
use crate::experiment::mismatch::Mismatch;
use crate::experiment::report::{grouped, milliseconds};
use crate::experiment::verdict::{Verdict, needed};
use crate::html::thousands;
use crate::report::{percent, time};
use serde::Serialize;

/// Of `--json`; a new one where a reader of the old would be misled.
const FORMAT_VERSION: u32 = 1;

/// What a report is made of.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// Of the experiment.
    pub name: &'a str,
    /// `group/version`
    pub champion: &'a str,
    pub challenger: &'a str,
    /// How it stands, by whom and why, in words.
    pub state: &'a str,
    /// Oldest first.
    pub phases: &'a [Phase],
    pub tally: Tally,
    /// Of the measure that decides; what is no difference.
    pub margin: f64,
    /// It is over, and none of its files is left.
    pub purged: bool,
    /// What else a reader should know: of labels, of files that aren't in it.
    pub notes: Vec<String>,
}

/// All that a report says. Texts may hold anything: whoever writes them escapes them.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub format_version: u32,
    pub kind: &'static str,
    pub headline: String,
    pub experiment: String,
    pub champion: String,
    pub challenger: String,
    /// How it stands, by whom and why.
    pub state: String,
    /// RFC 3339.
    pub started: String,
    pub files: u64,
    /// Of the newest phase with keys of both arms; none: there are no labels, or no difference means anything.
    pub verdict: Option<Verdict>,
    /// Newest first.
    pub phases: Vec<PhaseReport>,
    /// What else a reader should know.
    pub notes: Vec<String>,
}

/// What came of a phase.
#[derive(Clone, Debug, Serialize)]
pub struct PhaseReport {
    /// From 1.
    pub phase: u32,
    /// The challenger's, such as `10%`.
    pub share: String,
    /// RFC 3339.
    pub began: String,
    pub files: u64,
    pub rows: u64,
    /// Rows without a key: the champion answers, and they are in no arm.
    pub unassigned: u64,
    pub champion: Arm,
    pub challenger: Arm,
    pub outputs: Vec<Output>,
    /// Rows by label, where the outputs are labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Label>,
    /// Are there as many keys in each arm as the share says? None of a share of all.
    pub mismatch: Option<Mismatch>,
    /// The same of keys with a label.
    pub labelled_mismatch: Option<Mismatch>,
    /// The first one decides; none: there are no labels.
    pub lifts: Vec<Lift>,
    /// Of the first of `lifts`.
    pub verdict: Option<Verdict>,
    /// Why there is no verdict, and none may be drawn.
    pub why: Option<String>,
}

/// What was counted of an arm.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Arm {
    pub keys: u64,
    pub rows: u64,
    pub bad_rows: u64,
    /// None without a row.
    pub bad_share: Option<f64>,
    /// Of 1,000 rows; none of so few that it would be of memory that is touched for the first time.
    pub milliseconds: Option<f64>,
}

/// How an output is distributed in both arms, of rows that could be scored.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Output {
    /// A number's name, or the class whose probability it is.
    pub name: String,
    pub champion: Spread,
    pub challenger: Spread,
    /// The population stability index, in bins by the champion's deciles. Who is in which arm is chance, so it is of the versions alone.
    pub psi: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Of finite values.
    pub mean: Option<f64>,
    /// From 10 % to 90 %; the size of each is at most 1.6 % too small.
    pub deciles: Option<[f64; 9]>,
}

/// Rows in which each version gives a label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Label {
    pub label: String,
    pub champion: u64,
    pub challenger: u64,
}

impl PhaseReport {
    /// Of the keys that came; none without one.
    pub(super) fn key_mismatch(&self) -> Option<&Mismatch> {
        let keys = self.champion.keys + self.challenger.keys;
        self.mismatch.as_ref().filter(|_| keys > 0)
    }
}

impl Report {
    pub fn of(subject: Subject) -> Report {
        let Subject {
            tally, phases, margin, ..
        } = subject;
        let outputs: Vec<&str> = tally.outputs.columns.iter().map(|column| &*column.name).collect();
        let measures = tally
            .scale
            .as_ref()
            .map(|scale| &scale.measures[..])
            .unwrap_or_default();
        let mut of_phases = tally.phases;
        let of = |phase: &Phase| {
            let mut counted = of_phases.remove(&phase.number).unwrap_or_default();
            let mut lifts = Vec::new();
            let [champion, challenger] = &mut counted.sides;
            for (i, (&measure, margin)) in measures.iter().zip([margin, 0.0]).enumerate() {
                let losses = [champion.losses.get_mut(i), challenger.losses.get_mut(i)];
                lifts.push(Lift::of(
                    measure,
                    losses.map(|of| of.map(std::mem::take).unwrap_or_default()),
                    margin,
                ));
            }
            of_phase(phase, &counted, &outputs, lifts)
        };
        let mut phases: Vec<PhaseReport> = phases.iter().map(of).collect();
        let started = phases.first().map_or(String::new(), |first| first.began.clone());
        phases.reverse();
        let telling = telling(&phases);
        Report {
            format_version: FORMAT_VERSION,
            kind: ARMS[1],
            headline: headline(subject.champion, subject.challenger, subject.purged, telling),
            verdict: telling.and_then(|phase| phase.verdict),
            experiment: subject.name.into(),
            champion: subject.champion.into(),
            challenger: subject.challenger.into(),
            state: subject.state.into(),
            started,
            files: phases.iter().map(|phase| phase.files).sum(),
            phases,
            notes: subject.notes,
        }
    }
}

/// The newest phase that says something; of those, one with keys of both arms.
fn telling(phases: &[PhaseReport]) -> Option<&PhaseReport> {
    let both = |phase: &&PhaseReport| phase.champion.keys > 0 && phase.challenger.keys > 0;
    phases.iter().find(both).or(phases.iter().find(|phase| phase.rows > 0))
}

fn of_phase(phase: &Phase, counted: &PhaseSums, outputs: &[&str], mut lifts: Vec<Lift>) -> PhaseReport {
    let [champion, challenger] = &counted.sides;
    let keys = [0, 1].map(|arm| counted.keys.values().filter(|&&of| of == arm).count() as u64);
    let (part, whole) = phase.share.fraction();
    let mismatch = |keys| (part < whole).then(|| Mismatch::of(keys, part as f64 / whole as f64));
    let (all, labelled) = (
        mismatch(keys),
        lifts
            .first()
            .and_then(|lift| mismatch([lift.champion.labelled, lift.challenger.labelled])),
    );
    let why = why(phase, counted, [all.clone(), labelled.clone()]);
    if why.is_some() {
        lifts = lifts.into_iter().map(Lift::without_verdict).collect();
    }
    let values = |side: &Side, i: usize| side.values.get(i).cloned().unwrap_or_default();
    let outputs = outputs.iter().enumerate().map(|(i, name)| {
        let [champion, challenger] = [champion, challenger].map(|side| values(side, i));
        let spread = |of: &super::tally::Values| Spread {
            mean: Some(of.sum / of.n as f64).filter(|mean| mean.is_finite()),
            deciles: of.sketch.deciles(),
        };
        Output {
            name: (*name).into(),
            champion: spread(&champion),
            challenger: spread(&challenger),
            psi: champion.sketch.psi(&challenger.sketch),
        }
    });
    let given = |side: &Side, label: &str| side.labels.get(label).copied().unwrap_or_default();
    let mut labels: Vec<&String> = champion.labels.keys().chain(challenger.labels.keys()).collect();
    labels.sort_unstable();
    labels.dedup();
    PhaseReport {
        phase: phase.number,
        share: phase.share.to_string(),
        began: time(phase.began),
        files: counted.files,
        rows: counted.rows,
        unassigned: counted.unassigned,
        champion: arm(champion, keys[0]),
        challenger: arm(challenger, keys[1]),
        outputs: outputs.collect(),
        labels: labels
            .into_iter()
            .map(|label| Label {
                label: label.clone(),
                champion: given(champion, label),
                challenger: given(challenger, label),
            })
            .collect(),
        mismatch: all,
        labelled_mismatch: labelled,
        verdict: lifts.first().and_then(|lift| lift.verdict),
        lifts,
        why,
    }
}

fn arm(side: &Side, keys: u64) -> Arm {
    let Spent { rows, took } = side.spent;
    Arm {
        keys,
        rows: side.rows,
        bad_rows: side.bad_rows,
        bad_share: (side.rows > 0).then(|| side.bad_rows as f64 / side.rows as f64),
        milliseconds: milliseconds(rows, took),
    }
}

/// Why no difference between the arms means anything.
fn why(phase: &Phase, counted: &PhaseSums, [all, labelled]: [Option<Mismatch>; 2]) -> Option<String> {
    let Phase { number, share, .. } = phase;
    let of = |mismatch: &Mismatch, keys: &str| {
        let [champion, challenger] = mismatch.arms;
        format!(
            "in phase {number} ({share}) {} of {} {keys} are the challenger's instead of about {} (p {})",
            thousands(challenger.keys),
            thousands(champion.keys + challenger.keys),
            thousands(challenger.expected.round()),
            thousands(short(mismatch.p, 2)),
        )
    };
    if counted.crossed > 0 {
        return Some(format!(
            "in phase {number} ({share}) {} of a key that was in the other arm before: the files aren't of one split, and no winner is shown",
            grouped(counted.crossed, "row")
        ));
    }
    let found = |mismatch: Option<Mismatch>| mismatch.filter(|mismatch| mismatch.found);
    match (found(all), found(labelled)) {
        (Some(all), _) => Some(format!(
            "{}: keys were lost or joined wrongly, more in one arm than in the other, so no difference between the arms means anything, \
             and no winner is shown",
            of(&all, "keys")
        )),
        (None, Some(labelled)) => Some(format!(
            "{}: labels are known of more keys in one arm than in the other, so those with a label aren't alike, and no winner is shown",
            of(&labelled, "keys with a label")
        )),
        (None, None) => None,
    }
}

/// `credit/5 is better than credit/3: ...`
fn headline(champion: &str, challenger: &str, purged: bool, telling: Option<&PhaseReport>) -> String {
    let Some(phase) = telling else {
        return match purged {
            true => format!("What {challenger} answered was purged, or there was nothing: no row is left to report on"),
            false => format!("{challenger} has answered for no row yet"),
        };
    };
    let of = format!("phase {} ({})", phase.phase, phase.share);
    if let Some(why) = &phase.why {
        return format!("Whether {challenger} is better than {champion} can't be told: {why}");
    }
    match phase.lifts.first() {
        Some(lift) => of_labels(champion, challenger, lift, &of),
        None => {
            let keys = phase.champion.keys + phase.challenger.keys;
            let bad = |arm: &Arm| arm.bad_share.map_or("none".into(), percent);
            format!(
                "{challenger} answers for {} of {} in {of}; it can't score {} of its rows, {champion} {} of its own",
                thousands(phase.challenger.keys),
                grouped(keys, "key"),
                bad(&phase.challenger),
                bad(&phase.champion)
            )
        }
    }
}

fn of_labels(champion: &str, challenger: &str, lift: &Lift, of: &str) -> String {
    let left_out = [lift.champion.left_out, lift.challenger.left_out];
    let verdict = lift.verdict.unwrap_or(Verdict::NotYet);
    let said = match verdict {
        Verdict::NotYet if left_out != [0, 0] => format!(
            "Whether {challenger} is better than {champion} can't be told: the loss of {challenger} is no finite number in {}, that of \
             {champion} in {}",
            grouped(left_out[1], "row"),
            grouped(left_out[0], "row")
        ),
        verdict => verdict.said(champion, challenger, lift.margin),
    };
    let keys = format!(
        "of {} of the challenger and {} of the champion with a label, in {of}",
        grouped(lift.challenger.keys, "key"),
        thousands(lift.champion.keys)
    );
    let (Some(before), Some(now), Some(difference), Some(interval)) =
        (lift.champion.mean, lift.challenger.mean, lift.lift, lift.interval)
    else {
        return format!("{said}: there are losses {keys}");
    };
    let needed = match verdict {
        Verdict::NotYet if left_out == [0, 0] => {
            needed(lift.champion.keys.min(lift.challenger.keys), lift.more_keys, true)
        }
        _ => String::new(),
    };
    let number = |x: f64| thousands(short(x, 3));
    format!(
        "{said}: {} {} instead of {}, a lift of {} ({} to {}), {keys}{needed}",
        lift.measure.words(),
        number(now),
        number(before),
        number(difference),
        number(interval.low),
        number(interval.high)
    )
}
