//! Why a request has no predictions: one cause, in the shape of its route's protocol.

mod answer;

use super::keys::{Denial, Remaining, fields};
use super::route::Protocol;
use super::served::Served;
use crate::format::CutError;
use crate::problem::{Code, Problem};
use hyper::StatusCode;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// What is wrong, by what the caller has to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The body can't be read, or isn't the model's.
    BadRequest,
    /// Rows of it can't be scored.
    BadRows,
    Forbidden,
    NoSuchRoute,
    NoSuchModel,
    /// The methods that there are.
    Method(&'static str),
    /// The body didn't arrive in time.
    Timeout,
    TooLarge,
    MediaType,
    TooManyRequests,
    LimitExceeded,
    /// There is no proven model, the process stops, or the keys can't be read.
    NotReady,
    /// More is in flight than there may be.
    Busy,
    /// A defect of this program.
    Internal,
}

impl Cause {
    pub fn status(self) -> StatusCode {
        match self {
            Cause::BadRequest | Cause::BadRows => StatusCode::BAD_REQUEST,
            Cause::Forbidden => StatusCode::FORBIDDEN,
            Cause::NoSuchRoute | Cause::NoSuchModel => StatusCode::NOT_FOUND,
            Cause::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Cause::Timeout => StatusCode::REQUEST_TIMEOUT,
            Cause::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Cause::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Cause::TooManyRequests | Cause::LimitExceeded => StatusCode::TOO_MANY_REQUESTS,
            Cause::NotReady | Cause::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Cause::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// All codes that there are.
    pub const CODES: [&str; 14] = [
        "bad_request",
        "bad_rows",
        "forbidden",
        "no_such_route",
        "no_such_model",
        "method_not_allowed",
        "timeout",
        "too_large",
        "unsupported_media_type",
        "too_many_requests",
        "limit_exceeded",
        "not_ready",
        "busy",
        "internal",
    ];

    /// Stable; for programs, metrics and TROUBLESHOOTING.md.
    pub fn code(self) -> &'static str {
        Cause::CODES[self.place()]
    }

    /// Of its code in [`Cause::CODES`].
    pub fn place(self) -> usize {
        match self {
            Cause::BadRequest => 0,
            Cause::BadRows => 1,
            Cause::Forbidden => 2,
            Cause::NoSuchRoute => 3,
            Cause::NoSuchModel => 4,
            Cause::Method(_) => 5,
            Cause::Timeout => 6,
            Cause::TooLarge => 7,
            Cause::MediaType => 8,
            Cause::TooManyRequests => 9,
            Cause::LimitExceeded => 10,
            Cause::NotReady => 11,
            Cause::Busy => 12,
            Cause::Internal => 13,
        }
    }
}

/// So many bad rows are named; all are counted.
pub const NAMED: usize = 100;

/// A row that can't be scored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BadRow {
    /// Counted from 1.
    pub row: u64,
    /// Where its format has lines, on which it begins; from 1, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The column that it is bad for; none where it is the row as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    pub reason: String,
}

impl BadRow {
    /// `row`: counted from 1.
    pub fn new(row: u64, line: Option<u64>, column: Option<String>, reason: String) -> BadRow {
        BadRow {
            row,
            line,
            column: column.map(|column| cut(column, LONGEST_NAME)),
            reason: cut(reason, LONGEST_NAME),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Refusal {
    pub cause: Cause,
    pub message: String,
    pub hint: Option<String>,
    /// More stable than the cause's own where the body is wrong: that of a [`Problem`].
    code: &'static str,
    /// Seconds.
    pub retry_after: Option<u64>,
    /// Who would have predicted.
    pub by: Option<Arc<Served>>,
    /// Boxed, for every result has room for a refusal.
    pub detail: Box<Detail>,
}

/// What few refusals have.
#[derive(Clone, Debug, Default)]
pub struct Detail {
    pub line: Option<u64>,
    pub column: Option<String>,
    /// The first ones.
    pub rows: Vec<BadRow>,
    /// Of a request that is refused for its rows: how many there are, and how many are bad.
    pub rows_and_bad: Option<(u64, u64)>,
    /// Of who isn't let in, for the log and the metrics.
    pub denial: Option<Denial>,
    pub remaining: Remaining,
    /// Whose body it turned out to be, where the route is more than one protocol's.
    pub of: Option<Protocol>,
}

/// Bytes of what is said. It has names of the caller's, which may be as long as a body.
const LONGEST: usize = 4096;
const LONGEST_NAME: usize = 256;

/// The beginning of a long text.
fn cut(mut text: String, most: usize) -> String {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.push('…');
        text.shrink_to_fit();
    }
    text
}

impl Refusal {
    pub fn new(cause: Cause, message: impl Into<String>) -> Refusal {
        Refusal {
            cause,
            message: cut(message.into(), LONGEST),
            hint: None,
            code: cause.code(),
            retry_after: None,
            by: None,
            detail: Box::default(),
        }
    }

    pub fn bad(message: impl Into<String>) -> Refusal {
        Refusal::new(Cause::BadRequest, message)
    }

    /// More stable than the cause's own where the body is wrong.
    pub fn code(&self) -> &'static str {
        self.code
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Refusal {
        self.hint = Some(hint.into());
        self
    }

    pub fn at_line(mut self, line: u64) -> Refusal {
        self.detail.line = Some(line);
        self
    }

    pub fn in_column(mut self, column: &str) -> Refusal {
        self.detail.column = Some(cut(column.into(), LONGEST_NAME));
        self
    }

    /// `protocol`: that of the body, where the route has more than one.
    pub fn of(mut self, protocol: Protocol) -> Refusal {
        self.detail.of = Some(protocol);
        self
    }

    /// `seconds`: when to try again.
    pub fn after(mut self, seconds: u64) -> Refusal {
        self.retry_after = Some(seconds);
        self
    }

    pub fn denied(mut self, denial: Denial) -> Refusal {
        self.detail.denial = Some(denial);
        self
    }

    /// By a limit of a key.
    pub fn limited(mut self, denial: Denial, retry_after: Duration, remaining: Remaining) -> Refusal {
        self.retry_after = Some(fields::seconds(retry_after));
        self.detail.remaining = remaining;
        self.denied(denial)
    }

    /// `bad`: how many of `rows` can't be scored; `named`: the first of them.
    pub fn of_rows(bad: usize, rows: usize, named: Vec<BadRow>) -> Refusal {
        let mut message = format!("{bad} of {rows} rows can't be scored");
        for BadRow {
            row, column, reason, ..
        } in named.iter().take(10)
        {
            message += &match column {
                Some(column) => format!("; row {row}, {column}: {reason}"),
                None => format!("; row {row}: {reason}"),
            };
        }
        if bad > named.len().min(10) {
            message += "; ...";
        }
        let mut refusal = Refusal::new(Cause::BadRows, message);
        refusal.detail.rows = named;
        refusal.detail.rows_and_bad = Some((rows as u64, bad as u64));
        refusal.hint(
            "mend the rows; with serve.bad_rows = \"null\" they have null in their place, and the others are scored",
        )
    }
}

/// A body is in memory, and can be read.
impl From<CutError> for Refusal {
    fn from(error: CutError) -> Refusal {
        error.problem(0).into()
    }
}

/// What is wrong with the body as a whole.
impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Refusal {
        if problem.code == Code::Internal {
            return Refusal::new(
                Cause::Internal,
                "the server failed over this request; this is a bug in it, not in the request",
            )
            .hint("please report it with the request; the server's log has the details");
        }
        let mut message = problem.message;
        if let Some(line) = problem.line {
            message = format!("line {line}: {message}");
        }
        let mut refusal = Refusal::bad(message);
        refusal.code = problem.code.name();
        (refusal.detail.line, refusal.detail.column) = (problem.line, problem.column);
        refusal.hint(problem.hint)
    }
}

#[cfg(test)]
mod tests {
    use super::Cause;

    /// Only refusals for keys had entries.
    #[test]
    fn every_code_of_the_server_has_its_line_in_troubleshooting() {
        let page = include_str!("../../../TROUBLESHOOTING.md");
        for code in Cause::CODES {
            let is_its = |line: &str| line.starts_with("| ") && line.contains(&format!(" | `{code}`"));
            assert!(page.lines().any(is_its), "no line for {code}");
        }
    }
}
