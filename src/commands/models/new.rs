//! `transform models register` and `ensemble`: versions are added.

use super::super::invocation::Invocation;
use super::super::monitor::baseline::{read, rows as baseline_rows};
use super::super::{count, group, now, print_line, read_rows, sandbox};
use super::{print_ended, vote};
use crate::cli;
use crate::config::Config;
use crate::digits;
use crate::error::{Error, Result};
use crate::model::ensemble::{Combine, Plan};
use crate::model::{Declared, Format};
use crate::registry::ensemble::Recipe;
use crate::registry::golden::Rows;
use crate::registry::{Candidate, Details, Registered, Registry, read_artifact};
use std::path::Path;

/// Rows to take golden rows from are held in memory.
const GOLDEN_MAX: u64 = 64 << 20;

/// Where a version is added, and how people are told.
pub struct New<'a> {
    pub config: &'a Config,
    pub registry: &'a Registry,
    pub invocation: &'a Invocation,
}

impl New<'_> {
    pub fn register(&self, artifact: &Path, format: Format, declared: Declared, details: cli::Details) -> Result<()> {
        self.add(details, |details| {
            let candidate = Candidate {
                artifact: read_artifact(artifact)?,
                source: artifact,
                format,
                declared,
                details,
            };
            if format == Format::Onnx {
                sandbox::check(self.config, artifact, format)?;
            }
            self.registry.register(candidate, now())
        })
    }

    pub fn ensemble(&self, recipe: Recipe, details: cli::Details) -> Result<()> {
        self.add(details, |details| {
            let registered = self.registry.register_ensemble(recipe, details, now())?;
            if let Some(plan) = self.registry.plan(registered.version)? {
                members(&plan).into_iter().for_each(print_line);
            }
            Ok(registered)
        })
    }

    /// Reads what was said of a version, has it added, and says what comes next.
    fn add(&self, said: cli::Details, add: impl FnOnce(Details) -> Result<Registered>) -> Result<()> {
        let cli::Details {
            description,
            metric,
            golden,
            baseline,
            columns,
            approve,
        } = said;
        let (config, registry) = (self.config, self.registry);
        if baseline.is_none()
            && (columns.target.is_some() || columns.prediction.is_some() || !columns.columns.is_empty())
        {
            let message = "--target, --prediction and --columns name columns of the rows of --baseline";
            return Err(Error::config("--baseline", message));
        }
        let examples = baseline.as_deref().map(|path| read(config, path)).transpose()?;
        let raw = golden
            .as_deref()
            .map(|path| read_rows(config, path, GOLDEN_MAX))
            .transpose()?;
        let golden_rows = raw.as_ref().zip(golden.as_deref()).map(|(rows, source)| Rows {
            table: rows.table(&config.shape.spelling),
            among: None,
            source,
        });
        let Registered { version, remarks } = add(Details {
            description,
            metrics: metric.into_iter().map(|(name, number)| (name, number.into())).collect(),
            golden: golden_rows,
            baseline: examples
                .as_ref()
                .zip(baseline.as_deref())
                .map(|(rows, path)| baseline_rows(config, path, rows, columns)),
            ..Details::default()
        })?;
        let golden = registry.golden(version)?.map(|golden| golden.rows.len() as u64);
        let with = golden.map_or(String::new(), |n| format!(", with {}", count(n, "golden row")));
        let name = format!("{}/{version}", registry.group());
        remarks.iter().for_each(|remark| print_line(format!("note: {remark}")));
        if approve {
            let ended = registry.approve(version, vote("approved when it was registered".into()))?;
            print_line(format!("registered and approved {name}{with}"));
            print_ended(&ended);
        } else {
            let approve = self
                .invocation
                .next(&format!("models approve {version}"), registry.group());
            print_line(format!("registered {name}, pending{with}; to use it: {approve}"));
        }
        group::print_several(self.invocation);
        Ok(())
    }
}

/// For example `version 3, xgboost: 62.5 % of the mean`.
pub fn members(plan: &Plan) -> Vec<String> {
    let member = |(part, share): (&crate::model::ensemble::Part, f64)| {
        let of = match plan.combine {
            Combine::Mean => format!("{} % of the mean", digits::short(100.0 * share, 4)),
            Combine::Median => "for the median".into(),
        };
        format!("version {}, {}: {of}", part.version, part.format)
    };
    plan.members.iter().zip(plan.shares()).map(member).collect()
}
