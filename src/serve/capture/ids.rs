//! Names that no other event has.

use crate::service::clock;
use std::fs::File;
use std::io::Read;

/// Random to who doesn't know where they began.
pub struct Ids {
    high: u64,
    low: u64,
}

impl Ids {
    pub fn new() -> Ids {
        let mut bits = [0; 16];
        if File::open("/dev/urandom")
            .and_then(|mut file| file.read_exact(&mut bits))
            .is_err()
        {
            let (now, process) = (clock::wall_clock() as u64, u64::from(std::process::id()));
            return Ids {
                high: now,
                low: process,
            };
        }
        let bits = u128::from_ne_bytes(bits);
        Ids {
            high: (bits >> 64) as u64,
            low: bits as u64,
        }
    }

    pub fn next(&mut self) -> u128 {
        self.high = self.high.wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.low = self.low.wrapping_add(0x9e37_79b9_7f4a_7c15);
        u128::from(mixed(self.high)) << 64 | u128::from(mixed(self.low))
    }

    /// For the name of a file.
    pub fn tag(&mut self) -> u32 {
        self.next() as u32
    }
}

/// SplitMix64's: a number has one, and no other has the same.
fn mixed(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_are_the_same() {
        let (mut one, mut other) = (Ids::new(), Ids::new());
        let all: HashSet<u128> = (0..1000).flat_map(|_| [one.next(), other.next()]).collect();
        assert_eq!(all.len(), 2000);
    }
}
