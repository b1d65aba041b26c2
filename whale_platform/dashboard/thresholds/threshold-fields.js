// The fields of the form of thresholds: whether they take anything, and what the server says of each.

import { parseAmount } from "../data/threshold-choices.js";
import { setText } from "../lib/dom.js";

/** @import { Threshold } from "../data/messages.d.ts" */

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

/**
 * Show the amounts that are set at a place; those of tiers that follow from the first one stay empty.
 *
 * @param {Parts} parts
 * @param {Threshold | undefined} row
 * @param {boolean} readOnly
 */
export function fillForm(parts, row, readOnly) {
  for (const field of FIELDS) {
    const set = field === "threshold_usd" || row?.set_tiers.some((tier) => field.startsWith(tier));
    parts[field].value = row && set ? /** @type {any} */ (row)[field] : "";
    parts[field].disabled = readOnly;
  }
}

/** The amounts as the server takes them; null: follows from the first one. @param {Parts} parts */
export function readForm(parts) {
  const amounts = FIELDS.map((field) => [field, parseAmount(parts[field].value)]);
  return Object.fromEntries(amounts.map(([field, text]) => [field, text || (field === "threshold_usd" ? "" : null)]));
}
