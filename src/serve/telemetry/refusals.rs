//! The last refusals, for the page.

use crate::service::lock;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Mutex;

/// So many are kept, and so much of what each said.
const KEPT: usize = 32;
const LONGEST: usize = 240;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Nanoseconds since 1970.
    pub at: i64,
    pub route: &'static str,
    pub status: u16,
    pub code: &'static str,
    pub message: String,
    /// By its name.
    pub key: Option<String>,
    pub client: IpAddr,
    pub id: String,
}

#[derive(Default)]
pub struct Refusals(Mutex<VecDeque<Refused>>);

impl Refusals {
    pub fn add(&self, refused: Refused) {
        let mut kept = lock(&self.0);
        if kept.len() == KEPT {
            kept.pop_back();
        }
        kept.push_front(refused);
    }

    /// The last one first.
    pub fn last(&self) -> Vec<Refused> {
        let kept = lock(&self.0);
        kept.iter().cloned().collect()
    }
}

/// The beginning of a long text.
pub fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_come_first_and_the_first_are_forgotten() {
        let refusals = Refusals::default();
        for at in 0..100 {
            refusals.add(Refused {
                at,
                route: "/score",
                status: 400,
                code: "bad_request",
                message: shortened(&"\u{e9}".repeat(1000)),
                key: None,
                client: [127, 0, 0, 1].into(),
                id: String::new(),
            });
        }
        let last = refusals.last();
        assert_eq!((last.len(), last[0].at), (KEPT, 99));
        assert_eq!(last[0].message.chars().count(), LONGEST + 3);
    }
}
