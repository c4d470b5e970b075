//! Inputs that are too small to be judged alone: a few together.

use super::{Basis, Counts};

/// Inputs since the last window was judged, in the order in which they were recorded.
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
    /// Takes an input. What is to be judged for it: a large one alone, else the window that it completes; the next one begins
    /// empty.
    pub fn take(&mut self, counts: &Counts, first_seen: i64, min_rows: u64, basis: Basis) -> Option<Window> {
        let rescored = basis == Basis::Rescored;
        if counts.rows >= min_rows {
            return Some(Window {
                files: 1,
                since: first_seen,
                counts: counts.clone(),
                rescored,
                kept_back: false,
            });
        }
        if self.files == 0 {
            (self.since, self.rescored) = (first_seen, rescored);
        }
        self.rescored &= rescored;
        self.files += 1;
        self.counts.add(counts);
        (self.counts.rows >= min_rows).then(|| std::mem::take(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: u64) -> Counts {
        Counts {
            rows,
            ..Counts::default()
        }
    }

    #[test]
    fn small_inputs_are_judged_with_the_last_of_them() {
        let mut window = Window::default();
        assert_eq!(window.take(&rows(200), 7, 500, Basis::New), None);
        assert_eq!(window.take(&rows(299), 8, 500, Basis::New), None);
        let judged = window.take(&rows(1), 9, 500, Basis::New).unwrap();
        assert_eq!((judged.files, judged.since, judged.counts.rows), (3, 7, 500));
        assert_eq!(window, Window::default());
    }

    #[test]
    fn a_window_with_new_rows_is_new() {
        let mut window = Window::default();
        window.take(&rows(200), 1, 500, Basis::Rescored);
        assert!(window.rescored);
        window.take(&rows(200), 2, 500, Basis::New);
        assert!(!window.take(&rows(200), 3, 500, Basis::Rescored).unwrap().rescored);
        window.take(&rows(300), 4, 500, Basis::Rescored);
        assert!(window.take(&rows(300), 5, 500, Basis::Rescored).unwrap().rescored);
    }

    #[test]
    fn a_large_input_is_judged_alone() {
        let mut window = Window::default();
        window.take(&rows(100), 1, 500, Basis::New);
        let judged = window.take(&rows(10_000), 2, 500, Basis::New).unwrap();
        assert_eq!((judged.files, judged.counts.rows), (1, 10_000));
        assert_eq!((window.files, window.counts.rows), (1, 100));
    }
}
