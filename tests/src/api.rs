//! Thin clients of the two daemons' HTTP interfaces, as a handheld and a channel would use them.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use uuid::Uuid;

/// How long a daemon may take where it reads a file, or looks through all it has.
const PATIENCE: Duration = Duration::from_secs(120);

/// A daemon reached over HTTP.
#[derive(Clone, Debug)]
pub struct Api {
    base: String,
    http: reqwest::Client,
}

/// What a daemon answered: its status and JSON body (`null` when there was none).
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: Value,
    /// How long the daemon says it took, in microseconds.
    pub served_us: Option<u64>,
}

impl Answer {
    /// The body of a success; an error with the body's text otherwise.
    pub fn ok(self, what: &str) -> Result<Value> {
        if (200..300).contains(&self.status) {
            return Ok(self.body);
        }
        bail!("{what}: HTTP {} {}", self.status, self.body)
    }
}

impl Api {
    /// A client for the daemon at `base`, such as `http://127.0.0.1:8700`.
    pub fn new(base: impl Into<String>) -> Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(10))
            .connect_timeout(Duration::from_secs(2))
            .build()
            .context("building an HTTP client")?;
        Ok(Self { base: base.into(), http })
    }

    /// Where the daemon is.
    pub fn base(&self) -> &str {
        &self.base
    }

    async fn answer(request: reqwest::RequestBuilder) -> Result<Answer> {
        let response = request.send().await?;
        let status = response.status().as_u16();
        let timing = response.headers().get("server-timing").and_then(|value| value.to_str().ok());
        let millis =
            timing.and_then(|text| text.strip_prefix("total;dur=")).and_then(|text| text.parse::<f64>().ok());
        let served_us = millis.map(|millis| (millis * 1_000.0) as u64);
        let bytes = response.bytes().await?;
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(Answer { status, body, served_us })
    }

    /// GET, expecting JSON.
    pub async fn get(&self, path: &str) -> Result<Value> {
        Self::answer(self.http.get(format!("{}{path}", self.base))).await?.ok(path)
    }

    /// GET of a number that a daemon counts since it was started; 0 while it has counted nothing.
    pub async fn counted(&self, name: &str) -> Result<u64> {
        let response = self.http.get(format!("{}/metrics", self.base)).send().await?.error_for_status()?;
        let text = response.text().await?;
        let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        found.map_or(Ok(0), |number| number.trim().parse().with_context(|| format!("{name} {number}")))
    }

    /// GET of something that may take the daemon long.
    pub async fn get_patiently(&self, path: &str) -> Result<Value> {
        let request = self.http.get(format!("{}{path}", self.base)).timeout(PATIENCE);
        Self::answer(request).await?.ok(path)
    }

    /// GET, whatever the status.
    pub async fn try_get(&self, path: &str) -> Result<Answer> {
        Self::answer(self.http.get(format!("{}{path}", self.base))).await
    }

    /// POST of a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        Self::answer(self.http.post(format!("{}{path}", self.base)).json(body)).await
    }

    /// POST of a file, which may take the daemon long.
    pub async fn upload(&self, path: &str, file: String) -> Result<Answer> {
        let request = self.http.post(format!("{}{path}", self.base)).timeout(PATIENCE);
        Self::answer(request.header("content-type", "text/csv").body(file)).await
    }

    /// POST of bytes as they are, with headers.
    pub async fn post_bytes(&self, path: &str, bytes: Vec<u8>, headers: &[(&str, &str)]) -> Result<Answer> {
        let mut request = self.http.post(format!("{}{path}", self.base)).body(bytes);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Self::answer(request).await
    }
}

/// A fresh command id, as a handheld mints it: a virtual handheld is a device of its own, with a clock and
/// randomness, unlike the code under test.
#[allow(clippy::disallowed_methods)]
pub fn new_command_id() -> String {
    Uuid::now_v7().to_string()
}

/// Wraps a subject (`{"case":…,"do":…}` or `{"do":…}`) as a command of a person at a device.
pub fn command(id: &str, staff: &str, device: &str, subject: Value) -> Value {
    let mut command = json!({ "id": id, "staff": staff, "device": device });
    if let (Some(into), Value::Object(from)) = (command.as_object_mut(), subject) {
        into.extend(from);
    }
    command
}
