//! Our own form of an order, for channels that can be taught it: strict, so that a misspelled field is an answer and
//! not a surprise.
//!
//! It is the order as this program writes it elsewhere, without our ids and without what only we can know.

mod check;
mod form;

use outpost_model::header::{PartialRule, Service};
use outpost_model::id::{GroupId, LineNo, OrderId};
use outpost_model::order::{Contact, Delivery, ORDER_LINES_MAX, Order, OrderLine};
use outpost_model::quantity::Quantity;
use outpost_model::time::UtcMillis;

use super::{Captured, Happened, NothingToDo, PAYLOAD_BYTES_MAX, Unreadable, Work};
use check::{LANGUAGE_CHARS_MAX, country, email, kept, language, money, optional, parsed, postal_code};
pub use form::{
    AskCustomerForm, ContactForm, DeliveryForm, Instant, LineForm, MoneyForm, NewOrder, OrderForm,
    PartialForm, PaymentForm, ServiceForm,
};

/// Reads an order in our own form.
pub fn read(body: &[u8], id: OrderId, arrived_at: UtcMillis) -> Result<Captured, Unreadable> {
    let NewOrder { order, contact, billing } = parse(body)?;
    let contact = contact.map(|form| person(form, "$.contact")).transpose()?;
    let billing = billing.map(|form| person(form, "$.billing")).transpose()?;

    let channel = parsed(&order.channel, "$.order.channel")?;
    let currency = check::currency(&order.currency, "$.order.currency")?;
    let total = money(&order.total, Some(currency), "$.order.total")?;
    let placed_at = order.placed_at.map_or(arrived_at, |Instant(at)| at);
    let lines = lines(&order.lines, currency)?;
    let delivery = delivery(&order.delivery, contact.as_ref())?;
    let work = match lines.iter().any(|line| line.physical) {
        true => Work::Deliver,
        false => Work::Nothing(NothingToDo::NotPhysical),
    };
    let channel_ref = kept(&order.channel_ref, "$.order.channel_ref", 120)?;
    let order = Order {
        id,
        channel,
        number: match &order.number {
            Some(number) => kept(number, "$.order.number", 40)?,
            None => channel_ref.chars().take(40).collect(),
        },
        channel_ref,
        placed_at,
        currency,
        total,
        lines,
        delivery,
        partial: match order.partial {
            PartialForm::ShipAvailable => PartialRule::ShipAvailable,
            PartialForm::AllOrNothing => PartialRule::AllOrNothing,
            PartialForm::AskCustomer(AskCustomerForm { deadline: Instant(deadline), ship_by_default }) => {
                PartialRule::AskCustomer { deadline, ship_by_default }
            }
        },
        payment: order.payment.into(),
        language: optional(order.language.as_deref(), "$.order.language", LANGUAGE_CHARS_MAX, language)?,
        cancelled_at: None,
        remarks: Vec::new(),
    };
    let billing = billing.filter(|billing| Some(billing) != contact.as_ref());
    Ok(Captured {
        happened: Happened::Created,
        order,
        contact,
        billing,
        work,
        findings: Vec::new(),
        cancel_reason: None,
    })
}

fn parse(body: &[u8]) -> Result<NewOrder, Unreadable> {
    if body.len() > PAYLOAD_BYTES_MAX {
        let sentence = format!("The payload has {} bytes; allowed are {PAYLOAD_BYTES_MAX}.", body.len());
        return Err(Unreadable::new("payload_too_large", "$", sentence));
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let form = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let at = if path == "." { "$".to_owned() } else { format!("$.{path}") };
        let inner = error.into_inner();
        let said = inner.to_string();
        let said = said.split(" at line ").next().unwrap_or_default();
        let code = match inner.classify() {
            serde_json::error::Category::Data if said.starts_with("unknown field") => "field_unknown",
            serde_json::error::Category::Data if said.starts_with("missing field") => "field_missing",
            serde_json::error::Category::Data => "field_malformed",
            _ => "not_json",
        };
        // The reader quotes what it found, and what it found in a contact is personal.
        let personal = at.starts_with("$.contact") || at.starts_with("$.billing");
        let sentence = match code {
            "field_malformed" if personal => {
                "A field of the contact is not of the form it should have.".to_owned()
            }
            "not_json" => {
                format!("The payload is not JSON: line {}, column {}.", inner.line(), inner.column())
            }
            _ => format!("The order is not in the form it should have: {said}."),
        };
        Unreadable::new(code, at, sentence)
    })?;
    reader
        .end()
        .map_err(|_| Unreadable::new("not_json", "$", "Something follows after the order's JSON."))?;
    Ok(form)
}

fn lines(forms: &[LineForm], currency: outpost_model::money::Currency) -> Result<Vec<OrderLine>, Unreadable> {
    if forms.is_empty() || forms.len() > ORDER_LINES_MAX {
        let code = if forms.is_empty() { "no_lines" } else { "too_many_lines" };
        let sentence = format!("The order has {} lines; allowed are 1 to {ORDER_LINES_MAX}.", forms.len());
        return Err(Unreadable::new(code, "$.order.lines", sentence));
    }
    let mut lines: Vec<OrderLine> = Vec::with_capacity(forms.len());
    for (index, form) in forms.iter().enumerate() {
        let at = |field: &str| format!("$.order.lines[{index}].{field}");
        let line = match form.line {
            Some(0) => {
                let sentence = "Line number 0 was found; allowed are 1 to 65535, or none in any line.";
                return Err(Unreadable::new("line_number", at("line"), sentence));
            }
            Some(line) => LineNo(line),
            None => LineNo(u16::try_from(index + 1).unwrap_or(u16::MAX)),
        };
        if lines.iter().any(|other| other.line == line) {
            let sentence = format!("Line number {line} was found twice; allowed is once.");
            return Err(Unreadable::new("line_number", at("line"), sentence));
        }
        let qty = Quantity::new(form.qty).ok().filter(|qty| !qty.is_zero()).ok_or_else(|| {
            let sentence = format!("{} was found; allowed are 1 to {} units.", form.qty, Quantity::MAX);
            Unreadable::new("quantity", at("qty"), sentence)
        })?;
        let group = form.group.as_deref().map(|text| parsed::<GroupId>(text, &at("group"))).transpose()?;
        lines.push(OrderLine {
            line,
            channel_ref: optional(form.channel_ref.as_deref(), &at("channel_ref"), 120, |_| true)?,
            sku: parsed(&form.sku, &at("sku"))?,
            title: kept(&form.title, &at("title"), super::TEXT_CHARS_MAX)?,
            qty,
            unit_price: money(&form.unit_price, Some(currency), &at("unit_price"))?,
            presentment_price: match &form.presentment_price {
                Some(price) => Some(money(price, None, &at("presentment_price"))?),
                None => None,
            },
            group,
            physical: form.physical.unwrap_or(true),
        });
    }
    Ok(lines)
}

fn delivery(form: &DeliveryForm, contact: Option<&Contact>) -> Result<Delivery, Unreadable> {
    let at = |field: &str| format!("$.order.delivery.{field}");
    let service = Service::from(form.service);
    let refuse = |field: &str| {
        let sentence = format!("{field} was found; with service {service} it is not allowed.");
        Err(Unreadable::new("field_unknown", at(field), sentence))
    };
    let missing = |field: &str| {
        let sentence = format!("{field} is missing; service {service} needs it.");
        Unreadable::new("field_missing", at(field), sentence)
    };
    match service {
        Service::Ship => {
            if form.site.is_some() {
                return refuse("site");
            }
            let stated =
                form.country.as_deref().or(contact.map(|c| c.country.as_str())).filter(|c| !c.is_empty());
            let code = country(stated.ok_or_else(|| missing("country"))?, &at("country"))?;
            let postal =
                form.postal_code.as_deref().or(contact.map(|c| c.postal_code.as_str())).unwrap_or_default();
            let contact = contact.ok_or_else(|| {
                Unreadable::new(
                    "field_missing",
                    "$.contact",
                    "contact is missing; service ship needs an address.",
                )
            })?;
            if contact.address.is_empty() || contact.city.is_empty() || contact.name.is_empty() {
                let sentence = "The contact lacks a name, a street or a town; service ship needs them.";
                return Err(Unreadable::new("field_missing", "$.contact", sentence));
            }
            if !contact.country.is_empty() && contact.country != code {
                let sentence =
                    "The contact's country is not that of the delivery; allowed is the same or none.";
                return Err(Unreadable::new("country", at("country"), sentence));
            }
            let method = match form.method.as_deref() {
                Some(method) => kept(method, &at("method"), 60)?,
                None => "standard".to_owned(),
            };
            Ok(Delivery::Ship {
                country: code,
                postal_code: postal_code(postal, &at("postal_code"))?,
                method,
            })
        }
        Service::Pickup | Service::ShipToStore => {
            for (field, is_there) in [
                ("country", form.country.is_some()),
                ("postal_code", form.postal_code.is_some()),
                ("method", form.method.is_some()),
            ] {
                if is_there {
                    return refuse(field);
                }
            }
            let site = parsed(form.site.as_deref().ok_or_else(|| missing("site"))?, &at("site"))?;
            Ok(match service {
                Service::Pickup => Delivery::Pickup { site },
                _ => Delivery::ShipToStore { site },
            })
        }
    }
}

fn person(form: ContactForm, at: &str) -> Result<Contact, Unreadable> {
    let field = |name: &str| format!("{at}.{name}");
    if form.address.len() > 6 {
        let sentence = format!("{} address lines were found; allowed are 6.", form.address.len());
        return Err(Unreadable::new("text", field("address"), sentence));
    }
    let text = |value: &Option<String>, name: &str| {
        optional(value.as_deref(), &field(name), super::TEXT_CHARS_MAX, |_| true)
    };
    let address = form.address.iter().enumerate();
    let address = address.map(|(n, line)| kept(line, &format!("{at}.address[{n}]"), super::TEXT_CHARS_MAX));
    Ok(Contact {
        name: text(&form.name, "name")?.unwrap_or_default(),
        company: text(&form.company, "company")?,
        address: address.collect::<Result<_, _>>()?,
        city: text(&form.city, "city")?.unwrap_or_default(),
        region: text(&form.region, "region")?,
        postal_code: postal_code(form.postal_code.as_deref().unwrap_or_default(), &field("postal_code"))?,
        country: match form.country.as_deref() {
            Some(code) if !code.is_empty() => country(code, &field("country"))?,
            _ => String::new(),
        },
        phone: text(&form.phone, "phone")?,
        email: optional(form.email.as_deref(), &field("email"), super::TEXT_CHARS_MAX, email)?,
    })
}
