//! What the elements of a tensor are.

use crate::model::{Category, Column, Type};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Datatype {
    Bool,
    Int8,
    Int16,
    Int32,
    Int64,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Fp32,
    Fp64,
    /// Texts.
    Bytes,
}

impl Datatype {
    pub const ALL: [Datatype; 12] = [
        Datatype::Bool,
        Datatype::Int8,
        Datatype::Int16,
        Datatype::Int32,
        Datatype::Int64,
        Datatype::Uint8,
        Datatype::Uint16,
        Datatype::Uint32,
        Datatype::Uint64,
        Datatype::Fp32,
        Datatype::Fp64,
        Datatype::Bytes,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Datatype::Bool => "BOOL",
            Datatype::Int8 => "INT8",
            Datatype::Int16 => "INT16",
            Datatype::Int32 => "INT32",
            Datatype::Int64 => "INT64",
            Datatype::Uint8 => "UINT8",
            Datatype::Uint16 => "UINT16",
            Datatype::Uint32 => "UINT32",
            Datatype::Uint64 => "UINT64",
            Datatype::Fp32 => "FP32",
            Datatype::Fp64 => "FP64",
            Datatype::Bytes => "BYTES",
        }
    }

    pub fn parse(name: &str) -> Option<Datatype> {
        Datatype::ALL.into_iter().find(|datatype| datatype.name() == name)
    }

    /// What a column of a model is written as, or best sent as.
    pub fn of(column: &Column) -> Datatype {
        let all = |is: fn(&Category) -> bool| column.categories.iter().all(is);
        match column.kind {
            Type::Float64 => Datatype::Fp64,
            Type::Float32 => Datatype::Fp32,
            Type::Int64 => Datatype::Int64,
            Type::Boolean => Datatype::Bool,
            Type::String => Datatype::Bytes,
            Type::Category if all(|category| matches!(category, Category::Integer(_))) => Datatype::Int64,
            Type::Category if all(|category| matches!(category, Category::Flag(_))) => Datatype::Bool,
            Type::Category if all(|category| matches!(category, Category::Number(_))) => Datatype::Fp64,
            Type::Category => Datatype::Bytes,
        }
    }

    /// Of a binary element; texts differ.
    pub fn size(self) -> Option<usize> {
        match self {
            Datatype::Bool | Datatype::Int8 | Datatype::Uint8 => Some(1),
            Datatype::Int16 | Datatype::Uint16 => Some(2),
            Datatype::Int32 | Datatype::Uint32 | Datatype::Fp32 => Some(4),
            Datatype::Int64 | Datatype::Uint64 | Datatype::Fp64 => Some(8),
            Datatype::Bytes => None,
        }
    }

    /// The whole numbers that it holds; none of what holds others.
    pub fn range(self) -> Option<(i128, i128)> {
        let signed = |bits: u32| Some((-(1 << (bits - 1)), (1 << (bits - 1)) - 1));
        let unsigned = |bits: u32| Some((0, (1 << bits) - 1));
        match self {
            Datatype::Bool => unsigned(1),
            Datatype::Int8 => signed(8),
            Datatype::Int16 => signed(16),
            Datatype::Int32 => signed(32),
            Datatype::Int64 => signed(64),
            Datatype::Uint8 => unsigned(8),
            Datatype::Uint16 => unsigned(16),
            Datatype::Uint32 => unsigned(32),
            Datatype::Uint64 => unsigned(64),
            Datatype::Fp32 | Datatype::Fp64 | Datatype::Bytes => None,
        }
    }
}
