// One frame: its envelope, its signature and its body, as docs/protocol.md has them under "Frame".
'use strict';

const { ed25519 } = require('@noble/curves/ed25519');
const { Decoder } = require('cbor-x');

const VERSION = 1;
const SIGNED_FIRST = Buffer.from('outpost frame 1\0');
const BODY_AT = 7;
const SIGNATURE = 64;
const FRAME_BYTES_MAX = 240 * 1024;
const KINDS = { 1: 'hello', 2: 'welcome', 3: 'batch', 4: 'acknowledgement', 5: 'hail' };
const WRITERS = { 0: 'site', 1: 'hub' };

const cbor = new Decoder({ useRecords: false, mapsAsObjects: true, int64AsNumber: false });

/** A frame that is not what the document says; the sentence says where. */
class Refused extends Error {}

/** It builds on what was said before this program listened. */
class Unheard extends Refused {}

const hex = (bytes) => Buffer.from(bytes).toString('hex');

/** The part before the body, and where body and signature begin. */
function envelope(bytes) {
  if (bytes.length > FRAME_BYTES_MAX) throw new Refused(`a frame of ${bytes.length} bytes`);
  if (bytes[0] !== VERSION) throw new Refused(`version ${bytes[0]}`);
  if (bytes.length < BODY_AT + SIGNATURE) throw new Refused(`a frame of ${bytes.length} bytes is cut off`);
  const [, kind, writer] = bytes;
  if (!(writer in WRITERS)) throw new Refused(`writer ${writer}`);
  return {
    kind: KINDS[kind] ?? `kind ${kind}`,
    isKnown: kind in KINDS,
    writer: WRITERS[writer],
    signer: hex(bytes.subarray(3, BODY_AT)),
    signatureAt: bytes.length - SIGNATURE,
  };
}

/** What is signed: the site and the whole install id as well, although they are not sent. */
function signedBytes(site, install, bytes) {
  const name = Buffer.from(site);
  return Buffer.concat([SIGNED_FIRST, Buffer.from([name.length]), name, Buffer.from(install, 'hex'), bytes]);
}

/**
 * Reads a frame of a site. `identitiesOf(writer)` gives install ids and public keys, as 96 digits each. The signature
 * is checked before a byte of the body is read.
 */
function readFrame(bytes, site, identitiesOf) {
  const found = envelope(bytes);
  const named = identitiesOf(found.writer).filter((identity) => identity?.startsWith(found.signer));
  if (named.length === 0) throw new Refused(`${found.kind} signed by an install nobody told us of: ${found.signer}`);
  const signature = bytes.subarray(found.signatureAt);
  const identity = named.find((one) => {
    const signed = signedBytes(site, one.slice(0, 32), bytes.subarray(0, found.signatureAt));
    return verified(signature, signed, one.slice(32));
  });
  if (!identity) throw new Refused(`${found.kind} with a signature that is not that of install ${found.signer}`);
  const { kind, isKnown, writer } = found;
  if (!isKnown) return { kind, isKnown, writer, site };
  const [head, content] = decoded(bytes.subarray(BODY_AT, found.signatureAt));
  const [conversation, serial, epoch, incarnation] = head;
  return {
    kind, isKnown, writer, site, head, content,
    number: bytes[1],
    conversation: hex(conversation),
    serial: Number(serial),
    epoch: Number(epoch),
    incarnation: incarnation ? hex(incarnation) : null,
  };
}

/** `zip215: false` is the strict check of RFC 8032. */
function verified(signature, signed, key) {
  try {
    return ed25519.verify(signature, signed, key, { zip215: false });
  } catch {
    return false;
  }
}

function decoded(bytes) {
  let body;
  try {
    body = cbor.decode(bytes);
  } catch (error) {
    throw new Refused(`a body that is not CBOR: ${error.message}`);
  }
  if (!Array.isArray(body) || !Array.isArray(body[0]) || body[0].length < 3 || body.length < 2) throw new Refused('a body without a head');
  return body;
}

module.exports = { readFrame, Refused, Unheard, hex, cbor };
