//! What the carrier is told of a parcel before anybody has packed it: worked out from the case's lines and the
//! products' sizes. Pure, so that a repeated purchase asks for the same.

use outpost_model::header::{Header, HeaderLine};
use outpost_model::order::Contact;

use crate::carrier::Parcel;
use crate::store::product::Product;

/// The packaging around the goods.
const BOX_WEIGHT_G: u32 = 200;
const BOX_SIDE_MM: u32 = 20;

/// The one parcel of a case.
pub fn parcel(header: &Header, products: &[Product], to: Contact) -> Parcel {
    let [weight_g, length_mm, width_mm, height_mm] = measure(&header.lines, products);
    Parcel {
        reference: header.order_number.clone(),
        service: service(header.ship_method.as_deref()),
        weight_g,
        length_mm,
        width_mm,
        height_mm,
        to: to.into(),
    }
}

/// Weight of all, and a box on the footprint of the largest item that is as high as it takes for all of them.
fn measure(lines: &[HeaderLine], products: &[Product]) -> [u32; 4] {
    let mut weight = BOX_WEIGHT_G;
    let mut volume = 0_u64;
    let mut sides = [0_u32; 3];
    for line in lines {
        let Some(product) = products.iter().find(|product| product.sku == line.sku) else { continue };
        let mut size = [product.length_mm, product.width_mm, product.height_mm];
        size.sort_unstable_by(|a, b| b.cmp(a));
        weight = weight.saturating_add(product.weight_g.saturating_mul(line.qty.get()));
        let qty = u64::from(line.qty.get());
        volume =
            volume.saturating_add(size.iter().fold(qty, |all, side| all.saturating_mul(u64::from(*side))));
        for (side, of_one) in sides.iter_mut().zip(size) {
            *side = (*side).max(of_one);
        }
    }
    let footprint = u64::from(sides[0]) * u64::from(sides[1]);
    let stack = if footprint == 0 { 0 } else { volume.div_ceil(footprint) };
    sides[2] = sides[2].max(u32::try_from(stack).unwrap_or(u32::MAX));
    let [length, width, height] = sides.map(|side| side.saturating_add(BOX_SIDE_MM));
    [weight, length, width, height]
}

/// The carrier's service for what was sold, in the words that shops use.
fn service(method: Option<&str>) -> &'static str {
    let method = method.unwrap_or_default().to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| method.contains(word));
    if says(&["express", "overnight", "next day", "next-day", "next_day", "priority"]) {
        "express"
    } else if says(&["economy", "saver"]) {
        "economy"
    } else {
        "standard"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use outpost_model::id::{LineNo, Sku};
    use outpost_model::money::Money;
    use outpost_model::quantity::Quantity;

    fn money() -> Money {
        Money { minor: 900, currency: "EUR".parse().unwrap() }
    }

    fn product(sku: &str, weight_g: u32, [length_mm, width_mm, height_mm]: [u32; 3]) -> Product {
        Product {
            sku: Sku::new(sku).unwrap(),
            title: sku.to_owned(),
            class: "c".to_owned(),
            unit: "piece".to_owned(),
            weight_g,
            length_mm,
            width_mm,
            height_mm,
            price: money(),
        }
    }

    fn line(number: u16, sku: &str, qty: u64) -> HeaderLine {
        HeaderLine {
            line: serde_json::from_value::<LineNo>(number.into()).unwrap(),
            sku: Sku::new(sku).unwrap(),
            qty: Quantity::new(qty).unwrap(),
            unit_price: money(),
            group: None,
        }
    }

    #[test]
    fn a_parcel_is_as_heavy_as_its_content_and_high_enough_for_it() {
        let products = [product("MUG", 400, [100, 100, 100]), product("POSTER", 100, [50, 600, 50])];
        // 3 l of mugs and 1.5 l of poster on 600 mm by 100 mm.
        assert_eq!(measure(&[line(1, "MUG", 3), line(2, "POSTER", 1)], &products), [1_500, 620, 120, 120]);
        assert_eq!(measure(&[line(1, "MUG", 19)], &products), [7_800, 120, 120, 1_920]);
    }

    #[test]
    fn products_nobody_has_measured_make_a_parcel_all_the_same() {
        assert_eq!(measure(&[line(1, "MUG", 1)], &[product("MUG", 0, [0; 3])]), [200, 20, 20, 20]);
        assert_eq!(measure(&[line(1, "MUG", 1)], &[]), [200, 20, 20, 20]);
    }

    #[test]
    fn the_service_follows_from_what_was_sold() {
        assert_eq!(service(None), "standard");
        assert_eq!(service(Some("DHL Express Worldwide")), "express");
        assert_eq!(service(Some("Next Day")), "express");
        assert_eq!(service(Some("Standard Shipping")), "standard");
        assert_eq!(service(Some("economy")), "economy");
    }
}
