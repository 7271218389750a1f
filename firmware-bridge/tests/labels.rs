//! Every label as the printer gets it, and the edges of what a label may hold.
#![allow(clippy::unwrap_used)]

use outpost_firmware_bridge::layout::*;
use outpost_firmware_bridge::sscc::Sscc;
use outpost_firmware_bridge::zpl::*;
use proptest::prelude::*;

fn handling(media: Media, label: &HandlingLabel<'_>) -> Result<String, LabelError> {
    let mut zpl = String::new();
    handling_label(&mut zpl, media, label).map(|_| zpl)
}

fn sample() -> HandlingLabel<'static> {
    HandlingLabel {
        site: "Rotterdam Centrum",
        order: "#1002",
        service: "SHIP STANDARD",
        container: 1,
        containers: 2,
        sscc: Sscc::parse("395213210000000422").unwrap(),
        pick_by: "Mon 14:30",
        promised: "Mon 16:00",
        sort: "B7",
        contents: "3 items, 1.2 kg",
        copy: 1,
    }
}

#[test]
fn handling_label_for_a_parcel() {
    insta::assert_snapshot!(handling(Media::FOUR_BY_SIX, &sample()).unwrap());
}

#[test]
fn handling_label_reprinted_in_millimeters_at_300_dpi() {
    let media = Media { density: Density::Dpi300, ..Media::MM_100_BY_150 };
    let label = HandlingLabel { copy: 2, containers: 0, site: "Köln ^XZ~JR_5E\\&", ..sample() };
    insta::assert_snapshot!(handling(media, &label).unwrap());
}

#[test]
fn pickup_bag() {
    let mut zpl = String::new();
    let sscc = Sscc::parse("395213210000000422").unwrap();
    let label = BagLabel {
        site: "Rotterdam Centrum",
        order: "#1002",
        letters: "KD02",
        location: "SHELF A-03",
        bag: 1,
        bags: 1,
        keep_until: "Mon 30 Nov",
        code: sscc.as_str(),
        copy: 1,
    };
    assert_eq!(pickup_bag_label(&mut zpl, Media::FOUR_BY_SIX, &label), Ok(1));
    insta::assert_snapshot!(zpl);
}

#[test]
fn pickup_bag_reprinted_on_short_stock_with_a_code_of_the_sites_own() {
    let mut zpl = String::new();
    let media = Media { height: Length::mm(100), ..Media::MM_100_BY_150 };
    let label = BagLabel {
        site: "Rotterdam Centrum",
        order: "#1002",
        letters: "02",
        location: "FRIDGE 2",
        bag: 2,
        bags: 0,
        keep_until: "Mon 30 Nov",
        code: "TOTE-0017",
        copy: 3,
    };
    assert_eq!(pickup_bag_label(&mut zpl, media, &label), Ok(1));
    insta::assert_snapshot!(zpl);
}

fn slip(lines: usize) -> (u32, String) {
    let lines = vec![SlipLine { quantity: "2", title: "Wool scarf, charcoal", sku: "SCARF-CHA" }; lines];
    let mut zpl = String::new();
    let slip = PackingSlip {
        site: "Rotterdam Centrum",
        order: "#1002",
        service: "Ship, standard",
        date: "23 Nov 2026",
        lines: &lines,
        note: "Not quite right? Bring it back to any of our stores within 30 days, or ask for a return label online.",
    };
    (packing_slip(&mut zpl, Media::FOUR_BY_SIX, &slip).unwrap(), zpl)
}

#[test]
fn packing_slip_for_two_lines() {
    insta::assert_snapshot!(slip(2).1);
}

#[test]
fn a_long_order_goes_on_on_the_next_label() {
    for (lines, pages) in [(0, 1), (1, 1), (SLIP_LINES_PER_PAGE, 1), (SLIP_LINES_PER_PAGE + 1, 2), (35, 4)] {
        let (counted, zpl) = slip(lines);
        assert_eq!(
            (counted, zpl.matches("^XA").count(), zpl.matches("^XZ").count()),
            (pages, pages as usize, pages as usize)
        );
        assert_eq!(zpl.matches("SCARF-CHA").count(), lines);
    }
}

#[test]
fn stock_that_is_too_small_is_refused_before_anything_is_printed() {
    let small = Media { height: Length::mm(100), ..Media::MM_100_BY_150 };
    assert_eq!(handling(small, &sample()), Err(LabelError::MediaTooSmall { width_mm: 100, height_mm: 150 }));
}

#[test]
fn texts_shrink_and_then_are_cut_with_a_mark() {
    let long = "A store with a name that no sign maker would ever agree to paint on one board";
    let zpl = handling(Media::FOUR_BY_SIX, &HandlingLabel { site: long, ..sample() }).unwrap();
    let field = zpl.split("^FD").find(|field| field.starts_with("A store")).unwrap();
    assert!(field.contains("...^FS") && !field.contains("board"));
}

#[test]
fn barcodes_say_what_they_cannot_hold() {
    let mut label = Label::begin(String::new(), Media::FOUR_BY_SIX).unwrap();
    let at = Spot { x: 0, y: 0 };
    assert_eq!(label.code128(at, 2, 100, true, ""), Err(LabelError::Empty));
    assert_eq!(label.code128(at, 2, 100, true, "é"), Err(LabelError::NotEncodable('é')));
    let longest = "7".repeat(CODE128_MAX);
    assert_eq!(label.code128(at, 2, 100, true, &longest), Ok(()));
    assert_eq!(
        label.code128(at, 2, 100, true, &format!("{longest}7")),
        Err(LabelError::TooLong { max: CODE128_MAX })
    );
    assert_eq!(
        label.code128(Spot { x: 800, y: 0 }, 2, 100, true, "12"),
        Err(LabelError::OutsideMedia { right: 800 + 2 * code128_modules("12"), bottom: 100 })
    );
    assert_eq!(label.qr(at, 4, Correction::Medium, &"x".repeat(MATRIX_MAX)), Ok(()));
    assert_eq!(
        label.datamatrix(at, 4, &"x".repeat(MATRIX_MAX + 1)),
        Err(LabelError::TooLong { max: MATRIX_MAX })
    );
}

#[test]
fn every_kind_of_barcode_escapes_its_own_control_characters() {
    let mut label = Label::begin(String::new(), Media::FOUR_BY_SIX).unwrap();
    let at = Spot { x: 10, y: 10 };
    label.code128(at, 2, 100, false, "A>1^_").unwrap();
    label.datamatrix(at, 4, "a_1^~").unwrap();
    label.gs1_datamatrix(at, 4, "010952132100000710AB\u{1D}21X").unwrap();
    label.qr(at, 4, Correction::High, "https://example.com/?a=b_c").unwrap();
    let zpl = label.end().unwrap();
    assert!(zpl.contains("^FD>:A>01_5E_5F^FS"));
    assert!(zpl.contains("^FDa_5Fd0951_5E_7E^FS"));
    assert!(zpl.contains("^FD_5F1010952132100000710AB_5F121X^FS"));
    assert!(zpl.contains("^FDHA,https://example.com/?a=b_5Fc^FS"));
}

#[test]
fn a_full_buffer_is_an_error_and_not_half_a_label() {
    let mut small = heapless::String::<64>::new();
    assert_eq!(handling_label(&mut small, Media::FOUR_BY_SIX, &sample()), Err(LabelError::Write));
}

/// The commands of a label, in order.
fn commands(zpl: &str) -> Vec<&str> {
    zpl.split(['^', '~']).skip(1).map(|command| command.get(..2).unwrap_or(command)).collect()
}

proptest! {
    #[test]
    fn no_data_adds_or_changes_a_command(texts in prop::collection::vec("\\PC{1,60}|[\\^~_XZFDJRA>&\\\\]{1,40}", 6)) {
        let hostile = HandlingLabel {
            site: &texts[0], order: &texts[1], service: &texts[2], pick_by: &texts[3], promised: &texts[4],
            sort: &texts[5], ..sample()
        };
        let zpl = handling(Media::FOUR_BY_SIX, &hostile).unwrap();
        let plain = handling(Media::FOUR_BY_SIX, &sample()).unwrap();
        prop_assert_eq!(commands(&zpl), commands(&plain));
        prop_assert!(zpl.is_ascii());
    }
}
