//! Words of commands that people copy.

/// As a shell takes it for one word.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./:=,@%+".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.into(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// An input's name as a word of a command: no flag, whatever it begins with.
pub fn file(name: &str) -> String {
    match name.starts_with('-') {
        true => quoted(&format!("./{name}")),
        false => quoted(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_one_for_a_shell() {
        assert_eq!(quoted("2026/a-1.csv"), "2026/a-1.csv");
        assert_eq!(quoted("it's; rm.csv"), r"'it'\''s; rm.csv'");
        assert_eq!(quoted(""), "''");
        assert_eq!(file("--all"), "./--all");
        assert_eq!(file("-a b.csv"), "'./-a b.csv'");
    }
}
