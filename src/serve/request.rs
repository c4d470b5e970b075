//! A request, once its body is there.

use super::file_type;
use super::refusal::{Cause, Refusal};
use super::route::Route;
use crate::format::{Compression, Encoding, FileFormat};
use crate::problem::excerpt;
use hyper::HeaderMap;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use std::sync::Arc;

pub struct Request {
    pub route: Route,
    pub headers: HeaderMap,
    /// Without the question mark; empty where there is none.
    pub query: String,
    /// As the caller meant it: decompressed.
    pub body: Bytes,
}

/// The caller's own name of a request.
pub static INFERENCE_ID: HeaderName = HeaderName::from_static("x-amzn-sagemaker-inference-id");
/// How many bytes of a body are JSON; tensors stand behind.
pub static HEADER_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");
static TARGET_VARIANT: HeaderName = HeaderName::from_static("x-amzn-sagemaker-target-variant");

/// Smaller bodies are copied: else each would keep the buffer in memory into which its connection is read.
const COPIED: usize = 16 << 10;

/// A body, to be kept when its connection reads on.
pub fn detached(body: &Bytes) -> Bytes {
    match body.len() {
        ..=COPIED => Bytes::copy_from_slice(body),
        _ => body.clone(),
    }
}

/// A media type, without its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaType {
    Json,
    JsonLines,
    Csv,
    /// Nothing is said, or anything would do.
    Any,
    Other,
}

impl Request {
    /// The group and the version that are asked for; `None`: the configured one, the one that answers.
    pub fn target(&self) -> Result<(Option<&str>, Option<u32>), Refusal> {
        match &self.route {
            Route::Infer(target) | Route::Predict(target) => Ok((Some(&target.group), target.version)),
            Route::Endpoint { group } => Ok((Some(group), self.variant()?)),
            Route::Invocations => Ok((None, self.variant()?)),
            _ => Ok((None, None)),
        }
    }

    /// SageMaker's TargetVariant: a version.
    fn variant(&self) -> Result<Option<u32>, Refusal> {
        let Some(variant) = self.header(&TARGET_VARIANT) else {
            return Ok(None);
        };
        let version = variant.parse().ok().filter(|version| *version > 0);
        version.map(Some).ok_or_else(|| {
            Refusal::new(
                Cause::NoSuchModel,
                format!("variant {variant:?} is no version of the model, such as 3"),
            )
        })
    }

    /// The headers that predictions depend on once it is known whose they are, to be kept when its connection reads on: no key among
    /// them. Most often they are those of the `last` request, which are shared then.
    pub fn kept_headers(&self, last: &mut Arc<HeaderMap>) -> Arc<HeaderMap> {
        let names = [&CONTENT_TYPE, &ACCEPT, &HEADER_LENGTH];
        if names.iter().any(|name| self.headers.get(*name) != last.get(*name)) {
            let mut headers = HeaderMap::new();
            for name in names {
                let value = self
                    .headers
                    .get(name)
                    .map(|value| HeaderValue::from_bytes(value.as_bytes()));
                if let Some(Ok(value)) = value {
                    headers.insert(name, value);
                }
            }
            *last = headers.into();
        }
        last.clone()
    }

    /// A header that is visible ASCII.
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub fn content_type(&self) -> MediaType {
        match self.headers.get(CONTENT_TYPE).map(|value| value.to_str()) {
            None => MediaType::Any,
            Some(Ok(value)) => media_type(value),
            Some(Err(_)) => MediaType::Other,
        }
    }

    /// The format of files that the body is said to be.
    pub fn format(&self) -> Option<FileFormat> {
        file_type::format(self.headers.get(CONTENT_TYPE)?.to_str().ok()?)
    }

    /// How the body is packed, once what it was for the way is undone: a compressed file.
    pub fn packing(&self) -> Compression {
        match self.route {
            Route::Score => self.format().unwrap_or_default().compression,
            _ => Compression::None,
        }
    }

    /// May it be many times its bytes?
    pub fn is_packed(&self) -> bool {
        let format = self.format().unwrap_or_default();
        self.route == Route::Score && (format.compression != Compression::None || !format.is_text())
    }

    /// A parameter of the content type, such as `header` of `text/csv;header=present`.
    pub fn content_parameter(&self, name: &str) -> Option<&str> {
        let parameters = self.headers.get(CONTENT_TYPE)?.to_str().ok()?.split(';').skip(1);
        parameters
            .filter_map(|parameter| parameter.split_once('='))
            .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().trim_matches('"'))
    }

    /// How the body's text is encoded, if the content type says so.
    ///
    /// # Errors
    /// No such encoding is known.
    pub fn charset(&self) -> Result<Option<Encoding>, Refusal> {
        match self.content_parameter("charset") {
            None => Ok(None),
            // The standard of the web has more characters in it.
            Some(label) if label.eq_ignore_ascii_case("us-ascii") => Ok(Some(Encoding::UTF_8)),
            Some(label) => Encoding::parse(label).map(Some).ok_or_else(|| {
                let label = excerpt(label.as_bytes(), 40);
                Refusal::new(
                    Cause::MediaType,
                    format!("charset {label:?} isn't known; utf-8 and windows-1252 are"),
                )
            }),
        }
    }

    /// The first type that the caller takes and that this project writes.
    pub fn accepts(&self) -> MediaType {
        let Some(Ok(accept)) = self.headers.get(ACCEPT).map(|value| value.to_str()) else {
            return MediaType::Any;
        };
        let known = accept.split(',').map(media_type).find(|kind| *kind != MediaType::Other);
        known.unwrap_or(MediaType::Other)
    }

    /// A parameter of the query; what is written twice counts as it stands first.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let pairs = self
            .query
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// The same where it is true or false.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.parameter(name) {
            None => Ok(None),
            Some("true" | "1" | "") => Ok(Some(true)),
            Some("false" | "0") => Ok(Some(false)),
            Some(other) => Err(Refusal::bad(format!("{name}={other}: it is true or false"))),
        }
    }
}

fn media_type(value: &str) -> MediaType {
    let name = value.split(';').next().unwrap_or_default().trim();
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    if is("application/json") || is("text/json") {
        MediaType::Json
    } else if is("application/jsonlines")
        || is("application/x-ndjson")
        || is("application/jsonl")
        || is("application/x-jsonlines")
    {
        MediaType::JsonLines
    } else if is("text/csv") || is("application/csv") {
        MediaType::Csv
    } else if is("*/*") || is("application/*") || is("application/x-www-form-urlencoded") || name.is_empty() {
        // What curl says of a body that it isn't told the type of.
        MediaType::Any
    } else {
        MediaType::Other
    }
}
