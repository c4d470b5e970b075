//! Any text is a configuration, a manifest, an approval, golden rows, a pipeline file, the list of an ensemble, or an error. The first byte chooses.
//!
//! cargo +nightly fuzz run texts
#![no_main]

use std::path::Path;
use transform::model::ensemble::Plan;
use transform::model::{Format, Model};
use transform::registry::{fuzzing, golden::Golden};
use transform::train::pipeline::Pipeline;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((choice, bytes)) = bytes.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(bytes);
    match choice % 8 {
        0 => drop(transform::config::fuzz(&text)),
        1 => drop(fuzzing::manifest(bytes)),
        2 => drop(fuzzing::approval(bytes)),
        3 => drop(Golden::parse(bytes)),
        4 => drop(Pipeline::parse(Path::new("p.toml"), &text, &[])),
        5 => drop(fuzzing::retired(bytes)),
        6 => drop(Plan::parse(bytes).map(|plan| plan.signature())),
        _ => {
            if let Ok(model) = Model::parse(Format::Pipeline, bytes) {
                let columns = vec![&[0.0, f64::NAN, -1.0, 1e300][..]; model.signature().inputs.len()];
                let mut out = vec![0.0; 4 * model.signature().outputs.len()];
                model.predict(&columns, &[], &mut out).expect("only ONNX Runtime refuses rows");
            }
        }
    }
});
