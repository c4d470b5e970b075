//! Completions, as the shells ask for them.

use crate::spool::Spool;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_transform");

/// Two groups, of which none is named in the configuration, and a pipeline.
fn spool() -> Spool {
    let spool = Spool::without_model().set("models.group=");
    let path = spool.path("m.json");
    fs::write(&path, r#"{"features":["x"],"coefficients":[2],"intercept":0.0}"#).unwrap();
    for (group, versions) in [("churn", 1), ("sales", 2)] {
        for _ in 0..versions {
            spool.register_file(&path, "linear", &["--group", group]).exits(0);
        }
    }
    fs::create_dir(spool.path("config")).unwrap();
    fs::rename(spool.path("transform.toml"), spool.path("config/transform.toml")).unwrap();
    fs::write(spool.path("p.toml"), "[data]\nfile = \"x.csv\"\n").unwrap();
    spool
}

/// A shell that runs a script in the spool's folder, with the program in its way.
fn shell(spool: &Spool, shell: &str, args: &[&str]) -> Option<String> {
    let folder = Path::new(PROGRAM).parent().unwrap().display().to_string();
    let mut command = Command::new(shell);
    command
        .env_clear()
        .env("PATH", format!("{folder}:/usr/bin:/bin"))
        .env("HOME", spool.path("."));
    command
        .env("TERM", "dumb")
        .current_dir(spool.path("."))
        .args(args)
        .stdin(Stdio::null());
    let out = match command.output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        out => out.unwrap(),
    };
    Some(String::from_utf8(out.stdout).unwrap())
}

/// What bash offers for words, the last one at the cursor.
fn bash(spool: &Spool, words: &[&str]) -> Vec<String> {
    let words: Vec<String> = ["transform"]
        .iter()
        .chain(words)
        .map(|word| format!("'{word}'"))
        .collect();
    let script = format!(
        "source <(transform completions bash)
         complete -p transform >/dev/null || exit 1
         COMP_WORDS=({}); COMP_CWORD={}
         _transform transform '' ''
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        words.join(" "),
        words.len() - 1
    );
    let said = shell(spool, "bash", &["--norc", "-c", &script]).expect("bash is there");
    said.lines().filter(|line| !line.is_empty()).map(String::from).collect()
}

#[test]
fn bash_is_offered_what_may_come_next() {
    let spool = spool();
    let before = names(&spool);
    for (words, offered) in [
        (&["models", "app"][..], &["approve"][..]),
        (&["par"], &[]),
        (&["models", "register", "m.json", "--format", "x"], &["xgboost"]),
        (
            &["models", "register", "m.json", "--format", "=", "li"],
            &["linear", "lightgbm"],
        ),
        (&["models", "register", "--gr"], &["--group"]),
        (&["models", "list", "--group", ""], &["churn", "sales"]),
        (
            &["models", "approve", "--group", "sales", ""],
            &["2", "1", "churn/", "sales/"],
        ),
        (&["models", "approve", ""], &["churn/", "sales/"]),
        (&["models", "approve", "sales/"], &["sales/2", "sales/1"]),
        (
            &["models", "show", "models/sales/"],
            &["models/sales/2", "models/sales/1"],
        ),
        (&["models", "diff", "sales/1", ""], &["2", "1", "churn/", "sales/"]),
        (&["--set", "models.group=sales", "models", "approve", "1"], &["1"]),
        (
            &["train", ""],
            &["config/", "failed/", "input/", "models/", "output/", "p.toml"],
        ),
        (&["train", "p.toml", "--trainer", "l"], &["least-squares", "logistic"]),
        (&["--set", "input.pa"], &["input.path="]),
        (&["score", "--format", "ts"], &["tsv", "tsv.gz", "tsv.zst"]),
        (&["completions", ""], &["bash", "zsh", "fish"]),
    ] {
        assert_eq!(bash(&spool, words), offered, "{words:?}");
    }
    assert_eq!(names(&spool), before, "nothing is written");
}

/// What bash takes as if it were typed runs nothing, and is one word.
#[test]
fn bash_is_offered_names_in_quotes() {
    let spool = spool();
    let pipeline = fs::read(spool.path("p.toml")).unwrap();
    for name in ["$(touch ran).toml", "a b.toml"] {
        fs::write(spool.path(name), &pipeline).unwrap();
    }
    assert_eq!(bash(&spool, &["train", "$"]), [r"\$\(touch\ ran\).toml"]);
    assert_eq!(bash(&spool, &["train", "a"]), [r"a\ b.toml"]);
}

fn names(spool: &Spool) -> Vec<String> {
    let mut all: Vec<String> = [".", "input", "output", "failed", "models"]
        .iter()
        .flat_map(|folder| spool.names(folder))
        .collect();
    all.sort();
    all
}

#[test]
fn fish_is_offered_the_same_with_help() {
    let spool = spool();
    let fish = |line: &str| {
        let script = format!("transform completions fish | source; complete -C '{line}'");
        shell(&spool, "fish", &["--no-config", "-c", &script])
    };
    let Some(said) = fish("transform models app") else {
        return eprintln!("skipped: fish is not installed");
    };
    assert_eq!(
        said,
        "approve\tApprove a version: the highest approved version scores\n"
    );
    for (line, offered) in [
        ("transform models register m.json --format o", "onnx\n"),
        ("transform models approve sales/", "sales/2\nsales/1\n"),
        ("transform models list --group ", "churn\nsales\n"),
        ("transform par", ""),
        ("transform train p", "p.toml\n"),
        ("transform models register m", "m.json\nmodels/\n"),
    ] {
        let plain: String = fish(line)
            .unwrap()
            .lines()
            .map(|line| format!("{}\n", line.split('\t').next().unwrap()))
            .collect();
        assert_eq!(plain, offered, "{line}");
    }
}

/// In a terminal of its own (zpty), for zsh completes nowhere else.
#[test]
fn zsh_is_offered_the_same() {
    let spool = spool();
    let zsh = |line: &str| {
        let script = format!(
            r#"zmodload zsh/zpty
zpty -b z zsh -f -i
zpty -w z 'PS1=; autoload -Uz compinit; compinit -D -u; source <(transform completions zsh); bindkey "^I" complete-word; zstyle ":completion:*" verbose no; print -r READY'
zpty -r z heard '*READY*READY*'
zpty -w -n z $'{line}\t\x01print -r -- "[\x05]"\n'
zpty -r z heard '*\[*\]*\[*\]*'
print -r -- "$heard""#
        );
        shell(&spool, "zsh", &["-f", "-c", &script])
    };
    let Some(said) = zsh("transform models app") else {
        return eprintln!("skipped: zsh is not installed");
    };
    assert!(said.contains("[transform models approve]"), "{said}");
    for (line, completed) in [
        ("transform models register m.json --format o", "--format onnx]"),
        ("transform models list --group ch", "--group churn]"),
        ("transform models approve churn/", "approve churn/1]"),
        ("transform train p", "train p.toml]"),
    ] {
        let said = zsh(line).unwrap();
        assert!(said.contains(completed), "{line}: {said}");
    }
}

#[test]
fn what_can_not_be_found_is_left_out_quietly() {
    let spool = spool();
    fs::write(spool.path("config/transform.toml"), "[input\n").unwrap();
    let ask = |words: &[&str]| {
        let out = Command::new(PROGRAM)
            .env_clear()
            .current_dir(spool.path("."))
            .args(["complete", "--"])
            .args(words)
            .output()
            .unwrap();
        (
            out.status.code(),
            String::from_utf8([out.stdout, out.stderr].concat()).unwrap(),
        )
    };
    for words in [
        &["models", "approve", ""][..],
        &["models", "list", "--group", ""],
        &["--config", "absent.toml", "models", "approve", ""],
        &["train", "absent/"],
        &["no", "such", "command", ""],
        &[],
    ] {
        assert_eq!(ask(words), (Some(0), String::new()), "{words:?}");
    }
}

/// A FIFO in the configuration's place is never read to its end, as a mount that hangs never answers.
#[test]
fn what_hangs_is_given_up() {
    let spool = spool();
    let pipe = spool.path("hangs.toml");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let words = [
        "complete",
        "--",
        "--config",
        pipe.to_str().unwrap(),
        "models",
        "approve",
        "",
    ];
    let out = Command::new(PROGRAM).env_clear().args(words).output().unwrap();
    assert_eq!(
        (out.status.code(), out.stdout, out.stderr),
        (Some(0), Vec::new(), Vec::new())
    );
}
