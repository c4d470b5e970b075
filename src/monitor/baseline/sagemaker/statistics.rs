//! `statistics.json`, feature by feature, as far as it can be made out.

use super::number;
use super::sketch::Sketch;
use crate::model::boolean;
use crate::monitor::baseline::{Column, Histogram, Quantiles, Summary, Values};
use crate::score::spelling::Number;
use crate::score::{Spelling, label};
use serde_json::Value;

/// What is said of one feature.
pub struct Feature<'a> {
    pub name: &'a str,
    pub count: u64,
    pub missing: u64,
    /// Are all its numbers whole?
    whole: Option<bool>,
    kind: Kind<'a>,
}

enum Kind<'a> {
    Numbers(&'a Value),
    /// Texts, each with how often it came.
    Texts(Vec<(&'a str, u64)>),
    /// Why nothing is known.
    Unknown(String),
}

impl Feature<'_> {
    /// None of what has no name.
    pub fn read(feature: &Value) -> Option<Feature<'_>> {
        let name = feature["name"].as_str()?;
        let (numbers, texts) = (&feature["numerical_statistics"], &feature["string_statistics"]);
        let statistics = if numbers.is_object() { numbers } else { texts };
        let common = &statistics["common"];
        let kind = if numbers.is_object() {
            Kind::Numbers(numbers)
        } else if texts.is_object() {
            let buckets = texts["distribution"]["categorical"]["buckets"].as_array();
            Kind::Texts(
                buckets
                    .into_iter()
                    .flatten()
                    .filter_map(|bucket| Some((bucket["value"].as_str()?, whole(&bucket["count"])?)))
                    .collect(),
            )
        } else {
            let inferred = feature["inferred_type"].as_str().unwrap_or("Unknown");
            Kind::Unknown(format!("it has no statistics; its inferred type is {inferred}"))
        };
        Some(Feature {
            name,
            count: whole(&common["num_present"]).unwrap_or(0),
            missing: whole(&common["num_missing"]).unwrap_or(0),
            kind,
            whole: match feature["inferred_type"].as_str() {
                Some("Integral") => Some(true),
                Some("Fractional") => Some(false),
                _ => None,
            },
        })
    }

    /// The share of its cells that aren't missing.
    pub fn complete(&self) -> f64 {
        self.count as f64 / (self.count + self.missing).max(1) as f64
    }

    /// As a column of numbers. `booleans`: words for true and false are numbers, too.
    ///
    /// # Errors
    /// Why it is none.
    pub fn numbers(&self, name: &str, booleans: bool) -> Result<Column, String> {
        let summary = match &self.kind {
            Kind::Unknown(why) => return Err(why.clone()),
            Kind::Numbers(statistics) => summary(statistics)?,
            Kind::Texts(texts) => {
                let number = |text: &str| match Spelling::USUAL.number(text.trim().as_bytes()) {
                    Number::Value(x) => Some(x),
                    _ if booleans => boolean::word(text.trim().as_bytes()).map(f64::from),
                    _ => None,
                };
                let items = texts
                    .iter()
                    .map(|(text, count)| Ok((number(text).ok_or(*text)?, *count)));
                let items: Vec<(f64, u64)> = items
                    .collect::<Result<_, &str>>()
                    .map_err(|text| format!("the model takes numbers, but it has texts, such as {text:?}"))?;
                let sketch = Sketch::of(items, true).ok_or("it lists no values")?;
                summary_of(&sketch, &Value::Null)
            }
        };
        Ok(Column {
            name: name.into(),
            count: self.count,
            missing: self.missing,
            values: Values::Numbers {
                whole: self.whole,
                infinite: 0,
                summary: Some(summary),
            },
        })
    }

    /// As a column of texts, as they stand. `domain`: what else it may hold.
    ///
    /// # Errors
    /// Why it is none.
    pub fn texts(&self, name: &str, domain: &[&str]) -> Result<Column, String> {
        let listed = self.listed()?;
        let new = domain
            .iter()
            .filter(|text| !listed.iter().any(|(listed, _)| listed == *text));
        let counts = listed.iter().map(|(text, count)| (text.as_str(), *count));
        Ok(self.categories(name, counts.chain(new.map(|text| (*text, 0))).collect(), 0))
    }

    /// As a column of these categories, which are the model's.
    ///
    /// # Errors
    /// Why it is none.
    pub fn classes(&self, name: &str, classes: &[String]) -> Result<Column, String> {
        let mut counts = vec![0; classes.len()];
        let mut unknown = 0;
        for (text, count) in self.listed()? {
            match label::class(&text, classes, &Spelling::USUAL) {
                Some(place) => counts[place] += count,
                None => unknown += count,
            }
        }
        let counts = classes.iter().map(String::as_str).zip(counts).collect();
        Ok(self.categories(name, counts, unknown))
    }

    /// The values that it lists, with how often each came.
    fn listed(&self) -> Result<Vec<(String, u64)>, String> {
        match &self.kind {
            Kind::Unknown(why) => Err(why.clone()),
            Kind::Texts(texts) => Ok(texts.iter().map(|(text, count)| (text.to_string(), *count)).collect()),
            Kind::Numbers(statistics) => {
                let sketch = Sketch::read(&statistics["distribution"]["kll"]["sketch"]["data"]);
                let sketch = sketch.filter(|sketch| sketch.whole).ok_or(
                    "the model takes categories, but it has numbers, and how often each of them came isn't said",
                )?;
                let mut listed: Vec<(String, u64)> = Vec::new();
                for (x, count) in sketch.items() {
                    let text = x.to_string();
                    match listed.last_mut().filter(|(last, _)| *last == text) {
                        Some((_, sum)) => *sum += count,
                        None => listed.push((text, count)),
                    }
                }
                Ok(listed)
            }
        }
    }

    fn categories(&self, name: &str, counts: Vec<(&str, u64)>, unknown: u64) -> Column {
        let listed: u64 = counts.iter().map(|(_, count)| count).sum();
        // Those that the file doesn't list.
        let rest = self.count.saturating_sub(listed + unknown);
        Column::of_counts(name, counts, unknown + rest, self.missing)
    }
}

fn whole(value: &Value) -> Option<u64> {
    let number = number(value)?;
    (0.0..1e18).contains(&number).then_some(number as u64)
}

/// Of `numerical_statistics`: by the sketch, or else by the ten buckets.
fn summary(statistics: &Value) -> Result<Summary, String> {
    let kll = &statistics["distribution"]["kll"];
    if let Some(sketch) = Sketch::read(&kll["sketch"]["data"]) {
        return Ok(summary_of(&sketch, statistics));
    }
    let none = || "it has neither a sketch nor buckets of its distribution".to_string();
    let buckets = kll["buckets"].as_array().ok_or_else(none)?;
    let mut histogram = Histogram {
        edges: Vec::new(),
        counts: Vec::new(),
    };
    for bucket in buckets {
        let [lower, upper] = ["lower_bound", "upper_bound"].map(|key| number(&bucket[key]));
        let (Some(lower), Some(upper), Some(count)) = (lower, upper, whole(&bucket["count"])) else {
            continue;
        };
        if histogram.edges.is_empty() {
            histogram.edges.push(lower);
        }
        histogram.edges.push(upper);
        histogram.counts.push(count);
    }
    let (Some(&first), Some(&last)) = (histogram.edges.first(), histogram.edges.last()) else {
        return Err(none());
    };
    let all: u64 = histogram.counts.iter().sum();
    // A constant has ten buckets of no width.
    if first == last {
        histogram = Histogram {
            edges: vec![first, last],
            counts: vec![all],
        };
    }
    let summary = Summary {
        mean: number(&statistics["mean"]).unwrap_or((first + last) / 2.0),
        sd: number(&statistics["std_dev"]).unwrap_or(0.0),
        min: first,
        max: last,
        quantiles: Quantiles::of(|share| within(&histogram, share * all as f64)),
        histogram,
    };
    match summary.defect() {
        Some(why) => Err(format!("of its buckets {why}")),
        None => Ok(summary),
    }
}

/// Where so many lie below, as if they were spread evenly in each bin.
fn within(histogram: &Histogram, mut wanted: f64) -> f64 {
    for (edges, &count) in histogram.edges.windows(2).zip(&histogram.counts) {
        if wanted <= count as f64 && count > 0 {
            let part = wanted / count as f64;
            return edges[0] * (1.0 - part) + edges[1] * part;
        }
        wanted -= count as f64;
    }
    histogram.edges[histogram.edges.len() - 1]
}

/// `statistics`: mean, spread and range of all numbers, where they stand there.
fn summary_of(sketch: &Sketch, statistics: &Value) -> Summary {
    let [low, high] = sketch.range();
    // Of many numbers a sketch keeps neither the least nor the greatest.
    let min = number(&statistics["min"]).map_or(low, |min| min.min(low));
    let max = number(&statistics["max"]).map_or(high, |max| max.max(high));
    let n = sketch.count() as f64;
    let mean = || sketch.items().map(|(x, weight)| x * (weight as f64 / n)).sum::<f64>();
    let mean = number(&statistics["mean"]).unwrap_or_else(mean).clamp(min, max);
    let variance = || {
        sketch
            .items()
            .map(|(x, weight)| (x - mean).powi(2) * (weight as f64 / n))
            .sum::<f64>()
    };
    let quantiles = sketch.quantiles();
    Summary {
        mean,
        sd: number(&statistics["std_dev"]).unwrap_or_else(|| variance().sqrt()),
        min,
        max,
        histogram: sketch.histogram([min, max], &quantiles),
        quantiles,
    }
}
