//! Trade item numbers that nobody uses: GS1 keeps the prefix 952 for demonstrations and examples.

use outpost_firmware_bridge::sscc::check_digit;

const DEMONSTRATION: &str = "952";
/// The company prefix of the examples in GS1 US guides, without its leading zero.
const UPC_COMPANY: &str = "614141";

fn with_check_digit(digits: String) -> String {
    let check = check_digit(digits.as_bytes());
    format!("{digits}{check}")
}

/// The n-th GTIN-13.
pub fn gtin13(n: u32) -> String {
    with_check_digit(format!("{DEMONSTRATION}{:09}", n % 1_000_000_000))
}

/// The n-th GTIN-12.
pub fn gtin12(n: u32) -> String {
    with_check_digit(format!("{UPC_COMPANY}{:05}", n % 100_000))
}

/// The n-th GTIN-8.
pub fn gtin8(n: u32) -> String {
    with_check_digit(format!("{DEMONSTRATION}{:04}", n % 10_000))
}

/// The GTIN-14 of a case of what carries this number: indicator 1, the number in 13 digits without its own check
/// digit, and a check digit of its own.
pub fn case_gtin(piece: &str) -> String {
    let item = &piece[..piece.len() - 1];
    with_check_digit(format!("1{item:0>12}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_made_as_in_the_guides() {
        assert_eq!(gtin13(132_100_000), "9521321000001");
        assert_eq!(gtin12(12), "614141000128");
        assert_eq!(gtin8(1).len(), 8);
        // The case of GTIN-12 614141000128.
        assert_eq!(case_gtin("614141000128"), "10614141000125");
    }
}
