// Handing an order to its customer, all of it or part of it.
import "./shell.mjs";
import { act } from "./act.mjs";
import { splitHandover } from "./command.mjs";
import { soundComplete } from "./feedback.mjs";
import { refresh } from "./live.mjs";
import { say } from "./words.mjs";

const form = document.getElementById("handover");
if (form) {
  form.addEventListener("input", draw);
  form.addEventListener("submit", submit);
  draw();
}

function quantities() {
  return Array.from(form.querySelectorAll("[name=give]"), (input) => ({
    line: Number(input.dataset.line),
    available: Number(input.dataset.available),
    give: Number(input.value) || 0,
  }));
}

function draw() {
  const { given, left } = splitHandover(quantities());
  const units = given.reduce((sum, line) => sum + line.qty, 0);
  const byCode = new FormData(form).get("proof") === "code";
  const declinesAll = given.length === 0 && new FormData(form).get("rest") !== "keep";
  document.getElementById("rest").hidden = left.length === 0;
  document.getElementById("why").hidden = left.length === 0 || new FormData(form).get("rest") === "keep";
  document.getElementById("code-field").hidden = !byCode;
  form.elements.code.required = byCode && units > 0;
  const button = document.getElementById("give");
  button.disabled = units === 0 && !declinesAll;
  delete button.dataset.label;
  button.textContent = units > 0 ? say("js.give_units", units) : say("js.decline_all");
}

async function submit(event) {
  event.preventDefault();
  const button = document.getElementById("give");
  const fields = new FormData(form);
  const { given, left } = splitHandover(quantities());
  const caseId = form.dataset.case;
  if (given.length > 0) {
    const proof = fields.get("proof");
    const done = await act(button, {
      case: caseId,
      do: "hand_over",
      lines: given,
      to: fields.get("to"),
      proof,
      ...(proof === "code" && { code: fields.get("code").trim() }),
      ...(fields.get("override_reason") && { override_reason: fields.get("override_reason").trim() }),
    });
    form.elements.code.value = "";
    if (!done) return refresh();
    soundComplete();
  }
  if (left.length > 0 && fields.get("rest") === "declined") {
    for (const { line, qty } of left) {
      await act(button, { case: caseId, do: "decline", line, qty, reason: fields.get("why") });
    }
  }
  location.reload(); // the form is about quantities that have changed
}
