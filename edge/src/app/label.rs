//! A label is issued for a container: its number and bytes are stored before anything is printed.

use outpost_firmware_bridge::sscc;
use outpost_model::barcode::Sscc;
use outpost_model::command::CaseCommand;
use outpost_model::decide::Resolved;
use outpost_model::fact::LabelKind;
use outpost_model::id::ContainerId;
use outpost_model::rejection::Rejection;
use outpost_sync::seal::Name;

use super::case::{carry_out, context_with_permission, other_holder};
use super::print;
use crate::device::label::Labels;
use crate::site::DefaultPrinter;
use crate::store::case::CaseRow;
use crate::store::print_job::{NewPrintJob, PrintKind};
use crate::store::serial::{self, NextSerial};
use crate::store::{exception, record};
use crate::write::{Stop, Unit};

/// Numbers left at which people are told: a busy site's work of a day.
const SERIALS_LOW: u64 = 500;

/// A label that can be issued.
struct Prepared {
    resolved: Resolved,
    bytes: Vec<u8>,
    labels: u32,
    kind: PrintKind,
    serial: Option<NextSerial>,
}

/// Issues a label and queues it at the printer. A number is taken only when the label is issued, and never again.
pub fn label(unit: &mut Unit<'_>, row: &mut CaseRow, command: &CaseCommand) -> Result<(), Stop> {
    let CaseCommand::Label { container, label, .. } = command else {
        return Err(Stop::Broken("not a label".to_owned()));
    };
    let Some(printer) = unit.site().printer.clone() else {
        return Err(Rejection::new("no_printer", "No label printer is set up at this site.").into());
    };
    let prepared = match label {
        LabelKind::Handling => handling(unit, row, container, &printer)?,
        LabelKind::Carrier => bought(unit, row, container)?,
    };
    let policy = unit.site().policy();
    let mut context = context_with_permission(unit, row, &policy)?;
    context.container_holder = other_holder(unit, row, container)?;
    if let Some(prepared) = &prepared {
        // Before anything is written: a command cannot be refused after that.
        print::fits(&prepared.bytes)?;
    }
    context.label = prepared.as_ref().map(|prepared| prepared.resolved.clone());
    carry_out(unit, row, command, &context)?;
    match prepared {
        Some(prepared) => issue(unit, row, container, &printer, prepared),
        None => Ok(()),
    }
}

fn handling(
    unit: &Unit<'_>,
    row: &CaseRow,
    container: &ContainerId,
    printer: &DefaultPrinter,
) -> Result<Option<Prepared>, Stop> {
    let Some(serial) = serial::next(unit.tx())? else { return Ok(None) };
    let broken =
        |error: &dyn std::fmt::Display| Stop::Broken(format!("a leased serial makes no SSCC: {error}"));
    let number = Sscc::new(serial.extension, &serial.company_prefix, serial.serial)
        .map_err(|error| broken(&error))?
        .to_string();
    let printable = sscc::Sscc::parse(&number).map_err(|error| broken(&error))?;
    let site = unit.site();
    let labels = Labels { media: printer.media, site: &site.name, zone: &site.zone };
    let written = labels.handling(&row.state, container, printable).map_err(|error| {
        Rejection::new("label_unprintable", format!("This label cannot be printed: {error:?}."))
    })?;
    let label_hash = blake3::hash(&written.bytes).to_hex().to_string();
    Ok(Some(Prepared {
        resolved: Resolved { number, label_hash, carrier: None },
        bytes: written.bytes,
        labels: written.labels,
        kind: PrintKind::Handling,
        serial: Some(serial),
    }))
}

/// The carrier label that the hub bought for the parcel, when its bytes are here and are what was bought.
fn bought(unit: &Unit<'_>, row: &CaseRow, container: &ContainerId) -> Result<Option<Prepared>, Stop> {
    let labels = row.state.bought.iter();
    let Some(label) = labels.rev().find(|label| label.container == *container && !label.voided) else {
        return Ok(None);
    };
    let name = Name { kind: record::LABEL, key: &label.record.to_string() };
    let Some(bytes) = unit.open_record(name)? else { return Ok(None) };
    let label_hash = blake3::hash(&bytes).to_hex().to_string();
    if label_hash != label.label_hash {
        let sentence = "The carrier label that came is not the one that was bought. Call support.";
        return Err(Rejection::new("label_damaged", sentence).into());
    }
    let carrier = Some(label.carrier.clone());
    Ok(Some(Prepared {
        resolved: Resolved { number: label.number.clone(), label_hash, carrier },
        bytes,
        labels: 1,
        kind: PrintKind::Carrier,
        serial: None,
    }))
}

fn issue(
    unit: &mut Unit<'_>,
    row: &CaseRow,
    container: &ContainerId,
    printer: &DefaultPrinter,
    prepared: Prepared,
) -> Result<(), Stop> {
    if let Some(serial) = &prepared.serial {
        serial::take(unit.tx(), serial)?;
        if serial::left(unit.tx())? < SERIALS_LOW {
            unit.raise("serials_low", "site/serials", &serial.block_name(), super::sentence("serials_low"))?;
        } else {
            exception::resolve(unit.tx(), unit.now(), "serials_low", "site/serials")?;
        }
    }
    let job = NewPrintJob {
        printer: printer.name.clone(),
        kind: prepared.kind,
        case: Some(row.state.header.case),
        container: container.clone(),
        number: prepared.resolved.number,
        bytes: prepared.bytes,
        labels: prepared.labels,
        request: None,
        asked_by: unit.by().as_str().to_owned(),
        expires_at: unit.now() + printer.job_expiry_ms,
    };
    print::queue_for_command(unit, &job)?;
    Ok(())
}
