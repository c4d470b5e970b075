//! Checksums of an output: BLAKE3 tells whether it is still what was made, SHA-256 is for people, who have `sha256sum`.

use sha2::{Digest, Sha256};
use std::fmt;
use std::io::{self, Read};

/// As `sha256sum` prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sha256Sum(pub [u8; 32]);

impl Sha256Sum {
    /// From 64 hexadecimal digits.
    pub fn parse(digits: &str) -> Option<Sha256Sum> {
        let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
        let mut sum = [0; 32];
        if pairs.len() != sum.len() || !rest.is_empty() {
            return None;
        }
        for (byte, pair) in sum.iter_mut().zip(pairs) {
            let [high, low] = pair.map(|digit| (digit as char).to_digit(16));
            *byte = (high? << 4 | low?) as u8;
        }
        Some(Sha256Sum(sum))
    }
}

impl fmt::Display for Sha256Sum {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Of bytes that come one after the other.
pub struct Checksums {
    blake3: blake3::Hasher,
    /// With the bytes that may still come before it is given up.
    sha256: Option<(Sha256, u64)>,
}

impl Checksums {
    /// SHA-256 is made of at most `most` bytes: it takes more than twice the time of BLAKE3.
    pub fn new(most: u64) -> Checksums {
        Checksums {
            blake3: blake3::Hasher::new(),
            sha256: Some((Sha256::new(), most)),
        }
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.blake3.update(bytes);
        self.sha256 = self.sha256.take().and_then(|(mut sha256, left)| {
            let left = left.checked_sub(bytes.len() as u64)?;
            sha256.update(bytes);
            Some((sha256, left))
        });
    }

    /// `None`: there were more bytes than SHA-256 was to be made of.
    pub fn finish(self) -> (blake3::Hash, Option<Sha256Sum>) {
        let sha256 = self.sha256.map(|(sha256, _)| Sha256Sum(sha256.finalize().into()));
        (self.blake3.finalize(), sha256)
    }

    /// Both, of all that `source` gives.
    pub fn of(mut source: impl Read) -> io::Result<(blake3::Hash, Sha256Sum)> {
        let (mut blake3, mut sha256) = (blake3::Hasher::new(), Sha256::new());
        let mut buffer = vec![0; 256 << 10];
        loop {
            match source.read(&mut buffer)? {
                0 => return Ok((blake3.finalize(), Sha256Sum(sha256.finalize().into()))),
                n => {
                    blake3.update(&buffer[..n]);
                    sha256.update(&buffer[..n]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf abc | sha256sum`
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn sha256_is_made_of_what_is_not_too_long() {
        for (pieces, most, expected) in [
            (&["abc"][..], 3, Some(ABC)),
            (&["a", "", "bc"], 3, Some(ABC)),
            (&["a", "bc"], 2, None),
            (&["abc"], u64::MAX, Some(ABC)),
            (&["abc"], 0, None),
        ] {
            let mut checksums = Checksums::new(most);
            pieces.iter().for_each(|piece| checksums.update(piece.as_bytes()));
            let (blake3, sha256) = checksums.finish();
            assert_eq!(blake3, blake3::hash(b"abc"));
            assert_eq!(
                sha256.map(|sum| sum.to_string()).as_deref(),
                expected,
                "{pieces:?} {most}"
            );
        }
        let (blake3, sha256) = Checksums::of(&b"abc"[..]).unwrap();
        assert_eq!((blake3, sha256.to_string()), (blake3::hash(b"abc"), ABC.into()));
    }
}
