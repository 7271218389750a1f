//! The numbers of a batch's items.

use crate::progress::Span;

/// The numbers in ascending runs; nothing when they are not ascending or there are too many.
pub(super) fn numbers(runs: &[Span]) -> Option<Vec<u64>> {
    const ITEMS_MAX: u64 = 1_000;
    // What counts further cannot be kept as it is.
    const BELOW: u64 = 1 << 63;
    let mut numbers = Vec::new();
    let mut last = 0;
    for run in runs {
        let count = run.through.checked_sub(run.from)?;
        if run.from <= last
            || run.through >= BELOW
            || count >= ITEMS_MAX
            || numbers.len() as u64 + count >= ITEMS_MAX
        {
            return None;
        }
        numbers.extend(run.from..=run.through);
        last = run.through;
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_ascend_and_are_at_most_a_thousand() {
        let span = |from, through| Span { from, through };
        assert_eq!(numbers(&[span(3, 5), span(9, 9)]), Some(vec![3, 4, 5, 9]));
        assert_eq!(numbers(&[span(1, 1_000)]).map(|numbers| numbers.len()), Some(1_000));
        assert_eq!(numbers(&[span(1, 1_001)]), None);
        assert_eq!(numbers(&[span(1, 600), span(700, 1_100)]), None);
        assert_eq!(numbers(&[span(1, u64::MAX)]), None);
        let end = 1 << 63;
        assert_eq!(numbers(&[span(end - 1, end - 1)]), Some(vec![end - 1]));
        assert_eq!(numbers(&[span(end - 1, end)]), None, "numbers are below 2^63");
        assert_eq!(numbers(&[span(end, end)]), None);
        assert_eq!(numbers(&[span(u64::MAX, u64::MAX)]), None);
        assert_eq!(numbers(&[span(0, 3)]), None, "numbers begin with 1");
        assert_eq!(numbers(&[span(5, 4)]), None);
        assert_eq!(numbers(&[span(3, 5), span(5, 6)]), None);
    }
}
