//! Rows that are objects. Most have the same keys in the same order, so those of the last row are remembered: to compare a key with
//! the one in its place is faster than to look it up.

use super::fault::Fault;
use super::{Reader, Text, only};
use crate::format::json::cursor::{Kind, behind_colon, next, skip, text};
use crate::score::Names;
use crate::score::names::Claim;

/// How many keys are remembered beside the features' own number. More are looked up, as are those of rows with another order.
const KEYS: usize = 256;

type Role = Option<(usize, Claim)>;

/// The order of keys, and which of them stand in the row at hand.
#[derive(Default)]
pub(super) struct Order<'a> {
    /// The keys of the last row as they are written; of the first, those of the model.
    keys: Vec<(&'a str, Role)>,
    most: usize,
    /// The number of the row at hand, from 1.
    row: usize,
    /// `[feature]`: the last row that has it by its own name.
    own: Vec<usize>,
    /// `[feature]`: where the last row has it by another name; made for the first such.
    spaced: Vec<Other>,
    marked: Vec<Other>,
}

/// A value whose name is not quite the feature's.
#[derive(Clone, Copy, Default)]
struct Other {
    row: usize,
    at: usize,
    twice: bool,
}

impl<'a> Order<'a> {
    pub fn of(names: &'a Names) -> Order<'a> {
        let own = |(feature, name): (usize, &'a String)| (name.as_str(), Some((feature, Claim::Own)));
        let plain = |name: &String| !name.contains(['"', '\\']) && !name.contains(char::is_control);
        let known = names.all().iter().take_while(|name| plain(name)).enumerate();
        Order {
            keys: known.map(own).collect(),
            most: names.all().len() + KEYS,
            own: vec![0; names.all().len()],
            ..Order::default()
        }
    }

    /// Which feature the key is, that stands at `place` in its row. `at`: where it begins.
    #[inline]
    fn role(&mut self, place: usize, text_: Text<'a>, at: usize, names: &Names) -> (Role, usize) {
        let rest = &text_.bytes[at + 1..];
        if let Some((key, role)) = self.keys.get(place)
            && rest.len() > key.len()
            && rest[key.len()] == b'"'
            && rest[..key.len()] == *key.as_bytes()
        {
            return (*role, at + key.len() + 2);
        }
        let (key, end) = text(text_.document, at);
        let role = names.find(&key);
        let raw = &text_.document.text[at + 1..end - 1];
        if place < self.keys.len() {
            self.keys[place] = (raw, role);
        } else if place < self.most {
            self.keys.push((raw, role));
        }
        (role, end)
    }

    /// Notes a value by a name that is not quite the feature's.
    fn note(&mut self, feature: usize, claim: Claim, at: usize) {
        let row = self.row;
        let others = match claim {
            Claim::Marked => &mut self.marked,
            _ => &mut self.spaced,
        };
        others.resize(self.own.len(), Other::default());
        let other = &mut others[feature];
        let twice = other.row == row;
        *other = Other { row, at, twice };
    }

    /// The value of a feature that the row hasn't by its own name.
    fn other(&self, feature: usize) -> Result<usize, Fault> {
        let of_row = |others: &[Other]| others.get(feature).copied().filter(|other| other.row == self.row);
        match (of_row(&self.spaced), of_row(&self.marked)) {
            (Some(spaced), _) if !spaced.twice => Ok(spaced.at),
            (_, Some(marked)) if !marked.twice => Ok(marked.at),
            (_, Some(_)) => Err(Fault::Twice { feature }),
            _ => Err(Fault::Missing { feature }),
        }
    }
}

impl<'a> Reader<'a> {
    /// A row that is an object; also where it ends.
    pub(super) fn read_object(&mut self, text: Text<'a>, start: usize, names: &Names) -> (Result<(), Fault>, usize) {
        let found = Kind::of(text.bytes[start]);
        if found != Kind::Object {
            return (Err(Fault::NoObject { found }), skip(text.document, start));
        }
        self.order.row += 1;
        let (mut at, mut place, mut own, mut others) = (start + 1, 0, 0, false);
        while let Some(key) = next(text.document, at) {
            let (role, key_end) = self.order.role(place, text, key, names);
            place += 1;
            let value = behind_colon(text.document, key_end);
            at = match role {
                Some((feature, Claim::Own)) => {
                    let last = &mut self.order.own[feature];
                    if *last == self.order.row {
                        return (Err(Fault::Twice { feature }), skip(text.document, start));
                    }
                    *last = self.order.row;
                    own += 1;
                    match self.read_alone(text, feature, value) {
                        Ok(end) => end,
                        Err(found) => {
                            let fault = Fault::NestedFeature { feature, found };
                            return (Err(fault), skip(text.document, start));
                        }
                    }
                }
                Some((feature, claim)) => {
                    others = true;
                    self.order.note(feature, claim, value);
                    skip(text.document, value)
                }
                None => skip(text.document, value),
            };
        }
        // Behind the last value, at the brace.
        let end = super::space(text.bytes, at) + 1;
        match own == self.order.own.len() {
            true => (Ok(()), end),
            false => (self.read_others(text, others), end),
        }
    }

    /// Reads a value, or the only one of an array, as TensorFlow's clients write a tensor of one. Returns where it ends.
    fn read_alone(&mut self, text: Text, feature: usize, at: usize) -> Result<usize, Kind> {
        if text.bytes[at] == b'['
            && let Some(value) = only(text, at)
        {
            self.read_cell(text, feature, value)?;
            return Ok(skip(text.document, at));
        }
        self.read_cell(text, feature, at)
    }

    /// The features that the row at hand hasn't by their own names.
    fn read_others(&mut self, text: Text, others: bool) -> Result<(), Fault> {
        for feature in 0..self.order.own.len() {
            if self.order.own[feature] == self.order.row {
                continue;
            }
            if !others {
                return Err(Fault::Missing { feature });
            }
            let at = self.order.other(feature)?;
            let read = self.read_alone(text, feature, at);
            read.map_err(|found| Fault::NestedFeature { feature, found })?;
        }
        Ok(())
    }
}
