// Keeps a screen fresh: the daemon says what changed, the page asks for itself again and swaps what may change.
// A screen always says how old it is.
import { say } from "./words.mjs";

const REFRESH_PAUSE_MS = 400;
const OLD_AFTER_MS = 60_000;
const POLL_MS = 30_000;

let connected = false;
let loadedAt = Date.now();
let pending = null;

function stamp() {
  const element = document.getElementById("age");
  if (!element) return;
  const shown = element.dataset.asOf ?? "";
  const old = Date.now() - loadedAt > OLD_AFTER_MS;
  element.textContent = say(connected ? "js.as_of_live" : "js.as_of_not_live", shown);
  element.classList.toggle("late", !connected && old);
}

/** Asks for the page again and replaces every part marked `data-live` by its id. */
export async function refresh() {
  let fresh;
  try {
    const response = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!response.ok || response.redirected) return;
    fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  } catch {
    return;
  }
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = fresh.getElementById(part.id);
    // A part somebody is typing into stays as it is until the next time.
    if (!next || part.contains(document.activeElement?.closest("input, select, textarea, dialog[open]"))) continue;
    if (part.innerHTML !== next.innerHTML) {
      const opened = Array.from(part.querySelectorAll("details"), (details) => details.open);
      part.replaceChildren(...next.childNodes);
      part.querySelectorAll("details").forEach((details, at) => (details.open = opened[at] ?? details.open));
    }
    for (const { name, value } of next.attributes) part.setAttribute(name, value);
  }
  loadedAt = Date.now();
  stamp();
  dispatchEvent(new CustomEvent("outpost:refreshed"));
}

/** Many changes in a moment are one refresh. */
export function refreshSoon() {
  pending ??= setTimeout(() => {
    pending = null;
    void refresh();
  }, REFRESH_PAUSE_MS);
}

/** Listens to the daemon. `kinds` names the changes this page shows; `concerns` may narrow them by their ids. */
export function keepFresh(kinds, concerns = () => true) {
  const source = new EventSource("/v1/events");
  source.onopen = () => {
    if (!connected) refreshSoon(); // something may have happened while nobody listened
    connected = true;
    stamp();
  };
  source.onerror = () => {
    connected = false;
    stamp();
  };
  for (const kind of kinds) {
    source.addEventListener(kind, (event) => {
      if (concerns(kind, event.data)) refreshSoon();
    });
  }
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) refreshSoon();
  });
  setInterval(() => {
    stamp();
    if (!document.hidden && Date.now() - loadedAt > POLL_MS) refreshSoon();
  }, 5_000);
  addEventListener("pagehide", () => source.close());
  stamp();
}
