//! The packing slip: what is in the box, on the same stock as its label.

use core::fmt::Write;

use super::{FULL_HEIGHT_MM, MARGIN, Place, Sheet, short};
use crate::zpl::{Align, Correction, LabelError, Media};

/// Lines on one label; a longer order goes on on the next.
pub const SLIP_LINES_PER_PAGE: usize = 10;
const LINES_FROM: u32 = 440;
const LINE_HEIGHT: u32 = 75;

/// One line of a packing slip.
#[derive(Debug, Clone, Copy)]
pub struct SlipLine<'a> {
    /// How many or how much, such as `2` or `0.75 kg`.
    pub quantity: &'a str,
    /// What it is called.
    pub title: &'a str,
    /// Its number.
    pub sku: &'a str,
}

/// What stands on a packing slip.
#[derive(Debug, Clone, Copy)]
pub struct PackingSlip<'a> {
    /// The site's name.
    pub site: &'a str,
    /// The order's number.
    pub order: &'a str,
    /// The service in words.
    pub service: &'a str,
    /// The day, in the site's time.
    pub date: &'a str,
    /// What is in the box.
    pub lines: &'a [SlipLine<'a>],
    /// A sentence for the customer, such as how to send something back.
    pub note: &'a str,
}

/// Writes one label for each ten lines; needs stock of at least 100 by 150 mm.
pub fn packing_slip<W: Write>(mut out: W, media: Media, slip: &PackingSlip<'_>) -> Result<u32, LabelError> {
    let pages = slip.lines.len().div_ceil(SLIP_LINES_PER_PAGE).max(1);
    for page in 0..pages {
        let from = page * SLIP_LINES_PER_PAGE;
        let lines = &slip.lines[from..slip.lines.len().min(from + SLIP_LINES_PER_PAGE)];
        write_page(&mut out, media, slip, lines, (page + 1, pages))?;
    }
    Ok(pages as u32)
}

fn write_page<W: Write>(
    out: W,
    media: Media,
    slip: &PackingSlip<'_>,
    lines: &[SlipLine<'_>],
    (page, pages): (usize, usize),
) -> Result<(), LabelError> {
    let mut sheet = Sheet::begin(out, media, FULL_HEIGHT_MM)?;
    sheet.line(Place::new(MARGIN, 55, 560, 55), slip.site)?;
    sheet.line(Place::new(600, 58, 360, 45).aligned(Align::Right), "PACKING SLIP")?;
    sheet.rule(140)?;
    sheet.captioned(Place::new(MARGIN, 165, 520, 75), "ORDER", slip.order)?;
    sheet.captioned(Place::new(MARGIN, 300, 300, 36), "SERVICE", slip.service)?;
    sheet.captioned(Place::new(380, 300, 330, 36), "DATE", slip.date)?;
    let at = sheet.spot(770, 160);
    let magnification = (sheet.dots(190) / 25).clamp(1, 10);
    sheet.label.qr(at, magnification, Correction::Medium, slip.order)?;

    sheet.line(Place::new(MARGIN, 395, 140, 26), "QTY")?;
    sheet.line(Place::new(190, 395, 400, 26), "ARTICLE")?;
    sheet.rule(430)?;
    for (row, line) in lines.iter().enumerate() {
        let y = LINES_FROM + row as u32 * LINE_HEIGHT;
        sheet.line(Place::new(MARGIN, y + 12, 140, 45), line.quantity)?;
        sheet.line(Place::new(190, y + 8, 770, 34), line.title)?;
        sheet.line(Place::new(190, y + 46, 770, 24), line.sku)?;
    }
    let end = LINES_FROM + SLIP_LINES_PER_PAGE as u32 * LINE_HEIGHT + 20;
    sheet.rule(end)?;
    sheet.paragraph(Place::new(MARGIN, end + 25, 920, 30), 5, slip.note)?;
    sheet.line(
        Place::new(MARGIN, 1430, 920, 28).aligned(Align::Right),
        &short(format_args!("Page {page} of {pages}"))?,
    )?;
    sheet.label.end()?;
    Ok(())
}
