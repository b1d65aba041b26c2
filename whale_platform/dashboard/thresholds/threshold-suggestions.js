// The suggestions of the form of thresholds: a radio button for each amount, with the alerts that it gave.

import { BY_HOUR, describeAlerts, listHours } from "../data/threshold-choices.js";
import { element, setText } from "../lib/dom.js";
import { clock, whole, zoneName } from "../lib/format.js";

/** @import { Suggestion } from "../data/messages.d.ts" */
/** @import { Parts } from "./threshold-fields.js" */

/**
 * What is suggested, in the place of what stood there; the value of a button is its amount, or BY_HOUR.
 *
 * @param {Parts} parts
 * @param {Suggestion | undefined} suggestion
 * @param {boolean} readOnly
 */
export function showChoices({ choices, none }, suggestion, readOnly) {
  const rows = (suggestion?.choices ?? []).map((choice) => {
    const { by_hour: byHour, usd } = choice;
    const name = byHour ? `${whole(usd)} or more by the hour of the week` : whole(usd);
    const given = describeAlerts(choice);
    if (choice.per_day === null) return element("p", { class: "note", text: `${name} held then and ${given}` });
    const radio = element("input", { type: "radio", name: "suggested", value: byHour ? BY_HOUR : usd });
    radio.disabled = readOnly;
    return element("label", {}, radio, element("b", { text: name }), ` ${given}`);
  });
  choices.replaceChildren(...rows);
  const until = suggestion && `${clock(suggestion.until, "bar")} ${zoneName()}`;
  const missing = "None for this choice: `whale threshold suggest` computes them for each market.";
  setText(none, suggestion ? `Of the ${suggestion.days} days before ${until}.` : missing);
}

/**
 * Mark the choice that the form has, if it is one.
 *
 * @param {Parts} parts
 * @param {Suggestion | undefined} suggestion
 * @param {string} amount
 * @param {(string | null)[] | null} hours Amounts of the hours of the week.
 */
export function markChoice({ choices }, suggestion, amount, hours) {
  const suggested = suggestion && listHours(suggestion).join();
  for (const radio of choices.querySelectorAll("input")) {
    if (radio.value === BY_HOUR) radio.checked = hours?.join() === suggested;
    else radio.checked = !hours && amount !== "" && Number(radio.value) === Number(amount);
  }
}
