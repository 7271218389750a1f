//! What each exception means and what to do about it, in the words of whoever has to.

/// The page of a runbook for one code.
pub struct Runbook {
    /// The stable code.
    pub code: &'static str,
    /// What it means.
    pub means: &'static str,
    /// What to do, step by step.
    pub steps: &'static [&'static str],
}

/// The runbook for a code; for a code without one, where to look.
pub fn of(code: &str) -> &'static Runbook {
    RUNBOOKS.iter().find(|runbook| runbook.code == code).unwrap_or(&UNKNOWN)
}

const UNKNOWN: Runbook = Runbook {
    code: "",
    means: "Something happened that nobody foresaw in writing.",
    steps: &[
        "Read the sentence and the order's timeline.",
        "Settle it with the site, then resolve it with a note.",
    ],
};

const APPROVE: &str = "Approve the order when it may go on, or cancel it.";

const RUNBOOKS: [Runbook; 28] = [
    Runbook {
        code: "no_site_left",
        means: "No site can deliver what is left of the order: each has failed, lacks stock, is silent or was ruled out.",
        steps: &[
            "Read the last routing decision: it says for every site what speaks against it.",
            "Bring stock in, resume a paused site or wait for a silent one; routing tries again by itself.",
            "Otherwise cancel what is left and tell the customer.",
        ],
    },
    Runbook {
        code: "reroutes_exhausted",
        means: "The order has moved from site to site as often as the rules allow.",
        steps: &[
            "Look at why the sites gave it back.",
            "Correct the stock, then approve the order to have it tried again.",
            "Or cancel it.",
        ],
    },
    Runbook {
        code: "malformed_payload",
        means: "A channel sent something that is no order we can read. It is kept whole; no order was made of it.",
        steps: &[
            "The sentence names the place in the payload and what is allowed there.",
            "For a pickup place or a shop's setting: add it to the settings and have the channel send the order again.",
            "Otherwise enter the order by hand through the API and note its number here.",
        ],
    },
    Runbook {
        code: "unknown_sku",
        means: "The order asks for a product that was never imported.",
        steps: &["Import the product, or correct its SKU in the shop.", APPROVE],
    },
    Runbook {
        code: "unknown_site",
        means: "The customer wants to collect at a site that was never imported.",
        steps: &["Import the site, or correct the shop's pickup places.", APPROVE],
    },
    Runbook {
        code: "no_address",
        means: "The order is to be sent, and nobody says where to.",
        steps: &[
            "Ask the customer or look the order up in the shop.",
            "Correct it there and cancel it here; the corrected order comes as a new one.",
        ],
    },
    Runbook {
        code: "address_assumed",
        means: "The order has no address of its own; the one stored for the customer was taken.",
        steps: &["Make sure with the customer that it is the right one.", APPROVE],
    },
    Runbook {
        code: "address_incomplete",
        means: "The address lacks a street or a town.",
        steps: &[
            "Ask the customer.",
            "Correct it in the shop and cancel the order here; the corrected one comes as a new one.",
        ],
    },
    Runbook {
        code: "country_unknown",
        means: "The address names no country we know.",
        steps: &["Correct the country in the shop and cancel the order here."],
    },
    Runbook {
        code: "price_missing",
        means: "A line came without a price and stands at zero.",
        steps: &["Compare with the order in the shop.", APPROVE],
    },
    Runbook {
        code: "quantity_disagrees",
        means: "The shop's own numbers contradict each other; the smaller quantity was taken.",
        steps: &["Compare with the order in the shop what is still to be delivered.", APPROVE],
    },
    Runbook {
        code: "other_service",
        means: "The shop has assigned a line to a fulfillment service that the settings do not know.",
        steps: &[
            "Find out who delivers it.",
            "Name the service in the shop's settings as ours or as somebody else's.",
            APPROVE,
        ],
    },
    Runbook {
        code: "line_properties",
        means: "The customer has asked for something special (an engraving, a text). Sites are not told.",
        steps: &["Read it in the shop and pass it on to the site.", APPROVE],
    },
    Runbook {
        code: "test_order",
        means: "The shop marks the order as a test.",
        steps: &["Cancel it, or approve it when the test is meant to reach a site."],
    },
    Runbook {
        code: "archived",
        means: "The shop has archived the order although something is left to deliver.",
        steps: &["Find out whether it was delivered otherwise.", APPROVE],
    },
    Runbook {
        code: "outside_authority",
        means: "A site labeled or handed over goods without permission to; it is booked as it happened.",
        steps: &[
            "Ask the site what happened: usually the line was down longer than its authority lasted.",
            "Check in the timeline that no other site has handed over the same units.",
            "If two did, open a return with the customer.",
        ],
    },
    Runbook {
        code: "authority_override",
        means: "A supervisor labeled or handed over goods without permission, with a reason.",
        steps: &[
            "Read the reason in the timeline.",
            "Check that no other site has handed over the same units.",
        ],
    },
    Runbook {
        code: "handed_over_on_hold",
        means: "The goods left the site while the order was on hold.",
        steps: &["Settle what the hold was for (payment, fraud review) with the customer."],
    },
    Runbook {
        code: "handed_over_after_end",
        means: "The goods left a site that had given the case back or lost it.",
        steps: &[
            "See whether another site works on the same units and cancel that part.",
            "If both went out, open a return.",
        ],
    },
    Runbook {
        code: "handed_over_unwanted",
        means: "Goods left the site that had been cancelled.",
        steps: &["Open a return or intercept the parcel.", "Correct the refund in the shop."],
    },
    Runbook {
        code: "handed_over_unpicked",
        means: "More left the site than was picked.",
        steps: &["Have the site count the SKU.", "Compare with what the customer has."],
    },
    Runbook {
        code: "over_pick",
        means: "More was picked than was ordered.",
        steps: &["Have the site put back what is too much."],
    },
    Runbook {
        code: "returned_to_sender",
        means: "The carrier brings the parcel back.",
        steps: &["Check the address with the customer.", "Book the return when it arrives."],
    },
    Runbook {
        code: "payment_failed",
        means: "The payment provider says that the payment failed.",
        steps: &["Hold the order and ask the customer for another way to pay."],
    },
    Runbook {
        code: "carrier_contradicts",
        means: "What the carrier says of a parcel does not fit what the site says.",
        steps: &[
            "Compare the tracking number with the site's timeline.",
            "Ask the site whether the parcel is still there.",
        ],
    },
    Runbook {
        code: "serials_exhausted",
        means: "There are no serial numbers left for handling labels under the company prefix.",
        steps: &["Add a GS1 company prefix or another extension digit to the settings."],
    },
    Runbook {
        code: "label_failed",
        means: "The carrier sold no label after several attempts. The site can pack, but not send.",
        steps: &[
            "Read what the carrier says.",
            "Correct the address, or choose another method; then have the label bought again.",
        ],
    },
    Runbook {
        code: "negative_sellable",
        means: "A site has sold over the counter what was promised.",
        steps: &["Have the site count the SKU.", "Short or re-route what cannot be picked."],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_one_runbook_with_steps() {
        let codes: std::collections::BTreeSet<&str> = RUNBOOKS.iter().map(|runbook| runbook.code).collect();
        assert_eq!(codes.len(), RUNBOOKS.len());
        assert!(RUNBOOKS.iter().all(|runbook| !runbook.steps.is_empty() && runbook.means.ends_with('.')));
        assert_eq!(of("no_site_left").code, "no_site_left");
        assert_eq!(of("never_heard_of").code, "");
    }
}
