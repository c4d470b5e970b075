//! What changed between two versions. Pure.

use super::manifest::{Manifest, Training, number};
use crate::model::{Column, Format};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A version, as far as it is compared.
pub struct Side {
    pub version: u32,
    pub manifest: Manifest,
    /// Of an ensemble, in words.
    pub members: Vec<String>,
    /// By name; or why there are none.
    pub coefficients: Result<Vec<(String, f64)>, String>,
    /// The keys of the pipeline that trained it, `section.key`, and their values as TOML; or why there are none.
    pub settings: Result<BTreeMap<String, String>, String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diff {
    pub versions: Change<u32>,
    pub format: Change<Format>,
    /// Is the artifact the same, byte by byte?
    pub same_artifact: bool,
    pub members: Change<Vec<String>>,
    pub inputs: Columns,
    pub outputs: Columns,
    pub coefficients: Coefficients,
    /// Of all metrics that either version has, by name.
    pub metrics: Vec<Figure>,
    pub settings: Settings,
    pub training: Change<Option<Training>>,
}

/// How two pipelines differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Settings {
    /// Why they can't be compared.
    pub incomparable: Option<String>,
    /// By key.
    pub changed: BTreeMap<String, Change<Option<String>>>,
    /// How many keys both say alike.
    pub same: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change<T> {
    pub old: T,
    pub new: T,
}

impl<T: PartialEq> Change<T> {
    pub fn is_none(&self) -> bool {
        self.old == self.new
    }
}

/// How a list of columns changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Columns {
    pub added: Vec<Column>,
    pub removed: Vec<Column>,
    /// Columns of the same name, of another type or with other categories.
    pub changed: Vec<Change<Column>>,
    /// The columns that both have stand in another order, which counts where a file has no header.
    pub reordered: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Coefficients {
    /// Why they can't be compared.
    pub incomparable: Option<String>,
    /// Those that differ, the largest difference first. What a version lacks counts as 0 there.
    pub changed: Vec<Figure>,
    /// How many are the same.
    pub same: usize,
}

/// A number of both versions, under its name.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    pub name: String,
    pub old: Option<f64>,
    pub new: Option<f64>,
    /// `new - old`, where both have it.
    pub difference: Option<f64>,
}

impl Diff {
    pub fn between(old: &Side, new: &Side) -> Diff {
        let (before, after) = (&old.manifest, &new.manifest);
        Diff {
            versions: change(old.version, new.version),
            format: change(before.format, after.format),
            same_artifact: before.sha256 == after.sha256,
            members: change(old.members.clone(), new.members.clone()),
            inputs: Columns::between(&before.signature.inputs, &after.signature.inputs),
            outputs: Columns::between(&before.signature.outputs, &after.signature.outputs),
            coefficients: Coefficients::between(old, new),
            metrics: figures(&numbers(&before.metrics), &numbers(&after.metrics)),
            settings: Settings::between(old, new),
            training: change(before.training.clone(), after.training.clone()),
        }
    }
}

impl Columns {
    fn between(old: &[Column], new: &[Column]) -> Columns {
        let places: HashMap<&str, usize> = old.iter().enumerate().map(|(i, c)| (c.name.as_str(), i)).collect();
        let mut gone = vec![true; old.len()];
        let mut columns = Columns {
            added: Vec::new(),
            removed: Vec::new(),
            changed: Vec::new(),
            reordered: false,
        };
        let mut last = None;
        for column in new {
            let Some(&place) = places.get(column.name.as_str()) else {
                columns.added.push(column.clone());
                continue;
            };
            gone[place] = false;
            columns.reordered |= last > Some(place);
            last = Some(place);
            if old[place] != *column {
                columns.changed.push(change(old[place].clone(), column.clone()));
            }
        }
        let removed = old.iter().zip(gone).filter(|(_, gone)| *gone);
        columns.removed = removed.map(|(column, _)| column.clone()).collect();
        columns
    }

    pub fn is_none(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty() && !self.reordered
    }
}

impl Coefficients {
    fn between(old: &Side, new: &Side) -> Coefficients {
        let (before, after) = match (&old.coefficients, &new.coefficients) {
            (Ok(before), Ok(after)) => (before, after),
            (Err(why), _) => return Coefficients::incomparable(old.version, why),
            (_, Err(why)) => return Coefficients::incomparable(new.version, why),
        };
        let all = figures(before, after);
        let total = all.len();
        let mut changed: Vec<Figure> = all.into_iter().filter(|f| f.old != f.new).collect();
        changed.sort_by(|a, b| b.size().total_cmp(&a.size()));
        Coefficients {
            incomparable: None,
            same: total - changed.len(),
            changed,
        }
    }

    fn incomparable(version: u32, why: &str) -> Coefficients {
        Coefficients {
            incomparable: Some(format!("of version {version}: {why}")),
            changed: Vec::new(),
            same: 0,
        }
    }
}

impl Settings {
    fn between(old: &Side, new: &Side) -> Settings {
        let incomparable = |version: u32, why: &str| Settings {
            incomparable: Some(format!("of version {version}: {why}")),
            changed: BTreeMap::new(),
            same: 0,
        };
        let (before, after) = match (&old.settings, &new.settings) {
            (Ok(before), Ok(after)) => (before, after),
            (Err(why), _) => return incomparable(old.version, why),
            (_, Err(why)) => return incomparable(new.version, why),
        };
        let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let all = keys.len();
        let pair = |key: &String| (key.clone(), change(before.get(key).cloned(), after.get(key).cloned()));
        let changed: BTreeMap<_, _> = keys.into_iter().map(pair).filter(|(_, c)| !c.is_none()).collect();
        Settings {
            incomparable: None,
            same: all - changed.len(),
            changed,
        }
    }
}

/// The keys of a pipeline file, `section.key`, and their values as TOML.
pub fn settings(pipeline: &toml::Table) -> BTreeMap<String, String> {
    let mut keys = BTreeMap::new();
    for (section, value) in pipeline {
        match value {
            toml::Value::Table(table) => {
                keys.extend(
                    table
                        .iter()
                        .map(|(key, value)| (format!("{section}.{key}"), value.to_string())),
                );
            }
            value => drop(keys.insert(section.clone(), value.to_string())),
        }
    }
    keys
}

impl Figure {
    fn size(&self) -> f64 {
        (self.new.unwrap_or(0.0) - self.old.unwrap_or(0.0)).abs()
    }
}

fn change<T>(old: T, new: T) -> Change<T> {
    Change { old, new }
}

/// The metrics that are numbers.
fn numbers(metrics: &toml::Table) -> Vec<(String, f64)> {
    metrics
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), number(value)?)))
        .collect()
}

/// Both lists side by side, by name.
fn figures(old: &[(String, f64)], new: &[(String, f64)]) -> Vec<Figure> {
    let mut pairs: BTreeMap<&str, (Option<f64>, Option<f64>)> = BTreeMap::new();
    for (name, value) in old {
        pairs.entry(name).or_default().0 = Some(*value);
    }
    for (name, value) in new {
        pairs.entry(name).or_default().1 = Some(*value);
    }
    let figure = |(name, (old, new)): (&str, (Option<f64>, Option<f64>))| Figure {
        name: name.into(),
        old,
        new,
        difference: old.zip(new).map(|(old, new)| new - old),
    };
    pairs.into_iter().map(figure).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Signature, Type};

    fn side(version: u32, inputs: &[(&str, Type)], coefficients: &[(&str, f64)]) -> Side {
        let column = |&(name, kind): &(&str, Type)| Column::plain(name.into(), kind);
        let signature = Signature {
            inputs: inputs.iter().map(column).collect(),
            outputs: vec![Column::plain("prediction".into(), Type::Float64)],
        };
        let manifest = Manifest {
            format_version: 1,
            format: Format::Linear,
            artifact: "linear.json".into(),
            sha256: version.to_string(),
            created_at: String::new(),
            description: String::new(),
            signature,
            metrics: toml::Table::new(),
            training: None,
            attachments: Vec::new(),
        };
        let coefficients = coefficients.iter().map(|(name, value)| (name.to_string(), *value));
        Side {
            version,
            members: Vec::new(),
            manifest,
            coefficients: Ok(coefficients.collect()),
            settings: Err("it was not trained by transform".into()),
        }
    }

    #[test]
    fn settings_that_differ_are_named() {
        let (mut old, mut new) = (side(1, &[], &[]), side(2, &[], &[]));
        let found = Diff::between(&old, &new).settings;
        assert_eq!(
            found.incomparable.as_deref(),
            Some("of version 1: it was not trained by transform")
        );
        let keys = |text: &str| Ok(settings(&toml::from_str(text).unwrap()));
        old.settings = keys("[data]\nfile = 'a.csv'\n[train]\nalpha = 0.0\nseed = 1");
        new.settings = keys("[data]\nfile = 'a.csv'\n[train]\nalpha = 0.5\n[gate]\nr2 = '>= 0.2'");
        let Settings {
            incomparable,
            changed,
            same,
        } = Diff::between(&old, &new).settings;
        let said = |text: &str| Some(text.to_string());
        let expected = [
            ("gate.r2", change(None, said("\">= 0.2\""))),
            ("train.alpha", change(said("0.0"), said("0.5"))),
            ("train.seed", change(said("1"), None)),
        ];
        assert_eq!(changed, expected.map(|(key, change)| (key.to_string(), change)).into());
        assert_eq!((incomparable, same), (None, 1));
    }

    #[test]
    fn columns_come_go_and_change() {
        let old = side(
            1,
            &[("a", Type::Float64), ("b", Type::Float64), ("c", Type::Int64)],
            &[],
        );
        let new = side(
            2,
            &[("c", Type::Float64), ("a", Type::Float64), ("d", Type::String)],
            &[],
        );
        let Columns {
            added,
            removed,
            changed,
            reordered,
        } = Diff::between(&old, &new).inputs;
        assert_eq!(added, [Column::plain("d".into(), Type::String)]);
        assert_eq!(removed, [Column::plain("b".into(), Type::Float64)]);
        assert_eq!(changed.len(), 1);
        assert_eq!((changed[0].old.kind, changed[0].new.kind), (Type::Int64, Type::Float64));
        assert!(reordered);
        // One that was taken from the middle moves no other.
        let fewer = side(3, &[("a", Type::Float64), ("c", Type::Int64)], &[]);
        assert!(!Diff::between(&old, &fewer).inputs.reordered);
        assert!(Diff::between(&old, &old).inputs.is_none());
    }

    #[test]
    fn the_largest_difference_stands_first() {
        let old = side(1, &[], &[("a", 1.0), ("b", -5.0), ("c", 2.0), ("same", 3.0)]);
        let new = side(2, &[], &[("a", 1.5), ("b", 5.0), ("d", -4.0), ("same", 3.0)]);
        let Coefficients {
            incomparable,
            changed,
            same,
        } = Diff::between(&old, &new).coefficients;
        let names: Vec<&str> = changed.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, ["b", "d", "c", "a"]);
        assert_eq!(changed[0].difference, Some(10.0));
        assert_eq!(
            (changed[1].old, changed[1].new, changed[1].difference),
            (None, Some(-4.0), None)
        );
        assert_eq!((incomparable, same), (None, 1));
    }

    #[test]
    fn what_has_no_coefficients_says_so() {
        let old = side(1, &[], &[("a", 1.0)]);
        let mut new = side(2, &[], &[]);
        new.coefficients = Err("trees have none".into());
        let found = Diff::between(&old, &new).coefficients;
        assert_eq!(found.incomparable.as_deref(), Some("of version 2: trees have none"));
        assert!(found.changed.is_empty());
    }

    #[test]
    fn metrics_of_either_version_are_shown() {
        let (mut old, mut new) = (side(1, &[], &[]), side(2, &[], &[]));
        old.manifest.metrics = toml::from_str("r2 = 0.5\nn = 20\nnote = \"x\"").unwrap();
        new.manifest.metrics = toml::from_str("r2 = 0.25\nmae = 1.0").unwrap();
        let metrics = Diff::between(&old, &new).metrics;
        let shown: Vec<_> = metrics
            .iter()
            .map(|f| (f.name.as_str(), f.old, f.new, f.difference))
            .collect();
        assert_eq!(
            shown,
            [
                ("mae", None, Some(1.0), None),
                ("n", Some(20.0), None, None),
                ("r2", Some(0.5), Some(0.25), Some(-0.25)),
            ]
        );
    }
}
