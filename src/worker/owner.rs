//! Whose output and failed folders they are: looked at when a worker starts, and with each listing.

pub use super::plan::claim::Claim;

use super::plan::claim::{Life, by_life, by_mark};
use crate::config::Config;
use crate::error::{Error, Result, exit};
use crate::ledger::Ledger;
use crate::spool::Dir;
use crate::spool::publish::{self, Folder, Owner, Publisher};
use std::path::{Path, PathBuf};

/// What stands in the way of publishing to a folder, or nothing; and who marked it.
pub struct Standing {
    folder: Folder,
    path: PathBuf,
    pub claim: Claim,
    owner: Option<Owner>,
    /// As this worker marks it.
    me: Owner,
}

/// The folders that this worker publishes to, each once.
pub fn folders(config: &Config) -> Result<Vec<Folder>> {
    let mut folders = vec![Folder::Output];
    if absolute(&config.output.path)? != absolute(&config.failed)? {
        folders.push(Folder::Failed);
    }
    Ok(folders)
}

fn path(config: &Config, folder: Folder) -> &Path {
    match folder {
        Folder::Output => &config.output.path,
        Folder::Failed => &config.failed,
    }
}

impl Standing {
    /// Looks at a folder's mark, and writes nothing. `ledger`: of this worker, if there is one yet; `running`: it has
    /// marked the folder already.
    pub fn find(config: &Config, folder: Folder, ledger: Option<&Ledger>, running: bool) -> Result<Standing> {
        let me = Standing::me(config, folder, ledger)?;
        let path = path(config, folder);
        let owner = publish::owner(path)?;
        let claim = match &owner {
            None => Claim::Free,
            Some(owner) => match by_mark(&me, owner, running) {
                Some(claim) => claim,
                None => by_life(life(owner, &me, path)?),
            },
        };
        Ok(Standing {
            folder,
            path: path.into(),
            claim,
            owner,
            me,
        })
    }

    /// This worker's mark.
    fn me(config: &Config, folder: Folder, ledger: Option<&Ledger>) -> Result<Owner> {
        let state = &config.state.path;
        Ok(Owner {
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            folder: absolute(path(config, folder))?,
            state: absolute(state)?,
            instance: ledger.map(Ledger::instance).transpose()?.unwrap_or_default(),
        })
    }

    /// An error if the folder is another worker's, and not shared.
    pub fn check(&self, config: &Config) -> Result<()> {
        match (&self.owner, self.claim) {
            (
                Some(Owner {
                    host, state, instance, ..
                }),
                Claim::Another,
            ) if !config.output.shared => Err(Error::Owned {
                path: self.path.clone(),
                message: match *instance == self.me.instance && *host == self.me.host {
                    true => format!(
                        "the worker whose state folder {} was copied publishes here",
                        state.display()
                    ),
                    false => format!("the worker of {} on {host} publishes here", state.display()),
                },
            }),
            _ => Ok(()),
        }
    }
}

/// Marks the folders as this worker's, if it may. `running`: it has done so before.
pub fn claim_folders(config: &Config, ledger: &Ledger, publisher: &Publisher, running: bool) -> Result<()> {
    let find = |folder| Standing::find(config, folder, Some(ledger), running);
    let standings: Vec<Standing> = folders(config)?.into_iter().map(find).collect::<Result<_>>()?;
    // None is marked where one is refused.
    standings.iter().try_for_each(|standing| standing.check(config))?;
    standings
        .iter()
        .try_for_each(|standing| standing.claim(ledger, publisher, running))
}

/// Marks a folder as this worker's, whoever marked it. `ledger`: of this worker, if there is one yet.
pub fn take_over(config: &Config, folder: Folder, ledger: Option<&Ledger>) -> Result<()> {
    let me = Standing::me(config, folder, ledger)?;
    if let Some(ledger) = ledger {
        match publish::owner(path(config, folder)) {
            Ok(owner) => doubt_results(ledger, &me, owner.as_ref())?,
            // It may be anybody's.
            Err(_) => ledger.make_stale()?,
        }
    }
    Publisher::open(&config.publishing("check"))?.mark(folder, &me)
}

impl Standing {
    fn claim(&self, ledger: &Ledger, publisher: &Publisher, running: bool) -> Result<()> {
        let path = self.path.display();
        match (self.claim, &self.owner) {
            (Claim::Own | Claim::Another, _) => return Ok(()),
            (Claim::TakeOver, Some(Owner { instance, .. })) if instance.is_empty() => {} // 'check' marked it
            (Claim::TakeOver, Some(Owner { host, state, .. })) => {
                tracing::warn!(%path, %host, state = %state.display(), "took over the folder: its worker publishes there no more");
            }
            _ if !running && ledger.has_results()? => {
                tracing::warn!(%path, "the folder had no mark of its worker, as after an upgrade; it is this one's now");
            }
            _ => {}
        }
        doubt_results(ledger, &self.me, self.owner.as_ref())?;
        match publisher.mark(self.folder, &self.me) {
            Err(error) if error.code() == "mount" => Err(error),
            // Nothing can be published there now, either. It is tried again with each listing.
            Err(error) if !running => {
                tracing::warn!(%error, "can't mark the folder as this worker's");
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Another worker published here: what stands may be of the same size as what this one made, and be that one's; and what
/// this one reported may be gone.
fn doubt_results(ledger: &Ledger, me: &Owner, owner: Option<&Owner>) -> Result<()> {
    match owner {
        Some(owner) if !owner.instance.is_empty() && owner.instance != me.instance => ledger.make_stale(),
        _ => Ok(()),
    }
}

/// Is the owner's state folder there, and no other than it was? `me`: this worker.
///
/// # Errors
/// A fault that passes says neither.
fn life(owner: &Owner, me: &Owner, folder: &Path) -> Result<Life> {
    // What is closed to this worker is another's, and may be the same folder by another path.
    let closed = |error: Error, answer| match error.code() {
        "permission_denied" => Ok(answer),
        _ => Err(error),
    };
    if is_same(&owner.state, &me.state).or_else(|e| closed(e, false))? {
        return Ok(Life::Own);
    }
    // A bucket may be mounted twice.
    if !Dir::nearest(folder)?.is_mount()? && !is_same(&owner.folder, folder).or_else(|e| closed(e, true))? {
        return Ok(Life::Elsewhere);
    }
    let there = if owner.instance.is_empty() {
        owner.state.try_exists().unwrap_or(true)
    } else {
        match Ledger::read(&owner.state).and_then(|ledger| ledger.map(|l| l.instance()).transpose()) {
            Ok(instance) => instance.as_ref() == Some(&owner.instance),
            // Somebody else's, or of another version.
            Err(error) if error.code() == "permission_denied" || error.exit_code() != exit::TRY_AGAIN => true,
            Err(error) => return Err(error),
        }
    };
    Ok(if there { Life::Lives } else { Life::Gone })
}

/// Without links, where it is there.
fn absolute(path: &Path) -> Result<PathBuf> {
    let found = std::fs::canonicalize(path).or_else(|_| std::path::absolute(path));
    found.map_err(Error::io("find", path))
}

/// Are both the same folder? One that isn't there is none.
fn is_same(one: &Path, other: &Path) -> Result<bool> {
    let identity = |path: &Path| Dir::open_if_there(path)?.map(|dir| dir.identity()).transpose();
    let one = identity(one)?;
    Ok(one.is_some() && one == identity(other)?)
}
