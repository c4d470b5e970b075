//! What stands here where the program is built without tables: their opening refuses a file by name, so that no table is ever open.

use super::source::Source;
use crate::format::{Cause, CutError, FileFormat, Out, Record, RowFormat, RowWriting, Said, Wanted};
use crate::problem::{Code, Problem};
use crate::score::batch::Flaw;
use crate::score::{Batch, Derivation};
use std::borrow::Cow;
use std::io::{self, Read};
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

#[derive(Debug)]
pub enum Table {}
#[derive(Clone, Debug)]
pub enum Column {}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    pub rows: u64,
    pub bytes: u64,
}
#[derive(Clone, Debug)]
pub struct RowGroup {
    pub index: usize,
    pub rows: usize,
    pub memory: usize,
    none: Never,
}
pub enum Input {}
#[derive(Debug, PartialEq, Eq)]
pub enum Schema {}
pub enum Columns {}
pub enum Writer {}
pub struct Rows<'a>(Never, PhantomData<&'a ()>);
pub struct Stream<R>(Never, PhantomData<R>);

#[derive(Clone, Copy, Debug)]
enum Never {}

impl Table {
    pub fn open(_: &Source, _: RowFormat, _: u64) -> Result<Table, CutError> {
        Err(not_built_in().into())
    }

    pub fn columns(&self) -> &[Column] {
        match *self {}
    }

    pub fn groups(&self) -> &[Group] {
        match *self {}
    }

    pub fn runs(&self, _: u64) -> Vec<Range<usize>> {
        match *self {}
    }

    pub fn extents(&self, _: Range<usize>) -> Vec<Range<u64>> {
        match *self {}
    }

    pub fn rows(&self) -> u64 {
        match *self {}
    }

    pub fn memory(&self, _: usize, _: &[usize]) -> u64 {
        match *self {}
    }

    pub fn check_text(&self, _: &RowGroup, _: &[usize]) -> Result<(), CutError> {
        match *self {}
    }

    pub fn read(&self, _: &Source, _: usize, _: &[usize]) -> Result<RowGroup, CutError> {
        match *self {}
    }
}

impl<R: Read> Stream<R> {
    pub fn open(_: R, _: u64) -> Result<Stream<R>, CutError> {
        Err(not_built_in().into())
    }

    pub fn table(&self) -> Table {
        match self.0 {}
    }

    pub fn next(&mut self, _: &[usize]) -> Result<Option<RowGroup>, CutError> {
        match self.0 {}
    }

    pub fn source(&self) -> &R {
        match self.0 {}
    }

    pub fn drain(&mut self) -> io::Result<()> {
        match self.0 {}
    }
}

impl RowGroup {
    pub fn text_bytes(&self) -> u64 {
        match self.none {}
    }
}

impl Input {
    pub fn open(_: &[Column], _: &Wanted) -> Result<Input, Problem> {
        Err(not_built_in())
    }

    pub fn out(&self) -> &[u8] {
        match *self {}
    }

    pub fn format(&self) -> FileFormat {
        match *self {}
    }

    pub fn output(&self) -> FileFormat {
        match *self {}
    }

    pub fn beginning(&self) -> &RowGroup {
        match *self {}
    }

    pub fn kept(&self) -> &[usize] {
        match *self {}
    }

    pub fn needed(&self) -> &[usize] {
        match *self {}
    }

    pub fn names(&self) -> &[String] {
        match *self {}
    }

    pub fn writing(&self) -> &RowWriting {
        match *self {}
    }

    pub fn column(&self, _: Cause) -> &str {
        match *self {}
    }

    pub fn reason<'r>(&self, _: Cause, _: impl FnOnce(u32) -> &'r str) -> Cow<'static, str> {
        match *self {}
    }

    pub fn observes(&self, _: usize) -> bool {
        match *self {}
    }

    pub fn derivation(&self, _: usize) -> Result<&Derivation, &Problem> {
        match *self {}
    }
}

impl<'a> Rows<'a> {
    pub fn new(_: &'a Input, group: &'a RowGroup) -> Rows<'a> {
        match group.none {}
    }

    pub fn fill(&mut self) -> bool {
        match self.0 {}
    }

    pub fn read(&self) -> &Batch {
        match self.0 {}
    }

    pub fn batch(&mut self) -> &mut Batch {
        match self.0 {}
    }

    pub fn observed(&self, _: usize, _: usize) -> Option<Cow<'a, [u8]>> {
        match self.0 {}
    }

    pub fn derive(&self, _: &Derivation, _: &mut Batch) {
        match self.0 {}
    }

    pub fn line(&self, _: usize) -> u32 {
        match self.0 {}
    }

    pub fn record(&mut self, _: u32) -> Record {
        match self.0 {}
    }

    pub fn text(&self, _: &Record) -> &[u8] {
        match self.0 {}
    }

    pub fn into_records(self) -> Vec<u8> {
        match self.0 {}
    }

    pub fn writing(&self) -> &RowWriting {
        match self.0 {}
    }

    pub fn write<const N: usize>(&self, _: [Said; N], _: impl Fn(usize) -> (usize, usize), _: &mut Out) -> u64 {
        match self.0 {}
    }

    pub fn cause(&self, _: Flaw) -> Cause {
        match self.0 {}
    }

    pub fn reason(&self, _: Flaw) -> (Option<&str>, Cow<'static, str>) {
        match self.0 {}
    }

    pub fn lines(&self) -> u64 {
        match self.0 {}
    }

    pub fn problem(&self) -> Option<Problem> {
        match self.0 {}
    }
}

impl Schema {
    /// # Panics
    /// Always: no input is opened for such an output.
    pub fn of_texts<'n>(_: impl Iterator<Item = &'n str>, _: &Wanted) -> Arc<Schema> {
        unreachable!("such outputs are refused")
    }
}

impl Columns {
    pub fn new(schema: Arc<Schema>) -> Columns {
        match *schema {}
    }

    pub fn clear(&mut self) {
        match *self {}
    }

    pub fn rows(&self) -> usize {
        match *self {}
    }

    pub fn lacks_kept(&self) -> bool {
        match *self {}
    }

    pub fn keep_of(&mut self, _: &RowGroup, _: &[usize]) {
        match *self {}
    }

    pub fn push_bytes(&mut self, _: &mut Vec<u8>) {
        match *self {}
    }

    pub fn set_bytes(&mut self, _: &[u8]) -> Option<()> {
        match *self {}
    }

    pub fn memory(&self) -> usize {
        match *self {}
    }

    pub fn keep_text(&mut self, _: usize, _: Option<&str>) {
        match *self {}
    }

    pub fn push(&mut self, _: usize, _: &crate::model::Column, _: Option<f64>) -> bool {
        match *self {}
    }

    pub fn end_row(&mut self, _: Option<u32>) {
        match *self {}
    }
}

impl Writer {
    pub fn new(schema: &Schema, _: RowFormat, _: bool) -> Result<Writer, Problem> {
        match *schema {}
    }

    pub fn add(&mut self, _: &mut Columns) -> Result<&[u8], Problem> {
        match *self {}
    }

    pub fn end(&mut self) -> Result<&[u8], Problem> {
        match *self {}
    }
}

pub fn not_built_in() -> Problem {
    Problem::new(
        Code::NotBuiltIn,
        "the input or its output is a Parquet or Arrow file, and this program was built without them",
        "build it with them (cargo build --release --features parquet), or write the file as CSV",
    )
}
