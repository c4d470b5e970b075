//! A refusal in the shape of its route's protocol.

use super::{Cause, Refusal};
use crate::serve::answer::{Answer, JSON, TEXT};
use crate::serve::route::Protocol;
use hyper::StatusCode;
use serde_json::{Value, json};

/// The exception of boto3 for what its model can't read or score.
const MODEL_ERROR: &str = "ModelError";

impl Refusal {
    /// SageMaker answers 424 where its container refuses, whatever it says; that is told in the body.
    pub fn status(&self, protocol: Protocol) -> StatusCode {
        match protocol {
            Protocol::SageMakerRuntime if self.exception() == MODEL_ERROR => StatusCode::FAILED_DEPENDENCY,
            _ => self.cause.status(),
        }
    }

    /// In the shape of a protocol. `id`: of the request.
    pub fn answer(&self, protocol: Protocol, id: &str) -> Answer {
        let protocol = match (protocol, self.detail.of) {
            (Protocol::Invocations, Some(of)) => of,
            _ => protocol,
        };
        let (content_type, body) = match protocol {
            Protocol::Gateway => (JSON, json!({"message": self.words()}).to_string()),
            Protocol::SageMaker => (TEXT, self.words()),
            Protocol::SageMakerRuntime => (JSON, self.of_aws().to_string()),
            // As MLflow's server says it: the only refusal without a code.
            Protocol::Invocations if self.cause == Cause::MediaType => (TEXT, self.words()),
            Protocol::Invocations => (JSON, self.mlflow().to_string()),
            Protocol::OpenInference | Protocol::TensorFlow => (JSON, json!({"error": self.words()}).to_string()),
            Protocol::Own => ("application/problem+json", self.problem(id).to_string()),
        };
        let answer = Answer::new(self.status(protocol), content_type, body).limited(&self.detail.remaining);
        let answer = match self.cause {
            Cause::Method(methods) => answer.with("allow", methods),
            _ => answer,
        };
        let answer = match protocol {
            Protocol::SageMakerRuntime => answer.with("x-amzn-errortype", self.exception()),
            _ => answer,
        };
        match self.retry_after {
            Some(seconds) => answer.with("retry-after", seconds.to_string()),
            None => answer,
        }
    }

    fn mlflow(&self) -> Value {
        let code = match self.cause {
            Cause::BadRequest | Cause::BadRows => "BAD_REQUEST",
            Cause::Forbidden => "PERMISSION_DENIED",
            Cause::NoSuchModel | Cause::NoSuchRoute => "RESOURCE_DOES_NOT_EXIST",
            Cause::Method(_) | Cause::MediaType | Cause::TooLarge => "INVALID_PARAMETER_VALUE",
            Cause::TooManyRequests | Cause::LimitExceeded => "REQUEST_LIMIT_EXCEEDED",
            Cause::Timeout | Cause::NotReady | Cause::Busy => "TEMPORARILY_UNAVAILABLE",
            Cause::Internal => "INTERNAL_ERROR",
        };
        json!({"error_code": code, "message": self.words()})
    }

    /// Message and hint, where there is one text for both. What a whole service may be set to is no caller's to mend.
    fn words(&self) -> String {
        match &self.hint {
            Some(hint) if self.cause != Cause::BadRows => format!("{}; {hint}", self.message),
            _ => self.message.clone(),
        }
    }

    /// The class that boto3 raises; it tries again after those of 429 and 503.
    fn exception(&self) -> &'static str {
        match self.cause {
            Cause::BadRequest | Cause::BadRows | Cause::TooLarge | Cause::MediaType | Cause::Timeout => MODEL_ERROR,
            Cause::NoSuchRoute | Cause::NoSuchModel | Cause::Method(_) => "ValidationError",
            Cause::Forbidden => "AccessDeniedException",
            Cause::TooManyRequests => "ThrottlingException",
            Cause::LimitExceeded => "LimitExceededException",
            Cause::NotReady | Cause::Busy => "ServiceUnavailable",
            Cause::Internal => "InternalFailure",
        }
    }

    /// SageMaker wraps what its container says; a gateway in front of it knows `message` alone.
    fn of_aws(&self) -> Value {
        let words = self.words();
        match self.exception() {
            MODEL_ERROR => {
                let status = self.cause.status().as_u16();
                json!({"Message": words, "OriginalMessage": words, "OriginalStatusCode": status})
            }
            "ValidationError" | "ServiceUnavailable" | "InternalFailure" => json!({"Message": words}),
            _ => json!({"message": words}),
        }
    }

    /// RFC 9457.
    fn problem(&self, id: &str) -> Value {
        let status = self.cause.status();
        let mut problem = json!({
            "type": "about:blank",
            "title": status.canonical_reason().unwrap_or_default(),
            "status": status.as_u16(),
            "detail": self.message,
            "instance": id,
            "code": self.code(),
        });
        let mut add = |name: &str, value: Value| problem[name] = value;
        if let Some(hint) = &self.hint {
            add("hint", json!(hint));
        }
        if let Some(line) = self.detail.line {
            add("line", json!(line));
        }
        if let Some(column) = &self.detail.column {
            add("column", json!(column));
        }
        if !self.detail.rows.is_empty() {
            add("rows", json!(self.detail.rows));
        }
        problem
    }
}

#[cfg(test)]
mod tests {
    use super::super::BadRow;
    use super::*;

    #[test]
    fn one_cause_has_the_shape_of_its_route() {
        let named = vec![BadRow {
            row: 2,
            line: None,
            column: Some("x".into()),
            reason: "not a number".into(),
        }];
        let refusal = Refusal::of_rows(1, 3, named);
        let text = |protocol| String::from_utf8(refusal.answer(protocol, "id-1").body.into()).unwrap();
        let message = "1 of 3 rows can't be scored; row 2, x: not a number";
        assert_eq!(text(Protocol::SageMaker), message);
        for (protocol, json) in [
            (Protocol::Gateway, json!({"message": message})),
            (
                Protocol::Invocations,
                json!({"error_code": "BAD_REQUEST", "message": message}),
            ),
            (Protocol::OpenInference, json!({"error": message})),
            (Protocol::TensorFlow, json!({"error": message})),
        ] {
            assert_eq!(serde_json::from_str::<Value>(&text(protocol)).unwrap(), json);
        }
        let own: Value = serde_json::from_str(&text(Protocol::Own)).unwrap();
        let hinted = Refusal::bad("why").hint("do that").answer(Protocol::TensorFlow, "");
        assert_eq!(&*hinted.body, br#"{"error":"why; do that"}"#);
        assert_eq!(
            own["rows"],
            json!([{"row": 2, "column": "x", "reason": "not a number"}])
        );
        assert_eq!((&own["status"], &own["code"]), (&json!(400), &json!("bad_rows")));
    }

    #[test]
    fn the_clients_of_aws_raise_what_they_know() {
        let class = |cause| {
            let answer = Refusal::new(cause, "why")
                .hint("do that")
                .answer(Protocol::SageMakerRuntime, "");
            let body: Value = serde_json::from_slice(&answer.body).unwrap();
            let class = answer.headers["x-amzn-errortype"].to_str().unwrap().to_string();
            (answer.status.as_u16(), class, body)
        };
        let words = "why; do that";
        for (cause, status, name, body) in [
            (
                Cause::MediaType,
                424,
                "ModelError",
                json!({"Message": words, "OriginalMessage": words, "OriginalStatusCode": 415}),
            ),
            (Cause::NoSuchModel, 404, "ValidationError", json!({"Message": words})),
            (Cause::Busy, 503, "ServiceUnavailable", json!({"Message": words})),
            (
                Cause::Forbidden,
                403,
                "AccessDeniedException",
                json!({"message": words}),
            ),
        ] {
            assert_eq!(class(cause), (status, name.into(), body));
        }
    }

    #[test]
    fn a_body_of_sagemaker_is_refused_in_its_text_where_the_route_is_mlflows_too() {
        let refusal = Refusal::bad("why").of(Protocol::SageMaker);
        let answer = refusal.answer(Protocol::Invocations, "");
        assert_eq!((answer.content_type, &*answer.body), (TEXT, &b"why"[..]));
        let answer = refusal.answer(Protocol::SageMakerRuntime, "");
        assert_eq!(answer.content_type, JSON);
    }

    #[test]
    fn a_defect_is_told_of_the_request_and_not_of_a_file() {
        let refusal = Refusal::from(crate::problem::internal());
        assert_eq!((refusal.cause, refusal.code()), (Cause::Internal, "internal"));
        assert!(!refusal.words().contains("file"), "{}", refusal.words());
    }

    #[test]
    fn what_passes_says_when_to_try_again() {
        let answer = Refusal::new(Cause::Busy, "full").after(1).answer(Protocol::Gateway, "");
        assert_eq!(answer.status.as_u16(), 503);
        assert_eq!(answer.headers["retry-after"], "1");
    }
}
