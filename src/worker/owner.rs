//! Whose output and failed folders they are: looked at when a worker starts, and with each listing.

pub use super::plan::claim::Claim;

use super::doubts::compare;
use super::plan::claim::{Life, by_life, by_mark};
use crate::config::Config;
use crate::error::{Error, Result, exit};
use crate::ledger::{Ledger, Marks};
use crate::spool::Dir;
use crate::spool::publish::{self, Folder, Owner, Publisher};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// What stands in the way of publishing to a folder, or nothing; and who marked it.
pub struct Standing {
    folder: Folder,
    path: PathBuf,
    pub claim: Claim,
    owner: Option<Owner>,
    /// The mark is this worker's, of another host name or path.
    pub left: bool,
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
    /// Looks at a folder's mark, and writes nothing. `ledger`: of this worker, if there is one yet.
    pub fn find(config: &Config, folder: Folder, ledger: Option<&Ledger>) -> Result<Standing> {
        let me = Standing::me(config, folder, ledger)?;
        let path = path(config, folder);
        let owner = publish::owner(path)?;
        let left = match (&owner, ledger) {
            (Some(owner), Some(ledger)) => ledger.marks(owner)?.left.contains(owner),
            _ => false,
        };
        let claim = match &owner {
            None => Claim::Free,
            Some(owner) => match by_mark(&me, owner, left) {
                Some(claim) => claim,
                None => by_life(life(owner, &me, path)?),
            },
        };
        Ok(Standing {
            folder,
            path: path.into(),
            claim,
            owner,
            left,
            me,
        })
    }

    /// This worker's mark.
    fn me(config: &Config, folder: Folder, ledger: Option<&Ledger>) -> Result<Owner> {
        let state = &config.state.path;
        Ok(Owner {
            host: host().into(),
            folder: absolute(path(config, folder))?,
            state: absolute(state)?,
            instance: ledger.map(Ledger::instance).transpose()?.unwrap_or_default(),
        })
    }

    /// An error if the folder is another worker's, and not shared.
    pub fn check(&self, config: &Config) -> Result<()> {
        match (&self.owner, self.claim) {
            (Some(owner), Claim::Another) if !config.output.shared => Err(owner.refuse(&self.me, &self.path)),
            _ => Ok(()),
        }
    }
}

/// Marks the folders as this worker's, if it may. `running`: it has done so before.
pub fn claim_folders(
    config: &Config,
    ledger: &Ledger,
    publisher: &Publisher,
    running: bool,
    mut heartbeat: impl FnMut(),
) -> Result<()> {
    let find = |folder| Standing::find(config, folder, Some(ledger));
    let standings: Vec<Standing> = folders(config)?.into_iter().map(find).collect::<Result<_>>()?;
    // None is marked where one is refused.
    standings.iter().try_for_each(|standing| standing.check(config))?;
    for standing in standings {
        match standing.claim {
            Claim::Another => publisher.expect(standing.folder, None),
            Claim::Own => standing.settle(config, ledger, publisher, &mut heartbeat)?,
            Claim::Free | Claim::TakeOver => {
                standing.tell(ledger, running)?;
                match standing.mark(ledger, publisher) {
                    Ok(()) => standing.settle(config, ledger, publisher, &mut heartbeat)?,
                    Err(error) if error.code() == "mount" => return Err(error),
                    // Nothing can be published there now, either. It is tried again with each listing.
                    Err(error) if !running => tracing::warn!(%error, "can't mark the folder as this worker's"),
                    Err(_) => {}
                }
            }
        }
    }
    Ok(())
}

/// Marks a folder as this worker's, whoever marked it. `ledger`: of this worker, if there is one yet.
pub fn take_over(config: &Config, folder: Folder, ledger: Option<&Ledger>) -> Result<()> {
    let publisher = Publisher::open(&config.publishing("check"))?;
    let me = Standing::me(config, folder, ledger)?;
    let owner = match publish::owner(path(config, folder)) {
        // What can't be read may be anybody's.
        Err(Error::Owned { .. }) => None,
        found => found?,
    };
    let Some(ledger) = ledger else {
        return publisher.mark(folder, &me);
    };
    let standing = Standing {
        folder,
        path: path(config, folder).into(),
        claim: match owner.as_ref() == Some(&me) {
            true => Claim::Own,
            false => Claim::TakeOver,
        },
        owner,
        left: false,
        me,
    };
    if standing.claim == Claim::TakeOver {
        standing.mark(ledger, &publisher)?;
    }
    standing.settle(config, ledger, &publisher, || {})
}

impl Standing {
    /// Says what a person should know of the claim.
    fn tell(&self, ledger: &Ledger, running: bool) -> Result<()> {
        let path = self.path.display();
        match &self.owner {
            Some(Owner { instance, .. }) if instance.is_empty() => {} // 'check' marked it
            Some(Owner { host, state, .. }) => {
                let at = state.display();
                if self.left {
                    tracing::warn!(%path, %host, state = %at, "took over the folder from this worker under its former name");
                } else if *state == self.me.state {
                    tracing::warn!(%path, %host, state = %at, "took over the folder: its worker publishes there no more");
                } else {
                    tracing::error!(%path, %host, state = %at, "took over the folder: its worker publishes there no more");
                }
            }
            None if running || !ledger.has_results()? => {}
            // One that is new to this worker needs nobody.
            None if ledger.has_marks()? && ledger.marks(&self.me)?.left.is_empty() => {}
            None => tracing::warn!(
                %path,
                "the folder had no mark of its worker, as after an upgrade, or when it was removed; it is this one's now"
            ),
        }
        Ok(())
    }

    /// Marks the folder as this worker's. What stands there is in doubt from then on, if another one may have published it.
    fn mark(&self, ledger: &Ledger, publisher: &Publisher) -> Result<()> {
        let mut marks = ledger.marks(&self.me)?;
        marks.doubted |= match &self.owner {
            Some(owner) => !owner.instance.is_empty(),
            None => self.claim == Claim::TakeOver || !marks.left.is_empty(),
        };
        if !marks.left.contains(&self.me) {
            marks.left.push(self.me.clone());
        }
        // First, or a worker that is killed in between takes its own mark for another's.
        ledger.remember_marks(&self.me, &marks)?;
        publisher.mark(self.folder, &self.me)
    }

    /// The folder has this worker's mark: what stands there and is in doubt is compared.
    fn settle(&self, config: &Config, ledger: &Ledger, publisher: &Publisher, heartbeat: impl FnMut()) -> Result<()> {
        publisher.expect(self.folder, Some(&self.me));
        let marks = ledger.marks(&self.me)?;
        if marks.doubted {
            // One folder may be both.
            let all = folders(config)?;
            let own = [Folder::Output, Folder::Failed];
            let folders = if all.len() == 1 { &own[..] } else { &[self.folder] };
            compare(config, ledger, folders, heartbeat)?;
        }
        let settled = Marks {
            left: vec![self.me.clone()],
            doubted: false,
        };
        match marks == settled {
            true => Ok(()),
            false => ledger.remember_marks(&self.me, &settled),
        }
    }
}

/// This host, as it was called when this process asked first: a network or a cloud may name it anew while the worker runs.
fn host() -> &'static str {
    static HOST: OnceLock<String> = OnceLock::new();
    HOST.get_or_init(|| rustix::system::uname().nodename().to_string_lossy().into_owned())
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
