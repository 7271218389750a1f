//! Frames out of a file: the document's own, and forged ones.

use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};

use super::listening::{answer, file, list, script};

/// The key of the example frames: all bytes `d4`, as the document says.
const EXAMPLE_INSTALL: [u8; 16] = [0xd4; 16];

fn example_key() -> SigningKey {
    SigningKey::from_bytes(&[0xd4; 32])
}

fn signed(mut frame: Vec<u8>) -> Vec<u8> {
    let site = b"berlin-1";
    let known = [&[site.len() as u8], site.as_slice(), &EXAMPLE_INSTALL].concat();
    let message = [b"outpost frame 1\0".as_slice(), &known, &frame].concat();
    frame.extend(example_key().sign(&message).to_bytes());
    frame
}

/// A frame's bytes before its signature.
pub fn envelope(kind: u8, writer: u8, body: &[u8]) -> Vec<u8> {
    [[1, kind, writer].as_slice(), &EXAMPLE_INSTALL[..4], body].concat()
}

async fn read_frames(frames: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let (keys, said) = (folder.path().join("keys.json"), folder.path().join("frames"));
    let install = format!("{}{}", hex::encode(EXAMPLE_INSTALL), hex::encode(example_key().verifying_key()));
    std::fs::write(&keys, json!({ "hub": install, "installs": [install] }).to_string()).unwrap();
    std::fs::write(&said, frames).unwrap();
    let (keys, said) = (keys.to_str().unwrap(), said.to_str().unwrap());
    answer(script("listen.cjs", ["--site", "berlin-1", "--keys", keys, "--frames", said, "--json"])).await
}

#[tokio::test]
async fn the_frames_in_the_document_are_what_the_document_says() {
    let report = read_frames(&std::fs::read_to_string(file("docs/protocol.md")).unwrap()).await;
    assert_eq!(report["frames"], json!({ "hello": 1, "batch": 1 }));
    assert_eq!(list(&report, "refused"), [] as [Value; 0]);
    let document = &report["documents"][0];
    assert_eq!(document["document"], "ledger/berlin-1/0");
    assert_eq!(document["is_whole"], true);
    assert_eq!(document["events"][0]["id"], "0190b3a4c5d67e8f9a0b1c2d3e4f5061.0");
}

#[tokio::test]
async fn forged_frames_are_refused_and_later_kinds_are_named() {
    let unknown = signed(envelope(99, 0, &[0xff; 120]));
    let malformed = signed(envelope(3, 0, &[0x82; 120]));
    let mut forged = unknown.clone();
    forged[40] ^= 1;
    let mut stranger = unknown.clone();
    stranger[5] ^= 1;
    let cut = unknown[..unknown.len() - 1].to_vec();
    let frames = [unknown, malformed, forged, stranger, cut].map(hex::encode).join("\n\n");
    let report = read_frames(&frames).await;
    assert_eq!(report["frames"], json!({ "kind 99": 1 }));
    let refused: Vec<&str> = list(&report, "refused").iter().map(|reason| reason.as_str().unwrap()).collect();
    assert_eq!(refused.len(), 4, "{refused:?}");
    assert!(refused[0].contains("not CBOR"), "{refused:?}");
    assert!(refused[1].contains("signature"), "{refused:?}");
    assert!(refused[2].contains("nobody told us of"), "{refused:?}");
    assert!(refused[3].contains("signature"), "{refused:?}");
}
