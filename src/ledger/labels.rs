//! What came true of inputs, row by row, and what came of it by the version that had predicted it. Each is of an input with these
//! contents: another one under its name has none of it.

use super::Ledger;
use super::database::to_name;
use super::half_hash::HalfHash;
use super::recipe::{self, answering};
use crate::error::Result;

use crate::monitor::labels::Labels;
use crate::monitor::performance::Measured;
use crate::spool::Name;

use rusqlite::{Row, params};

/// An output that stands: of which input, by whom.
#[derive(Clone, Debug)]
pub struct Scored {
    pub input: Name,
    /// Of the input.
    pub input_hash: HalfHash,
    pub made_by: String,
    pub rows: u64,
    pub bad_rows: u64,
    /// When an input with these contents was first seen, in microseconds since 1970.
    pub first_seen: i64,
    /// Of the output: what it must still be.
    pub size: u64,
    pub hash: HalfHash,
    /// Its name.
    pub output: Name,
}

/// What came of the labels of one input, of the rows that one version had scored.
#[derive(Clone, Debug, PartialEq)]
pub struct Labelled {
    pub input: Name,
    /// Of the input.
    pub input_hash: HalfHash,
    pub made_by: String,
    /// When an input with these contents was first seen, in microseconds since 1970: the window that it belongs to.
    pub first_seen: i64,
    /// Rows that were scored, labelled or not.
    pub scored: u64,
    pub measured: Measured,
}

/// What the ledger is to keep of an input's labels.
pub struct Labelling<'a> {
    pub scored: &'a Scored,
    pub labels: &'a Labels,
    /// Of each version that answered rows of it.
    pub versions: &'a [OfOne],
}

/// What came of the labels of the rows of an input that a version answered.
pub struct OfOne {
    /// As the ledger names it alone.
    pub made_by: String,
    /// Its rows that were scored, labelled or not.
    pub scored: u64,
    pub measured: Measured,
}

impl Scored {
    /// The versions whose rows are in it, as the ledger names each alone.
    pub fn versions(&self) -> impl Iterator<Item = &str> {
        answering(&self.made_by)
    }
}

impl Ledger {
    /// The outputs that stand and whose bytes are known, those of the inputs first seen since then (microseconds since 1970); the
    /// newest input first.
    pub fn scored(&self, since: i64) -> Result<Vec<Scored>> {
        let select = "SELECT input, input_hash, c.made_by, rows, bad_rows, first_seen, published, output_hash, c.output_format, c.shape
            FROM results r JOIN recipes c ON c.id = r.recipe
            WHERE verdict = 0 AND recipe > 0 AND input_hash IS NOT NULL AND output_hash IS NOT NULL AND first_seen >= ?
            ORDER BY first_seen DESC, input DESC";
        self.select(select, [since], |row| {
            let input = to_name(row, 0)?;
            Ok(Scored {
                output: recipe::output(row.get(8)?, &row.get::<_, String>(9)?, &input),
                input,
                input_hash: HalfHash::read(row, 1)?,
                made_by: row.get(2)?,
                rows: row.get(3)?,
                bad_rows: row.get(4)?,
                first_seen: row.get(5)?,
                size: row.get(6)?,
                hash: HalfHash::read(row, 7)?,
            })
        })
    }

    /// The labels of an input with these contents; none where none came, or they are damaged.
    pub fn labels(&self, input: &Name, input_hash: HalfHash) -> Result<Labels> {
        let select = "SELECT labels FROM labels WHERE input = ? AND input_hash = ?";
        let read = |row: &Row| Ok(Labels::of(&row.get::<_, Vec<u8>>(0)?));
        let found = self.select(select, params![input.bytes(), input_hash.0], read)?;
        Ok(found.into_iter().flatten().next().unwrap_or_default())
    }

    /// Inputs that have labels, with the hash of their contents.
    pub fn with_labels(&self) -> Result<Vec<(Name, HalfHash)>> {
        self.select("SELECT input, input_hash FROM labels ORDER BY input", [], |row| {
            Ok((to_name(row, 0)?, HalfHash::read(row, 1)?))
        })
    }

    /// Keeps labels and what came of them, in place of what was known of the same inputs; all or none.
    pub fn set_labels(&mut self, labellings: &[Labelling]) -> Result<()> {
        self.write(|db| {
            let mut labels = db.prepare_cached("INSERT OR REPLACE INTO labels VALUES (?, ?, ?, ?)")?;
            let mut labelled = db.prepare_cached("INSERT OR REPLACE INTO labelled VALUES (?, ?, ?, ?, ?, ?)")?;
            for labelling in labellings {
                let Scored {
                    input,
                    input_hash,
                    first_seen,
                    ..
                } = labelling.scored;
                labels.execute(params![
                    input.bytes(),
                    input_hash.0,
                    first_seen,
                    labelling.labels.bytes()
                ])?;
                for version in labelling.versions {
                    labelled.execute(params![
                        input.bytes(),
                        input_hash.0,
                        version.made_by,
                        first_seen,
                        version.scored,
                        version.measured.bytes(),
                    ])?;
                }
            }
            Ok(())
        })
    }

    /// What came of labels, of the inputs first seen from `since` on (microseconds since 1970), in the order in which they were
    /// seen. What is damaged is left out. [`Measured::add`] makes windows of them, by version.
    pub fn labelled(&self, since: i64) -> Result<Vec<Labelled>> {
        let select = "SELECT input, input_hash, made_by, first_seen, scored, measured FROM labelled
            WHERE first_seen >= ? ORDER BY first_seen, input, made_by";
        let rows = self.select(select, [since], |row| {
            let measured = Measured::of(&row.get::<_, Vec<u8>>(5)?);
            let labelled = |measured| {
                Ok::<_, rusqlite::Error>(Labelled {
                    input: to_name(row, 0)?,
                    input_hash: HalfHash::read(row, 1)?,
                    made_by: row.get(2)?,
                    first_seen: row.get(3)?,
                    scored: row.get(4)?,
                    measured,
                })
            };
            measured.map(labelled).transpose()
        })?;
        Ok(rows.into_iter().flatten().collect())
    }
}
