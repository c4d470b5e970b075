//! The paths that Vertex AI chooses for a container: `AIP_PREDICT_ROUTE` and `AIP_HEALTH_ROUTE`. Pure, but for [`Vertex::of_environment`].

use super::route::{NoRoute, Protocol, Route, Target};
use std::env;

/// Further paths for what has one already.
#[derive(Debug, Default)]
pub struct Vertex {
    predict: Option<String>,
    health: Option<String>,
}

impl Vertex {
    pub fn of_environment() -> Vertex {
        Vertex::of(|name| env::var(name).ok())
    }

    fn of(variable: impl Fn(&str) -> Option<String>) -> Vertex {
        let path = |name: &str| variable(name).filter(|path| path.starts_with('/'));
        Vertex {
            predict: path("AIP_PREDICT_ROUTE"),
            health: path("AIP_HEALTH_ROUTE"),
        }
    }

    /// The route of a path, if it is one of these. `group`: the one that is asked.
    pub fn route(&self, method: &str, path: &str, group: &str) -> Option<Result<Route, (NoRoute, Protocol)>> {
        let is = |own: &Option<String>| own.as_deref() == Some(path);
        let wrong = |methods| Err((NoRoute::Method(methods), Protocol::TensorFlow));
        if is(&self.predict) {
            let target = Target {
                group: group.into(),
                version: None,
            };
            return Some(match method {
                "POST" => Ok(Route::Predict(target)),
                // One path may be for both.
                "GET" | "HEAD" if is(&self.health) => Ok(Route::Ready(Protocol::TensorFlow)),
                _ => wrong("POST"),
            });
        }
        is(&self.health).then(|| match method {
            "GET" | "HEAD" => Ok(Route::Ready(Protocol::TensorFlow)),
            _ => wrong("GET, HEAD"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paths_of_the_environment_lead_where_they_should() {
        let vertex = Vertex::of(|name| {
            Some(match name {
                "AIP_PREDICT_ROUTE" => "/v1/endpoints/7/deployedModels/8:predict".into(),
                _ => "/v1/endpoints/7/deployedModels/8".into(),
            })
        });
        let predict = Route::Predict(Target {
            group: "lines".into(),
            version: None,
        });
        let route = |method, path| vertex.route(method, path, "lines");
        let path = "/v1/endpoints/7/deployedModels/8:predict";
        assert_eq!(route("POST", path), Some(Ok(predict)));
        assert_eq!(
            route("GET", path),
            Some(Err((NoRoute::Method("POST"), Protocol::TensorFlow)))
        );
        let health = "/v1/endpoints/7/deployedModels/8";
        assert_eq!(route("GET", health), Some(Ok(Route::Ready(Protocol::TensorFlow))));
        assert_eq!(route("POST", "/stream"), None);
        assert_eq!(Vertex::default().route("POST", path, "lines"), None);
        let no_path = Vertex::of(|_| Some("predict".into()));
        assert_eq!(no_path.route("POST", "predict", "lines"), None);
    }
}
