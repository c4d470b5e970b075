//! `transform check`: is everything ready? Also the service's ExecStartPre.

use super::invocation::Invocation;
use super::{few, missing_globs, print_error, print_line};
use crate::config::{Config, Input, Watch, has_segments, says_who_answers};
use crate::engine;
use crate::error::{Error, Result, exit};
use crate::ledger::{Found, Ledger};
use crate::registry::Registry;
use crate::registry::experiment::Kind;
use crate::serve;
use crate::spool::publish::{Folder, Publisher};
use crate::spool::scan::Listing;
use crate::spool::{Dir, Mode, Name, durable, lease};
use crate::worker::lock::Lock;
use crate::worker::owner::{Claim, Standing, folders, take_over};
use crate::worker::require_local;
use crate::worker::status::rehearse;
use std::path::Path;

/// What to check, and for whom.
pub struct Wishes {
    /// A missing model is no error.
    pub no_model_ok: bool,
    /// The output and failed folders are this worker's from now on.
    pub take_output: bool,
    /// The server, too.
    pub serve: bool,
}

pub fn check(config: Config, wishes: &Wishes, invocation: &Invocation) -> Result<u8> {
    let Wishes {
        no_model_ok,
        take_output,
        serve,
    } = *wishes;
    let mut code = exit::CONVERGED;
    let mut note = |what: &str, result: Result<String>| match result {
        Ok(found) => print_line(format!("ok       {what}: {found}")),
        Err(error) => {
            print_line(format!("NOT OK   {what}"));
            print_error(&error, invocation);
            // What a person must mend counts more than what passes.
            code = match (code, error.exit_code()) {
                (exit::USAGE, _) | (_, exit::USAGE) => exit::USAGE,
                (exit::CONVERGED, new) => new,
                (old, _) => old,
            };
        }
    };
    let file = config
        .file
        .as_ref()
        .map_or("built-in defaults".into(), |f| f.display().to_string());
    note("configuration", Ok(file));
    note("input", input(&config.input));
    note("state", state(&config.state.path));
    note("output, failed", publishing(&config));
    match folders(&config) {
        Err(error) => note("output's worker", Err(error)),
        Ok(folders) => folders.into_iter().for_each(|folder| {
            let what = match folder {
                Folder::Output => "output's worker",
                Folder::Failed => "failed's worker",
            };
            note(what, owner(&config, folder, take_output));
        }),
    }
    // Work goes on without.
    match rehearse(&config) {
        Ok(()) => print_line(format!("ok       status: {}", config.status.display())),
        Err(error) => {
            print_line("warning  status: how things stand can't be written down");
            print_error(&error, invocation);
        }
    }
    match model(&config) {
        Err(error @ Error::NoModel { .. }) if no_model_ok => {
            print_line("waiting  model");
            print_error(&error, invocation);
        }
        result => note("model", result),
    }
    match trials(&config) {
        Ok(None) => {}
        Ok(Some(found)) => note("experiments", Ok(found)),
        Err(error @ Error::Config { .. }) => note("experiments", Err(error)),
        // What goes on without is more than what doesn't.
        Err(error) => {
            print_line("warning  experiments: what is on trial can't be tried as it should");
            print_error(&error, invocation);
        }
    }
    if let Some(engine) = &config.engine {
        let found = engine::rehearse(&config, engine);
        found.into_iter().for_each(|(what, found)| note(&what, found));
    }
    if serve {
        serve::rehearse(&config)
            .into_iter()
            .for_each(|(what, found)| note(what, found));
    }
    Ok(code)
}

fn input(input: &Input) -> Result<String> {
    let mut listing = Listing::new(&input.path, &input.rules)?;
    let local = listing.inputs().is_local();
    let how = match (!local, input.watch) {
        (true, Watch::Auto) => "a mount: polled",
        (false, Watch::Auto) => "a local disk: watched",
        (_, Watch::Poll) => "polled",
        (_, Watch::Events) => "watched",
    };
    let open = match (local, lease::may_ask_of_all()) {
        (true, true) => "the kernel tells which files are still open for writing",
        (true, false) => {
            "the kernel tells which of this user's own files are still open for writing, of others' time must"
        }
        (false, _) => "that its writer has closed a file, time must tell",
    };
    let mut found = format!("{}, {how}; {open}", input.path.display());
    while !listing.next(1024)?.is_empty() {}
    if let (ignored @ 1.., named) = listing.ignored() {
        let named: Vec<String> = named.iter().map(Name::to_string).collect();
        found += &format!(
            "; ignored, for no glob of input.include has them: {ignored} ({}){}",
            few(ignored, &named),
            missing_globs(&named)
        );
    }
    Ok(found)
}

fn state(path: &Path) -> Result<String> {
    require_local(path)?;
    let ledger = match Ledger::find(path)? {
        Found::Older(_) => ", its ledger is of an earlier version: the worker brings it up to date when it starts",
        Found::Nothing | Found::Ledger(_) => "",
    };
    durable::rehearse(path)?;
    let holder = Lock::holder(path)?.map_or("no worker runs".into(), |h| format!("worker {} runs", h.pid));
    Ok(format!("{}, {holder}{ledger}", path.display()))
}

/// The ledger, if there is one of this version: right after an upgrade there is none.
fn ledger(config: &Config) -> Result<Option<Ledger>> {
    Ok(match Ledger::find(&config.state.path)? {
        Found::Ledger(ledger) => Some(ledger),
        Found::Nothing | Found::Older(_) => None,
    })
}

/// Whose folder it is. `take`: it is this worker's from now on.
fn owner(config: &Config, folder: Folder, take: bool) -> Result<String> {
    let ledger = ledger(config)?;
    if take {
        take_over(config, folder, ledger.as_ref())?;
    }
    let standing = Standing::find(config, folder, ledger.as_ref())?;
    standing.check(config)?;
    Ok(match standing.claim {
        Claim::Own if take => "this one, from now on".into(),
        Claim::Own => "this one".into(),
        Claim::Free => "none yet".into(),
        Claim::Another => "another one, too (output.shared)".into(),
        Claim::TakeOver if standing.left => "this one, under its former name".into(),
        Claim::TakeOver => "another one, which is gone".into(),
    })
}

fn publishing(config: &Config) -> Result<String> {
    if let Some(ledger) = ledger(config)? {
        for path in [&config.output.path, &config.failed] {
            ledger.check_place(path, Dir::nearest(path)?.is_mount()?)?;
        }
    }
    let publisher = Publisher::open(&config.publishing("check"))?;
    publisher.rehearse()?;
    let how = match publisher.mode() {
        Mode::Rename => "published by rename",
        Mode::Direct => "published in place: readers should wait for .done markers",
    };
    Ok(format!(
        "{}, {}: {how}",
        config.output.path.display(),
        config.failed.display()
    ))
}

/// What is on trial, if anything is.
fn trials(config: &Config) -> Result<Option<String>> {
    let registry = Registry::new(&config.models.path, &config.models.group);
    let Ok(champion) = registry.latest_approved() else {
        return Ok(None);
    };
    let trials = registry.trials(&champion, &config.state.path)?;
    let mut found = Vec::new();
    for experiment in &trials.running {
        let (name, kind, version) = (&experiment.name, experiment.kind, experiment.version);
        if kind == Kind::Challenger {
            says_who_answers(config)?;
            registry.prove(version)?;
        }
        found.push(format!("{name} (version {version} as a {kind})"));
    }
    if found.is_empty() {
        return Ok(None);
    }
    Dir::open_or_make(&config.shadow)?;
    durable::rehearse(&config.shadow)?;
    Ok(Some(format!(
        "{}; what is kept of them: {}",
        found.join(", "),
        config.shadow.display()
    )))
}

fn model(config: &Config) -> Result<String> {
    let registry = Registry::new(&config.models.path, &config.models.group);
    let identity = registry.latest_approved()?;
    let member = registry.prove(identity.version)?;
    // Where it can't be told whose keys are a challenger's, nobody answers.
    registry.trials(&identity, &config.state.path)?;
    if registry.baseline(identity.version)?.is_some() {
        has_segments(config, member.model.signature())?;
    }
    Ok(format!("{identity}, SHA-256 {}", identity.artifact))
}
