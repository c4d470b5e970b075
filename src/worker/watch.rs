//! What happens in the folders -> news.

use super::inbox::{Inbox, News};
use super::plan::Word;
use crate::config::{Config, Watch};
use crate::spool::{Dir, Links, Name, Rules, results};
use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RenameMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use rustix::fs::Stat;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The folders under watch.
pub struct Watches {
    notify: RecommendedWatcher,
    targets: Vec<Target>,
    even_mounts: bool,
    input: PathBuf,
}

struct Target {
    path: PathBuf,
    mode: RecursiveMode,
    /// Its device and inode when last looked at.
    identity: Option<(u64, u64)>,
    watched: bool,
}

impl Watches {
    /// `None` where the kernel gives no more watches: then timers must do.
    pub fn new(config: &Config, inbox: Arc<Inbox>) -> Option<Watches> {
        // Events name absolute paths, whatever was asked for.
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.into());
        let input = absolute(&config.input.path);
        let published = [absolute(&config.output.path), absolute(&config.failed)];
        let models = absolute(&config.models.path);
        let recursive = config.input.rules.recursive();
        let target = |path: &Path, recursive: bool| Target {
            path: path.into(),
            mode: if recursive {
                RecursiveMode::Recursive
            } else {
                RecursiveMode::NonRecursive
            },
            identity: None,
            watched: false,
        };
        let mut targets = vec![
            target(&input, recursive),
            target(&published[0], recursive),
            target(&published[1], recursive),
            target(&models, true),
        ];
        if config.input.watch == Watch::Poll {
            targets.remove(0);
        }
        let sorter = Sorter {
            input: input.clone(),
            rules: config.input.rules.clone(),
            published,
            models,
        };
        let handle = move |event: notify::Result<Event>| {
            inbox.add(|news| match &event {
                Ok(event) => sorter.sort(event, news),
                Err(e) => {
                    tracing::warn!(error = %e, "watching failed; listing again");
                    news.lose();
                    news.folders = true;
                }
            });
        };
        // Else a link that isn't followed would take the events of what it leads to.
        let follow = *config.input.rules.links() != Links::Refuse;
        let notify = RecommendedWatcher::new(handle, notify::Config::default().with_follow_symlinks(follow));
        let notify = notify
            .inspect_err(|e| tracing::warn!(error = %e, "can't watch folders; polling instead"))
            .ok()?;
        Some(Watches {
            notify,
            targets,
            even_mounts: config.input.watch == Watch::Events,
            input,
        })
    }

    /// Watches what isn't watched yet, or is another folder than before. True if there was such a folder.
    pub fn refresh(&mut self) -> bool {
        let mut anew = false;
        for target in &mut self.targets {
            let identity = rustix::fs::stat(&target.path).ok().map(|s: Stat| (s.st_dev, s.st_ino));
            if identity == target.identity {
                continue;
            }
            anew = true;
            target.identity = identity;
            if std::mem::take(&mut target.watched) {
                let _ = self.notify.unwatch(&target.path);
            }
            // Others' changes on a mount raise no events here.
            let mount = Dir::open(&target.path).and_then(|dir| dir.is_mount()).unwrap_or(false);
            if identity.is_none() || mount && !self.even_mounts {
                continue;
            }
            match self.notify.watch(&target.path, target.mode) {
                Ok(()) => target.watched = true,
                Err(e) => tracing::warn!(path = %target.path.display(), error = %e, "can't watch; polling instead"),
            }
        }
        anew
    }

    /// Do events tell what happens in the input folder? If not, it must be listed again and again.
    pub fn covers_inputs(&self) -> bool {
        self.targets.iter().any(|t| t.path == self.input && t.watched)
    }
}

/// What came into a folder by an event's word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Came {
    Folder,
    FileOrFolder,
    Nothing,
}

/// Tells what an event is about.
struct Sorter {
    input: PathBuf,
    rules: Rules,
    published: [PathBuf; 2],
    models: PathBuf,
}

impl Sorter {
    fn sort(&self, event: &Event, news: &mut News) {
        if event.need_rescan() {
            news.lose();
            news.models = true;
            news.folders = true;
            return;
        }
        let word = match event.kind {
            // Reading, our own above all.
            EventKind::Access(AccessKind::Open(_) | AccessKind::Read | AccessKind::Close(AccessMode::Read)) => return,
            // Its halves were told already.
            EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => return,
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => Word::Closed,
            EventKind::Modify(ModifyKind::Name(RenameMode::To)) => Word::Closed,
            EventKind::Modify(ModifyKind::Data(_)) => Word::Writing,
            _ => Word::Nothing,
        };
        let came = match event.kind {
            EventKind::Create(CreateKind::Folder) => Came::Folder,
            EventKind::Modify(ModifyKind::Name(RenameMode::To)) => Came::FileOrFolder,
            _ => Came::Nothing,
        };
        for path in &event.paths {
            if let Ok(below) = path.strip_prefix(&self.input) {
                self.sort_input(below, word, came, news);
            } else if let Some(below) = self.published.iter().find_map(|p| path.strip_prefix(p).ok()) {
                if below.as_os_str().is_empty() {
                    news.folders = true;
                } else if below.file_name().is_some_and(|n| !n.as_bytes().starts_with(b".")) {
                    match results::input_of(&Name::new(below.as_os_str().as_bytes())) {
                        Some(input) => news.note(input, Word::Nothing),
                        None => news.subfolder |= self.rules.recursive() && came != Came::Nothing,
                    }
                }
            } else if path.starts_with(&self.models) {
                news.models = true;
                news.folders |= path == &self.models;
            }
        }
    }

    fn sort_input(&self, below: &Path, word: Word, came: Came, news: &mut News) {
        if below.as_os_str().is_empty() {
            news.folders = true;
            return;
        }
        let name = Name::new(below.as_os_str().as_bytes());
        // What links lead to is changed by a rename beside them, as Kubernetes does it.
        let aside = came == Came::FileOrFolder && *self.rules.links() != Links::Refuse;
        let recursive = self.rules.recursive();
        if self.rules.accept(&name) && !(recursive && came == Came::Folder) {
            news.note(name, word);
        } else if recursive && came != Came::Nothing && self.rules.enter(name.bytes()) {
            // Files may have come with it, or before it was under watch.
            news.subfolder = true;
        } else if aside {
            news.relist = true;
        }
    }
}
