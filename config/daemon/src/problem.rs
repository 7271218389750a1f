//! Errors of the API as RFC 9457 problem documents: a status, a stable code for programs, a sentence for people.

use std::borrow::Cow;
use std::error::Error;

use axum::extract::rejection::{BytesRejection, FormRejection, JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// An answer that says what is wrong. Server errors are made with [`Problem::internal`], which logs the cause and
/// keeps it out of the answer.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    code: Cow<'static, str>,
    title: Cow<'static, str>,
    detail: Option<String>,
    fields: Map<String, Value>,
}

impl Problem {
    /// A problem with its status, its stable snake-case code, and a sentence that is the same every time.
    pub fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        title: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { status, code: code.into(), title: title.into(), detail: None, fields: Map::new() }
    }

    /// 400 with a code of one's own.
    pub fn bad_request(code: impl Into<Cow<'static, str>>, title: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, title)
    }

    /// 404 with a code of one's own.
    pub fn not_found(code: impl Into<Cow<'static, str>>, title: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, title)
    }

    /// 409 with a code of one's own.
    pub fn conflict(code: impl Into<Cow<'static, str>>, title: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, code, title)
    }

    /// 422 with a code of one's own.
    pub fn unprocessable(code: impl Into<Cow<'static, str>>, title: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, title)
    }

    /// 503: nothing was changed and a retry is welcome after `retry_after_s` seconds.
    pub fn busy(
        code: impl Into<Cow<'static, str>>,
        title: impl Into<Cow<'static, str>>,
        retry_after_s: u32,
    ) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, title).with("retry_after_s", retry_after_s)
    }

    /// 500: logs the error with all its causes under an incident number and answers with that number alone.
    pub fn internal(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let error = error.into();
        let incident = format!("{:08x}", rand::random::<u32>());
        tracing::error!(incident, error = %causes(error.as_ref()), "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something went wrong on our side.")
            .with("incident", incident)
    }

    /// What is particular to this case, for people.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// A field of one's own. The members of RFC 9457 and `code` cannot be replaced; what cannot be written as
    /// JSON is left out.
    pub fn with(mut self, name: &str, value: impl Serialize) -> Self {
        const TAKEN: [&str; 6] = ["type", "title", "status", "detail", "instance", "code"];
        if let (false, Ok(value)) = (TAKEN.contains(&name), serde_json::to_value(value)) {
            self.fields.insert(name.to_string(), value);
        }
        self
    }

    /// The status it answers with.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Its stable code.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The document as JSON.
    pub fn to_json(&self) -> Value {
        let mut document = self.fields.clone();
        document.insert("type".into(), json!(format!("urn:outpost:problem:{}", self.code)));
        document.insert("title".into(), json!(self.title));
        document.insert("status".into(), json!(self.status.as_u16()));
        document.insert("code".into(), json!(self.code));
        if let Some(detail) = &self.detail {
            document.insert("detail".into(), json!(detail));
        }
        Value::Object(document)
    }

    /// From a rejection of an extractor: its status decides the code, its text becomes the detail.
    fn from_rejection(status: StatusCode, text: String, bad: (&'static str, &'static str)) -> Self {
        let (code, title) = match status {
            StatusCode::PAYLOAD_TOO_LARGE => ("body_too_large", "The body is larger than allowed."),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                ("unsupported_media_type", "The body is not of the media type that is read here.")
            }
            status if status.is_server_error() => return Self::internal(text),
            _ => bad,
        };
        Self::new(status, code, title).detail(text)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = self.to_json().to_string();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.fields.get("retry_after_s").and_then(Value::as_u64) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        // A body that did not arrive whole says nothing about its JSON.
        if let JsonRejection::BytesRejection(rejection) = rejection {
            return rejection.into();
        }
        let bad = ("bad_json", "The body is not the JSON that is read here.");
        Self::from_rejection(rejection.status(), rejection.body_text(), bad)
    }
}

impl From<FormRejection> for Problem {
    fn from(rejection: FormRejection) -> Self {
        if let FormRejection::BytesRejection(rejection) = rejection {
            return rejection.into();
        }
        let bad = ("bad_form", "The form is not the one that is read here.");
        Self::from_rejection(rejection.status(), rejection.body_text(), bad)
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        let bad = ("bad_query", "The query of the address is not one that is read here.");
        Self::from_rejection(rejection.status(), rejection.body_text(), bad)
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        let bad = ("bad_path", "The address holds a part that is not of the expected form.");
        Self::from_rejection(rejection.status(), rejection.body_text(), bad)
    }
}

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Self {
        let bad = ("bad_body", "The body could not be read to its end.");
        Self::from_rejection(rejection.status(), rejection.body_text(), bad)
    }
}

/// An error and its causes on one line.
pub fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

/// The answer where no route fits.
pub async fn no_such_page() -> Problem {
    Problem::not_found("not_found", "There is nothing at this address.")
}

/// The answer where a route exists for other methods.
pub async fn no_such_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "This address does not take that method.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_fields_stand_beside_the_members_and_never_replace_them() {
        let problem = Problem::conflict("over_pick", "The line is already picked.")
            .detail("Line 2 was picked by 017.")
            .with("line", 2)
            .with("code", "forged")
            .with("status", 200);
        assert_eq!(
            problem.to_json(),
            json!({
                "type": "urn:outpost:problem:over_pick", "title": "The line is already picked.",
                "status": 409, "code": "over_pick", "detail": "Line 2 was picked by 017.", "line": 2,
            })
        );
    }

    #[test]
    fn an_internal_error_keeps_its_cause_to_itself() {
        let problem = Problem::internal(std::io::Error::other("password=hunter2"));
        let text = problem.to_json().to_string();
        assert!(!text.contains("hunter2"), "{text}");
        assert_eq!(problem.to_json()["incident"].as_str().unwrap().len(), 8);
    }

    #[test]
    fn causes_are_told_from_the_outside_in() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot open the journal")]
        struct Outer(#[source] std::io::Error);
        assert_eq!(causes(&Outer(std::io::Error::other("disk full"))), "cannot open the journal: disk full");
    }
}
