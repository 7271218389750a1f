//! Takes in what the carrier has said about a label: bought, given back, or refused for good.

use outpost_model::id::{CaseId, RecordId};
use outpost_model::intent::HubEvent;
use outpost_sync::Record;
use outpost_sync::seal::Name;

use super::documents;
use crate::error::HubError;
use crate::store::label::{self, Bought, Label, State};
use crate::store::{case, exception, sealed};
use crate::wake::News;
use crate::write::Unit;

/// A purchase as the carrier answered it.
#[derive(Debug, Clone)]
pub struct Purchase {
    /// The carrier.
    pub carrier: String,
    /// Tracking number.
    pub number: String,
    /// The label as the carrier gave it.
    pub zpl: Vec<u8>,
    /// Price in minor units.
    pub price_minor: i64,
    /// Its currency.
    pub currency: String,
}

/// A label was bought: its bytes travel as a record, before the event that names it. When the case is over by now,
/// the label is given back instead. The purchase is noted in any case, so that it is never paid for in silence.
pub async fn bought(unit: &mut Unit, label: &Label, purchase: &Purchase) -> Result<(), HubError> {
    let note = Bought {
        carrier: &purchase.carrier,
        number: &purchase.number,
        price_minor: purchase.price_minor,
        currency: &purchase.currency,
    };
    let now = unit.now();
    match label::bought(unit.db(), &label.key, &note, now).await? {
        // Somebody else has noted it already.
        None => return Ok(()),
        Some(State::VoidWanted) => {
            unit.wakes.labels = true;
            return Ok(());
        }
        Some(_) => {}
    }
    let Some(mut row) = case::get(unit.db(), label.case).await? else {
        return Err(HubError::Invariant(format!("a label for case {}, which does not exist", label.case)));
    };
    if row.state.is_closed() || row.state.ended().is_some() {
        return over(unit, label.case).await;
    }
    let record = RecordId(unit.ids().uuid());
    let event = HubEvent::LabelBought {
        container: label.container.clone(),
        carrier: purchase.carrier.clone(),
        number: purchase.number.clone(),
        label_hash: blake3::hash(&purchase.zpl).to_hex().to_string(),
        record,
    };
    // It shows a name and an address.
    let key = record.to_string();
    let name = Name { kind: sealed::LABEL, key: &key };
    let retain_until = now + unit.vault().kept().labels_ms;
    let bytes = unit.seal(name, retain_until, &purchase.zpl);
    sealed::put(unit.db(), name, retain_until, &bytes).await?;
    let bytes = Record::new(sealed::LABEL, key.clone(), bytes);
    documents::say(unit, &mut row, vec![bytes], vec![event]).await?;
    unit.wakes.news.insert(News::Case(label.case));
    Ok(())
}

/// A case is over without its labels having been used: they are given back.
pub async fn over(unit: &mut Unit, case: CaseId) -> Result<(), HubError> {
    let now = unit.now();
    if label::give_up(unit.db(), case, now).await? {
        unit.wakes.labels = true;
    }
    Ok(())
}

/// The carrier has taken a label back: the site is told.
pub async fn voided(unit: &mut Unit, label: &Label) -> Result<(), HubError> {
    let Some(number) = label.number.clone() else { return Ok(()) };
    if !label::voided(unit.db(), &label.key).await? {
        return Ok(());
    }
    let Some(mut row) = case::get(unit.db(), label.case).await? else { return Ok(()) };
    if row.state.bought.iter().any(|bought| bought.number == number) {
        documents::say(unit, &mut row, Vec::new(), vec![HubEvent::LabelVoidConfirmed { number }]).await?;
        unit.wakes.news.insert(News::Case(label.case));
    }
    Ok(())
}

/// An attempt has failed. `retry_in_ms` is nothing when the carrier will never do it: then a person must look.
pub async fn failed(
    unit: &mut Unit,
    label: &Label,
    error: &str,
    retry_in_ms: Option<i64>,
) -> Result<(), HubError> {
    let due_at = retry_in_ms.map(|ms| unit.now() + ms);
    label::failed(unit.db(), &label.key, error, due_at).await?;
    if due_at.is_some() {
        return Ok(());
    }
    let (code, what) = match label.state {
        State::VoidWanted => ("label_void_refused", "does not take a label back"),
        _ => ("label_refused", "does not sell a label"),
    };
    let row = case::get(unit.db(), label.case).await?;
    let order = row.as_ref().map(|row| row.state.header.order);
    let number = row.map(|row| row.state.header.order_number).unwrap_or_default();
    unit.raise(exception::New {
        code,
        sentence: format!("The carrier {what} for order {number}: {error}"),
        once: format!("{code} {}", label.key),
        order,
        case: Some(label.case),
        site: Some(label.site.clone()),
        payload: None,
    })
    .await?;
    Ok(())
}
