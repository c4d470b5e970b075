//! A model file of any bytes is a model or an error; what is a model scores any row.

use transform::model::{Format, Model};

pub fn or_refuse(format: Format, artifact: &[u8]) {
    let Ok(model) = Model::parse(format, artifact) else {
        return;
    };
    let column = [0.0, -1.5, f64::NAN, f64::INFINITY, 3.0];
    let columns = vec![&column[..]; model.signature().inputs.len()];
    let mut out = vec![0.0; column.len() * model.signature().outputs.len()];
    model.predict(&columns, &[], &mut out).expect("only ONNX Runtime refuses rows");
}
