//! The labels of the shop floor, ready to print.
//!
//! They say what they are handed and nothing else: whoever fills them decides what a label may tell a passer-by.
//! Each function returns how many labels it wrote, which is what the printer's odometer must have moved by.

mod handling;
mod packing_slip;
mod pickup_bag;

use core::fmt::Write;

pub use handling::{HandlingLabel, handling_label};
pub use packing_slip::{PackingSlip, SLIP_LINES_PER_PAGE, SlipLine, packing_slip};
pub use pickup_bag::{BagLabel, pickup_bag_label};

use crate::zpl::{Align, Ink, Label, LabelError, Length, Media, Spot, TextBox};

/// Smallest stock the full-size layouts fit on, in millimeters.
const FULL_WIDTH_MM: u32 = 100;
/// Smallest stock the full-size layouts fit on, in millimeters.
const FULL_HEIGHT_MM: u32 = 150;
/// Blank edge on every side, in tenths of a millimeter: printers are rarely adjusted better than that.
const MARGIN: u32 = 40;
/// Smallest print on our labels, in tenths of a millimeter.
const SMALLEST: u32 = 22;

/// Height of the scalable font's capitals in percent of its size; they stand at the top of their field.
const CAPITALS_PERCENT: u32 = 75;

/// A label with a ruler in tenths of a millimeter.
struct Sheet<W> {
    label: Label<W>,
    /// Left edge of the layout, in dots: what is left over on wider stock is split between both sides.
    left: u32,
}

/// A place on a sheet, in tenths of a millimeter.
#[derive(Clone, Copy)]
struct Place {
    x: u32,
    y: u32,
    width: u32,
    size: u32,
    align: Align,
}

impl Place {
    fn new(x: u32, y: u32, width: u32, size: u32) -> Self {
        Self { x, y, width, size, align: Align::Left }
    }

    fn aligned(self, align: Align) -> Self {
        Self { align, ..self }
    }
}

impl<W: Write> Sheet<W> {
    fn begin(out: W, media: Media, height_mm: u32) -> Result<Self, LabelError> {
        if media.width < Length::mm(FULL_WIDTH_MM) || media.height < Length::mm(height_mm) {
            return Err(LabelError::MediaTooSmall { width_mm: FULL_WIDTH_MM, height_mm });
        }
        let spare = media.width_dots() - Length::mm(FULL_WIDTH_MM).dots(media.density);
        Ok(Self { label: Label::begin(out, media)?, left: spare / 2 })
    }

    fn dots(&self, tenths_mm: u32) -> u32 {
        Length::tenths_mm(tenths_mm).dots(self.label.media().density)
    }

    fn spot(&self, x: u32, y: u32) -> Spot {
        Spot { x: self.left + self.dots(x), y: self.dots(y) }
    }

    fn text_box(&self, place: Place, lines: u32, ink: Ink) -> TextBox {
        TextBox {
            at: self.spot(place.x, place.y),
            width: self.dots(place.width),
            lines,
            size: self.dots(place.size),
            size_min: self.dots(SMALLEST.min(place.size)),
            align: place.align,
            ink,
        }
    }

    /// One line of text that shrinks rather than runs over.
    fn line(&mut self, place: Place, text: &str) -> Result<(), LabelError> {
        let place = self.text_box(place, 1, Ink::Black);
        self.label.text(place, text)
    }

    /// Several lines of text.
    fn paragraph(&mut self, place: Place, lines: u32, text: &str) -> Result<(), LabelError> {
        let mut place = self.text_box(place, lines, Ink::Black);
        place.size_min = place.size;
        self.label.text(place, text)
    }

    /// A small caption with its value beneath.
    fn captioned(&mut self, place: Place, caption: &str, value: &str) -> Result<(), LabelError> {
        self.line(Place { size: 26, ..place }, caption)?;
        self.line(Place { y: place.y + 34, ..place }, value)
    }

    /// One line of text in the middle of a height, as far as its capitals go.
    fn middle(&mut self, place: Place, height: u32, ink: Ink, text: &str) -> Result<(), LabelError> {
        let mut place = self.text_box(place.aligned(Align::Center), 1, ink);
        let (size, _) = place.fit(text.chars().count());
        let capitals = size * CAPITALS_PERCENT / 100;
        place.at.y += self.dots(height).saturating_sub(capitals) / 2;
        self.label.text(place, text)
    }

    /// White text on a black bar.
    fn bar(&mut self, place: Place, height: u32, text: &str) -> Result<(), LabelError> {
        let (width, high) = (self.dots(place.width), self.dots(height));
        self.label.rectangle(self.spot(place.x, place.y), width, high, high)?;
        let inner = Place { x: place.x + 15, width: place.width - 30, ..place };
        self.middle(inner, height, Ink::Reverse, text)
    }

    fn rule(&mut self, y: u32) -> Result<(), LabelError> {
        let (width, thickness) = (self.dots(FULL_WIDTH_MM * 10 - 2 * MARGIN), self.dots(5));
        self.label.rule(self.spot(MARGIN, y), width, thickness)
    }

    fn frame(&mut self, x: u32, y: u32, width: u32, height: u32) -> Result<(), LabelError> {
        let (width, height, border) = (self.dots(width), self.dots(height), self.dots(5));
        self.label.rectangle(self.spot(x, y), width, height, border)
    }

    /// The widest bars, up to half a millimeter and a bit, with which so many modules and their quiet zones fit.
    fn module(&self, modules: u32) -> u32 {
        let room = self.dots(FULL_WIDTH_MM * 10 - 20);
        (room / (modules + 20)).clamp(1, self.dots(5).max(1))
    }

    /// Left edge of a symbol that is to stand in the middle.
    fn centered(&self, y: u32, width_dots: u32) -> Spot {
        let room = self.label.media().width_dots();
        Spot { x: room.saturating_sub(width_dots) / 2, y: self.dots(y) }
    }
}

/// A number in decimal, for text that is put together without a heap.
type Short = heapless::String<32>;

fn short(arguments: core::fmt::Arguments<'_>) -> Result<Short, LabelError> {
    let mut text = Short::new();
    text.write_fmt(arguments)?;
    Ok(text)
}
