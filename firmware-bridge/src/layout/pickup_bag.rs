//! The label on a bag or box that waits for its customer.

use core::fmt::Write;

use super::{MARGIN, Place, Sheet, short};
use crate::zpl::{Align, LabelError, Media, code128_modules};

/// Shortest stock it fits on, in millimeters; on longer stock the rest stays blank.
const HEIGHT_MM: u32 = 100;

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

    sheet.line(Place::new(MARGIN, 185, 920, 270).aligned(Align::Center), label.letters)?;
    sheet.captioned(Place::new(MARGIN, 460, 590, 95), "ORDER", label.order)?;
    let count = match label.bags {
        0 => short(format_args!("{}", label.bag))?,
        of => short(format_args!("{} of {of}", label.bag))?,
    };
    sheet.captioned(Place::new(660, 460, 300, 80).aligned(Align::Right), "BAG", &count)?;
    sheet.rule(600)?;

    sheet.captioned(Place::new(MARGIN, 620, 430, 70), "STAGED AT", label.location)?;
    sheet.captioned(Place::new(500, 620, 460, 70).aligned(Align::Right), "KEEP UNTIL", label.keep_until)?;
    let modules = code128_modules(label.code);
    let module = sheet.module(modules);
    let (at, height) = (sheet.centered(755, modules * module), sheet.dots(140));
    sheet.label.code128(at, module, height, true, label.code)?;
    if label.copy > 1 {
        sheet.bar(Place::new(MARGIN, 935, 220, 38), 55, &short(format_args!("COPY {}", label.copy))?)?;
    }
    sheet.label.end()?;
    Ok(1)
}
