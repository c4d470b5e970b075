//! What there is to ask.

use crate::format::tensors::Datatype;
use crate::model::Column;
use crate::serve::answer::{Answer, JSON};
use crate::serve::models::Models;
use crate::serve::refusal::Refusal;
use crate::serve::route::Target;
use serde_json::{Value, json};

/// Of the server.
pub fn server() -> Answer {
    let server = json!({
        "name": "transform",
        "version": crate::release::VERSION,
        "extensions": ["binary_tensor_data"],
    });
    Answer::ok(JSON, server.to_string())
}

/// Would it answer?
pub fn ready(models: &Models, target: &Target) -> Result<Answer, Refusal> {
    models.find(Some(&target.group), target.version)?;
    let ready = json!({"name": target.group, "ready": true});
    Ok(Answer::ok(JSON, ready.to_string()))
}

/// What a model takes and gives, and which versions of it can be asked.
pub fn model(models: &Models, target: &Target) -> Result<Answer, Refusal> {
    let served = models.find(Some(&target.group), target.version)?;
    let versions = match target.version {
        Some(version) => vec![version],
        None => models.versions(&target.group),
    };
    let versions: Vec<String> = versions.iter().map(u32::to_string).collect();
    let signature = served.lineup.signature();
    let tensors = |columns: &[Column]| columns.iter().map(tensor).collect::<Vec<Value>>();
    let model = json!({
        "name": target.group,
        "versions": versions,
        "platform": "transform",
        "inputs": tensors(&signature.inputs),
        "outputs": tensors(&signature.outputs),
    });
    Ok(Answer::ok(JSON, model.to_string()))
}

fn tensor(column: &Column) -> Value {
    json!({"name": column.name, "datatype": Datatype::of(column).name(), "shape": [-1, 1]})
}
