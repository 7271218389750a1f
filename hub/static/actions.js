// Buttons and forms that change something: each is one call of the API, and its refusal is shown in its own words.

/** Listens on the whole page, since its content is replaced when it is read again. */
export function act(readAgain) {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.open) document.getElementById(button.dataset.open)?.showModal();
    if ("close" in button.dataset) button.closest("dialog")?.close();
    if (button.dataset.post) post(button, button.dataset.post, {}, button.dataset.done, readAgain);
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.post) {
      event.preventDefault();
      post(event.submitter ?? form, form.dataset.post, content(form), form.dataset.done, readAgain);
    }
    if (form.dataset.import) {
      event.preventDefault();
      bringIn(form);
    }
  });
}

/** A form as JSON. A list of numbered boxes that are all checked means all, which the API writes as an empty list. */
function content(form) {
  const body = {};
  for (const field of form.elements) {
    if (!field.name) continue;
    if (field.type === "checkbox") {
      body[field.name] ??= [];
      if (field.checked) body[field.name].push(Number(field.value));
    } else if (field.value.trim() !== "") {
      body[field.name] = field.value.trim();
    }
  }
  const boxes = [...form.querySelectorAll("input[data-number]")];
  if (boxes.length > 0 && boxes.every((box) => box.checked)) body[boxes[0].name] = [];
  return body;
}

async function post(button, address, body, done, readAgain) {
  const boxes = button.closest?.("form")?.querySelectorAll("input[data-number]") ?? [];
  if (boxes.length > 0 && ![...boxes].some((box) => box.checked)) return toast("Choose at least one line.", true);
  button.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(address, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify(body),
    });
    if (!answer.ok) return toast(await refusal(answer), true);
    button.closest?.("dialog")?.close();
    toast(done ?? "Done");
    document.activeElement?.blur();
  } catch {
    toast("The hub cannot be reached. Nothing was changed.", true);
  } finally {
    button.removeAttribute("aria-busy");
  }
  readAgain();
}

async function bringIn(form) {
  const file = form.elements.file.files[0];
  const report = form.parentElement.querySelector(".report");
  const button = form.querySelector("button");
  if (!file) return;
  button.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(form.dataset.import, { method: "POST", headers: { "content-type": "text/csv" }, body: file });
    if (!answer.ok) return toast(await refusal(answer), true);
    show(report, file.name, await answer.json());
    form.reset();
  } catch {
    toast("The hub cannot be reached. The file was not imported.", true);
  } finally {
    button.removeAttribute("aria-busy");
  }
}

/** The report of an import: how many lines were taken, and each refused one with its reason. */
function show(report, name, { accepted = 0, refused = [] }) {
  const title = element("strong", `${name}: ${accepted} taken, ${refused.length} refused`);
  const parts = [element("div", title, refused.length > 0 ? "alert warn" : "alert ok")];
  if (refused.length > 0) {
    const head = element("thead", element("tr", ["Line", "Code", "Why"].map((text) => element("th", text))));
    const rows = refused.map(({ line, code, sentence }) =>
      element("tr", [element("td", String(line), "num"), element("td", code, "code"), element("td", sentence)]));
    parts.push(element("div", element("table", [head, element("tbody", rows)]), "table"));
  }
  report.replaceChildren(...parts);
  report.hidden = false;
}

async function refusal(answer) {
  try {
    const { title, sentence, detail } = await answer.json();
    return [title ?? sentence, detail].filter(Boolean).join(" ") || `Refused (${answer.status}).`;
  } catch {
    return `Refused (${answer.status}).`;
  }
}

function element(name, content, className) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...[content].flat());
  return made;
}

let passing = null;
function toast(text, isBad = false) {
  passing?.remove();
  passing = element("div", text, isBad ? "toast bad" : "toast");
  passing.setAttribute("role", isBad ? "alert" : "status");
  document.body.append(passing);
  const own = passing;
  setTimeout(() => own.remove(), isBad ? 9_000 : 4_000);
}
