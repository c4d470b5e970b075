//! Words that are typed so far -> what may come next. Pure: what stands in folders is looked up by who asks.

use clap::{Arg, ArgAction, Command, ValueEnum, ValueHint};

/// Shells whose scripts ask `transform complete`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Shell {
    pub fn script(self) -> &'static str {
        match self {
            Shell::Bash => include_str!("completions/transform.bash"),
            Shell::Zsh => include_str!("completions/transform.zsh"),
            Shell::Fish => include_str!("completions/transform.fish"),
        }
    }
}

/// What may come in the place of the last word.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Next {
    /// What the last word begins with, and isn't looked for.
    pub before: String,
    /// What it goes on with by now.
    pub typed: String,
    pub words: Vec<Word>,
    pub values: Option<Values>,
}

/// A word, and a line of help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    pub text: String,
    pub help: String,
}

/// What the program doesn't know by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    Groups,
    Versions,
    Experiments,
    Pipelines,
    /// Of the configuration.
    Keys,
}

/// What keys of a pipeline file may say; a test holds it against the keys.
const WORDS: [(&str, &[&str]); 7] = [
    ("trainer", &["gradient-descent", "least-squares", "logistic"]),
    ("missing", &["mean", "median", "drop"]),
    ("missing-text", &["most_frequent", "unknown", "drop"]),
    ("unknown", &["ignore", "refuse"]),
    ("one-hot", &["all", "reference"]),
    ("search-method", &["grid", "random"]),
    ("decimal", &[".", ","]),
];

/// `typed`: behind the program's name, to the cursor; the last one is empty where none was begun.
pub fn next(mut root: Command, typed: &[String]) -> Next {
    root.build();
    let Some((current, before)) = typed.split_last() else {
        return Next::default();
    };
    let (mut command, mut pending, mut place, mut escaped) = (&root, None, 0, false);
    for word in before {
        if pending.is_some() {
            // bash parts --flag=value so.
            if word != "=" {
                pending = None;
            }
            continue;
        }
        match word.strip_prefix("--") {
            _ if escaped => place += 1,
            Some("") => escaped = true,
            Some(flag) => pending = option(command, flag).filter(|arg| takes_value(arg)),
            None if word.starts_with('-') => {}
            None => match command.find_subcommand(word).filter(|_| place == 0) {
                Some(below) => command = below,
                None => place += 1,
            },
        }
    }
    if let Some(arg) = pending {
        let typed = if current == "=" { "" } else { current };
        return values(arg, "", typed);
    }
    if !escaped && current.starts_with('-') {
        return match current.split_once('=') {
            Some((flag, typed)) => option(command, flag.trim_start_matches('-'))
                .map_or_else(Next::default, |arg| values(arg, &format!("{flag}="), typed)),
            None => flags(command, before, current),
        };
    }
    let positional = command.get_positionals().nth(place);
    let last = || command.get_positionals().last().filter(|arg| takes_many(arg));
    let mut next = match positional.or_else(last) {
        Some(arg) => values(arg, "", current),
        None => Next {
            typed: current.clone(),
            ..Next::default()
        },
    };
    if place == 0 && !escaped {
        let below = command.get_subcommands().filter(|below| !below.is_hide_set());
        next.words.extend(below.map(|below| Word {
            text: below.get_name().into(),
            help: line(below.get_about()),
        }));
    }
    next
}

fn flags(command: &Command, before: &[String], current: &str) -> Next {
    let again = |arg: &&Arg| matches!(arg.get_action(), ArgAction::Append) || takes_many(arg);
    let given = |flag: &str| before.iter().any(|word| word.split('=').next() == Some(flag));
    let mut own: Vec<&Arg> = command.get_arguments().filter(|arg| !arg.is_hide_set()).collect();
    // The common ones stand last, as in the help.
    own.sort_by_key(|arg| arg.is_global_set());
    let flag = |arg: &Arg| Some((format!("--{}", arg.get_long()?), line(arg.get_help())));
    let all = own.into_iter().filter_map(|arg| Some((arg, flag(arg)?)));
    let open = all.filter(|(arg, (flag, _))| again(arg) || !given(flag));
    Next {
        typed: current.into(),
        words: open.map(|(_, (text, help))| Word { text, help }).collect(),
        ..Next::default()
    }
}

fn option<'a>(command: &'a Command, name: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|arg| arg.get_long() == Some(name))
}

fn takes_value(arg: &Arg) -> bool {
    arg.get_action().takes_values() && !arg.is_require_equals_set()
}

fn takes_many(arg: &Arg) -> bool {
    arg.get_num_args().is_some_and(|n| n.max_values() > 1)
}

/// Of a flag or a place.
fn values(arg: &Arg, before: &str, typed: &str) -> Next {
    let names = arg.get_value_names().unwrap_or_default();
    let value = match names.first().map_or("", |name| name.as_str()) {
        "GROUP" | "GROUP,.." => Some(Values::Groups),
        "VERSION" | "MODEL" => Some(Values::Versions),
        "EXPERIMENT" => Some(Values::Experiments),
        "PIPELINE" => Some(Values::Pipelines),
        "SECTION.KEY=VALUE" => Some(Values::Keys),
        _ if arg.get_id() == "register-group" => Some(Values::Groups),
        _ => None,
    };
    let id = arg.get_id().as_str();
    let known = WORDS
        .iter()
        .find(|(key, _)| *key == id && arg.get_help_heading().is_some());
    let mut words: Vec<Word> = known
        .iter()
        .flat_map(|(_, words)| words.iter())
        .map(|word| Word {
            text: word.to_string(),
            help: String::new(),
        })
        .collect();
    // A path is any file.
    if !matches!(arg.get_value_hint(), ValueHint::AnyPath | ValueHint::FilePath) {
        let possible = arg
            .get_possible_values()
            .into_iter()
            .filter(|value| !value.is_hide_set());
        words.extend(possible.map(|value| Word {
            text: value.get_name().into(),
            help: line(value.get_help()),
        }));
    }
    // One of several, parted by commas.
    let (first, typed) = match arg.get_value_delimiter().and_then(|comma| typed.rsplit_once(comma)) {
        Some((first, typed)) => (format!("{first},"), typed),
        None => (String::new(), typed),
    };
    Next {
        before: format!("{before}{first}"),
        typed: typed.into(),
        words,
        values: value,
    }
}

fn line(help: Option<&clap::builder::StyledStr>) -> String {
    let help = help.map(ToString::to_string).unwrap_or_default();
    help.lines().next().unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Overrides};
    use crate::train::pipeline::Pipeline;
    use clap::{Args, CommandFactory, FromArgMatches};
    use std::path::Path;

    fn next(typed: &[&str]) -> Next {
        let typed: Vec<String> = typed.iter().map(|word| word.to_string()).collect();
        super::next(Cli::command(), &typed)
    }

    fn words(typed: &[&str]) -> Vec<String> {
        next(typed).words.into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn commands_flags_and_words_come_in_their_places() {
        let has = |typed: &[&str], word: &str| assert!(words(typed).iter().any(|w| w == word), "{word} in {typed:?}");
        has(&[""], "models");
        has(&["--config", "x.toml", ""], "models");
        has(&["models", ""], "approve");
        has(&["models", "register", "m.json", "--"], "--golden");
        has(
            &["models", "register", "--format", "xgboost", "m.json", "--"],
            "--approve",
        );
        has(&["models", "register", "--format", ""], "xgboost");
        has(&["models", "register", "--format", "=", "x"], "xgboost");
        has(&["score", "--format=p"], "parquet");
        has(&["serve", "--stage", ""], "staging");
        has(&["train", "p.toml", "--trainer", ""], "logistic");
        has(&["completions", ""], "fish");
        has(&["--log-level", ""], "warn");
        assert_eq!(next(&["score", "--format=p"]).before, "--format=");
        for (typed, values) in [
            (&["models", "approve", ""][..], Values::Versions),
            (&["models", "diff", "1", ""], Values::Versions),
            (&["models", "ensemble", "1", "2", "3", ""], Values::Versions),
            (&["models", "list", "--group", ""], Values::Groups),
            (&["models", "--group", "x", "list", "--group=s"], Values::Groups),
            (&["evaluate", "d.csv", "--version", ""], Values::Versions),
            (&["experiment", "start", "t", "--shadow", ""], Values::Versions),
            (&["experiment", "stop", ""], Values::Experiments),
            (&["monitor", "release", "--model", ""], Values::Versions),
            (&["history", "--model", ""], Values::Versions),
            (&["keys", "add", "me", "--groups", "a,"], Values::Groups),
            (&["train", ""], Values::Pipelines),
            (&["train", "p.toml", "--register-group", ""], Values::Groups),
            (&["--set", ""], Values::Keys),
        ] {
            assert_eq!(next(typed).values, Some(values), "{typed:?}");
        }
        // Files, as the shell has them.
        for typed in [
            &["models", "register", ""][..],
            &["train", "p.toml", "--file", ""],
            &["evaluate", ""],
        ] {
            assert_eq!((next(typed).values, words(typed).len()), (None, 0), "{typed:?}");
        }
    }

    #[test]
    fn what_is_said_once_is_not_offered_again() {
        let has = |typed: &[&str], word: &str| words(typed).iter().any(|w| w == word);
        assert!(!has(&["models", "register", "--format", "onnx", "--"], "--format"));
        assert!(has(&["models", "register", "--metric", "r2=1", "--"], "--metric"));
        assert!(has(&["--once", "--"], "--all") && !has(&["--once", "--"], "--once"));
        assert_eq!(
            words(&["models", "register", "--"]).last().map(String::as_str),
            Some("--log-level")
        );
    }

    #[test]
    fn nothing_hidden_is_offered() {
        fn look(way: Vec<&str>, command: &Command) {
            for last in ["", "-"] {
                let typed: Vec<&str> = way.iter().copied().chain([last]).collect();
                for word in words(&typed) {
                    let flag = command
                        .get_arguments()
                        .find(|arg| Some(word.trim_start_matches("--")) == arg.get_long());
                    let below = command.find_subcommand(&word);
                    let hidden = flag.is_some_and(Arg::is_hide_set) || below.is_some_and(Command::is_hide_set);
                    assert!(!hidden, "{typed:?} {word}");
                }
            }
            for below in command
                .get_subcommands()
                .filter(|below| !below.is_hide_set() && below.get_name() != "help")
            {
                look(way.iter().copied().chain([below.get_name()]).collect(), below);
            }
        }
        let mut root = Cli::command();
        root.build();
        look(Vec::new(), &root);
        for part in ["p", "par", "part", "comp"] {
            let found = words(&[part]);
            assert!(
                !found.iter().any(|word| word == "part" || word == "complete"),
                "{found:?}"
            );
        }
    }

    #[test]
    fn the_words_of_pipeline_files_are_taken() {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/diabetes.toml");
        for (flag, words) in WORDS {
            for word in words {
                let command = Overrides::augment_args(Command::new("train").no_binary_name(true));
                let matches = command
                    .try_get_matches_from([format!("--{flag}"), word.to_string()])
                    .unwrap();
                let mut overrides = Overrides::from_arg_matches(&matches).unwrap().0;
                // What else a choice needs.
                match (flag, *word) {
                    ("decimal", ",") => overrides.push(("data.delimiter".into(), ";".into())),
                    ("search-method", _) => overrides.push(("search.over.train.alpha".into(), vec![0.1, 1.0].into())),
                    ("trainer", "logistic") => overrides.push(("gate".into(), toml::Table::new().into())),
                    _ => {}
                }
                if let Err(error) = Pipeline::read(&shipped, &overrides) {
                    panic!("--{flag} {word}: {error}");
                }
            }
        }
    }
}
