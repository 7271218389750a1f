//! Names of states and codes as people read them, and how loud each is shown.

use outpost_model::fulfillment::{End, Milestone};
use outpost_model::header::Service;
use outpost_model::milestone::OrderState;
use outpost_model::order::{Delivery, PaymentState};
use outpost_model::routing::Verdict;

/// A short text with the class of its badge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Badge {
    /// What it says.
    pub text: String,
    /// `ok`, `warn`, `bad`, `info`, `quiet` or nothing.
    pub class: &'static str,
}

impl Badge {
    /// A badge.
    pub fn new(class: &'static str, text: impl Into<String>) -> Self {
        Self { class, text: text.into() }
    }
}

/// A snake-case code as words: `no_site_left` is "no site left".
pub fn plain(code: &str) -> String {
    let word = |word: &str| if word == "sku" { "SKU".to_owned() } else { word.to_owned() };
    code.split('_').map(word).collect::<Vec<_>>().join(" ")
}

/// The same with a capital.
pub fn title(code: &str) -> String {
    let words = plain(code);
    let mut letters = words.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
        .unwrap_or_default()
}

/// An order's state.
pub fn state(state: OrderState) -> Badge {
    match state {
        OrderState::Captured => Badge::new("", "Captured"),
        OrderState::Held => Badge::new("warn", "Held"),
        OrderState::Approved => Badge::new("warn", "Waiting for a site"),
        OrderState::Routed => Badge::new("info", "Routed"),
        OrderState::InProgress => Badge::new("info", "In progress"),
        OrderState::PartiallyFulfilled => Badge::new("info", "Partly fulfilled"),
        OrderState::Fulfilled => Badge::new("ok", "Fulfilled"),
        OrderState::Cancelled => Badge::new("quiet", "Cancelled"),
        OrderState::Returned => Badge::new("quiet", "Returned"),
    }
}

/// How far a case is, or how it ended otherwise.
pub fn milestone(milestone: Milestone, end: Option<&End>) -> Badge {
    if let Some(end) = end {
        return match end {
            End::Rejected(why) => Badge::new("bad", format!("Rejected: {}", plain(why.as_str()))),
            End::Released(why) => Badge::new("bad", format!("Released: {}", plain(why.as_str()))),
            End::Revoked(why) => Badge::new("bad", format!("Revoked: {}", plain(why.as_str()))),
            End::Cancelled => Badge::new("quiet", "Cancelled"),
            End::Expired => Badge::new("warn", "Not collected"),
        };
    }
    match milestone {
        Milestone::Offered => Badge::new("", "Offered"),
        Milestone::Accepted => Badge::new("info", "Accepted"),
        Milestone::Picking => Badge::new("info", "Picking"),
        Milestone::Picked => Badge::new("info", "Picked"),
        Milestone::Packed => Badge::new("info", "Packed"),
        Milestone::Labeled => Badge::new("info", "Labeled"),
        Milestone::Staged => Badge::new("info", "Staged"),
        Milestone::Ready => Badge::new("ok", "Ready to collect"),
        Milestone::HandedOver => Badge::new("ok", "Handed over"),
        Milestone::Closed => Badge::new("ok", "Closed"),
    }
}

/// A service.
pub fn service(service: Service) -> &'static str {
    match service {
        Service::Pickup => "Pickup",
        Service::Ship => "Ship",
        Service::ShipToStore => "Ship to store",
    }
}

/// How the customer gets it, without anything personal: the postal code stays coarse.
pub fn delivery(delivery: &Delivery) -> String {
    match delivery {
        Delivery::Ship { country, method, .. } if country.is_empty() => {
            format!("Ship, {}, no address", plain(method))
        }
        Delivery::Ship { country, postal_code, method } => {
            format!("Ship to {country} {postal_code}, {}", plain(method)).replace(" ,", ",")
        }
        Delivery::Pickup { site } => format!("Pickup at {site}"),
        Delivery::ShipToStore { site } => format!("Ship to store {site}"),
    }
}

/// What the channel says of the payment.
pub fn payment(payment: PaymentState) -> Badge {
    match payment {
        PaymentState::Pending => Badge::new("warn", "Payment pending"),
        PaymentState::Authorized => Badge::new("ok", "Payment authorized"),
        PaymentState::Paid => Badge::new("ok", "Paid"),
        PaymentState::PartiallyPaid => Badge::new("warn", "Paid in part"),
        PaymentState::Refunded => Badge::new("quiet", "Refunded"),
        PaymentState::Voided => Badge::new("warn", "Payment voided"),
    }
}

/// What became of a candidate.
pub fn verdict(verdict: Verdict) -> Badge {
    match verdict {
        Verdict::Chosen => Badge::new("ok", "Chosen"),
        Verdict::Passed => Badge::new("", "Possible"),
        Verdict::Refused => Badge::new("quiet", "Ruled out"),
    }
}

/// A reason of routing, such as `distance_km=12`, as words: "distance 12 km". Units stand last in the code's name.
pub fn reason(reason: &str) -> String {
    let Some((name, value)) = reason.split_once(['=', ':']) else { return plain(reason) };
    let units = [("_km", "km"), ("_percent", "%"), ("_units", "units"), ("_ms", "ms"), ("_min", "min")];
    match units.iter().find_map(|(end, unit)| name.strip_suffix(end).map(|stem| (stem, unit))) {
        Some((stem, unit)) => format!("{} {value} {unit}", plain(stem)),
        None => format!("{} {value}", plain(name)),
    }
}

/// A container's code; one that both sides worked out from the case's id is called by its place in the case.
pub fn container(code: &str) -> String {
    let Some((case, own)) = code.split_once('-').filter(|(case, _)| case.len() == 32) else {
        return code.to_owned();
    };
    let named = |what: &str, letter: char| own.strip_prefix(letter).map(|number| format!("{what} {number}"));
    let is_case = case.bytes().all(|b| b.is_ascii_hexdigit());
    is_case
        .then(|| named("parcel", 'p').or_else(|| named("bag", 'b')))
        .flatten()
        .unwrap_or_else(|| code.to_owned())
}

/// A number of bytes, coarse.
pub fn bytes(count: u64) -> String {
    match count {
        0..10_000 => format!("{count} B"),
        10_000..10_000_000 => format!("{} kB", count / 1_000),
        _ => format!("{} MB", count / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_read_with_their_units() {
        assert_eq!(reason("distance_km=12"), "distance 12 km");
        assert_eq!(reason("unused_rights=40"), "unused rights 40");
        assert_eq!(reason("paused"), "paused");
        assert_eq!(reason("load_percent=30"), "load 30 %");
        assert_eq!(container("0190b3a4c5d67e8f9a0b1c2d3e4f5061-p2"), "parcel 2");
        assert_eq!(container("TOTE-7"), "TOTE-7");
        assert_eq!(title("no_site_left"), "No site left");
        assert_eq!(title(""), "");
    }
}
