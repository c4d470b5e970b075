//! Rows of an output as columns: what is kept of the input, and what is said of its rows.

mod bytes;

use crate::format::Wanted;
use crate::model::{Category, Column, Type};
use polars_arrow::array::{
    Array, BooleanArray, Float32Array, Float64Array, Int64Array, MutableBooleanArray, MutablePrimitiveArray,
};
use polars_arrow::array::{MutableArray, MutableBinaryViewArray, UInt32Array};
use polars_arrow::datatypes::{ArrowDataType, Field};
use std::sync::Arc;

/// The columns of an output.
#[derive(Debug, PartialEq, Eq)]
pub struct Schema {
    /// Those of the input that are kept; then what is said of a row, and who said it.
    pub fields: Vec<Field>,
    /// The same, as the input's own schema tells those that are kept.
    pub told: Vec<Field>,
    kept: usize,
    outputs: Vec<Kind>,
    has_version: bool,
}

/// What is said of a row, by its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Float64,
    Float32,
    /// Classes: by what all of them are.
    Integers,
    Flags,
    Numbers,
    Texts,
}

impl Kind {
    fn of(column: &Column) -> Kind {
        let all = |is: fn(&Category) -> bool| column.categories.iter().all(is);
        match column.kind {
            Type::Float32 => Kind::Float32,
            Type::Category if all(|class| matches!(class, Category::Integer(_))) => Kind::Integers,
            Type::Category if all(|class| matches!(class, Category::Flag(_))) => Kind::Flags,
            Type::Category if all(|class| matches!(class, Category::Number(_))) => Kind::Numbers,
            Type::Category => Kind::Texts,
            _ => Kind::Float64,
        }
    }

    fn dtype(self) -> ArrowDataType {
        match self {
            Kind::Float64 | Kind::Numbers => ArrowDataType::Float64,
            Kind::Float32 => ArrowDataType::Float32,
            Kind::Integers => ArrowDataType::Int64,
            Kind::Flags => ArrowDataType::Boolean,
            Kind::Texts => ArrowDataType::Utf8View,
        }
    }
}

/// The field of a kept column whose cells are texts.
pub fn text_field(name: &str) -> Field {
    Field::new(name.into(), ArrowDataType::Utf8View, true)
}

impl Schema {
    /// Of an output whose kept columns are texts.
    pub fn of_texts<'n>(kept: impl Iterator<Item = &'n str>, wanted: &Wanted) -> Arc<Schema> {
        let fields = kept.map(text_field);
        Schema::wanted(fields.map(|field| (field.clone(), field)).collect(), wanted)
    }

    /// `kept`: the columns of the input, as they are and as they are told.
    pub fn wanted(kept: Vec<(Field, Field)>, wanted: &Wanted) -> Arc<Schema> {
        let mut names = wanted.written().into_iter();
        let outputs: Vec<(String, &Column)> = names.by_ref().zip(wanted.outputs).collect();
        Schema::new(kept, outputs.into_iter(), names.next())
    }

    /// `outputs`: the columns of what is said, by the names under which they are written. `version`: the name of the column of who said
    /// it, if it is written.
    pub fn new<'a>(
        kept: Vec<(Field, Field)>,
        outputs: impl Iterator<Item = (String, &'a Column)>,
        version: Option<String>,
    ) -> Arc<Schema> {
        let (mut fields, mut told): (Vec<Field>, Vec<Field>) = kept.into_iter().unzip();
        let count = fields.len();
        let mut kinds = Vec::new();
        for (name, column) in outputs {
            let kind = Kind::of(column);
            fields.push(Field::new(name.into(), kind.dtype(), true));
            kinds.push(kind);
        }
        let has_version = version.is_some();
        fields.extend(version.map(|name| Field::new(name.into(), ArrowDataType::UInt32, true)));
        told.extend_from_slice(&fields[count..]);
        Arc::new(Schema {
            told,
            fields,
            kept: count,
            outputs: kinds,
            has_version,
        })
    }

    /// How many columns are kept of the input.
    pub fn kept(&self) -> usize {
        self.kept
    }
}

/// Rows as columns, as they are written one by one; what is kept of a table comes as a whole.
pub struct Columns {
    pub schema: Arc<Schema>,
    rows: usize,
    kept: Vec<Kept>,
    outputs: Vec<Output>,
    versions: Vec<Option<u32>>,
}

enum Kept {
    Texts(MutableBinaryViewArray<str>),
    Whole(Box<dyn Array>),
}

enum Output {
    Float64(MutablePrimitiveArray<f64>),
    Float32(MutablePrimitiveArray<f32>),
    Integers(MutablePrimitiveArray<i64>),
    Flags(MutableBooleanArray),
    Texts(MutableBinaryViewArray<str>),
}

impl Output {
    fn of(kind: Kind) -> Output {
        match kind {
            Kind::Float64 | Kind::Numbers => Output::Float64(MutablePrimitiveArray::new()),
            Kind::Float32 => Output::Float32(MutablePrimitiveArray::new()),
            Kind::Integers => Output::Integers(MutablePrimitiveArray::new()),
            Kind::Flags => Output::Flags(MutableBooleanArray::new()),
            Kind::Texts => Output::Texts(MutableBinaryViewArray::new()),
        }
    }

    fn into_array(self) -> Box<dyn Array> {
        match self {
            Output::Float64(values) => Float64Array::from(values).boxed(),
            Output::Float32(values) => Float32Array::from(values).boxed(),
            Output::Integers(values) => Int64Array::from(values).boxed(),
            Output::Flags(values) => BooleanArray::from(values).boxed(),
            Output::Texts(mut values) => values.as_box(),
        }
    }
}

impl Columns {
    pub fn new(schema: Arc<Schema>) -> Columns {
        Columns {
            rows: 0,
            kept: Vec::new(),
            outputs: schema.outputs.iter().map(|kind| Output::of(*kind)).collect(),
            versions: Vec::new(),
            schema,
        }
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Keeps columns as they stand in a table, for all rows.
    pub fn keep(&mut self, arrays: impl Iterator<Item = Box<dyn Array>>) {
        self.kept = arrays.map(Kept::Whole).collect();
    }

    /// Have the input's columns been kept as a whole?
    pub fn has_kept(&self) -> bool {
        !self.kept.is_empty()
    }

    /// Keeps the text of the next row's cell; none of a missing one. `column`: its place among those that are kept.
    pub fn keep_text(&mut self, column: usize, text: Option<&str>) {
        if self.kept.is_empty() {
            self.kept = (0..self.schema.kept)
                .map(|_| Kept::Texts(MutableBinaryViewArray::new()))
                .collect();
        }
        if let Kept::Texts(texts) = &mut self.kept[column] {
            texts.push(text);
        }
    }

    /// What is said of the next row: `x` of an output, a number or the place of a class among `column`'s; none of a bad row. Returns
    /// whether it is finite.
    pub fn push(&mut self, output: usize, column: &Column, x: Option<f64>) -> bool {
        let class = |x: f64| column.categories.get(x as usize).filter(|_| !x.is_nan());
        let finite = x.is_none_or(f64::is_finite);
        match &mut self.outputs[output] {
            Output::Float64(values) => values.push(match column.kind {
                Type::Category => x.and_then(class).and_then(Category::number),
                _ => x,
            }),
            Output::Float32(values) => {
                values.push(x.map(|x| x as f32));
                return x.is_none_or(|x| (x as f32).is_finite());
            }
            Output::Integers(values) => values.push(x.and_then(class).and_then(Category::integer)),
            Output::Flags(values) => values.push(x.and_then(class).and_then(Category::truth)),
            Output::Texts(values) => values.push(x.and_then(class).map(ToString::to_string)),
        }
        finite
    }

    /// Ends the next row. `version`: who said what is said of it.
    pub fn end_row(&mut self, version: Option<u32>) {
        self.rows += 1;
        if self.schema.has_version {
            self.versions.push(version);
        }
    }

    /// Empties it, and keeps what it is.
    pub fn clear(&mut self) {
        *self = Columns::new(self.schema.clone());
    }

    /// The bytes that it holds, or so.
    pub fn memory(&self) -> usize {
        let kept = self.kept.iter().map(|kept| match kept {
            Kept::Texts(texts) => texts.total_bytes_len() + 16 * texts.len(),
            Kept::Whole(array) => polars_arrow::compute::aggregate::estimated_bytes_size(&**array),
        });
        kept.sum::<usize>() + self.rows * (9 * self.outputs.len() + 8)
    }

    /// An array of each column.
    pub fn into_arrays(self) -> Vec<Box<dyn Array>> {
        let has_version = self.schema.has_version;
        let empty = self.schema.fields[..self.schema.kept].iter();
        let mut arrays: Vec<Box<dyn Array>> = match self.kept.is_empty() {
            true => empty
                .map(|field| polars_arrow::array::new_empty_array(field.dtype.clone()))
                .collect(),
            false => Vec::new(),
        };
        arrays.extend(self.kept.into_iter().map(|kept| match kept {
            Kept::Texts(mut texts) => texts.as_box(),
            Kept::Whole(array) => array,
        }));
        arrays.extend(self.outputs.into_iter().map(Output::into_array));
        if has_version {
            arrays.push(UInt32Array::from(self.versions).boxed());
        }
        arrays
    }
}
