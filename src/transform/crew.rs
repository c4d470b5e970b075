//! An input's blocks, scored by the threads of a pool. Each thread cuts a block, scores it, and joins what is next: a block is read,
//! hashed, scored and written by one core, while it is in its cache, and no thread is woken for it.

use super::{Failure, Join, Opened, Part, Summary};
use crate::format::{BLOCK, Block, Blocks, CutError, Out, PieceHash, RECORD_MAX, Unhashed};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What the threads share. They take the locks one at a time, but for `flight`, which is taken within `cutter`.
pub struct Crew<'a, R, O, J> {
    opened: &'a Opened,
    cutter: Mutex<Cutter<R>>,
    flight: Mutex<Flight>,
    /// A part was joined, or nothing more will be.
    joined: Condvar,
    join: Mutex<Join<'a, O, J>>,
    bounds: Bounds,
}

struct Cutter<R> {
    blocks: Blocks<R>,
    first: Option<Unhashed>,
    /// How many were cut.
    count: u64,
    /// Memory of written outputs.
    outs: Vec<Out>,
    stop: Option<CutError>,
}

/// On what is in flight: cut, and not joined.
struct Bounds {
    blocks: u64,
    bytes: u64,
    /// Of blocks that are longer than one usually is.
    long: u64,
}

/// What was cut, and isn't joined.
#[derive(Default)]
struct Flight {
    cut: u64,
    joined: u64,
    /// Parts whose turn it isn't yet.
    parts: BTreeMap<u64, Part>,
    /// Does a thread join parts?
    joining: bool,
    /// Of blocks and outputs that were joined, for whoever cuts next: a thread may join for long what another one makes.
    spare: Vec<(Vec<u8>, Out)>,
    /// Bytes of the largest part so far: bad rows can take more than their records, and the next block may be as bad.
    largest: u64,
    /// Bytes of blocks that hold a record longer than a block.
    long: u64,
    failure: Option<Failure>,
    /// A thread panicked.
    lost: bool,
}

impl<'a, R: Read + Send, O: Write + Send, J: Write + Send> Crew<'a, R, O, J> {
    /// `first`: without what stands in front of the rows. `memory`: bound on the bytes of blocks in flight with all that belongs
    /// to them.
    pub fn new(
        first: Block,
        blocks: Blocks<R>,
        opened: &'a Opened,
        join: Join<'a, O, J>,
        memory: u64,
    ) -> Crew<'a, R, O, J> {
        Crew {
            opened,
            cutter: Mutex::new(Cutter {
                blocks,
                first: Some(Unhashed::hashed(first)),
                count: 0,
                outs: Vec::new(),
                stop: None,
            }),
            flight: Mutex::default(),
            joined: Condvar::new(),
            join: Mutex::new(join),
            bounds: Bounds {
                // A block's output can be some ten times its size (short cells, long predictions).
                blocks: memory / (12 * BLOCK as u64),
                bytes: memory,
                long: match (opened.input.format().is_text(), opened.input.output().is_text()) {
                    (true, _) => RECORD_MAX as u64,
                    (false, true) => memory / 2,
                    // What is kept of a row group is in memory again while it is written.
                    (false, false) => memory / 4,
                },
            },
        }
    }

    pub fn work(mut self, pool: &rayon::ThreadPool) -> Result<Summary, Failure> {
        let threads = pool.current_num_threads() as u64;
        // Enough that no thread waits while another one has a block that takes longer.
        self.bounds.blocks = self.bounds.blocks.clamp(1, 4 * threads);
        let crew = &self;
        // Each thread once: in its yields one could take the work of another else.
        pool.in_place_scope(|scope| {
            scope.spawn_broadcast(|_, thread| {
                if (thread.index() as u64) < crew.bounds.blocks {
                    crew.score(pool);
                }
            });
        });
        let flight = into_inner(self.flight);
        let Cutter { blocks, stop, .. } = into_inner(self.cutter);
        let join = into_inner(self.join);
        match (flight.failure, stop) {
            (Some(failure), _) => Err(failure),
            (None, Some(e)) => Err(join.cut_error(e)),
            (None, None) => join.finish(blocks.bytes(), blocks.hash()?),
        }
    }

    /// Scores blocks until there are none.
    fn score(&self, pool: &rayon::ThreadPool) {
        let _watch = Watch {
            flight: &self.flight,
            joined: &self.joined,
        };
        let mut hash = None;
        while let Some((index, block, out)) = self.next(hash) {
            hash = block.hash();
            let part = self.opened.part_of(block.block(), out);
            self.put(index, part);
            // Small inputs don't wait until a large one is done.
            let _ = pool.yield_now();
        }
    }

    /// The next block, and memory for its output. `hash`: of the one that this thread had before.
    fn next(&self, hash: Option<PieceHash>) -> Option<(u64, Unhashed, Out)> {
        let mut cutter = lock(&self.cutter);
        let Cutter {
            blocks,
            first,
            count,
            outs,
            stop,
        } = &mut *cutter;
        blocks.add(hash);
        // Others that want a block would have to wait, too.
        let waits = |flight: &mut Flight| flight.goes_on() && !flight.has_room(&self.bounds);
        let flight = self.joined.wait_while(lock(&self.flight), waits);
        let mut flight = flight.unwrap_or_else(PoisonError::into_inner);
        for (block, out) in flight.spare.drain(..) {
            blocks.recycle(block);
            outs.push(out);
        }
        if stop.is_some() || !flight.goes_on() {
            return None;
        }
        drop(flight);
        match first.take().map_or_else(|| blocks.next_unhashed(), |b| Ok(Some(b))) {
            Ok(Some(block)) => {
                let index = *count;
                *count += 1;
                let mut flight = lock(&self.flight);
                flight.cut += 1;
                flight.long += long_bytes(block.length());
                Some((index, block, outs.pop().unwrap_or_else(|| Out::new(&self.opened.input))))
            }
            Ok(None) => None,
            Err(e) => {
                *stop = Some(e);
                None
            }
        }
    }

    /// Joins a part, and those that waited for it; or leaves it to the thread that joins.
    fn put(&self, index: u64, part: Part) {
        let mut flight = lock(&self.flight);
        flight.largest = flight.largest.max(part.memory() as u64);
        flight.parts.insert(index, part);
        if flight.joining {
            return;
        }
        flight.joining = true;
        while let Some(part) = flight.next() {
            drop(flight);
            let long = long_bytes(part.length);
            let added = lock(&self.join).add(part);
            flight = lock(&self.flight);
            match added {
                Ok(memory) => {
                    flight.spare.push(memory);
                    flight.joined += 1;
                    flight.long -= long;
                }
                Err(failure) => flight.failure = Some(failure),
            }
            self.joined.notify_all();
        }
        flight.joining = false;
    }
}

impl Flight {
    fn goes_on(&self) -> bool {
        self.failure.is_none() && !self.lost
    }

    /// May one more be cut?
    fn has_room(&self, bounds: &Bounds) -> bool {
        let count = self.cut - self.joined;
        count == 0 || count < bounds.blocks && self.long < bounds.long && count * self.largest < bounds.bytes
    }

    /// The part whose turn it is to be joined, if it has come.
    fn next(&mut self) -> Option<Part> {
        match self.goes_on() {
            true => self.parts.remove(&self.joined),
            false => None,
        }
    }
}

/// Tells the others if its thread panics: they would wait for its part.
struct Watch<'a> {
    flight: &'a Mutex<Flight>,
    joined: &'a Condvar,
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            lock(self.flight).lost = true;
            self.joined.notify_all();
        }
    }
}

fn long_bytes(block: usize) -> u64 {
    if block > 2 * BLOCK { block as u64 } else { 0 }
}

/// What a thread that panicked left is dropped: the scope panics, too.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn into_inner<T>(mutex: Mutex<T>) -> T {
    mutex.into_inner().unwrap_or_else(PoisonError::into_inner)
}
