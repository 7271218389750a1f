//! A carrier service's client: buys labels under an idempotency key and gives them back. What it answers is told apart
//! by what can be done about it: try again later, or let a person look.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use outpost_config::{CarrierSettings, Secret};
use outpost_model::order::Contact;
use outpost_sync::Limits;
use serde::{Deserialize, Serialize};

use crate::app::label::Purchase;

/// The longest answer that is read, in bytes: a label in base64 and a little around it.
const ANSWER_BYTES_MAX: usize = 512 << 10;
/// The longest tracking number and carrier name, in bytes.
const NAME_BYTES_MAX: usize = 64;
/// The longest code of the carrier that is repeated, in bytes.
const CODE_BYTES_MAX: usize = 60;

/// Why a purchase or return did not come about. Its words never hold what the carrier wrote in prose, which may repeat
/// the address it was sent.
#[derive(Debug, thiserror::Error)]
pub enum CarrierError {
    /// It could not be reached, or broke off.
    #[error("the carrier could not be reached: {0}")]
    Away(#[source] reqwest::Error),
    /// It cannot do it now, or does not know this hub's account: neither is the label's fault.
    #[error("the carrier cannot do it now (status {0})")]
    NotNow(u16),
    /// It said yes in words that cannot be understood. What it did is not known; asking again tells.
    #[error("the carrier's answer cannot be understood: {0}")]
    Unreadable(&'static str),
    /// It will not be done.
    #[error("the carrier refuses ({0})")]
    Refused(String),
    /// It cannot even be asked for.
    #[error("{0}")]
    Hopeless(&'static str),
}

impl CarrierError {
    /// Whether the same request may succeed later.
    pub fn may_pass(&self) -> bool {
        !matches!(self, Self::Refused(_) | Self::Hopeless(_))
    }

    fn away(error: reqwest::Error) -> Self {
        Self::Away(error.without_url())
    }
}

/// What a label is bought for. The same key must always come with the same parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Parcel {
    /// The order's number, printed on the label.
    pub reference: String,
    /// `economy`, `standard` or `express`.
    pub service: &'static str,
    /// Gross weight.
    pub weight_g: u32,
    /// Longest side.
    pub length_mm: u32,
    /// Middle side.
    pub width_mm: u32,
    /// Shortest side.
    pub height_mm: u32,
    /// Where it goes.
    pub to: To,
}

/// An address as the carrier wants it. The mail address is not for it.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct To {
    name: String,
    company: Option<String>,
    address: Vec<String>,
    city: String,
    region: Option<String>,
    postal_code: String,
    country: String,
    phone: Option<String>,
}

/// Personal data does not get into logs by accident.
impl std::fmt::Debug for To {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("To(…)")
    }
}

impl From<Contact> for To {
    fn from(contact: Contact) -> Self {
        let Contact { name, company, address, city, region, postal_code, country, phone, email: _ } = contact;
        Self { name, company, address, city, region, postal_code, country, phone }
    }
}

#[derive(Deserialize)]
struct Sold {
    tracking: String,
    carrier: String,
    label_zpl: String,
    price_minor: i64,
    currency: String,
}

#[derive(Deserialize)]
struct TakenBack {
    voided: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    code: String,
}

/// A client of one carrier service. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Carrier {
    client: reqwest::Client,
    url: String,
    token: Option<Secret>,
}

impl Carrier {
    /// A client by the settings; nothing when no carrier is set.
    pub fn new(settings: &CarrierSettings) -> Result<Option<Self>, reqwest::Error> {
        let Some(url) = &settings.url else { return Ok(None) };
        let client = reqwest::Client::builder()
            .timeout(settings.timeout)
            .connect_timeout(settings.timeout.min(Duration::from_secs(5)))
            // An address must not be sent on to wherever an answer points.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let url = url.trim_end_matches('/').to_owned();
        Ok(Some(Self { client, url, token: settings.token.clone() }))
    }

    /// Buys a label. The same key again is the same purchase.
    pub async fn buy(&self, key: &str, parcel: &Parcel) -> Result<Purchase, CarrierError> {
        let request = self.client.post(format!("{}/v1/labels", self.url));
        let sold: Sold = self.ask(request.header("Idempotency-Key", key).json(parcel)).await?;
        let Ok(zpl) = STANDARD.decode(&sold.label_zpl) else {
            return Err(CarrierError::Unreadable("the label is not base64"));
        };
        if !is_name(&sold.tracking) || !is_name(&sold.carrier) {
            return Err(CarrierError::Unreadable("the tracking number or the carrier's name"));
        }
        if zpl.is_empty() || zpl.len() > Limits::PROTOCOL.record_bytes_max {
            return Err(CarrierError::Unreadable("the label is empty or longer than can be sent to a site"));
        }
        if sold.price_minor < 0 || sold.currency.len() != 3 {
            return Err(CarrierError::Unreadable("the price"));
        }
        Ok(Purchase {
            carrier: sold.carrier,
            number: sold.tracking,
            zpl,
            price_minor: sold.price_minor,
            currency: sold.currency,
        })
    }

    /// Gives a label back. To do so twice is no mistake.
    pub async fn void(&self, number: &str) -> Result<(), CarrierError> {
        let path: String = number
            .bytes()
            .map(|byte| match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
                _ => format!("%{byte:02X}"),
            })
            .collect();
        let request = self.client.post(format!("{}/v1/labels/{path}/void", self.url));
        let answer: TakenBack = self.ask(request).await?;
        if answer.voided { Ok(()) } else { Err(CarrierError::Unreadable("neither taken back nor refused")) }
    }

    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<T, CarrierError> {
        let request = match &self.token {
            Some(token) => request.bearer_auth(token.expose()),
            None => request,
        };
        let mut answer = request.send().await.map_err(CarrierError::away)?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(CarrierError::away)? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(CarrierError::Unreadable("it is too long"));
            }
            body.extend_from_slice(&chunk);
        }
        match answer.status().as_u16() {
            200..=299 => {
                serde_json::from_slice(&body).map_err(|_| CarrierError::Unreadable("not the agreed JSON"))
            }
            // No account, timeout, too early, too many: like every trouble of its own, they pass.
            status @ (401 | 403 | 408 | 425 | 429) => Err(CarrierError::NotNow(status)),
            status @ 400..=499 => Err(CarrierError::Refused(code(status, &body))),
            status => Err(CarrierError::NotNow(status)),
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= NAME_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The carrier's code, where it has the form of one.
fn code(status: u16, body: &[u8]) -> String {
    let Problem { code } = serde_json::from_slice(body).unwrap_or_default();
    let plain = code.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if code.is_empty() || code.len() > CODE_BYTES_MAX || !plain { format!("status {status}") } else { code }
}
