//! What exceptions say to people.

/// The sentence for a code; a code of a later version speaks for itself.
pub fn sentence(code: &str) -> &'static str {
    match code {
        "outside_authority" => "Goods left, or a label was issued, while the site had no authority for it.",
        "negative_sellable" => "More was sold over the counter than the book had left. Count the shelf.",
        "negative_balance" => "The book holds less than nothing at a place. Count it.",
        "serials_low" => "Few numbers for handling labels are left; more come when the line is up.",
        "late_fact" => "Something was booked after the order had moved on. Look at the order's history.",
        "over_handover" => "More was handed over than the order asks for. Look at the order's history.",
        "contradiction" => {
            "What others report does not fit what was booked here. Look at the order's history."
        }
        "refused_item" => "Something from the hub could not be taken and was set aside. Tell support.",
        "printer_trouble" => "A label printer needs attention.",
        _ => "This needs a look. See the runbook for its code.",
    }
}
