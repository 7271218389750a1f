//! Documents and the reading of changes, against Automerge itself.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use outpost_sync::{
    Change, ChangeError, Content, Document, DocumentError, DocumentId, Entry, Incarnation, Inspection,
    Limits, MergeError,
};
use proptest::prelude::*;

const HUB: Incarnation = Incarnation([2; 16]);
const SITE: Incarnation = Incarnation([1; 16]);

fn doc() -> DocumentId {
    DocumentId::new("case/1").unwrap()
}

fn entry(id: &str, text: &str) -> Entry {
    Entry { id: id.to_owned(), text: text.to_owned() }
}

fn founded() -> (Document, Change) {
    Document::create(doc(), HUB, "{\"order\":1}").unwrap()
}

fn opened(changes: &[Change]) -> Document {
    Document::open(doc(), SITE, None, changes).unwrap()
}

fn inspect(change: &Change) -> Inspection {
    Inspection::of(change, &Limits::PROTOCOL).unwrap()
}

#[test]
fn both_sides_write_and_end_alike() {
    let (mut hub, founding) = founded();
    let mut site = opened(std::slice::from_ref(&founding));
    let by_site = site.append(&[entry("a", "{}"), entry("b", "{}")]).unwrap().unwrap();
    let by_hub = hub.append(&[entry("c", "{}")]).unwrap().unwrap();
    hub.merge(std::slice::from_ref(&by_site)).unwrap();
    let merged = site.merge(std::slice::from_ref(&by_hub)).unwrap();
    assert_eq!(merged.entries, [entry("c", "{}")]);
    let again = site.append(&[entry("d", "{}")]).unwrap().unwrap();
    hub.merge(&[again]).unwrap();
    assert_eq!(hub.heads(), site.heads());
    assert_eq!(hub.entries(), site.entries());
    assert_eq!((site.header().as_str(), site.len()), ("{\"order\":1}", 4));
    let mut reopened = Document::open(doc(), HUB, Some(&hub.save().unwrap()), &[]).unwrap();
    assert_eq!(reopened.heads(), site.heads());
    let last = reopened.append(&[entry("e", "{}")]).unwrap().unwrap();
    assert_eq!(inspect(&last).seq, 3, "a reopened document goes on where it was");
    site.merge(&[last]).unwrap();
}

#[test]
fn the_same_entry_twice_is_nothing_and_another_text_is_refused() {
    let (mut hub, _) = founded();
    hub.append(&[entry("a", "{}")]).unwrap();
    assert_eq!(hub.append(&[entry("a", "{}")]).unwrap(), None);
    let change = hub.append(&[entry("a", "{}"), entry("b", "{}")]).unwrap().unwrap();
    assert_eq!(inspect(&change).content.operations(), 1, "only what is new is written");
    let clash = hub.append(&[entry("c", "{}"), entry("a", "[]")]);
    assert!(matches!(clash, Err(DocumentError::EntryExists { id, .. }) if id == "a"));
    assert_eq!(hub.len(), 2, "and nothing of it is there");
}

#[test]
fn a_merge_is_all_or_nothing() {
    let (mut hub, founding) = founded();
    let mut site = opened(std::slice::from_ref(&founding));
    let mut clone = opened(&[founding]);
    let good = site.append(&[entry("a", "{}")]).unwrap().unwrap();
    let later = site.append(&[entry("b", "{}")]).unwrap().unwrap();
    let gap = hub.merge(std::slice::from_ref(&later));
    assert!(matches!(gap, Err(MergeError::MissingDependency { missing, .. }) if missing == good.hash));
    hub.append(&[entry("b", "[]")]).unwrap();
    let clash = hub.merge(&[good.clone(), later.clone()]);
    assert!(matches!(clash, Err(MergeError::EntryExists { hash, .. }) if hash == later.hash));
    assert_eq!(hub.len(), 1, "the good one is not in either");
    hub.merge(std::slice::from_ref(&good)).unwrap();
    assert_eq!(hub.merge(std::slice::from_ref(&good)).unwrap().duplicates, 1);
    // A clone of the site writes with the same incarnation: the same number, other content.
    let cloned = clone.append(&[entry("z", "{}")]).unwrap().unwrap();
    assert!(matches!(hub.merge(&[cloned]), Err(MergeError::Sequence { .. })));
}

#[test]
fn a_change_of_another_document_or_a_second_founding_is_foreign() {
    let (mut hub, _) = founded();
    let (mut other, founding) = Document::create(doc(), SITE, "{}").unwrap();
    assert!(matches!(hub.merge(&[founding]), Err(MergeError::Foreign { .. })));
    let stranger = other.append(&[entry("a", "{}")]).unwrap().unwrap();
    assert!(matches!(hub.merge(&[stranger]), Err(MergeError::Foreign { .. })));
}

#[test]
fn limits_hold_at_their_edges() {
    let limits = Limits::PROTOCOL;
    let long = |len: usize| "x".repeat(len);
    assert!(Document::create(doc(), HUB, &long(limits.header_bytes_max)).is_ok());
    assert!(Document::create(doc(), HUB, &long(limits.header_bytes_max + 1)).is_err());
    assert!(Document::create(doc(), HUB, "").is_err());
    let append = |entries: &[Entry]| founded().0.append(entries).map(|change| change.is_some());
    assert!(append(&[entry(&long(limits.entry_id_bytes_max), "{}")]).unwrap());
    assert!(append(&[entry(&long(limits.entry_id_bytes_max + 1), "{}")]).is_err());
    assert!(append(&[entry("", "{}")]).is_err());
    assert!(append(&[entry("a", &long(limits.entry_text_bytes_max))]).unwrap());
    assert!(append(&[entry("a", &long(limits.entry_text_bytes_max + 1))]).is_err());
    assert!(append(&[entry("a", "")]).is_err());
    let many = |n: usize| (0..n).map(|i| entry(&format!("{i}"), "{}")).collect::<Vec<_>>();
    assert!(append(&many(limits.operations_max)).unwrap());
    assert!(append(&many(limits.operations_max + 1)).is_err());
    let heavy =
        |n: usize| (0..n).map(|i| entry(&format!("{i}"), &long(limits.entry_text_bytes_max))).collect();
    let heavy: Vec<Entry> = heavy(4);
    assert!(append(&heavy).is_err(), "each entry is short enough, the change is not");
}

#[test]
fn a_full_document_takes_no_more() {
    let (mut hub, founding) = founded();
    let mut site = opened(&[founding]);
    let max = Limits::PROTOCOL.document_entries_max;
    for start in (0..max).step_by(256) {
        let entries: Vec<Entry> = (start..start + 256).map(|i| entry(&format!("{i}"), "{}")).collect();
        let change = hub.append(&entries).unwrap().unwrap();
        site.merge(&[change]).unwrap();
    }
    assert_eq!(hub.len(), max);
    assert!(matches!(hub.append(&[entry("more", "{}")]), Err(DocumentError::Full { .. })));
    assert!(matches!(site.append(&[entry("more", "{}")]), Err(DocumentError::Full { .. })));
}

#[test]
fn damaged_files_are_an_error_not_a_panic() {
    let (mut hub, _) = founded();
    hub.append(&[entry("a", "{}")]).unwrap();
    let saved = hub.save().unwrap();
    for at in 0..saved.len() {
        let mut damaged = saved.clone();
        damaged[at] ^= 0x55;
        if let Ok(document) = Document::open(doc(), SITE, Some(&damaged), &[]) {
            document.entries();
            document.heads();
        }
    }
    assert!(Document::open(doc(), SITE, None, &[]).is_err(), "there is nothing to open");
}

/// Changes as another Automerge client could write them: everything that a document of ours never does.
mod foreign {
    use automerge::transaction::{CommitOptions, Transactable};
    use automerge::{ActorId, AutoCommit, ObjType, ROOT, ReadDoc};
    use outpost_sync::{Change, ChangeError, Document, Inspection, Limits};

    use super::{HUB, SITE, doc, entry};

    fn written(
        write: impl FnOnce(&mut AutoCommit),
        options: CommitOptions,
    ) -> Result<Inspection, ChangeError> {
        let (mut hub, _) = Document::create(doc(), HUB, "{}").unwrap();
        hub.append(&[entry("a", "{}")]).unwrap();
        let client = AutoCommit::load(&hub.save().unwrap()).unwrap();
        let mut client = client.with_actor(ActorId::from(SITE.0.as_slice()));
        write(&mut client);
        client.commit_with(options);
        let change = client.get_last_local_change().unwrap();
        let change = Change::from_bytes(doc(), change.raw_bytes().to_vec())?;
        Inspection::of(&change, &Limits::PROTOCOL)
    }

    proptest::proptest! {
        /// What a document writes by itself is, byte for byte, what Automerge writes in the same place: after its own
        /// changes, after another's, and beside them.
        #[test]
        fn a_change_is_spelled_as_automerge_spells_it(
            steps in proptest::collection::vec((0..3_u8, 1..5_usize, ".{1,40}"), 1..24),
        ) {
            let (mut hub, founding) = Document::create(doc(), HUB, "{}").unwrap();
            let mut site = Document::open(doc(), SITE, None, &[founding]).unwrap();
            let (mut to_hub, mut to_site) = (Vec::new(), Vec::new());
            for (step, (what, count, text)) in steps.into_iter().enumerate() {
                let entries: Vec<_> = (0..count).map(|i| entry(&format!("{step}-{i}"), &text)).collect();
                let (writer, author, out) = match what {
                    0 => (&mut site, SITE, &mut to_hub),
                    1 => (&mut hub, HUB, &mut to_site),
                    _ => {
                        hub.merge(&std::mem::take(&mut to_hub)).unwrap();
                        site.merge(&std::mem::take(&mut to_site)).unwrap();
                        continue;
                    }
                };
                // Every other time without settling first, so that what is late is built on.
                let bytes = if step % 2 == 0 { Some(writer.save().unwrap()) } else { None };
                let change = writer.append(&entries).unwrap().unwrap();
                proptest::prop_assert_eq!(writer.heads().contains(&change.hash), true);
                if let Some(bytes) = bytes {
                    let mut client =
                        AutoCommit::load(&bytes).unwrap().with_actor(ActorId::from(author.0.as_slice()));
                    for entry in &entries {
                        client.put(ev(&client), entry.id.as_str(), entry.text.as_str()).unwrap();
                    }
                    client.commit_with(plain());
                    let theirs = client.get_last_local_change().unwrap();
                    proptest::prop_assert_eq!(theirs.raw_bytes(), change.bytes.as_slice());
                }
                proptest::prop_assert!(Inspection::of(&change, &Limits::PROTOCOL).is_ok());
                out.push(change);
            }
            let (heads, entries) = (site.heads(), site.entries());
            let again = Document::open(doc(), SITE, Some(&site.save().unwrap()), &[]).unwrap();
            proptest::prop_assert_eq!(again.heads(), heads);
            proptest::prop_assert_eq!(again.entries(), entries);
        }
    }

    fn plain() -> CommitOptions {
        CommitOptions::default().with_time(0)
    }

    fn ev(client: &AutoCommit) -> automerge::ObjId {
        client.get(ROOT, "ev").unwrap().unwrap().1
    }

    #[test]
    fn a_put_of_text_into_the_entries_is_all_that_passes() {
        let put = |client: &mut AutoCommit| client.put(ev(client), "b", "{}").unwrap();
        assert!(written(put, plain()).is_ok());
        assert!(written(put, plain().with_time(1)).is_err(), "a time");
        assert!(written(put, plain().with_message("hello")).is_err(), "a message");
        assert!(written(|client| client.put(ev(client), "b", 1).unwrap(), plain()).is_err(), "a number");
        assert!(
            written(|client| client.put(ev(client), "a", "[]").unwrap(), plain()).is_err(),
            "overwriting"
        );
        assert!(written(|client| client.delete(ev(client), "a").unwrap(), plain()).is_err(), "deleting");
        assert!(written(|client| client.put(ROOT, "hdr", "[]").unwrap(), plain()).is_err(), "another header");
        let nested =
            |client: &mut AutoCommit| drop(client.put_object(ev(client), "b", ObjType::Map).unwrap());
        assert!(written(nested, plain()).is_err(), "a map in the map");
        let second = |client: &mut AutoCommit| drop(client.put_object(ROOT, "ev", ObjType::Map).unwrap());
        assert!(written(second, plain()).is_err(), "a second map of entries");
        let text = |client: &mut AutoCommit| drop(client.put_object(ev(client), "b", ObjType::Text).unwrap());
        assert!(written(text, plain()).is_err(), "a text object");
    }
}

fn texts() -> impl Strategy<Value = Vec<Entry>> {
    let text = prop_oneof![Just("{}".to_owned()), "\\PC{1,300}"];
    prop::collection::btree_map("\\PC{1,40}", text, 1..40)
        .prop_map(|map| map.into_iter().map(|(id, text)| Entry { id, text }).collect())
}

proptest! {
    /// `append` itself compares what Automerge wrote with what we would write, so this also pins the codec of
    /// changes to Automerge's.
    #[test]
    fn what_is_written_is_read_back_without_opening(groups in prop::collection::vec(texts(), 1..5)) {
        let (mut hub, founding) = founded();
        let mut site = opened(std::slice::from_ref(&founding));
        for (turn, entries) in groups.into_iter().enumerate() {
            let (writer, reader) = if turn % 2 == 0 { (&mut hub, &mut site) } else { (&mut site, &mut hub) };
            let Ok(Some(change)) = writer.append(&entries) else { continue };
            let inspection = inspect(&change);
            let adds = matches!(inspection.content, Content::Entries { .. });
            prop_assert!(adds);
            prop_assert_eq!(reader.merge(&[change]).unwrap().duplicates, 0);
        }
        prop_assert_eq!(hub.heads(), site.heads());
        prop_assert_eq!(hub.entries(), site.entries());
    }

    #[test]
    fn no_bytes_make_the_inspection_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let stranger = Change { doc: doc(), hash: outpost_sync::ChangeHash([0; 32]), bytes };
        prop_assert!(Inspection::of(&stranger, &Limits::PROTOCOL).is_err());
        let (mut hub, _) = founded();
        let good = hub.append(&[entry("a", "{}"), entry("b", "{}"), entry("c", "[1]")]).unwrap().unwrap();
        let mut bad = good.clone();
        for (at, flip) in flips {
            let at = at.index(bad.bytes.len());
            bad.bytes[at] ^= flip;
        }
        if bad.bytes != good.bytes {
            prop_assert!(Inspection::of(&bad, &Limits::PROTOCOL).is_err());
            // Even with a checksum that fits, it is either another honest change or refused.
            if let Ok(change) = Change::from_bytes(doc(), bad.bytes) {
                let _ = Inspection::of(&change, &Limits::PROTOCOL);
            }
        }
    }
}

#[test]
fn a_count_that_lies_costs_nothing() {
    // A run of 2^60 equal values in a few bytes.
    let mut content = vec![0, 16];
    content.extend([1; 16]);
    content.extend([1, 1, 0, 0, 0, 3]);
    let run = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10, 0x01, b'k'];
    for (column, data) in [(0x15u8, run.as_slice()), (0x56, &run), (0x57, &[])] {
        content.extend([column, data.len() as u8]);
    }
    content.extend(run);
    content.extend(run);
    let mut bytes = vec![0x85, 0x6f, 0x4a, 0x83, 0, 0, 0, 0, 1, content.len() as u8];
    bytes.extend(content);
    let change = Change { doc: doc(), hash: outpost_sync::ChangeHash([0; 32]), bytes };
    assert!(matches!(Inspection::of(&change, &Limits::PROTOCOL), Err(ChangeError::Limit { .. })));
}
