//! A version for tests: `prediction = 2 x + 1`.

use super::{Candidate, Details, Registry, Vote};
use crate::model::{Declared, Format};
use std::path::Path;

const AT: &str = "2026-11-26T00:00:00Z";

pub fn register(registry: &Registry) {
    let candidate = Candidate {
        artifact: br#"{"features":["x"],"coefficients":[2],"intercept":1}"#.to_vec(),
        source: Path::new("line.json"),
        format: Format::Linear,
        declared: Declared::default(),
        details: Details::default(),
    };
    registry.register(candidate, AT.into()).unwrap();
}

pub fn vote() -> Vote {
    Vote {
        by: "ada@lab".into(),
        at: AT.into(),
        reason: String::new(),
    }
}
