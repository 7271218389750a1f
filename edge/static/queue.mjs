// The queue: nothing but what every page does, and the minutes that are left ticking with the clock.
import "./shell.mjs";
import { refreshSoon } from "./live.mjs";

setInterval(() => {
  if (!document.hidden) refreshSoon();
}, 60_000);
