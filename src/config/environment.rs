//! Variables of the environment that set nothing, though they look as if they did. PURE.

/// That of the configuration file.
pub const FILE: &str = "TRANSFORM_CONFIG";

/// The variable that was meant by one that is read by nobody, if it is near to one. `keys`: all that there are, such as `input.path`.
///
/// Others of the same prefix are none of ours: Kubernetes sets TRANSFORM_PORT and TRANSFORM_SERVICE_HOST for a service of that name, and
/// TRANSFORM_SERVE_PORT_8080_TCP for one called transform-serve.
pub fn meant(name: &str, keys: &[String]) -> Option<String> {
    let rest = name.strip_prefix("TRANSFORM_")?;
    if name == FILE || rest.contains("__") || is_of_service(rest) {
        return None;
    }
    let variable = |key: &String| format!("TRANSFORM_{}", key.replacen('.', "__", 1).to_uppercase());
    let distance = |variable: &String| strsim::damerau_levenshtein(name, &variable.replacen("__", "_", 1));
    let sections = keys.iter().filter_map(|key| key.split('.').next());
    let of_section = sections.map(str::to_uppercase).find(|section| {
        let key = rest.strip_prefix(section.as_str());
        key.is_some_and(|key| key.starts_with('_'))
    });
    let all = keys.iter().map(variable).chain([FILE.to_string()]);
    let near = |variable: &String| match &of_section {
        Some(section) => variable
            .strip_prefix("TRANSFORM_")
            .is_some_and(|key| key.starts_with(section.as_str())),
        None => distance(variable) <= 2,
    };
    all.filter(near).min_by_key(distance)
}

/// Is it of those that Kubernetes sets for each port of a service?
fn is_of_service(rest: &str) -> bool {
    let parts: Vec<&str> = rest.split('_').collect();
    parts.ends_with(&["PORT"])
        || parts.windows(2).any(|pair| match pair {
            ["SERVICE", "HOST" | "PORT"] => true,
            ["PORT", number] => number.bytes().all(|b| b.is_ascii_digit()),
            _ => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_told_and_what_is_others_is_not() {
        let keys = [
            "input.path",
            "input.settle",
            "models.group",
            "serve.listen",
            "output.model_version",
        ]
        .map(String::from);
        for (name, expected) in [
            ("TRANSFORM_INPUT_PATH", Some("TRANSFORM_INPUT__PATH")),
            ("TRANSFORM_INPUT_PTH", Some("TRANSFORM_INPUT__PATH")),
            ("TRANSFORM_INPUT_SETTLE_TIME", Some("TRANSFORM_INPUT__SETTLE")),
            ("TRANSFORM_INPTU_PATH", Some("TRANSFORM_INPUT__PATH")),
            ("TRANSFORM_MODEL_GROUP", Some("TRANSFORM_MODELS__GROUP")),
            (
                "TRANSFORM_OUTPUT_MODEL_VERSION",
                Some("TRANSFORM_OUTPUT__MODEL_VERSION"),
            ),
            ("TRANSFORM_CONFG", Some("TRANSFORM_CONFIG")),
            ("TRANSFORM_CONFIG", None),
            ("TRANSFORM_INPUT__PTH", None),
            ("TRANSFORM_PORT", None),
            ("TRANSFORM_PORT_8080_TCP_ADDR", None),
            ("TRANSFORM_SERVICE_HOST", None),
            ("TRANSFORM_SERVE_PORT", None),
            ("TRANSFORM_SERVE_SERVICE_PORT_HTTP", None),
            ("TRANSFORM_INPUT_PORT_8080_TCP_ADDR", None),
            ("TRANSFORM_COMMIT", None),
            ("TRANSFORMERS_CACHE", None),
            ("PATH", None),
        ] {
            assert_eq!(meant(name, &keys).as_deref(), expected, "{name}");
        }
    }
}
