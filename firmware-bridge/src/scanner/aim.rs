//! AIM symbology identifiers: the three characters that a scanner can be told to send before the data
//! (ISO/IEC 15424: `]`, a letter for the symbology, a modifier).

/// What kind of code was read. The variants that carry GS1 data stand apart, because only there do application
/// identifiers and separators have their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Symbology {
    /// The scanner did not tell.
    Unknown,
    /// `]A`
    Code39,
    /// `]G`
    Code93,
    /// `]F`
    Codabar,
    /// `]I`
    Interleaved2of5,
    /// `]C0`, `]C2`, `]C4`
    Code128,
    /// `]C1`
    Gs1128,
    /// `]E0`: EAN-13, UPC-A or UPC-E, always told as 13 digits.
    Ean13,
    /// `]E1`, `]E2`: an add-on of 2 or 5 digits alone.
    EanAddOn,
    /// `]E3`: 13 digits with an add-on.
    Ean13WithAddOn,
    /// `]E4`
    Ean8,
    /// `]e`: GS1 DataBar and GS1 Composite.
    Gs1DataBar,
    /// `]d0`, `]d1`, `]d4`
    DataMatrix,
    /// `]d2`, `]d5`
    Gs1DataMatrix,
    /// `]d3`, `]d6`, `]Q5`, `]Q6`, `]J2`, `]J5`: data of an industry that is not GS1.
    Industry,
    /// `]Q0`, `]Q1`, `]Q2`
    Qr,
    /// `]Q3`, `]Q4`
    Gs1Qr,
    /// `]J0`, `]J3`
    DotCode,
    /// `]J1`, `]J4`
    Gs1DotCode,
    /// `]L`
    Pdf417,
    /// `]z`
    Aztec,
    /// An identifier that is not in this list.
    Other {
        /// Its letter.
        code: u8,
        /// Its modifier.
        modifier: u8,
    },
}

impl Symbology {
    /// Whether the data is a GS1 element string.
    pub fn is_gs1(self) -> bool {
        matches!(self, Self::Gs1128 | Self::Gs1DataBar | Self::Gs1DataMatrix | Self::Gs1Qr | Self::Gs1DotCode)
    }

    fn of(code: u8, modifier: u8) -> Self {
        match (code, modifier) {
            (b'A', _) => Self::Code39,
            (b'G', _) => Self::Code93,
            (b'F', _) => Self::Codabar,
            (b'I', _) => Self::Interleaved2of5,
            (b'C', b'1') => Self::Gs1128,
            (b'C', b'0' | b'2' | b'4') => Self::Code128,
            (b'E', b'0') => Self::Ean13,
            (b'E', b'1' | b'2') => Self::EanAddOn,
            (b'E', b'3') => Self::Ean13WithAddOn,
            (b'E', b'4') => Self::Ean8,
            (b'e', _) => Self::Gs1DataBar,
            (b'd', b'0' | b'1' | b'4') => Self::DataMatrix,
            (b'd', b'2' | b'5') => Self::Gs1DataMatrix,
            (b'd', b'3' | b'6') | (b'Q', b'5' | b'6') | (b'J', b'2' | b'5') => Self::Industry,
            (b'Q', b'0' | b'1' | b'2') => Self::Qr,
            (b'Q', b'3' | b'4') => Self::Gs1Qr,
            (b'J', b'0' | b'3') => Self::DotCode,
            (b'J', b'1' | b'4') => Self::Gs1DotCode,
            (b'L', _) => Self::Pdf417,
            (b'z', _) => Self::Aztec,
            _ => Self::Other { code, modifier },
        }
    }
}

/// Tells the symbology and gives the data without the identifier. A scan that does not begin with an identifier is
/// given back whole: a `]` in it is data.
pub fn classify(scan: &[u8]) -> (Symbology, &[u8]) {
    match scan {
        [b']', code, modifier, data @ ..]
            if code.is_ascii_alphabetic() && modifier.is_ascii_alphanumeric() =>
        {
            (Symbology::of(*code, *modifier), data)
        }
        _ => (Symbology::Unknown, scan),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_classified_and_stripped() {
        let cases: [(&[u8], Symbology, &[u8]); 14] = [
            (b"]C100395213210000000000", Symbology::Gs1128, b"00395213210000000000"),
            (b"]C0A-12-03", Symbology::Code128, b"A-12-03"),
            (b"]E09521321000007", Symbology::Ean13, b"9521321000007"),
            (b"]E496385074", Symbology::Ean8, b"96385074"),
            (b"]e00109521321000007", Symbology::Gs1DataBar, b"0109521321000007"),
            (b"]d2010952132100000710AB\x1d21X", Symbology::Gs1DataMatrix, b"010952132100000710AB\x1d21X"),
            (b"]d1plain", Symbology::DataMatrix, b"plain"),
            (b"]Q3https", Symbology::Gs1Qr, b"https"),
            (b"]Q1https", Symbology::Qr, b"https"),
            (b"]J101", Symbology::Gs1DotCode, b"01"),
            (b"]X0odd", Symbology::Other { code: b'X', modifier: b'0' }, b"odd"),
            (b"9521321000007", Symbology::Unknown, b"9521321000007"),
            (b"]", Symbology::Unknown, b"]"),
            (b"]1 x", Symbology::Unknown, b"]1 x"),
        ];
        for (scan, symbology, data) in cases {
            assert_eq!(classify(scan), (symbology, data));
        }
    }

    #[test]
    fn only_gs1_codes_carry_element_strings() {
        assert!(classify(b"]C1").0.is_gs1());
        assert!(!classify(b"]C0").0.is_gs1());
        assert!(!classify(b"]d3x").0.is_gs1());
        assert!(!classify(b"]E0x").0.is_gs1());
    }
}
