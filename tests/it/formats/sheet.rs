//! A CSV of a test, as names and cells.

/// The cells of all rows, by column; texts as they are meant, without quotes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sheet {
    pub names: Vec<String>,
    pub rows: Vec<Vec<String>>,
    /// The line on which each row begins; 0 of rows that don't come from a text.
    pub lines: Vec<u64>,
}

impl Sheet {
    /// A text whose quotes close, with a header. Blank lines are no rows.
    pub fn parse(text: &str, delimiter: char) -> Sheet {
        let mut sheet = Sheet::default();
        let (mut record, mut field, mut quoted, mut line, mut start) = (Vec::new(), String::new(), false, 1, 1);
        let mut was_quoted = false;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            line += u64::from(c == '\n');
            match c {
                '"' if quoted && chars.peek() == Some(&'"') => field.extend(chars.next()),
                '"' => (quoted, was_quoted) = (!quoted, true),
                c if quoted => field.push(c),
                c if c == delimiter => record.push(std::mem::take(&mut field)),
                '\n' => {
                    let is_blank = record.is_empty() && field.is_empty() && !was_quoted;
                    record.push(std::mem::take(&mut field));
                    let record = std::mem::take(&mut record);
                    if !is_blank && sheet.names.is_empty() {
                        sheet.names = record;
                    } else if !is_blank {
                        sheet.lines.push(start);
                        sheet.rows.push(record);
                    }
                    (start, was_quoted) = (line, false);
                }
                c => field.push(c),
            }
        }
        assert!(
            record.is_empty() && field.is_empty() && !quoted,
            "the last line is whole: {text:?}"
        );
        sheet
    }

    /// With as few quotes as there can be.
    pub fn write(&self, delimiter: char) -> String {
        let field = |text: &String| {
            let needs_quotes = text.contains([delimiter, '"', '\n', '\r']) || text.is_empty() && self.names.len() == 1;
            match needs_quotes {
                true => format!("\"{}\"", text.replace('"', "\"\"")),
                false => text.clone(),
            }
        };
        let record =
            |cells: &Vec<String>| cells.iter().map(field).collect::<Vec<_>>().join(&delimiter.to_string()) + "\n";
        record(&self.names) + &self.rows.iter().map(record).collect::<String>()
    }

    pub fn column(&self, name: &str) -> usize {
        let place = self.names.iter().position(|n| n == name);
        place.unwrap_or_else(|| panic!("no column {name} among {:?}", self.names))
    }

    /// These columns alone.
    pub fn select(&self, names: &[&str]) -> Sheet {
        let places: Vec<usize> = names.iter().map(|name| self.column(name)).collect();
        let pick = |cells: &Vec<String>| places.iter().map(|place| cells[*place].clone()).collect();
        Sheet {
            names: pick(&self.names),
            rows: self.rows.iter().map(pick).collect(),
            lines: self.lines.clone(),
        }
    }
}
