//! The label on a bag or box that waits for its customer.

use core::fmt::Write;

use super::{MARGIN, Place, Sheet, short};
use crate::sscc::Sscc;
use crate::zpl::{Align, Ink, LabelError, Media, SSCC_MODULES, code128_modules};

/// Shortest stock it fits on, in millimeters.
const HEIGHT_MM: u32 = 100;
/// Tenths of a millimeter beyond that which it makes use of.
const SPARE_MAX: u32 = 500;

/// What stands on a pickup bag label.
#[derive(Debug, Clone, Copy)]
pub struct BagLabel<'a> {
    /// The site's name.
    pub site: &'a str,
    /// The order's number, as the customer says it at the counter.
    pub order: &'a str,
    /// The few letters or digits that staff look for on the shelf, such as the end of the order's number.
    pub letters: &'a str,
    /// Where the bag is staged.
    pub location: &'a str,
    /// Which bag this is, from 1.
    pub bag: u32,
    /// Of how many; 0 when nobody knows yet.
    pub bags: u32,
    /// Until when it is kept, in the site's time.
    pub keep_until: &'a str,
    /// What a scanner reads from it: the container's number.
    pub code: &'a str,
    /// 1 for the original; a reprint says so.
    pub copy: u32,
}

/// Writes the label; needs stock of at least 100 by 100 mm.
pub fn pickup_bag_label<W: Write>(out: W, media: Media, label: &BagLabel<'_>) -> Result<u32, LabelError> {
    let mut sheet = Sheet::begin(out, media, HEIGHT_MM)?;
    sheet.line(Place::new(MARGIN, 55, 500, 55), label.site)?;
    sheet.bar(Place::new(600, 35, 360, 62), 90, "PICKUP")?;
    sheet.rule(145)?;

    // Longer stock gives its room to what is read from afar: the letters and the barcode.
    let spare = media.height.whole_tenths_mm().saturating_sub(HEIGHT_MM * 10).min(SPARE_MAX);
    let letters = 300 + spare / 2;
    sheet.middle(Place::new(MARGIN, 150, 920, letters), letters, Ink::Black, label.letters)?;
    let order = 150 + letters;
    sheet.captioned(Place::new(MARGIN, order + 10, 590, 95), "ORDER", label.order)?;
    let count = match label.bags {
        0 => short(format_args!("{}", label.bag))?,
        of => short(format_args!("{} of {of}", label.bag))?,
    };
    sheet.captioned(Place::new(660, order + 10, 300, 80).aligned(Align::Right), "BAG", &count)?;
    sheet.rule(order + 150)?;

    sheet.captioned(Place::new(MARGIN, order + 170, 430, 70), "STAGED AT", label.location)?;
    let keep = Place::new(500, order + 170, 460, 70).aligned(Align::Right);
    sheet.captioned(keep, "KEEP UNTIL", label.keep_until)?;
    barcode(&mut sheet, order + 300, 140 + spare / 2, label.code)?;
    if label.copy > 1 {
        let copy = short(format_args!("COPY {}", label.copy))?;
        sheet.bar(Place::new(MARGIN, 935 + spare, 220, 38), 55, &copy)?;
    }
    sheet.label.end()?;
    Ok(1)
}

/// A container's SSCC goes as GS1-128, any other code as plain Code 128.
fn barcode<W: Write>(sheet: &mut Sheet<W>, y: u32, height: u32, code: &str) -> Result<(), LabelError> {
    let sscc = Sscc::parse(code).ok();
    let modules = if sscc.is_some() { SSCC_MODULES } else { code128_modules(code) };
    let module = sheet.module(modules);
    let (at, height) = (sheet.centered(y, modules * module), sheet.dots(height));
    match sscc {
        Some(sscc) => sheet.label.sscc(at, module, height, &sscc),
        None => sheet.label.code128(at, module, height, true, code),
    }
}
