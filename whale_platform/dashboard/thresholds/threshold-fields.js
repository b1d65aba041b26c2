// The fields of the form of thresholds: whether they take anything, what the server says of each, what is suggested.

import { describeAlerts } from "../data/threshold-choices.js";
import { element, setText } from "../lib/dom.js";
import { clock, whole, zoneName } from "../lib/format.js";

/** @import { Suggestion } from "../data/messages.d.ts" */

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
 * The amounts to choose from, with what each gave.
 *
 * @param {Parts} parts
 * @param {Suggestion | undefined} suggestion
 * @param {boolean} readOnly
 */
export function showChoices({ choices, none }, suggestion, readOnly) {
  const rows = (suggestion?.choices ?? []).map((choice) => {
    const [name, given] = [whole(choice.usd), describeAlerts(choice)];
    if (choice.per_day === null) return element("p", { class: "note", text: `${name} held then and ${given}` });
    const radio = element("input", { type: "radio", name: "suggested", value: choice.usd });
    radio.disabled = readOnly;
    return element("label", {}, radio, element("b", { text: name }), ` ${given}`);
  });
  choices.replaceChildren(...rows);
  const until = suggestion && `${clock(suggestion.until, "bar")} ${zoneName()}`;
  const missing = "None for this choice: `whale threshold suggest` computes them for each market.";
  setText(none, suggestion ? `Of the ${suggestion.days} days before ${until}.` : missing);
}
