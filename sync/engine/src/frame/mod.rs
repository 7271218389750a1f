//! Frames: what travels over the line. docs/protocol.md describes them for other languages.

pub(crate) mod body;
pub(crate) mod columns;
mod examples;
mod ids;
pub(crate) mod memory;
pub(crate) mod packing;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod page;
pub(crate) mod reading;
pub(crate) mod repair;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod round_trip;
mod shape;
mod texts;

use outpost_model::defects::{Planted, is_planted};
use outpost_model::id::SiteId;

use crate::bytes::{InstallId, InstallTag};
use crate::identity::{Identity, PeerKeys};
use crate::leb::Reader;
use crate::session::{QuarantineReason, Side};
use crate::settings::Settings;
use body::Body;

/// The version of the envelope and of all that is in it.
pub(crate) const VERSION: u8 = 1;
/// Put before the signed bytes, so that a signature made for a frame can never be taken for anything else.
const CONTEXT: &[u8] = b"outpost frame 1\0";
const SIGNATURE_BYTES: usize = 64;

/// Which kind of frame, as its second byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Hello = 1,
    Welcome = 2,
    Batch = 3,
    Acknowledgement = 4,
    Hail = 5,
    Compare = 6,
    Compared = 7,
    List = 8,
    Listed = 9,
    Fetch = 10,
    Part = 11,
    Taken = 12,
    Proof = 13,
}

impl Kind {
    const ALL: [Self; 13] = [
        Self::Hello,
        Self::Welcome,
        Self::Batch,
        Self::Acknowledgement,
        Self::Hail,
        Self::Compare,
        Self::Compared,
        Self::List,
        Self::Listed,
        Self::Fetch,
        Self::Part,
        Self::Taken,
        Self::Proof,
    ];

    fn of(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }
}

fn direction(writer: Side) -> u8 {
    match writer {
        Side::Site => 0,
        Side::Hub => 1,
    }
}

/// The outside of a frame: readable without any key, and proof of nothing until the signature is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Which side claims to have written it.
    pub writer: Side,
    /// The install that claims to have signed it.
    pub signer: InstallTag,
    kind: Kind,
}

impl Envelope {
    const BYTES: usize = 3 + InstallTag::BYTES;

    /// Reads the outside of a frame of a kind that this version knows.
    pub fn peek(frame: &[u8]) -> Option<Self> {
        let (writer, signer, kind) = outside(frame)?;
        Some(Self { writer, signer, kind: kind? })
    }
}

/// Who claims to have written and signed a frame, and its kind, if that is known.
fn outside(frame: &[u8]) -> Option<(Side, InstallTag, Option<Kind>)> {
    if frame.len() > Settings::FRAME_BYTES_LIMIT {
        return None;
    }
    let mut reader = Reader::new(frame);
    let version = reader.byte()?;
    let kind = Kind::of(reader.byte()?);
    let writer = [Side::Site, Side::Hub].into_iter().zip([0, 1]).collect::<Vec<_>>();
    let direction = reader.byte()?;
    let writer = writer.into_iter().find(|(_, byte)| *byte == direction)?.0;
    let signer = InstallTag(reader.array()?);
    let long_enough = frame.len() >= Envelope::BYTES + SIGNATURE_BYTES;
    (version == VERSION && long_enough).then_some((writer, signer, kind))
}

/// Writes and signs a frame.
pub(crate) fn seal(identity: &Identity, writer: Side, site: &SiteId, body: &Body) -> Vec<u8> {
    let mut frame = Vec::with_capacity(256);
    frame.extend_from_slice(&[VERSION, body.kind() as u8, direction(writer)]);
    frame.extend_from_slice(&identity.install().tag().0);
    body.write(&mut frame);
    let signature = identity.sign(&signed(site, identity.install(), &frame));
    frame.extend_from_slice(&signature);
    frame
}

/// Checks that a frame is the peer's, and only then reads its body. Of a kind that is not known there is none.
pub(crate) fn open(
    frame: &[u8],
    keys: &PeerKeys,
    writer: Side,
    site: &SiteId,
) -> Result<(InstallId, Option<Body>), QuarantineReason> {
    let (claimed, tag, kind) = outside(frame).ok_or(QuarantineReason::NotAFrame)?;
    if claimed != writer {
        return Err(QuarantineReason::Misdirected);
    }
    let (content, signature) = frame.split_at(frame.len() - SIGNATURE_BYTES);
    let signature: [u8; SIGNATURE_BYTES] = signature.try_into().map_err(|_| QuarantineReason::NotAFrame)?;
    let mut known = keys.of(tag).peekable();
    known.peek().ok_or(QuarantineReason::UnknownInstall(tag))?;
    let skipped = is_planted(Planted::SkipTheSignature);
    let signer = known.find(|key| key.verifies(&signed(site, key.install, content), &signature) || skipped);
    let signer = signer.ok_or(QuarantineReason::Forged)?;
    let read = |kind| Body::read(kind, &content[Envelope::BYTES..]);
    let body = kind.map(read).transpose();
    let body = body.map_err(|reason| QuarantineReason::Malformed(reason.to_owned()))?;
    Ok((signer.install, body))
}

/// What both sides know is signed without being sent: the site, which the topic names, and the whole id of the install.
fn signed(site: &SiteId, install: InstallId, content: &[u8]) -> Vec<u8> {
    let site = site.as_str().as_bytes();
    [CONTEXT, &[site.len() as u8], site, &install.0, content].concat()
}
