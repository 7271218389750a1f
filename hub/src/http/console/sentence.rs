//! Events in a sentence: what happened, for somebody who does not read JSON.

use serde_json::Value;

use super::words::{container, plain};

/// What an event says. A kind of a later version is named and nothing more.
pub fn sentence(kind: &str, data: &Value) -> String {
    let event = Reader(data);
    match kind {
        "offered" => "Offered to the site".to_owned(),
        "accepted" => "Taken on".to_owned(),
        "rejected" => format!("Rejected: {}", event.code("reason")),
        "released" => format!("Given back: {}", event.code("reason")),
        "intent_accepted" => event.effect(),
        "intent_refused" => format!("Not carried out: {}", event.code("reason")),
        "picked" => {
            let by_hand = if event.text("barcode").is_none() { ", confirmed by hand" } else { "" };
            format!("Picked {}{}{by_hand}", event.units(), event.moved("location", "container"))
        }
        "unpicked" => format!("Put back a wrong pick of {}", event.content()),
        "shorted" => format!("Short by {}: {}", event.units(), event.code("reason")),
        "substituted" => {
            let with = event.text("with").unwrap_or_default();
            format!("Took {} × {with} for line {}", event.number("qty"), event.number("line"))
        }
        "packed" => {
            let units: u64 =
                event.list("contents").iter().filter_map(|content| content["qty"].as_u64()).sum();
            let weight = event.0["weight_g"].as_u64().map(|grams| format!(", {grams} g")).unwrap_or_default();
            format!("Packed {units} into {}{weight}", event.container())
        }
        "unpacked" => format!("Opened {} again", event.container()),
        "staged" => format!("Staged {} at {}", event.container(), event.named("location")),
        "ready" => "Ready: the customer may come".to_owned(),
        "labeled" => {
            let right = event.permission();
            let what = event.text("label").unwrap_or("label");
            format!("{} label {} for {}{right}", capital(what), event.named("number"), event.container())
        }
        "label_destroyed" => format!("Destroyed label {}", event.named("number")),
        "customer_arrived" => format!("The customer is here ({})", event.code("via")),
        "age_verified" => format!("Age checked ({})", event.code("method")),
        "declined" => format!("Customer declined {}: {}", event.content(), event.code("reason")),
        "handover_refused" => format!("Not handed over: {}", event.code("reason")),
        "kept_longer" => "Keeps the pickup longer".to_owned(),
        "pickup_expired" => "Nobody came: set aside".to_owned(),
        "put_back" => format!("Put back {} to {}", event.content(), event.named("location")),
        "sorted" => format!("Sorted {} to {}", event.container(), event.named("cage")),
        "collected" => {
            format!("Driver took {} parcels of {}", event.number("count"), event.named("manifest"))
        }
        "handed_over" => {
            let units: u64 = event.list("items").iter().filter_map(|item| item["qty"].as_u64()).sum();
            let to = event.code("to");
            format!(
                "Handed over {units} to the {to}, checked by {}{}",
                event.code("proof"),
                event.permission()
            )
        }
        "cancel_requested" => format!("Asked to cancel {}: {}", event.lines(), event.code("reason")),
        "amend_requested" => {
            format!("Asked to change line {} to {}", event.number("line"), event.number("qty"))
        }
        "hold_requested" => format!("Asked to hold: {}", event.code("reason")),
        "unhold_requested" => "Asked to go on".to_owned(),
        "release_requested" => format!("Asked to give it back: {}", event.code("reason")),
        "extend_requested" => "Asked to keep it longer".to_owned(),
        "substitution_approved" => format!("Customer takes {} instead", event.named("with")),
        "substitution_declined" => "Customer takes no substitute".to_owned(),
        "revoked" => format!("Taken away: {}", event.code("reason")),
        "label_bought" => {
            let (carrier, number) = (event.code("carrier"), event.named("number"));
            format!("Bought {carrier} label {number} for {}", event.container())
        }
        "label_void_confirmed" => format!("Carrier took label {} back", event.named("number")),
        "customer_en_route" => "The customer is on the way".to_owned(),
        "pickup_person_named" => "Another person will collect".to_owned(),
        "observed" => format!("{} says: {}", event.named("source"), event.code("fact")),
        _ => capital(&plain(kind)),
    }
}

/// Whether an event deserves a second look.
pub fn is_alarming(kind: &str, data: &Value) -> bool {
    let unpermitted = |right: &Value| !right.is_null() && right.as_str() != Some("granted");
    matches!(kind, "rejected" | "released" | "shorted" | "intent_refused" | "handover_refused" | "revoked")
        || unpermitted(&data["permission"])
}

struct Reader<'a>(&'a Value);

impl<'a> Reader<'a> {
    fn text(&self, key: &str) -> Option<&'a str> {
        self.0[key].as_str()
    }

    fn named(&self, key: &str) -> &'a str {
        self.text(key).unwrap_or("?")
    }

    fn container(&self) -> String {
        container(self.named("container"))
    }

    fn code(&self, key: &str) -> String {
        self.text(key).map(plain).unwrap_or_else(|| "no reason given".to_owned())
    }

    fn number(&self, key: &str) -> String {
        self.0[key].as_u64().map_or_else(|| "?".to_owned(), |number| number.to_string())
    }

    fn list(&self, key: &str) -> &'a [Value] {
        self.0[key].as_array().map(Vec::as_slice).unwrap_or_default()
    }

    fn units(&self) -> String {
        format!("{} × {}", self.number("qty"), self.named("sku"))
    }

    fn content(&self) -> String {
        Reader(&self.0["content"]).units()
    }

    fn moved(&self, from: &str, to: &str) -> String {
        match (self.text(from), self.text(to)) {
            (Some(from), Some(to)) => format!(" from {from} into {}", container(to)),
            _ => String::new(),
        }
    }

    fn lines(&self) -> String {
        let lines: Vec<String> =
            self.list("lines").iter().filter_map(Value::as_u64).map(|n| n.to_string()).collect();
        match lines.as_slice() {
            [] => "everything".to_owned(),
            [line] => format!("line {line}"),
            _ => format!("lines {}", lines.join(", ")),
        }
    }

    /// What an accepted intent changes.
    fn effect(&self) -> String {
        let effect = Reader(&self.0["effect"]);
        match effect.text("is") {
            Some("cancelled") => {
                let lines = effect.list("lines");
                let sum = |key: &str| -> u64 { lines.iter().filter_map(|line| line[key].as_u64()).sum() };
                match (sum("open"), sum("to_put_back")) {
                    (open, 0) => format!("Carried out: {open} units cancelled before picking"),
                    (open, back) => {
                        format!("Carried out: {} units cancelled, {back} to be put back", open + back)
                    }
                }
            }
            Some("added") => {
                format!("Carried out: {} more of line {}", effect.number("qty"), effect.number("line"))
            }
            Some("held") => "Carried out: the case waits".to_owned(),
            Some("unheld") => "Carried out: the case goes on".to_owned(),
            Some("extended") => "Carried out: kept longer".to_owned(),
            _ => "Carried out".to_owned(),
        }
    }

    /// With what right an irrevocable act was done, where that was not the ordinary one.
    fn permission(&self) -> String {
        match &self.0["permission"] {
            Value::Object(kinds) if kinds.contains_key("override") => {
                let why = kinds["override"]["reason"].as_str().unwrap_or("no reason given");
                format!(" — overridden: {}", plain(why))
            }
            Value::String(kind) if kind == "after_the_fact" => {
                " — booked afterwards, without permission".to_owned()
            }
            _ => String::new(),
        }
    }
}

fn capital(text: &str) -> String {
    super::words::title(text)
}

#[cfg(test)]
mod tests {
    use outpost_model::event::Kind;
    use outpost_model::fact::SiteFact;
    use outpost_model::intent::HubEvent;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_of_the_model_has_its_own_sentence() {
        for kind in SiteFact::NAMES.iter().chain(HubEvent::NAMES) {
            let said = sentence(kind, &json!({ "reason": "x", "number": "N", "container": "C" }));
            let fallback = capital(&plain(kind));
            let short = ["accepted", "revoked", "ready"];
            assert!(said != fallback || short.contains(kind), "{kind} falls through: {said}");
        }
        assert_eq!(sentence("teleported", &json!({})), "Teleported");
    }

    #[test]
    fn sentences_name_units_places_and_rights() {
        let picked = json!({ "line": 1, "sku": "MUG-7", "qty": 2, "barcode": "4006381333931", "location": "A-1", "container": "TOTE-3" });
        assert_eq!(sentence("picked", &picked), "Picked 2 × MUG-7 from A-1 into TOTE-3");
        let out = json!({ "items": [{ "qty": 2 }, { "qty": 1 }], "to": "customer", "proof": "code", "permission": "granted" });
        assert_eq!(sentence("handed_over", &out), "Handed over 3 to the customer, checked by code");
        assert!(!is_alarming("handed_over", &out));
        let forced = json!({ "items": [], "to": "carrier", "proof": "scan", "permission": { "override": { "reason": "truck waiting" } } });
        assert!(sentence("handed_over", &forced).ends_with("overridden: truck waiting"));
        assert!(is_alarming("handed_over", &forced));
        let effect = json!({ "is": "cancelled", "lines": [{ "line": 1, "open": 1, "to_put_back": 2 }] });
        let answer = json!({ "intent": "x", "effect": effect });
        assert_eq!(sentence("intent_accepted", &answer), "Carried out: 3 units cancelled, 2 to be put back");
        assert_eq!(
            sentence("cancel_requested", &json!({ "reason": "fraud" })),
            "Asked to cancel everything: fraud"
        );
    }
}
