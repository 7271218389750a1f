//! Frames: what travels over the line. docs/protocol.md describes them for other languages.

pub(crate) mod body;
pub(crate) mod columns;
mod ids;
pub(crate) mod memory;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod page;
pub(crate) mod repair;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod round_trip;

use outpost_model::defects::{Planted, is_planted};
use outpost_model::id::SiteId;

use crate::bytes::InstallId;
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
}

impl Kind {
    const ALL: [Self; 12] = [
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
    /// The site of the conversation.
    pub site: SiteId,
    /// The install that claims to have signed it.
    pub install: InstallId,
    kind: Kind,
    body_from: usize,
}

impl Envelope {
    /// Reads the outside of a frame, for example to find the session it belongs to.
    pub fn peek(frame: &[u8]) -> Option<Self> {
        if frame.len() > Settings::FRAME_BYTES_LIMIT {
            return None;
        }
        let mut reader = Reader::new(frame);
        let version = reader.byte()?;
        let kind = Kind::of(reader.byte()?)?;
        let writer = [Side::Site, Side::Hub].into_iter().zip([0, 1]).collect::<Vec<_>>();
        let direction = reader.byte()?;
        let writer = writer.into_iter().find(|(_, byte)| *byte == direction)?.0;
        let length = usize::from(reader.byte()?);
        let site = SiteId::new(std::str::from_utf8(reader.take(length)?).ok()?).ok()?;
        let install = InstallId(reader.array()?);
        let body_from = 4 + length + InstallId::BYTES;
        let long_enough = frame.len() >= body_from + SIGNATURE_BYTES;
        (version == VERSION && long_enough).then_some(Self { writer, site, install, kind, body_from })
    }
}

/// Writes and signs a frame.
pub(crate) fn seal(identity: &Identity, writer: Side, site: &SiteId, body: &Body) -> Vec<u8> {
    let mut frame = Vec::with_capacity(256);
    frame.extend_from_slice(&[VERSION, body.kind() as u8, direction(writer), site.as_str().len() as u8]);
    frame.extend_from_slice(site.as_str().as_bytes());
    frame.extend_from_slice(&identity.install().0);
    body.write(&mut frame);
    let signature = identity.sign(&signed(&frame));
    frame.extend_from_slice(&signature);
    frame
}

/// Checks that a frame is the peer's, and only then reads its body.
pub(crate) fn open(
    frame: &[u8],
    keys: &PeerKeys,
    writer: Side,
    site: &SiteId,
) -> Result<(InstallId, Body), QuarantineReason> {
    let envelope = Envelope::peek(frame).ok_or(QuarantineReason::NotAFrame)?;
    if envelope.writer != writer || envelope.site != *site {
        return Err(QuarantineReason::Misdirected);
    }
    let key = keys.find(envelope.install).ok_or(QuarantineReason::UnknownInstall(envelope.install))?;
    let (content, signature) = frame.split_at(frame.len() - SIGNATURE_BYTES);
    let signature: [u8; SIGNATURE_BYTES] = signature.try_into().map_err(|_| QuarantineReason::NotAFrame)?;
    if !key.verifies(&signed(content), &signature) && !is_planted(Planted::SkipTheSignature) {
        return Err(QuarantineReason::Forged);
    }
    let body = Body::read(envelope.kind, &content[envelope.body_from..])
        .map_err(|reason| QuarantineReason::Malformed(reason.to_owned()))?;
    Ok((envelope.install, body))
}

fn signed(content: &[u8]) -> Vec<u8> {
    [CONTEXT, content].concat()
}
