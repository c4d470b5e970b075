//! Faults.

use super::*;

/// `since` was that of the last try.
#[test]
fn a_fault_that_goes_on_keeps_its_first_time() {
    let state = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(state.path()).unwrap();
    let fault = |at| Fault {
        input: name("a"),
        code: "io".into(),
        message: String::new(),
        tries: at as u32,
        since: at,
        last: at,
        retry_at: Some(at + 1),
    };
    for at in [1, 2, 3] {
        ledger.set_fault(&fault(at)).unwrap();
    }
    assert_eq!(ledger.faults().unwrap(), [Fault { since: 1, ..fault(3) }]);
    ledger.clear_fault(&name("a")).unwrap();
    ledger.set_fault(&fault(4)).unwrap();
    assert_eq!(ledger.faults().unwrap(), [fault(4)]);
}
