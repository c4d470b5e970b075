//! What was found of an input's rows, by the version that answered them.

use super::monitor::Judged;
use crate::monitor::Action;
use crate::spool::Name;
use std::collections::HashMap;

/// Of an input. One that is kept back for either's rows is kept back whole.
#[derive(Default)]
pub struct Found {
    /// Those that were judged, the champion's first.
    pub judged: Vec<Judged>,
    /// Where its rows are few, they were counted before: they aren't once more.
    pub known: bool,
}

/// Of inputs that are about to be recorded.
pub type Judgements = HashMap<Name, Found>;

impl Found {
    pub fn of(&self, who: usize) -> Option<&Judged> {
        self.judged.iter().find(|judged| judged.who == who)
    }

    /// The strongest.
    pub fn action(&self) -> Action {
        let actions = self.judged.iter().map(|judged| judged.judgement.action);
        actions.max().unwrap_or_default()
    }

    /// Those for which the result is kept back.
    pub fn kept_back(&self) -> impl Iterator<Item = &Judged> {
        self.judged.iter().filter(|judged| judged.is_kept_back())
    }

    pub fn is_kept_back(&self) -> bool {
        self.kept_back().next().is_some()
    }

    /// The worst findings, in a line; those that keep it back first.
    pub fn message(&self) -> String {
        let others = self.judged.iter().filter(|judged| !judged.is_kept_back());
        let others = others.filter(|judged| judged.judgement.action != Action::Off);
        let mut messages: Vec<String> = self.kept_back().chain(others).map(Judged::message).collect();
        // What was found before is of the whole input.
        let before = self.judged.iter().find_map(|judged| judged.before.as_ref());
        messages.retain(|message| before.is_none_or(|before| before == message || !before.contains(message.as_str())));
        messages.dedup();
        messages.join("; ")
    }
}
