//! The pages of a column chunk, looked at before they are decoded: a header may lie about its page.

use flate2::Crc;
use polars_buffer::Buffer;
use polars_parquet::parquet::encoding::delta_byte_array;
use polars_parquet::parquet::page::split_buffer;
use polars_parquet::read::{BasicDecompressor, ColumnChunkMetadata, PageReader, PhysicalType};
use polars_parquet_format::thrift::protocol::TCompactInputProtocol;
use polars_parquet_format::{Encoding, PageHeader, PageType};
use std::io::Cursor;

/// What the pages of a chunk come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pages {
    /// Bytes of all pages.
    pub uncompressed: u64,
    /// Texts are written by what they have in common with the one before, so that few bytes are many.
    pub delta_texts: bool,
}

/// Looks at the headers of a chunk's pages, and holds their checksums, where they have them, against the bytes.
///
/// # Errors
/// What is wrong with them.
pub fn look(chunk: &[u8], column: &ColumnChunkMetadata) -> Result<Pages, String> {
    let mut pages = Pages::default();
    let (mut at, mut values, mut first) = (0, 0, true);
    while values < column.num_values() {
        let (header, length) = header(&chunk[at..])?;
        let size = usize::try_from(header.compressed_page_size).map_err(|_| "a page of a negative size")?;
        let bytes = (at + length)
            .checked_add(size)
            .and_then(|end| chunk.get(at + length..end));
        let bytes = bytes.ok_or("a page is longer than its column")?;
        at += length + size;
        if let Some(crc) = header.crc {
            let mut found = Crc::new();
            found.update(bytes);
            if found.sum() != crc as u32 {
                return Err("the checksum of a page is of other bytes".into());
            }
        }
        let uncompressed = u64::try_from(header.uncompressed_page_size).map_err(|_| "a page of a negative size")?;
        pages.uncompressed += uncompressed;
        let (count, encoding) = checked(&header, bytes, uncompressed, first)?;
        pages.delta_texts |= encoding == Some(Encoding::DELTA_BYTE_ARRAY);
        values += i64::from(count);
        first = false;
    }
    match values == column.num_values() {
        true => Ok(pages),
        false => Err("its pages have more values than it says".into()),
    }
}

/// A page's header, and how long it is.
fn header(bytes: &[u8]) -> Result<(PageHeader, usize), String> {
    let mut cursor = Cursor::new(bytes);
    let mut protocol = TCompactInputProtocol::new(&mut cursor, bytes.len());
    let header = PageHeader::read_from_in_protocol(&mut protocol).map_err(|e| format!("no header of a page: {e}"))?;
    Ok((header, cursor.position() as usize))
}

/// How many values a page says that it has, none for a dictionary, and how they are written. `bytes`: as they stand in the file.
fn checked(
    header: &PageHeader,
    bytes: &[u8],
    uncompressed: u64,
    first: bool,
) -> Result<(i32, Option<Encoding>), &'static str> {
    let (count, encoding) = match header.type_ {
        PageType::DICTIONARY_PAGE if !first => return Err("a dictionary behind pages"),
        PageType::DICTIONARY_PAGE => {
            let dictionary = header
                .dictionary_page_header
                .as_ref()
                .ok_or("a dictionary without a header")?;
            // Room is made for them; each has a byte at least.
            if !u64::try_from(dictionary.num_values).is_ok_and(|count| count <= uncompressed) {
                return Err("a dictionary has more values than bytes");
            }
            (0, None)
        }
        PageType::DATA_PAGE => {
            let page = header.data_page_header.as_ref().ok_or("a page without a header")?;
            (page.num_values, Some(page.encoding))
        }
        PageType::DATA_PAGE_V2 => {
            let page = header.data_page_header_v2.as_ref().ok_or("a page without a header")?;
            let levels = [page.definition_levels_byte_length, page.repetition_levels_byte_length];
            let levels = levels.map(|length| u64::try_from(length).map_err(|_| "levels of a negative size"));
            let levels = levels[0]? + levels[1]?;
            if levels > uncompressed || levels > bytes.len() as u64 {
                return Err("levels are longer than their page");
            }
            if page.num_nulls < 0 || page.num_nulls > page.num_values {
                return Err("a page has more missing values than values");
            }
            (page.num_values, Some(page.encoding))
        }
        _ => return Err("a page of no known type"),
    };
    match count {
        0.. => Ok((count, encoding)),
        _ => Err("a page has fewer than no values"),
    }
}

/// Bytes of all texts of a chunk that are written by what they have in common with the one before; at most a few more than `most`.
///
/// # Errors
/// They can't be told.
pub fn delta_texts(chunk: Buffer<u8>, column: &ColumnChunkMetadata, most: u64) -> Result<u64, String> {
    let fixed = match column.physical_type() {
        PhysicalType::FixedLenByteArray(length) => length,
        _ => 0,
    };
    let mut pages = decompressor(chunk, column);
    let mut total = 0;
    pages.read_dict_page().map_err(|e| e.to_string())?;
    while let Some(item) = pages.next() {
        let page = item
            .and_then(|item| item.decompress(&mut pages))
            .map_err(|e| e.to_string())?;
        if page.header().encoding() != Encoding::DELTA_BYTE_ARRAY {
            continue;
        }
        let values = split_buffer(&page).map_err(|e| e.to_string())?.values;
        for text in delta_byte_array::Decoder::try_new(values).map_err(|e| e.to_string())? {
            total += text.map_err(|e| e.to_string())?.len().max(fixed) as u64;
            if total > most {
                return Ok(total);
            }
        }
        pages.reuse_page_buffer(page);
    }
    Ok(total)
}

/// Of a chunk whose headers were looked at.
pub fn decompressor(chunk: Buffer<u8>, column: &ColumnChunkMetadata) -> BasicDecompressor {
    let most = chunk.len();
    let reader = PageReader::new(Cursor::new(chunk), column, Vec::new(), most);
    BasicDecompressor::new(reader, Vec::new())
}
