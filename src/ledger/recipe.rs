//! What shapes outputs beside their inputs.

use crate::spool::{Name, results};
use crate::transform::Shape;
use rusqlite::{Connection, params};
use std::collections::HashMap;
use std::sync::Arc;

/// What shapes an output beside its input; an output is stale once any of it differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// The lineup that answered: `group/version@SHA-256 of the manifest`; with a challenger, as
    /// [`Phase::made_by`](crate::score::Phase::made_by) has it.
    pub made_by: Arc<str>,
    /// The settings' canonical text.
    pub shape: Arc<str>,
    /// The output format's version; 0: not known, and fits nothing.
    pub output_format: u32,
}

impl Recipe {
    /// The champion: `group/version`.
    pub fn model(&self) -> &str {
        champion(&self.made_by)
    }

    /// The name of an input's output that is made by it; `None`: it isn't known.
    pub fn output(&self, input: &Name) -> Option<Name> {
        (!self.made_by.is_empty()).then(|| output(self.output_format, &self.shape, input))
    }

    /// Did that model answer rows, or a version of that group?
    pub fn is_by(&self, model: &str) -> bool {
        answering(&self.made_by).any(|version| {
            let version = champion(version);
            version == model || version.strip_prefix(model).is_some_and(|rest| rest.starts_with('/'))
        })
    }
}

/// The version of the output format up to which all outputs were CSVs, and of one name whatever their inputs': a CSV in `x.tsv` had
/// `x.tsv.out`.
const BARE: u32 = 1;

/// The name of an input's output, by columns of a recipe but that numbered 0.
pub(super) fn output(output_format: u32, shape: &str, input: &Name) -> Name {
    match output_format {
        ..=BARE => results::bare_output(input),
        _ => results::output(input, Shape::output_of(shape)),
    }
}

/// The champion of a lineup as the ledger names it: `group/version`.
pub fn champion(made_by: &str) -> &str {
    let group = made_by.find('/').unwrap_or(0);
    let end = made_by[group..].find('@').map_or(made_by.len(), |at| group + at);
    &made_by[..end]
}

/// The versions of a lineup, as the ledger names each alone: the champion, and the challenger beside it, if rows were its.
pub fn answering(made_by: &str) -> impl Iterator<Item = &str> {
    let alone = |made_by| -> &str {
        let model = champion(made_by).len();
        let end = made_by[model..].find(' ').map_or(made_by.len(), |at| model + at);
        &made_by[..end]
    };
    let first = alone(made_by);
    // Behind it stand the phase, the challenger, and how keys are split.
    let rest = made_by[first.len()..]
        .strip_prefix(' ')
        .and_then(|rest| rest.split_once(' '));
    [Some(first), rest.map(|(_, challenger)| alone(challenger))]
        .into_iter()
        .flatten()
}

/// The number of a recipe. `artifact`: SHA-256 of the champion's, for people.
pub(super) fn number(db: &Connection, recipe: &Recipe, artifact: Option<&str>) -> rusqlite::Result<i64> {
    let Recipe {
        made_by,
        shape,
        output_format,
    } = recipe;
    db.prepare_cached("INSERT OR IGNORE INTO recipes (made_by, shape, output_format, artifact) VALUES (?, ?, ?, ?)")?
        .execute(params![made_by, shape, output_format, artifact])?;
    db.prepare_cached("SELECT id FROM recipes WHERE made_by = ? AND shape = ? AND output_format = ?")?
        .query_row(params![made_by, shape, output_format], |row| row.get(0))
}

/// All recipes with their artifacts, by number.
pub(super) fn all(db: &Connection) -> rusqlite::Result<HashMap<i64, (Recipe, Option<String>)>> {
    db.prepare_cached("SELECT id, made_by, shape, output_format, artifact FROM recipes")?
        .query_map([], |row| {
            let recipe = Recipe {
                made_by: row.get::<_, String>(1)?.into(),
                shape: row.get::<_, String>(2)?.into(),
                output_format: row.get(3)?,
            };
            Ok((row.get(0)?, (recipe, row.get(4)?)))
        })?
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lineup_names_the_versions_that_answer() {
        let of = |made_by| answering(made_by).collect::<Vec<_>>();
        assert_eq!(of("my group/1@aa"), ["my group/1@aa"]);
        assert_eq!(
            of("my group/1@aa ab/2 my group/3@bb 10% salt"),
            ["my group/1@aa", "my group/3@bb"]
        );
        assert_eq!(of(""), [""]);
        let recipe = Recipe {
            made_by: "lines/1@aa ab/2 lines/3@bb 10% salt".into(),
            shape: "".into(),
            output_format: 1,
        };
        for (model, is_by) in [
            ("lines/1", true),
            ("lines/3", true),
            ("lines", true),
            ("lines/2", false),
            ("ab/2", false),
        ] {
            assert_eq!(recipe.is_by(model), is_by, "{model}");
        }
    }
}
