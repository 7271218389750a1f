//! Our labels, drawn and read by programs that share no code with ours. See `tests/readers/README.md`.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use outpost_firmware_bridge::layout::*;
use outpost_firmware_bridge::sscc::Sscc;
use outpost_firmware_bridge::zpl::*;
use outpost_lab::device::carrier::{Address, PurchaseRequest, VirtualCarrier};
use serde::Deserialize;
use serde_json::json;

const INCH_203: (f64, f64, u32) = (101.6, 152.4, 8);
const SSCC: &str = "395213210000000422";

/// A barcode as the reader found it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Code {
    format: String,
    aim: String,
    text: String,
}

fn code(format: &str, aim: &str, text: &str) -> Code {
    Code { format: format.to_owned(), aim: aim.to_owned(), text: text.to_owned() }
}

fn finished(output: std::io::Result<Output>, what: &str) -> Vec<u8> {
    let output =
        output.unwrap_or_else(|error| panic!("{what} could not be started ({error}); run tests/run"));
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The folder where the readers are installed.
fn readers() -> PathBuf {
    let folder = std::env::var_os("OUTPOST_TEST_READERS");
    folder
        .expect("OUTPOST_TEST_READERS must name the folder of the label readers; tests/run sets it up")
        .into()
}

/// Draws labels and gives back the pictures of each.
fn draw(folder: &Path, labels: &[(&str, String, (f64, f64, u32))]) -> Vec<Vec<PathBuf>> {
    let pictures = std::env::var_os("OUTPOST_TEST_PICTURES").map_or_else(|| folder.to_owned(), PathBuf::from);
    let jobs: Vec<_> = labels
        .iter()
        .map(|(name, zpl, (width, height, dots))| {
            let file = folder.join(format!("{name}.zpl"));
            std::fs::write(&file, zpl).unwrap();
            let png = pictures.join(name);
            json!({ "zpl": file, "png": png, "width_mm": width, "height_mm": height, "dots_per_mm": dots })
        })
        .collect();
    let jobs_file = folder.join("jobs.json");
    std::fs::write(&jobs_file, json!(jobs).to_string()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("readers/render.cjs");
    let output = Command::new("node")
        .arg(script)
        .arg(&jobs_file)
        .env("NODE_PATH", readers().join("node_modules"))
        .output();
    let counts: Vec<usize> = serde_json::from_slice(&finished(output, "the label renderer")).unwrap();
    let named =
        |name: &str, count: usize| (0..count).map(|n| pictures.join(format!("{name}-{n}.png"))).collect();
    labels.iter().zip(counts).map(|((name, ..), count)| named(name, count)).collect()
}

/// What zxing-cpp reads from each picture.
fn read(pictures: &[PathBuf]) -> Vec<Vec<Code>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("readers/read.py");
    let output = Command::new(readers().join("python/bin/python")).arg(script).args(pictures).output();
    serde_json::from_slice(&finished(output, "the barcode reader")).unwrap()
}

/// What zbarimg reads from a picture.
fn read_with_zbar(picture: &Path) -> String {
    let output = Command::new("zbarimg").args(["--quiet", "--nodbus"]).arg(picture).output();
    String::from_utf8(finished(output, "zbarimg")).unwrap().trim().to_owned()
}

fn handling(media: Media, site: &str, copy: u32) -> String {
    let label = HandlingLabel {
        site,
        order: "#1002",
        service: "SHIP STANDARD",
        container: 1,
        containers: 2,
        sscc: Sscc::parse(SSCC).unwrap(),
        pick_by: "Mon 14:30",
        promised: "Mon 16:00",
        sort: "B7",
        contents: "3 items, 1.2 kg",
        copy,
    };
    let mut zpl = String::new();
    handling_label(&mut zpl, media, &label).unwrap();
    zpl
}

fn bag(media: Media, code: &str) -> String {
    let label = BagLabel {
        site: "Rotterdam Centrum",
        order: "#1002",
        letters: "KD02",
        location: "SHELF A-03",
        bag: 1,
        bags: 1,
        keep_until: "Mon 30 Nov",
        code,
        copy: 1,
    };
    let mut zpl = String::new();
    pickup_bag_label(&mut zpl, media, &label).unwrap();
    zpl
}

fn slip(lines: usize) -> String {
    let lines = vec![SlipLine { quantity: "2", title: "Wool scarf, größe M", sku: "APP-00042-CHA" }; lines];
    let slip = PackingSlip {
        site: "Rotterdam Centrum",
        order: "#1002",
        service: "Ship, standard",
        date: "23 Nov 2026",
        lines: &lines,
        note: "Not quite right? Bring it back to any of our stores within 30 days.",
    };
    let mut zpl = String::new();
    packing_slip(&mut zpl, Media::FOUR_BY_SIX, &slip).unwrap();
    zpl
}

#[test]
fn every_label_is_read_by_two_foreign_readers() {
    let folder = tempfile::tempdir().unwrap();
    let fine = Media { density: Density::Dpi300, ..Media::MM_100_BY_150 };
    let short = Media { height: Length::mm(100), ..Media::MM_100_BY_150 };
    let labels = [
        ("handling", handling(Media::FOUR_BY_SIX, "Rotterdam Centrum", 1), INCH_203),
        ("handling-mm", handling(Media::MM_100_BY_150, "^XZ^XA~HS_5E\\&", 2), (100.0, 150.0, 8)),
        ("handling-300", handling(fine, "Köln Schildergasse", 1), (100.0, 150.0, 12)),
        ("bag", bag(Media::FOUR_BY_SIX, SSCC), INCH_203),
        ("bag-short", bag(short, "TOTE-0017"), (100.0, 100.0, 8)),
        ("slip", slip(SLIP_LINES_PER_PAGE + 1), INCH_203),
    ];
    let sscc = code("Code 128", "]C1", &format!("(00){SSCC}"));
    let order = code("QR Code", "]Q1", "#1002");
    let expected = [
        vec![sscc.clone()],
        vec![sscc.clone()],
        vec![sscc.clone()],
        vec![sscc],
        vec![code("Code 128", "]C0", "TOTE-0017")],
        vec![order.clone(), order],
    ];
    let pictures = draw(folder.path(), &labels);
    for (((name, ..), pictures), expected) in labels.iter().zip(&pictures).zip(expected) {
        let found: Vec<Code> = read(pictures).into_iter().flatten().collect();
        assert_eq!(found, expected, "{name}");
        for (picture, code) in pictures.iter().zip(&expected) {
            let bare = code.text.replace(['(', ')'], "");
            let seen = read_with_zbar(picture);
            assert!(seen.ends_with(&format!(":{bare}")) && seen.lines().count() == 1, "{name}: {seen}");
        }
    }
}

#[test]
fn what_is_in_a_barcode_comes_out_of_it() {
    let at = Spot { x: 60, y: 60 };
    let label = |write: &dyn Fn(&mut Label<String>) -> Result<(), LabelError>| {
        let mut label = Label::begin(String::new(), Media::FOUR_BY_SIX).unwrap();
        write(&mut label).unwrap();
        label.end().unwrap()
    };
    // The renderer loses a single last character behind a `>`, hence two in "commands".
    let element_string = "010952132100000710AB12\u{1D}21X9";
    let labels = [
        ("pairs", label(&|label| label.code128(at, 3, 200, true, "0123456789")), INCH_203),
        ("odd", label(&|label| label.code128(at, 3, 200, true, "123456789")), INCH_203),
        ("mixed", label(&|label| label.code128(at, 2, 200, true, "Shelf A-03/7")), INCH_203),
        ("commands", label(&|label| label.code128(at, 2, 200, false, "a>b^_~\\>cd")), INCH_203),
        ("qr", label(&|label| label.qr(at, 6, Correction::High, "https://example.com/?a=1&b=c_d")), INCH_203),
        ("matrix", label(&|label| label.datamatrix(at, 8, "TOTE 17/ab")), INCH_203),
        ("gs1-matrix", label(&|label| label.gs1_datamatrix(at, 8, element_string)), INCH_203),
    ];
    let expected = [
        code("Code 128", "]C0", "0123456789"),
        code("Code 128", "]C0", "123456789"),
        code("Code 128", "]C0", "Shelf A-03/7"),
        code("Code 128", "]C0", "a>b^_~\\>cd"),
        code("QR Code", "]Q1", "https://example.com/?a=1&b=c_d"),
        code("Data Matrix", "]d1", "TOTE 17/ab"),
        code("Data Matrix", "]d2", "(01)09521321000007(10)AB12(21)X9"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let pictures: Vec<PathBuf> = draw(folder.path(), &labels).concat();
    for ((found, expected), (name, ..)) in read(&pictures).into_iter().zip(expected).zip(labels) {
        assert_eq!(found, [expected], "{name}");
    }
}

#[tokio::test]
async fn the_virtual_carriers_label_is_read_too() {
    let carrier = VirtualCarrier::start().await.unwrap();
    let to = Address {
        name: "Zoë de Vries".to_owned(),
        address: vec!["Lijnbaan 1".to_owned()],
        city: "Rotterdam".to_owned(),
        postal_code: "3012 EL".to_owned(),
        country: "NL".to_owned(),
        ..Address::default()
    };
    let request = PurchaseRequest {
        reference: "#1002".to_owned(),
        service: "standard".to_owned(),
        weight_g: 1_200,
        length_mm: 300,
        width_mm: 200,
        height_mm: 100,
        to,
    };
    let http = reqwest::Client::new();
    let sent = http
        .post(format!("{}/v1/labels", carrier.url()))
        .header("Idempotency-Key", "k")
        .json(&request)
        .send();
    assert_eq!(sent.await.unwrap().status(), 201);
    let parcel = carrier.parcels().remove(0);
    let folder = tempfile::tempdir().unwrap();
    let pictures = draw(folder.path(), &[("carrier", parcel.label, INCH_203)]).concat();
    assert_eq!(read(&pictures), [[code("Code 128", "]C0", &parcel.tracking)]]);
    assert_eq!(read_with_zbar(&pictures[0]), format!("CODE-128:{}", parcel.tracking));
}
