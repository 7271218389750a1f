//! Who works on which device. This is a name tag, not a lock: PINs on enrolled devices come later.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use outpost_model::id::{DeviceId, StaffId};

/// Seconds a device remembers who works on it: a long shift.
const REMEMBERED_S: u32 = 14 * 3600;
/// Seconds a device remembers its own name and language.
const DEVICE_REMEMBERED_S: u32 = 365 * 24 * 3600;

/// A person at a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Who.
    pub staff: StaffId,
    /// Where.
    pub device: DeviceId,
    /// The language of the device, when one was chosen.
    pub language: Option<String>,
}

impl Person {
    /// The cookies that make a device remember.
    pub fn cookies(&self) -> Vec<String> {
        let cookie = |name: &str, value: &str, seconds: u32| {
            format!("{name}={value}; Path=/; Max-Age={seconds}; SameSite=Strict; HttpOnly")
        };
        let mut cookies = vec![
            cookie("outpost_staff", self.staff.as_str(), REMEMBERED_S),
            cookie("outpost_device", self.device.as_str(), DEVICE_REMEMBERED_S),
        ];
        if let Some(language) = &self.language {
            cookies.push(cookie("outpost_language", language, DEVICE_REMEMBERED_S));
        }
        cookies
    }

    fn read(headers: &HeaderMap) -> Option<Self> {
        Some(Self {
            staff: StaffId::new(cookie(headers, "outpost_staff")?).ok()?,
            device: DeviceId::new(cookie(headers, "outpost_device")?).ok()?,
            language: cookie(headers, "outpost_language").map(str::to_owned),
        })
    }
}

/// The value of a cookie.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// A page without a name tag leads to where one is put on.
impl<S: Send + Sync> FromRequestParts<S> for Person {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        Self::read(&parts.headers).ok_or_else(|| {
            let wanted = parts.uri.path_and_query().map_or("/queue", |path| path.as_str());
            let escaped: String = wanted.bytes().map(escape).collect();
            Redirect::to(&format!("/sign-in?next={escaped}")).into_response()
        })
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Person {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
        Ok(Self::read(&parts.headers))
    }
}

fn escape(byte: u8) -> String {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    }
}
