// Guided picking: line by line, by scan. A scan counts at once on the screen and waits in the outbox for its answer.
import "./shell.mjs";
import { give, outbox, showError } from "./act.mjs";
import { catchScans } from "./catcher.mjs";
import { soundComplete, soundRight, soundWrong } from "./feedback.mjs";
import { currentLine, progress, readScan, shortName, tail, undoOf, withWaiting } from "./picking.mjs";
import { classify } from "./scan.mjs";
import { say } from "./words.mjs";

const $ = (id) => document.getElementById(id);
const readState = () => JSON.parse($("pick-state").textContent);
const CONTAINER_KEY = "outpost.container.";

let task = readState();
let chosen = null;
let container = sessionStorage.getItem(CONTAINER_KEY + task.case) ?? task.container;
let lastPick = null;

const lines = () => withWaiting(task.lines, outbox.waiting(), task.case);
const stopped = () => task.put_back > 0 || task.held || task.closed;

catchScans($("scan"), work);
outbox.listen(onOutbox);
addEventListener("outpost:refreshed", () => {
  task = readState();
  draw();
});
$("undo").addEventListener("click", undo);
$("all").addEventListener("click", choose);
$("by-hand-form").addEventListener("submit", pickByHand);
$("short-form").addEventListener("submit", short);
$("tote-form").addEventListener("submit", changeContainer);
draw();

function work(scan) {
  if (stopped()) {
    soundWrong();
    return;
  }
  const read = readScan(lines(), scan, chosen);
  $("last").textContent = read.code ?? scan.text;
  if (read.wrong) {
    showError(say(`js.wrong.${read.wrong}`), wrongSentence(read));
    return;
  }
  pick(read.line, read.qty, { barcode: read.code });
}

function wrongSentence(read) {
  if (read.wrong === "pack_too_large") return say("js.wrong.pack_too_large_text", read.qty, read.open);
  if (read.wrong === "already_complete") return say("js.wrong.already_complete_text", read.title);
  return say(`js.wrong.${read.wrong}_text`, read.code);
}

function pick(number, qty, more) {
  const line = task.lines.find((entry) => entry.line === number);
  const fields = { case: task.case, do: "pick", line: number, qty, location: line.location, container, ...more };
  if (!tryGive(fields)) return;
  lastPick = fields;
  chosen = number;
  const after = lines();
  const all = progress(after);
  if (all.open === 0 || after.find((entry) => entry.line === number).open === 0) soundComplete();
  else soundRight();
  flash();
  draw();
}

function tryGive(fields) {
  try {
    give(fields);
    return true;
  } catch {
    showError(say("js.device_full_title"), say("js.device_full"));
    return false;
  }
}

function undo() {
  if (!lastPick || !tryGive(undoOf(lastPick))) return;
  chosen = lastPick.line;
  lastPick = null;
  draw();
}

function onOutbox(event) {
  if (event.type !== "outcome") return;
  const { command, outcome } = event;
  if (command.case !== task.case) return;
  if (outcome.result === "rejected") {
    if (lastPick && command.do === "pick" && command.line === lastPick.line) lastPick = null;
  } else {
    // The daemon has done it: what it said before is brought up to date until its next word.
    task = { ...task, lines: withWaiting(task.lines, [command], task.case) };
  }
  draw();
}

/** A code typed off the piece is checked like a scan; without one, policy decides at the daemon. */
function pickByHand(event) {
  const line = currentLine(lines(), chosen);
  if (!line) return;
  const form = new FormData(event.target);
  const typed = String(form.get("code") ?? "").trim();
  const qty = within(form.get("qty"), line.open);
  event.target.reset();
  if (typed === "") return pick(line.line, qty, {});
  const read = readScan(lines(), { ...classify(typed), wedge: false, at: event.timeStamp }, line.line);
  if (read.wrong) return showError(say(`js.wrong.${read.wrong}`), wrongSentence(read));
  pick(read.line, read.line === line.line ? Math.max(qty, read.qty) : read.qty, { barcode: read.code });
}

function short(event) {
  const line = currentLine(lines(), chosen);
  if (!line) return;
  const form = new FormData(event.target);
  const fields = { case: task.case, do: "short", line: line.line, qty: within(form.get("qty"), line.open) };
  const location = line.known_location ? { location: line.location } : {};
  if (tryGive({ ...fields, reason: form.get("reason"), ...location })) draw();
  event.target.reset();
}

function within(text, most) {
  return Math.max(1, Math.min(Number(text) || 1, most));
}

function changeContainer(event) {
  container = String(new FormData(event.target).get("container")).trim() || container;
  sessionStorage.setItem(CONTAINER_KEY + task.case, container);
  draw();
}

function choose(event) {
  const button = event.target.closest("[data-choose]");
  if (!button) return;
  chosen = Number(button.dataset.choose);
  $("all").open = false;
  draw();
  $("scan").focus({ preventScroll: true });
}

function draw() {
  const shown = lines();
  const all = progress(shown);
  const line = currentLine(shown, chosen);
  $("count").textContent = say("js.x_of_y", all.done, all.all);
  $("bar").style.width = `${all.all === 0 ? 100 : Math.round((100 * all.done) / all.all)}%`;
  $("container-shown").textContent = shortName(container);
  $("current").hidden = !line;
  $("complete").hidden = Boolean(line);
  $("dock").hidden = !line;
  $("dock-done").hidden = Boolean(line);
  $("scan-form").hidden = !line;
  $("undo").disabled = !lastPick;
  if (line) drawLine(line);
  for (const item of $("lines").children) {
    const entry = shown.find((each) => String(each.line) === item.dataset.line);
    if (!entry) continue;
    item.querySelector("[data-progress]").textContent = `${entry.picked} / ${entry.qty}`;
    item.classList.toggle("done", entry.open === 0);
    item.classList.toggle("now", entry.line === line?.line);
  }
  drawStop();
}

function drawLine(line) {
  $("location").textContent = line.known_location ? line.location : say("js.no_location");
  $("title").textContent = line.title;
  $("sku").textContent = line.sku;
  $("picture").textContent = line.title.slice(0, 1).toUpperCase();
  const codes = line.barcodes.map((barcode) =>
    barcode.qty > 1 ? `…${tail(barcode.code)} (×${barcode.qty})` : `…${tail(barcode.code)}`,
  );
  const shown = codes.length > 0 ? codes : [say("js.no_barcode")];
  $("expected").replaceChildren(
    ...shown.map((code) => Object.assign(document.createElement("span"), { textContent: code })),
  );
  $("line-count").textContent = say("js.x_of_y", line.picked, line.picked + line.open);
  for (const element of document.querySelectorAll("[data-current-title]")) element.textContent = line.title;
  for (const input of document.querySelectorAll("[data-max-open]")) input.max = line.open;
}

/** The hub wants the goods back: nothing else can be done on this screen. */
function drawStop() {
  const wasHidden = $("stop").hidden;
  $("stop").hidden = !stopped();
  if (!stopped()) return;
  const why = task.put_back > 0 ? "cancelled" : task.held ? "held" : "closed";
  $("stop-text").textContent = say(`js.stop.${why}`, task.put_back);
  $("stop-go").hidden = task.put_back === 0;
  if (wasHidden) {
    soundWrong();
    (task.put_back > 0 ? $("stop-go") : $("stop-leave")).focus();
  }
}

function flash() {
  const card = $("current");
  card.classList.remove("right");
  void card.offsetWidth; // restarts the animation for every scan
  card.classList.add("right");
}
