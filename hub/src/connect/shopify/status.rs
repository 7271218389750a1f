//! What the payload says of payment, cancellation and circumstances.

use outpost_model::id::ReasonCode;
use outpost_model::order::PaymentState;

use super::super::Work;
use super::super::json::Node;
use super::super::text::Notes;
use super::Shop;

/// What is paid.
pub fn payment(root: &Node<'_>, notes: &mut Notes) -> PaymentState {
    let node = root.get("financial_status");
    match node.text().map(str::to_ascii_lowercase).as_deref() {
        Some("paid") => PaymentState::Paid,
        Some("authorized") => PaymentState::Authorized,
        Some("partially_paid") => PaymentState::PartiallyPaid,
        Some("refunded") => PaymentState::Refunded,
        Some("voided") => PaymentState::Voided,
        Some("pending" | "unpaid") => PaymentState::Pending,
        Some("partially_refunded") => {
            notes.remark("Part of the payment was paid back; what is still wanted is paid");
            PaymentState::Paid
        }
        Some("expired") => {
            notes.remark("The payment's authorization has expired");
            PaymentState::Voided
        }
        Some(_) => {
            notes.remark(format!("The payment state is {}: it is taken as pending", node.describe()));
            PaymentState::Pending
        }
        None => {
            notes.remark("The payload says nothing of the payment: it is taken as pending");
            PaymentState::Pending
        }
    }
}

/// Whether it was rung up at a till.
pub fn is_pos(root: &Node<'_>) -> bool {
    root.get("source_name").text().is_some_and(|source| source.eq_ignore_ascii_case("pos"))
}

/// Whether the customer took the goods along: rung up at a till, and nothing was to be sent or collected later.
pub fn sold_in_store(root: &Node<'_>) -> bool {
    is_pos(root)
        && root.get("shipping_lines").items().is_empty()
        && root.get("shipping_address").is_empty()
        && root.get("note_attributes").items().is_empty()
}

/// Remarks on circumstances that change nothing in the order but that a person may wonder about.
pub fn oddities(root: &Node<'_>, shop: &Shop, work: Work, notes: &mut Notes) {
    let is_set = |key: &str| root.get(key).flag() == Some(true);
    let more_than_zero =
        |key: &str| root.get(key).decimal().is_some_and(|amount| amount > rust_decimal::Decimal::ZERO);
    if is_set("test") {
        if shop.take_test_orders {
            notes.remark("The shop marks it as a test order");
        } else {
            notes.find("test_order", root.get("test").path(), "The shop marks it as a test order");
        }
    }
    if root.get("confirmed").flag() == Some(false) {
        notes.remark("The shop has not confirmed the order yet");
    }
    if !root.get("closed_at").is_empty() && work == Work::Deliver {
        let sentence = "The shop has archived the order although something is left to deliver";
        notes.find("archived", root.get("closed_at").path(), sentence);
    }
    if !root.get("note").is_empty() {
        notes.remark("The customer left a note: it stays in the payload, since it may be personal");
    }
    if more_than_zero("total_tip_received") {
        notes.remark("The total contains a tip");
    }
    if more_than_zero("current_total_discounts") || more_than_zero("total_discounts") {
        notes.remark("Discounts are part of the total; unit prices are those before discounts");
    }
    if let Some(seen) = root.get("presentment_currency").text()
        && root.get("currency").text().is_some_and(|sold| !sold.eq_ignore_ascii_case(seen))
    {
        notes.remark("The customer saw and paid prices in another currency than the shop's");
    }
    if root.get("source_name").text() == Some("shopify_draft_order") {
        notes.remark("The order was written by the shop's staff as a draft");
    }
}

/// The customer's language, when it has the form of a language tag.
pub fn language(root: &Node<'_>) -> Option<String> {
    let tag = root.get("customer_locale").text()?.replace('_', "-");
    let fits = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
    let primary =
        tag.split('-').next().is_some_and(|p| p.len() >= 2 && p.bytes().all(|b| b.is_ascii_alphabetic()));
    (primary && tag.len() <= 35 && tag.split('-').all(fits)).then_some(tag)
}

/// Our reason code for the shop's.
pub fn cancel_reason(root: &Node<'_>) -> ReasonCode {
    let code = match root.get("cancel_reason").text() {
        Some("fraud") => "fraud",
        Some("inventory") => "out_of_stock",
        Some("declined") => "payment_failed",
        // The shop's `staff` and `other` say who clicked, not why; they stand for the customer's wish.
        _ => "customer_changed_mind",
    };
    ReasonCode::new(code).expect("the codes above are well-formed")
}
