// What every page of the handheld does: the outbox in sight and working, refusals shown, forms that give commands.
import { act, mintId, outbox, person, postJson, showError } from "./act.mjs";
import { fieldsFrom } from "./command.mjs";
import { unlockSound } from "./feedback.mjs";
import { keepFresh, refreshSoon } from "./live.mjs";
import { say } from "./words.mjs";

unlockSound();
showWaiting();
for (const { id, outcome } of outbox.refused()) showRefusal(id, outcome);
outbox.listen((event) => {
  showWaiting();
  if (event.type === "outcome" && event.outcome.result === "rejected") showRefusal(event.command.id, event.outcome);
  if (event.type === "outcome") refreshSoon();
});
scheduleFlush();
addEventListener("online", () => void outbox.flush());
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) void outbox.flush();
});
addEventListener("storage", showWaiting); // another tab of this device gave or settled something

const live = document.body.dataset.liveOn ?? "";
const only = document.body.dataset.case ?? "";
const narrowed = only ? (kind, data) => kind !== "case" || data.includes(only) : undefined;
keepFresh(live.split(" ").filter(Boolean), narrowed);
document.addEventListener("submit", onSubmit);
document.addEventListener("click", onClick);

async function scheduleFlush() {
  await outbox.flush();
  setTimeout(scheduleFlush, outbox.waiting().length > 0 ? outbox.retryMs : 5_000);
}

function showWaiting() {
  const place = document.getElementById("outbox");
  if (!place) return;
  const count = outbox.waiting().length;
  place.hidden = count === 0 && outbox.reachable;
  place.classList.toggle("warn", !outbox.reachable);
  place.textContent = outbox.reachable
    ? say("js.outbox_waiting", count)
    : say("js.outbox_unreachable", count);
}

function showRefusal(id, outcome) {
  showError(say("js.refused_title"), outcome.sentence || outcome.code, () => outbox.acknowledge(id));
}

/** A form with `data-do` gives a command made of its fields; one with `data-post` is sent to that address. */
async function onSubmit(event) {
  const form = event.target;
  if (!form.dataset.do && !form.dataset.post) return;
  event.preventDefault();
  const button = event.submitter ?? form.querySelector("button");
  const fields = readForm(form, event.submitter);
  const done = form.dataset.do
    ? await act(button, { ...(form.dataset.case && { case: form.dataset.case }), do: form.dataset.do, ...fields })
    : await post(button, form.dataset.post, fields);
  if (!done) return;
  form.closest("dialog")?.close();
  document.activeElement?.blur?.();
  if (form.dataset.then) location.assign(form.dataset.then);
  else refreshSoon();
}

function readForm(form, submitter) {
  const entries = Array.from(new FormData(form, submitter), ([name, value]) => {
    const field = Array.from(form.elements).find((element) => element.name === name);
    return [name, value, field?.dataset.kind ?? (field?.type === "number" ? "number" : "text")];
  });
  return fieldsFrom(entries);
}

async function post(button, address, fields) {
  if (button.getAttribute("aria-busy") === "true") return false;
  button.setAttribute("aria-busy", "true");
  // The request's id stays with the button until there is an answer: pressing again after a lost one repeats it.
  button.dataset.request ??= mintId();
  try {
    const { status, body } = await postJson(address, { ...fields, ...person, request: button.dataset.request });
    delete button.dataset.request;
    if (status < 300) return true;
    showError(say("js.refused_title"), body?.detail ?? body?.title ?? String(status));
  } catch {
    showError(say("js.daemon_away_title"), say("js.daemon_away_again"));
  } finally {
    button.removeAttribute("aria-busy");
  }
  return false;
}

function onClick(event) {
  const opener = event.target.closest("[data-opens]");
  if (opener) document.getElementById(opener.dataset.opens)?.showModal();
  const closer = event.target.closest("[data-closes]");
  if (closer) closer.closest("dialog")?.close();
  const step = event.target.closest("[data-step]");
  if (step) stepNumber(step);
}

function stepNumber(button) {
  const input = button.closest(".stepper")?.querySelector("input");
  if (!input) return;
  const next = Number(input.value || 0) + Number(button.dataset.step);
  input.value = Math.max(Number(input.min || 0), Math.min(Number(input.max || 9999), next));
  input.dispatchEvent(new Event("input", { bubbles: true }));
}
