//! Our own labels from a case: handling label, pickup bag label, packing slip. Carrier labels come as bytes.
//!
//! None of them carries a name or an address: staff find a bag by the order's number, and the packing slip lies in a
//! box whose carrier label says whose it is.

use jiff::tz::TimeZone;
use outpost_config::PrinterSettings;
use outpost_firmware_bridge::layout::{
    BagLabel, HandlingLabel, PackingSlip, SlipLine, handling_label, packing_slip, pickup_bag_label,
};
use outpost_firmware_bridge::sscc::Sscc;
use outpost_firmware_bridge::zpl::{CODE128_MAX, Density, LabelError, Length, Media};
use outpost_model::fulfillment::{Container, Fulfillment};
use outpost_model::header::Service;
use outpost_model::id::{ContainerId, Sku};
use outpost_model::time::UtcMillis;

/// Letters of an order's number that staff look for on a shelf.
const LETTERS: usize = 4;

/// Bytes for a printer, and how many labels they make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// ZPL.
    pub bytes: Vec<u8>,
    /// Labels.
    pub labels: u32,
}

/// What all labels of a site have in common.
#[derive(Debug, Clone)]
pub struct Labels<'a> {
    /// The stock in the printer.
    pub media: Media,
    /// The site's name for people.
    pub site: &'a str,
    /// The site's time zone.
    pub zone: &'a TimeZone,
}

/// The stock and head of a printer.
pub fn media_of(printer: &PrinterSettings) -> Media {
    let density = match printer.dpi {
        600 => Density::Dpi600,
        300 => Density::Dpi300,
        _ => Density::Dpi203,
    };
    Media { width: Length::mm(printer.label_width_mm), height: Length::mm(printer.label_height_mm), density }
}

impl Labels<'_> {
    /// The label of a container, with its SSCC.
    pub fn handling(
        &self,
        case: &Fulfillment,
        container: &ContainerId,
        sscc: Sscc,
    ) -> Result<Written, LabelError> {
        let (number, of) = place_among(case, container);
        let header = &case.header;
        let content = case.containers.get(container);
        let mut text = String::new();
        let labels = handling_label(
            &mut text,
            self.media,
            &HandlingLabel {
                site: self.site,
                order: &header.order_number,
                service: &service_in_words(case),
                container: number,
                containers: of,
                sscc,
                pick_by: &self.time(header.promise.pick_by),
                promised: &self.time(header.promise.promised_at),
                sort: &sort_of(case),
                contents: &contents_in_words(content),
                copy: 1,
            },
        )?;
        Ok(Written { bytes: text.into_bytes(), labels })
    }

    /// The label of a bag that waits for its customer.
    pub fn pickup(&self, case: &Fulfillment, container: &ContainerId) -> Result<Written, LabelError> {
        let (bag, bags) = place_among(case, container);
        let staged = case.containers.get(container).and_then(|content| content.staged_at.as_ref());
        let until = case.hold_until.or(case.header.hold_until);
        let mut text = String::new();
        let labels = pickup_bag_label(
            &mut text,
            self.media,
            &BagLabel {
                site: self.site,
                order: &case.header.order_number,
                letters: &letters_of(&case.header.order_number),
                location: staged.map_or("", |location| location.as_str()),
                bag,
                bags,
                keep_until: &until.map_or_else(String::new, |until| self.time(until)),
                code: &code_of(container, &case.header.order_number),
                copy: 1,
            },
        )?;
        Ok(Written { bytes: text.into_bytes(), labels })
    }

    /// What is in a box. `title` tells what a SKU is called.
    pub fn packing_slip(
        &self,
        case: &Fulfillment,
        container: &ContainerId,
        now: UtcMillis,
        title: impl Fn(&Sku) -> Option<String>,
    ) -> Result<Written, LabelError> {
        let contents = case.containers.get(container).map_or(&[][..], |content| &content.contents);
        let words: Vec<(String, String, &str)> = contents
            .iter()
            .map(|item| {
                let called = title(&item.sku).unwrap_or_else(|| item.sku.to_string());
                (item.qty.to_string(), called, item.sku.as_str())
            })
            .collect();
        let lines: Vec<SlipLine<'_>> =
            words.iter().map(|(quantity, title, sku)| SlipLine { quantity, title, sku }).collect();
        let mut text = String::new();
        let labels = packing_slip(
            &mut text,
            self.media,
            &PackingSlip {
                site: self.site,
                order: &case.header.order_number,
                service: &service_in_words(case),
                date: &now.timestamp().to_zoned(self.zone.clone()).strftime("%Y-%m-%d").to_string(),
                lines: &lines,
                note: "",
            },
        )?;
        Ok(Written { bytes: text.into_bytes(), labels })
    }

    fn time(&self, at: UtcMillis) -> String {
        at.timestamp().to_zoned(self.zone.clone()).strftime("%d %b %H:%M").to_string()
    }
}

/// Which of the case's containers that still hold something this is, from 1, and how many there are.
fn place_among(case: &Fulfillment, container: &ContainerId) -> (u32, u32) {
    let filled: Vec<&ContainerId> = case
        .containers
        .iter()
        .filter(|(id, content)| !content.contents.is_empty() || *id == container)
        .map(|(id, _)| id)
        .collect();
    let place = filled.iter().position(|id| *id == container).map_or(1, |at| at as u32 + 1);
    (place, filled.len() as u32)
}

fn service_in_words(case: &Fulfillment) -> String {
    let method = case.header.ship_method.as_deref().unwrap_or_default();
    match case.header.service {
        Service::Pickup => "PICKUP".to_owned(),
        Service::Ship => format!("SHIP {}", method.to_uppercase()).trim_end().to_owned(),
        Service::ShipToStore => "SHIP TO STORE".to_owned(),
    }
}

fn sort_of(case: &Fulfillment) -> String {
    match (&case.header.service, &case.header.ship_method) {
        (Service::Ship, Some(method)) => method.chars().take(3).collect::<String>().to_uppercase(),
        _ => letters_of(&case.header.order_number),
    }
}

fn letters_of(order_number: &str) -> String {
    let plain: Vec<char> = order_number.chars().filter(|c| c.is_alphanumeric()).collect();
    plain[plain.len().saturating_sub(LETTERS)..].iter().collect::<String>().to_uppercase()
}

/// What a scanner reads from a bag: the container where its name fits into a barcode, else the order's number, by
/// which the counter finds it as well.
fn code_of(container: &ContainerId, order_number: &str) -> String {
    let name = container.as_str();
    if name.len() <= CODE128_MAX {
        return name.to_owned();
    }
    let plain: String = order_number.chars().filter(char::is_ascii_graphic).take(CODE128_MAX).collect();
    if plain.is_empty() { name[name.len() - CODE128_MAX..].to_owned() } else { plain }
}

fn contents_in_words(container: Option<&Container>) -> String {
    let units: u32 = container.map_or(0, |c| c.contents.iter().map(|item| item.qty.get()).sum());
    let weight = container
        .and_then(|c| c.weight_g)
        .map_or_else(String::new, |grams| format!(", {}.{} kg", grams / 1000, grams % 1000 / 100));
    format!("{units} {}{weight}", if units == 1 { "item" } else { "items" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bag_bears_its_name_where_that_fits_and_its_order_where_not() {
        let container = |length: usize| ContainerId::new("b".repeat(length)).unwrap();
        assert_eq!(code_of(&container(CODE128_MAX), "#1003").len(), CODE128_MAX);
        assert_eq!(code_of(&container(CODE128_MAX + 1), "#1003"), "#1003");
        assert_eq!(code_of(&container(CODE128_MAX + 1), "Ⅻ"), "b".repeat(CODE128_MAX));
        assert_eq!(code_of(&container(40), &"9".repeat(80)).len(), CODE128_MAX);
    }

    #[test]
    fn letters_are_the_end_of_the_order_number() {
        assert_eq!(letters_of("#1003"), "1003");
        assert_eq!(letters_of("web-77-ab"), "77AB");
        assert_eq!(letters_of("#7"), "7");
        assert_eq!(letters_of("##"), "");
    }
}
