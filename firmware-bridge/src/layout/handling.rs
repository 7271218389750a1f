//! The handling label: what a container wears from the packing table to the truck or the pickup shelf.

use core::fmt::Write;

use super::{FULL_HEIGHT_MM, MARGIN, Place, Sheet, short};
use crate::sscc::Sscc;
use crate::zpl::{Align, Ink, LabelError, Media, SSCC_MODULES};

/// What stands on a handling label.
#[derive(Debug, Clone, Copy)]
pub struct HandlingLabel<'a> {
    /// The site's name, as staff say it.
    pub site: &'a str,
    /// The order's number, as the customer knows it.
    pub order: &'a str,
    /// The service in words, such as `PICKUP` or `SHIP STANDARD`.
    pub service: &'a str,
    /// Which container this is, from 1.
    pub container: u32,
    /// Of how many; 0 when nobody knows yet.
    pub containers: u32,
    /// The container's number.
    pub sscc: Sscc,
    /// When picking must be done, in the site's time.
    pub pick_by: &'a str,
    /// When the customer was told, in the site's time.
    pub promised: &'a str,
    /// A few big letters to sort by: a cage, a route, a shelf.
    pub sort: &'a str,
    /// What is in it, in a few words, such as `3 items, 1.2 kg`.
    pub contents: &'a str,
    /// 1 for the original; a reprint says so.
    pub copy: u32,
}

/// Writes the label; needs stock of at least 100 by 150 mm (4 by 6 inches will do).
pub fn handling_label<W: Write>(out: W, media: Media, label: &HandlingLabel<'_>) -> Result<u32, LabelError> {
    let mut sheet = Sheet::begin(out, media, FULL_HEIGHT_MM)?;
    sheet.line(Place::new(MARGIN, 60, 500, 60), label.site)?;
    sheet.bar(Place::new(560, 40, 400, 62), 100, label.service)?;
    sheet.rule(160)?;

    sheet.captioned(Place::new(MARGIN, 185, 620, 135), "ORDER", label.order)?;
    let count = match label.containers {
        0 => short(format_args!("{}", label.container))?,
        of => short(format_args!("{} of {of}", label.container))?,
    };
    sheet.captioned(Place::new(680, 185, 280, 85).aligned(Align::Right), "CONTAINER", &count)?;
    sheet.rule(350)?;

    sheet.frame(MARGIN, 380, 460, 470)?;
    sheet.line(Place::new(MARGIN + 20, 398, 420, 26), "SORT")?;
    sheet.middle(Place::new(MARGIN + 20, 430, 420, 330), 420, Ink::Black, label.sort)?;
    sheet.captioned(Place::new(540, 385, 420, 70), "PICK BY", label.pick_by)?;
    sheet.captioned(Place::new(540, 545, 420, 70), "PROMISED", label.promised)?;
    sheet.captioned(Place::new(540, 705, 420, 55), "CONTENTS", label.contents)?;
    sheet.rule(880)?;

    sheet.line(Place::new(MARGIN, 905, 300, 26), "SSCC")?;
    let module = sheet.module(SSCC_MODULES);
    let (at, height) = (sheet.centered(945, SSCC_MODULES * module), sheet.dots(320));
    sheet.label.sscc(at, module, height, &label.sscc)?;
    sheet.rule(1350)?;

    if label.copy > 1 {
        sheet.bar(Place::new(MARGIN, 1375, 300, 50), 80, &short(format_args!("COPY {}", label.copy))?)?;
    }
    let digits = label.sscc.as_str();
    let last = &digits[digits.len().saturating_sub(6)..];
    sheet.line(Place::new(400, 1380, 560, 75).aligned(Align::Right), last)?;
    sheet.label.end()?;
    Ok(1)
}
