//! The ledger's tables, and how those of earlier versions become them.

use rusqlite::Connection;

pub const VERSION: i64 = 2;
/// Says in the file's header that this is our database ("tfrm").
const APPLICATION_ID: i64 = 0x7466_726d;

const SCHEMA: &str = "
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    -- Every transformation. `at` counts microseconds since 1970.
    CREATE TABLE history (
        id INTEGER PRIMARY KEY,
        input BLOB NOT NULL, at INTEGER NOT NULL, micros INTEGER NOT NULL,
        model_group TEXT NOT NULL, version INTEGER NOT NULL, artifact TEXT NOT NULL,
        rows INTEGER NOT NULL, bad_rows INTEGER NOT NULL, not_finite INTEGER NOT NULL,
        bytes INTEGER NOT NULL, input_hash TEXT NOT NULL, output_hash TEXT NOT NULL,
        problem TEXT, message TEXT
    );
    CREATE INDEX history_of_input ON history (input, id);
    -- What failed for now. Gone once it succeeds; an empty input stands for the whole worker.
    CREATE TABLE faults (
        input BLOB PRIMARY KEY,
        code TEXT NOT NULL, message TEXT NOT NULL, tries INTEGER NOT NULL, since INTEGER NOT NULL
    ) WITHOUT ROWID;
";

/// Narrow rows: a look at every input of a large folder reads all of them.
const RESULTS: &str = "
    -- What shapes outputs beside their inputs. 0 fits nothing.
    CREATE TABLE recipes (
        id INTEGER PRIMARY KEY,
        model TEXT NOT NULL, settings TEXT NOT NULL, output_format INTEGER NOT NULL,
        UNIQUE (model, settings, output_format)
    );
    INSERT INTO recipes VALUES (0, '', '', 0);
    -- What each input's output or report was made from. `input_hash` is BLAKE3, NULL where it failed.
    CREATE TABLE results (
        input BLOB PRIMARY KEY,
        size INTEGER NOT NULL, mtime INTEGER NOT NULL, ctime INTEGER,
        racy INTEGER NOT NULL,
        input_hash BLOB,
        recipe INTEGER NOT NULL REFERENCES recipes,
        published INTEGER NOT NULL,
        problem TEXT
    ) WITHOUT ROWID;
";

/// Schema 1 kept the recipe with every input.
const FROM_1: &str = "
    INSERT INTO recipes (model, settings, output_format)
        SELECT DISTINCT model, settings, output_format FROM results_1 WHERE output_format > 0;
    INSERT INTO results
        SELECT r.input, r.size, r.mtime, r.ctime, r.racy, nullif(unhex(r.input_hash), x''),
               coalesce(c.id, 0), r.published, r.problem
        FROM results_1 r LEFT JOIN recipes c USING (model, settings, output_format);
    DROP TABLE results_1;
";

/// What the database says it is.
pub enum Version {
    /// 0: nothing yet.
    Known(i64),
    Newer(i64),
    /// Another program's.
    Foreign,
}

pub fn version(db: &Connection) -> rusqlite::Result<Version> {
    let read = |name| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    Ok(match (read("user_version")?, read("application_id")?) {
        (0, 0) => Version::Known(0),
        (version @ 1..=VERSION, APPLICATION_ID) => Version::Known(version),
        (newer, APPLICATION_ID) if newer > VERSION => Version::Newer(newer),
        _ => Version::Foreign,
    })
}

pub fn create(db: &mut Connection) -> rusqlite::Result<()> {
    let transaction = db.transaction()?;
    transaction.execute_batch(SCHEMA)?;
    transaction.execute_batch(RESULTS)?;
    transaction.execute("INSERT INTO meta VALUES ('instance', lower(hex(randomblob(4))))", [])?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

/// From schema 1.
pub fn upgrade(db: &mut Connection) -> rusqlite::Result<()> {
    let transaction = db.transaction()?;
    transaction.execute_batch("ALTER TABLE results RENAME TO results_1")?;
    transaction.execute_batch(RESULTS)?;
    transaction.execute_batch(FROM_1)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}
