//! Two pages of documents, side by side.

use super::{Authors, Fingerprint, Known, Standing};
use crate::bytes::DocumentId;

/// A place in the order of documents: bucket and name.
pub(super) type Place = (u8, DocumentId);

/// What follows from two pages.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Differences {
    /// Documents of which one side may lack something.
    pub repair: Vec<DocumentId>,
    /// What documents are to the peer, where this side believed something else.
    pub notes: Vec<(DocumentId, Standing)>,
    /// What documents are to this side, where the peer believes something else.
    pub tells: Vec<(DocumentId, Standing)>,
}

pub(super) fn place(known: &Known) -> Place {
    (Fingerprint::of(&known.doc, &[]).bucket, known.doc.clone())
}

/// Whether a page ascends and begins after the last one: else whoever wrote it would make the walk go round.
pub(super) fn ascends(page: &[Known], after: Option<&Place>) -> bool {
    let places: Vec<Place> = page.iter().map(place).collect();
    places.first().zip(after).is_none_or(|(first, after)| first > after)
        && places.windows(2).all(|pair| pair[0] < pair[1])
}

/// Cuts both pages where the shorter one ends; nothing when neither goes on.
pub(super) fn cut(here: (&mut Vec<Known>, bool), there: (&mut Vec<Known>, bool)) -> Option<Place> {
    let end = |page: &[Known], more: bool| page.last().filter(|_| more).map(place);
    let ends = [end(here.0, here.1), end(there.0, there.1)];
    let end = ends.into_iter().flatten().min()?;
    here.0.retain(|known| place(known) <= end);
    there.0.retain(|known| place(known) <= end);
    Some(end)
}

/// Compares two pages that cover the same range.
pub(super) fn compare(here: &[Known], there: &[Known]) -> Differences {
    let mut differences = Differences::default();
    let mut theirs = there.iter().peekable();
    for mine in here {
        while let Some(other) = theirs.next_if(|other| place(other) < place(mine)) {
            only_there(other, &mut differences);
        }
        match theirs.next_if(|other| other.doc == mine.doc) {
            Some(other) => both(mine, other, &mut differences),
            None if mine.standing == Standing::Live && mine.there == Standing::Live => {
                differences.repair.push(mine.doc.clone());
            }
            None => {}
        }
    }
    theirs.for_each(|other| only_there(other, &mut differences));
    differences
}

fn only_there(other: &Known, differences: &mut Differences) {
    if other.standing == Standing::Live {
        differences.repair.push(other.doc.clone());
    }
}

fn both(mine: &Known, other: &Known, differences: &mut Differences) {
    let differ = mine.heads != other.heads;
    if other.there != mine.standing {
        differences.tells.push((mine.doc.clone(), mine.standing));
    }
    // What came after the peer archived it is a late fact and must still get there.
    let late = other.standing == Standing::Archived && differ;
    if mine.there != other.standing && !late {
        differences.notes.push((mine.doc.clone(), other.standing));
    }
    let open = other.standing == Standing::Live || late;
    if differ && open && mine.standing == Standing::Live {
        differences.repair.push(mine.doc.clone());
    }
}

/// How many changes `one` lacks of those that `other` has.
pub(super) fn lacking(one: &Authors, other: &Authors) -> u64 {
    let of = |author| one.iter().find(|(known, _)| *known == author).map_or(0, |(_, seq)| *seq);
    other.iter().map(|(author, seq)| seq.saturating_sub(of(*author))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::ChangeHash;

    fn known(n: u8, head: u8) -> Known {
        Known {
            doc: DocumentId::new(format!("case/{n}")).unwrap(),
            standing: Standing::Live,
            there: Standing::Live,
            heads: vec![ChangeHash([head; 32])],
        }
    }

    fn page(numbers: std::ops::Range<u8>) -> Vec<Known> {
        let mut page: Vec<Known> = numbers.map(|n| known(n, 1)).collect();
        page.sort_by_key(place);
        page
    }

    #[test]
    fn whatever_only_one_side_has_is_found() {
        let (all, some) = (page(0..40), page(10..30));
        assert_eq!(compare(&all, &some).repair.len(), 20);
        assert_eq!(compare(&some, &all).repair.len(), 20);
        assert_eq!(compare(&all, &[]).repair.len(), 40);
        assert_eq!(compare(&all, &all), Differences::default());
    }

    #[test]
    fn pages_are_cut_where_the_shorter_one_ends() {
        let all = page(0..40);
        let (mut here, mut there) = (all.clone(), all[..10].to_vec());
        let end = cut((&mut here, false), (&mut there, true));
        assert_eq!((here.len(), there.len(), end), (10, 10, Some(place(&all[9]))));
        let (mut here, mut there) = (all[..5].to_vec(), all[..10].to_vec());
        assert_eq!(cut((&mut here, true), (&mut there, true)), Some(place(&all[4])));
        assert_eq!(there.len(), 5);
        assert_eq!(cut((&mut here, false), (&mut there, false)), None);
        assert!(ascends(&all, None) && ascends(&all[10..], Some(&place(&all[9]))));
        assert!(!ascends(&all[9..], Some(&place(&all[9]))));
    }

    #[test]
    fn what_a_side_does_not_take_is_told_and_left_alone() {
        let mut held = known(1, 2);
        held.standing = Standing::Held;
        let differences = compare(&[known(1, 1)], std::slice::from_ref(&held));
        assert_eq!(differences.notes, [(held.doc.clone(), Standing::Held)]);
        assert!(differences.repair.is_empty());
        let differences = compare(std::slice::from_ref(&held), &[known(1, 1)]);
        assert_eq!(differences.tells, [(held.doc.clone(), Standing::Held)]);
        assert!(differences.repair.is_empty() && differences.notes.is_empty());
        // It was mended there, and this side has not heard of it.
        let mut believed = known(1, 1);
        believed.there = Standing::Held;
        let differences = compare(std::slice::from_ref(&believed), &[known(1, 2)]);
        assert_eq!(differences.notes, [(believed.doc.clone(), Standing::Live)]);
        assert_eq!(differences.repair, [believed.doc]);
    }

    #[test]
    fn an_archived_document_is_left_alone_unless_something_came_late() {
        let mut archived = known(1, 1);
        archived.standing = Standing::Archived;
        let differences = compare(&[known(1, 1)], std::slice::from_ref(&archived));
        assert_eq!(differences.notes, [(archived.doc.clone(), Standing::Archived)]);
        assert!(differences.repair.is_empty());
        let differences = compare(&[known(1, 2)], std::slice::from_ref(&archived));
        assert_eq!(differences.repair, std::slice::from_ref(&archived.doc));
        assert!(differences.notes.is_empty());
        // Dropped here, and the peer was told: it is listed there no more, or only there.
        let mut dropped = known(1, 1);
        (dropped.standing, dropped.there) = (Standing::Archived, Standing::Archived);
        assert_eq!(compare(&[dropped], &[]), Differences::default());
        assert_eq!(compare(&[], &[archived]), Differences::default());
    }

    #[test]
    fn what_is_lacking_is_counted_by_author() {
        use crate::bytes::Incarnation;
        let author = |n, seq| (Incarnation([n; 16]), seq);
        let (one, other) = (vec![author(1, 5), author(2, 1)], vec![author(1, 3), author(3, 2)]);
        assert_eq!((lacking(&one, &other), lacking(&other, &one)), (2, 3));
    }
}
