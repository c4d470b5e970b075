//! Jobs that wait, each input once.

use super::job::Job;
use crate::spool::Name;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

/// Jobs that wait; the listing pauses until there are fewer.
const MOST: usize = 65_536;
/// Small inputs that are published and committed together: they share the syncs. Few enough that a file that is
/// dropped meanwhile doesn't wait long.
const GROUP: usize = 256;
const GROUP_BYTES: u64 = 32 << 20;
/// The same on a mount, where each result and each sync is a request of its own that may take a second: the loop must
/// come around before the service manager loses patience, and nothing is gained by sharing.
const GROUP_ON_MOUNT: usize = 16;

#[derive(Default)]
pub struct Queue {
    small: VecDeque<Name>,
    large: VecDeque<Name>,
    jobs: HashMap<Name, Job>,
}

impl Queue {
    /// True if the input wasn't queued yet; else the job takes the place of the one that was.
    pub fn push(&mut self, job: Job) -> bool {
        let (name, large) = (job.name.clone(), job.is_large());
        if self.jobs.insert(name.clone(), job).is_some() {
            return false;
        }
        match large {
            true => self.large.push_back(name),
            false => self.small.push_back(name),
        }
        true
    }

    /// A listing goes on only while there is.
    pub fn has_room(&self) -> bool {
        self.jobs.len() < MOST
    }

    pub fn len(&self) -> usize {
        self.jobs.len()
    }

    pub fn has_small(&self) -> bool {
        !self.small.is_empty()
    }

    /// Is there a large input that may begin?
    pub fn has_large(&self, may_begin: impl Fn(&Job) -> bool) -> bool {
        self.place_of_large(may_begin).is_some()
    }

    /// The first of those few that are looked at.
    fn place_of_large(&self, may_begin: impl Fn(&Job) -> bool) -> Option<usize> {
        /// Those behind wait: the queue may be long, and is asked often.
        const LOOKS: usize = 64;
        let mut first = self.large.iter().take(LOOKS);
        first.position(|name| self.jobs.get(name).is_some_and(&may_begin))
    }

    /// The next small inputs, to be scored together; at most `most`.
    pub fn next_group(&mut self, most: usize, on_mount: bool) -> Vec<Job> {
        let most = most.min(if on_mount { GROUP_ON_MOUNT } else { GROUP });
        let mut jobs: Vec<Job> = Vec::new();
        let mut bytes = 0;
        while jobs.len() < most && bytes < GROUP_BYTES {
            let Some(name) = self.small.pop_front() else {
                break;
            };
            let Entry::Occupied(job) = self.jobs.entry(name) else {
                continue;
            };
            // It may have grown since it was queued.
            if job.get().is_large() {
                self.large.push_back(job.key().clone());
                continue;
            }
            bytes += job.get().fingerprint.size;
            jobs.push(job.remove());
        }
        jobs
    }

    pub fn next_large(&mut self, may_begin: impl Fn(&Job) -> bool) -> Option<Job> {
        let place = self.place_of_large(may_begin)?;
        let name = self.large.remove(place).expect("it was found there");
        Some(self.jobs.remove(&name).expect("what is queued has a job"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Taken;
    use crate::spool::Fingerprint;
    use crate::worker::job::Task;

    fn job(name: &str, size: u64) -> Job {
        Job {
            name: Name::new(name.as_bytes()),
            fingerprint: Fingerprint {
                size,
                mtime: 0,
                ctime: None,
            },
            since: std::time::Duration::ZERO,
            recorded: None,
            touched: false,
            taken: Taken::default(),
            stands: false,
            output_hash: None,
            former: Vec::new(),
            aged: false,
            task: Task::Score,
            phase: None,
            unless_changed: Vec::new(),
            trials: Vec::new(),
        }
    }

    /// The loop took a listing that couldn't go on for work that could be done, and spun.
    #[test]
    fn a_full_queue_of_large_inputs_is_nothing_to_do_at_once() {
        let mut queue = Queue::default();
        for n in 0..MOST {
            assert!(queue.has_room());
            assert!(queue.push(job(&n.to_string(), 2 << 20)));
        }
        assert!(!queue.has_room() && !queue.has_small());
    }

    #[test]
    fn an_input_is_queued_once_as_it_was_seen_last() {
        let mut queue = Queue::default();
        assert!(queue.push(job("a", 1)));
        assert!(!queue.push(job("a", 2)));
        let group = queue.next_group(10, false);
        assert_eq!(group.iter().map(|j| j.fingerprint.size).collect::<Vec<_>>(), [2]);
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn a_small_input_that_grew_goes_with_the_large() {
        let mut queue = Queue::default();
        queue.push(job("a", 1));
        queue.push(job("a", 2 << 20));
        assert!(queue.next_group(10, false).is_empty());
        assert_eq!(queue.next_large(|_| true).map(|j| j.fingerprint.size), Some(2 << 20));
    }

    #[test]
    fn fewer_share_a_group_on_a_mount_or_with_few_descriptors() {
        let mut queue = Queue::default();
        for n in 0..100 {
            queue.push(job(&n.to_string(), 1));
        }
        assert_eq!(queue.next_group(usize::MAX, true).len(), GROUP_ON_MOUNT);
        assert_eq!(queue.next_group(3, false).len(), 3);
        assert_eq!(queue.next_group(usize::MAX, false).len(), 100 - GROUP_ON_MOUNT - 3);
    }
}
