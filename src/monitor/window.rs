//! Inputs that are too small to be judged alone: a few together.

use super::{Basis, Counts};

/// Inputs since the last window was judged, in the order in which they were recorded; or a large one alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    pub files: u64,
    /// When the first of them was first seen, in microseconds since 1970.
    pub since: i64,
    pub counts: Counts,
    /// Were the rows of all of them published before, by another model? Of those that the ledger kept nobody knows.
    pub rescored: bool,
    /// What it decided on is held.
    pub kept_back: bool,
}

impl Window {
    /// An input joins it.
    pub fn add(&mut self, counts: &Counts, first_seen: i64, basis: Basis) {
        let rescored = basis == Basis::Rescored;
        self.rescored = rescored && (self.rescored || self.files == 0);
        if self.files == 0 {
            self.since = first_seen;
        }
        self.files += 1;
        self.counts.add(counts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(of: &[(u64, Basis)]) -> Window {
        let mut window = Window::default();
        for (since, (rows, basis)) in (7..).zip(of) {
            let counts = Counts {
                rows: *rows,
                ..Counts::default()
            };
            window.add(&counts, since, *basis);
        }
        window
    }

    #[test]
    fn it_began_with_the_first_of_its_inputs() {
        let both = window(&[(200, Basis::New), (299, Basis::New)]);
        assert_eq!((both.files, both.since, both.counts.rows), (2, 7, 499));
    }

    #[test]
    fn a_window_with_new_rows_is_new() {
        use Basis::{New, Rescored};
        assert!(window(&[(1, Rescored), (1, Rescored)]).rescored);
        for of in [[(1, Rescored), (1, New)], [(1, New), (1, Rescored)]] {
            assert!(!window(&of).rescored, "{of:?}");
        }
    }
}
