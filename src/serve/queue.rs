//! Between those who answer and the one who works behind them: bounded in bytes. Nobody who answers ever waits for it.

use crate::service::lock;
use std::mem::swap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What comes together in this time is taken at once: who answers wakes nobody but for the first.
const GATHER: Duration = Duration::from_millis(50);

/// What waits in a queue.
pub trait Item {
    /// About so many bytes of memory. Always the same.
    fn size(&self) -> usize;
}

pub struct Queue<T> {
    /// Bytes that it may hold.
    most: usize,
    /// Bytes of the items in it, and of those that were taken and not released yet.
    held: AtomicUsize,
    waiting: Mutex<Waiting<T>>,
    changed: Condvar,
}

struct Waiting<T> {
    items: Vec<T>,
    is_closed: bool,
}

impl<T: Item> Queue<T> {
    pub fn new(most: usize) -> Queue<T> {
        Queue {
            most,
            held: AtomicUsize::new(0),
            waiting: Mutex::new(Waiting {
                items: Vec::new(),
                is_closed: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// False: it is full, or closed.
    pub fn push(&self, item: T) -> bool {
        self.push_below(item, self.most)
    }

    /// Leaves half of it to others.
    pub fn push_behind(&self, item: T) -> bool {
        self.push_below(item, self.most / 2)
    }

    fn push_below(&self, item: T, most: usize) -> bool {
        let size = item.size();
        let before = self.held.fetch_add(size, Ordering::Relaxed);
        let fits = before + size <= most;
        if fits {
            let mut waiting = self.lock();
            if !waiting.is_closed {
                // The other one is woken by the first item, and when it shouldn't gather for longer.
                let wakes = waiting.items.is_empty() || (before < self.most / 2 && before + size >= self.most / 2);
                waiting.items.push(item);
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

    /// Waits for items, and takes all that came together; false: there will be no more.
    pub fn take(&self, into: &mut Vec<T>) -> bool {
        into.clear();
        let nothing_yet = |waiting: &mut Waiting<T>| waiting.items.is_empty() && !waiting.is_closed;
        let waiting = self.changed.wait_while(self.lock(), nothing_yet);
        let waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        let may_gather =
            |waiting: &mut Waiting<T>| !waiting.is_closed && self.held.load(Ordering::Relaxed) < self.most / 2;
        let gathered = self.changed.wait_timeout_while(waiting, GATHER, may_gather);
        let (mut waiting, _) = gathered.unwrap_or_else(PoisonError::into_inner);
        swap(&mut waiting.items, into);
        !(waiting.is_closed && into.is_empty())
    }

    /// Of an item that was taken and is done with, its size.
    pub fn release(&self, size: usize) {
        self.held.fetch_sub(size, Ordering::Relaxed);
    }

    /// Nothing more is taken in; what is in it is to be written.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<T>> {
        lock(&self.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Item for usize {
        fn size(&self) -> usize {
            *self
        }
    }

    #[test]
    fn it_holds_so_many_bytes_until_they_are_released() {
        let queue = Queue::new(2000);
        assert!(queue.push(1000) && queue.push(1000) && !queue.push(1));
        let mut taken = Vec::new();
        assert!(queue.take(&mut taken));
        assert_eq!(taken, [1000, 1000]);
        assert!(!queue.push(1000), "what is being worked on counts");
        queue.release(taken[0]);
        assert!(!queue.push_behind(1), "the other half is for others");
        assert!(queue.push(1000));
        assert!(!queue.push(10_000));
    }

    #[test]
    fn what_is_in_it_when_it_is_closed_is_taken_and_then_nothing() {
        let queue = Queue::new(1 << 20);
        assert!(queue.push(1));
        queue.close();
        assert!(!queue.push(1));
        let mut taken = Vec::new();
        assert!(queue.take(&mut taken) && taken.len() == 1);
        assert!(!queue.take(&mut taken) && taken.is_empty());
    }
}
