// Putting goods back: scan the piece, its card says where to; the button books it.
import "./shell.mjs";
import { showError } from "./act.mjs";
import { catchScans } from "./catcher.mjs";
import { soundRight } from "./feedback.mjs";
import { comparable, productCode } from "./scan.mjs";
import { say } from "./words.mjs";

const field = document.getElementById("scan");
if (field) catchScans(field, work);

function work(scan) {
  const code = productCode(scan);
  const cards = Array.from(document.querySelectorAll(".put-back"));
  const wanted = comparable(code);
  const card = cards.find((each) => each.dataset.barcodes.split(" ").map(comparable).includes(wanted));
  document.getElementById("last").textContent = code;
  if (!card) {
    showError(say("js.wrong.not_in_order"), say("js.wrong.not_in_order_text", code));
    return;
  }
  soundRight();
  for (const each of cards) each.classList.toggle("now", each === card);
  card.scrollIntoView({ block: "center", behavior: "smooth" });
  card.querySelector("button").focus({ preventScroll: true });
}
