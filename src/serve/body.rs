//! A request's body: taken in within limits of size, time and memory.

use super::refusal::{Cause, Refusal};
use crate::format::compression::{Limits as Packing, Reader};
use crate::format::{Compression, CutError};
use crate::problem::Code;
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub struct Limits {
    /// Bytes of one body, as it is sent and once it is decompressed.
    pub max_body: u64,
    pub timeout: Duration,
}

/// Bytes that all requests may take together: their bodies, their predictions, their answers until they are read.
#[derive(Debug)]
pub struct Memory {
    most: u64,
    taken: AtomicU64,
}

/// Bytes of it that are taken; given back when it is dropped.
#[derive(Debug)]
pub struct Hold {
    memory: Arc<Memory>,
    bytes: AtomicU64,
}

impl Memory {
    pub fn new(most: u64) -> Arc<Memory> {
        Arc::new(Memory {
            most,
            taken: AtomicU64::new(0),
        })
    }

    /// Bytes, now.
    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    pub fn hold(self: &Arc<Memory>) -> Hold {
        Hold {
            memory: self.clone(),
            bytes: AtomicU64::new(0),
        }
    }
}

impl Hold {
    fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// # Errors
    /// All requests together would take more than they may; or this one alone.
    pub fn grow(&self, bytes: u64) -> Result<(), Refusal> {
        if self.bytes().saturating_add(bytes) > self.memory.most {
            return Err(never_fits());
        }
        let taken = self.memory.taken.fetch_add(bytes, Ordering::Relaxed);
        if taken + bytes > self.memory.most {
            self.memory.taken.fetch_sub(bytes, Ordering::Relaxed);
            return Err(full());
        }
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    /// Gives so many back, of those that it took.
    pub fn release(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.memory.taken.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Holds so many from now on.
    ///
    /// # Errors
    /// These are more than before, and more than there may be.
    pub fn settle(&self, bytes: u64) -> Result<(), Refusal> {
        let before = self.bytes();
        if bytes > before {
            return self.grow(bytes - before);
        }
        self.bytes.store(bytes, Ordering::Relaxed);
        self.memory.taken.fetch_sub(before - bytes, Ordering::Relaxed);
        Ok(())
    }

    /// These bytes, which are given back with the last of their copies.
    pub fn over(self, bytes: Bytes) -> Bytes {
        Bytes::from_owner(Held { bytes, _hold: self })
    }

    /// The error that there is no room for so many bytes now, without taking any.
    fn fits(&self, bytes: u64) -> Result<(), Refusal> {
        match self.memory.taken().saturating_add(bytes) > self.memory.most {
            true => Err(full()),
            false => Ok(()),
        }
    }
}

struct Held {
    bytes: Bytes,
    _hold: Hold,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

fn full() -> Refusal {
    Refusal::new(Cause::Busy, "too many bytes of requests are in flight; try again").after(1)
}

fn never_fits() -> Refusal {
    let message = "the request with its predictions takes more memory than serve.memory has for all";
    Refusal::new(Cause::TooLarge, message).hint("send the rows in parts")
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.memory.taken.fetch_sub(self.bytes(), Ordering::Relaxed);
    }
}

/// Takes in a body as it is sent.
///
/// # Errors
/// It is too large, too slow, there is no memory left, or the client went away.
pub async fn read(headers: &HeaderMap, body: Incoming, limits: &Limits, hold: &Hold) -> Result<Bytes, Refusal> {
    let declared = match headers.get(CONTENT_LENGTH) {
        Some(value) => value.to_str().ok().and_then(|text| text.parse::<u64>().ok()),
        None => None,
    };
    if declared.is_some_and(|length| length > limits.max_body) {
        return Err(too_large(limits.max_body));
    }
    // What is declared and never sent takes nothing from others.
    hold.fits(declared.unwrap_or_default())?;
    match tokio::time::timeout(limits.timeout, collect(body, declared, limits.max_body, hold)).await {
        Ok(bytes) => bytes,
        Err(_) => Err(Refusal::new(Cause::Timeout, "the body didn't arrive in time")),
    }
}

async fn collect(mut body: Incoming, declared: Option<u64>, most: u64, hold: &Hold) -> Result<Bytes, Refusal> {
    let mut first = Bytes::new();
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(Refusal::bad("the body ended before its end"));
        };
        let Ok(data) = frame.into_data() else { continue };
        if (first.len() + whole.len() + data.len()) as u64 > most {
            return Err(too_large(most));
        }
        hold.grow(data.len() as u64)?;
        // One frame, as of every small body, is taken as it is.
        if first.is_empty() && whole.is_empty() {
            first = data;
            continue;
        }
        if whole.is_empty() {
            whole.reserve(declared.unwrap_or_default() as usize);
            whole.extend_from_slice(&first);
            first = Bytes::new();
        }
        whole.extend_from_slice(&data);
    }
    Ok(if whole.is_empty() { first } else { whole.into() })
}

pub fn too_large(most: u64) -> Refusal {
    let most = bytesize::ByteSize(most);
    Refusal::new(
        Cause::TooLarge,
        format!("the body is larger than {most}, the most that serve.max_body lets in"),
    )
    .hint("send it in parts, or drop it as a file into the worker's input folder")
}

/// Undoes a Content-Encoding.
///
/// # Errors
/// It is none that is known, is damaged, or gives more than a body may have.
pub fn decoded(headers: &HeaderMap, body: Bytes, most: u64, hold: &Hold) -> Result<Bytes, Refusal> {
    let Some(encoding) = headers.get(CONTENT_ENCODING) else {
        return Ok(body);
    };
    let name = encoding.to_str().unwrap_or_default().trim().to_ascii_lowercase();
    let compression = match name.as_str() {
        "" | "identity" => return Ok(body),
        "gzip" | "x-gzip" => Compression::Gzip,
        "zstd" => Compression::Zstd,
        _ => {
            let message = format!("Content-Encoding {name:?} isn't known; gzip and zstd are");
            return Err(Refusal::new(Cause::MediaType, message));
        }
    };
    unpacked(compression, body, most, hold)
}

/// Undoes a compression.
///
/// # Errors
/// It is damaged, or gives more than a body may have.
pub fn unpacked(compression: Compression, body: Bytes, most: u64, hold: &Hold) -> Result<Bytes, Refusal> {
    let name = match compression {
        Compression::None => return Ok(body),
        Compression::Gzip => "gzip",
        Compression::Zstd => "zstd",
    };
    let decompressed = decompress(Reader::new(&body[..], compression, PACKING), most, hold);
    decompressed.map(Bytes::from).map_err(|stopped| match stopped {
        Stopped::TooLarge => too_large(most),
        Stopped::Refused(refusal) => *refusal,
        Stopped::Damaged(e) => damaged(name, e),
    })
}

/// What comes out is bounded by `most`. A window of 2^23 bytes is what RFC 8878 has every decoder support.
const PACKING: Packing = Packing {
    max_expansion: u32::MAX,
    max_window: 1 << 23,
};

fn damaged(name: &str, error: io::Error) -> Refusal {
    let why = match CutError::from(error) {
        CutError::Read(e) => e.to_string(),
        CutError::Problem(problem) if problem.code == Code::FormatMismatch => "it begins otherwise".into(),
        CutError::Problem(problem) => problem.message,
    };
    Refusal::bad(format!("the body is no whole {name}: {why}"))
}

enum Stopped {
    TooLarge,
    Refused(Box<Refusal>),
    Damaged(io::Error),
}

/// What is counted is what comes out: a bomb is stopped where it is too large.
fn decompress(mut from: impl Read, most: u64, hold: &Hold) -> Result<Vec<u8>, Stopped> {
    const STEP: usize = 64 << 10;
    let mut out = Vec::new();
    loop {
        let length = out.len();
        hold.grow(STEP as u64)
            .map_err(|refusal| Stopped::Refused(Box::new(refusal)))?;
        let read = from.by_ref().take(STEP as u64).read_to_end(&mut out);
        read.map_err(Stopped::Damaged)?;
        if out.len() as u64 > most {
            return Err(Stopped::TooLarge);
        }
        if out.len() == length {
            return Ok(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;
    use std::io::Write;

    fn decode(name: &'static str, body: Vec<u8>, most: u64) -> Result<Bytes, Refusal> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
        let memory = Memory::new(1 << 30);
        let result = decoded(&headers, body.into(), most, &memory.hold());
        assert_eq!(memory.taken.load(Ordering::Relaxed), 0);
        result
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn compressed_bodies_are_read_and_bombs_are_not() {
        let text = b"x\n0.3\n".repeat(1000);
        assert_eq!(decode("gzip", gzip(&text), 1 << 20).unwrap(), text);
        assert_eq!(
            decode("zstd", zstd::encode_all(&text[..], 3).unwrap(), 1 << 20).unwrap(),
            text
        );
        let two = [gzip(&text), gzip(b"0.4\n"), vec![0; 100]].concat();
        assert_eq!(decode("gzip", two, 1 << 20).unwrap(), [&text[..], b"0.4\n"].concat());
        let bomb = vec![0; 4 << 20];
        for (name, body) in [("gzip", gzip(&bomb)), ("zstd", zstd::encode_all(&bomb[..], 3).unwrap())] {
            assert_eq!(
                decode(name, body, 1 << 20).unwrap_err().cause,
                Cause::TooLarge,
                "{name}"
            );
        }
    }

    #[test]
    fn what_is_damaged_or_unknown_is_refused() {
        let mut torn = gzip(b"x\n0.3\n");
        torn.truncate(torn.len() - 3);
        assert_eq!(decode("gzip", torn, 1 << 20).unwrap_err().cause, Cause::BadRequest);
        assert_eq!(
            decode("zstd", b"x\n".to_vec(), 1 << 20).unwrap_err().cause,
            Cause::BadRequest
        );
        for (name, body) in [
            ("gzip", b"x\n1\n".to_vec()),
            ("gzip", gzip(b"x\n1\n")[..15].to_vec()),
            ("gzip", [&gzip(b"x\n1\n")[..], b"x"].concat()),
            ("gzip", Vec::new()),
            ("zstd", zstd::encode_all(&b"x\n1\n"[..], 3).unwrap()[..9].to_vec()),
        ] {
            let refusal = decode(name, body, 1 << 20).unwrap_err();
            assert_eq!(refusal.cause, Cause::BadRequest);
            assert!(!refusal.message.contains("file"), "{}", refusal.message);
        }
        assert_eq!(
            decode("br", b"x\n".to_vec(), 1 << 20).unwrap_err().cause,
            Cause::MediaType
        );
    }

    #[test]
    fn all_bodies_together_have_a_bound() {
        let memory = Memory::new(100);
        let first = memory.hold();
        first.grow(60).unwrap();
        let second = memory.hold();
        assert_eq!(second.grow(60).unwrap_err().cause, Cause::Busy);
        first.settle(40).unwrap();
        second.grow(60).unwrap();
        assert_eq!(first.settle(41).unwrap_err().cause, Cause::Busy);
        assert_eq!(second.grow(41).unwrap_err().cause, Cause::TooLarge);
        drop(first);
        second.settle(100).unwrap();
        assert_eq!(memory.taken(), 100);
    }
}
