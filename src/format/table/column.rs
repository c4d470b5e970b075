//! A column of a table, and what it holds.

use crate::model::unicode;
use polars_arrow::datatypes::{ArrowDataType, Field, IntervalUnit, TimeUnit};

/// The name of the extension type of UUIDs: <https://arrow.apache.org/docs/format/CanonicalExtensions.html#uuid>
pub const UUID: &str = "arrow.uuid";

/// A column, by the schema.
#[derive(Clone, Debug)]
pub struct Column {
    /// As it is found: without spaces around it, and in one form of Unicode.
    pub name: String,
    /// As the file has it.
    pub original: String,
    /// What its values mean.
    pub dtype: ArrowDataType,
    /// As it is decoded; none of one that has no values at all, or can't be.
    pub stored: Option<Field>,
    /// As Arrow's own schema, which stands beside Parquet's, tells it.
    pub told: Option<ArrowDataType>,
}

impl Column {
    pub fn of(name: &str, stored: Option<Field>) -> Column {
        Column {
            name: unicode::name(name).into_owned(),
            original: name.into(),
            dtype: stored
                .as_ref()
                .map_or(ArrowDataType::Struct(Vec::new()), |field| field.dtype.clone()),
            stored,
            told: None,
        }
    }

    /// As it is decoded, and as it is told.
    pub fn fields(&self) -> Option<(Field, Field)> {
        let stored = self.stored.clone()?;
        let dtype = self.told.clone().unwrap_or(stored.dtype.clone());
        let told = Field {
            dtype,
            ..stored.clone()
        };
        Some((stored, told))
    }

    /// Can its values be cells?
    pub fn has_cells(&self) -> bool {
        self.stored.is_some() && is_cell(&self.dtype)
    }

    /// Can it be read at all, to be kept?
    pub fn is_readable(&self) -> bool {
        self.stored.is_some() && is_readable(&self.dtype)
    }

    pub fn type_name(&self) -> String {
        type_name(&self.dtype)
    }
}

pub fn is_cell(dtype: &ArrowDataType) -> bool {
    use ArrowDataType::*;
    match dtype {
        Null | Boolean | Int8 | Int16 | Int32 | Int64 | Int128 | UInt8 | UInt16 | UInt32 | UInt64 | UInt128 => true,
        Float16 | Float32 | Float64 | Decimal(..) | Decimal32(..) | Decimal64(..) | Decimal256(..) => true,
        Timestamp(..) | Date32 | Date64 | Time32(_) | Time64(_) => true,
        Binary | LargeBinary | BinaryView | FixedSizeBinary(_) | Utf8 | LargeUtf8 | Utf8View => true,
        Dictionary(_, values, _) => is_cell(values) && !matches!(**values, Dictionary(..)),
        Extension(extension) => is_cell(&extension.inner),
        Duration(_) | Interval(_) | List(_) | FixedSizeList(..) | LargeList(_) | Struct(_) | Map(..) => false,
        Unknown | Union(_) => false,
    }
}

fn is_readable(dtype: &ArrowDataType) -> bool {
    use ArrowDataType::*;
    match dtype {
        List(of) | LargeList(of) | FixedSizeList(of, _) | Map(of, _) => is_readable(&of.dtype),
        Struct(fields) => !fields.is_empty() && fields.iter().all(|field| is_readable(&field.dtype)),
        Duration(_) => true,
        dtype => is_cell(dtype),
    }
}

/// Bytes of a value in memory, where all have the same; none of texts and of what is nested.
pub fn width(dtype: &ArrowDataType) -> Option<u64> {
    use ArrowDataType::*;
    Some(match dtype {
        Null => 0,
        Boolean | Int8 | UInt8 => 1,
        Int16 | UInt16 | Float16 => 2,
        Int32 | UInt32 | Float32 | Date32 | Time32(_) | Decimal32(..) => 4,
        Int64 | UInt64 | Float64 | Date64 | Time64(_) | Timestamp(..) | Duration(_) | Decimal64(..) => 8,
        Int128 | UInt128 | Decimal(..) | Interval(_) => 16,
        Decimal256(..) => 32,
        FixedSizeBinary(width) => *width as u64,
        Dictionary(..) => 8,
        Extension(extension) => return width(&extension.inner),
        _ => return None,
    })
}

/// As Arrow's own tools name it.
pub fn type_name(dtype: &ArrowDataType) -> String {
    use ArrowDataType::*;
    match dtype {
        Float16 => "halffloat".into(),
        Float32 => "float".into(),
        Float64 => "double".into(),
        Boolean => "bool".into(),
        Utf8 | LargeUtf8 | Utf8View => "string".into(),
        Binary | LargeBinary | BinaryView => "binary".into(),
        FixedSizeBinary(width) => format!("fixed_size_binary[{width}]"),
        Decimal(precision, scale)
        | Decimal32(precision, scale)
        | Decimal64(precision, scale)
        | Decimal256(precision, scale) => format!("decimal({precision}, {scale})"),
        Timestamp(unit, None) => format!("timestamp[{}]", abbreviated(*unit)),
        Timestamp(unit, Some(zone)) => format!("timestamp[{}, {zone}]", abbreviated(*unit)),
        Date32 | Date64 => "date".into(),
        Time32(unit) | Time64(unit) => format!("time[{}]", abbreviated(*unit)),
        Duration(unit) => format!("duration[{}]", abbreviated(*unit)),
        Interval(IntervalUnit::YearMonth) => "interval[months]".into(),
        Interval(_) => "interval".into(),
        List(of) | LargeList(of) => format!("list<{}>", type_name(&of.dtype)),
        FixedSizeList(of, length) => format!("list<{}>[{length}]", type_name(&of.dtype)),
        Map(..) => "map".into(),
        Struct(fields) => {
            let field = |field: &Field| format!("{}: {}", field.name, type_name(&field.dtype));
            format!("struct<{}>", fields.iter().map(field).collect::<Vec<_>>().join(", "))
        }
        Dictionary(_, values, _) => format!("dictionary<{}>", type_name(values)),
        Extension(extension) => format!("{} ({})", extension.name, type_name(&extension.inner)),
        Union(_) => "union".into(),
        other => format!("{other:?}").to_lowercase(),
    }
}

fn abbreviated(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    }
}
