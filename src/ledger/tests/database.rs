//! The file itself.

use super::*;
use std::path::Path;

#[test]
fn an_unreadable_ledger_is_not_an_absent_one() {
    let state = tempfile::tempdir().unwrap();
    assert!(Ledger::read(state.path()).unwrap().is_none());
    assert!(Ledger::read(&state.path().join("not made yet")).unwrap().is_none());
    std::os::unix::fs::symlink("ledger.db", state.path().join("ledger.db")).unwrap();
    assert!(Ledger::read(state.path()).is_err());
    assert!(Ledger::read(Path::new("/proc/self/exe")).is_err());
}

#[test]
#[expect(clippy::disallowed_methods, reason = "what a killed worker left")]
fn a_ledger_is_made_whole_or_not_at_all() {
    let state = tempfile::tempdir().unwrap();
    for left in ["ledger.db.tmp", "ledger.db.tmp-journal"] {
        std::fs::write(state.path().join(left), "half").unwrap();
    }
    assert!(Ledger::read(state.path()).unwrap().is_none());
    let instance = Ledger::open(state.path()).unwrap().instance().unwrap();
    assert_eq!(Ledger::open(state.path()).unwrap().instance().unwrap(), instance);
    let mode: String = {
        let ledger = Ledger::read(state.path()).unwrap().unwrap();
        ledger
            .db
            .pragma_query_value(None, "journal_mode", |row| row.get(0))
            .unwrap()
    };
    assert_eq!(
        (mode.as_str(), std::fs::read_dir(state.path()).unwrap().count()),
        ("wal", 1)
    );
}
