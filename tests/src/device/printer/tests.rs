//! The printer as a host sees it.

use std::time::Duration;

use outpost_firmware_bridge::layout::{HandlingLabel, handling_label};
use outpost_firmware_bridge::sscc::Sscc;
use outpost_firmware_bridge::zpl::Media;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::*;

const SOON: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_millis(150);

fn sscc(serial: u64) -> Sscc {
    let issued = outpost_model::barcode::Sscc::new(3, "9521321", serial).unwrap();
    Sscc::parse(&issued.to_string()).unwrap()
}

fn label(serial: u64, copy: u32) -> String {
    let label = HandlingLabel {
        site: "Store ^XZ~HS one",
        order: "#1002",
        service: "PICKUP",
        container: 1,
        containers: 1,
        sscc: sscc(serial),
        pick_by: "14:30",
        promised: "16:00",
        sort: "A1",
        contents: "1 item",
        copy,
    };
    let mut zpl = String::new();
    handling_label(&mut zpl, Media::FOUR_BY_SIX, &label).unwrap();
    zpl
}

async fn connect(printer: &VirtualPrinter) -> TcpStream {
    TcpStream::connect(printer.address()).await.unwrap()
}

async fn send(printer: &VirtualPrinter, zpl: &str) -> TcpStream {
    let mut line = connect(printer).await;
    line.write_all(zpl.as_bytes()).await.unwrap();
    line
}

/// What comes back within a time in which a printer that answers has answered.
async fn ask(line: &mut TcpStream, request: &str) -> Option<String> {
    line.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 1_024];
    let length = timeout(SILENCE, line.read(&mut answer)).await.ok()?.unwrap();
    Some(String::from_utf8_lossy(&answer[..length]).into_owned())
}

#[tokio::test]
async fn it_prints_what_it_gets_and_keeps_what_stands_on_it() {
    let printer = VirtualPrinter::start().unwrap();
    let zpl = label(7, 1);
    let _line = send(&printer, &zpl).await;
    assert!(printer.wait_for_labels(1, SOON).await);
    let printed = printer.printed().remove(0);
    assert_eq!(printed.sscc(), Some(sscc(7).as_str()));
    assert_eq!(printed.bytes, zpl.trim_end().as_bytes());
    assert!(printed.texts().any(|text| text == "Store ^XZ~HS one"));
    assert_eq!(printed.connection, 1);
}

#[tokio::test]
async fn it_answers_status_and_odometer() {
    let printer = VirtualPrinter::start().unwrap();
    printer.pause();
    let mut line = send(&printer, &label(1, 1)).await;
    tokio::time::sleep(SILENCE).await;
    let status = ask(&mut line, "~HS\r\n").await.unwrap();
    assert!(status.starts_with("\u{2}030,0,1,1218,001,"), "{status:?}");
    assert_eq!(ask(&mut line, "! U1 getvar \"odometer.total_label_count\"\r\n").await.unwrap(), "\"0\"");
    printer.resume();
    assert!(printer.wait_for_labels(1, SOON).await);
    assert_eq!(ask(&mut line, "! U1 getvar \"odometer.total_label_count\"\r\n").await.unwrap(), "\"1\"");
    printer.remove_odometer();
    assert_eq!(ask(&mut line, "! U1 getvar \"odometer.total_label_count\"\r\n").await.unwrap(), "\"?\"");
}

#[tokio::test]
async fn without_paper_or_with_an_open_head_it_is_silent_and_prints_later() {
    let printer = VirtualPrinter::start().unwrap();
    for (spoil, mend) in [
        (VirtualPrinter::paper_out as fn(&_), VirtualPrinter::paper_in as fn(&_)),
        (VirtualPrinter::open_head, VirtualPrinter::close_head),
    ] {
        let before = printer.odometer();
        spoil(&printer);
        let mut line = send(&printer, &label(before, 1)).await;
        assert_eq!(ask(&mut line, "~HS\r\n").await, None);
        assert_eq!((printer.odometer(), printer.waiting()), (before, 1));
        mend(&printer);
        assert!(printer.wait_for_labels(before + 1, SOON).await);
        assert!(ask(&mut line, "~HS\r\n").await.unwrap().contains("1234,0"));
    }
    assert!(printer.duplicates().is_empty());
}

#[tokio::test]
async fn a_restart_before_printing_loses_the_label_and_one_after_does_not() {
    for (point, printed) in [(ResetPoint::BeforePrinting, 0), (ResetPoint::AfterPrinting, 1)] {
        let printer = VirtualPrinter::start().unwrap();
        printer.reset_at_next_label(point);
        let mut line = send(&printer, &label(1, 1)).await;
        let end = timeout(SOON, line.read(&mut [0; 8])).await.unwrap();
        assert!(end.is_err(), "the connection should be reset: {end:?}");
        assert_eq!(printer.odometer(), printed);
        let _next = send(&printer, &label(2, 1)).await;
        assert!(printer.wait_for_labels(printed + 1, SOON).await);
    }
}

#[tokio::test]
async fn a_connection_that_breaks_inside_a_label_prints_nothing() {
    let printer = VirtualPrinter::start().unwrap();
    let zpl = label(1, 1);
    printer.drop_connection_after(zpl.len() / 2);
    let mut line = send(&printer, &zpl).await;
    assert!(timeout(SOON, line.read(&mut [0; 8])).await.unwrap().is_err());
    let _again = send(&printer, &zpl).await;
    assert!(printer.wait_for_labels(1, SOON).await);
    assert_eq!(printer.printed().len(), 1);
    assert_eq!(printer.connections(), 2);
}

#[tokio::test]
async fn what_comes_out_twice_is_counted_and_a_marked_copy_is_not() {
    let printer = VirtualPrinter::start().unwrap();
    let _line = send(&printer, &[label(1, 1), label(1, 2), label(2, 1), label(1, 1)].concat()).await;
    assert!(printer.wait_for_labels(4, SOON).await);
    let sscc = sscc(1);
    assert_eq!(printer.duplicates().into_iter().collect::<Vec<_>>(), [(format!("{sscc} copy 1"), 2)]);
    let _line = send(&printer, &label(9, 1).replace("^PQ1", "^PQ3")).await;
    assert!(printer.wait_for_labels(7, SOON).await);
    assert_eq!(printer.duplicates().len(), 2);
}

#[tokio::test]
async fn switched_off_it_refuses_and_forgets() {
    let printer = VirtualPrinter::start().unwrap();
    printer.pause();
    let _line = send(&printer, &label(1, 1)).await;
    tokio::time::sleep(SILENCE).await;
    assert_eq!(printer.waiting(), 1);
    printer.switch_off();
    tokio::time::sleep(SILENCE).await;
    assert!(TcpStream::connect(printer.address()).await.is_err());
    printer.switch_on();
    printer.resume();
    tokio::time::sleep(SILENCE).await;
    let _line = send(&printer, &label(2, 1)).await;
    assert!(printer.wait_for_labels(1, SOON).await);
    assert_eq!(printer.printed().len(), 1);
}

#[tokio::test]
async fn a_slow_printer_takes_bytes_at_its_own_pace() {
    let printer = VirtualPrinter::start().unwrap();
    printer.set_intake(Some(4_000));
    let begun = tokio::time::Instant::now();
    let zpl = label(1, 1);
    let _line = send(&printer, &zpl).await;
    assert!(printer.wait_for_labels(1, SOON).await);
    assert!(begun.elapsed() >= Duration::from_secs_f64(zpl.len() as f64 / 4_000.0 * 0.9));
}

#[tokio::test]
async fn a_full_buffer_holds_the_host_up_and_loses_nothing() {
    let printer = VirtualPrinter::start().unwrap();
    printer.paper_out();
    let zpl = label(1, 1).replace("1 item", &"x".repeat(60_000));
    let mut line = connect(&printer).await;
    let host = tokio::spawn(async move {
        for _ in 0..200 {
            line.write_all(zpl.as_bytes()).await.unwrap();
        }
        line
    });
    tokio::time::sleep(SILENCE).await;
    assert!(printer.waiting() < 10 && !host.is_finished());
    printer.paper_in();
    assert!(printer.wait_for_labels(200, 4 * SOON).await);
    drop(host);
}
