//! What Arrow's own schema, which its writers put beside Parquet's, says more of columns. Also a guard of such schemas.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use polars_arrow::datatypes::ArrowDataType;
use polars_arrow::io::ipc::read::deserialize_schema;
use polars_arrow_format::ipc::planus::{self, ReadAsRoot};
use polars_arrow_format::ipc::{FieldRef, MessageHeaderRef, MessageRef, SchemaRef, TypeRef};
use polars_parquet::read::schema::KeyValue;
use std::collections::HashMap;
use std::panic::catch_unwind;

/// Of fields in fields.
const DEPTH_MAX: usize = 64;

/// Of all fields of a schema. Its bytes may say the same fields again and again.
const FIELDS_MAX: usize = 200_000;

/// The types of columns by name, where they are told.
pub fn of(pairs: &Option<Vec<KeyValue>>) -> HashMap<String, ArrowDataType> {
    let mut pairs = pairs.iter().flatten();
    let encoded = pairs
        .find(|pair| pair.key == "ARROW:schema")
        .and_then(|pair| pair.value.as_ref());
    // What can't be read is no hint.
    let types = || types(encoded?);
    catch_unwind(types).ok().flatten().unwrap_or_default()
}

fn types(encoded: &str) -> Option<HashMap<String, ArrowDataType>> {
    let bytes = STANDARD.decode(encoded).ok()?;
    let message = bytes
        .strip_prefix(&[0xff; 4])
        .map_or(Some(&bytes[..]), |rest| rest.get(4..))?;
    let root = MessageRef::read_as_root(message).ok()?;
    let Some(MessageHeaderRef::Schema(schema)) = root.header().ok()? else {
        return None;
    };
    names(schema).ok()?;
    let (schema, ..) = deserialize_schema(message).ok()?;
    let fields = schema.iter_values();
    Some(
        fields
            .map(|field| (field.name.to_string(), field.dtype.clone()))
            .collect(),
    )
}

/// The names of a schema's columns, whose fields are few enough and no deeper than is decoded.
///
/// # Errors
/// What is wrong with it.
pub fn names(schema: SchemaRef) -> Result<Vec<String>, String> {
    let mut left = FIELDS_MAX;
    let fields = schema.fields().map_err(said)?.ok_or("a schema without fields")?;
    let mut names = Vec::new();
    for field in fields.iter() {
        let field = field.map_err(said)?;
        look(field, DEPTH_MAX, &mut left)?;
        names.push(field.name().map_err(said)?.unwrap_or_default().into());
    }
    Ok(names)
}

fn look(field: FieldRef, depth: usize, left: &mut usize) -> Result<(), String> {
    *left = left.checked_sub(1).ok_or("a schema of too many fields")?;
    if depth == 0 {
        return Err("a schema that is too deep".into());
    }
    if let Some(TypeRef::RunEndEncoded(_) | TypeRef::ListView(_) | TypeRef::LargeListView(_)) =
        field.type_().map_err(said)?
    {
        let name = field.name().map_err(said)?.unwrap_or_default();
        return Err(format!("column {name:?} is of a type that is not supported"));
    }
    for child in field.children().map_err(said)?.into_iter().flatten() {
        look(child.map_err(said)?, depth - 1, left)?;
    }
    Ok(())
}

fn said(error: planus::Error) -> String {
    error.to_string()
}
