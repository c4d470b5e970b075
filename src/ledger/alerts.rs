//! Alerts that are open or may open, the last window, and what happened that people are to be told of. Events are kept with what
//! they are about, in one transaction, and go once they are written down elsewhere.

use super::Ledger;
use super::database::to_name;
use super::recipe::champion;
use crate::checksum::Sha256Sum;
use crate::error::Result;
use crate::monitor::alert::{Alerts, Seen, State, Subject};
use crate::monitor::{Area, Judgement};
use crate::spool::Name;
use rusqlite::{Connection, Row, params};
use serde_json::{from_value, to_value};

/// Events that are kept while the folder of alerts is away; then the oldest ones go.
pub const EVENTS_MAX: i64 = 10_000;
/// Checks of the last window that are kept: those that are over first.
const CHECKS_MAX: usize = 500;

/// Something that people are to be told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// In microseconds since 1970.
    pub at: i64,
    pub kind: &'static str,
    /// In the name of its file.
    pub about: String,
    /// JSON.
    pub body: String,
}

/// One that isn't written down yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingEvent {
    pub number: i64,
    pub at: i64,
    pub kind: String,
    pub about: String,
    pub body: String,
}

/// What a commit knows of the windows that it judged.
#[derive(Clone, Debug)]
pub struct Alerting {
    pub made_by: String,
    pub baseline: Sha256Sum,
    pub alerts: Alerts,
    pub last: Option<Look>,
    pub events: Vec<Event>,
}

/// A window that was judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// When, in microseconds since 1970.
    pub at: i64,
    /// Its last input.
    pub input: Name,
    pub files: u64,
    pub rows: u64,
    pub checks: Vec<Seen>,
    /// Checks that aren't among them.
    pub left_out: u64,
}

/// Whose windows they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    pub made_by: String,
    pub baseline: Sha256Sum,
}

impl Look {
    pub fn of(judgement: &Judgement, at: i64, input: Name, files: u64, rows: u64) -> Look {
        let all = &judgement.checks;
        let over = all.iter().filter(|check| check.over);
        let first = over.chain(all.iter().filter(|check| !check.over)).take(CHECKS_MAX);
        let checks: Vec<Seen> = first.map(Seen::of).collect();
        Look {
            at,
            input,
            files,
            rows,
            left_out: (all.len() - checks.len()) as u64,
            checks,
        }
    }
}

impl Watch {
    /// GROUP/VERSION
    pub fn model(&self) -> &str {
        champion(&self.made_by)
    }
}

impl Ledger {
    /// Those of a lineup. A row that can't be read is left out: its alert begins anew.
    pub fn alerts(&self, made_by: &str, baseline: Sha256Sum) -> Result<Alerts> {
        let select = format!("{ALERTS} WHERE made_by = ? AND baseline = ?");
        let rows = self.select(&select, params![made_by, baseline.0], to_alert)?;
        Ok(Alerts(rows.into_iter().flatten().collect()))
    }

    /// Whose last windows are known, in the order of their names; those at work have taken away all others'.
    pub fn watches(&self) -> Result<Vec<Watch>> {
        self.select(
            "SELECT made_by, baseline FROM looks ORDER BY made_by",
            [],
            |row: &Row| {
                Ok(Watch {
                    made_by: row.get(0)?,
                    baseline: Sha256Sum(row.get(1)?),
                })
            },
        )
    }

    /// The last window of a lineup that was judged.
    pub fn last_look(&self, watch: &Watch) -> Result<Option<Look>> {
        let select = "SELECT at, input, files, rows, checks, left_out FROM looks WHERE made_by = ? AND baseline = ?";
        let mut rows = self.select(select, params![watch.made_by, watch.baseline.0], |row: &Row| {
            Ok(Look {
                at: row.get(0)?,
                input: to_name(row, 1)?,
                files: row.get(2)?,
                rows: row.get(3)?,
                checks: serde_json::from_str(&row.get::<_, String>(4)?).unwrap_or_default(),
                left_out: row.get(5)?,
            })
        })?;
        Ok(rows.pop())
    }

    /// Alerts, and the last windows, of all but these go; `ended` makes events of those that are open.
    pub fn end_alerts_of_others(
        &mut self,
        at_work: &[Watch],
        ended: impl Fn(&str, &Subject, &State) -> Event,
    ) -> Result<()> {
        let select = "SELECT made_by, baseline FROM alerts UNION SELECT made_by, baseline FROM looks";
        let mut others = self.select(select, [], |row: &Row| {
            Ok(Watch {
                made_by: row.get(0)?,
                baseline: Sha256Sum(row.get(1)?),
            })
        })?;
        others.retain(|watch| !at_work.contains(watch));
        if others.is_empty() {
            return Ok(());
        }
        let mut events = Vec::new();
        for Watch { made_by, baseline } in &others {
            let alerts = self.alerts(made_by, *baseline)?;
            events.extend(alerts.open().map(|(subject, state)| ended(made_by, subject, state)));
        }
        self.write(|db| {
            for Watch { made_by, baseline } in &others {
                for table in ["alerts", "looks"] {
                    let delete = format!("DELETE FROM {table} WHERE made_by = ? AND baseline = ?");
                    db.execute(&delete, params![made_by, baseline.0])?;
                }
            }
            insert_events(db, &events)
        })
    }

    /// Was this input, with these contents, scored by a lineup before? `of`: BLAKE3 of its rows.
    pub fn is_scored(&self, input: &Name, of: blake3::Hash, made_by: &str) -> Result<bool> {
        let select = "SELECT EXISTS (SELECT 1 FROM history h JOIN recipes r ON r.id = h.recipe
            WHERE h.input = ? AND h.input_hash = ? AND r.made_by = ?)";
        let found: Vec<bool> = self.select(select, params![input.bytes(), of.as_bytes(), made_by], |row| row.get(0))?;
        Ok(found == [true])
    }

    /// The oldest events that aren't written down yet.
    pub fn pending_events(&self, most: u32) -> Result<Vec<PendingEvent>> {
        let select = "SELECT id, at, kind, about, body FROM events ORDER BY id LIMIT ?";
        self.select(select, [most], |row: &Row| {
            Ok(PendingEvent {
                number: row.get(0)?,
                at: row.get(1)?,
                kind: row.get(2)?,
                about: row.get(3)?,
                body: row.get(4)?,
            })
        })
    }

    /// All events up to this number are written down, or nobody wants them. Doesn't wait for the disk: what a power cut takes back is
    /// written down again, under the same name.
    pub fn forget_events(&mut self, up_to: i64) -> Result<()> {
        self.write_behind(|db| db.execute("DELETE FROM events WHERE id <= ?", [up_to]).map(drop))
    }
}

const ALERTS: &str = "SELECT area, check_name, column_name, segment, recent, since, at, value, bar, absent FROM alerts";

fn to_alert(row: &Row) -> rusqlite::Result<Option<(Subject, State)>> {
    let area: Option<Area> = from_value(row.get::<_, String>(0)?.into()).ok();
    let segment: String = row.get(3)?;
    let (check, column) = (row.get(1)?, row.get(2)?);
    let state = State {
        recent: row.get(4)?,
        since: row.get(5)?,
        at: row.get(6)?,
        value: row.get(7)?,
        bar: row.get(8)?,
        absent: row.get(9)?,
    };
    Ok(area.map(|area| {
        let subject = Subject {
            area,
            check,
            column,
            segment: (!segment.is_empty()).then_some(segment),
        };
        (subject, state)
    }))
}

pub(super) fn set(db: &Connection, alerting: &Alerting) -> rusqlite::Result<()> {
    let Alerting {
        made_by,
        baseline,
        alerts,
        last,
        events,
    } = alerting;
    let mut delete = db.prepare_cached("DELETE FROM alerts WHERE made_by = ? AND baseline = ?")?;
    delete.execute(params![made_by, baseline.0])?;
    let mut insert = db.prepare_cached("INSERT INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
    for (subject, state) in &alerts.0 {
        let area = to_value(subject.area).expect("an area is JSON");
        insert.execute(params![
            made_by,
            baseline.0,
            area.as_str(),
            subject.check,
            subject.column,
            subject.segment.as_deref().unwrap_or_default(),
            state.recent,
            state.since,
            state.at,
            state.value,
            state.bar,
            state.absent,
        ])?;
    }
    if let Some(look) = last {
        let mut replace = db.prepare_cached("INSERT OR REPLACE INTO looks VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?;
        replace.execute(params![
            made_by,
            baseline.0,
            look.at,
            look.input.bytes(),
            look.files,
            look.rows,
            serde_json::to_string(&look.checks).expect("checks are JSON"),
            look.left_out,
        ])?;
    }
    insert_events(db, events)
}

impl Ledger {
    /// Keeps an event until it is written down.
    pub fn tell(&mut self, event: &Event) -> Result<()> {
        self.write(|db| insert_events(db, std::slice::from_ref(event)))
    }
}

pub(super) fn insert_events(db: &Connection, events: &[Event]) -> rusqlite::Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    let mut insert = db.prepare_cached("INSERT INTO events (at, kind, about, body) VALUES (?, ?, ?, ?)")?;
    for event in events {
        insert.execute(params![event.at, event.kind, event.about, event.body])?;
    }
    let newest = db.last_insert_rowid();
    db.execute("DELETE FROM events WHERE id <= ?", [newest - EVENTS_MAX])?;
    Ok(())
}
