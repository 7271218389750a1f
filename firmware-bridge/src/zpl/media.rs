//! Lengths and label stock: people think in millimeters and inches, printers in dots.

/// A length on paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Length {
    micrometers: u32,
}

const MICROMETERS_PER_INCH: u64 = 25_400;

impl Length {
    /// Whole millimeters.
    pub const fn mm(millimeters: u32) -> Self {
        Self { micrometers: millimeters * 1_000 }
    }

    /// Tenths of a millimeter.
    pub const fn tenths_mm(tenths: u32) -> Self {
        Self { micrometers: tenths * 100 }
    }

    /// Whole inches.
    pub const fn inches(inches: u32) -> Self {
        Self { micrometers: inches * 25_400 }
    }

    /// How many whole tenths of a millimeter are in it.
    pub const fn whole_tenths_mm(self) -> u32 {
        self.micrometers / 100
    }

    /// The nearest number of dots.
    pub const fn dots(self, density: Density) -> u32 {
        let scaled = self.micrometers as u64 * density.dpi() as u64 + MICROMETERS_PER_INCH / 2;
        (scaled / MICROMETERS_PER_INCH) as u32
    }
}

/// How fine a print head is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Density {
    /// 203 dots per inch, 8 per millimeter: most desktop and mobile printers.
    Dpi203,
    /// 300 dots per inch, 12 per millimeter.
    Dpi300,
    /// 600 dots per inch, 24 per millimeter.
    Dpi600,
}

impl Density {
    /// Dots per inch.
    pub const fn dpi(self) -> u32 {
        match self {
            Self::Dpi203 => 203,
            Self::Dpi300 => 300,
            Self::Dpi600 => 600,
        }
    }
}

/// The stock in a printer and the head above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Media {
    /// Across the web.
    pub width: Length,
    /// Along the web.
    pub height: Length,
    /// Of the print head.
    pub density: Density,
}

impl Media {
    /// The 4 by 6 inch shipping label at 203 dpi: 812 by 1218 dots.
    pub const FOUR_BY_SIX: Self =
        Self { width: Length::inches(4), height: Length::inches(6), density: Density::Dpi203 };
    /// 100 by 150 millimeters at 203 dpi: 799 by 1199 dots.
    pub const MM_100_BY_150: Self =
        Self { width: Length::mm(100), height: Length::mm(150), density: Density::Dpi203 };

    /// Dots across.
    pub const fn width_dots(&self) -> u32 {
        self.width.dots(self.density)
    }

    /// Dots along.
    pub const fn height_dots(&self) -> u32 {
        self.height.dots(self.density)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stock_has_the_dots_that_the_printers_state() {
        assert_eq!((Media::FOUR_BY_SIX.width_dots(), Media::FOUR_BY_SIX.height_dots()), (812, 1218));
        assert_eq!((Media::MM_100_BY_150.width_dots(), Media::MM_100_BY_150.height_dots()), (799, 1199));
        assert_eq!(Length::inches(4).dots(Density::Dpi300), 1200);
        assert_eq!(Length::mm(10).dots(Density::Dpi600), 236);
        assert_eq!(Length::tenths_mm(5).dots(Density::Dpi203), 4);
    }
}
