//! Money as Shopify writes it: decimal text, once in the shop's currency and once as the customer saw it.

use serde_json::{Value, json};

use crate::catalog::CURRENCY;

/// Another currency that customers see, with two decimals like the shop's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presentment {
    /// ISO 4217.
    pub currency: &'static str,
    /// What one of the shop's units is worth in it, in ten-thousandths.
    pub rate_e4: u64,
}

/// An amount as decimal text.
pub fn text(minor: u64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

/// Writes amounts for one order.
#[derive(Debug, Clone, Copy)]
pub struct Prices {
    pub presentment: Option<Presentment>,
}

impl Prices {
    /// The currency that the customer saw.
    pub fn shown_in(self) -> &'static str {
        self.presentment.map_or(CURRENCY, |presentment| presentment.currency)
    }

    /// The `*_set` of an amount.
    pub fn set(self, minor: u64) -> Value {
        let shown =
            self.presentment.map_or(minor, |presentment| (minor * presentment.rate_e4 + 5_000) / 10_000);
        json!({
            "shop_money": { "amount": text(minor), "currency_code": CURRENCY },
            "presentment_money": { "amount": text(shown), "currency_code": self.shown_in() },
        })
    }
}

/// The tax that is contained in an amount, at the rate of [`TAX_RATE`].
pub fn contained_tax(minor: u64) -> u64 {
    (minor * 21 + 60) / 121
}

/// A number, where amounts are text: so does the channel.
pub const TAX_RATE: f64 = 0.21;

/// A tax line for an amount that contains it.
pub fn tax_line(prices: Prices, minor: u64) -> Value {
    let tax = contained_tax(minor);
    json!({
        "channel_liable": false,
        "price": text(tax),
        "price_set": prices.set(tax),
        "rate": TAX_RATE,
        "title": "BTW",
    })
}
