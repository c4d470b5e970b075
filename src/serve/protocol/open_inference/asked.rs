//! What a request asks: tensors, and which outputs, how.

use crate::format::json::{Cursor, Kind};
use crate::format::tensors::{Datatype, Fault, Shape, Tensor};
use crate::problem::excerpt;
use crate::serve::protocol::rows::{array, has_room, unexpected};
use crate::serve::refusal::Refusal;
use std::borrow::Cow;

/// Sizes of a shape that are looked at; nobody has more.
const SIZES: usize = 8;

pub struct Asked<'a> {
    pub id: Option<Cow<'a, str>>,
    pub content: Option<Content>,
    pub tensors: Vec<Tensor<'a>>,
    /// None: all.
    pub outputs: Option<Vec<Wanted<'a>>>,
    /// Outputs are binary where nothing is said of them.
    pub binary: bool,
}

/// What the inputs are, by `content_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// `pd`: a tensor each.
    Columns,
    /// `np`: one tensor.
    Matrix,
}

/// An output that is asked for.
pub struct Wanted<'a> {
    pub name: Cow<'a, str>,
    pub binary: Option<bool>,
}

impl<'a> Asked<'a> {
    /// `binary`: what stands behind the JSON. `width`: the model's.
    pub fn read(root: Cursor<'a>, binary: Option<&'a [u8]>, width: usize) -> Result<Asked<'a>, Refusal> {
        if root.kind() != Kind::Object {
            return Err(unexpected("the body", root, "an object with \"inputs\""));
        }
        let [id, parameters, inputs, outputs] = root.members_named(["id", "parameters", "inputs", "outputs"])?;
        let [content, all_binary] = parameters_named(parameters, ["content_type", "binary_data_output"])?;
        let inputs = inputs.ok_or_else(|| {
            Refusal::bad("the body has no \"inputs\"").hint("/v2/models/GROUP says which ones the model takes")
        })?;
        let mut content = content_of(content)?;
        let (mut tensors, mut rest) = (Vec::new(), binary);
        let inputs = array("inputs", inputs)?;
        has_room(width, inputs.clone().count())?;
        for input in inputs {
            let (tensor, of_tensor) = tensor(input, &mut rest)?;
            if tensors.iter().any(|other: &Tensor| other.name == tensor.name) {
                return Err(Refusal::bad(format!("input {:?} stands twice", tensor.name)));
            }
            content = content.or(of_tensor);
            tensors.push(tensor);
        }
        if let Some(rest) = rest.filter(|rest| !rest.is_empty()) {
            return Err(Refusal::bad(format!(
                "{} bytes stand behind the last binary input: their binary_data_size doesn't add up to the body's",
                rest.len()
            )));
        }
        Ok(Asked {
            id: id.map(|id| text("id", id)).transpose()?.flatten(),
            content,
            tensors,
            outputs: outputs.map(|outputs| wanted(outputs, width)).transpose()?,
            binary: flag("binary_data_output", all_binary)?.unwrap_or(false),
        })
    }
}

fn parameters_named<'a, const N: usize>(
    parameters: Option<Cursor<'a>>,
    names: [&str; N],
) -> Result<[Option<Cursor<'a>>; N], Refusal> {
    match parameters.filter(|parameters| parameters.kind() != Kind::Null) {
        None => Ok([None; N]),
        Some(parameters) if parameters.kind() == Kind::Object => Ok(parameters.members_named(names)?),
        Some(other) => Err(unexpected("\"parameters\"", other, "an object")),
    }
}

/// Null is none.
fn text<'a>(name: &str, value: Cursor<'a>) -> Result<Option<Cow<'a, str>>, Refusal> {
    match value.kind() {
        Kind::Null => Ok(None),
        Kind::Text => Ok(value.text()),
        _ => Err(unexpected(&format!("{name:?}"), value, "a text")),
    }
}

fn flag(name: &str, value: Option<Cursor>) -> Result<Option<bool>, Refusal> {
    let Some(value) = value.filter(|value| value.kind() != Kind::Null) else {
        return Ok(None);
    };
    match value.boolean() {
        Some(flag) => Ok(Some(flag)),
        None => Err(unexpected(&format!("{name:?}"), value, "true or false")),
    }
}

/// How else MLServer's clients say what is in a tensor, is no news: its datatype does.
fn content_of(value: Option<Cursor>) -> Result<Option<Content>, Refusal> {
    let Some(name) = value.map(|value| text("content_type", value)).transpose()?.flatten() else {
        return Ok(None);
    };
    match name.as_ref() {
        "pd" => Ok(Some(Content::Columns)),
        "np" => Ok(Some(Content::Matrix)),
        "base64" => Err(Refusal::bad(
            "the content type \"base64\" isn't read: send texts as they are, or binary tensors",
        )),
        _ => Ok(None),
    }
}

/// `rest`: the binary data that no tensor in front has taken. Also how its own parameters call it.
fn tensor<'a>(input: Cursor<'a>, rest: &mut Option<&'a [u8]>) -> Result<(Tensor<'a>, Option<Content>), Refusal> {
    if input.kind() != Kind::Object {
        return Err(unexpected(
            "an input",
            input,
            "an object with \"name\", \"shape\", \"datatype\" and \"data\"",
        ));
    }
    let [name, shape, datatype, data, parameters] =
        input.members_named(["name", "shape", "datatype", "data", "parameters"])?;
    let Some(name) = name.map(|name| text("name", name)).transpose()?.flatten() else {
        return Err(unexpected("an input", input, "one with a \"name\""));
    };
    let name = name.into_owned();
    let fault = |what: &str| Refusal::bad(format!("input {name:?}: {what}")).in_column(&name);
    let of_tensor = |Fault(what): Fault| fault(&what);
    let shape = shape.ok_or_else(|| fault("it has no \"shape\", such as [1, 1]"))?;
    let shape = sizes(shape).ok_or_else(|| fault("its \"shape\" is no array of whole numbers, such as [1, 1]"))?;
    let shape = Shape::of(&shape).map_err(of_tensor)?;
    let datatype = datatype
        .and_then(Cursor::text)
        .ok_or_else(|| fault("it has no \"datatype\", such as FP64"))?;
    let datatype = Datatype::parse(&datatype).ok_or_else(|| {
        let known: Vec<&str> = Datatype::ALL.into_iter().map(Datatype::name).collect();
        let unknown = excerpt(datatype.as_bytes(), 40);
        fault(&format!(
            "its datatype is {unknown:?}, and what is read is {}",
            known.join(", ")
        ))
    })?;
    let [size, content, region] =
        parameters_named(parameters, ["binary_data_size", "content_type", "shared_memory_region"])?;
    let content = content_of(content)?.filter(|content| *content == Content::Columns || shape.is_matrix);
    let tensor = match (data, size) {
        _ if region.is_some() => return Err(fault("shared memory isn't read: send its data")),
        (Some(_), Some(_)) => return Err(fault("it has both \"data\" and a binary_data_size")),
        (Some(data), None) => Tensor::of_json(name.clone(), datatype, shape, data).map_err(of_tensor)?,
        (None, Some(size)) => {
            let size = size.number().and_then(|size| size.parse::<usize>().ok());
            let size = size.ok_or_else(|| fault("its binary_data_size is no number of bytes"))?;
            let binary = rest.ok_or_else(|| {
                fault("it has a binary_data_size, and the request no header Inference-Header-Content-Length")
            })?;
            let (bytes, behind) = binary.split_at_checked(size).ok_or_else(|| {
                fault(&format!(
                    "its binary_data_size is {size}, and {} bytes are left of the body",
                    binary.len()
                ))
            })?;
            *rest = Some(behind);
            Tensor::of_bytes(name.clone(), datatype, shape, bytes).map_err(of_tensor)?
        }
        (None, None) => return Err(fault("it has no \"data\", and no binary_data_size")),
    };
    Ok((tensor, content))
}

fn sizes(shape: Cursor) -> Option<Vec<u64>> {
    let size = |size: Cursor| size.number()?.parse().ok();
    match shape.kind() {
        Kind::Array => shape.elements().take(SIZES).map(size).collect(),
        _ => None,
    }
}

/// The outputs that are asked for; none of them is all, too.
fn wanted(outputs: Cursor, width: usize) -> Result<Vec<Wanted>, Refusal> {
    let mut all: Vec<Wanted> = Vec::new();
    if outputs.kind() == Kind::Null {
        return Ok(all);
    }
    let outputs = array("outputs", outputs)?;
    has_room(width, outputs.clone().count())?;
    for output in outputs {
        let [name, parameters] = output.members_named(["name", "parameters"])?;
        let Some(name) = name.map(|name| text("name", name)).transpose()?.flatten() else {
            return Err(unexpected("an output", output, "an object with a \"name\""));
        };
        let [binary, classes, region] =
            parameters_named(parameters, ["binary_data", "classification", "shared_memory_region"])?;
        if classes.is_some() || region.is_some() {
            return Err(Refusal::bad(format!(
                "output {name:?}: classification and shared memory aren't offered"
            )));
        }
        if all.iter().any(|other| other.name == name) {
            return Err(Refusal::bad(format!("output {name:?} is asked for twice")));
        }
        let binary = flag("binary_data", binary)?;
        all.push(Wanted { name, binary });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::json::Document;

    fn read(json: &str, binary: Option<&[u8]>) -> Result<(), String> {
        let document = Document::check(json.as_bytes()).unwrap();
        Asked::read(document.root(), binary, 1)
            .map(drop)
            .map_err(|refusal| refusal.message)
    }

    fn input(rest: &str) -> String {
        format!("{{\"inputs\": [{{\"name\": \"x\", {rest}}}]}}")
    }

    #[test]
    fn what_is_wrong_is_named() {
        let typed = |datatype: &str, rest: &str| input(&format!("\"shape\": [2], \"datatype\": {datatype:?}, {rest}"));
        let size = |size: &str| typed("FP32", &format!("\"parameters\": {{\"binary_data_size\": {size}}}"));
        for (json, binary, words) in [
            (
                "[]".into(),
                None,
                "the body is an array, where an object with \"inputs\" is expected",
            ),
            ("{}".into(), None, "the body has no \"inputs\""),
            (
                r#"{"inputs": {}}"#.into(),
                None,
                "\"inputs\" is an object, where an array is expected",
            ),
            (r#"{"inputs": [1]}"#.into(), None, "an input is a number"),
            (r#"{"inputs": [{}]}"#.into(), None, "one with a \"name\""),
            (
                input("\"datatype\": \"FP32\""),
                None,
                "input \"x\": it has no \"shape\"",
            ),
            (input("\"shape\": [-1]"), None, "no array of whole numbers"),
            (input("\"shape\": [1]"), None, "it has no \"datatype\""),
            (
                typed("FP16", "\"data\": [1, 2]"),
                None,
                "its datatype is \"FP16\", and what is read is BOOL, INT8",
            ),
            (
                typed("FP32", "\"other\": 1"),
                None,
                "it has no \"data\", and no binary_data_size",
            ),
            (
                typed("FP32", "\"data\": [1]"),
                None,
                "input \"x\": its data has 1 element, and its shape is [2]",
            ),
            (size("8"), None, "the request no header Inference-Header-Content-Length"),
            (
                size("8"),
                Some(&[0; 7][..]),
                "its binary_data_size is 8, and 7 bytes are left of the body",
            ),
            (size("8"), Some(&[0; 9]), "1 bytes stand behind the last binary input"),
            (size("4"), Some(&[0; 4]), "it has 4 bytes, and [2] of FP32 are 8"),
            (size("-1"), Some(&[]), "no number of bytes"),
            (size("8, \"binary_data_size\": 8"), Some(&[0; 8]), "twice"),
            (
                r#"{"inputs": [], "outputs": [{"name": "p"}, {"name": "p"}]}"#.into(),
                None,
                "output \"p\" is asked for twice",
            ),
            (
                r#"{"inputs": [], "id": 7}"#.into(),
                None,
                "\"id\" is a number, where a text is expected",
            ),
            (
                r#"{"inputs": [], "parameters": 7}"#.into(),
                None,
                "\"parameters\" is a number",
            ),
            (
                r#"{"inputs": [], "parameters": {"binary_data_output": 1}}"#.into(),
                None,
                "\"binary_data_output\" is a number, where true or false is expected",
            ),
        ] {
            let error = read(&json, binary).unwrap_err();
            assert!(error.contains(words), "{json}: {error}");
        }
        let twice = r#"{"name": "x", "shape": [0], "datatype": "FP32", "data": []}"#;
        let error = read(&format!("{{\"inputs\": [{twice}, {twice}]}}"), None).unwrap_err();
        assert_eq!(error, "input \"x\" stands twice");
        assert_eq!(read(&size("8"), Some(&[0; 8])), Ok(()));
        assert_eq!(read(&typed("FP32", "\"data\": [[1], [NaN]]"), None), Ok(()));
    }
}
