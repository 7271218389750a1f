use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;

fn hub() -> Identity {
    Identity::generate(&mut StdRng::seed_from_u64(1))
}

fn products(count: usize) -> Vec<(String, String)> {
    (0..count).map(|n| (format!("SKU-{n:06}"), format!("{{\"title\":\"Product {n}\"}}"))).collect()
}

fn edition<'a>(put: &'a [(String, String)], gone: &'a [String], base: Option<Version>) -> Edition<'a> {
    let version = Version { epoch: 1, n: 7 };
    let mut sum = Sum::default();
    put.iter().for_each(|(key, text)| sum.toggle(key, text));
    Edition { site: "berlin-1", set: "products", version, base, sum, count: put.len() as u64, put, gone }
}

/// Reads all records of an edition back.
fn take(records: &[Record], hub: &PublicIdentity) -> Result<(Manifest, Vec<Part>), ReferenceError> {
    let place: Place = records[0].key.parse()?;
    let (manifest, first) = Manifest::open(&records[0].bytes, &place, "berlin-1", hub)?;
    let mut parts = vec![manifest.part(0, &first)?];
    for record in &records[1..] {
        let place: Place = record.key.parse()?;
        parts.push(manifest.part(place.part, &record.bytes)?);
    }
    Ok((manifest, parts))
}

#[test]
fn a_snapshot_comes_back_whole_in_parts_within_their_limits() {
    let all = products(1_201);
    let records = edition(&all, &[], None).sign(&hub()).unwrap();
    assert_eq!(records.len(), 3);
    let (manifest, parts) = take(&records, &hub().public()).unwrap();
    assert_eq!(manifest.parts.len(), 3);
    assert!(parts.iter().all(|part| part.put.len() <= PART_ITEMS_MAX));
    let back: Vec<_> = parts.into_iter().flat_map(|part| part.put).collect();
    assert_eq!(back, all);
    let mut sum = Sum::default();
    back.iter().rev().for_each(|(key, text)| sum.toggle(key, text));
    assert_eq!(sum, manifest.sum, "the order of items is not in the sum");
}

#[test]
fn a_delta_of_one_item_is_a_record_of_a_few_hundred_bytes() {
    let one = vec![(
        "SKU-000001".to_owned(),
        r#"{"sku":"SKU-000001","title":"Blue mug","class":"default","unit":"piece","weight_g":400}"#
            .to_owned(),
    )];
    let base = Version { epoch: 1, n: 6 };
    let records = edition(&one, &["SKU-000009".to_owned()], Some(base)).sign(&hub()).unwrap();
    let bytes: usize = records.iter().map(|record| record.bytes.len() + record.key.len()).sum();
    assert!(records.len() == 1 && bytes < 400, "{bytes} bytes");
    let (manifest, parts) = take(&records, &hub().public()).unwrap();
    assert_eq!((manifest.base, parts[0].gone.len()), (Some(base), 1));
}

#[test]
fn an_empty_set_is_an_edition_too() {
    let records = edition(&[], &[], None).sign(&hub()).unwrap();
    assert_eq!(take(&records, &hub().public()).unwrap().1, [Part::default()]);
}

#[test]
fn what_somebody_else_signed_or_changed_is_refused() {
    let all = products(600);
    let records = edition(&all, &[], None).sign(&hub()).unwrap();
    let stranger = Identity::generate(&mut StdRng::seed_from_u64(2));
    assert_eq!(take(&records, &stranger.public()), Err(ReferenceError::Signature));
    let place: Place = records[0].key.parse().unwrap();
    let other = Manifest::open(&records[0].bytes, &place, "berlin-2", &hub().public());
    assert_eq!(other, Err(ReferenceError::Site));
    // Renamed on its way: the key says another version than the manifest.
    let later = Place { version: Version { epoch: 1, n: 8 }, ..place.clone() };
    let renamed = Manifest::open(&records[0].bytes, &later, "berlin-1", &hub().public());
    assert_eq!(renamed, Err(ReferenceError::Malformed));
    let mut changed = records.clone();
    let last = changed[1].bytes.len() - 1;
    changed[1].bytes[last] ^= 1;
    assert_eq!(take(&changed, &hub().public()), Err(ReferenceError::Part));
    for at in (0..records[0].bytes.len()).step_by(7) {
        let mut bytes = records[0].bytes.clone();
        bytes[at] ^= 1;
        let opened = Manifest::open(&bytes, &place, "berlin-1", &hub().public());
        assert!(
            opened.is_err() || opened.is_ok_and(|(manifest, part)| manifest.part(0, &part).is_err()),
            "{at}"
        );
    }
}

#[test]
fn limits_are_tested_at_their_edges() {
    let hub = hub();
    let sign = |put: &[(String, String)]| edition(put, &[], None).sign(&hub).map(|records| records.len());
    let text = |len| vec![("k".to_owned(), "a".repeat(len))];
    assert_eq!(sign(&text(TEXT_BYTES_MAX)), Ok(1));
    assert!(matches!(sign(&text(TEXT_BYTES_MAX + 1)), Err(ReferenceError::Limit(_))));
    let key = |len| vec![("k".repeat(len), String::new())];
    assert_eq!(sign(&key(KEY_BYTES_MAX)), Ok(1));
    assert!(matches!(sign(&key(KEY_BYTES_MAX + 1)), Err(ReferenceError::Limit(_))));
    assert!(matches!(sign(&key(0)), Err(ReferenceError::Limit(_))));
    assert_eq!(sign(&products(PART_ITEMS_MAX)), Ok(1));
    assert_eq!(sign(&products(PART_ITEMS_MAX + 1)), Ok(2));
    // What does not compress is cut until it fits, and refused when one item alone does not.
    let mut rng = StdRng::seed_from_u64(3);
    let mut noise = |len: usize| {
        let mut bytes = vec![0; len / 2];
        rand::Rng::fill_bytes(&mut rng, &mut bytes);
        hex::encode(bytes)
    };
    let items: Vec<_> = (0..3).map(|n| (format!("{n}"), noise(60 << 10))).collect();
    let records = edition(&items, &[], None).sign(&hub).unwrap();
    assert!(records.len() >= 2 && records.iter().all(|record| record.bytes.len() <= PART_BYTES_MAX + 1_024));
    assert_eq!(take(&records, &hub.public()).unwrap().1.iter().map(|part| part.put.len()).sum::<usize>(), 3);
    assert!(matches!(sign(&[("k".to_owned(), noise(200 << 10))]), Err(ReferenceError::Limit(_))));
    // Parts of many items are short enough for a broker that takes packets of 16 KiB.
    let items: Vec<_> = (0..400).map(|n| (format!("{n}"), noise(400))).collect();
    let records = edition(&items, &[], None).sign(&hub).unwrap();
    assert!(records.len() > 4 && records.iter().all(|record| record.bytes.len() <= 14 << 10));
    assert_eq!(
        take(&records, &hub.public()).unwrap().1.iter().map(|part| part.put.len()).sum::<usize>(),
        400
    );
    let gone: Vec<String> = (0..400).map(|_| noise(KEY_BYTES_MAX)).collect();
    assert!(edition(&[], &gone, Some(Version::default())).sign(&hub).is_ok());
}

#[test]
fn more_parts_than_allowed_are_not_sent() {
    let hub = hub();
    let many = products(PART_ITEMS_MAX * PARTS_MAX);
    assert_eq!(edition(&many, &[], None).sign(&hub).unwrap().len(), PARTS_MAX);
    let more = products(PART_ITEMS_MAX * PARTS_MAX + 1);
    assert!(matches!(edition(&more, &[], None).sign(&hub), Err(ReferenceError::Limit(_))));
}

#[test]
fn a_part_that_claims_to_be_huge_is_not_unpacked() {
    let plain = vec![0; PART_PLAIN_BYTES_MAX + 1];
    let bomb = zstd::bulk::compress(&plain, 1).unwrap();
    let manifest = Manifest {
        site: "berlin-1".to_owned(),
        set: "products".to_owned(),
        version: Version { epoch: 1, n: 1 },
        base: None,
        sum: Sum::default(),
        count: 0,
        parts: vec![digest(&bomb), digest(&[1; PART_BYTES_MAX + 1])],
    };
    assert_eq!(manifest.part(0, &bomb), Err(ReferenceError::Malformed));
    assert_eq!(manifest.part(1, &[1; PART_BYTES_MAX + 1]), Err(ReferenceError::Malformed));
    assert_eq!(manifest.part(2, &bomb), Err(ReferenceError::Part));
}

#[test]
fn a_place_has_one_spelling() {
    let place: Place = "products/1/7/0".parse().unwrap();
    assert_eq!(place.version, Version { epoch: 1, n: 7 });
    for text in
        ["products/1/07/0", "products/1/7", "products/1/7/0/0", "Products/1/7/0", "/1/7/0", "products/1/+7/0"]
    {
        assert!(text.parse::<Place>().is_err(), "{text}");
    }
    assert!(format!("{}/1/1/0", "a".repeat(SET_BYTES_MAX)).parse::<Place>().is_ok());
    assert!(format!("{}/1/1/0", "a".repeat(SET_BYTES_MAX + 1)).parse::<Place>().is_err());
    assert!(Version { epoch: 2, n: 1 } > Version { epoch: 1, n: 9 });
}
