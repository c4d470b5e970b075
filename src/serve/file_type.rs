//! Formats of files as media types.

use super::answer::CSV;
use crate::format::{Compression, FileFormat, OutputFormat, RowFormat};

pub const JSON_LINES: &str = "application/jsonlines";

/// The first of a format is what its answers are called.
const TYPES: [(&str, RowFormat, Compression); 11] = [
    (CSV, RowFormat::Csv, Compression::None),
    ("application/csv", RowFormat::Csv, Compression::None),
    (
        "text/tab-separated-values; charset=utf-8",
        RowFormat::Tsv,
        Compression::None,
    ),
    (JSON_LINES, RowFormat::JsonLines, Compression::None),
    // Of a CSV that is a compressed file, and whose answer is one; a Content-Encoding is the way's alone.
    ("application/gzip", RowFormat::Csv, Compression::Gzip),
    ("application/x-gzip", RowFormat::Csv, Compression::Gzip),
    ("application/zstd", RowFormat::Csv, Compression::Zstd),
    ("application/x-zstd", RowFormat::Csv, Compression::Zstd),
    ("application/vnd.apache.parquet", RowFormat::Parquet, Compression::None),
    ("application/vnd.apache.arrow.file", RowFormat::Arrow, Compression::None),
    (
        "application/vnd.apache.arrow.stream",
        RowFormat::ArrowStream,
        Compression::None,
    ),
];

/// What stands in front of the parameters.
fn name(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default().trim()
}

/// None: it is no format of files.
pub fn format(media_type: &str) -> Option<FileFormat> {
    let known = TYPES
        .into_iter()
        .find(|(known, ..)| name(known).eq_ignore_ascii_case(name(media_type)));
    known.map(|(_, rows, compression)| FileFormat { rows, compression })
}

/// As an answer in that format is called.
pub fn media_type(format: FileFormat) -> &'static str {
    let known = TYPES
        .into_iter()
        .find(|(_, rows, compression)| (*rows, *compression) == (format.rows, format.compression));
    known.map_or("application/octet-stream", |(media_type, ..)| media_type)
}

/// The first format among those that a caller takes in which the answer to such a body can be.
pub fn accepted(accept: &str, body: FileFormat) -> OutputFormat {
    let wanted = accept.split(',').find_map(|media_type| {
        let format = format(media_type)?;
        let mut outputs = OutputFormat::ALL.into_iter();
        outputs.find(|output| body.output(*output) == format)
    });
    wanted.unwrap_or(OutputFormat::Same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_and_media_types_agree() {
        for (media_type, ..) in TYPES {
            let format = format(media_type).unwrap();
            assert_eq!(super::format(super::media_type(format)), Some(format), "{media_type}");
        }
        assert_eq!(format("Text/CSV ; header=present"), Some(FileFormat::default()));
        assert_eq!(format("image/png"), None);
    }

    #[test]
    fn the_first_format_that_can_be_answered_is() {
        let csv = FileFormat::default();
        let packed = format("application/gzip").unwrap();
        for (accept, body, output) in [
            ("", csv, OutputFormat::Same),
            ("*/*", csv, OutputFormat::Same),
            (
                "text/html, text/csv;q=0.9, application/jsonlines",
                csv,
                OutputFormat::Same,
            ),
            ("application/jsonlines, text/csv", csv, OutputFormat::JsonLines),
            (
                "multipart/mixed, application/vnd.apache.parquet",
                csv,
                OutputFormat::Parquet,
            ),
            ("text/csv", packed, OutputFormat::Csv),
            ("application/gzip", packed, OutputFormat::Same),
            // Not everything can be written of everything.
            ("application/gzip, text/csv", csv, OutputFormat::Same),
        ] {
            assert_eq!(accepted(accept, body), output, "{accept}");
        }
    }
}
