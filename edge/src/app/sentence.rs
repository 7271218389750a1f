//! What exceptions say to people.

/// The sentence for a code; a code of a later version speaks for itself.
pub fn sentence(code: &str) -> &'static str {
    match code {
        "outside_authority" => "Goods left, or a label was issued, while the site had no authority for it.",
        "authority_override" => "A supervisor decided without authority from the hub.",
        "negative_sellable" => "A sale took units that were promised to somebody. Count the shelf.",
        "rights_broken" => "The hub has promised more than this site granted. Tell support.",
        "count_needed" => "The book and the shelf disagree. Count this place.",
        "unknown_sku" => "Something was sold that is not in the list of products.",
        "handed_over_on_hold" => "Goods were handed over while the order was on hold.",
        "handed_over_after_end" => "Goods were handed over after the order had ended at this site.",
        "handed_over_though_revoked" => {
            "Goods were handed over although the hub had given the order to another site."
        }
        "handed_over_unwanted" => "Goods were handed over that were not wanted any more.",
        "handed_over_unpicked" => "Goods were handed over that nobody had picked. Count the shelf.",
        "observed_not_handed_over" => "The carrier has seen a parcel that nobody here handed over.",
        "returned_to_sender" => "The carrier brings a parcel back.",
        "payment_failed" => "The payment of this order failed.",
        "over_pick" => "More was picked than was ordered. Put the rest back.",
        "refused_item" => "Something from the hub could not be taken and was set aside. Tell support.",
        "record_missing" => {
            "The name and address of this order have not come, so it is in no list. Tell support."
        }
        "held_by_hub" => {
            "The hub has set aside what this site wrote about this, and waits for it to be written anew. Tell support."
        }
        "reference_refused" => {
            "New products or rules from the hub could not be taken; the old ones stay in force. Tell support."
        }
        "too_many_documents" => {
            "This site has written as many pages as its settings allow, and grants nothing any more. Tell support."
        }
        "clone_alive" => "Another computer answers in this site's name. Tell support at once.",
        "rolled_back" => {
            "This site's computer has lost work it had done: it runs on an old copy. Tell support at once."
        }
        "hub_rolled_back" => {
            "The hub has lost something it had sent. It gets it back from here. Tell support."
        }
        "claim_doubted" => {
            "The hub does not know what this site has received of it, and sends nothing more. Tell support."
        }
        "hub_epoch_over" => "Something speaks in the name of a hub that was replaced. Tell support.",
        "update_needed" => {
            "This computer's program and the hub's are too far apart. Nothing is exchanged until the update."
        }
        "stream_forgotten" => "The hub asks for work that is not kept here any more. Tell support.",
        "item_too_large" => "Something is longer than the line takes. Tell support.",
        "serials_overlap" => {
            "The hub gave numbers for handling labels that are in use. They are not used. Tell support."
        }
        "stream_diverged" => "What this site and the hub have stored of each other differs. Tell support.",
        "item_refused" => "The hub could not take something this site wrote, and set it aside. Tell support.",
        "printer_trouble" => "A label printer needs attention.",
        "serials_low" => "Few numbers for handling labels are left; more come when the line is up.",
        _ => "This needs a look. See the runbook for its code.",
    }
}
