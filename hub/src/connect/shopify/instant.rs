//! Times: several offsets in one document, none at all, or nothing.

use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::{Timestamp, tz::TimeZone};
use outpost_model::time::UtcMillis;

use super::super::json::Node;
use super::super::text::Notes;

/// Shopify was founded in 2006; an order from before 2000 or from the day after tomorrow has a broken clock behind it.
const EARLIEST: UtcMillis = UtcMillis(946_684_800_000);
const AHEAD_MAX_MS: i64 = 2 * 86_400_000;

/// When it was placed: when the shop processed it, or made it, or when it came to us.
pub fn placed_at(root: &Node<'_>, arrived_at: UtcMillis, notes: &mut Notes) -> UtcMillis {
    for key in ["processed_at", "created_at"] {
        if let Some(at) = read(&root.get(key), arrived_at, notes) {
            return at;
        }
    }
    notes.remark("The payload says no usable time of purchase: the time of arrival is taken");
    arrived_at
}

/// When the channel cancelled it. Any value means that it did, also one that is no time.
pub fn cancelled_at(root: &Node<'_>, arrived_at: UtcMillis, notes: &mut Notes) -> Option<UtcMillis> {
    let node = root.get("cancelled_at");
    if node.is_empty() || node.flag() == Some(false) {
        return None;
    }
    Some(read(&node, arrived_at, notes).unwrap_or(arrived_at))
}

fn read(node: &Node<'_>, arrived_at: UtcMillis, notes: &mut Notes) -> Option<UtcMillis> {
    let text = node.text()?;
    let Some((at, has_offset)) = parse(text) else {
        notes.remark(format!("The time at {} cannot be read and is passed over", node.path()));
        return None;
    };
    if at < EARLIEST || at.since(arrived_at) > AHEAD_MAX_MS {
        notes.remark(format!("The time at {} is not plausible and is passed over", node.path()));
        return None;
    }
    if !has_offset {
        notes.remark("A time has no UTC offset: it is taken as UTC");
    }
    Some(at)
}

fn parse(text: &str) -> Option<(UtcMillis, bool)> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some((at.into(), true));
    }
    let spelled =
        ["%Y-%m-%d %H:%M:%S %z", "%Y-%m-%dT%H:%M:%S%z", "%Y/%m/%d %H:%M:%S %z", "%a, %d %b %Y %H:%M:%S %z"];
    let zulu = text.strip_suffix(" UTC").map(|rest| format!("{rest} +0000"));
    let with_offset = zulu.as_deref().unwrap_or(text);
    for format in spelled {
        if let Ok(at) = strtime::parse(format, with_offset).and_then(|parts| parts.to_timestamp()) {
            return Some((at.into(), true));
        }
    }
    let naive: DateTime = text.parse().ok()?;
    let at = naive.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some((at.into(), false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_instant_has_many_spellings() {
        let instant = UtcMillis(1_751_473_886_000);
        for text in [
            "2025-07-02T11:31:26-05:00",
            "2025-07-02T16:31:26Z",
            "2025-07-02T16:31:26.000Z",
            "2025-07-02T18:31:26+02:00",
            "2025-07-02T18:31:26+0200",
            "2025-07-02 16:31:26 UTC",
            "2025-07-02 11:31:26 -0500",
            "Wed, 02 Jul 2025 11:31:26 -0500",
        ] {
            assert_eq!(parse(text), Some((instant, true)), "{text}");
        }
        assert_eq!(parse("2025-07-02T16:31:26"), Some((instant, false)));
        assert_eq!(parse("2025-07-02 16:31:26"), Some((instant, false)));
        for text in ["", "yesterday", "0000-00-00", "2025-13-01T00:00:00Z", "1751473886"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
