//! The blocks of an input that may be compressed.

use super::cut::Blocks;
use super::dialect::Dialect;
use super::source::Source;
use crate::format::compression::Unpacked;
use crate::format::{BLOCK, Encoding, RECORD_MAX};
use std::io::Read;

impl<R: Read> Blocks<Unpacked<R>> {
    /// Of an input that may be compressed. `size`: of the file, if it is known; of a compressed one it says nothing.
    pub fn unpacked(
        input: Unpacked<R>,
        encoding: Encoding,
        dialect: Dialect,
        size: Option<u64>,
    ) -> Blocks<Unpacked<R>> {
        match input {
            Unpacked::Plain(_) => Blocks::new(input, encoding, dialect, size),
            Unpacked::Packed(_) => {
                let source = Source::new(input, encoding).hashed_by(Unpacked::hashed);
                Blocks::with_sizes(source, dialect, BLOCK, RECORD_MAX)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Compression;
    use crate::format::compression::{Limits, Writer};
    use crate::problem::{Code, Problem};
    use memchr::memchr_iter;

    fn encoding(label: &str) -> Encoding {
        Encoding::parse(label).unwrap()
    }

    /// The hash and size are those of the file, whatever stands in it.
    #[test]
    fn a_compressed_text_has_any_encoding() {
        let text = "x,\u{e4}\n".repeat(500);
        for (bytes, label) in [
            (text.clone().into_bytes(), "utf-8"),
            (text.encode_utf16().flat_map(u16::to_le_bytes).collect(), "utf-16"),
            (encoding_rs::WINDOWS_1252.encode(&text).0.into_owned(), "latin1"),
        ] {
            for compression in [Compression::Gzip, Compression::Zstd] {
                let file = packed(&bytes, compression);
                let mut blocks = Blocks::unpacked(
                    unpacked(&file, compression),
                    encoding(label),
                    Dialect::plain(b','),
                    None,
                );
                let mut found = Vec::new();
                while let Some(block) = blocks.next_block().unwrap() {
                    found.extend(block);
                }
                assert_eq!(found, text.as_bytes());
                assert_eq!(
                    (blocks.bytes(), blocks.hash()),
                    (file.len() as u64, blake3::hash(&file))
                );
            }
        }
    }

    #[test]
    fn what_is_wrong_with_a_compressed_file_has_its_line() {
        let rows: Vec<u8> = (0..100_000).flat_map(|i| format!("{i},2.5\n").into_bytes()).collect();
        for compression in [Compression::Gzip, Compression::Zstd] {
            let file = packed(&rows, compression);
            let problem = problem_of(&file[..file.len() - 1], compression);
            assert_eq!((problem.code, problem.line), (Code::CompressedDamaged, Some(100_001)));
            let problem = problem_of(&packed(b"\x1F\x8B\x08\0", compression), compression);
            assert_eq!((problem.code, problem.line), (Code::NotCsv, Some(1)));
            assert!(problem.message.contains("compressed in the file is gzip"), "{problem}");
            assert_eq!(problem_of(&rows, compression).code, Code::FormatMismatch);
        }
    }

    fn packed(text: &[u8], compression: Compression) -> Vec<u8> {
        let (mut writer, mut out) = (Writer::new(compression).unwrap(), Vec::new());
        writer.write(text, &mut out);
        writer.finish(&mut out);
        out
    }

    fn unpacked(file: &[u8], compression: Compression) -> Unpacked<&[u8]> {
        let limits = Limits {
            max_expansion: 1000,
            max_window: 8 << 20,
        };
        Unpacked::new(file, compression, limits)
    }

    fn problem_of(file: &[u8], compression: Compression) -> Problem {
        let mut blocks = Blocks::unpacked(unpacked(file, compression), Encoding::UTF_8, Dialect::plain(b','), None);
        let mut lines = 0;
        loop {
            match blocks.next_block() {
                Ok(block) => lines += memchr_iter(b'\n', &block.expect("it is damaged")).count() as u64,
                Err(e) => return e.problem(lines),
            }
        }
    }
}
