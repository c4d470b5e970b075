//! What came of the predictions that were to be captured.

use std::sync::atomic::{AtomicU64, Ordering};

/// Why a prediction that was to be captured wasn't.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// More came than the disk took; or it is larger than the queue.
    Queue,
    /// The disk is fuller than it may be.
    Disk,
    /// It can't be written.
    Write,
}

impl Loss {
    pub const ALL: [Loss; 3] = [Loss::Queue, Loss::Disk, Loss::Write];

    /// For a label.
    pub fn name(self) -> &'static str {
        match self {
            Loss::Queue => "queue",
            Loss::Disk => "disk",
            Loss::Write => "write",
        }
    }
}

/// How it stands, for metrics and people.
#[derive(Clone, Copy, Debug)]
pub struct Captured {
    pub events: u64,
    /// Why, and how many.
    pub lost: [(&'static str, u64); Loss::ALL.len()],
    /// Of all files in the capture folder, as it was looked at last, and of all that it may hold.
    pub bytes: u64,
    pub max_bytes: u64,
}

/// Since the process began. What isn't sampled is neither captured nor lost.
#[derive(Debug, Default)]
pub struct Counters {
    captured: AtomicU64,
    lost: [AtomicU64; Loss::ALL.len()],
    bytes: AtomicU64,
}

impl Counters {
    pub fn read(&self, max_bytes: u64) -> Captured {
        Captured {
            events: self.captured(),
            lost: Loss::ALL.map(|why| (why.name(), self.lost(why))),
            bytes: self.bytes.load(Ordering::Relaxed),
            max_bytes,
        }
    }

    /// Lines that were written.
    pub(super) fn captured(&self) -> u64 {
        self.captured.load(Ordering::Relaxed)
    }

    /// Predictions that were to be captured, and weren't.
    pub(super) fn lost(&self, why: Loss) -> u64 {
        self.lost[why as usize].load(Ordering::Relaxed)
    }

    pub(super) fn capture(&self, events: u64) {
        self.captured.fetch_add(events, Ordering::Relaxed);
    }

    pub(super) fn lose(&self, why: Loss, events: u64) {
        self.lost[why as usize].fetch_add(events, Ordering::Relaxed);
    }

    pub(super) fn set_bytes(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
    }
}
