// The console's script. Pages are whole without it; it keeps them fresh and carries out what is clicked.

import { act } from "./actions.js";
import { follow } from "./live.js";

document.documentElement.classList.add("scripted");

/** Ages grow old: the same coarse words as the server writes. */
function age(then) {
  const millis = then - Date.now();
  const seconds = Math.floor(Math.abs(millis) / 1000);
  if (seconds < 10) return "just now";
  const [count, unit] =
    seconds < 60 ? [seconds, "s"]
    : seconds < 3600 ? [Math.floor(seconds / 60), "min"]
    : seconds < 86400 ? [Math.floor(seconds / 3600), "h"]
    : seconds < 172800 ? [1, "day"]
    : [Math.floor(seconds / 86400), "days"];
  return millis < 0 ? `${count} ${unit} ago` : `in ${count} ${unit}`;
}

function refreshAges() {
  for (const time of document.querySelectorAll("time[data-age]")) {
    const words = age(Date.parse(time.dateTime));
    if (time.textContent !== words) time.textContent = words;
  }
}

setInterval(refreshAges, 10_000);
const read = follow(refreshAges);
act(read);
