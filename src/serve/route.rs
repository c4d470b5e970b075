//! Method and path -> what is asked for. Pure.

use percent_encoding::percent_decode_str;
use std::fmt;

/// Whose predictions a server answers with: those of the latest approved version, or of the newest one that nobody rejected, approved
/// or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Stage {
    Production,
    Staging,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Production => "production",
            Stage::Staging => "staging",
        })
    }
}

/// Whose way of asking and answering it is: it decides the shape of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// The system that this follows, behind an API gateway.
    Gateway,
    /// SageMaker's container.
    SageMaker,
    /// The service in front of it, as the clients of AWS know it.
    SageMakerRuntime,
    /// SageMaker's container, or MLflow's scoring server: the body tells.
    Invocations,
    OpenInference,
    TensorFlow,
    /// Of this project.
    Own,
}

/// What is asked for. `group`: none is the configured one; `version`: none is the one that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// Is the process alive?
    Live(Protocol),
    /// Is there a proven model?
    Ready(Protocol),
    Version,
    ExecutionParameters,
    Stream,
    Batch,
    Invocations,
    Endpoint {
        group: String,
    },
    Score,
    ServerMetadata,
    ModelReady(Target),
    ModelMetadata(Target),
    Infer(Target),
    ModelStatus(Target),
    Predict(Target),
    Metrics,
    Page,
    OpenApi,
}

/// A model by its names in a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub group: String,
    pub version: Option<u32>,
}

/// Why a path leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoRoute {
    Unknown,
    /// There is such a path, for these methods.
    Method(&'static str),
    /// It is another stage's process that answers there.
    Stage(Stage),
}

const GET: &str = "GET, HEAD";
const POST: &str = "POST";

impl Route {
    /// `path`: as it was sent, without its query. `stage`: of this process.
    pub fn parse(stage: Stage, method: &str, path: &str) -> Result<Route, (NoRoute, Protocol)> {
        let staged = |name: &str| {
            let rest = path.strip_prefix('/')?.strip_prefix(name)?;
            match rest {
                "" => Some("/"),
                rest => rest.starts_with('/').then_some(rest),
            }
        };
        let (named, path) = match (staged("production"), staged("staging")) {
            (Some(rest), _) => (Some(Stage::Production), rest),
            (_, Some(rest)) => (Some(Stage::Staging), rest),
            _ => (None, path),
        };
        let (route, methods) = find(path).ok_or((NoRoute::Unknown, of(path)))?;
        if let Some(other) = named.filter(|named| *named != stage) {
            return Err((NoRoute::Stage(other), route.protocol()));
        }
        match (methods, method) {
            (GET, "GET" | "HEAD") | (POST, "POST") => Ok(route),
            _ => Err((NoRoute::Method(methods), route.protocol())),
        }
    }

    /// All names that there are.
    pub const NAMES: [&str; 20] = [
        "/live",
        "/v2/health/live",
        "/ping",
        "/v2/health/ready",
        "/version",
        "/execution-parameters",
        "/stream",
        "/batch",
        "/invocations",
        "/endpoints/{group}/invocations",
        "/score",
        "/v2",
        "/v2/models/{group}/ready",
        "/v2/models/{group}",
        "/v2/models/{group}/infer",
        "/v1/models/{group}",
        "/v1/models/{group}:predict",
        "/metrics",
        "/",
        "/openapi.json",
    ];

    /// Its place in [`Route::NAMES`].
    pub fn index(&self) -> usize {
        match self {
            Route::Live(Protocol::OpenInference) => 1,
            Route::Live(_) => 0,
            Route::Ready(Protocol::OpenInference) => 3,
            Route::Ready(_) => 2,
            Route::Version => 4,
            Route::ExecutionParameters => 5,
            Route::Stream => 6,
            Route::Batch => 7,
            Route::Invocations => 8,
            Route::Endpoint { .. } => 9,
            Route::Score => 10,
            Route::ServerMetadata => 11,
            Route::ModelReady(_) => 12,
            Route::ModelMetadata(_) => 13,
            Route::Infer(_) => 14,
            Route::ModelStatus(_) => 15,
            Route::Predict(_) => 16,
            Route::Metrics => 17,
            Route::Page => 18,
            Route::OpenApi => 19,
        }
    }

    /// As metrics and logs name it: there are few, whatever is asked for.
    pub fn name(&self) -> &'static str {
        Route::NAMES[self.index()]
    }

    pub fn protocol(&self) -> Protocol {
        match self {
            Route::Live(protocol) | Route::Ready(protocol) => *protocol,
            Route::Stream | Route::Batch => Protocol::Gateway,
            Route::Invocations | Route::Version | Route::ExecutionParameters => Protocol::Invocations,
            Route::Endpoint { .. } => Protocol::SageMakerRuntime,
            Route::ServerMetadata | Route::ModelReady(_) | Route::ModelMetadata(_) | Route::Infer(_) => {
                Protocol::OpenInference
            }
            Route::ModelStatus(_) | Route::Predict(_) => Protocol::TensorFlow,
            Route::Score | Route::Metrics | Route::Page | Route::OpenApi => Protocol::Own,
        }
    }

    /// The group that it names.
    pub fn group(&self) -> Option<&str> {
        match self {
            Route::Endpoint { group } => Some(group),
            Route::ModelReady(target)
            | Route::ModelMetadata(target)
            | Route::Infer(target)
            | Route::ModelStatus(target)
            | Route::Predict(target) => Some(&target.group),
            _ => None,
        }
    }

    /// Of health: nobody needs a key to ask.
    pub fn is_health(&self) -> bool {
        matches!(self, Route::Live(_) | Route::Ready(_))
    }

    /// Does it ask for predictions?
    pub fn predicts(&self) -> bool {
        matches!(
            self,
            Route::Stream
                | Route::Batch
                | Route::Invocations
                | Route::Endpoint { .. }
                | Route::Score
                | Route::Infer(_)
                | Route::Predict(_)
        )
    }
}

/// Whose errors a path that leads nowhere has.
fn of(path: &str) -> Protocol {
    match path.split('/').nth(1) {
        Some("v1") => Protocol::TensorFlow,
        Some("v2") => Protocol::OpenInference,
        Some("endpoints") => Protocol::SageMakerRuntime,
        _ => Protocol::Own,
    }
}

/// The most parts of a path that leads somewhere.
const PARTS: usize = 6;

/// The route of a path, and its methods.
fn find(path: &str) -> Option<(Route, &'static str)> {
    let (mut parts, mut count) = ([""; PARTS], 0);
    for part in path.strip_prefix('/')?.split('/') {
        *parts.get_mut(count)? = part;
        count += 1;
    }
    Some(match parts[..count] {
        [""] => (Route::Page, GET),
        ["stream"] => (Route::Stream, POST),
        ["batch"] => (Route::Batch, POST),
        ["score"] => (Route::Score, POST),
        ["invocations"] => (Route::Invocations, POST),
        ["endpoints", group, "invocations"] => {
            let group = decoded(group)?;
            (Route::Endpoint { group }, POST)
        }
        ["ping"] => (Route::Ready(Protocol::Invocations), GET),
        ["health"] => (Route::Ready(Protocol::Invocations), GET),
        ["live"] => (Route::Live(Protocol::Own), GET),
        ["version"] => (Route::Version, GET),
        ["execution-parameters"] => (Route::ExecutionParameters, GET),
        ["metrics"] => (Route::Metrics, GET),
        ["openapi.json"] => (Route::OpenApi, GET),
        ["v2"] => (Route::ServerMetadata, GET),
        ["v2", "health", "live"] => (Route::Live(Protocol::OpenInference), GET),
        ["v2", "health", "ready"] => (Route::Ready(Protocol::OpenInference), GET),
        ["v2", "models", group] => (Route::ModelMetadata(target(group, None)?), GET),
        ["v2", "models", group, "ready"] => (Route::ModelReady(target(group, None)?), GET),
        ["v2", "models", group, "infer"] => (Route::Infer(target(group, None)?), POST),
        ["v2", "models", group, "versions", version] => (Route::ModelMetadata(target(group, Some(version))?), GET),
        ["v2", "models", group, "versions", version, "ready"] => {
            (Route::ModelReady(target(group, Some(version))?), GET)
        }
        ["v2", "models", group, "versions", version, "infer"] => (Route::Infer(target(group, Some(version))?), POST),
        ["v1", "models", group] => match group.strip_suffix(":predict") {
            Some(group) => (Route::Predict(target(group, None)?), POST),
            None => (Route::ModelStatus(target(group, None)?), GET),
        },
        ["v1", "models", group, "versions", version] => match version.strip_suffix(":predict") {
            Some(version) => (Route::Predict(target(group, Some(version))?), POST),
            None => (Route::ModelStatus(target(group, Some(version))?), GET),
        },
        _ => return None,
    })
}

fn target(group: &str, version: Option<&str>) -> Option<Target> {
    let version = match version {
        Some(text) => Some(text.parse().ok().filter(|n: &u32| *n > 0 && n.to_string() == text)?),
        None => None,
    };
    let group = decoded(group)?;
    Some(Target { group, version })
}

/// The name of a group is looked up, never a path.
fn decoded(name: &str) -> Option<String> {
    let name = percent_decode_str(name).decode_utf8().ok()?;
    (!name.is_empty()).then(|| name.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(method: &str, path: &str) -> Result<Route, (NoRoute, Protocol)> {
        Route::parse(Stage::Production, method, path)
    }

    #[test]
    fn paths_lead_to_routes() {
        let target = |group: &str, version| Target {
            group: group.into(),
            version,
        };
        for (method, path, route) in [
            ("POST", "/stream", Route::Stream),
            ("POST", "/production/batch", Route::Batch),
            ("GET", "/production", Route::Page),
            ("HEAD", "/", Route::Page),
            ("GET", "/v2/health/ready", Route::Ready(Protocol::OpenInference)),
            ("POST", "/v2/models/a%20b/infer", Route::Infer(target("a b", None))),
            (
                "POST",
                "/v2/models/a/versions/7/infer",
                Route::Infer(target("a", Some(7))),
            ),
            ("POST", "/v1/models/a:predict", Route::Predict(target("a", None))),
            (
                "POST",
                "/v1/models/a/versions/2:predict",
                Route::Predict(target("a", Some(2))),
            ),
            ("GET", "/v1/models/a", Route::ModelStatus(target("a", None))),
            (
                "POST",
                "/endpoints/diabetes/invocations",
                Route::Endpoint {
                    group: "diabetes".into(),
                },
            ),
        ] {
            assert_eq!(parse(method, path), Ok(route), "{method} {path}");
        }
    }

    #[test]
    fn what_leads_nowhere_says_why() {
        for (method, path, error) in [
            ("POST", "/strem", (NoRoute::Unknown, Protocol::Own)),
            ("POST", "/v2/models//infer", (NoRoute::Unknown, Protocol::OpenInference)),
            (
                "POST",
                "/v2/models/a/versions/07/infer",
                (NoRoute::Unknown, Protocol::OpenInference),
            ),
            (
                "POST",
                "/v1/models/a%ff:predict",
                (NoRoute::Unknown, Protocol::TensorFlow),
            ),
            ("GET", "/stream", (NoRoute::Method("POST"), Protocol::Gateway)),
            (
                "POST",
                "/staging/stream",
                (NoRoute::Stage(Stage::Staging), Protocol::Gateway),
            ),
            ("POST", "/productionstream", (NoRoute::Unknown, Protocol::Own)),
        ] {
            assert_eq!(parse(method, path), Err(error), "{method} {path}");
        }
    }

    #[test]
    fn names_are_of_one_route_each() {
        let mut names = Route::NAMES.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Route::NAMES.len());
        assert_eq!(parse("GET", "/health").unwrap().name(), "/ping");
        assert_eq!(parse("GET", "/live").unwrap().name(), "/live");
    }

    /// The paths that [`find`] knows, by its source: with names in place of what varies.
    fn paths() -> Vec<String> {
        let source = include_str!("route.rs");
        let found = &source[source.find("\nfn find(").unwrap()..source.find("\nfn target(").unwrap()];
        let arms = found.lines().filter_map(|line| line.trim_start().strip_prefix('['));
        let mut paths = Vec::new();
        for arm in arms {
            let pattern = arm.split_once(']').unwrap().0;
            let parts = pattern.split(", ").map(|part| match part.strip_prefix('"') {
                Some(literal) => literal.trim_end_matches('"').to_string(),
                None => format!("{{{part}}}"),
            });
            let path = format!("/{}", parts.collect::<Vec<_>>().join("/"));
            if path.starts_with("/v1/") {
                paths.push(format!("{path}:predict"));
            }
            paths.push(path);
        }
        paths.sort();
        paths
    }

    #[test]
    fn the_description_for_programs_has_every_route_and_none_else() {
        let text = include_str!("../../config/openapi.json");
        let description: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(description["info"]["version"], env!("CARGO_PKG_VERSION"));
        let described = description["paths"].as_object().unwrap();
        let mut paths_described: Vec<_> = described.keys().cloned().collect();
        paths_described.sort();
        assert_eq!(paths_described, paths());
        let mut names = std::collections::BTreeSet::new();
        for (path, operations) in described {
            let path_of = path.replace("{group}", "a").replace("{version}", "7");
            let methods: Vec<_> = operations.as_object().unwrap().keys().collect();
            for method in ["get", "head", "post", "put", "delete", "options", "patch"] {
                let route = parse(&method.to_uppercase(), &path_of);
                assert_eq!(
                    route.is_ok(),
                    methods.contains(&&method.to_string()),
                    "{method} {path}: {route:?}"
                );
                if let Ok(route) = route {
                    names.insert(route.name());
                    let is_open = operations[method]["security"] == serde_json::json!([]);
                    assert_eq!(is_open, route.is_health(), "{method} {path}");
                    let takes_body = operations[method].get("requestBody").is_some();
                    assert_eq!(takes_body, route.predicts(), "{method} {path}");
                }
            }
        }
        assert_eq!(names, Route::NAMES.into_iter().collect());
    }

    #[test]
    fn the_description_refers_to_what_it_has() {
        let text = include_str!("../../config/openapi.json");
        let description: serde_json::Value = serde_json::from_str(text).unwrap();
        let references = text
            .split("\"$ref\": \"#")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap());
        for reference in references {
            assert!(description.pointer(reference).is_some(), "{reference}");
        }
    }
}
