//! A model file of any bytes is a model or an error; what is a model scores any row. The first byte chooses the library.
//!
//! Of ONNX, what is read here before ONNX Runtime sees it: it is to be absent.
//!
//! ORT_DYLIB_PATH=/absent cargo +nightly fuzz run models -- -dict=fuzz_targets/models.dict
#![no_main]

use transform::model::{Format, Model};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((choice, artifact)) = bytes.split_first() else {
        return;
    };
    let formats = [Format::Xgboost, Format::Lightgbm, Format::Linear, Format::Onnx];
    let format = formats[*choice as usize % 4];
    let Ok(model) = Model::parse(format, artifact) else {
        return;
    };
    let column = [0.0, -1.5, f64::NAN, f64::INFINITY, 3.0];
    let columns = vec![&column[..]; model.signature().inputs.len()];
    let mut out = vec![0.0; column.len() * model.signature().outputs.len()];
    model.predict(&columns, &[], &mut out).unwrap();
});
