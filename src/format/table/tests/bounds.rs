use super::super::Table;
use super::super::source::Source;
use super::{bytes, open, read, said};
use crate::format::RowFormat;
use crate::problem::Code;
use polars_arrow::array::PrimitiveArray;
use polars_arrow::datatypes::{ArrowDataType, ArrowSchema, Field};
use polars_arrow::io::ipc::write::{Compression, FileWriter, WriteOptions};
use polars_arrow::record_batch::RecordBatchT;
use std::io::Cursor;
use std::sync::Arc;

/// A file of one column of that many numbers.
fn arrow(rows: i64, compression: Option<Compression>) -> Vec<u8> {
    let field = Field::new("n".into(), ArrowDataType::Int64, true);
    let schema = Arc::new(ArrowSchema::from_iter([(field.name.clone(), field)]));
    let options = WriteOptions { compression };
    let mut writer = FileWriter::try_new(Cursor::new(Vec::new()), schema.clone(), None, options).unwrap();
    let array = PrimitiveArray::<i64>::from_vec((0..rows).collect()).boxed();
    let batch = RecordBatchT::try_new(rows as usize, schema, vec![array]).unwrap();
    writer.write(&batch, None).unwrap();
    writer.finish().unwrap();
    writer.into_inner().into_inner()
}

#[test]
fn a_row_group_over_the_bound_is_refused_before_it_is_read() {
    let files = [
        ("pyarrow_pages.parquet", bytes("pyarrow_pages.parquet")),
        ("a.arrow", arrow(10_000, None)),
        ("b.arrow", arrow(10_000, Some(Compression::LZ4))),
        ("c.arrow", arrow(10_000, Some(Compression::ZSTD(Default::default())))),
    ];
    for (name, bytes) in files {
        assert!(read(name, bytes.clone(), 200_000).is_ok());
        let problem = read(name, bytes, 20_000).map(|_| ()).unwrap_err();
        assert_eq!(problem.code, Code::RowGroupTooLarge, "{name}: {problem:?}");
        assert!(problem.hint.contains("row_group_size="), "{}", problem.hint);
    }
}

#[test]
fn only_the_columns_that_are_needed_count() {
    let name = "pyarrow_pages.parquet";
    let (source, table) = open(name, bytes(name), 30_000).unwrap();
    assert_eq!(
        said(table.read(&source, 0, &[0, 1]).unwrap_err()).code,
        Code::RowGroupTooLarge
    );
    let group = table.read(&source, 0, &[0]).unwrap();
    assert!(group.array(0).is_some() && group.array(1).is_none());
}

#[test]
fn other_files_are_no_tables() {
    for (bytes, format, code) in [
        (&b""[..], RowFormat::Parquet, Code::EmptyFile),
        (b"", RowFormat::Arrow, Code::EmptyFile),
        (b"a,b\n1,2\n3,4\n5,6\n7,8\n", RowFormat::Parquet, Code::FormatMismatch),
        (b"a,b\n1,2\n3,4\n5,6\n7,8\n", RowFormat::Arrow, Code::FormatMismatch),
        (b"PAR1\xff\xff\xff\xffPAR1", RowFormat::Parquet, Code::TableDamaged),
        (
            b"ARROW1\0\0\xff\xff\xff\xffARROW1",
            RowFormat::Arrow,
            Code::TableDamaged,
        ),
    ] {
        let problem = Table::open(&Source::Bytes(bytes.to_vec()), format, 1 << 20).unwrap_err();
        assert_eq!(said(problem).code, code, "{bytes:?}");
    }
    let feather = [&b"FEA1"[..], &[0; 30], b"FEA1"].concat();
    let problem = Table::open(&Source::Bytes(feather), RowFormat::Arrow, 1 << 20).unwrap_err();
    assert_eq!(said(problem).code, Code::ColumnType);
    let encrypted = [&b"PARE"[..], &[0; 30], b"PARE"].concat();
    let problem = Table::open(&Source::Bytes(encrypted), RowFormat::Parquet, 1 << 20).unwrap_err();
    assert_eq!(said(problem).code, Code::TableEncrypted);
}
