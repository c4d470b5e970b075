//! Ledgers of earlier versions become today's. What they say of lineups and settings is theirs until it is stamped
//! ([`stamp`](super::stamp)).

use super::schema::{TABLES, TRIALS, VERSION};
use rusqlite::Connection;
use std::path::Path;

/// Schema 1 kept the recipe with every input.
const FROM_1: &str = "
    ALTER TABLE results RENAME TO results_1;
    CREATE TABLE recipes (
        id INTEGER PRIMARY KEY,
        model TEXT NOT NULL, settings TEXT NOT NULL, output_format INTEGER NOT NULL,
        UNIQUE (model, settings, output_format)
    );
    INSERT INTO recipes VALUES (0, '', '', 0);
    CREATE TABLE results (
        input BLOB PRIMARY KEY,
        size INTEGER NOT NULL, mtime INTEGER NOT NULL, ctime INTEGER,
        racy INTEGER NOT NULL,
        input_hash BLOB,
        recipe INTEGER NOT NULL,
        published INTEGER NOT NULL,
        problem TEXT
    ) WITHOUT ROWID;
    INSERT INTO recipes (model, settings, output_format)
        SELECT DISTINCT model, settings, output_format FROM results_1 WHERE output_format > 0;
    INSERT INTO results
        SELECT r.input, r.size, r.mtime, r.ctime, r.racy, nullif(unhex(r.input_hash), x''),
               coalesce(c.id, 0), r.published, r.problem
        FROM results_1 r LEFT JOIN recipes c USING (model, settings, output_format);
    DROP TABLE results_1;
";

const ASIDE: &str = "
    ALTER TABLE results RENAME TO results_2;
    ALTER TABLE recipes RENAME TO recipes_2;
    ALTER TABLE history RENAME TO history_2;
    DROP INDEX history_of_input;
    -- They are found anew.
    DROP TABLE faults;
";

/// Schema 2 said in each row of the history which model it was by, and not with which settings.
const FROM_2: &str = "
    INSERT INTO recipes
        SELECT id, model, settings, output_format, substr(model, instr(model, '@') + 1) FROM recipes_2 WHERE id > 0;
    INSERT OR IGNORE INTO recipes (made_by, shape, output_format, artifact)
        SELECT DISTINCT model_group || '/' || version || '@' || artifact, '', 0, artifact FROM history_2;
    INSERT INTO history
        SELECT h.id, h.input, h.at, h.micros, r.id, h.rows, h.bad_rows, h.not_finite, h.bytes,
               nullif(unhex(h.input_hash), x''), nullif(unhex(h.output_hash), x''),
               h.problem IS NOT NULL, NULL, h.problem, h.message, NULL, NULL
        FROM history_2 h JOIN recipes r
             ON r.made_by = h.model_group || '/' || h.version || '@' || h.artifact AND r.shape = '' AND r.output_format = 0
        ORDER BY h.id;
    -- The last row of an input's history is about what stands. (Times that are too far from each other are no integer.)
    INSERT INTO results
        SELECT r.input, r.size, r.mtime, iif(typeof(r.ctime - r.mtime) = 'real', 0, r.ctime - r.mtime), r.racy,
               substr(r.input_hash, 1, 16), r.recipe, r.published, r.problem,
               r.problem IS NOT NULL,
               coalesce(
                   (SELECT min(h.at) FROM history h WHERE h.input = r.input AND h.input_hash IS r.input_hash),
                   (SELECT max(h.at) FROM history h WHERE h.input = r.input),
                   0),
               NULL,
               CASE WHEN r.problem IS NULL THEN
                   (SELECT substr(h.output_hash, 1, 16) FROM history h WHERE h.input = r.input ORDER BY h.id DESC LIMIT 1)
               END,
               0, 0, 0,
               coalesce((SELECT h.rows FROM history h WHERE h.input = r.input ORDER BY h.id DESC LIMIT 1), 0),
               coalesce((SELECT h.bad_rows FROM history h WHERE h.input = r.input ORDER BY h.id DESC LIMIT 1), 0),
               NULL
        FROM results_2 r;
    DROP TABLE results_2;
    DROP TABLE recipes_2;
    DROP TABLE history_2;
";

/// What schema 3 kept of shadows, before there were other trials: they are made again.
const FROM_3: &str = "DROP TABLE IF EXISTS shadows";

/// From schema 1, 2 or 3 to today's, in one transaction.
pub fn upgrade(db: &mut Connection, from: i64) -> rusqlite::Result<()> {
    let transaction = db.transaction()?;
    if from == 1 {
        transaction.execute_batch(FROM_1)?;
    }
    match from {
        3 => transaction.execute_batch(FROM_3)?,
        _ => {
            transaction.execute_batch(ASIDE)?;
            transaction.execute_batch(TABLES)?;
            transaction.execute_batch(FROM_2)?;
        }
    }
    transaction.execute_batch(TRIALS)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

/// Makes a ledger of an earlier version one that gives back what it no longer needs. It is as good without, so where the
/// disk has no room for a second one, or anything else is in the way, it stays as it is.
pub fn compact(db: &Connection, path: &Path) {
    let needed = path.metadata().map_or(u64::MAX, |file| 3 * file.len());
    let free = rustix::fs::statvfs(path).map_or(0, |disk| disk.f_bavail * disk.f_frsize);
    if free > needed {
        let _ = db.execute_batch("PRAGMA auto_vacuum = incremental; VACUUM");
    }
}
