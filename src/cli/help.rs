//! What `--help` says, of every command.

use super::Cli;
use crate::format::FileFormat;
use clap::{Arg, Command, CommandFactory};

/// Each command that people see, with the way to it.
fn all() -> Vec<(String, Command)> {
    fn add(way: String, command: &Command, all: &mut Vec<(String, Command)>) {
        for below in command
            .get_subcommands()
            .filter(|below| !below.is_hide_set() && below.get_name() != "help")
        {
            add(format!("{way} {}", below.get_name()), below, all);
        }
        all.push((way, command.clone()));
    }
    let mut root = Cli::command();
    root.build();
    let mut found = Vec::new();
    add("transform".into(), &root, &mut found);
    assert!(found.len() > 35, "{}", found.len());
    found
}

/// Both kinds: -h, --help.
fn helps(command: &Command) -> [String; 2] {
    let mut command = command.clone();
    [
        command.render_help().to_string(),
        command.render_long_help().to_string(),
    ]
}

/// Where a flag's own line begins.
fn place(help: &str, arg: &Arg) -> Option<usize> {
    let flag = format!("--{}", arg.get_long()?);
    let is_it = |line: &str| line.split([' ', ',', '[', '=', '\n']).any(|word| word == flag);
    let mut at = 0;
    for line in help.split_inclusive('\n') {
        if line.trim_start().starts_with('-') && is_it(line) {
            return Some(at);
        }
        at += line.len();
    }
    None
}

#[test]
fn own_options_stand_before_common_ones() {
    for (way, command) in all() {
        for help in helps(&command) {
            let (common, own): (Vec<&Arg>, Vec<&Arg>) = command
                .get_arguments()
                .filter(|arg| {
                    !arg.is_hide_set() && arg.get_long().is_some_and(|long| long != "help" && long != "version")
                })
                .partition(|arg| ["config", "set", "log_format", "log_level"].contains(&arg.get_id().as_str()));
            let places = |args: &[&Arg]| -> Vec<usize> {
                let found = args.iter().map(|arg| place(&help, arg));
                found
                    .map(|at| at.unwrap_or_else(|| panic!("{way}: a flag isn't shown in {help}")))
                    .collect()
            };
            let (common, own) = (places(&common), places(&own));
            assert_eq!(common.len(), 4, "{way}");
            let last = own.iter().max().copied().unwrap_or(0);
            assert!(common.iter().all(|at| *at > last), "{way}: {help}");
        }
    }
}

#[test]
fn the_group_stands_behind_what_a_command_has_alone() {
    for (way, command) in all() {
        let is_group = |arg: &&Arg| arg.get_id() == "group" && arg.is_global_set();
        let Some(group) = command.get_arguments().find(is_group).cloned() else {
            continue;
        };
        let [help, _] = helps(&command);
        let at = place(&help, &group).unwrap();
        let own = command
            .get_arguments()
            .filter(|arg| !arg.is_global_set() && arg.get_long() != Some("help"));
        assert!(
            own.filter_map(|arg| place(&help, arg)).all(|other| other < at),
            "{way}: {help}"
        );
    }
}

/// Wherever a help speaks of any format, and wherever one is asked for.
#[test]
fn all_formats_are_listed_where_one_is_taken() {
    let (mut files, mut words) = (0, 0);
    for (way, command) in all() {
        let texts = |arg: &Arg| {
            arg.get_long_help()
                .or(arg.get_help())
                .map(ToString::to_string)
                .unwrap_or_default()
        };
        let speaks = command.get_arguments().any(|arg| texts(arg).contains("any format"));
        for help in helps(&command) {
            let flat = help.split_whitespace().collect::<Vec<_>>().join(" ");
            if speaks {
                files += 1;
                for name in FileFormat::NAMES {
                    assert!(flat.contains(&format!(".{name}")), "{way} lacks .{name}: {help}");
                }
            }
        }
        for arg in command
            .get_arguments()
            .filter(|arg| arg.get_id().as_str().ends_with("format") && !arg.is_global_set())
        {
            words += 1;
            let possible = arg.get_possible_values();
            assert!(possible.len() > 1, "{way}: {arg}");
            let [help, _] = helps(&command);
            for value in possible.iter().filter(|value| !value.is_hide_set()) {
                assert!(help.contains(value.get_name()), "{way} lacks {}", value.get_name());
            }
        }
    }
    assert!(files >= 18 && words >= 3, "{files} {words}");
}

#[test]
fn nothing_hidden_is_shown() {
    for (way, command) in all() {
        let hidden = command.get_subcommands().filter(|below| below.is_hide_set());
        let hidden: Vec<String> = hidden.map(|below| format!("\n  {} ", below.get_name())).collect();
        for help in helps(&command) {
            assert!(hidden.iter().all(|name| !help.contains(name)), "{way}: {help}");
        }
    }
}
