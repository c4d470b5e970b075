//! Compresses a text into one gzip member or Zstandard frame.

use crate::format::Compression;
use flate2::GzBuilder;
use flate2::write::GzEncoder;
use std::io::Write;

/// Part of the bytes of outputs: another level, another `OUTPUT_FORMAT`.
const GZIP_LEVEL: u32 = 3;
const ZSTD_LEVEL: i32 = 1;

/// Compressed at once, however the text comes: where a compressor is called again may change its bytes.
const PIECE: usize = if cfg!(any(test, fuzzing)) { 1000 } else { 128 << 10 };

/// One member or frame: pandas reads the first frame of several, and nothing of the others. It bears no name and no time.
pub struct Writer {
    encoder: Encoder,
    piece: Vec<u8>,
}

enum Encoder {
    Gzip(Box<GzEncoder<Vec<u8>>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Writer {
    /// None where nothing is to be compressed.
    pub fn new(compression: Compression) -> Option<Writer> {
        let encoder = match compression {
            Compression::None => return None,
            Compression::Gzip => {
                // 255: an operating system that is not said.
                let header = GzBuilder::new().mtime(0).operating_system(255);
                Encoder::Gzip(Box::new(header.write(Vec::new(), flate2::Compression::new(GZIP_LEVEL))))
            }
            Compression::Zstd => Encoder::Zstd(frame().expect("the library knows its own parameters")),
        };
        Some(Writer {
            encoder,
            piece: Vec::new(),
        })
    }

    /// Adds to `out` what is compressed by now.
    pub fn write(&mut self, mut text: &[u8], out: &mut Vec<u8>) {
        while self.piece.len() + text.len() >= PIECE {
            let (front, rest) = text.split_at(PIECE - self.piece.len());
            self.piece.extend_from_slice(front);
            self.encode(out);
            text = rest;
        }
        self.piece.extend_from_slice(text);
    }

    /// The rest, and the end.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        self.encode(out);
        let rest = match self.encoder {
            Encoder::Gzip(encoder) => encoder.finish(),
            Encoder::Zstd(encoder) => encoder.finish(),
        };
        out.append(&mut rest.expect(MEMORY));
    }

    fn encode(&mut self, out: &mut Vec<u8>) {
        match &mut self.encoder {
            Encoder::Gzip(encoder) => {
                encoder.write_all(&self.piece).expect(MEMORY);
                out.append(encoder.get_mut());
            }
            Encoder::Zstd(encoder) => {
                encoder.write_all(&self.piece).expect(MEMORY);
                out.append(encoder.get_mut());
            }
        }
        self.piece.clear();
    }
}

const MEMORY: &str = "memory can be written";

fn frame() -> std::io::Result<zstd::stream::write::Encoder<'static, Vec<u8>>> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
    encoder.include_checksum(true)?;
    encoder.include_contentsize(false)?;
    Ok(encoder)
}
