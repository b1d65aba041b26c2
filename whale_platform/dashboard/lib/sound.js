// A tone per whale: high for a taker's buy, low for a sell; louder and longer the larger. Off until the reader turns it
// on. Browsers let a page sound only after a click or a key, so a sound chosen on an earlier visit begins with the
// first.

import { byId } from "./dom.js";
import { pref, setPref } from "./prefs.js";

/** @type {AudioContext | null} */
let audio = null;
let busy = 0;

const level = () => (pref("sound", "off") === "off" ? Infinity : Number(pref("sound", "off")));

function wake() {
  if (level() === Infinity) return;
  audio ??= new AudioContext();
  if (audio.state === "suspended") audio.resume();
}

/** @param {"buy" | "sell"} side @param {number} times Notional by threshold. */
export function play(side, times) {
  if (times < level() || !audio || audio.state !== "running") return;
  const now = audio.currentTime;
  if (now < busy) return; // a crowd of whales is one sound, not a siren
  busy = now + 0.12;
  const size = Math.min(1, Math.log2(Math.max(1, times)) / 6);
  const length = 0.18 + 0.6 * size;
  const tone = audio.createOscillator();
  const loud = audio.createGain();
  tone.type = "sine";
  tone.frequency.setValueAtTime(side === "buy" ? 784 : 262, now);
  tone.frequency.exponentialRampToValueAtTime(side === "buy" ? 988 : 208, now + length);
  loud.gain.setValueAtTime(0.0001, now);
  loud.gain.exponentialRampToValueAtTime(0.06 + 0.24 * size, now + 0.02);
  loud.gain.exponentialRampToValueAtTime(0.0001, now + length);
  tone.connect(loud).connect(audio.destination);
  tone.start(now);
  tone.stop(now + length);
}

export function startSound() {
  byId("sound").value = pref("sound", "off");
  byId("sound").addEventListener("change", () => {
    setPref("sound", byId("sound").value);
    wake();
    setTimeout(() => play("buy", 20), 80);
  });
  for (const name of ["pointerdown", "keydown"]) addEventListener(name, wake, { once: true });
}
