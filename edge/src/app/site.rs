//! What happens to the site itself: it opens, pauses, closes; its devices fail and come back.

use outpost_model::command::SiteCommand;
use outpost_model::decide::decide_day;
use outpost_model::page::SiteDayFact;

use super::{room, sell};
use crate::store::exception;
use crate::write::{News, Stop, Unit};

/// Does a command about the site's stock or day.
pub fn site(unit: &mut Unit<'_>, command: &SiteCommand) -> Result<(), Stop> {
    if let SiteCommand::Sell { sku, qty, location, receipt } = command {
        return sell::sell(unit, sku, *qty, location.as_ref(), receipt.as_deref());
    }
    let facts = decide_day(&unit.today()?, command, unit.now())?;
    if !facts.is_empty() && !room::in_day(unit)? {
        return Err(room::too_many_documents());
    }
    for fact in facts {
        unit.day(fact)?;
    }
    Ok(())
}

/// Notes that a device failed or works again. Said once for each trouble, however often it is noticed.
pub fn device(unit: &mut Unit<'_>, device: &str, trouble: Option<&str>) -> Result<(), Stop> {
    let subject = format!("device/{device}");
    unit.tell(News::Device(device.to_owned()));
    let Some(trouble) = trouble else {
        exception::resolve(unit.tx(), unit.now(), "printer_trouble", &subject)?;
        return Ok(());
    };
    let known = exception::of_subject(unit.tx(), &subject)?;
    if known.iter().any(|known| known.resolved_at.is_none()) {
        return Ok(());
    }
    // People are told even where the day has no page for it.
    let event = if room::in_day(unit)? {
        unit.day(SiteDayFact::DeviceDown { device: device.to_owned(), state: trouble.to_owned() })?
            .to_string()
    } else {
        String::new()
    };
    unit.raise("printer_trouble", &subject, &event, super::sentence("printer_trouble"))?;
    Ok(())
}
