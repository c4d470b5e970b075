//! A table file that is open, and a row group of it.

use super::column::Column;
use super::extent::text_bytes;
use super::fault::{damaged, too_large, too_long};
use super::ipc;
use super::parquet::Footer;
use super::source::Source;
use crate::format::{CutError, RowFormat};
use polars_arrow::array::Array;
use std::ops::Range;

/// Where which rows of a file stand; its columns.
#[derive(Debug)]
pub struct Table {
    layout: Layout,
    /// Bytes, for what is in memory of one row group.
    bound: u64,
}

#[derive(Debug)]
enum Layout {
    Parquet(Footer),
    Arrow(ipc::File),
    /// The columns of a stream, whose record batches come with it.
    Stream(Vec<Column>),
}

/// A row group, before it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    pub rows: u64,
    /// In the file, of all columns.
    pub bytes: u64,
}

/// Columns of a row group.
#[derive(Clone, Debug)]
pub struct RowGroup {
    /// Its place in the file, from 0.
    pub index: usize,
    pub rows: usize,
    /// Bytes that its columns took while they were read, or so.
    pub memory: usize,
    /// By the place of the column in the file; none of those that weren't asked for.
    arrays: Vec<Option<Box<dyn Array>>>,
}

impl Table {
    /// `bound`: bytes, for all that is in memory of one row group at once.
    ///
    /// # Errors
    /// The file can't be read, is damaged, encrypted, or no file of this format.
    pub fn open(source: &Source, format: RowFormat, bound: u64) -> Result<Table, CutError> {
        let layout = match format {
            RowFormat::Arrow => Layout::Arrow(ipc::File::open(source, bound)?),
            _ => Layout::Parquet(Footer::read(source, bound)?),
        };
        Ok(Table { layout, bound })
    }

    /// The beginning of a stream.
    pub fn of_stream(columns: &[Column]) -> Table {
        Table {
            layout: Layout::Stream(columns.into()),
            bound: 0,
        }
    }

    pub fn columns(&self) -> &[Column] {
        match &self.layout {
            Layout::Parquet(footer) => &footer.columns,
            Layout::Arrow(file) => &file.columns,
            Layout::Stream(columns) => columns,
        }
    }

    pub fn groups(&self) -> &[Group] {
        match &self.layout {
            Layout::Parquet(footer) => &footer.groups,
            Layout::Arrow(file) => &file.groups,
            Layout::Stream(_) => &[],
        }
    }

    /// Runs of row groups that take about so many bytes of the file each.
    pub fn runs(&self, bytes: u64) -> Vec<Range<usize>> {
        let (mut runs, mut begin, mut sum) = (Vec::new(), 0, 0u64);
        for (index, group) in self.groups().iter().enumerate() {
            sum = sum.saturating_add(group.bytes);
            if sum >= bytes {
                runs.push(begin..index + 1);
                (begin, sum) = (index + 1, 0);
            }
        }
        // A table without row groups has a run without any.
        if begin < self.groups().len() || runs.is_empty() {
            runs.push(begin..self.groups().len());
        }
        runs
    }

    /// Where in the file stands what is read for a run of row groups, whatever columns are needed. What an Arrow file says of its other
    /// record batches is looked at, too, when it is opened; but nothing of it is used.
    pub fn extents(&self, groups: Range<usize>) -> Vec<Range<u64>> {
        match &self.layout {
            Layout::Parquet(footer) => footer.extents(groups),
            Layout::Arrow(file) => file.extents(groups),
            Layout::Stream(_) => Vec::new(),
        }
    }

    pub fn rows(&self) -> u64 {
        self.groups().iter().map(|group| group.rows).sum()
    }

    /// Bytes of memory that some columns of a row group take.
    pub fn memory(&self, group: usize, columns: &[usize]) -> u64 {
        match &self.layout {
            Layout::Parquet(footer) => footer.memory(group, columns),
            Layout::Arrow(file) => file.groups[group].bytes,
            Layout::Stream(_) => 0,
        }
    }

    /// Reads some columns of a row group. `columns`: their places, ascending.
    ///
    /// # Errors
    /// The file can't be read or is damaged, or they would need more than the bound.
    pub fn read(&self, source: &Source, group: usize, columns: &[usize]) -> Result<RowGroup, CutError> {
        let rows = self.groups()[group].rows;
        // What is made of rows takes memory, too, of whatever type their columns are.
        if rows.saturating_mul(ROW) > self.bound {
            return Err(too_large(group, rows, rows.saturating_mul(ROW), self.bound).into());
        }
        let arrays = match &self.layout {
            Layout::Parquet(footer) => footer.arrays(source, group, columns, self.bound),
            Layout::Arrow(file) => file.arrays(source, group, columns, self.bound),
            Layout::Stream(_) => Ok(Vec::new()),
        }?;
        let rows = rows as usize;
        let read = RowGroup::of(group, rows, self.columns().len(), columns, arrays)?;
        Ok(RowGroup {
            memory: self.memory(group, columns) as usize,
            ..read
        })
    }
}

/// Bytes that a row takes, whatever is read of it: its prediction, as a number and as text.
const ROW: u64 = 16;

impl Table {
    /// # Errors
    /// A row group would be too long as text. `columns`: those that are written so.
    pub fn check_text(&self, group: &RowGroup, columns: &[usize]) -> Result<(), CutError> {
        let arrays = columns.iter().filter_map(|column| group.array(*column));
        let bytes = arrays.map(|array| text_bytes(array, array.dtype()));
        let bytes = bytes.fold(group.rows as u64 * ROW, u64::saturating_add);
        match bytes > self.bound {
            true => Err(too_long(group.index, group.rows as u64, bytes, self.bound).into()),
            false => Ok(()),
        }
    }
}

impl RowGroup {
    /// `all`: how many columns the file has. `columns`: the places of the arrays.
    ///
    /// # Errors
    /// An array is of another length.
    pub fn of(
        index: usize,
        rows: usize,
        all: usize,
        columns: &[usize],
        arrays: Vec<Box<dyn Array>>,
    ) -> Result<RowGroup, CutError> {
        let mut places = vec![None; all];
        for (column, array) in columns.iter().zip(arrays) {
            if array.len() != rows {
                let values = array.len();
                return Err(damaged(format!(
                    "row group {index}: a column has {values} values for {rows} rows"
                ))
                .into());
            }
            places[*column] = Some(array);
        }
        Ok(RowGroup {
            index,
            rows,
            memory: 0,
            arrays: places,
        })
    }

    /// A column, if it was read.
    pub fn array(&self, column: usize) -> Option<&dyn Array> {
        self.arrays.get(column)?.as_deref()
    }

    /// Bytes of all its values as a text, or so: whoever has few bytes of it can't know.
    pub fn text_bytes(&self) -> u64 {
        let arrays = self.arrays.iter().flatten();
        let bytes = arrays.map(|array| text_bytes(&**array, array.dtype()));
        bytes.fold(0, u64::saturating_add)
    }

    /// Without columns, and so without rows.
    pub fn empty() -> RowGroup {
        RowGroup {
            index: 0,
            rows: 0,
            memory: 0,
            arrays: Vec::new(),
        }
    }
}
