// In which zone times are told: UTC or the reader's.

import { byId } from "../lib/dom.js";
import { pref, setPref } from "../lib/prefs.js";

/** @param {() => void} onChange */
export function startZone(onChange) {
  const select = byId("zone");
  select.value = pref("zone", "utc");
  select.addEventListener("change", () => {
    setPref("zone", select.value);
    onChange();
  });
}
