//! The one who writes: a thread of its own, for the process's life.

use super::counters::{Counters, Loss};
use super::event::Event;
use super::folder::Folder;
use super::ids::Ids;
use super::layout;
use crate::error::{Error, Result};
use crate::serve::queue::{Item, Queue};
use crate::service::clock;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

/// Lines of a file that are written at once, in bytes; a longer line is written alone.
const AT_ONCE: usize = 256 << 10;
/// How often it is said that the disk is too slow.
const SAY_EVERY: Duration = Duration::from_secs(60);

pub struct Writer<'a> {
    folder: Folder,
    queue: &'a Queue<Event>,
    counters: &'a Counters,
    ids: &'a Ids,
    /// Of each version one, and at the turn of an hour two.
    files: Vec<Open>,
    line: Vec<u8>,
    standing: Standing,
    /// When it was said last that events were lost to a full queue, and how many were by then.
    said: Option<(Duration, u64)>,
}

/// What lines of a version and an hour are added to.
struct Open {
    group: String,
    version: u32,
    /// When its file was begun, by the first event; it holds those of that hour.
    at: i64,
    /// `None`: to be begun.
    file: Option<Begun>,
    /// Whole lines, of so many events, that are to be written.
    buffer: Vec<u8>,
    events: u64,
}

struct Begun {
    file: File,
    path: PathBuf,
    length: u64,
}

/// What was said last, for nothing is said twice.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Fine,
    Full,
    Failing,
}

impl<'a> Writer<'a> {
    /// `ids`: for the names of files.
    pub fn new(folder: Folder, queue: &'a Queue<Event>, counters: &'a Counters, ids: &'a Ids) -> Writer<'a> {
        Writer {
            folder,
            queue,
            counters,
            ids,
            files: Vec::new(),
            line: Vec::new(),
            standing: Standing::Fine,
            said: None,
        }
    }

    /// Until the queue is closed and empty.
    pub fn run(mut self) {
        // What a killed process left is put in order before anybody asks.
        let _ = self.prepare();
        let mut events = Vec::new();
        while self.queue.take(&mut events) {
            self.write(&mut events);
            self.say_if_slow();
        }
    }

    fn write(&mut self, events: &mut Vec<Event>) {
        let refused = match self.prepare() {
            Ok(true) => None,
            Ok(false) => Some(Loss::Disk),
            Err(()) => Some(Loss::Write),
        };
        let lost_before = self.counters.lost(Loss::Write);
        for event in events.drain(..) {
            match refused {
                Some(loss) => self.counters.lose(loss, 1),
                None => self.add(&event),
            }
            self.queue.release(event.size());
        }
        for at in (0..self.files.len()).rev() {
            self.flush(at);
        }
        let newest = self.files.iter().map(|open| layout::hour(open.at)).max();
        self.files.retain(|open| Some(layout::hour(open.at)) == newest);
        self.counters.set_bytes(self.folder.size());
        if refused.is_none() && self.counters.lost(Loss::Write) == lost_before {
            self.stands(Standing::Fine, None);
        }
    }

    /// May it write? False: the disk is too full.
    fn prepare(&mut self) -> Result<bool, ()> {
        let looked = self.folder.prepare().and_then(|()| self.folder.is_full());
        match looked {
            Ok(false) => Ok(true),
            Ok(true) => {
                self.stands(Standing::Full, None);
                Ok(false)
            }
            Err(error) => {
                self.stands(Standing::Failing, Some(&error));
                Err(())
            }
        }
    }

    fn add(&mut self, event: &Event) {
        event.push(&mut self.line);
        let at_once = AT_ONCE.min(self.folder.part() as usize);
        if let Some(at) = self.find(event)
            && self.files[at].buffer.len() + self.line.len() > at_once
        {
            self.flush(at);
        }
        let at = self.find(event).unwrap_or_else(|| {
            self.files.push(Open::of(event));
            self.files.len() - 1
        });
        let open = &mut self.files[at];
        open.buffer.extend_from_slice(&self.line);
        open.events += 1;
        self.line.clear();
        self.line.shrink_to(AT_ONCE);
    }

    fn find(&self, event: &Event) -> Option<usize> {
        let hour = layout::hour(event.stamp.at);
        let is_its =
            |open: &Open| layout::hour(open.at) == hour && open.version == event.version && open.group == event.group;
        self.files.iter().position(is_its)
    }

    /// Writes what is added to a file. One that is large enough, or fails, is closed.
    fn flush(&mut self, at: usize) {
        let mut open = self.files.swap_remove(at);
        if open.events == 0 {
            return self.files.push(open);
        }
        match self.append(&mut open) {
            Ok(length) => {
                self.counters.capture(open.events);
                open.events = 0;
                open.buffer.clear();
                // A large line's memory is given back.
                open.buffer.shrink_to(AT_ONCE);
                if length < self.folder.part() {
                    self.files.push(open);
                }
            }
            Err(error) => self.fails(open.events, &error),
        }
    }

    /// Returns the length of the file then.
    fn append(&mut self, open: &mut Open) -> Result<u64> {
        let bytes = open.buffer.len() as u64;
        if self.folder.lacks_room(bytes) {
            // Others that are being written may go, too: they are begun again.
            self.files.iter_mut().for_each(|open| open.file = None);
            if !self.folder.sweep(bytes)? {
                let message = format!("{} don't fit into capture.max_size", bytesize::ByteSize(bytes));
                return Err(Error::config(self.folder.path(), message));
            }
        }
        let begun = match open.file.take() {
            Some(begun) if begun.is_there()? => begun,
            _ => {
                let (file, path) = self.folder.begin(&open.group, open.version, open.at, self.ids.tag())?;
                Begun { file, path, length: 0 }
            }
        };
        let begun = open.file.insert(begun);
        if let Err(e) = begun.file.write_all(&open.buffer) {
            // On a full disk, the part of a line that still fitted.
            let _ = begun.file.set_len(begun.length);
            return Err(Error::io("write", &begun.path)(e));
        }
        begun.length += bytes;
        self.folder.add(bytes);
        Ok(begun.length)
    }

    fn fails(&mut self, events: u64, error: &Error) {
        self.counters.lose(Loss::Write, events);
        self.stands(Standing::Failing, Some(error));
    }

    fn stands(&mut self, standing: Standing, error: Option<&Error>) {
        if self.standing == standing {
            return;
        }
        self.standing = standing;
        let folder = self.folder.path().display();
        match (standing, error) {
            (Standing::Full, _) => {
                tracing::warn!(%folder, "nothing is captured: the disk is fuller than capture.max_disk");
            }
            (Standing::Failing, Some(error)) => {
                tracing::warn!(%error, "predictions can't be captured; those that come are tried again");
            }
            _ => tracing::info!(%folder, "predictions are captured again"),
        }
    }

    fn say_if_slow(&mut self) {
        let (now, lost) = (clock::monotonic(), self.counters.lost(Loss::Queue));
        let (last, before) = self.said.map_or((None, 0), |(at, lost)| (Some(at), lost));
        if lost > before && last.is_none_or(|last| now - last >= SAY_EVERY) {
            tracing::warn!(
                lost = lost - before,
                "predictions weren't captured: more came than the disk took"
            );
            self.said = Some((now, lost));
        }
    }
}

impl Open {
    fn of(event: &Event) -> Open {
        Open {
            group: event.group.clone(),
            version: event.version,
            at: event.stamp.at,
            file: None,
            buffer: Vec::new(),
            events: 0,
        }
    }
}

impl Begun {
    /// Anybody may take it away.
    fn is_there(&self) -> Result<bool> {
        let metadata = self.file.metadata().map_err(Error::io("stat", &self.path))?;
        Ok(metadata.nlink() > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::{Payload, Stamp};
    use super::*;
    use crate::config::Capture;
    use crate::serve::Stage;
    use crate::transform::Share;
    use hyper::body::Bytes;
    use std::path::Path;

    const HOUR: i64 = 3_600_000_000_000;

    fn event(group: &str, version: u32, at: i64, bytes: usize) -> Event {
        Event {
            group: group.into(),
            version,
            stamp: Stamp { id: 0, at },
            inference_id: None,
            experiment: None,
            arm: None,
            input: Payload::new("text/csv", Bytes::from(vec![b'1'; bytes])),
            output: Payload::new("text/csv", Bytes::new()),
        }
    }

    /// What comes of these events.
    fn write(root: &Path, max_size: u64, events: Vec<Event>) -> Counters {
        let settings = Capture {
            path: root.into(),
            sample: 1.0,
            max_size,
            max_disk: Share::ALL,
        };
        let (queue, counters) = (Queue::new(1 << 30), Counters::default());
        assert!(events.into_iter().all(|event| queue.push(event)));
        queue.close();
        let folder = Folder::new(&settings, Stage::Production);
        Writer::new(folder, &queue, &counters, &Ids::default()).run();
        counters
    }

    fn lines(folder: &Path) -> Vec<usize> {
        let files = std::fs::read_dir(folder).unwrap();
        let texts = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
        texts.map(|text| text.lines().count()).collect()
    }

    #[test]
    fn each_event_lies_in_its_version_and_hour() {
        let dir = tempfile::tempdir().unwrap();
        let events = [
            event("a", 1, 0, 1),
            event("a", 1, HOUR - 1, 1),
            event("a", 1, HOUR, 1),
            event("a", 1, HOUR - 2, 1),
            event("a", 2, 0, 1),
            event("b", 1, 0, 1),
        ];
        let counters = write(dir.path(), 1 << 20, events.into());
        assert_eq!(counters.captured(), 6);
        for (hour, expected) in [("a/1/1970/01/01/00", 3), ("a/1/1970/01/01/01", 1)] {
            assert_eq!(lines(&dir.path().join(hour)), [expected], "{hour}");
        }
        for hour in ["a/2/1970/01/01/00", "b/1/1970/01/01/00"] {
            assert_eq!(lines(&dir.path().join(hour)), [1], "{hour}");
        }
    }

    #[test]
    fn a_line_that_fits_nowhere_is_lost_alone() {
        let dir = tempfile::tempdir().unwrap();
        let events = vec![event("a", 1, 0, 10), event("a", 1, 1, 100_000), event("a", 1, 2, 10)];
        let counters = write(dir.path(), 64 << 10, events);
        assert_eq!((counters.captured(), counters.lost(Loss::Write)), (2, 1));
    }

    #[test]
    fn many_versions_at_once_keep_to_the_size() {
        let dir = tempfile::tempdir().unwrap();
        let events = (0..4000).map(|n| event("a", 1 + n % 40, i64::from(n), 300));
        let counters = write(dir.path(), 64 << 10, events.collect());
        assert_eq!(counters.captured() + counters.lost(Loss::Write), 4000);
        let bytes = counters.read(0).bytes;
        assert!(bytes <= 64 << 10, "{bytes}");
        assert!(counters.captured() == 4000, "{}", counters.captured());
    }
}
