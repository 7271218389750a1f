//! Changes that no document wrote, with checksums that are right: each clause of the check, and what it costs at most.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod forge;

use std::time::{Duration, Instant};

use forge::{AUTHOR, Forged, OTHER, change, chunk_of, leb, literal, prefixed, same, signed};
use outpost_sync::{
    Change, ChangeError, Content, Document, DocumentId, Entry, Inspection, Limits, MergeError,
};
use proptest::prelude::*;

const DOC: &str = "case/1";

fn inspect(change: &Change) -> Result<Inspection, ChangeError> {
    Inspection::of(change, &Limits::PROTOCOL)
}

fn id() -> DocumentId {
    DocumentId::new(DOC).unwrap()
}

#[test]
fn what_is_written_by_hand_is_what_a_document_writes() {
    let (mut document, founding) = Document::create(id(), AUTHOR, "{}").unwrap();
    assert_eq!(Forged::founding("{}").change(DOC), founding);
    let entries =
        [("a", "1"), ("b", "22")].map(|(id, text)| Entry { id: id.to_owned(), text: text.to_owned() });
    let genuine = document.append(&entries).unwrap().unwrap();
    let forged = Forged { deps: vec![founding.hash.0], ..Forged::entries(&[("a", "1"), ("b", "22")]) };
    assert_eq!(forged.change(DOC), genuine);
    assert!(inspect(&genuine).is_ok());
}

#[test]
fn each_clause_of_the_form_holds() {
    let one = Forged::one;
    let two = || Forged::entries(&[("a", "1"), ("b", "2")]);
    let sorted = |n: u8| (0..n).map(|i| [i; 32]).collect::<Vec<_>>();
    let refused: Vec<(&str, Forged)> = vec![
        ("a time", Forged { time: 1, ..one() }),
        ("a negative time", Forged { time: -1, ..one() }),
        ("a message", Forged { message: b"hello".to_vec(), ..one() }),
        ("an actor of 15 bytes", Forged { author: vec![1; 15], ..one() }),
        ("an actor of 17 bytes", Forged { author: vec![1; 17], ..one() }),
        ("no actor", Forged { author: Vec::new(), ..one() }),
        ("an actor nobody needs", Forged { actors: vec![OTHER.0.to_vec()], ..one() }),
        ("two other actors", Forged { actors: vec![vec![2; 16], vec![3; 16]], ..one() }),
        ("dependencies out of order", Forged { deps: vec![[2; 32], [1; 32]], ..one() }),
        ("a dependency twice", Forged { deps: vec![[1; 32], [1; 32]], ..one() }),
        ("too many dependencies", Forged { deps: sorted(65), ..one() }),
        ("sequence number 0", Forged { seq: 0, ..one() }),
        ("a sequence number beyond 32 bits", Forged { seq: 1 << 32, ..one() }),
        ("operation 0", Forged { start_op: 0, ..one() }),
        ("operations at the end of 32 bits", Forged { start_op: u64::from(u32::MAX) - 1, ..one() }),
        ("operations beyond 32 bits", Forged { start_op: 1 << 40, ..one() }),
        ("operations at the end of 64 bits", Forged { start_op: u64::MAX, ..one() }),
        ("entries before a founding", Forged { seq: 1, start_op: 1, ..one() }),
        ("a second founding", Forged { seq: 2, start_op: 3, ..Forged::founding("{}") }),
        ("a founding that builds on something", Forged { deps: sorted(1), ..Forged::founding("{}") }),
        ("an empty header", Forged::founding("")),
        ("a header that is too long", Forged::founding(&"x".repeat((64 << 10) + 1))),
        ("bytes after the end", Forged { tail: vec![0], ..one() }),
        ("no columns", Forged { columns: Vec::new(), ..one() }),
        ("a column twice", {
            let mut twice = one();
            twice.columns.push((0x70, same(1, 0)));
            twice
        }),
        ("columns out of order", {
            let mut swapped = one();
            swapped.columns.swap(3, 4);
            swapped
        }),
        ("an unknown column", {
            let mut more = one();
            more.columns.insert(8, (0x93, vec![1, 0]));
            more
        }),
        ("a deflated column", one().with(0x57, vec![1]).without(0x57)),
        ("a deletion", one().with(0x42, same(1, 3))),
        ("a map within the map", one().with(0x42, same(1, 0)).with(0x56, same(1, 0)).with(0x57, Vec::new())),
        ("a list", one().with(0x42, same(1, 2)).with(0x56, same(1, 0)).with(0x57, Vec::new())),
        ("an increment", one().with(0x42, same(1, 5))),
        ("an action of a later version", one().with(0x42, same(1, 99))),
        ("an insertion", one().with(0x34, vec![0, 1])),
        ("an overwriting", {
            let mut over = one().with(0x70, same(1, 1));
            over.columns.extend([(0x71, same(1, 0)), (0x73, same(1, 2))]);
            over
        }),
        ("bytes instead of text", one().with(0x56, same(1, 1 << 4 | 7))),
        ("a number instead of text", one().with(0x56, same(1, 1 << 4 | 3))),
        ("null instead of text", one().with(0x56, same(1, 0)).with(0x57, Vec::new())),
        ("a text that is not UTF-8", one().with(0x57, vec![0xff])),
        ("a text longer than its column", one().with(0x56, same(1, 2 << 4 | 6))),
        ("a text shorter than its column", one().with(0x57, b"tt".to_vec())),
        ("an empty text", Forged::entries(&[("e", "")])),
        ("a text that is too long", Forged::entries(&[("e", &"x".repeat((32 << 10) + 1))])),
        ("a key that is not UTF-8", one().with(0x15, literal(1, &prefixed(&[0xff])))),
        ("an empty key", Forged::entries(&[("", "t")])),
        ("a key that is too long", Forged::entries(&[(&"k".repeat(129), "t")])),
        ("a key twice", Forged::entries(&[("e", "1"), ("e", "2")])),
        ("a null key", one().with(0x15, vec![0, 1])),
        ("a key of a list", one().without(0x15)),
        ("entries in the root", one().without(0x01).without(0x02)),
        ("entries in two maps", two().with(0x02, literal(2, &[2, 3]))),
        ("a map of an actor that is not named", one().with(0x01, same(1, 1))),
        ("no entries", Forged::entries(&[])),
        ("a run of more than there are", two().with(0x42, same(3, 1))),
        ("a run of nothing", one().with(0x42, vec![0, 1, 0x7f, 1])),
        ("a run spelled as literals", two().with(0x42, literal(2, &[1, 1]))),
        ("a number spelled with more bytes than it needs", one().with(0x42, vec![0x7f, 0x81, 0x00])),
        ("a run as long as can be said", one().with(0x42, [signed(i64::MAX), leb(1)].concat())),
        ("a literal run as long as can be said", one().with(0x15, signed(i64::MIN))),
    ];
    for (what, forged) in &refused {
        let found = inspect(&forged.change(DOC));
        assert!(found.is_err(), "{what}: {found:?}");
    }
    let many: Vec<String> = (0..257).map(|n| format!("{n:03}")).collect();
    let entries: Vec<(&str, &str)> = many.iter().map(|key| (key.as_str(), "t")).collect();
    let counted = |n: usize| {
        let varied: Vec<u8> = (0..n).flat_map(|_| leb(1 << 4 | 6)).collect();
        let forged = Forged::entries(&entries[..n]);
        let metas = if n > 1 { same(n as u64, 1 << 4 | 6) } else { literal(n, &varied) };
        inspect(&forged.with(0x56, metas).change(DOC))
    };
    assert!(counted(256).is_ok(), "{:?}", counted(256));
    assert!(matches!(counted(257), Err(ChangeError::Limit { max: 256, .. })));
    assert!(inspect(&Forged { deps: sorted(64), ..one() }.change(DOC)).is_ok(), "as many as may be");
    assert!(inspect(&Forged::entries(&[(&"k".repeat(128), &"x".repeat(32 << 10))]).change(DOC)).is_ok());
    assert!(inspect(&Forged::founding(&"x".repeat(64 << 10)).change(DOC)).is_ok());
}

#[test]
fn only_whole_uncompressed_changes_of_their_length_are_changes() {
    let content = Forged::one().content();
    for chunk in [0, 2, 3, 255] {
        assert_eq!(change(DOC, chunk, &content), Err(ChangeError::NotAChange), "chunk type {chunk}");
    }
    let bytes = chunk_of(1, &content);
    for length in 0..bytes.len() {
        assert!(Change::from_bytes(id(), bytes[..length].to_vec()).is_err(), "cut at {length}");
    }
    let mut wrong = bytes.clone();
    wrong[5] ^= 1;
    assert_eq!(Change::from_bytes(id(), wrong), Err(ChangeError::Checksum));
    let max = Limits::PROTOCOL.change_bytes_max;
    let long = Change::from_bytes(id(), chunk_of(1, &vec![0; max]));
    assert!(matches!(long, Err(ChangeError::TooLong { .. })), "nothing of it is parsed");
}

/// A case founded by [`OTHER`] with one entry, and how its next change by [`AUTHOR`] would look.
fn case() -> (Document, Forged) {
    let (mut document, _) = Document::create(id(), OTHER, "{}").unwrap();
    let entry = Entry { id: "taken".to_owned(), text: "as it is".to_owned() };
    let change = document.append(&[entry]).unwrap().unwrap();
    let next = Forged {
        deps: vec![change.hash.0],
        seq: 1,
        start_op: 4,
        actors: vec![OTHER.0.to_vec()],
        ..Forged::one().with(0x01, same(1, 1))
    };
    (document, next)
}

#[test]
fn each_clause_of_the_place_in_a_document_holds() {
    let merge = |forged: &Forged| case().0.merge(&[forged.change(DOC)]);
    let next = case().1;
    assert_eq!(merge(&next).unwrap().entries.len(), 1, "the genuine one is taken");
    let sequence = |forged| matches!(merge(&forged), Err(MergeError::Sequence { .. }));
    assert!(sequence(Forged { seq: 2, ..next.clone() }), "its author's second comes before the first");
    assert!(sequence(Forged { start_op: 5, ..next.clone() }), "operations are counted too high");
    assert!(sequence(Forged { start_op: 3, ..next.clone() }), "operations are counted too low");
    assert!(sequence(Forged { deps: Vec::new(), start_op: 2, ..next.clone() }), "it builds on nothing");
    let near_the_end = u64::from(u32::MAX) - (1 << 20) - 1;
    assert!(sequence(Forged { start_op: near_the_end, ..next.clone() }));
    let stranger = merge(&Forged { deps: vec![[7; 32]], ..next.clone() });
    assert!(matches!(stranger, Err(MergeError::MissingDependency { .. })));
    let foreign = |forged| matches!(merge(&forged), Err(MergeError::Foreign { .. }));
    assert!(foreign(next.clone().with(0x02, same(1, 1))), "another object of the founder");
    assert!(
        foreign(Forged { actors: Vec::new(), ..next.clone() }.with(0x01, same(1, 0))),
        "a map of its own"
    );
    assert!(foreign(Forged { actors: vec![vec![9; 16]], ..next.clone() }), "a map of a third");
    assert!(foreign(Forged::founding("{}")), "it founds the document again");
    let elsewhere = case().0.merge(&[next.change("case/2")]);
    assert!(matches!(elsewhere, Err(MergeError::Foreign { .. })), "it is of another document");
    let taken = Forged::entries(&[("taken", "otherwise")]);
    let taken = Forged { columns: taken.columns, ..next.clone() }.with(0x01, same(1, 1));
    assert!(matches!(merge(&taken), Err(MergeError::EntryExists { .. })));
    let (mut document, _) = case();
    document.merge(&[next.change(DOC)]).unwrap();
    let again = Forged::entries(&[("f", "t")]);
    let again = Forged { columns: again.columns, ..next.clone() }.with(0x01, same(1, 1)).change(DOC);
    assert!(
        matches!(document.merge(&[again]), Err(MergeError::Sequence { .. })),
        "another first of its author"
    );
    assert_eq!(document.merge(&[next.change(DOC)]).unwrap().duplicates, 1);
    assert_eq!(document.len(), 2, "nothing that was refused left a trace");
    assert!(document.append(&[Entry { id: "on".to_owned(), text: "it goes".to_owned() }]).is_ok());
}

#[test]
fn a_document_is_full_at_its_limit() {
    let (mut document, _) = Document::create(id(), AUTHOR, "{}").unwrap();
    let max = Limits::PROTOCOL.document_entries_max;
    let mut n = 0;
    while n < max {
        let more = (n..max.min(n + 256)).map(|n| Entry { id: n.to_string(), text: "t".to_owned() });
        let more: Vec<Entry> = more.collect();
        n += more.len();
        document.append(&more).unwrap();
    }
    let saved = document.save().unwrap();
    let one_more = Entry { id: "more".to_owned(), text: "t".to_owned() };
    assert!(document.append(&[one_more]).is_err());
    assert_eq!(document.save().unwrap(), saved);
}

#[derive(Debug, Clone)]
enum Mutation {
    Flip(usize, u8),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    Repeat(usize, usize, usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        4 => (any::<usize>(), 1u8..).prop_map(|(at, bits)| Mutation::Flip(at, bits)),
        2 => (any::<usize>(), proptest::collection::vec(any::<u8>(), 1..12))
            .prop_map(|(at, bytes)| Mutation::Insert(at, bytes)),
        2 => (any::<usize>(), 1usize..12).prop_map(|(at, n)| Mutation::Remove(at, n)),
        1 => (any::<usize>(), 1usize..12, 1usize..400).prop_map(|(at, n, times)| Mutation::Repeat(at, n, times)),
    ]
}

fn mutate(mut content: Vec<u8>, mutations: &[Mutation]) -> Vec<u8> {
    for mutation in mutations {
        let len = content.len().max(1);
        match mutation {
            Mutation::Flip(at, bits) => {
                if let Some(byte) = content.get_mut(at % len) {
                    *byte ^= bits;
                }
            }
            Mutation::Insert(at, bytes) => {
                let at = at % (content.len() + 1);
                content.splice(at..at, bytes.iter().copied());
            }
            Mutation::Remove(at, n) => {
                let from = (at % len).min(content.len());
                content.drain(from..content.len().min(from + n));
            }
            Mutation::Repeat(at, n, times) => {
                let from = (at % len).min(content.len());
                let part = content[from..content.len().min(from + n)].repeat(*times);
                content.splice(from..from, part);
            }
        }
    }
    content.truncate(Limits::PROTOCOL.change_bytes_max - 20);
    content
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]
    /// Whatever is done to a change's bytes, once they are hashed anew: it is refused, or it is one that a document
    /// could have written, which Automerge takes.
    #[test]
    fn no_bytes_reach_automerge_that_it_does_not_take(
        mutations in proptest::collection::vec(mutation(), 1..4),
        founding in any::<bool>(),
    ) {
        let forged = if founding { Forged::founding("{\"a\":1}") } else { case().1 };
        let content = mutate(forged.content(), &mutations);
        let Ok(change) = change(DOC, 1, &content) else { return Ok(()) };
        let started = Instant::now();
        let inspected = inspect(&change);
        prop_assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
        let Ok(inspection) = inspected else { return Ok(()) };
        let (mut document, _) = case();
        match document.merge(std::slice::from_ref(&change)) {
            Err(MergeError::Poisoned { reason }) => prop_assert!(false, "Automerge did not take it: {reason}"),
            Err(_) => prop_assert_eq!(document.len(), 1),
            Ok(merged) => prop_assert_eq!(merged.entries.len(), inspection.content.operations()),
        }
        if matches!(inspection.content, Content::Header(_)) {
            let opened = Document::open(id(), OTHER, None, std::slice::from_ref(&change));
            prop_assert!(opened.is_ok(), "{:?}", opened.err());
        }
    }
}

/// The memory this process ever had at once, KiB.
fn memory_peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

/// Changes made to cost as much as can be: as long as allowed, with the largest counts that can be said.
fn costly() -> Vec<Change> {
    let long = "x".repeat(32 << 10);
    let keys: Vec<String> = (0..256).map(|n| format!("{n:0>128}")).collect();
    let many: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), &long[..230])).collect();
    let huge = |run: i64| [signed(run), leb(1)].concat();
    let key = "k".repeat(128);
    let forged = vec![
        Forged::entries(&many),
        Forged::entries(&[("a", &long), ("b", &long)]),
        Forged { deps: (0..64).map(|n| [n; 32]).collect(), ..Forged::one() },
        Forged::one().with(0x42, huge(i64::MAX)),
        Forged::one().with(0x15, [signed(i64::MAX), prefixed(key.as_bytes())].concat()),
        Forged::one().with(0x15, [signed(256), prefixed(key.as_bytes())].concat()).with(0x56, huge(256)),
        Forged::one().with(0x15, [signed(1), prefixed(key.as_bytes())].concat().repeat(256)),
        Forged::one().with(0x56, vec![0; 90 << 10]),
        Forged::one().with(0x15, [0xff; 90 << 10].to_vec()),
        Forged::founding(&"x".repeat(64 << 10)),
        Forged { columns: (0..8).map(|n| (n, vec![0x7f; 11 << 10])).collect(), ..Forged::one() },
        Forged { columns: (0..20_000).map(|n| (n, Vec::new())).collect(), ..Forged::one() },
        Forged { message: vec![b'm'; 90 << 10], ..Forged::one() },
        Forged { actors: (0..5_000).map(|n: u32| vec![n as u8; 16]).collect(), ..Forged::one() },
    ];
    forged.iter().map(|forged| forged.change(DOC)).collect()
}

#[test]
fn the_dearest_change_costs_little_time_and_memory() {
    let changes = costly();
    let before = memory_peak();
    let mut slowest = Duration::ZERO;
    for change in changes.iter().cycle().take(changes.len() * 20) {
        let started = Instant::now();
        let _ = inspect(change);
        slowest = slowest.max(started.elapsed());
    }
    let grown = memory_peak() - before;
    println!("slowest {slowest:?}, memory peak grown by {grown} KiB");
    // Without optimization, beside whatever else the machine does; the real bound is a hundredth of that.
    assert!(slowest < Duration::from_millis(250), "{slowest:?}");
    assert!(grown < 8 << 10, "{grown} KiB");
}
