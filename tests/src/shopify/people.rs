//! Customers who do not exist, with names and addresses as awkward as real ones.

use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

const FIRST: &[&str] =
    &["Zoë", "Jürgen", "Ana María", "Bartłomiej", "Siobhán", "Wei", "Fatima", "Olav", "Chloé", "Marit"];
const LAST: &[&str] = &[
    "de Vries",
    "Müller-Lüdenscheidt",
    "O'Connor",
    "Núñez",
    "van 't Hof",
    "Łukasik",
    "Çelik",
    "Ó Briain",
    "Li",
    "Sæther",
];
const STREETS: &[&str] =
    &["Lijnbaan", "Große Straße", "Rue de l'Étoile", "Kerkstraat", "Hafenweg", "Plein 1940"];

/// Town, province, its code, country, code of the country, postal code.
type Place = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

const PLACES: &[Place] = &[
    ("Rotterdam", "Zuid-Holland", "ZH", "Netherlands", "NL", "3012 EL"),
    ("Amsterdam", "Noord-Holland", "NH", "Netherlands", "NL", "1012 JS"),
    ("Utrecht", "Utrecht", "UT", "Netherlands", "NL", "3511 LX"),
    ("Antwerpen", "Antwerpen", "VAN", "Belgium", "BE", "2000"),
    ("Düsseldorf", "Nordrhein-Westfalen", "NW", "Germany", "DE", "40213"),
];

/// A customer.
pub struct Person {
    first: &'static str,
    last: &'static str,
    street: String,
    place: Place,
    company: Option<&'static str>,
    phone: String,
    email: String,
}

impl Person {
    pub fn meet(random: &mut Xoshiro256PlusPlus) -> Self {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(random.random());
        let random = &mut random;
        let number = random.random_range(1..=180_u32);
        Self {
            first: FIRST.choose(random).copied().unwrap_or_default(),
            last: LAST.choose(random).copied().unwrap_or_default(),
            street: format!("{} {number}", STREETS.choose(random).copied().unwrap_or_default()),
            place: PLACES.choose(random).copied().unwrap_or(PLACES[0]),
            company: random.random_ratio(1, 8).then_some("Bakkerij & Zn. \"De Vlijt\""),
            // Numbers and names that are kept for examples.
            phone: format!("+31 6 5550 {:04}", random.random_range(0..10_000_u32)),
            email: format!("customer{}@example.com", random.random_range(1_000..1_000_000_u32)),
        }
    }

    pub fn email(&self) -> &str {
        &self.email
    }

    pub fn address(&self) -> Value {
        let (city, province, province_code, country, country_code, zip) = self.place;
        json!({
            "first_name": self.first,
            "last_name": self.last,
            "name": format!("{} {}", self.first, self.last),
            "company": self.company,
            "address1": self.street,
            "address2": null,
            "city": city,
            "province": province,
            "province_code": province_code,
            "country": country,
            "country_code": country_code,
            "zip": zip,
            "phone": self.phone,
            "latitude": null,
            "longitude": null,
        })
    }

    pub fn customer(&self, id: u64, currency: &str, since: &str) -> Value {
        let mut address = self.address();
        address["id"] = json!(id + 1);
        address["customer_id"] = json!(id);
        address["country_name"] = address["country"].clone();
        address["default"] = json!(true);
        json!({
            "id": id,
            "email": self.email,
            "created_at": since,
            "updated_at": since,
            "first_name": self.first,
            "last_name": self.last,
            "state": "disabled",
            "note": null,
            "verified_email": true,
            "multipass_identifier": null,
            "tax_exempt": false,
            "phone": null,
            "email_marketing_consent": {
                "state": "not_subscribed",
                "opt_in_level": "single_opt_in",
                "consent_updated_at": null,
            },
            "sms_marketing_consent": null,
            "tags": "",
            "currency": currency,
            "tax_exemptions": [],
            "admin_graphql_api_id": format!("gid://shopify/Customer/{id}"),
            "default_address": address,
        })
    }
}
