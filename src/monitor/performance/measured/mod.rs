//! What predictions came to in rows whose labels are known: sums, so that those of several inputs add up to those of all.

mod classes;
mod encoding;
mod errors;
mod scores;
mod segment;

pub use classes::Classes;
pub use errors::ErrorMoments;
pub use scores::Scores;
pub use segment::Segment;

/// Of the labelled rows of an input, or of all inputs of a window, that one version predicted.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    pub outcomes: Measurement,
    /// Of a classification, by the columns of `monitor.segments` whose values were known.
    pub segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Measurement {
    Classes(Classes),
    Numbers(ErrorMoments),
}

impl Measured {
    /// Of no rows: for a label of these classes, or for a number.
    pub fn nothing(classes: Option<Vec<String>>) -> Measured {
        Measured {
            outcomes: match classes {
                Some(names) => Measurement::Classes(Classes::new(names)),
                None => Measurement::Numbers(ErrorMoments::default()),
            },
            segments: Vec::new(),
        }
    }

    pub fn rows(&self) -> u64 {
        match &self.outcomes {
            Measurement::Classes(classes) => classes.rows(),
            Measurement::Numbers(errors) => errors.rows,
        }
    }

    /// Forgets groups of other columns, and those by another label that was favourable.
    pub fn keep_segments(&mut self, columns: &[String], favourable: Option<&str>) {
        let wanted = |s: &Segment| columns.contains(&s.column) && favourable == Some(s.favourable.as_str());
        self.segments.retain(wanted);
    }

    /// Are groups by all of these columns known, as far as such rows have any?
    pub fn has_segments(&self, columns: &[String], favourable: Option<&str>) -> bool {
        let has =
            |column: &String, label: &str| (self.segments.iter()).any(|s| s.column == *column && s.favourable == label);
        match (&self.outcomes, favourable) {
            (Measurement::Classes(_), Some(label)) => columns.iter().all(|column| has(column, label)),
            _ => true,
        }
    }

    /// Takes what other rows came to. False, and nothing is taken, if they are of other classes.
    pub fn add(&mut self, next: &Measured) -> bool {
        match (&mut self.outcomes, &next.outcomes) {
            (Measurement::Classes(sum), Measurement::Classes(next)) if sum.names == next.names => sum.add(next),
            (Measurement::Numbers(sum), Measurement::Numbers(next)) => sum.add(next),
            _ => return false,
        }
        for next in &next.segments {
            let same = |sum: &&mut Segment| sum.column == next.column && sum.favourable == next.favourable;
            match self.segments.iter_mut().find(same) {
                Some(sum) => sum.add(next),
                None => self.segments.push(next.clone()),
            }
        }
        true
    }
}

#[cfg(test)]
mod tests;
