//! Metrics as Prometheus reads them: text exposition format 0.0.4. Pure.

use std::fmt::{Display, Write};

/// What a client is told that the page is.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

#[derive(Clone, Copy)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// Families one after the other, each once, with all its samples.
#[derive(Default)]
pub struct Page {
    text: String,
}

/// The family that was begun last. One without samples isn't written at all.
pub struct Family<'a> {
    text: &'a mut String,
    name: &'a str,
    help: &'a str,
    kind: Kind,
    is_begun: bool,
}

impl Page {
    pub fn family<'a>(&'a mut self, name: &'a str, kind: Kind, help: &'a str) -> Family<'a> {
        Family {
            text: &mut self.text,
            name,
            help,
            kind,
            is_begun: false,
        }
    }

    /// A family of one sample without labels.
    pub fn single(&mut self, name: &str, kind: Kind, help: &str, value: impl Display) {
        self.family(name, kind, help).sample(&[], value);
    }

    pub fn into_text(self) -> String {
        self.text
    }
}

impl Family<'_> {
    pub fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.line("", labels, None, value);
    }

    /// `buckets`: for each bound the number of values up to it that are above the one before; one more: above all bounds.
    pub fn histogram(&mut self, labels: &[(&str, &str)], bounds: &[f64], buckets: &[u64], sum: f64) {
        let mut count = 0;
        for (i, values) in buckets.iter().enumerate() {
            count += values;
            let bound = bounds.get(i).map_or("+Inf".into(), f64::to_string);
            self.line("_bucket", labels, Some(&bound), count);
        }
        self.line("_sum", labels, None, sum);
        self.line("_count", labels, None, count);
    }

    fn line(&mut self, suffix: &str, labels: &[(&str, &str)], bound: Option<&str>, value: impl Display) {
        self.begin();
        let text = &mut *self.text;
        text.push_str(self.name);
        text.push_str(suffix);
        let all = labels.iter().copied().chain(bound.map(|bound| ("le", bound)));
        for (i, (label, value)) in all.enumerate() {
            text.push(if i == 0 { '{' } else { ',' });
            text.push_str(label);
            text.push_str("=\"");
            push_escaped(value, text);
            text.push('"');
        }
        if !labels.is_empty() || bound.is_some() {
            text.push('}');
        }
        // Writing to a String can't fail.
        let _ = writeln!(text, " {value}");
    }

    /// Its first lines, also where it has no sample: what watches for some knows that they could be.
    pub fn begin(&mut self) {
        if std::mem::replace(&mut self.is_begun, true) {
            return;
        }
        let kind = match self.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let (name, help) = (self.name, self.help);
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }
}

fn push_escaped(value: &str, text: &mut String) {
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            _ => text.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_have_help_labels_are_escaped_and_buckets_add_up() {
        let mut page = Page::default();
        page.family("no_samples", Kind::Gauge, "None.");
        page.single("up", Kind::Gauge, "Up.", 1);
        let mut family = page.family("seconds", Kind::Histogram, "Time.");
        family.histogram(&[("key", "a\"\\\nb")], &[0.00001, 1.0], &[2, 0, 1], 3.5);
        let label = "key=\"a\\\"\\\\\\nb\"";
        let expected = [
            "# HELP up Up.\n# TYPE up gauge\nup 1\n# HELP seconds Time.\n# TYPE seconds histogram\n",
            &format!("seconds_bucket{{{label},le=\"0.00001\"}} 2\n"),
            &format!("seconds_bucket{{{label},le=\"1\"}} 2\n"),
            &format!("seconds_bucket{{{label},le=\"+Inf\"}} 3\n"),
            &format!("seconds_sum{{{label}}} 3.5\nseconds_count{{{label}}} 3\n"),
        ];
        assert_eq!(page.into_text(), expected.concat());
    }
}
