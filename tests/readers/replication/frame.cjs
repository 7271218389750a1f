// One frame: its envelope, its signature and its body, as docs/protocol.md has them under "Frame".
'use strict';

const { ed25519 } = require('@noble/curves/ed25519');
const { Decoder } = require('cbor-x');

const VERSION = 1;
const SIGNED_FIRST = Buffer.from('outpost frame 1\0');
const SIGNATURE = 64;
const FRAME_BYTES_MAX = 240 * 1024;
const KINDS = { 1: 'hello', 2: 'welcome', 3: 'batch', 4: 'acknowledgement', 5: 'hail' };
const WRITERS = { 0: 'site', 1: 'hub' };

const cbor = new Decoder({ useRecords: false, mapsAsObjects: true, int64AsNumber: false });

/** A frame that is not what the document says; the sentence says where. */
class Refused extends Error {}

const hex = (bytes) => Buffer.from(bytes).toString('hex');

/** The part before the body, and where body and signature begin. */
function envelope(bytes) {
  if (bytes.length > FRAME_BYTES_MAX) throw new Refused(`a frame of ${bytes.length} bytes`);
  if (bytes.length < 4 || bytes[0] !== VERSION) throw new Refused(`version ${bytes[0]}`);
  const [, kind, writer, length] = bytes;
  const bodyAt = 4 + length + 16;
  if (bytes.length < bodyAt + SIGNATURE) throw new Refused(`a frame of ${bytes.length} bytes is cut off`);
  if (!(writer in WRITERS)) throw new Refused(`writer ${writer}`);
  return {
    kind: KINDS[kind] ?? `kind ${kind}`,
    isKnown: kind in KINDS,
    writer: WRITERS[writer],
    site: bytes.subarray(4, 4 + length).toString('latin1'),
    install: hex(bytes.subarray(4 + length, bodyAt)),
    bodyAt,
    signatureAt: bytes.length - SIGNATURE,
  };
}

/**
 * Reads a frame. `keyOf(install, writer, site)` gives the public key in hex, or nothing when nobody is known by that
 * name. The signature is checked before a byte of the body is read.
 */
function readFrame(bytes, keyOf) {
  const found = envelope(bytes);
  const key = keyOf(found.install, found.writer, found.site);
  if (!key) throw new Refused(`${found.kind} signed by an install nobody told us of: ${found.install}`);
  const signed = Buffer.concat([SIGNED_FIRST, bytes.subarray(0, found.signatureAt)]);
  if (!verified(bytes.subarray(found.signatureAt), signed, key)) {
    throw new Refused(`${found.kind} with a signature that is not that of install ${found.install}`);
  }
  const { kind, isKnown, writer, site, install } = found;
  if (!isKnown) return { kind, isKnown, writer, site, install };
  const [head, content] = decoded(bytes.subarray(found.bodyAt, found.signatureAt));
  return {
    kind, isKnown, writer, site, install, head, content,
    number: bytes[1],
    conversation: hex(head.c),
    serial: Number(head.s),
    incarnation: hex(head.i),
    epoch: Number(head.e),
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
  if (!Array.isArray(body) || body.length < 2 || !body[0]?.c || !body[0]?.i) throw new Refused('a body without a head');
  return body;
}

module.exports = { readFrame, Refused, hex, cbor };
