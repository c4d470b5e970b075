//! The text of a key, which its caller alone has, and the digest that is kept of it.

use crate::checksum::Sha256Sum;
use crate::error::{Error, Result};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

/// By which scanners of logs and repositories find one that leaked.
const PREFIX: &str = "tfk_";
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 62^43 is just over 2^256.
const BODY: usize = 43;
/// One of 14 million mistyped keys isn't noticed as such; it is unknown all the same.
const CHECK: usize = 4;

/// A key, as its caller presents it: `tfk_`, 256 random bits, and four characters by which a mistyped one is told from
/// another's. As long as the gateways that clients come from allow, and of letters that an access key id may have.
pub struct Secret(String);

impl Secret {
    /// A new one.
    pub fn generate() -> Result<Secret> {
        let mut bits = [0; 32];
        let source = Path::new("/dev/urandom");
        let read = File::open(source).and_then(|mut file| file.read_exact(&mut bits));
        read.map_err(Error::io("read random bits from", source))?;
        Ok(Secret::of(bits))
    }

    fn of(bits: [u8; 32]) -> Secret {
        let body = base62::<BODY>(&bits);
        Secret(format!("{PREFIX}{body}{}", check(&body)))
    }

    /// To be shown once, and written nowhere.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    pub fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }
}

/// Was this one of ours once, before it was cut or mistyped?
pub fn is_damaged(presented: &[u8]) -> bool {
    let Some(rest) = presented.strip_prefix(PREFIX.as_bytes()) else {
        return false;
    };
    match std::str::from_utf8(rest) {
        Ok(rest) if rest.len() == BODY + CHECK && rest.is_ascii() => {
            let (body, end) = rest.split_at(BODY);
            check(body) != end
        }
        _ => true,
    }
}

fn check(body: &str) -> String {
    let digest = Sha256::digest(body);
    base62::<CHECK>(&digest[..3])
}

/// The last `N` digits of a number, most significant byte first.
fn base62<const N: usize>(number: &[u8]) -> String {
    let mut number = number.to_vec();
    let mut digits = [0; N];
    for digit in digits.iter_mut().rev() {
        let mut rest = 0;
        for byte in &mut number {
            let value = rest << 8 | u32::from(*byte);
            *byte = (value / 62) as u8;
            rest = value % 62;
        }
        *digit = DIGITS[rest as usize];
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

/// The SHA-256 of a key: all that is kept of it. 256 random bits need no salt.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    pub fn of(presented: &[u8]) -> Digest {
        Digest(Sha256::digest(presented).into())
    }

    /// How people tell keys apart: the first 12 digits.
    pub fn id(self) -> String {
        self.to_string()[..12].into()
    }

    /// Eight bytes of it, where a mistake costs nothing.
    pub fn short(self) -> u64 {
        let (_, end) = self.0.split_at(24);
        end.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id())
    }
}

impl FromStr for Digest {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Digest, Self::Err> {
        let sum = Sha256Sum::parse(text).ok_or("not the SHA-256 of a key, 64 hexadecimal digits")?;
        Ok(Digest(sum.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_key_has_256_bits_and_letters_that_an_access_key_id_may_have() {
        let zero = Secret::of([0; 32]);
        assert!(zero.reveal().starts_with(&format!("tfk_{}", "0".repeat(BODY))));
        // 2^256 - 1
        let most = Secret::of([255; 32]);
        assert!(
            most.reveal()
                .starts_with("tfk_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1"),
            "{}",
            most.reveal()
        );
        let (one, two) = (Secret::generate().unwrap(), Secret::generate().unwrap());
        assert_ne!(one.reveal(), two.reveal());
        assert_eq!(one.reveal().len(), 51);
        assert!(one.reveal().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
        assert!(one.digest() != two.digest() && one.digest() == Digest::of(one.reveal().as_bytes()));
    }

    #[test]
    fn a_digest_is_read_as_it_is_written() {
        // printf abc | sha256sum
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let digest = Digest::of(b"abc");
        assert_eq!((digest.to_string(), digest.id()), (abc.into(), "ba7816bf8f01".into()));
        assert_eq!(abc.parse(), Ok(digest));
        assert_eq!(abc.to_uppercase().parse(), Ok(digest));
        for wrong in [
            "",
            &abc[1..],
            &abc.replace('b', "g"),
            &format!("{abc}0"),
            &"é".repeat(32),
        ] {
            assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_key_that_lost_or_changed_a_character_is_damaged(bits: [u8; 32], at in 4usize..51, by in 1usize..62) {
            let secret = Secret::of(bits);
            let text = secret.reveal();
            prop_assert!(!is_damaged(text.as_bytes()));
            let mut cut = text.to_string();
            cut.remove(at);
            prop_assert!(is_damaged(cut.as_bytes()));
            let mut changed = text.as_bytes().to_vec();
            let digit = DIGITS.iter().position(|d| *d == changed[at]).unwrap();
            changed[at] = DIGITS[(digit + by) % 62];
            // One in 14 million is not noticed.
            prop_assert!(is_damaged(&changed));
        }

        #[test]
        fn anything_may_be_presented(bytes: Vec<u8>) {
            prop_assert!(!is_damaged(&bytes) || bytes.starts_with(b"tfk_"));
            is_damaged(&[b"tfk_", &bytes[..]].concat());
        }
    }
}
