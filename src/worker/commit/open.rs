//! The window of small inputs, with one owner: it is recorded as it was judged, or stays open.

use crate::monitor::{Basis, Counts, Window};

/// Small inputs of a lineup that are recorded, or are about to be, and weren't judged yet.
#[derive(Clone, Debug, Default)]
pub struct Open {
    window: Window,
    /// How often it was another one.
    changes: u64,
}

impl Open {
    pub fn new(window: Window) -> Open {
        Open { window, changes: 0 }
    }

    pub fn window(&self) -> &Window {
        &self.window
    }

    /// Is it as it was then? Else what was judged with it isn't what would be recorded.
    pub fn is_as(&self, changes: u64) -> bool {
        self.changes == changes
    }

    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// What is to be judged for a small input before it is published: the window that it completes. None: it only joins one.
    pub fn judged(&self, counts: &Counts, basis: Basis, min_rows: u64) -> Option<Window> {
        let mut window = self.window.clone();
        window.add(counts, 0, basis);
        (window.counts.rows >= min_rows).then_some(window)
    }

    /// A small input joins it. The window, if it was judged with this one: the next one begins empty.
    pub fn record(&mut self, counts: &Counts, basis: Basis, first_seen: i64, completes: bool) -> Option<Window> {
        self.changes += 1;
        self.window.add(counts, first_seen, basis);
        completes.then(|| std::mem::take(&mut self.window))
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
    fn a_window_is_judged_with_the_input_that_completes_it_and_closed_by_it_alone() {
        let mut open = Open::default();
        assert_eq!(open.judged(&rows(499), Basis::New, 500), None);
        assert_eq!(open.record(&rows(300), Basis::New, 7, false), None);
        let (then, judged) = (open.changes(), open.judged(&rows(200), Basis::New, 500).unwrap());
        assert_eq!((judged.files, judged.counts.rows), (2, 500));
        assert!(open.is_as(then));
        // Others are recorded before it.
        assert_eq!(open.record(&rows(400), Basis::New, 8, false), None, "it wasn't judged");
        assert!(!open.is_as(then));
        let closed = open.record(&rows(200), Basis::New, 9, true).unwrap();
        assert_eq!((closed.files, closed.since, closed.counts.rows), (3, 7, 900));
        assert_eq!(*open.window(), Window::default());
    }
}
