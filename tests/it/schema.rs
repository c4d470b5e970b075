//! What commands print as JSON is what config/schemas/ says it is.

use jiff::Timestamp;
use serde_json::Value;
use std::fs;

/// Panics, and says where, if `value` is not as `config/schemas/NAME.schema.json` has it.
#[track_caller]
pub fn assert_valid(name: &str, value: &Value) {
    assert_valid_part(name, "", value);
}

/// The same of a part of the schema, such as `/$defs/transformation`.
#[track_caller]
pub fn assert_valid_part(name: &str, part: &str, value: &Value) {
    let path = format!("{}/config/schemas/{name}.schema.json", env!("CARGO_MANIFEST_DIR"));
    let schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let wrong = defects(&schema, schema.pointer(part).unwrap(), value, name);
    assert!(wrong.is_empty(), "{}\nin {value:#}", wrong.join("\n"));
}

/// What is wrong with a value at `at`. Of the keywords, those that these schemas use; another one would go unchecked, so it is
/// an error.
fn defects(root: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for (keyword, says) in schema.as_object().unwrap() {
        let holds = match keyword.as_str() {
            "$schema" | "$id" | "$defs" | "title" | "description" => true,
            "$ref" => {
                let part = root.pointer(&says.as_str().unwrap()[1..]).unwrap();
                wrong.extend(defects(root, part, value, at));
                true
            }
            "type" => match says {
                Value::Array(types) => types.iter().any(|t| is_a(t, value)),
                one => is_a(one, value),
            },
            "const" => value == says,
            "enum" => says.as_array().unwrap().contains(value),
            "minimum" => value.as_f64().is_none_or(|number| number >= says.as_f64().unwrap()),
            "minLength" => value
                .as_str()
                .is_none_or(|text| text.chars().count() as u64 >= says.as_u64().unwrap()),
            "maxLength" => value
                .as_str()
                .is_none_or(|text| text.chars().count() as u64 <= says.as_u64().unwrap()),
            "format" => {
                assert_eq!(says, "date-time");
                let is_time = |text: &str| text.parse::<Timestamp>().is_ok() && text.ends_with('Z');
                value.as_str().is_none_or(is_time)
            }
            "items" => {
                for (i, item) in value.as_array().into_iter().flatten().enumerate() {
                    wrong.extend(defects(root, says, item, &format!("{at}[{i}]")));
                }
                true
            }
            "required" => value.as_object().is_none_or(|object| {
                let has = |key: &Value| object.contains_key(key.as_str().unwrap());
                says.as_array().unwrap().iter().all(has)
            }),
            "properties" => {
                for (key, schema) in says.as_object().unwrap() {
                    let member = value.get(key);
                    wrong.extend(
                        member
                            .iter()
                            .flat_map(|v| defects(root, schema, v, &format!("{at}.{key}"))),
                    );
                }
                true
            }
            "additionalProperties" => {
                let known = |key: &String| schema["properties"].get(key).is_some();
                let others = value.as_object().into_iter().flatten().filter(|(key, _)| !known(key));
                for (key, member) in others {
                    match says {
                        Value::Bool(true) => {}
                        Value::Bool(false) => wrong.push(format!("{at}.{key} is not described")),
                        schema => wrong.extend(defects(root, schema, member, &format!("{at}.{key}"))),
                    }
                }
                true
            }
            "anyOf" => {
                let any = says.as_array().unwrap().iter();
                any.map(|one| defects(root, one, value, at))
                    .any(|wrong| wrong.is_empty())
            }
            unknown => panic!("{at}: the keyword {unknown} is checked by nobody"),
        };
        if !holds {
            wrong.push(format!("{at} is {value}, but {keyword}: {says}"));
        }
    }
    wrong
}

fn is_a(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        unknown => panic!("no type: {unknown}"),
    }
}

#[test]
fn a_schema_is_held_in_all_that_it_says() {
    let schema = serde_json::json!({
        "type": "object", "required": ["at"], "additionalProperties": false,
        "properties": {
            "at": {"type": "string", "format": "date-time"},
            "rows": {"type": "array", "items": {"type": "integer", "minimum": 1}},
            "kind": {"anyOf": [{"type": "null"}, {"enum": ["a", "b"]}]},
        },
    });
    let time = "2026-11-26T15:00:00Z";
    for (value, right) in [
        (serde_json::json!({"at": time, "rows": [1, 2], "kind": "b"}), true),
        (serde_json::json!({"at": time, "kind": null}), true),
        (serde_json::json!({"rows": []}), false),
        (serde_json::json!({"at": "2026-11-26 15:00:00"}), false),
        (serde_json::json!({"at": 7}), false),
        (serde_json::json!({"at": time, "rows": [1, 0]}), false),
        (serde_json::json!({"at": time, "rows": [1.5]}), false),
        (serde_json::json!({"at": time, "kind": "c"}), false),
        (serde_json::json!({"at": time, "more": 1}), false),
    ] {
        assert_eq!(defects(&schema, &schema, &value, "it").is_empty(), right, "{value}");
    }
}
