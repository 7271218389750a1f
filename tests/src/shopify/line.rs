//! Line items and what was refunded of them.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::money::{Prices, contained_tax, tax_line, text};
use super::{Goods, Item, Storefront};

/// A line with its amounts.
pub struct Line {
    pub id: u64,
    pub item: Item,
    pub price_minor: u64,
    pub discount_minor: u64,
}

impl Line {
    pub fn of(shop: &mut Storefront, item: &Item, discount_percent: u32) -> Self {
        let price_minor = match &item.goods {
            Goods::Product(product) => product.price_minor,
            Goods::GiftCard { value_minor } => *value_minor,
        };
        // A code takes nothing off a gift card.
        let percent = match item.goods {
            Goods::Product(_) => u64::from(discount_percent),
            Goods::GiftCard { .. } => 0,
        };
        let discount_minor = price_minor * u64::from(item.quantity) * percent / 100;
        Self { id: shop.id(), item: item.clone(), price_minor, discount_minor }
    }

    pub fn full_minor(&self) -> u64 {
        self.price_minor * u64::from(self.item.quantity)
    }

    pub fn net_minor(&self) -> u64 {
        self.full_minor() - self.discount_minor
    }

    pub fn refunded_minor(&self) -> u64 {
        self.net_minor() * u64::from(self.item.refunded) / u64::from(self.item.quantity.max(1))
    }

    pub fn is_product(&self) -> bool {
        matches!(self.item.goods, Goods::Product(_))
    }

    pub fn grams(&self) -> u32 {
        match &self.item.goods {
            Goods::Product(product) => product.weight_g,
            Goods::GiftCard { .. } => 0,
        }
    }

    pub fn write(&self, prices: Prices) -> Value {
        let (title, sku, product_id) = match &self.item.goods {
            Goods::Product(product) => {
                (product.title.as_str(), Some(product.sku.as_str()), id_of(&product.sku))
            }
            Goods::GiftCard { .. } => ("Gift card", None, id_of("gift card")),
        };
        let sku = sku.filter(|_| !self.item.is_unlisted);
        let left = self.item.quantity - self.item.refunded;
        let discounts = match self.discount_minor {
            0 => json!([]),
            minor => json!([{
                "amount": text(minor), "amount_set": prices.set(minor), "discount_application_index": 0,
            }]),
        };
        json!({
            "id": self.id,
            "admin_graphql_api_id": format!("gid://shopify/LineItem/{}", self.id),
            "attributed_staffs": [],
            "current_quantity": left,
            "fulfillable_quantity": left,
            "fulfillment_service": if self.is_product() { "manual" } else { "gift_card" },
            "fulfillment_status": null,
            "gift_card": !self.is_product(),
            "grams": self.grams(),
            "name": title,
            "price": text(self.price_minor),
            "price_set": prices.set(self.price_minor),
            "product_exists": true,
            "product_id": product_id,
            "properties": self.properties(),
            "quantity": self.item.quantity,
            "requires_shipping": self.is_product(),
            "sku": sku,
            "taxable": self.is_product(),
            "title": title,
            "total_discount": "0.00",
            "total_discount_set": prices.set(0),
            "variant_id": product_id + 1,
            "variant_inventory_management": if self.is_product() { Some("shopify") } else { None },
            "variant_title": null,
            "vendor": "Outpost Goods",
            "tax_lines": if self.is_product() { json!([tax_line(prices, self.net_minor())]) } else { json!([]) },
            "duties": [],
            "discount_allocations": discounts,
        })
    }

    /// An object for a bundle, an empty list otherwise: the channel sends both.
    fn properties(&self) -> Value {
        match &self.item.bundle {
            Some(bundle) => json!({ "_bundle_id": bundle }),
            None => json!([]),
        }
    }

    pub fn refund(&self, shop: &mut Storefront, prices: Prices) -> Value {
        let minor = self.refunded_minor();
        let tax = contained_tax(minor);
        json!({
            "id": shop.id(),
            "line_item_id": self.id,
            "location_id": null,
            "quantity": self.item.refunded,
            "restock_type": "cancel",
            // Numbers here, text in the line: so does the channel.
            "subtotal": minor as f64 / 100.0,
            "subtotal_set": prices.set(minor),
            "total_tax": tax as f64 / 100.0,
            "total_tax_set": prices.set(tax),
            "line_item": self.write(prices),
        })
    }
}

/// An id that is the same for the same product in every order.
fn id_of(sku: &str) -> u64 {
    let digest = Sha256::digest(sku.as_bytes());
    let folded = digest.iter().take(5).fold(0_u64, |folded, byte| folded << 8 | u64::from(*byte));
    44_000_000_000_000 + folded * 2
}
