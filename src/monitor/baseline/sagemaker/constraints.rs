//! `constraints.json`: what columns may hold. Its bars aren't taken, but named: they are set in `[monitor]`.

use super::number;
use serde_json::Value;

/// Keys of bars, as files spell them, and as they are called today.
const BARS: [(&str, &str); 14] = [
    ("evaluate_constraints", "evaluate_constraints"),
    ("emit_metrics", "emit_metrics"),
    ("enable_comparisons", "perform_comparison"),
    ("perform_comparison", "perform_comparison"),
    ("datatype_check_threshold", "datatype_check_threshold"),
    ("domain_content_threshold", "domain_content_threshold"),
    ("min_domain_mass", "domain_content_threshold"),
    ("comparison_threshold", "comparison_threshold"),
    ("comparion_threshold", "comparison_threshold"),
    ("comparison_method", "comparison_method"),
    // The typo of the old schema.
    ("comparion_method", "comparison_method"),
    ("categorical_comparison_threshold", "categorical_comparison_threshold"),
    ("categorical_drift_method", "categorical_drift_method"),
    ("distribution_constraints", ""),
];

/// Of one feature.
#[derive(Default)]
pub struct Constraints<'a> {
    pub domain: Vec<&'a str>,
    /// What stands there of bars, such as `completeness = 0.9`.
    pub bars: Vec<String>,
}

/// Of the feature of that name. `complete`: the share of its cells that aren't missing, by the statistics; the same as a bar says
/// nothing more.
pub fn of_feature<'a>(constraints: &'a Value, name: &str, complete: f64) -> Constraints<'a> {
    let mut found = Constraints::default();
    let features = constraints["features"].as_array();
    let Some(feature) = features.into_iter().flatten().find(|feature| feature["name"] == name) else {
        return found;
    };
    let strings = &feature["string_constraints"];
    let domain = strings["domains"].as_array().into_iter().flatten();
    found.domain = domain.filter_map(Value::as_str).collect();
    if let Some(share) =
        number(&feature["completeness"]).filter(|share| *share < 1.0 && (share - complete).abs() > 1e-6)
    {
        found.bars.push(format!("completeness = {share}"));
    }
    if feature["num_constraints"]["is_non_negative"] == false {
        found.bars.push("is_non_negative = false".into());
    }
    // Beside the constraints by the schema, within them by the SDK.
    for place in [feature, strings, &feature["num_constraints"]] {
        for key in ["monitoringConfigOverrides", "monitoring_config_overrides"] {
            bars(&place[key], &mut found.bars);
        }
    }
    found
}

/// Of all features.
pub fn of_all(constraints: &Value) -> Vec<String> {
    let mut found = Vec::new();
    bars(&constraints["monitoring_config"], &mut found);
    found
}

fn bars(from: &Value, into: &mut Vec<String>) {
    for (key, value) in from.as_object().into_iter().flatten() {
        match BARS.iter().find(|(spelled, _)| spelled == key) {
            Some((_, "")) => bars(value, into),
            Some((_, name)) => into.push(format!("{name} = {}", shown(value))),
            None => into.push(format!("{key} = {}", shown(value))),
        }
    }
}

/// Methods have two spellings: `Simple` and `linf_simple`.
fn shown(value: &Value) -> String {
    match value.as_str() {
        Some("linf_simple") => "Simple".into(),
        Some("linf_robust") => "Robust".into(),
        Some(text) => text.into(),
        None => value.to_string(),
    }
}
