// Keeps a page fresh: news arrive as ids, and the page is read again when it is about them. Without news it asks now
// and then. Nothing is swapped under the hands of somebody who types.

const APART = 1_000; // two readings are at least this far apart
const POLL = 30_000; // how often it is read without news

/** Starts following; returns a function that reads the page again now. */
export function follow(afterwards) {
  const topics = (document.body.dataset.live ?? "").split(" ").filter(Boolean);
  const state = document.getElementById("live-state");
  let timer = null;
  let last = Date.now();
  let shown = document.getElementById("main").innerHTML;

  const say = (name) => { state.dataset.state = name; };

  const isBusy = () => {
    if (document.querySelector("dialog[open], [aria-busy='true']")) return true;
    const field = document.activeElement;
    return field?.matches?.("main input:not([type=checkbox]), main textarea, main select") && field.value !== field.defaultValue;
  };

  async function read() {
    timer = null;
    if (document.hidden || isBusy()) {
      say("waiting");
      return plan(POLL / 10);
    }
    last = Date.now();
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store" });
      if (!answer.ok || answer.redirected) return say("lost");
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      swap(page);
      say("live");
    } catch {
      say("lost");
    }
  }

  function swap(page) {
    const old = document.getElementById("main");
    const fresh = page.getElementById("main");
    if (!fresh || isBusy()) return;
    state.innerHTML = page.getElementById("live-state").innerHTML;
    document.querySelector("header.bar nav").innerHTML = page.querySelector("header.bar nav").innerHTML;
    if (fresh.innerHTML === shown) return;
    shown = fresh.innerHTML;
    const folds = [...old.querySelectorAll("details")].map((fold) => fold.open);
    const focused = document.activeElement?.id;
    old.replaceChildren(...fresh.childNodes);
    const now = [...old.querySelectorAll("details")];
    if (now.length === folds.length) now.forEach((fold, index) => { fold.open = folds[index]; });
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    afterwards();
  }

  function plan(wait) {
    timer ??= setTimeout(read, Math.max(wait, last + APART - Date.now()));
  }

  const concerns = (kind, id) =>
    kind === "all" || topics.includes(kind) || topics.includes(`${kind}:${id}`) || (kind === "case" && topics.some((topic) => topic.startsWith("order:")));

  if (topics.length > 0) {
    const news = new EventSource("/console/events");
    news.onopen = () => { say("live"); plan(0); };
    news.onerror = () => say("lost");
    for (const kind of ["order", "case", "site", "exceptions", "all"]) {
      news.addEventListener(kind, (event) => { if (concerns(kind, event.data)) plan(150); });
    }
    setInterval(() => plan(0), POLL);
    document.addEventListener("visibilitychange", () => { if (!document.hidden) plan(0); });
  }
  return () => { clearTimeout(timer); timer = null; last = 0; plan(0); };
}
