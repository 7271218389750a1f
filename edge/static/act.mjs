// Doing what a button says: the command is kept on the device, sent, and the button tells what came of it.
import { isIrrevocable } from "./command.mjs";
import { soundWrong } from "./feedback.mjs";
import { Outbox } from "./outbox.mjs";
import { uuid7Source } from "./uuid7.mjs";
import { say } from "./words.mjs";

const ANSWER_MS_MAX = 10_000;

export const mintId = uuid7Source();

export const person = {
  staff: document.body.dataset.staff ?? "",
  device: document.body.dataset.device ?? "",
};

/** Sends JSON; resolves to status and body, throws when there is no answer in time. */
export async function postJson(address, content) {
  const response = await fetch(address, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(content),
    signal: AbortSignal.timeout(ANSWER_MS_MAX),
  });
  const body = await response.json().catch(() => null);
  return { status: response.status, body };
}

export const outbox = new Outbox(localStorage, (commands) => postJson("/v1/commands", { commands }));

/** Keeps a command and sends it; resolves to its outcome once there is one. */
export function give(fields) {
  const command = { id: mintId(), ...person, at: Date.now(), ...fields };
  const answered = new Promise((resolve) => {
    const stop = outbox.listen((event) => {
      if (event.type !== "outcome" || event.command.id !== command.id || event.outcome.result === "failed") return;
      stop();
      resolve(event.outcome);
    });
  });
  outbox.add(command);
  void outbox.flush();
  return { command, answered };
}

/** As `give`, with the button of the act showing how it stands. Resolves to whether it was done. */
export async function act(button, fields) {
  if (button.getAttribute("aria-busy") === "true") return false;
  const label = button.dataset.label ?? button.textContent;
  button.dataset.label = label;
  if (isIrrevocable(fields) && !(await outbox.flush())) {
    showError(say("js.daemon_away_title"), say("js.daemon_away_irrevocable"));
    return false;
  }
  let task;
  try {
    task = give(fields);
  } catch {
    showError(say("js.device_full_title"), say("js.device_full"));
    return false;
  }
  button.setAttribute("aria-busy", "true");
  button.textContent = say("js.saving");
  const slow = setTimeout(() => {
    button.textContent = say(isIrrevocable(fields) ? "js.unclear_wait" : "js.kept_on_device");
  }, 2_500);
  const outcome = await task.answered;
  clearTimeout(slow);
  button.removeAttribute("aria-busy");
  const done = outcome.result !== "rejected";
  button.textContent = done ? say("js.done") : label;
  if (done) setTimeout(() => (button.textContent = label), 1_600);
  return done;
}

/** A message that stays until it was read. */
export function showError(title, sentence, onRead) {
  soundWrong();
  const place = document.getElementById("errors");
  if (!place) return;
  // The same mistake over and over is one message with a count: the pile must not hide the work.
  const same = Array.from(place.children).find((box) => box.dataset.says === `${title}\n${sentence}`);
  if (same) {
    same.dataset.times = Number(same.dataset.times ?? 1) + 1;
    same.querySelector("strong").textContent = `${title} ×${same.dataset.times}`;
    if (onRead) same.addEventListener("read", onRead);
    return;
  }
  const box = document.createElement("div");
  box.className = "alert bad";
  box.dataset.says = `${title}\n${sentence}`;
  if (onRead) box.addEventListener("read", onRead);
  box.setAttribute("role", "alert");
  const strong = document.createElement("strong");
  strong.textContent = title;
  const text = document.createElement("span");
  text.textContent = sentence;
  const read = document.createElement("button");
  read.type = "button";
  read.textContent = say("js.understood");
  read.addEventListener("click", () => {
    box.dispatchEvent(new Event("read"));
    box.remove();
  });
  box.append(strong, text, read);
  place.append(box);
}
