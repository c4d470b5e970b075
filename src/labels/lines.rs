//! Ground truth as Amazon SageMaker Model Monitor takes it: a JSON object a line.

use super::label::Label;
use crate::problem::{Code, Problem};
use serde::Deserialize;

/// `{"groundTruthData":{"data":"1","encoding":"CSV"},"eventMetadata":{"eventId":"a1"},"eventVersion":"0"}`
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    ground_truth_data: Data,
    event_metadata: Metadata,
}

#[derive(Deserialize)]
struct Data {
    data: String,
    encoding: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    event_id: String,
}

/// No header of a CSV begins so.
pub fn are_lines(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let object = text.trim_ascii_start().strip_prefix(b"{");
    object.is_some_and(|text| text.trim_ascii_start().starts_with(b"\""))
}

/// Are lines of JSON such ones, and no rows?
pub fn are_ground_truth(bytes: &[u8]) -> bool {
    const KEY: &str = "groundTruthData";
    let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes).trim_ascii_start();
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    serde_json::from_slice::<serde_json::Value>(line).is_ok_and(|value| value.get(KEY).is_some())
}

/// Keys (`eventId`) and labels.
pub fn records(bytes: &[u8]) -> Result<Vec<(String, Label)>, Problem> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let lines = bytes.split(|byte| *byte == b'\n').zip(1..);
    let filled = lines.filter(|(text, _)| !text.trim_ascii().is_empty());
    filled.map(|(text, line)| record(text, line)).collect()
}

fn record(text: &[u8], line: u64) -> Result<(String, Label), Problem> {
    const HINT: &str =
        "a line is {\"groundTruthData\":{\"data\":\"1\",\"encoding\":\"CSV\"},\"eventMetadata\":{\"eventId\":\"..\"}}";
    let wrong = |why: String| Problem::new(Code::BadRow, why, HINT).line(line);
    let parsed: Line = serde_json::from_slice(text).map_err(|e| wrong(format!("no ground truth: {e}")))?;
    let Data { data, encoding } = parsed.ground_truth_data;
    if encoding != "CSV" {
        return Err(wrong(format!("a label in the encoding {encoding:?}; only CSV is read")));
    }
    let label = Label {
        text: Some(data.trim().into()),
        line,
    };
    Ok((parsed.event_metadata.event_id, label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_begin_with_a_space_behind_the_brace_are_no_csv() {
        for text in ["{\"a\":1}", "{ \"a\": 1}", "\u{feff}\n {\t\"a\": 1}"] {
            assert!(are_lines(text.as_bytes()), "{text:?}");
        }
        for text in ["id,late\n", "{id},late\n", "\"{ \"\"a\",b\n", "", "{"] {
            assert!(!are_lines(text.as_bytes()), "{text:?}");
        }
    }
}
