//! `a,b,"c, with a comma"`: names as a record of a CSV.

use crate::format::Dialect;
use crate::format::csv::record::raw_fields;
use std::convert::Infallible;
use std::str::FromStr;

/// The names of one flag, which may be given again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names(Vec<String>);

impl FromStr for Names {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Names, Infallible> {
        let dialect = Dialect::plain(b',');
        let name = |field| String::from_utf8_lossy(&dialect.text(field)).into_owned();
        let fields = raw_fields(text.as_bytes(), dialect);
        Ok(Names(fields.into_iter().map(name).collect()))
    }
}

impl Names {
    /// Of all flags.
    pub fn all(flags: Vec<Names>) -> Vec<String> {
        flags.into_iter().flat_map(|Names(names)| names).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_as_a_csv_is() {
        for (text, names) in [
            ("a,b", &["a", "b"][..]),
            (
                "Barbera,Barolo,\"Grignolino, dry\"",
                &["Barbera", "Barolo", "Grignolino, dry"],
            ),
            ("\"a \"\"b\"\", c\",d", &["a \"b\", c", "d"]),
            // A quote within a name is one.
            ("no,a \"yes\",never", &["no", "a \"yes\"", "never"]),
            ("one,", &["one", ""]),
            (" a , b", &[" a ", " b"]),
            ("\u{e9}t\u{e9}", &["\u{e9}t\u{e9}"]),
        ] {
            assert_eq!(Names::all(vec![text.parse().unwrap()]), names, "{text}");
        }
        let twice = ["a,b", "c"].map(|text| text.parse().unwrap());
        assert_eq!(Names::all(twice.to_vec()), ["a", "b", "c"]);
    }
}
