//! The same by the value of a column: groups of people.

use crate::evaluate::Confusion;
use std::collections::BTreeMap;

/// As many values are told apart; the least ones as texts, which depends neither on the order of rows nor on how they are cut.
const VALUES: usize = 50;

/// Rows by the value of one column; yes is the favourable label. Those without a value are under the empty one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    pub column: String,
    /// The label that is good for a person.
    pub favourable: String,
    pub values: BTreeMap<String, Confusion>,
    pub other: Confusion,
}

impl Segment {
    pub fn new(column: &str, favourable: &str) -> Segment {
        Segment {
            column: column.into(),
            favourable: favourable.into(),
            ..Segment::default()
        }
    }

    pub fn count(&mut self, value: &str, called: bool, favourable: bool) {
        let mut one = Confusion::default();
        *match (called, favourable) {
            (true, true) => &mut one.true_yes,
            (true, false) => &mut one.false_yes,
            (false, true) => &mut one.false_no,
            (false, false) => &mut one.true_no,
        } += 1;
        self.add_to(value, &one);
    }

    pub(super) fn add(&mut self, next: &Segment) {
        for (value, counts) in &next.values {
            self.add_to(value, counts);
        }
        add(&mut self.other, &next.other);
    }

    fn add_to(&mut self, value: &str, counts: &Confusion) {
        let known = self.values.contains_key(value);
        let greatest = self.values.last_key_value().map(|(last, _)| last.as_str());
        if !known && self.values.len() >= VALUES && greatest < Some(value) {
            add(&mut self.other, counts);
            return;
        }
        match self.values.get_mut(value) {
            Some(sums) => add(sums, counts),
            None => drop(self.values.insert(value.into(), *counts)),
        }
        if self.values.len() > VALUES
            && let Some((_, last)) = self.values.pop_last()
        {
            add(&mut self.other, &last);
        }
    }
}

fn add(sums: &mut Confusion, next: &Confusion) {
    sums.true_yes += next.true_yes;
    sums.false_yes += next.false_yes;
    sums.true_no += next.true_no;
    sums.false_no += next.false_no;
}
