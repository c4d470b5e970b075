//! What is unpacked is what was packed, by whomever, however it is read; and nothing else is.

use super::{Limits, Reader, Writer};
use crate::format::{Compression, CutError, FileFormat};
use crate::problem::{Code, Problem};
use proptest::prelude::*;
use std::fs;
use std::io::{self, Cursor, Read, Write};
use std::path::Path;

const LIMITS: Limits = Limits {
    max_expansion: 1000,
    max_window: 8 << 20,
};

const BOTH: [Compression; 2] = [Compression::Gzip, Compression::Zstd];

fn unpacked(file: &[u8], compression: Compression) -> Result<Vec<u8>, Problem> {
    read(Reader::new(file, compression, LIMITS), 1000)
}

/// By so many bytes at once.
fn read(mut reader: Reader<impl Read>, step: usize) -> Result<Vec<u8>, Problem> {
    let (mut text, mut part) = (Vec::new(), vec![0; step]);
    loop {
        match reader.read(&mut part) {
            Ok(0) => return Ok(text),
            Ok(n) => text.extend_from_slice(&part[..n]),
            Err(e) => {
                let again = reader.read(&mut part).map_err(CutError::from);
                match (CutError::from(e), again) {
                    (CutError::Problem(problem), Err(CutError::Problem(again))) => {
                        assert_eq!(problem, again);
                        return Err(*problem);
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}

fn packed(text: &[u8], compression: Compression) -> Vec<u8> {
    let (mut writer, mut out) = (Writer::new(compression).unwrap(), Vec::new());
    writer.write(text, &mut out);
    writer.finish(&mut out);
    out
}

/// By the libraries' own writers, with all that a header may have.
fn by_others(text: &[u8], compression: Compression, level: u32) -> Vec<u8> {
    match compression {
        Compression::Zstd => zstd::encode_all(text, level as i32).unwrap(),
        _ => {
            let header = flate2::GzBuilder::new().mtime(7).filename("x.csv").comment("of shops");
            let header = header.extra(b"BC\x02\x00\x1B\x00".to_vec());
            let mut encoder = header.write(Vec::new(), flate2::Compression::new(level));
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        }
    }
}

/// Gives a few bytes at once.
struct Dribble<R>(R, usize);

impl<R: Read> Read for Dribble<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let most = bytes.len().min(self.1);
        self.0.read(&mut bytes[..most])
    }
}

fn texts() -> impl Strategy<Value = Vec<u8>> {
    let line = prop::sample::select(vec![&b"1,2.5\n"[..], b"x", b"\0", b"-7.25,abc\r\n", b"\xE4"]);
    let part = (line, 0usize..400).prop_map(|(line, times)| line.repeat(times));
    proptest::collection::vec(part, 0..4).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn members_and_frames_in_a_row_are_one_text(
        texts in proptest::collection::vec((texts(), 1u32..9, any::<bool>()), 1..5), step in 1usize..3000, dribble in 1usize..100,
    ) {
        let whole: Vec<u8> = texts.iter().flat_map(|(text, ..)| text.clone()).collect();
        for compression in BOTH {
            let mut file = Vec::new();
            for (text, level, ours) in &texts {
                file.extend(match ours {
                    true => packed(text, compression),
                    false => by_others(text, compression, *level),
                });
                if compression == Compression::Zstd {
                    file.extend(b"\x5A\x2A\x4D\x18\x03\0\0\0abc");
                }
            }
            if compression == Compression::Gzip {
                file.extend(vec![0; step % 700]);
            }
            let mut reader = Reader::new(Dribble(&file[..], dribble), compression, LIMITS);
            let mut found = Vec::new();
            let mut part = vec![0; step];
            while let n @ 1.. = reader.read(&mut part).unwrap() {
                found.extend_from_slice(&part[..n]);
            }
            prop_assert!(found == whole);
            prop_assert_eq!(reader.hashed(), (file.len() as u64, blake3::hash(&file)));
        }
    }

    /// Whatever bytes stand there, they end, and the same way however they are read.
    #[test]
    fn no_bytes_are_too_strange(
        text in texts(), edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 1..6),
        step in 1usize..3000, dribble in 1usize..100,
    ) {
        for compression in BOTH {
            let mut file = packed(&text, compression);
            for (at, byte, insert) in &edits {
                let at = at.index(file.len());
                match insert {
                    true => file.insert(at, *byte),
                    false => file[at] = *byte,
                }
            }
            let dribbled = Reader::new(Dribble(&file[..], dribble), compression, LIMITS);
            let (whole, parts) = (unpacked(&file, compression), read(dribbled, step));
            prop_assert_eq!(whole.map_err(|problem| problem.code), parts.map_err(|problem| problem.code));
        }
    }

    /// Of the text alone: not of the parts that it comes in.
    #[test]
    fn what_is_written_depends_on_the_text_alone(text in texts(), cuts in proptest::collection::vec(0usize..3000, 0..8)) {
        for compression in BOTH {
            let (mut writer, mut out, mut rest) = (Writer::new(compression).unwrap(), Vec::new(), &text[..]);
            for cut in &cuts {
                let (part, behind) = rest.split_at(rest.len().min(*cut));
                writer.write(part, &mut out);
                rest = behind;
            }
            writer.write(rest, &mut out);
            writer.finish(&mut out);
            prop_assert_eq!(&out, &packed(&text, compression));
            prop_assert!(unpacked(&out, compression).unwrap() == text);
        }
    }
}

/// As tests/fixtures/formats/make_packed.py made them.
#[test]
fn what_others_write_is_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/formats/packed");
    let text = fs::read(folder.join("rows.csv")).unwrap();
    let mut read = [0, 0];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let compression = FileFormat::of(path.as_os_str().as_encoded_bytes()).compression;
        if let Some(which) = BOTH.iter().position(|known| *known == compression) {
            assert_eq!(
                unpacked(&fs::read(&path).unwrap(), compression).unwrap(),
                text,
                "{path:?}"
            );
            read[which] += 1;
        }
    }
    assert!(read[0] >= 10 && read[1] >= 8, "{read:?}");
}

/// Of members and frames in a row, so that one may be missing.
fn small(compression: Compression) -> (Vec<u8>, Vec<usize>, Vec<u8>) {
    let rows = b"id,x\n1,0.5\n2,0.25\n3,-7\n".repeat(9);
    let parts = [packed(&rows, compression), by_others(b"4,9\n", compression, 9)];
    let ends = vec![parts[0].len()];
    (parts.concat(), ends, [&rows[..], b"4,9\n"].concat())
}

#[test]
fn no_truncation_passes_for_a_whole_file() {
    for compression in BOTH {
        let (file, ends, text) = small(compression);
        assert_eq!(unpacked(&file, compression).unwrap(), text);
        // Where a member ends, so may the file: nothing tells that there was another.
        for length in (1..file.len()).filter(|length| !ends.contains(length)) {
            let problem = unpacked(&file[..length], compression).expect_err("cut off");
            assert_eq!(
                problem.code,
                Code::CompressedDamaged,
                "{compression:?} {length}: {problem}"
            );
        }
        assert_eq!(unpacked(b"", compression).unwrap_err().code, Code::EmptyFile);
    }
}

#[test]
fn no_bit_changes_the_text() {
    for compression in BOTH {
        let (file, _, text) = small(compression);
        // By us: with a checksum. What zstd's library writes has none by itself.
        let file = match compression {
            Compression::Zstd => packed(&text, compression),
            _ => file,
        };
        let mut passed = 0;
        for bit in 0..8 * file.len() {
            let mut flipped = file.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            match unpacked(&flipped, compression) {
                Ok(found) => {
                    assert_eq!(found, text, "{compression:?} bit {bit}");
                    passed += 1;
                }
                Err(problem) => assert!(
                    [Code::CompressedDamaged, Code::FormatMismatch, Code::WindowTooLarge].contains(&problem.code),
                    "{problem}"
                ),
            }
        }
        // Times, names, systems.
        assert!(
            passed < file.len() * 8 / 2,
            "{compression:?}: {passed} of {}",
            file.len() * 8
        );
    }
}

#[test]
fn what_follows_the_end_is_no_silent_rest() {
    for compression in BOTH {
        for garbage in [
            &b"x"[..],
            b"id,x\n1,2\n",
            b"\x1F",
            b"\x28\xB5",
            b"\0\0\0x",
            b"PK\x03\x04",
        ] {
            let file = [&packed(b"id\n1\n", compression)[..], garbage].concat();
            let problem = unpacked(&file, compression).unwrap_err();
            assert_eq!(problem.code, Code::CompressedDamaged, "{garbage:?}: {problem}");
        }
    }
    let zeros = vec![0; 512];
    let file = [packed(b"id\n1\n", Compression::Gzip), zeros].concat();
    assert_eq!(unpacked(&file, Compression::Gzip).unwrap(), b"id\n1\n");
}

#[test]
fn the_checksum_of_a_header_is_held_against_it() {
    let body = &packed(b"id\n1\n", Compression::Gzip)[10..];
    let mut crc = flate2::Crc::new();
    let header = b"\x1F\x8B\x08\x1A\0\0\0\0\0\x03a.csv\0said\0";
    crc.update(header);
    let sum = &crc.sum().to_le_bytes()[..2];
    assert_eq!(
        unpacked(&[&header[..], sum, body].concat(), Compression::Gzip).unwrap(),
        b"id\n1\n"
    );
    let wrong = [sum[0], !sum[1]];
    let problem = unpacked(&[&header[..], &wrong, body].concat(), Compression::Gzip).unwrap_err();
    assert!(problem.message.contains("header's checksum"), "{problem}");
    let reserved = [b"\x1F\x8B\x08\x20\0\0\0\0\0\x03", body].concat();
    assert_eq!(
        unpacked(&reserved, Compression::Gzip).unwrap_err().code,
        Code::CompressedDamaged
    );
}

#[test]
fn a_file_is_what_its_name_says() {
    let text = b"id,x\n1,2\n";
    for (file, compression, words) in [
        (&text[..], Compression::Gzip, "text that is not compressed"),
        (text, Compression::Zstd, "text that is not compressed"),
        (&packed(text, Compression::Zstd), Compression::Gzip, "Zstandard"),
        (&packed(text, Compression::Gzip), Compression::Zstd, "gzip"),
        (b"PK\x03\x04\x14\0", Compression::Gzip, "a ZIP archive"),
        (b"PAR1\x15\x04\x15", Compression::Gzip, "Parquet"),
        (&[0; 100], Compression::Gzip, "something else"),
    ] {
        let problem = unpacked(file, compression).unwrap_err();
        assert_eq!(problem.code, Code::FormatMismatch, "{problem}");
        assert!(problem.message.contains(words), "{problem}");
    }
}

/// What the system says of the file is no fault of the file.
#[test]
fn an_error_of_the_disk_stays_one() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::from_raw_os_error(5))
        }
    }
    for compression in BOTH {
        let file = packed(&b"1,2,3\n".repeat(1000), compression);
        let mut reader = Reader::new(Cursor::new(&file[..20]).chain(Broken), compression, LIMITS);
        let error = reader.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(5));
        assert!(matches!(CutError::from(error), CutError::Read(_)));
    }
}
