//! Between those who answer and the one who writes: bounded in bytes. Nobody who answers ever waits for the disk.

use super::event::Event;
use crate::service::lock;
use std::mem::swap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What comes together in this time is written at once.
const GATHER: Duration = Duration::from_millis(50);

pub struct Queue {
    /// Bytes that it may hold.
    most: usize,
    /// Bytes of the events in it, and of those that are being written.
    held: AtomicUsize,
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    events: Vec<Event>,
    is_closed: bool,
}

impl Queue {
    pub fn new(most: usize) -> Queue {
        Queue {
            most,
            held: AtomicUsize::new(0),
            waiting: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// False: it is full, or closed.
    pub fn push(&self, event: Event) -> bool {
        let size = event.size();
        let before = self.held.fetch_add(size, Ordering::Relaxed);
        let fits = before + size <= self.most;
        if fits {
            let mut waiting = self.lock();
            if !waiting.is_closed {
                // The writer is woken by the first one, and when it shouldn't gather for longer.
                let wakes = waiting.events.is_empty() || (before < self.most / 2 && before + size >= self.most / 2);
                waiting.events.push(event);
                drop(waiting);
                if wakes {
                    self.changed.notify_one();
                }
                return true;
            }
        }
        self.release(size);
        false
    }

    /// Waits for events, and takes all that came together; false: there will be no more.
    pub fn take(&self, into: &mut Vec<Event>) -> bool {
        into.clear();
        let nothing_yet = |waiting: &mut Waiting| waiting.events.is_empty() && !waiting.is_closed;
        let waiting = self.changed.wait_while(self.lock(), nothing_yet);
        let waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        let may_gather =
            |waiting: &mut Waiting| !waiting.is_closed && self.held.load(Ordering::Relaxed) < self.most / 2;
        let gathered = self.changed.wait_timeout_while(waiting, GATHER, may_gather);
        let (mut waiting, _) = gathered.unwrap_or_else(PoisonError::into_inner);
        swap(&mut waiting.events, into);
        !(waiting.is_closed && into.is_empty())
    }

    /// Of an event that was written, its size.
    pub fn release(&self, size: usize) {
        self.held.fetch_sub(size, Ordering::Relaxed);
    }

    /// Nothing more is taken in; what is in it is to be written.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        lock(&self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::Payload;
    use super::*;
    use hyper::body::Bytes;

    fn event(bytes: usize) -> Event {
        Event {
            group: String::new(),
            version: 1,
            at: 0,
            inference_id: None,
            input: Payload::new("", &Bytes::from(vec![b'1'; bytes])),
            output: Payload::new("", &Bytes::new()),
        }
    }

    #[test]
    fn it_holds_so_many_bytes_until_they_are_written() {
        let queue = Queue::new(2 * event(1000).size());
        assert!(queue.push(event(1000)) && queue.push(event(1000)) && !queue.push(event(1)));
        let mut taken = Vec::new();
        assert!(queue.take(&mut taken));
        assert_eq!(taken.len(), 2);
        assert!(!queue.push(event(1000)), "what is being written counts");
        queue.release(taken[0].size());
        assert!(queue.push(event(1000)));
        assert!(!queue.push(event(10_000)));
    }

    #[test]
    fn what_is_in_it_when_it_is_closed_is_taken_and_then_nothing() {
        let queue = Queue::new(1 << 20);
        assert!(queue.push(event(1)));
        queue.close();
        assert!(!queue.push(event(1)));
        let mut taken = Vec::new();
        assert!(queue.take(&mut taken) && taken.len() == 1);
        assert!(!queue.take(&mut taken) && taken.is_empty());
    }
}
