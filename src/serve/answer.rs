//! What is answered: status, headers, body.

use super::answering::Answering;
use super::keys::Remaining;
use super::scoring::Predictions;
use super::served::Served;
use super::telemetry::counters::Rows;
use hyper::body::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, StatusCode};
use std::sync::Arc;

pub const JSON: &str = "application/json";
pub use super::file_type::JSON_LINES;
pub const CSV: &str = "text/csv; charset=utf-8";
pub const TEXT: &str = "text/plain; charset=utf-8";

#[derive(Clone)]
pub struct Answer {
    pub status: StatusCode,
    /// Empty: there is no body, and no type of it.
    pub content_type: &'static str,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// What came of a request for predictions.
    pub scored: Option<Scored>,
}

/// Who predicted, and how many rows: for headers, metrics, the access log.
#[derive(Clone)]
pub struct Scored {
    pub by: Answering,
    pub rows: u64,
    pub bad_rows: u64,
    /// Where both versions of an A/B test answered: the challenger's among these rows.
    pub challenger: Option<(Arc<Served>, Rows)>,
    /// Until it is known whether somebody compares them; of a CSV as the spool's, none.
    pub predictions: Option<Predictions>,
}

impl Answer {
    pub fn new(status: StatusCode, content_type: &'static str, body: impl Into<Vec<u8>>) -> Answer {
        Answer {
            status,
            content_type,
            headers: HeaderMap::new(),
            body: Bytes::from(body.into()),
            scored: None,
        }
    }

    pub fn ok(content_type: &'static str, body: impl Into<Vec<u8>>) -> Answer {
        Answer::new(StatusCode::OK, content_type, body)
    }

    /// Of a request for predictions.
    pub fn of(self, by: Answering, predictions: Predictions) -> Answer {
        Answer {
            scored: Some(Scored {
                rows: predictions.rows as u64,
                bad_rows: predictions.bad() as u64,
                challenger: by.of_challenger(&predictions),
                by,
                predictions: Some(predictions),
            }),
            ..self
        }
    }

    /// With what is left of the caller's limits.
    pub fn limited(self, remaining: &Remaining) -> Answer {
        match remaining.rate.is_none() && remaining.quota.is_none() {
            true => self,
            false => self
                .with("ratelimit-policy", remaining.policy())
                .with("ratelimit", remaining.limit()),
        }
    }

    /// What no header can hold is left out.
    pub fn with(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Answer {
        if let Ok(value) = HeaderValue::from_bytes(value.as_ref()) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }
}
