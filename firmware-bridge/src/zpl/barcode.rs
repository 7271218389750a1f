//! Barcodes: what may be in them and how wide they become.

use core::fmt::Write;

use super::escape::write_escaped;
use super::{Label, LabelError, Spot};
use crate::sscc::Sscc;

/// Longest text in a Code 128 on our labels: at two dots a module it fills a 4-inch label.
pub const CODE128_MAX: usize = 32;
/// Longest text in a two-dimensional code on our labels.
pub const MATRIX_MAX: usize = 512;

/// Modules of a GS1-128 with an SSCC: start, FNC1, ten pairs of digits and check character of 11 modules each, and
/// a stop of 13 (ISO/IEC 15417).
pub const SSCC_MODULES: u32 = (1 + 1 + 10 + 1) * 11 + 13;

/// Whether all of it can go as pairs of digits, at half the width.
fn is_pairs(data: &str) -> bool {
    data.len().is_multiple_of(2) && data.bytes().all(|byte| byte.is_ascii_digit())
}

/// Modules of a Code 128 with this text, without the quiet zones of ten modules on either side.
pub fn code128_modules(data: &str) -> u32 {
    let symbols = if is_pairs(data) { data.len() / 2 } else { data.len() };
    (symbols as u32 + 2) * 11 + 13
}

/// How much damage a QR code survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Correction {
    /// 7 %.
    Low,
    /// 15 %.
    Medium,
    /// 25 %.
    Quartile,
    /// 30 %.
    High,
}

impl Correction {
    fn letter(self) -> char {
        match self {
            Self::Low => 'L',
            Self::Medium => 'M',
            Self::Quartile => 'Q',
            Self::High => 'H',
        }
    }
}

fn check_code128(data: &str) -> Result<(), LabelError> {
    if data.is_empty() {
        return Err(LabelError::Empty);
    }
    if data.len() > CODE128_MAX {
        return Err(LabelError::TooLong { max: CODE128_MAX });
    }
    match data.chars().find(|character| !matches!(character, ' '..='~')) {
        Some(character) => Err(LabelError::NotEncodable(character)),
        None => Ok(()),
    }
}

fn check_matrix(data: &str) -> Result<(), LabelError> {
    if data.is_empty() {
        return Err(LabelError::Empty);
    }
    if data.len() > MATRIX_MAX {
        return Err(LabelError::TooLong { max: MATRIX_MAX });
    }
    Ok(())
}

impl<W: Write> Label<W> {
    /// An SSCC as GS1-128 with its digits beneath, as on every logistic label. `module` is the narrowest bar in dots;
    /// GS1 asks for 0.495 to 0.94 mm, which is 4 to 7 dots at 203 dpi.
    pub fn sscc(&mut self, at: Spot, module: u32, height: u32, sscc: &Sscc) -> Result<(), LabelError> {
        self.check(at, SSCC_MODULES * module, height)?;
        writeln!(self.out, "^FO{},{}^BY{module}^BCN,{height},Y,N,N,D^FH_^FD(00){sscc}^FS", at.x, at.y)?;
        Ok(())
    }

    /// Printable ASCII as Code 128, as pairs of digits where it can. With `readable` the text stands beneath.
    pub fn code128(
        &mut self,
        at: Spot,
        module: u32,
        height: u32,
        readable: bool,
        data: &str,
    ) -> Result<(), LabelError> {
        check_code128(data)?;
        self.check(at, code128_modules(data) * module, height)?;
        let below = if readable { 'Y' } else { 'N' };
        write!(self.out, "^FO{},{}^BY{module}^BCN,{height},{below},N,N,N^FH_^FD", at.x, at.y)?;
        self.out.write_str(if is_pairs(data) { ">;" } else { ">:" })?;
        // In this mode `>` begins a switch of code sets; `>0` stands for the character itself.
        for character in data.chars() {
            write_escaped(&mut self.out, core::iter::once(character))?;
            if character == '>' {
                self.out.write_char('0')?;
            }
        }
        self.out.write_str("^FS\n")?;
        Ok(())
    }

    /// Text as a QR code (model 2). `magnification` is the size of a module in dots, 1 to 10.
    pub fn qr(
        &mut self,
        at: Spot,
        magnification: u32,
        correction: Correction,
        data: &str,
    ) -> Result<(), LabelError> {
        check_matrix(data)?;
        self.check(at, 21 * magnification, 21 * magnification)?;
        let letter = correction.letter();
        write!(self.out, "^FO{},{}^BQN,2,{magnification}^FH_^FD{letter}A,", at.x, at.y)?;
        write_escaped(&mut self.out, data.chars())?;
        self.out.write_str("^FS\n")?;
        Ok(())
    }

    /// Text as a DataMatrix (ECC 200). `module` is the size of a module in dots.
    pub fn datamatrix(&mut self, at: Spot, module: u32, data: &str) -> Result<(), LabelError> {
        check_matrix(data)?;
        self.check(at, 10 * module, 10 * module)?;
        write!(self.out, "^FO{},{}^BXN,{module},200,,,,_^FH_^FD", at.x, at.y)?;
        self.matrix_data(data)?;
        self.out.write_str("^FS\n")?;
        Ok(())
    }

    /// A GS1 element string as DataMatrix: `element_string` without parentheses, GS (0x1D) between the elements
    /// that need a separator.
    pub fn gs1_datamatrix(&mut self, at: Spot, module: u32, element_string: &str) -> Result<(), LabelError> {
        check_matrix(element_string)?;
        self.check(at, 10 * module, 10 * module)?;
        // FNC1 is escape character and `1`; the escape character itself goes by number, since it is also the
        // hexadecimal indicator.
        write!(self.out, "^FO{},{}^BXN,{module},200,,,,_^FH_^FD_5F1", at.x, at.y)?;
        for (place, element) in element_string.split('\u{1D}').enumerate() {
            if place > 0 {
                self.out.write_str("_5F1")?;
            }
            self.matrix_data(element)?;
        }
        self.out.write_str("^FS\n")?;
        Ok(())
    }

    /// The underscore opens control sequences inside `^BX` as well, and goes as the decimal number 95.
    fn matrix_data(&mut self, data: &str) -> Result<(), LabelError> {
        for character in data.chars() {
            if character == '_' {
                self.out.write_str("_5Fd095")?;
            } else {
                write_escaped(&mut self.out, core::iter::once(character))?;
            }
        }
        Ok(())
    }
}
