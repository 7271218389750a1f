//! What crosses the line: whoever reads along finds nobody's name.

use outpost_sync::{Content, Inspection, Item, Limits};

use super::labels::{carrier, offer, until};
use super::world::{World, databases};

/// A name, a street, a mail address, and the label's bytes.
const PLANTED: [&str; 4] = ["Ada Lovelace", "Elm Street 1", "ada@shop.example", "^XAT1^XZ"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_reads_along_finds_no_name_no_address_and_no_label() {
    for database in databases().await {
        let world = World::open(database).await;
        let mut site = world.enroll("berlin-1").await;
        let (_book, token) = carrier(&world).await;
        offer(&world, &site.id).await;
        until(&world, "SELECT COUNT(*) FROM label WHERE state = 'bought'").await;
        let mut pipe = world.connect(&mut site).await;
        pipe.until_quiet(&world, &mut site).await;
        // Frames as they are, and what stands in them when they are unpacked.
        let mut content = pipe.frames.concat();
        let mut sealed = 0;
        for incoming in &site.received {
            match &incoming.item {
                Item::Record(record) => {
                    sealed += usize::from(!record.attached.is_empty());
                    for bytes in [record.key.as_bytes(), &record.bytes, &record.attached] {
                        content.extend_from_slice(bytes);
                    }
                }
                Item::Change(change) => {
                    let inspection = Inspection::of(change, &Limits::PROTOCOL).unwrap();
                    match inspection.content {
                        Content::Header(text) => content.extend_from_slice(text.as_bytes()),
                        Content::Entries { entries, .. } => {
                            entries.iter().for_each(|entry| content.extend_from_slice(entry.text.as_bytes()));
                        }
                    }
                }
            }
        }
        let has = |text: &&str| content.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(has(&"MUG") && sealed == 2, "the case, its contact and its label have come");
        assert_eq!(PLANTED.iter().filter(|text| has(text)).collect::<Vec<_>>(), Vec::<&&str>::new());
        token.cancel();
    }
}
