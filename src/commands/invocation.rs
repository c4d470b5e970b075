//! The command that was given, as far as a next command that is printed must repeat it to mean the same models.

use crate::cli::Common;
use crate::config;
use crate::error::Error;
use crate::shell::quoted;
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

/// What comes from the environment stays as it is, and isn't repeated.
pub struct Invocation {
    /// `--config`
    file: Option<PathBuf>,
    /// Those of `--set` that say which models.
    set: Vec<String>,
    /// Those that say where the keys are.
    of_keys: Vec<String>,
    /// What a command without `--group` means, once the configuration is read.
    models: OnceLock<Models>,
}

struct Models {
    path: PathBuf,
    /// `None`: there are several groups, and none is named.
    group: Option<String>,
    is_named: bool,
}

impl Invocation {
    pub fn new(common: &Common) -> Invocation {
        let of = |section: &str| {
            let in_section = |set: &&String| set.trim_start().starts_with(section);
            common.set.iter().filter(in_section).cloned().collect()
        };
        Invocation {
            file: common.config.clone(),
            set: of("models."),
            of_keys: of("serve."),
            models: OnceLock::new(),
        }
    }

    /// `models`: as the files, variables and flags have them, before `--group`. `is_named`: they say of which group. `is_clear`: they
    /// do, or there is but one.
    pub fn configured(&self, models: &config::Models, is_named: bool, is_clear: bool) {
        let _ = self.models.set(Models {
            path: models.path.clone(),
            group: is_clear.then(|| models.group.clone()),
            is_named,
        });
    }

    /// Where the groups are, if the configuration names none.
    pub fn unnamed(&self) -> Option<&Path> {
        let models = self.models.get().filter(|models| !models.is_named)?;
        Some(&models.path)
    }

    /// `transform` with these words, about a model group.
    pub fn next(&self, words: &str, group: &str) -> String {
        let mut command = format!("transform {words}");
        if self
            .models
            .get()
            .is_none_or(|models| models.group.as_deref() != Some(group))
        {
            command += &format!(" --group {}", quoted(group));
        }
        self.configured_by(command, &self.set)
    }

    /// `transform` with these words, about the keys of the server.
    pub fn about_keys(&self, words: &str) -> String {
        self.configured_by(format!("transform {words}"), &self.of_keys)
    }

    fn configured_by(&self, mut command: String, sets: &[String]) -> String {
        if let Some(file) = &self.file {
            command += &format!(" --config {}", quoted(&file.to_string_lossy()));
        }
        for set in sets {
            command += &format!(" --set {}", quoted(set));
        }
        command
    }

    /// The way out of an error. Its command names the group that the error is about.
    pub fn hint(&self, error: &Error) -> Option<String> {
        let hint = error.hint()?;
        let group = self.group(error);
        let commands = ["models list", "models reject N"];
        let repeat = |words: &str| Some((format!("transform {words}"), self.next(words, group.as_deref()?)));
        let commands = commands.into_iter().filter_map(repeat);
        Some(commands.fold(hint.to_string(), |hint, (plain, next)| hint.replace(&plain, &next)))
    }

    /// Whose folder an error about models names.
    fn group(&self, error: &Error) -> Option<String> {
        let (Error::NoModel { path, .. } | Error::Model { path, .. }) = error else {
            return None;
        };
        match path.strip_prefix(&self.models.get()?.path).ok()?.components().next()? {
            Component::Normal(group) => Some(group.to_string_lossy().into_owned()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invocation(file: Option<&str>, set: &[&str]) -> Invocation {
        let invocation = Invocation {
            file: file.map(PathBuf::from),
            set: set.iter().map(|set| set.to_string()).collect(),
            of_keys: Vec::new(),
            models: OnceLock::new(),
        };
        let _ = invocation.models.set(Models {
            path: "spool/models".into(),
            group: Some("churn".into()),
            is_named: true,
        });
        invocation
    }

    #[test]
    fn a_next_command_names_what_it_would_not_mean_by_itself() {
        let plain = invocation(None, &[]);
        let cases = [
            (plain.next("models approve 2", "churn"), "transform models approve 2"),
            (
                plain.next("models approve 2", "diabetes"),
                "transform models approve 2 --group diabetes",
            ),
            (
                invocation(Some("it's.toml"), &["models.path=a b"]).next("models list", "x"),
                r"transform models list --group x --config 'it'\''s.toml' --set 'models.path=a b'",
            ),
        ];
        for (command, expected) in cases {
            assert_eq!(command, expected);
        }
    }

    #[test]
    fn a_hint_names_the_group_of_its_error() {
        let plain = invocation(None, &[]);
        let hint = |path: &str| plain.hint(&Error::model(path, "its checksum differs"));
        let damaged = hint("spool/models/diabetes/2/linear.json").unwrap();
        assert!(
            damaged.ends_with("transform models reject N --group diabetes"),
            "{damaged}"
        );
        let damaged = hint("spool/models/churn/2/linear.json").unwrap();
        assert!(damaged.ends_with("transform models reject N"), "{damaged}");
        // Of no group that is known.
        let damaged = hint("/tmp/2/linear.json").unwrap();
        assert!(damaged.ends_with("transform models reject N"), "{damaged}");
    }
}
