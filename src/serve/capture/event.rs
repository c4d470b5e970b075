//! What is captured of a prediction, and its line: as SageMaker's data capture writes it. Pure.

use crate::format::json::writer::push_text;
use crate::serve::base64;
use crate::serve::division::{Rows, name};
use crate::serve::file_type;
use crate::serve::queue::Item;
use hyper::body::Bytes;
use jiff::Timestamp;
use std::fmt::Write as _;
use std::io::Write as _;

/// What an event has in common with those of its shadows.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// That no other request has.
    pub id: u128,
    /// Nanoseconds since 1970.
    pub at: i64,
}

/// A request that was answered by a prediction.
pub struct Event {
    pub group: String,
    pub version: u32,
    pub stamp: Stamp,
    /// The caller's own name for it.
    pub inference_id: Option<String>,
    /// Of a shadow: the experiment's name; of an A/B test, its phase: `NAME/NUMBER`.
    pub experiment: Option<String>,
    /// Whose rows they were, in an A/B test.
    pub arm: Option<Rows>,
    pub input: Payload,
    pub output: Payload,
}

/// A body.
pub struct Payload {
    /// Empty: nobody said.
    content_type: String,
    bytes: Bytes,
}

impl Payload {
    /// `bytes`: of no connection's buffer.
    pub fn new(content_type: &str, bytes: Bytes) -> Payload {
        let content_type = content_type.into();
        Payload { content_type, bytes }
    }
}

impl Item for Event {
    fn size(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let texts = self.group.len() + text(&self.inference_id) + text(&self.experiment);
        let payloads = [&self.input, &self.output].map(|payload| payload.content_type.len() + payload.bytes.len());
        let arms = match &self.arm {
            Some(Rows::Each(arms)) => size_of_val(&arms[..]),
            Some(Rows::Of(_)) | None => 0,
        };
        size_of::<Event>() + texts + arms + payloads[0] + payloads[1]
    }
}

impl Event {
    /// The line, with its end.
    pub fn push(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"captureData\":{\"endpointInput\":");
        self.input.push(out, "INPUT");
        out.extend_from_slice(b",\"endpointOutput\":");
        self.output.push(out, "OUTPUT");
        out.extend_from_slice(b"},\"eventMetadata\":{\"eventId\":\"");
        out.extend_from_slice(uuid(self.stamp.id).as_bytes());
        out.push(b'"');
        if let Some(inference_id) = &self.inference_id {
            out.extend_from_slice(b",\"inferenceId\":");
            push_text(out, inference_id);
        }
        if let Some(experiment) = &self.experiment {
            out.extend_from_slice(b",\"experiment\":");
            push_text(out, experiment);
        }
        match &self.arm {
            None => {}
            Some(Rows::Of(arm)) => {
                let _ = write!(out, ",\"arm\":\"{}\"", name(*arm));
            }
            Some(Rows::Each(arms)) => {
                out.extend_from_slice(b",\"arm\":\"mixed\",\"arms\":");
                for (row, arm) in arms.iter().enumerate() {
                    let _ = write!(out, "{}\"{}\"", if row > 0 { ',' } else { '[' }, name(*arm));
                }
                out.push(b']');
            }
        }
        let at = Timestamp::from_second(self.stamp.at.div_euclid(1_000_000_000)).unwrap_or_default();
        let _ = write!(out, ",\"inferenceTime\":\"{at}\"}},\"eventVersion\":\"0\"}}");
        out.push(b'\n');
    }
}

impl Payload {
    fn push(&self, out: &mut Vec<u8>, mode: &str) {
        let encoding = match std::str::from_utf8(&self.bytes) {
            Ok(text) => encoding(&self.content_type, text).map(|encoding| (encoding, text)),
            Err(_) => None,
        };
        let content_type = match (&*self.content_type, encoding) {
            ("", Some(("CSV", _))) => "text/csv",
            ("", Some(_)) => "application/json",
            ("", None) => "application/octet-stream",
            (known, _) => known,
        };
        out.extend_from_slice(b"{\"observedContentType\":");
        push_text(out, content_type);
        out.extend_from_slice(b",\"mode\":");
        push_text(out, mode);
        out.extend_from_slice(b",\"data\":");
        match encoding {
            Some((encoding, text)) => {
                push_text(out, text);
                out.extend_from_slice(b",\"encoding\":");
                push_text(out, encoding);
            }
            None => {
                out.push(b'"');
                base64::push(out, &self.bytes);
                out.extend_from_slice(b"\",\"encoding\":\"BASE64\"");
            }
        }
        out.push(b'}');
    }
}

/// How a text is kept: as itself where its type says that it is one. Where no type does, its first character tells.
fn encoding(content_type: &str, text: &str) -> Option<&'static str> {
    let name = content_type.split(';').next().unwrap_or_default().trim();
    // What was compressed isn't any more.
    if file_type::format(name).is_some_and(|format| format.rows.is_csv()) {
        return Some("CSV");
    }
    match &*name.to_ascii_lowercase() {
        "application/json"
        | "text/json"
        | "application/jsonlines"
        | "application/x-ndjson"
        | "application/jsonl"
        | "application/x-jsonlines" => Some("JSON"),
        // What curl says of every body.
        "" | "application/x-www-form-urlencoded" | "*/*" => match text.trim_start().starts_with(['{', '[']) {
            true => Some("JSON"),
            false => Some("CSV"),
        },
        _ => None,
    }
}

/// As RFC 9562 writes random ones (version 4).
fn uuid(random: u128) -> String {
    let bits = random & !(0xf << 76) & !(0b11 << 62) | 0x4 << 76 | 0b10 << 62;
    let mut text = String::with_capacity(36);
    let _ = write!(
        text,
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        bits >> 96,
        bits >> 80 & 0xffff,
        bits >> 64 & 0xffff,
        bits >> 48 & 0xffff,
        bits & 0xffff_ffff_ffff
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::arm::Arm;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn event(content_type: &str, body: impl AsRef<[u8]>) -> Event {
        Event {
            group: "diabetes".into(),
            version: 3,
            stamp: Stamp {
                id: 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef,
                at: 1_764_180_000_999_999_999,
            },
            inference_id: None,
            experiment: None,
            arm: None,
            input: Payload::new(content_type, Bytes::copy_from_slice(body.as_ref())),
            output: Payload::new("application/json", Bytes::from_static(b"[0.1]")),
        }
    }

    fn line(event: &Event) -> String {
        let mut out = Vec::new();
        event.push(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn input(content_type: &str, body: impl AsRef<[u8]>) -> Value {
        let value: Value = serde_json::from_str(&line(&event(content_type, body))).unwrap();
        value["captureData"]["endpointInput"].clone()
    }

    #[test]
    fn a_line_is_as_sagemaker_writes_it() {
        let event = Event {
            inference_id: Some("order \"17\"".into()),
            ..event("text/csv", "0.3\n")
        };
        let expected = concat!(
            r#"{"captureData":{"endpointInput":{"observedContentType":"text/csv","mode":"INPUT","data":"0.3\n","encoding":"CSV"},"#,
            r#""endpointOutput":{"observedContentType":"application/json","mode":"OUTPUT","data":"[0.1]","encoding":"JSON"}},"#,
            r#""eventMetadata":{"eventId":"01234567-89ab-4def-8123-456789abcdef","inferenceId":"order \"17\"","#,
            r#""inferenceTime":"2025-11-26T18:00:00Z"},"eventVersion":"0"}"#,
            "\n"
        );
        assert_eq!(line(&event), expected);
        // A shadow's has a key more.
        let event = Event {
            experiment: Some("trial".into()),
            ..event
        };
        let behind = r#"order \"17\"","#;
        let expected = expected.replacen(behind, &format!(r#"{behind}"experiment":"trial","#), 1);
        assert_eq!(line(&event), expected);
        // That of an A/B test says whose rows they were.
        for (arm, words) in [
            (Rows::Of(Arm::Champion), r#""arm":"champion""#),
            (
                Rows::Each(vec![Arm::Champion, Arm::Challenger, Arm::Unassigned]),
                r#""arm":"mixed","arms":["champion","challenger","none"]"#,
            ),
        ] {
            let event = Event {
                inference_id: Some("order \"17\"".into()),
                experiment: Some("trial/2".into()),
                arm: Some(arm),
                ..self::event("text/csv", "0.3\n")
            };
            let expected = expected.replacen(r#""trial","#, &format!(r#""trial/2",{words},"#), 1);
            assert_eq!(line(&event), expected);
        }
    }

    #[test]
    fn what_is_no_text_is_kept_in_base64() {
        for (content_type, body, observed, encoding) in [
            ("text/csv; charset=utf-8", &b"1"[..], "text/csv; charset=utf-8", "CSV"),
            ("Application/JSON", b"{}", "Application/JSON", "JSON"),
            ("application/jsonlines", b"[1]\n[2]", "application/jsonlines", "JSON"),
            ("application/octet-stream", b"1", "application/octet-stream", "BASE64"),
            ("text/csv", b"caf\xe9", "text/csv", "BASE64"),
            ("", b" [[1]]", "application/json", "JSON"),
            ("", b"1,2", "text/csv", "CSV"),
            ("", b"\xff", "application/octet-stream", "BASE64"),
            (
                "application/x-www-form-urlencoded",
                b"{}",
                "application/x-www-form-urlencoded",
                "JSON",
            ),
        ] {
            let input = input(content_type, body);
            assert_eq!(
                (&input["observedContentType"], &input["encoding"]),
                (&json!(observed), &json!(encoding)),
                "{content_type}"
            );
        }
        assert_eq!(input("text/csv", b"caf\xe9")["data"], "Y2Fm6Q==");
    }

    proptest! {
        #[test]
        fn an_event_is_one_line_that_reads_back(body in any::<Vec<u8>>(), text in any::<String>()) {
            for (content_type, body) in [("text/csv", text.as_bytes()), ("application/json", &body)] {
                let event = event(content_type, body);
                let line = line(&event);
                prop_assert_eq!(line.find('\n'), Some(line.len() - 1));
                let read: Value = serde_json::from_str(&line).unwrap();
                let input = &read["captureData"]["endpointInput"];
                match std::str::from_utf8(body) {
                    Ok(text) => prop_assert_eq!(&input["data"], text),
                    Err(_) => prop_assert_eq!(&input["encoding"], "BASE64"),
                }
            }
        }
    }
}
