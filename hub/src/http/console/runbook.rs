//! What each exception means and what to do about it, in the words of whoever has to.

mod line;

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
    all().find(|runbook| runbook.code == code).unwrap_or(&UNKNOWN)
}

fn all() -> impl Iterator<Item = &'static Runbook> {
    RUNBOOKS.iter().chain(line::RUNBOOKS)
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

const RUNBOOKS: &[Runbook] = &[
    Runbook {
        code: "reference_refused",
        means: "A site could not take new products or rules; it works on with the version before.",
        steps: &[
            "The sentence says why: `unreadable_content` means that the site runs an older version, or that the rules are wrong.",
            "Update the site, or import corrected data: the next version is tried anew.",
        ],
    },
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
        code: "backup_failed",
        means: "The database was not copied. Sites go on and keep everything that no copy contains, so their disks fill.",
        steps: &[
            "The sentence says what failed: mostly a full or missing folder.",
            "Make room or mend the folder named by backup.directory; the hub tries again every minute.",
            "POST /v1/backups makes one at once. This closes by itself when a copy is whole.",
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
        code: "carrier_unreachable",
        means: "The carrier sold no label after several attempts. The site can pick and pack, but not send.",
        steps: &[
            "Read what the carrier says; when its service is down, labels are bought by themselves once it is back.",
            "When it refuses the address or method, correct it in the shop and cancel the order here.",
        ],
    },
    Runbook {
        code: "cancel_refused",
        means: "A site could not carry out a cancellation: the goods had left, or the customer stood at the counter.",
        steps: &[
            "Read the site's reason in the timeline.",
            "Intercept the parcel or open a return.",
            "Correct the refund in the shop.",
        ],
    },
    Runbook {
        code: "quarantined",
        means: "A site sent something that could not be accepted: malformed, forged, or not its to say. It is kept aside.",
        steps: &[
            "The other documents of the site go on; only this one stands still.",
            "Find out whether the site runs a later version or was restored from an old copy.",
            "Have the appliance's log looked at; re-enroll it when its key may have leaked.",
            "See what is held: GET /v1/sites/{site}/quarantine. Nothing of it is lost.",
            "When the hub was wrong, update it and release the document: POST /v1/sites/{site}/quarantine/release.",
            "When it is beyond repair, give it up (POST /v1/sites/{site}/quarantine/give-up) and count what it was about.",
        ],
    },
    Runbook {
        code: "promise_not_covered",
        means: "The hub was restored, and a site gave back an order that the rights known now do not cover.",
        steps: &[
            "Wait until the site has given back everything: its grants may still be on their way.",
            "Have the site count what the order needs; it works on meanwhile.",
        ],
    },
    Runbook {
        code: "order_doubled",
        means: "The hub was restored to before it took work from a silent site: two sites have more of an order than was ordered.",
        steps: &[
            "Call the sites: whoever has handed something over keeps its part.",
            "Have the other one give its part back (it rejects or releases the order), before it hands anything over.",
            "When both have handed over, ask the customer or the carrier for one of the parcels, and have both sites count.",
        ],
    },
    Runbook {
        code: "held_by_site",
        means: "A site could not take something the hub wrote into a document, and waits with all that came later of it.",
        steps: &[
            "The site's other documents go on; only this one stands still.",
            "Update the site's program: it tries again when it starts.",
            "Or release it there by hand: POST /v1/sync/release at the site, with the document's name.",
        ],
    },
    Runbook {
        code: "contradiction",
        means: "Two facts of a case cannot both be true. Both are booked; nothing was guessed.",
        steps: &[
            "Read both in the timeline and ask the site which one happened.",
            "Have the site count the SKU.",
        ],
    },
    Runbook {
        code: "handed_over_though_revoked",
        means: "A site handed over goods of a case that the hub had taken away; another site may have the same work.",
        steps: &[
            "See whether another site works on the same units and cancel that part.",
            "If both went out, open a return.",
        ],
    },
    Runbook {
        code: "observed_not_handed_over",
        means: "A carrier has seen a parcel that its site has not handed over in the book.",
        steps: &[
            "Ask the site: usually the driver took it before it was scanned.",
            "Have it book the handover as already done.",
        ],
    },
    Runbook {
        code: "label_refused",
        means: "The carrier does not sell a label for this parcel. The site can pick and pack, but not send.",
        steps: &[
            "Read what the carrier says: mostly the address or the method.",
            "Correct it in the shop and cancel the order here; the corrected one comes as a new one.",
        ],
    },
    Runbook {
        code: "label_void_refused",
        means: "The carrier does not take a label back that is not needed any more; it may be charged.",
        steps: &["Claim it back from the carrier by its tracking number."],
    },
    Runbook {
        code: "order_lost",
        means: "A site works on an order that came in after the hub's last copy was made and was lost with the database. The \
                hub knows only what the site's case says of it.",
        steps: &[
            "Have the channel send the order again: it takes its place, and nothing is delivered twice.",
            "An order entered by hand: enter it again under the same number.",
        ],
    },
    Runbook {
        code: "pickup_late",
        means: "A customer wants to collect an order at a site that has not accepted or begun it in time.",
        steps: &["Call the site.", "If it cannot be done, cancel the order and tell the customer."],
    },
    Runbook {
        code: "errand_without_case",
        means: "Another hub on this database left something to be said to a site in a case that is not in the database.",
        steps: &[
            "Look whether the database was put back to an earlier state, and whether the channel sends the order again.",
            "Ask the site whether it has the order, and tell it by phone what has changed.",
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_one_runbook_with_steps() {
        let codes: std::collections::BTreeSet<&str> = all().map(|runbook| runbook.code).collect();
        assert_eq!(codes.len(), all().count());
        assert!(all().all(|runbook| !runbook.steps.is_empty() && runbook.means.ends_with('.')));
        assert_eq!(of("no_site_left").code, "no_site_left");
        assert_eq!(of("never_heard_of").code, "");
    }

    /// Codes stand in the sources where exceptions are raised: as a field, in a finding, in the fold of a case.
    fn raised(folder: &std::path::Path, codes: &mut std::collections::BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                raised(&path, codes);
                continue;
            }
            let source = std::fs::read_to_string(&path).unwrap();
            let consts = if path.to_string_lossy().contains("/fold/") { ": &str = \"" } else { "code: \"" };
            let marks =
                ["code: \"", "notes.find(\"", "notes.find(\n", "self.raise(\"", "=> (\"", "=> (\n", consts];
            for mark in marks {
                for rest in source.split(mark).skip(1) {
                    let code: String =
                        rest.trim_start().trim_start_matches('"').chars().take_while(|c| *c != '"').collect();
                    let is_code = code.contains('_')
                        || code == "contradiction"
                        || code == "archived"
                        || code == "quarantined";
                    if is_code && code.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
                        codes.insert(code);
                    }
                }
            }
        }
    }

    #[test]
    fn whatever_is_raised_has_a_runbook() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut codes = std::collections::BTreeSet::new();
        for folder in
            ["src/app", "src/work", "src/replicate", "src/connect/shopify", "../sync/model/src/fold"]
        {
            raised(&root.join(folder), &mut codes);
        }
        assert!(codes.len() >= 25, "the sources are read: {codes:?}");
        let missing: Vec<&String> = codes.iter().filter(|code| of(code).code.is_empty()).collect();
        assert!(missing.is_empty(), "no runbook for {missing:?}");
    }
}
