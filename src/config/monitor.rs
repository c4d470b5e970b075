//! `[monitor]`: what is looked at, and what becomes of a result that is out of the ordinary. `[alerts]`: where that is told.

use super::Config;
use super::layers::Layers;
use super::value::text;
use crate::error::{Error, Result};
use crate::model::Signature;
use crate::monitor::check::{Bars, ColumnBars};
use crate::monitor::{Action, Alerting, Compare, Policy, Watch};
use crate::transform::Header;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// As it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    columns: Vec<String>,
    segments: Vec<String>,
    favourable: String,
    key: String,
    min_rows: u64,
    compare: Compare,
    #[serde(deserialize_with = "timezone")]
    timezone: TimeZone,
    data: Action,
    drift: Action,
    bias: Action,
    performance: Action,
    psi: f64,
    #[serde(deserialize_with = "open")]
    open: (u32, u32),
    close: f64,
    #[serde(default)]
    column: BTreeMap<String, ColumnRaw>,
}

/// `[monitor.column.NAME]`: bars of one column.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct ColumnRaw {
    psi: Option<f64>,
    distance: Option<f64>,
    missing: Option<f64>,
    infinite: Option<f64>,
    bad: Option<f64>,
    outside: Option<f64>,
    unseen: Option<f64>,
    negative: Option<f64>,
    r#type: Option<f64>,
}

/// As it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alerts {
    /// `None`: none are written.
    #[serde(deserialize_with = "folder")]
    pub path: Option<PathBuf>,
}

/// Of an input without a header only the model's own columns are known, by their places: segments may be some of them.
///
/// # Errors
/// Columns that no input has, so that each were held.
pub fn has_names(config: &Config, layers: &Layers) -> Result<()> {
    let watch = &config.monitor.watch;
    let named = [("columns", !watch.columns.is_empty()), ("key", watch.key.is_some())];
    let named: Vec<&str> = named.into_iter().filter(|(_, is)| *is).map(|(key, _)| key).collect();
    match named[..] {
        [first, ..] if config.shape.header == Header::Absent => {
            let why = "without a header no column but the model's own is known; give the inputs one, or watch none";
            let keys = format!("monitor.{}", named.join(", monitor."));
            let message = format!("input.header = false and {keys} can't go together: {why}");
            Err(layers.invalid(&["monitor", first], message))
        }
        _ => Ok(()),
    }
}

/// The same of segments, which may be columns of the version that is to score.
///
/// # Errors
/// A segment that no input of it has, so that each were held.
pub fn has_segments(config: &Config, signature: &Signature) -> Result<()> {
    let is_input = |name: &String| signature.inputs.iter().any(|column| column.name == *name);
    match config.monitor.watch.segments.iter().find(|name| !is_input(name)) {
        Some(name) if config.shape.header == Header::Absent && config.monitor.is_on() => {
            let message = format!(
                "input.header = false and monitor.segments = {name:?} can't go together: without a header no column but the model's own \
                 is known, and {name:?} is none of them; give the inputs a header, or take it out of monitor.segments"
            );
            Err(Error::config(
                config.file.as_deref().unwrap_or(Path::new("monitor.segments")),
                message,
            ))
        }
        _ => Ok(()),
    }
}

impl Raw {
    pub fn validate(self, layers: &Layers) -> Result<Policy> {
        let wrong = |key: &str, why: &str| Err(layers.invalid(&["monitor", key], why));
        if self.min_rows == 0 {
            return wrong("min_rows", "must be at least 1");
        }
        if !(self.psi > 0.0 && self.psi.is_finite()) {
            return wrong("psi", "must be a number above 0, such as 0.2");
        }
        if !(self.close > 0.0 && self.close <= 1.0) {
            return wrong("close", "must be a share of a bar above 0 and at most 1, such as 0.8");
        }
        for (key, names) in [("columns", &self.columns), ("segments", &self.segments)] {
            let different: BTreeSet<&String> = names.iter().collect();
            if different.len() < names.len() || names.iter().any(String::is_empty) {
                return wrong(key, "must be names of columns, each once");
            }
        }
        let columns = self.column.into_iter().map(|(name, raw)| {
            let bars = [
                ("psi", raw.psi),
                ("distance", raw.distance),
                ("missing", raw.missing),
                ("infinite", raw.infinite),
                ("bad", raw.bad),
                ("outside", raw.outside),
                ("unseen", raw.unseen),
                ("negative", raw.negative),
                ("type", raw.r#type),
            ];
            for (key, bar) in bars {
                // A PSI has no upper end; the others are shares.
                let most = if key == "psi" { f64::MAX } else { 1.0 };
                if bar.is_some_and(|bar| !(0.0..=most).contains(&bar)) {
                    let why = if key == "psi" {
                        "must be a number of at least 0"
                    } else {
                        "must be a share from 0 to 1"
                    };
                    return Err(layers.invalid(&["monitor", "column", &name, key], why));
                }
            }
            let [psi, distance, missing, infinite, bad, outside, unseen, negative, r#type] = bars.map(|(_, bar)| bar);
            let bars = ColumnBars {
                psi,
                distance,
                missing,
                infinite,
                bad,
                outside,
                unseen,
                negative,
                r#type,
            };
            Ok((name, bars))
        });
        let named = |text: String| (!text.is_empty()).then_some(text);
        let columns = columns.collect::<Result<_>>()?;
        Ok(Policy {
            data: self.data,
            drift: self.drift,
            bias: self.bias,
            performance: self.performance,
            min_rows: self.min_rows,
            bars: Bars {
                psi: self.psi,
                columns,
                ..Bars::default()
            },
            watch: Watch {
                columns: self.columns,
                segments: self.segments,
                favourable: named(self.favourable),
                key: named(self.key),
            },
            compare: self.compare,
            timezone: self.timezone,
            alerting: Alerting {
                over: self.open.0,
                of: self.open.1,
                close: self.close,
            },
        })
    }
}

fn timezone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TimeZone, D::Error> {
    let expected = "a time zone that this machine knows, such as \"UTC\" or \"Europe/Berlin\"";
    text(deserializer, expected, |name| match name {
        "UTC" => Some(TimeZone::UTC),
        name => TimeZone::get(name).ok(),
    })
}

/// `2 of 3`
fn open<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(u32, u32), D::Error> {
    /// So many windows are kept in mind.
    const MOST: u32 = 30;
    let expected = "how many windows of the last ones, at most 30, such as \"2 of 3\"";
    text(deserializer, expected, |text| {
        let (over, of) = text.split_once(" of ")?;
        let (over, of): (u32, u32) = (over.trim().parse().ok()?, of.trim().parse().ok()?);
        (1 <= over && over <= of && of <= MOST).then_some((over, of))
    })
}

fn folder<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    text(
        deserializer,
        "the path of a folder, or \"\" for none",
        |path| match path {
            "" => Some(None),
            path => Some(Some(path.into())),
        },
    )
}
