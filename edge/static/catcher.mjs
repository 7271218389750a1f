// The one place scans go to: a focusable text field without an on-screen keyboard. Keys typed anywhere else on the
// page, outside of a field, are taken too, so that a lost focus loses no scan.
import { ScanAssembler, ScanQueue } from "./scan.mjs";

/** Works scans off behind the queue; `work(scan)` may take its time. */
export function catchScans(input, work) {
  const assembler = new ScanAssembler();
  const queue = new ScanQueue(work);
  const take = (scan) => {
    if (!scan) return;
    input.value = "";
    queue.push(scan);
  };
  const isField = (element) => element !== input && element?.closest?.("input, textarea, select, dialog[open]");

  addEventListener(
    "keydown",
    (event) => {
      if (isField(event.target) || event.metaKey || event.altKey) return;
      // Android's input methods give no key names; what they type arrives as `input` below.
      if (event.key === "Unidentified" || event.isComposing) return;
      const ends = event.key === "Enter" || event.key === "Tab";
      const wasEmpty = assembler.text === "";
      take(assembler.key(event.key, event.timeStamp, { ctrl: event.ctrlKey }));
      const button = event.target.closest?.("button, a, summary");
      // An empty Enter on a button presses it; the Enter of a scan must not, and the Tab of one moves nothing.
      if ((ends && !wasEmpty) || (!button && event.key.length === 1 && !event.ctrlKey)) event.preventDefault();
      if (event.target === input || document.activeElement === input) input.value = assembler.text;
    },
    { capture: true },
  );
  input.addEventListener("beforeinput", (event) => {
    if (event.inputType === "insertLineBreak") take(assembler.key("Enter", event.timeStamp));
  });
  input.addEventListener("input", (event) => {
    const text = event.data ?? "";
    if (text) assembler.paste(text, event.timeStamp);
  });
  input.form?.addEventListener("submit", (event) => {
    event.preventDefault();
    take(assembler.key("Enter", event.timeStamp));
  });
  input.focus({ preventScroll: true });
  return queue;
}
