// The fields of the form of thresholds: whether they take anything, and what the server says of each.

import { setText } from "../lib/dom.js";

export const FIELDS = ["threshold_usd", "large_usd", "giant_usd"];
const ERRORS = ["market", ...FIELDS];

/** @typedef {Record<string, any>} Parts As the panel has them. */

/**
 * Take nothing, or again what the reader enters. The amounts are read-only and not disabled, so they keep the focus.
 *
 * @param {Parts} parts
 * @param {boolean} locked
 */
export function lockForm(parts, locked) {
  const { choices, market, remove, save } = parts;
  for (const field of FIELDS) parts[field].readOnly = locked;
  for (const choice of [market, ...choices.querySelectorAll("input")]) choice.disabled = locked;
  for (const button of [save, remove]) {
    if (locked) button.setAttribute("aria-disabled", "true");
    else button.removeAttribute("aria-disabled");
  }
}

/**
 * Beside its field each; the first one gets the focus.
 *
 * @param {Parts} parts
 * @param {Record<string, string>} errors
 */
export function showErrors(parts, errors) {
  for (const name of ERRORS) {
    setText(parts[`${name}-error`], errors[name] ?? "");
    if (errors[name]) parts[name].setAttribute("aria-invalid", "true");
    else parts[name].removeAttribute("aria-invalid");
  }
  const first = ERRORS.find((name) => errors[name]);
  if (first) parts[first].focus();
}
