//! The configuration that `transform init` writes: the built-in defaults, with the folders of one spool.

use super::DEFAULTS;
use toml::Value;

/// Where comments begin behind short values, as in the defaults.
const COMMENT: usize = 31;

/// `spool`: the folder of its folders, an absolute path. `group`: empty if nobody named one.
///
/// Only keys that differ from their defaults hold; the others stand there as comments.
pub fn starter(spool: &str, group: &str) -> String {
    let mut text = String::from(
        "# The configuration of one spool, made by `transform init`. A key behind '#' has its default; remove the '#' to change it.\n\
         # Also settable as TRANSFORM_SECTION__KEY=value, or --set section.key=value.\n",
    );
    // The first line says what the shipped file is.
    let mut lines = DEFAULTS.lines().skip(1).peekable();
    while let Some(line) = lines.next() {
        let Some((key, rest)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) else {
            text += &format!("{line}\n");
            continue;
        };
        let (value, comment) = rest.split_once(" # ").unwrap_or((rest, ""));
        let value = match (key, value.trim()) {
            ("group", _) => Value::from(group).to_string(),
            // All formats stand behind it, as a comment.
            ("include", _) => {
                text += &format!("# {}\ninclude = ", comment.trim_end_matches("; all formats:"));
                while let Some(more) = lines.next_if(|line| line.starts_with('#')) {
                    text += &format!("{}\n", more.strip_prefix("# ").unwrap_or(more));
                }
                continue;
            }
            (_, value) => match value.strip_prefix("\"spool/").and_then(|path| path.strip_suffix('"')) {
                Some(below) => Value::from(format!("{spool}/{below}")).to_string(),
                None => {
                    text += &format!("# {line}\n");
                    continue;
                }
            },
        };
        text += &format!("{:<COMMENT$}# {}\n", format!("{key} = {value} "), comment.trim_start());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::fuzz as load;
    use crate::spool::Name;

    #[test]
    fn a_spool_of_its_own_and_else_the_defaults() {
        let text = starter("/srv/a \"b\\c\"", "churn");
        let (config, default) = (load(&text).unwrap(), load("").unwrap());
        let below = |name: &str| std::path::PathBuf::from("/srv/a \"b\\c\"").join(name);
        assert_eq!(config.input.path, below("input"));
        assert_eq!(config.output.path, below("output"));
        assert_eq!(config.failed, below("failed"));
        assert_eq!(config.shadow, below("shadow"));
        assert_eq!(config.models.path, below("models"));
        assert_eq!(config.state.path, below("state"));
        assert_eq!(config.status, below("status"));
        assert_eq!(config.alerts, Some(below("alerts")));
        assert_eq!(config.serve.keys, below("keys.toml"));
        assert!(!text.contains("\"spool/"), "{text}");
        assert_eq!((config.models.group.as_str(), config.models.is_named), ("churn", true));
        for name in ["a.csv", "a.tsv.zst", "a.ndjson", "a.parquet", "a.feather"] {
            assert!(config.input.rules.accept(&Name::new(name.as_bytes())), "{name}");
        }
        assert_eq!(config.shape.text(), default.shape.text());
        assert_eq!(config.worker.memory, default.worker.memory);
        assert!(!load(&starter("/x", "")).unwrap().models.is_named);
    }

    /// Each that is commented out is one when its mark is removed.
    #[test]
    fn every_key_is_there() {
        let text = starter("/x", "");
        let is_key = |line: &&str| {
            line.split(" = ")
                .next()
                .is_some_and(|key| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'))
        };
        let whole: Vec<&str> = text
            .lines()
            .map(|line| line.strip_prefix("# ").filter(is_key).unwrap_or(line))
            .collect();
        load(&whole.join("\n")).unwrap();
        let keys = |text: &str| text.lines().filter(|line| line.contains(" = ") && is_key(line)).count();
        assert_eq!(keys(&whole.join("\n")), keys(DEFAULTS));
    }
}
