//! Jobs that wait, each input once.

use super::job::Job;
use crate::spool::Name;
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
    /// For this machine.
    large: VecDeque<Name>,
    /// For others.
    elsewhere: VecDeque<Name>,
    jobs: HashMap<Name, Job>,
    /// Large inputs of so many bytes are scored elsewhere; none, if there is no elsewhere.
    part_size: Option<u64>,
}

impl Queue {
    pub fn new(part_size: Option<u64>) -> Queue {
        Queue {
            part_size,
            ..Queue::default()
        }
    }

    fn is_elsewhere(&self, job: &Job) -> bool {
        self.part_size.is_some_and(|size| job.fingerprint.size >= size)
    }

    /// Of large inputs.
    fn line(&mut self, elsewhere: bool) -> &mut VecDeque<Name> {
        match elsewhere {
            true => &mut self.elsewhere,
            false => &mut self.large,
        }
    }

    /// True if the input wasn't queued yet; else the job takes the place of the one that was.
    pub fn push(&mut self, job: Job) -> bool {
        let (name, large, elsewhere) = (job.name.clone(), job.is_large(), self.is_elsewhere(&job));
        if self.jobs.insert(name.clone(), job).is_some() {
            return false;
        }
        match large {
            true => self.line(elsewhere).push_back(name),
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

    pub fn has_large(&self, elsewhere: bool) -> bool {
        let line = if elsewhere { &self.elsewhere } else { &self.large };
        !line.is_empty()
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
            let Some(job) = self.jobs.get(&name) else { continue };
            // It may have grown since it was queued.
            if job.is_large() {
                let elsewhere = self.is_elsewhere(job);
                self.line(elsewhere).push_back(name);
                continue;
            }
            bytes += job.fingerprint.size;
            jobs.extend(self.jobs.remove(&name));
        }
        jobs
    }

    pub fn next_large(&mut self, elsewhere: bool) -> Option<Job> {
        loop {
            let name = self.line(elsewhere).pop_front()?;
            let job = self.jobs.get(&name).expect("what is queued has a job");
            // It may have another size than it had when it was queued.
            match self.is_elsewhere(job) == elsewhere {
                true => return self.jobs.remove(&name),
                false => self.line(!elsewhere).push_back(name),
            }
        }
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
        assert_eq!(queue.next_large(false).map(|j| j.fingerprint.size), Some(2 << 20));
    }

    /// However many are in front of it that wait for a cluster.
    #[test]
    fn large_inputs_of_this_machine_and_of_others_wait_apart() {
        let mut queue = Queue::new(Some(8 << 20));
        for (name, size) in [("a", 8 << 20), ("b", 9 << 20), ("c", 2 << 20), ("d", 3 << 20)] {
            queue.push(job(name, size));
        }
        // It grew since.
        queue.push(job("c", 10 << 20));
        let mut next = |elsewhere| queue.next_large(elsewhere).map(|job| job.name.to_string());
        assert_eq!(next(false).as_deref(), Some("d"));
        assert_eq!(next(false), None);
        assert_eq!(
            [next(true), next(true), next(true)].map(Option::unwrap),
            ["a", "b", "c"]
        );
        assert_eq!((next(true), queue.len()), (None, 0));
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
