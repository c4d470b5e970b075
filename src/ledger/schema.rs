//! The ledger's tables.

use rusqlite::Connection;

pub const VERSION: i64 = 4;
/// Says in the file's header that this is our database ("tfrm").
pub const APPLICATION_ID: i64 = 0x7466_726d;

/// Made once, at the first start.
const LASTING: &str = "
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
";

/// What schema 3 brought. Times are microseconds since 1970; `verdict` is 0 publish, 1 fail, 2 hold; `phase` is that of
/// an experiment, `name/number`, NULL outside of one.
pub const TABLES: &str = "
    -- What failed for now. Gone once it succeeds; an empty input stands for the whole worker.
    CREATE TABLE faults (
        input BLOB PRIMARY KEY,
        code TEXT NOT NULL, message TEXT NOT NULL, tries INTEGER NOT NULL,
        since INTEGER NOT NULL, last INTEGER NOT NULL, retry_at INTEGER
    ) WITHOUT ROWID;
    -- What shapes outputs beside their inputs. 0 fits nothing, and so does the output format 0 (not known). `artifact` is
    -- the champion's, where it is known.
    CREATE TABLE recipes (
        id INTEGER PRIMARY KEY,
        made_by TEXT NOT NULL, shape TEXT NOT NULL, output_format INTEGER NOT NULL,
        artifact TEXT,
        UNIQUE (made_by, shape, output_format)
    );
    INSERT INTO recipes VALUES (0, '', '', 0, NULL);
    -- What each input's output or report was made from. Narrow rows: a look at every input of a large folder reads all of
    -- them. `ctime` counts from `mtime`, which takes least room. Hashes are the first half of BLAKE3, NULL where it failed.
    CREATE TABLE results (
        input BLOB PRIMARY KEY,
        size INTEGER NOT NULL, mtime INTEGER NOT NULL, ctime INTEGER,
        racy INTEGER NOT NULL,
        input_hash BLOB,
        recipe INTEGER NOT NULL REFERENCES recipes,
        published INTEGER NOT NULL,
        problem TEXT,
        verdict INTEGER NOT NULL,
        first_seen INTEGER NOT NULL,
        phase TEXT,
        output_hash BLOB,
        -- How often its output went, when it was found so last, and how often it was made again since.
        taken INTEGER NOT NULL, taken_at INTEGER NOT NULL, remade INTEGER NOT NULL,
        rows INTEGER NOT NULL, bad_rows INTEGER NOT NULL,
        -- By column, how many cells have a category that the model doesn't know: JSON, NULL where there are none.
        unknown TEXT
    ) WITHOUT ROWID;
    CREATE INDEX reported ON results (input) WHERE verdict > 0;
    CREATE INDEX found ON results (input) WHERE bad_rows > 0 OR unknown IS NOT NULL;
    -- Every transformation, for as long as state.history says. Hashes are BLAKE3, NULL where it failed. No number is used
    -- twice, though old rows go: what was told of them is known by it.
    CREATE TABLE history (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        input BLOB NOT NULL, at INTEGER NOT NULL, micros INTEGER NOT NULL,
        recipe INTEGER NOT NULL REFERENCES recipes,
        rows INTEGER NOT NULL, bad_rows INTEGER NOT NULL, not_finite INTEGER NOT NULL, bytes INTEGER NOT NULL,
        input_hash BLOB, output_hash BLOB,
        verdict INTEGER NOT NULL, phase TEXT,
        problem TEXT, message TEXT,
        unknown TEXT,
        -- NULL, too, of an output that was too large for it.
        output_sha256 BLOB
    );
    CREATE INDEX history_of_input ON history (input, id);
    CREATE INDEX kept_back ON history (input_hash) WHERE verdict > 0 AND input_hash IS NOT NULL;
    -- What was decided on results, and by whom; kept for ever. `kind`: retry, dismiss, release. `transformation`: the one whose
    -- failure was dismissed, or whose result was released. `evidence` is JSON.
    CREATE TABLE decisions (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL, kind TEXT NOT NULL, input BLOB NOT NULL,
        by TEXT NOT NULL, reason TEXT NOT NULL, transformation INTEGER, evidence TEXT
    );
    CREATE INDEX decisions_of_input ON decisions (input, id);
    -- What was counted of an input when a lineup scored it: in the bins of a baseline (`baseline`: its SHA-256); of small ones
    -- together, `input` NULL; `kept_back`: what those decided on is held. For as long as state.history says.
    CREATE TABLE counts (
        id INTEGER PRIMARY KEY,
        input BLOB, made_by TEXT NOT NULL, baseline BLOB NOT NULL,
        first_seen INTEGER NOT NULL, rows INTEGER NOT NULL, counts BLOB NOT NULL, kept_back INTEGER NOT NULL,
        UNIQUE (input, made_by)
    );
    CREATE INDEX counts_by_time ON counts (first_seen);
    -- Small inputs since the last ones that were judged together.
    CREATE TABLE windows (
        made_by TEXT NOT NULL, baseline BLOB NOT NULL,
        files INTEGER NOT NULL, since INTEGER NOT NULL, counts BLOB NOT NULL,
        PRIMARY KEY (made_by, baseline)
    ) WITHOUT ROWID;
    -- What came true, by row, of an input with these contents; and what came of it, by who had scored it: sums. For as long as
    -- state.history says.
    CREATE TABLE labels (
        input BLOB NOT NULL, input_hash BLOB NOT NULL, first_seen INTEGER NOT NULL, labels BLOB NOT NULL,
        PRIMARY KEY (input, input_hash)
    );
    CREATE INDEX labels_by_time ON labels (first_seen);
    CREATE TABLE labelled (
        input BLOB NOT NULL, input_hash BLOB NOT NULL, made_by TEXT NOT NULL,
        first_seen INTEGER NOT NULL, scored INTEGER NOT NULL, measured BLOB NOT NULL,
        PRIMARY KEY (input, input_hash, made_by)
    );
    CREATE INDEX labelled_by_time ON labelled (first_seen);
    -- Checks that were beyond their bars in one of the last windows, of the lineup at work. `recent`: a bit a window, the last one
    -- lowest; `since`: NULL where no alert is open; an empty `segment` is none.
    CREATE TABLE alerts (
        made_by TEXT NOT NULL, baseline BLOB NOT NULL,
        area TEXT NOT NULL, check_name TEXT NOT NULL, column_name TEXT NOT NULL, segment TEXT NOT NULL,
        recent INTEGER NOT NULL, since INTEGER, at INTEGER NOT NULL,
        value REAL NOT NULL, bar REAL NOT NULL, absent INTEGER NOT NULL,
        PRIMARY KEY (made_by, baseline, area, check_name, column_name, segment)
    ) WITHOUT ROWID;
    -- The last window of a lineup that was judged; `checks` is JSON, of the first ones.
    CREATE TABLE looks (
        made_by TEXT NOT NULL, baseline BLOB NOT NULL,
        at INTEGER NOT NULL, input BLOB NOT NULL, files INTEGER NOT NULL, rows INTEGER NOT NULL,
        checks TEXT NOT NULL, left_out INTEGER NOT NULL,
        PRIMARY KEY (made_by, baseline)
    ) WITHOUT ROWID;
    -- What happened and isn't in the folder of alerts yet. No number is used twice: a file's name has it.
    CREATE TABLE events (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at INTEGER NOT NULL, kind TEXT NOT NULL, about TEXT NOT NULL, body TEXT NOT NULL
    );
";

/// What schema 4 brought.
pub const TRIALS: &str = "
    -- What was kept of a trial of an input with these contents, in that phase of the experiment; `published`, `published_hash`: the size of its file, and half its BLAKE3;
    -- `problem`: why there is none. Rows that both versions can score, and rows of no arm; of each version its rows, those that are
    -- bad, what predicting took, how its predictions are spread.
    CREATE TABLE trials (
        experiment TEXT NOT NULL, input BLOB NOT NULL, input_hash BLOB NOT NULL,
        champion TEXT NOT NULL, made_by TEXT NOT NULL, phase INTEGER NOT NULL, at INTEGER NOT NULL, published INTEGER NOT NULL,
        both INTEGER NOT NULL, unassigned INTEGER NOT NULL,
        champion_rows INTEGER NOT NULL, champion_bad INTEGER NOT NULL, champion_nanos INTEGER NOT NULL, champion_sketch BLOB NOT NULL,
        tried_rows INTEGER NOT NULL, tried_bad INTEGER NOT NULL, tried_nanos INTEGER NOT NULL, tried_sketch BLOB NOT NULL,
        has_key INTEGER NOT NULL, problem TEXT, published_hash BLOB,
        PRIMARY KEY (experiment, input)
    ) WITHOUT ROWID;
    -- Of which phase inputs with these contents are that are being published; gone once their results are recorded.
    CREATE TABLE claims (input BLOB PRIMARY KEY, input_hash BLOB NOT NULL, phase TEXT) WITHOUT ROWID;
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
    transaction.execute_batch(LASTING)?;
    transaction.execute_batch(TABLES)?;
    transaction.execute_batch(TRIALS)?;
    transaction.execute("INSERT INTO meta VALUES ('instance', lower(hex(randomblob(4))))", [])?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}
