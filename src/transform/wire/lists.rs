//! Lists of anything, and runs of bytes: how many there are, then each.

use crate::monitor::leb128::{push as push_number, take};

/// Bytes behind their number.
pub fn take_run<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = usize::try_from(take(rest)?).ok()?;
    let (run, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(run)
}

pub fn push_numbers(numbers: &[u64], out: &mut Vec<u8>) {
    push_all(numbers, out, |number, out| push_number(*number, out));
}

/// How many there are, then each.
pub fn push_all<T>(all: &[T], out: &mut Vec<u8>, push: impl Fn(&T, &mut Vec<u8>)) {
    push_number(all.len() as u64, out);
    all.iter().for_each(|one| push(one, out));
}

/// Each of them takes a byte at least, so that no number of them is believed that isn't there.
pub fn take_all<T>(rest: &mut &[u8], mut take_one: impl FnMut(&mut &[u8]) -> Option<T>) -> Option<Vec<T>> {
    (0..take(rest)?).map(|_| take_one(rest)).collect()
}

/// None or one of them.
pub fn take_optional<T>(rest: &mut &[u8], take_one: impl FnMut(&mut &[u8]) -> Option<T>) -> Option<Option<T>> {
    let mut all = take_all(rest, take_one)?;
    (all.len() <= 1).then(|| all.pop())
}
