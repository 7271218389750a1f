//! A writer of ZPL II labels.
//!
//! Commands come from the "ZPL II Programming Guide" (Zebra, P1099958). Every label begins with `^CI28` (UTF-8) and
//! every field with `^FH_`, so whatever stands in an order cannot open a command. Positions and sizes are dots; use
//! [`Length`] to come from millimeters or inches.

mod barcode;
mod escape;
mod media;

use core::fmt::{self, Write};

pub use barcode::{CODE128_MAX, Correction, MATRIX_MAX, SSCC_MODULES, code128_modules};
pub use escape::write_escaped;
pub use media::{Density, Length, Media};

/// Why a label could not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelError {
    /// The place it is written to is full or broken.
    Write,
    /// A barcode of nothing.
    Empty,
    /// More than the code may hold on our labels.
    TooLong {
        /// Bytes it may hold.
        max: usize,
    },
    /// This barcode has no way to say this character.
    NotEncodable(char),
    /// Something would stand outside of the label.
    OutsideMedia {
        /// Its right edge, in dots.
        right: u32,
        /// Its lower edge, in dots.
        bottom: u32,
    },
    /// The layout needs larger stock.
    MediaTooSmall {
        /// Millimeters across that it needs.
        width_mm: u32,
        /// Millimeters along that it needs.
        height_mm: u32,
    },
}

impl fmt::Display for LabelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write => f.write_str("the label could not be written to its buffer"),
            Self::Empty => f.write_str("a barcode needs at least one character"),
            Self::TooLong { max } => write!(f, "this barcode holds at most {max} bytes"),
            Self::NotEncodable(character) => write!(f, "this barcode cannot hold {character:?}"),
            Self::OutsideMedia { right, bottom } => {
                write!(f, "a field reaches to dot {right},{bottom}, which is outside of the label")
            }
            Self::MediaTooSmall { width_mm, height_mm } => {
                write!(f, "this label needs stock of at least {width_mm} by {height_mm} mm")
            }
        }
    }
}

impl core::error::Error for LabelError {}

impl From<fmt::Error> for LabelError {
    fn from(_: fmt::Error) -> Self {
        Self::Write
    }
}

/// The upper left corner of a field, in dots from the upper left corner of the label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    /// To the right.
    pub x: u32,
    /// Downwards.
    pub y: u32,
}

/// Where a text stands within its width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// At the left.
    Left,
    /// In the middle.
    Center,
    /// At the right.
    Right,
}

impl Align {
    fn letter(self) -> char {
        match self {
            Self::Left => 'L',
            Self::Center => 'C',
            Self::Right => 'R',
        }
    }
}

/// Black on white, or the reverse of what lies beneath.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// Black.
    Black,
    /// White where it stands on black.
    Reverse,
}

/// A place for text: so wide, so many lines, letters at most so high.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextBox {
    /// Its upper left corner.
    pub at: Spot,
    /// Its width in dots.
    pub width: u32,
    /// How many lines it may take.
    pub lines: u32,
    /// Height of the letters, in dots.
    pub size: u32,
    /// Letters may shrink to this height so that the text fits; what still does not fit is cut and marked.
    pub size_min: u32,
    /// Where the text stands in it.
    pub align: Align,
    /// Its color.
    pub ink: Ink,
}

/// Average width of a letter of the printers' scalable font in percent of its height, on the wide side: a text that
/// is mostly capitals and digits still fits.
const LETTER_WIDTH_PERCENT: u32 = 58;
const CUT_MARK: &str = "...";

impl TextBox {
    /// The size the text gets, and how many of its characters are shown.
    pub(crate) fn fit(&self, characters: usize) -> (u32, usize) {
        let capacity =
            |size: u32| (self.width * 100 / (size.max(1) * LETTER_WIDTH_PERCENT) * self.lines) as usize;
        // Lines break between words, which wastes some of each line but the last.
        let usable = |size: u32| if self.lines > 1 { capacity(size) * 85 / 100 } else { capacity(size) };
        let mut size = self.size;
        while size > self.size_min && usable(size) < characters {
            size -= 1;
        }
        (
            size,
            if usable(size) < characters { usable(size).saturating_sub(CUT_MARK.len()) } else { characters },
        )
    }
}

/// A label that is being written to `W`.
pub struct Label<W> {
    out: W,
    media: Media,
}

impl<W: Write> Label<W> {
    /// Opens a label for this stock.
    pub fn begin(mut out: W, media: Media) -> Result<Self, LabelError> {
        writeln!(out, "^XA^CI28^LH0,0^PW{}^LL{}", media.width_dots(), media.height_dots())?;
        Ok(Self { out, media })
    }

    /// The stock it is for.
    pub fn media(&self) -> Media {
        self.media
    }

    /// Ends the label and gives back what it was written to.
    pub fn end(mut self) -> Result<W, LabelError> {
        self.out.write_str("^PQ1,0,1,Y^XZ\n")?;
        Ok(self.out)
    }

    /// Text in a box, for people: control characters become spaces, and a backslash becomes a slash.
    pub fn text(&mut self, place: TextBox, text: &str) -> Result<(), LabelError> {
        let characters = text.chars().count();
        if characters == 0 {
            return Ok(());
        }
        let (size, shown) = place.fit(characters);
        self.check(place.at, place.width, size * place.lines)?;
        let reverse = if place.ink == Ink::Reverse { "^FR" } else { "" };
        write!(
            self.out,
            "^FO{},{}{reverse}^A0N,{size},{size}^FB{},{},0,{},0^FH_^FD",
            place.at.x,
            place.at.y,
            place.width,
            place.lines,
            place.align.letter()
        )?;
        let cut = if shown < characters { CUT_MARK } else { "" };
        for character in text.chars().take(shown).chain(cut.chars()) {
            match character {
                // A backslash begins a line break in a text block, and printers disagree on how to say it itself.
                '\\' => self.out.write_char('/')?,
                _ if character.is_control() => self.out.write_char(' ')?,
                _ => write_escaped(&mut self.out, core::iter::once(character))?,
            }
        }
        self.out.write_str("^FS\n")?;
        Ok(())
    }

    /// A rectangle with a border of so many dots; as thick as it is high, it is filled.
    pub fn rectangle(&mut self, at: Spot, width: u32, height: u32, border: u32) -> Result<(), LabelError> {
        self.check(at, width, height)?;
        writeln!(self.out, "^FO{},{}^GB{width},{height},{border}^FS", at.x, at.y)?;
        Ok(())
    }

    /// A horizontal line.
    pub fn rule(&mut self, at: Spot, width: u32, thickness: u32) -> Result<(), LabelError> {
        self.rectangle(at, width, thickness, thickness)
    }

    /// Holds a field against the edges of the label: what stands outside is silently lost by the printer.
    fn check(&self, at: Spot, width: u32, height: u32) -> Result<(), LabelError> {
        let (right, bottom) = (at.x + width, at.y + height);
        if right > self.media.width_dots() || bottom > self.media.height_dots() {
            return Err(LabelError::OutsideMedia { right, bottom });
        }
        Ok(())
    }
}
