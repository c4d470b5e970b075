//! The last minutes, for who looks at the page: what was counted since the process began hides what is wrong now.

use super::counters::{Rows, Totals};
use std::collections::VecDeque;
use std::time::Duration;

/// How often what is counted is kept, and for how long.
const EVERY: Duration = Duration::from_secs(30);
const FOR: Duration = Duration::from_secs(300);

/// All that was counted, at a time.
#[derive(Clone, Default)]
pub struct Counted {
    pub at: Duration,
    /// By route.
    pub routes: Vec<Totals>,
    pub rows: Rows,
}

#[derive(Default)]
pub struct Window {
    /// Oldest first.
    kept: VecDeque<Counted>,
}

impl Window {
    /// Is it time to keep what is counted?
    pub fn is_due(&self, now: Duration) -> bool {
        self.kept.back().is_none_or(|last| now >= last.at + EVERY)
    }

    pub fn keep(&mut self, counted: Counted) {
        // One is as old as the window, or older.
        while self.kept.get(1).is_some_and(|second| second.at + FOR <= counted.at) {
            self.kept.pop_front();
        }
        self.kept.push_back(counted);
    }

    /// How long the window is, and what came in it. Before it is full: since the process began.
    pub fn since(&self, now: &Counted) -> (Duration, Counted) {
        let first = self.kept.iter().rev().find(|counted| counted.at + FOR <= now.at);
        let Some(first) = first.or(self.kept.front()) else {
            return (now.at, now.clone());
        };
        let routes = now
            .routes
            .iter()
            .zip(&first.routes)
            .map(|(now, before)| now.since(before));
        let counted = Counted {
            at: now.at,
            routes: routes.collect(),
            rows: now.rows.since(first.rows),
        };
        (now.at.saturating_sub(first.at), counted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_five_minutes_long_once_it_is_full() {
        let mut window = Window::default();
        let counted = |seconds: u64| Counted {
            at: Duration::from_secs(seconds),
            routes: vec![Totals {
                answered: seconds * 10,
                ..Totals::default()
            }],
            rows: Rows::default(),
        };
        for second in 0..2000 {
            let now = counted(second);
            if window.is_due(now.at) {
                window.keep(now.clone());
            }
            let (length, recent) = window.since(&now);
            let seconds = length.as_secs();
            assert!(
                seconds == second.min(300) || (300..330).contains(&seconds),
                "{second}: {length:?}"
            );
            assert_eq!(recent.routes[0].answered, seconds * 10);
        }
        assert!(window.kept.len() <= 12);
    }
}
