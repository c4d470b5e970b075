//! Compressed outputs: the same bytes, whatever the machine and the release.

use std::fs;
use std::path::Path;
use transform::format::Compression;
use transform::format::compression::Writer;

fn packed(text: &[u8], compression: Compression) -> Vec<u8> {
    let (mut writer, mut out) = (Writer::new(compression).unwrap(), Vec::new());
    writer.write(text, &mut out);
    writer.finish(&mut out);
    out
}

/// Where an update of a library changes them, so must `OUTPUT_FORMAT`: every output is stale then. `transform.csv.gz` and `.zst` are
/// what a test of `make_packed.py` has other programs read.
#[test]
fn the_bytes_of_compressed_texts_are_pinned() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/formats/packed");
    let rows = fs::read(folder.join("rows.csv")).unwrap();
    let long: Vec<String> = (0u32..200_000)
        .map(|i| format!("{}\n", f64::from(i.wrapping_mul(2_654_435_761)) / 1024.0))
        .collect();
    for (compression, hash) in [
        (Compression::Gzip, "d74740f86ed0006b"),
        (Compression::Zstd, "db620c5ff1fd9c2b"),
    ] {
        let file = folder.join(format!("transform.csv{}", compression.extension()));
        assert_eq!(packed(&rows, compression), fs::read(file).unwrap());
        let found = blake3::hash(&packed(long.concat().as_bytes(), compression));
        assert_eq!(found.to_string()[..16], *hash);
    }
}
