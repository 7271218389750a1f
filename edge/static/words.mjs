// The words of the page's language, as the daemon has put them into the page.

const catalog = JSON.parse(document.getElementById("words")?.textContent ?? "{}");

/** The text under a key, with {0}, {1} … filled in. A key without a text shows itself, so that nobody misses it. */
export function say(key, ...values) {
  const text = catalog[key] ?? key;
  return text.replace(/\{(\d)\}/g, (whole, at) => String(values[at] ?? whole));
}
