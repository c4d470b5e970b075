//! Inputs whose results would stand under one name: some file systems take `A.csv.out` for `a.csv.out`.

use crate::spool::Name;
use std::collections::HashMap;

/// The inputs that are known to be there, where the folders of results fold letter cases; else none.
#[derive(Default)]
pub struct Clashes {
    folding: bool,
    /// By their folded names, the first of each by its name. Whoever came first would be another one after a restart.
    first: HashMap<String, Name>,
}

/// Two inputs with one name for their results.
#[derive(Debug, PartialEq, Eq)]
pub struct Clash {
    /// It has them.
    pub first: Name,
    /// It has none.
    pub second: Name,
}

impl Clashes {
    /// `folding`: the folders of results fold letter cases.
    pub fn begin_listing(&mut self, folding: bool) {
        self.folding = folding;
        if !folding {
            self.first.clear();
        }
    }

    /// An input is there.
    pub fn note(&mut self, name: &Name) -> Option<Clash> {
        if !self.folding {
            return None;
        }
        let first = self.first.entry(folded(name)).or_insert_with(|| name.clone());
        if first == name {
            return None;
        }
        let mut second = name.clone();
        if second < *first {
            std::mem::swap(first, &mut second);
        }
        let first = first.clone();
        Some(Clash { first, second })
    }

    /// An input is gone.
    pub fn forget(&mut self, name: &Name) {
        if self.folding && self.first.get(&folded(name)) == Some(name) {
            self.first.remove(&folded(name));
        }
    }
}

/// File systems differ in how they fold other letters than those of English. Here, rather too many are.
fn folded(name: &Name) -> String {
    String::from_utf8_lossy(name.bytes()).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> Name {
        Name::new(name.as_bytes())
    }

    #[test]
    fn the_first_by_name_has_the_results_in_whatever_order_they_come() {
        let clash = || {
            Some(Clash {
                first: name("day/A.csv"),
                second: name("day/a.csv"),
            })
        };
        for order in [["day/a.csv", "day/A.csv"], ["day/A.csv", "day/a.csv"]] {
            let mut clashes = Clashes::default();
            assert_eq!(
                order.map(|n| clashes.note(&name(n))),
                [None, None],
                "they are told apart"
            );
            clashes.begin_listing(true);
            assert_eq!(order.map(|n| clashes.note(&name(n))), [None, clash()]);
            assert_eq!(clashes.note(&name("day/A.csv")), None);
            assert_eq!(clashes.note(&name("day/a.csv")), clash());
            assert_eq!(clashes.note(&name("Day/b.csv")), None);
            clashes.forget(&name("day/a.csv"));
            assert_eq!(clashes.note(&name("day/a.csv")), clash());
            clashes.forget(&name("day/A.csv"));
            assert_eq!(clashes.note(&name("day/a.csv")), None);
        }
    }
}
