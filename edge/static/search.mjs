// A search field that takes scans: what is scanned anywhere on the page is searched for.
import "./shell.mjs";
import { soundRight } from "./feedback.mjs";
import { ScanAssembler, productCode } from "./scan.mjs";

const field = document.getElementById("search");
const assembler = new ScanAssembler();

addEventListener(
  "keydown",
  (event) => {
    const inOtherField = event.target !== field && event.target.closest?.("input, textarea, select, dialog[open]");
    if (inOtherField || event.metaKey || event.altKey || event.isComposing) return;
    const scan = assembler.key(event.key, event.timeStamp, { ctrl: event.ctrlKey });
    if (!scan?.wedge) return;
    event.preventDefault();
    soundRight();
    field.value = productCode(scan);
    field.form.requestSubmit();
  },
  { capture: true },
);
if (field.value === "") field.focus({ preventScroll: true });
