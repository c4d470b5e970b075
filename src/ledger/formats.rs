//! In which formats outputs were ever asked for: some may stand whose record tells theirs no more.

use super::Ledger;
use crate::error::Result;
use crate::format::OutputFormat;
use crate::spool::{Name, results};

const KEY: &str = "output formats";
/// In place of a format: the ledger has results that are older than formats.
const BARE: &str = "bare";

/// All formats in which outputs were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Formats {
    pub asked: Vec<OutputFormat>,
    /// There are outputs from before there were formats.
    pub bare: bool,
}

impl Formats {
    /// The names that an input's output may have.
    pub fn outputs(&self, input: &Name) -> Vec<Name> {
        let bare = self.bare.then(|| results::bare_output(input));
        let asked = self.asked.iter().map(|format| results::output(input, *format));
        bare.into_iter().chain(asked).collect()
    }

    fn read(text: &str) -> Formats {
        Formats {
            asked: text.split(' ').filter_map(OutputFormat::parse).collect(),
            bare: text.split(' ').any(|word| word == BARE),
        }
    }

    fn text(&self) -> String {
        let bare = self.bare.then_some(BARE);
        let asked = self.asked.iter().map(|format| format.name());
        bare.into_iter().chain(asked).collect::<Vec<_>>().join(" ")
    }
}

impl Ledger {
    /// Outputs are asked for in `format` now. Returns all in which they ever were.
    pub fn note_output_format(&mut self, format: OutputFormat) -> Result<Formats> {
        let known = self.meta(KEY)?;
        let mut formats = match &known {
            Some(known) => Formats::read(known),
            None => Formats {
                asked: Vec::new(),
                bare: self.has_results()?,
            },
        };
        if !formats.asked.contains(&format) {
            formats.asked.push(format);
        }
        let text = formats.text();
        if known.as_ref() != Some(&text) {
            let insert = "INSERT OR REPLACE INTO meta VALUES (?, ?)";
            self.write(|db| db.execute(insert, [KEY, &text]).map(drop))?;
        }
        Ok(formats)
    }
}
