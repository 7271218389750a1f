//! A carrier service's client: buys labels under an idempotency key and gives them back.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use outpost_config::CarrierSettings;
use outpost_model::order::Contact;
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};

use crate::app::label::Purchase;

/// The longest label that is taken.
const LABEL_BYTES_MAX: usize = 90 << 10;

/// Why a purchase or return did not come about.
#[derive(Debug, thiserror::Error)]
pub enum CarrierError {
    /// Try again later.
    #[error("the carrier could not be reached: {0}")]
    Away(String),
    /// It will not be done.
    #[error("{0}")]
    Refused(String),
}

/// What a label is bought for.
#[derive(Debug, Clone, Serialize)]
pub struct Parcel<'a> {
    /// What the merchant calls it.
    pub reference: &'a str,
    /// The service that was sold.
    pub service: &'a str,
    /// Gross weight.
    pub weight_g: u32,
    /// Longest side.
    pub length_mm: u32,
    /// Middle side.
    pub width_mm: u32,
    /// Shortest side.
    pub height_mm: u32,
    /// Where it goes.
    pub to: To<'a>,
}

/// An address as the carrier wants it.
#[derive(Clone, Serialize)]
pub struct To<'a> {
    name: &'a str,
    company: Option<&'a str>,
    address: &'a [String],
    city: &'a str,
    region: Option<&'a str>,
    postal_code: &'a str,
    country: &'a str,
    phone: Option<&'a str>,
}

impl std::fmt::Debug for To<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("To(…)")
    }
}

impl<'a> From<&'a Contact> for To<'a> {
    fn from(contact: &'a Contact) -> Self {
        Self {
            name: &contact.name,
            company: contact.company.as_deref(),
            address: &contact.address,
            city: &contact.city,
            region: contact.region.as_deref(),
            postal_code: &contact.postal_code,
            country: &contact.country,
            phone: contact.phone.as_deref(),
        }
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

/// A client of one carrier service.
#[derive(Debug, Clone)]
pub struct Carrier {
    client: reqwest::Client,
    url: String,
    token: Option<String>,
}

impl Carrier {
    /// A client by the settings; nothing when no carrier is set.
    pub fn new(settings: &CarrierSettings) -> Result<Option<Self>, reqwest::Error> {
        let Some(url) = &settings.url else { return Ok(None) };
        let client = reqwest::Client::builder()
            .timeout(settings.timeout)
            .connect_timeout(settings.timeout.min(Duration::from_secs(5)))
            .build()?;
        let token = settings.token.as_ref().map(|token| token.expose().to_owned());
        Ok(Some(Self { client, url: url.trim_end_matches('/').to_owned(), token }))
    }

    /// Buys a label. The same key again is the same purchase.
    pub async fn buy(&self, key: &str, parcel: &Parcel<'_>) -> Result<Purchase, CarrierError> {
        let request =
            self.client.post(format!("{}/v1/labels", self.url)).header("Idempotency-Key", key).json(parcel);
        let sold: Sold = self.send(request).await?.json().await.map_err(away)?;
        let zpl = STANDARD
            .decode(&sold.label_zpl)
            .map_err(|_| CarrierError::Refused("the carrier's label is not base64".to_owned()))?;
        if zpl.is_empty()
            || zpl.len() > LABEL_BYTES_MAX
            || sold.tracking.is_empty()
            || sold.tracking.len() > 80
        {
            let sentence =
                format!("the carrier's label has {} bytes and number {:?}", zpl.len(), sold.tracking);
            return Err(CarrierError::Refused(sentence));
        }
        Ok(Purchase {
            carrier: sold.carrier,
            number: sold.tracking,
            zpl,
            price_minor: sold.price_minor,
            currency: sold.currency,
        })
    }

    /// Gives a label back.
    pub async fn void(&self, number: &str) -> Result<(), CarrierError> {
        let path: String = number
            .bytes()
            .map(|byte| match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
                _ => format!("%{byte:02X}"),
            })
            .collect();
        self.send(self.client.post(format!("{}/v1/labels/{path}/void", self.url))).await.map(drop)
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<reqwest::Response, CarrierError> {
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let response = request.send().await.map_err(away)?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        // Its answer may repeat the address it was sent: only the status goes into messages.
        let passing = status.is_server_error()
            || matches!(
                status,
                StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT
            );
        let sentence = format!("the carrier answered {status}");
        Err(if passing { CarrierError::Away(sentence) } else { CarrierError::Refused(sentence) })
    }
}

fn away(error: reqwest::Error) -> CarrierError {
    CarrierError::Away(error.without_url().to_string())
}
