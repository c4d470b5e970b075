//! How many files may be open at once, and so how many small inputs are worked on together.

use rustix::process::{Resource, Rlimit};

/// The output and the rejects of an input, each with its folder, while those of the group before are published.
const EACH: u64 = 8;
/// The ledger, the watches, the signals, a large input, and what is open for a moment only.
const OTHERS: u64 = 40;

/// Raises the soft limit, which is for programs that use `select`, to the hard one. Returns how many inputs may have
/// their results open.
pub fn raise_limit() -> usize {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    let files = match rustix::process::setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    together(files)
}

/// `None`: without limit.
fn together(files: Option<u64>) -> usize {
    let inputs = files.map_or(u64::MAX, |files| files.saturating_sub(OTHERS) / EACH);
    usize::try_from(inputs).unwrap_or(usize::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_descriptors_mean_few_inputs_together_but_never_none() {
        assert_eq!([0, 40, 64, 1024].map(|files| together(Some(files))), [1, 1, 3, 123]);
        assert_eq!(together(None), usize::MAX);
    }
}
