//! What a request is called, in its answer and in logs.

use hyper::HeaderMap;
use hyper::header::HeaderName;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The longest name that is taken from a caller.
const LONGEST: usize = 128;

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The caller's own, where there is one: `X-Request-Id`, or the trace of a W3C `traceparent`. Else one that no other request has.
pub fn of(headers: &HeaderMap) -> String {
    let visible = |name: &HeaderName| {
        let text = headers.get(name)?.to_str().ok()?;
        let is_name = !text.is_empty() && text.len() <= LONGEST && text.bytes().all(|b| b.is_ascii_graphic());
        is_name.then_some(text)
    };
    let trace = || {
        visible(&TRACEPARENT)?
            .split('-')
            .nth(1)
            .filter(|trace| trace.len() == 32)
    };
    match visible(&REQUEST_ID).or_else(trace) {
        Some(name) => name.into(),
        None => new(),
    }
}

/// Of a process, by when it began, and the place among its requests.
fn new() -> String {
    static BEGAN: LazyLock<String> = LazyLock::new(|| format!("{:016x}-", crate::service::clock::wall_clock() as u64));
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let place = NEXT.fetch_add(1, Ordering::Relaxed);
    let digits = (u64::BITS - place.leading_zeros()).div_ceil(4);
    // Not a byte more, so that the answer's header takes it without a copy.
    let mut id = String::with_capacity(BEGAN.len() + digits as usize);
    id += &BEGAN;
    let digit = |at: u32| char::from_digit((place >> (4 * at)) as u32 & 15, 16).unwrap_or_default();
    id.extend((0..digits).rev().map(digit));
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_name_is_kept_where_it_is_one() {
        let of = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            super::of(&headers)
        };
        assert_eq!(of("x-request-id", "order-17"), "order-17");
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(of("traceparent", &format!("00-{trace}-00f067aa0ba902b7-01")), trace);
        for (name, value) in [("x-request-id", "a b"), ("x-request-id", ""), ("traceparent", "00")] {
            let (first, second) = (of(name, value), of(name, value));
            assert!(first.len() > 16 && first != second && !first.contains(' '), "{first}");
        }
    }
}
