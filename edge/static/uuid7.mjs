// Ids of commands are minted on the device, so that a retry after a lost answer carries the same id.
// crypto.randomUUID needs a secure context and makes version 4; ids in time order keep the outbox in order.

const COUNTER_MAX = 0xfff;

/**
 * A source of UUIDs of version 7 (RFC 9562). Ids of one source always grow, also within a millisecond and when
 * the device's clock is set back.
 */
export function uuid7Source(
  now = Date.now,
  random = (count) => crypto.getRandomValues(new Uint8Array(count)),
) {
  let lastMillis = 0;
  let counter = 0;
  return () => {
    const clock = now();
    if (clock > lastMillis) {
      lastMillis = clock;
      const [high, low] = random(2);
      counter = ((high & 0x07) << 8) | low; // the upper half stays free for ids of the same millisecond
    } else if (counter < COUNTER_MAX) {
      counter += 1;
    } else {
      lastMillis += 1;
      counter = 0;
    }
    const bytes = new Uint8Array(16);
    bytes.set(random(8), 8);
    for (let at = 5, rest = lastMillis; at >= 0; at -= 1) {
      bytes[at] = rest % 256;
      rest = Math.floor(rest / 256);
    }
    bytes[6] = 0x70 | (counter >> 8);
    bytes[7] = counter & 0xff;
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    return format(bytes);
  };
}

function format(bytes) {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
