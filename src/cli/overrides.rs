//! A flag for each key of a pipeline file.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use toml::Value;

/// What flags say in place of the pipeline file: `section.key` and the value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides(pub Vec<(String, Value)>);

enum Kind {
    /// A number, true or false; else a text.
    Value,
    Text,
    /// Separated by commas.
    Texts,
    /// Alone it means true.
    Switch,
    /// `KEY RELATION NUMBER`, or a name alone for true; may be given again.
    Condition,
    /// `KEY=VALUE`, a TOML value; may be given again.
    Pair,
}

/// Flag, key and help.
const FLAGS: [(&str, &str, Kind, &str); 46] = [
    (
        "file",
        "data.file",
        Kind::Text,
        "File with the features and the target, in any format",
    ),
    (
        "features-file",
        "data.features_file",
        Kind::Text,
        "File with the features alone",
    ),
    (
        "target-file",
        "data.target_file",
        Kind::Text,
        "File with the target alone",
    ),
    ("target", "data.target", Kind::Text, "The column to predict"),
    (
        "features",
        "data.features",
        Kind::Texts,
        "The columns to predict from [default: all others]",
    ),
    (
        "texts",
        "data.texts",
        Kind::Texts,
        "Columns of numbers that are categories",
    ),
    (
        "missing-words",
        "data.missing",
        Kind::Texts,
        "What means a missing value [default: NA, N/A, NaN, null]",
    ),
    (
        "encoding",
        "data.encoding",
        Kind::Text,
        "Of all files: windows-1252, utf-16, gbk, ... [default: utf-8]",
    ),
    ("delimiter", "data.delimiter", Kind::Text, "What separates the columns"),
    (
        "escape",
        "data.escape",
        Kind::Text,
        "What escapes quotes and delimiters, such as \\ [default: doubled quotes alone]",
    ),
    (
        "decimal",
        "data.decimal",
        Kind::Text,
        "What stands in front of a fraction: a point or a comma",
    ),
    ("last", "split.last", Kind::Value, "Keep the last N rows to evaluate on"),
    (
        "share",
        "split.share",
        Kind::Value,
        "Keep a share of the rows, chosen at random, to evaluate on",
    ),
    ("split-seed", "split.seed", Kind::Value, "Seed of that choice"),
    (
        "split-stratified",
        "split.stratified",
        Kind::Switch,
        "Give each side its share of each class [default: true]",
    ),
    (
        "split-time",
        "split.time",
        Kind::Text,
        "Keep the share that is last by this column of times",
    ),
    (
        "split-group",
        "split.group",
        Kind::Text,
        "Keep a share of this column's groups, whole",
    ),
    (
        "test-file",
        "split.test_file",
        Kind::Text,
        "Evaluate on the rows of this file",
    ),
    (
        "test-target-file",
        "split.test_target_file",
        Kind::Text,
        "File with their target alone",
    ),
    (
        "missing",
        "preprocess.missing",
        Kind::Value,
        "For missing numbers: mean, median, drop, or a number",
    ),
    (
        "missing-text",
        "preprocess.missing_text",
        Kind::Value,
        "For missing texts: most_frequent, unknown, drop, or {category = \"none\"}",
    ),
    (
        "unknown",
        "preprocess.unknown",
        Kind::Text,
        "For categories not seen in training: ignore or refuse",
    ),
    (
        "one-hot",
        "preprocess.one_hot",
        Kind::Text,
        "Indicators: all, or all but a reference",
    ),
    (
        "standardise",
        "preprocess.standardise",
        Kind::Switch,
        "Scale every term to mean 0 and standard deviation 1",
    ),
    (
        "interactions",
        "preprocess.interactions",
        Kind::Switch,
        "Add products of two different features",
    ),
    (
        "degree",
        "preprocess.degree",
        Kind::Value,
        "Add powers and products up to this degree",
    ),
    (
        "trainer",
        "train.trainer",
        Kind::Text,
        "gradient-descent, least-squares or logistic",
    ),
    (
        "learning-rate",
        "train.learning_rate",
        Kind::Value,
        "Of gradient descent",
    ),
    ("iterations", "train.iterations", Kind::Value, "At most so many"),
    (
        "tolerance",
        "train.tolerance",
        Kind::Value,
        "Stop when an iteration lowers the loss by less than this share",
    ),
    (
        "initial-weight",
        "train.initial_weight",
        Kind::Value,
        "Where the weights begin: a number, or a list",
    ),
    (
        "initial-intercept",
        "train.initial_intercept",
        Kind::Value,
        "Where the intercept begins",
    ),
    ("seed", "train.seed", Kind::Value, "Begin with random weights"),
    (
        "alpha",
        "train.alpha",
        Kind::Value,
        "Penalty on the squared coefficients",
    ),
    (
        "threshold",
        "train.threshold",
        Kind::Value,
        "Yes from this probability on",
    ),
    ("positive", "train.positive", Kind::Text, "The class that is yes"),
    (
        "class-weights",
        "train.class_weights",
        Kind::Value,
        "How much rows count: balanced, or by class as {yes = 2.0}",
    ),
    (
        "gate",
        "gate",
        Kind::Condition,
        "What the evaluation must reach, such as \"r2 >= 0.2\" or not_worse_than_approved; again for more",
    ),
    (
        "search-method",
        "search.method",
        Kind::Text,
        "Try hyperparameters: grid or random",
    ),
    ("search-trials", "search.trials", Kind::Value, "Random trials"),
    (
        "search-folds",
        "search.folds",
        Kind::Value,
        "Folds of each trial's cross-validation",
    ),
    ("search-seed", "search.seed", Kind::Value, "Seed of trials and folds"),
    (
        "search-metric",
        "search.metric",
        Kind::Text,
        "What the best trial is best at",
    ),
    (
        "search-over",
        "search.over",
        Kind::Pair,
        "What to try, such as train.alpha=[0.1,1.0]; again for more",
    ),
    (
        "register-group",
        "register.group",
        Kind::Text,
        "The model group to register in",
    ),
    ("description", "register.description", Kind::Text, "A line for people"),
];

impl Args for Overrides {
    fn augment_args(command: Command) -> Command {
        FLAGS.iter().fold(command, |command, (flag, _, kind, help)| {
            let arg = Arg::new(*flag)
                .long(*flag)
                .help(*help)
                .help_heading("Keys of the pipeline file");
            command.arg(match kind {
                Kind::Switch => arg
                    .num_args(0..=1)
                    .require_equals(true)
                    .default_missing_value("true")
                    .value_name("BOOL"),
                Kind::Condition => arg.action(ArgAction::Append).value_name("CONDITION"),
                Kind::Pair => arg.action(ArgAction::Append).value_name("KEY=VALUES"),
                Kind::Value => arg.allow_hyphen_values(true).value_name("VALUE"),
                Kind::Text => arg.value_name("TEXT"),
                Kind::Texts => arg.allow_hyphen_values(true).value_name("NAME,.."),
            })
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Overrides::augment_args(command)
    }
}

impl FromArgMatches for Overrides {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Overrides, clap::Error> {
        let mut all = Vec::new();
        for (flag, key, kind, _) in &FLAGS {
            for text in matches.get_many::<String>(flag).into_iter().flatten() {
                let pair = read(key, kind, text).map_err(|why| {
                    clap::Error::raw(
                        clap::error::ErrorKind::ValueValidation,
                        format!("--{flag} {text:?}: {why}\n"),
                    )
                });
                all.push(pair?);
            }
        }
        Ok(Overrides(all))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Overrides::from_arg_matches(matches)?;
        Ok(())
    }
}

fn read(key: &str, kind: &Kind, text: &str) -> Result<(String, Value), String> {
    let texts = || text.split(',').map(|part| part.trim().to_string());
    Ok(match kind {
        Kind::Value | Kind::Switch => (key.into(), value(text).unwrap_or(text.into())),
        Kind::Text => (key.into(), text.into()),
        Kind::Texts => (key.into(), texts().collect::<Vec<_>>().into()),
        Kind::Condition => match text.find(['<', '>', '=']) {
            None => (format!("{key}.{}", text.trim()), true.into()),
            Some(place) => {
                let (metric, condition) = text.split_at(place);
                // Of `not_worse_than_approved`, how it is to be understood.
                let table = condition.strip_prefix('=').and_then(value).filter(Value::is_table);
                (format!("{key}.{}", metric.trim()), table.unwrap_or(condition.into()))
            }
        },
        Kind::Pair => {
            let (name, choices) = text.split_once('=').ok_or("it is no KEY=VALUE")?;
            let choices = value(choices).ok_or("what stands behind = is no TOML value, such as [0.1, 1.0]")?;
            (format!("{key}.{}", name.trim()), choices)
        }
    })
}

/// A TOML value.
fn value(text: &str) -> Option<Value> {
    let table: toml::Table = toml::from_str(&format!("value = {text}")).ok()?;
    table.get("value").cloned().filter(|_| table.len() == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Vec<(String, Value)>, String> {
        let command = Overrides::augment_args(Command::new("train").no_binary_name(true));
        let matches = command.try_get_matches_from(args).map_err(|e| e.to_string())?;
        Overrides::from_arg_matches(&matches)
            .map(|o| o.0)
            .map_err(|e| e.to_string())
    }

    #[test]
    fn flags_are_keys_and_values() {
        let found = parse(&[
            "--features",
            "a, b",
            "--missing",
            "-1.5",
            "--standardise",
            "--interactions=false",
            "--trainer",
            "logistic",
            "--initial-weight",
            "[1.0, 2.0]",
            "--gate",
            "r2 >= 0.2",
            "--gate",
            "not_worse_than_approved",
            "--search-over",
            "train.alpha=[0.1, 1.0]",
        ]);
        let tolerant = parse(&["--gate", "not_worse_than_approved = { metric = \"mse\" }"]).unwrap();
        assert_eq!(tolerant[0].1["metric"].as_str(), Some("mse"));
        let wanted: Vec<(String, Value)> = [
            ("data.features", Value::from(vec!["a", "b"])),
            ("preprocess.missing", (-1.5).into()),
            ("preprocess.standardise", true.into()),
            ("preprocess.interactions", false.into()),
            ("train.trainer", "logistic".into()),
            ("train.initial_weight", vec![1.0, 2.0].into()),
            ("gate.r2", ">= 0.2".into()),
            ("gate.not_worse_than_approved", true.into()),
            ("search.over.train.alpha", vec![0.1, 1.0].into()),
        ]
        .map(|(key, value)| (key.to_string(), value))
        .into();
        assert_eq!(found, Ok(wanted));
        for (args, words) in [
            (&["--search-over", "train.alpha"][..], "no KEY=VALUE"),
            (&["--search-over", "train.alpha=[1"], "no TOML value"),
            (&["--alfa", "1"], "--alpha"),
        ] {
            let message = parse(args).unwrap_err();
            assert!(message.contains(words), "{message}");
        }
    }

    /// Also those that are commented out there.
    #[test]
    fn each_key_of_the_shipped_pipeline_file_has_a_flag() {
        let text = include_str!("../../config/diabetes.toml");
        let mut section = "";
        let mut keys = 0;
        for line in text.lines().map(|line| line.trim_start_matches("# ")) {
            if let Some(name) = line.strip_prefix('[') {
                section = name.split(']').next().unwrap();
            }
            let Some((name, _)) = line.split_once(" = ") else {
                continue;
            };
            if section.is_empty()
                || section == "gate"
                || section == "search.over"
                || !name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
            {
                continue;
            }
            let key = format!("{section}.{name}");
            assert!(FLAGS.iter().any(|(_, k, ..)| *k == key), "{key} has no flag");
            keys += 1;
        }
        assert!(keys > 30, "{keys}");
    }
}
