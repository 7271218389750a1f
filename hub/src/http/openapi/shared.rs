//! Shapes that many answers share.

use utoipa::ToSchema;

/// An error (RFC 9457). `code` is stable; `title` is a sentence for people; more fields stand beside them where they
/// help, such as `at` for the place in a payload.
#[derive(ToSchema)]
pub struct Problem {
    /// `urn:outpost:problem:` and the code.
    #[schema(example = "urn:outpost:problem:no_such_order")]
    pub r#type: String,
    /// What is wrong, in a sentence.
    #[schema(example = "There is no such order.")]
    pub title: String,
    /// The HTTP status.
    #[schema(example = 404)]
    pub status: u16,
    /// Stable code for programs.
    #[schema(example = "no_such_order")]
    pub code: String,
    /// What is particular to this case.
    pub detail: Option<String>,
}

/// An amount in minor units.
#[derive(ToSchema)]
pub struct Money {
    /// Minor units: 1250 EUR cents are 12.50 EUR.
    #[schema(example = 1250)]
    pub minor: i64,
    /// ISO 4217.
    #[schema(example = "EUR", pattern = "^[A-Z]{3}$")]
    pub currency: String,
}

/// How the customer gets the goods.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Service {
    /// Collected at the site.
    Pickup,
    /// Sent by a carrier.
    Ship,
    /// Sent to a site, collected there.
    ShipToStore,
}

/// Which side wrote an event.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Side {
    /// The site: physical facts.
    Site,
    /// The hub: intents and observations.
    Hub,
}
