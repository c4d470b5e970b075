//! Who tries keys: wrong ones, by the peer that presents them.
//!
//! A table of fixed size, without locks: a set of four places for each peer, and where all four are taken, the one goes that
//! is forgiven first. So memory is bounded whoever asks, and a peer that presents good keys costs four loads.

use super::secret::Digest;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// 16,384 peers, 128 KiB.
const SETS: usize = 4096;
const WAYS: usize = 4;
/// The wrong keys that were presented last, 8 KiB.
const WRONG: usize = 1024;
/// So many wrong keys at once; then one each `INTERVAL`. A person who mistypes a key, and a fleet that is set up anew with an
/// old one each, stay below; 17,000 guesses a day find no key of 256 bits.
const BURST: u64 = 32;
/// Milliseconds.
const INTERVAL: u64 = 5000;
const TIME_BITS: u32 = 40;

pub struct Peers {
    /// Unknown to peers, who can't choose in whose place they come.
    seed: RandomState,
    /// 24 bits that tell peers apart, and 40 of the time, in milliseconds, at which all is forgiven.
    places: Box<[AtomicU64]>,
    wrong: Box<[AtomicU64]>,
}

impl Peers {
    pub fn new() -> Peers {
        let empty = |places| (0..places).map(|_| AtomicU64::new(0)).collect();
        Peers {
            seed: RandomState::new(),
            places: empty(SETS * WAYS),
            wrong: empty(WRONG),
        }
    }

    /// # Errors
    ///
    /// How long it takes until this peer may present a key again.
    pub fn look(&self, peer: IpAddr, now: Duration) -> Result<(), Duration> {
        let (set, tag) = self.place(peer);
        let words = set.iter().map(|place| place.load(Relaxed));
        let forgiven = words
            .filter(|word| word >> TIME_BITS == tag)
            .map(time)
            .max()
            .unwrap_or(0);
        let ahead = forgiven.saturating_sub(milliseconds(now));
        match ahead > (BURST - 1) * INTERVAL {
            true => Err(Duration::from_millis(ahead - (BURST - 1) * INTERVAL)),
            false => Ok(()),
        }
    }

    /// Notes a wrong key, unless it was presented of late, by whomever. Returns if it is noted.
    pub fn failed(&self, peer: IpAddr, presented: &[u8], now: Duration) -> bool {
        let digest = Digest::of(presented).short();
        if self.wrong[digest as usize % WRONG].swap(digest, Relaxed) == digest {
            return false;
        }
        let (set, tag) = self.place(peer);
        let now = milliseconds(now);
        loop {
            let words: Vec<u64> = set.iter().map(|place| place.load(Relaxed)).collect();
            let own = (0..WAYS).find(|i| words[*i] >> TIME_BITS == tag);
            let way = own.or_else(|| (0..WAYS).min_by_key(|i| time(words[*i]))).unwrap_or(0);
            let before = own.map_or(0, |own| time(words[own]));
            // Those that came at once are held up for no longer than one that waits its turn.
            let forgiven = (before.max(now) + INTERVAL).min(now + BURST * INTERVAL);
            let word = tag << TIME_BITS | forgiven;
            if set[way].compare_exchange(words[way], word, Relaxed, Relaxed).is_ok() {
                return true;
            }
        }
    }

    fn place(&self, peer: IpAddr) -> (&[AtomicU64], u64) {
        let hash = self.seed.hash_one(network(peer));
        let set = hash as usize % SETS * WAYS;
        (&self.places[set..set + WAYS], hash >> TIME_BITS)
    }
}

/// Who has one address of IPv6 has 2^64 of them.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        v4 => v4,
    }
}

fn time(word: u64) -> u64 {
    word & ((1 << TIME_BITS) - 1)
}

/// 34 years fit.
fn milliseconds(now: Duration) -> u64 {
    now.as_millis() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Presents `n` wrong keys that nobody presented before; how many before the peer is refused?
    fn guess(peers: &Peers, peer: IpAddr, n: usize, now: Duration) -> usize {
        let mut seen = 0;
        for i in 0..n {
            if peers.look(peer, now).is_err() {
                break;
            }
            assert!(peers.failed(peer, format!("{peer} {now:?} {i}").as_bytes(), now));
            seen += 1;
        }
        seen
    }

    #[test]
    fn a_peer_that_guesses_is_held_up_then_forgiven() {
        let (peers, guesser, other) = (Peers::new(), ip("203.0.113.9"), ip("203.0.113.10"));
        let at = Duration::from_secs;
        assert_eq!(guess(&peers, guesser, 1000, at(10)), BURST as usize);
        assert_eq!(peers.look(guesser, at(10)), Err(Duration::from_millis(INTERVAL)));
        assert!(peers.look(other, at(10)).is_ok());
        assert_eq!(guess(&peers, guesser, 1000, at(14)), 0);
        assert_eq!(guess(&peers, guesser, 1000, at(15)), 1);
        assert_eq!(guess(&peers, guesser, 1000, at(15 + 32 * 5)), BURST as usize);
        // A clock that goes back holds nobody up for longer.
        assert!(peers.look(guesser, at(0)).is_err() && peers.look(guesser, at(1000)).is_ok());
    }

    /// A client with an old key had everybody refused who came through the same proxy.
    #[test]
    fn the_same_wrong_key_again_and_again_is_no_guess() {
        let (peers, proxy) = (Peers::new(), ip("127.0.0.1"));
        for second in 0..10_000 {
            let noted = peers.failed(proxy, b"tfk_old", Duration::from_secs(second) / 100);
            assert_eq!(noted, second == 0);
        }
        assert!(peers.look(proxy, Duration::from_secs(100)).is_ok());
    }

    #[test]
    fn a_peer_is_its_network() {
        let peers = Peers::new();
        let now = Duration::from_secs(1);
        assert_eq!(guess(&peers, ip("2001:db8:0:1::1"), 99, now), BURST as usize);
        assert!(peers.look(ip("2001:db8:0:1:ffff::2"), now).is_err());
        assert!(peers.look(ip("2001:db8:0:2::1"), now).is_ok());
        assert_eq!(guess(&peers, ip("192.0.2.1"), 99, now), BURST as usize);
        assert!(peers.look(ip("::ffff:192.0.2.1"), now).is_err());
    }

    #[test]
    fn a_million_peers_take_no_memory_and_do_not_wash_a_guesser_out() {
        let (peers, guesser) = (Peers::new(), ip("203.0.113.9"));
        let now = Duration::from_secs(1);
        guess(&peers, guesser, 99, now);
        let places = peers.places.len();
        let mut refused = 0;
        for i in 0..100_000u32 {
            let peer = IpAddr::V4((0x0a00_0000 + i).into());
            refused += u32::from(peers.look(peer, now).is_err());
            peers.failed(peer, &i.to_le_bytes(), now);
        }
        assert_eq!((refused, peers.places.len()), (0, places));
        assert!(peers.look(guesser, now).is_err(), "who offended most stays");
    }

    #[test]
    fn threads_at_once_are_held_up_as_one() {
        let (peers, guesser) = (Peers::new(), ip("203.0.113.9"));
        let now = Duration::from_secs(1);
        std::thread::scope(|scope| {
            for thread in 0..4u32 {
                let peers = &peers;
                scope.spawn(move || {
                    for i in 0..1000u32 {
                        peers.failed(guesser, &[thread.to_le_bytes(), i.to_le_bytes()].concat(), now);
                    }
                });
            }
        });
        assert_eq!(peers.look(guesser, now), Err(Duration::from_millis(INTERVAL)));
    }
}
