//! `transform init`: a spool, its configuration, and a page that says what is where. What is there stays as it is.

use super::print_line;
use crate::config::{Config, Sources, is_group, starter};
use crate::error::{Error, Result, exit};
use crate::registry::Registry;
use crate::shell::quoted;
use crate::spool::{Dir, durable};
use std::path::{Path, PathBuf, absolute};

const CONFIG: &str = "config/transform.toml";
const PAGE: &str = "README.txt";

pub fn init(folder: &Path, group: Option<&str>) -> Result<u8> {
    if let Some(group) = group
        && !is_group(group)
    {
        return Err(Error::config("--group", super::group::no_group(group)));
    }
    let root = absolute(folder).map_err(Error::io("find", folder))?;
    if is_there(&root) && !root.is_dir() {
        return Err(Error::config(&root, "this is no folder, and a spool is made in one"));
    }
    let spool = root.join("spool");
    let (config_file, page) = (root.join(CONFIG), root.join(PAGE));
    let kept = is_there(&config_file);
    let config = match kept {
        true => read(&config_file, &root, group)?,
        false => {
            let Some(spool) = spool.to_str() else {
                let message = "this path is not UTF-8, and a configuration can't name it: choose another folder";
                return Err(Error::config(&spool, message));
            };
            check_local(&root)?;
            let text = starter(spool, group.unwrap_or_default());
            make_folder(&root.join("config"), 0o777)?;
            durable::replace(&config_file, text.as_bytes()).map_err(|error| not_made(&config_file, error))?;
            read(&config_file, &root, group)?
        }
    };
    print_line(format!("a spool in {}", root.display()));
    say(CONFIG, kept);
    for (folder, mode, _) in folders(&config) {
        let kept = folder.is_dir();
        make_folder(&folder, mode)?;
        say(shown(&folder, &root), kept);
    }
    let kept = is_there(&page);
    if !kept {
        durable::replace(&page, text(&config, &root).as_bytes()).map_err(|error| not_made(&page, error))?;
    }
    say(PAGE, kept);
    if let Some(other) = std::env::var_os("TRANSFORM_CONFIG") {
        print_line(format!(
            "note: TRANSFORM_CONFIG is set, and commands go by {}: unset it, or say --config {}",
            Path::new(&other).display(),
            quoted(&config_file.to_string_lossy())
        ));
    }
    print_line("next:");
    if std::env::current_dir().is_ok_and(|here| here != root) {
        print_line(format!("  cd {}", quoted(&folder.to_string_lossy())));
    }
    let models = &config.models.path;
    let answers = |group: &String| Registry::new(models, group).latest_approved().is_ok();
    if !Registry::groups(models).unwrap_or_default().iter().any(answers) {
        REGISTER.iter().for_each(print_line);
    }
    score(&config, &root).iter().for_each(print_line);
    Ok(exit::CONVERGED)
}

const REGISTER: [&str; 2] = [
    "  transform models register MODEL.json --format xgboost --approve   # or linear, lightgbm, onnx: what another library saved",
    "  transform train PIPELINE.toml                                     # or train one, and approve it",
];

fn score(config: &Config, root: &Path) -> [String; 2] {
    let input = quoted(&format!("{}/", shown(&config.input.path, root)));
    let drop = format!("  cp ROWS.csv {input}");
    [
        format!("{drop:<66}  # drop a file of rows"),
        format!(
            "{:<66}  # score what is new; without --once: watch, until it is stopped",
            "  transform --once"
        ),
    ]
}

fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

fn say(path: impl std::fmt::Display, kept: bool) {
    let what = if kept { "kept" } else { "made" };
    print_line(format!("  {what}  {path}"));
}

/// Below the spool's folder as from there.
fn shown(path: &Path, root: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

/// As commands read it from the spool's folder, but for the environment.
fn read(file: &Path, root: &Path, group: Option<&str>) -> Result<Config> {
    let sources = Sources {
        file: Some(file.into()),
        ..Sources::default()
    };
    let mut config = sources.load()?;
    if let Some(group) = group
        && config.models.group != group
    {
        let theirs = match config.models.is_named {
            true => format!("models.group = {:?}", config.models.group),
            false => "no models.group".into(),
        };
        let message =
            format!("this configuration is there, is left as it is, and says {theirs}; have it say group = {group:?}");
        return Err(Error::config(file, message));
    }
    for path in [
        &mut config.input.path,
        &mut config.output.path,
        &mut config.failed,
        &mut config.models.path,
        &mut config.state.path,
        &mut config.status,
    ] {
        *path = root.join(&path);
    }
    Ok(config)
}

/// Each with its rights, before the umask, and what it is for. The state is the worker's alone; the status is for its group, too.
fn folders(config: &Config) -> Vec<(PathBuf, u32, &'static str)> {
    let group = config.models.path.join(&config.models.group);
    let mut folders = vec![
        (
            config.input.path.clone(),
            0o777,
            "drop files of rows here: CSV, JSON Lines, Parquet, Arrow",
        ),
        (
            config.output.path.clone(),
            0o777,
            "predictions appear here: X.csv.out for X.csv",
        ),
        (
            config.failed.clone(),
            0o777,
            "why a file has no output, and which rows could not be scored",
        ),
        (
            config.models.path.clone(),
            0o777,
            "versions of models, by group; nothing is scored until one is approved",
        ),
        (
            config.state.path.clone(),
            0o700,
            "the worker's own: what was made from what",
        ),
        (config.status.clone(), 0o750, "how things stand, for monitoring"),
    ];
    if config.models.is_named {
        folders.insert(4, (group, 0o777, "the model group that scores"));
    }
    folders
}

fn make_folder(path: &Path, mode: u32) -> Result<()> {
    durable::make_folder(path, mode).map_err(|error| not_made(path, error))
}

/// A person's folder: what can't be made there is theirs to mend.
fn not_made(path: &Path, error: Error) -> Error {
    match error {
        Error::Io { source, .. } => Error::config(path, format!("can't make it: {source}")),
        other => other,
    }
}

/// The state must be on a local disk.
fn check_local(root: &Path) -> Result<()> {
    match Dir::nearest(root).map_err(|error| not_made(root, error))?.is_mount()? {
        true => Err(Error::config(
            root,
            "this is on a FUSE or network mount, and the state must be on a local disk: choose a local folder, and set input.path and \
             output.path in its configuration to folders of the mount",
        )),
        false => Ok(()),
    }
}

/// The page.
fn text(config: &Config, root: &Path) -> String {
    let rows = folders(config)
        .into_iter()
        .map(|(folder, _, what)| (shown(&folder, root), what));
    let what = "the configuration: its paths are absolute, and it works from elsewhere with --config";
    let rows: Vec<(String, &str)> = rows.chain([(CONFIG.into(), what)]).collect();
    let width = rows.iter().map(|(path, _)| path.chars().count()).max().unwrap_or(0);
    let mut text = String::from("A spool of transform, made by `transform init`.\n\n");
    for (path, what) in rows {
        text += &format!("{path:<width$}  {what}\n");
    }
    text += "\nFrom this folder:\n\n";
    let status = format!("{:<66}  # what is done, pending, failed", "  transform status");
    for line in REGISTER
        .iter()
        .map(|line| line.to_string())
        .chain(score(config, root))
        .chain([status])
    {
        text += &format!("{line}\n");
    }
    text + "\n`transform --help` lists the commands.\n"
}
