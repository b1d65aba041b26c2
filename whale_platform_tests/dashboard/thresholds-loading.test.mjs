import assert from "node:assert/strict";
import { test } from "node:test";
import { view } from "../../whale_platform/dashboard/data/url-state.js";
import { settled } from "./fake-page.mjs";
import { FIELDS, OWN, openForm } from "./threshold-form.mjs";

/** Whether nothing can be typed, picked or chosen. */
const isLocked = (part, root) =>
  FIELDS.every((field) => part(field).readOnly) &&
  [part("market"), ...root.querySelectorAll("input")].every(({ disabled }) => disabled) &&
  ["save", "remove"].every((name) => part(name).getAttribute("aria-disabled") === "true");

test("while the form loads nothing can be typed, and a load that a newer one has overtaken is not shown", async () => {
  const waiting = [];
  const load = ({ pathname }) => pathname === "/thresholds" && new Promise((resolve) => waiting.push(resolve));
  const { asked, part, root, submit } = await openForm({ load });
  assert.ok(isLocked(part, root));
  await submit();
  Object.assign(view, { exchange: "okx", symbol: "C/D" });
  part("open").dispatch("click");
  await settled();
  assert.equal(waiting.length, 2);
  waiting[1]();
  await settled();
  assert.equal(part("market").value, "okx:C/D");
  assert.ok(!isLocked(part, root));
  part("threshold_usd").value = "60000";
  waiting[0]();
  await settled();
  assert.deepEqual([part("market").value, part("threshold_usd").value], ["okx:C/D", "60000"]);
  part("open").dispatch("click");
  assert.ok(isLocked(part, root), "the choices of before among it");
  assert.deepEqual(asked.filter(({ method }) => method !== "GET"), []);
});

test("where thresholds can't be loaded nothing is sent, and opening the form again loads them", async () => {
  let fails = true;
  const load = () => {
    if (fails) throw new Error("the database is unavailable");
  };
  const { asked, part, root, submit, text } = await openForm({ load });
  const said = "Thresholds can't be loaded: the database is unavailable. Open this again to retry.";
  assert.equal(text("error"), said);
  assert.ok(isLocked(part, root));
  part("threshold_usd").value = "60000";
  await submit();
  part("remove").dispatch("click");
  await settled();
  assert.deepEqual(asked.filter(({ method }) => method !== "GET"), []);
  fails = false;
  part("open").dispatch("click");
  await settled();
  assert.ok(!isLocked(part, root));
  assert.deepEqual([text("error"), part("market").value], ["", "okx:A/B"]);
});

test("a change that no answer came to may have been made, which the form says", async () => {
  const { part, submit, text } = await openForm();
  const { fetch } = globalThis;
  globalThis.fetch = async () => {
    throw new TypeError("fetch failed");
  };
  part("threshold_usd").value = "60000";
  await submit();
  globalThis.fetch = fetch;
  const reason = "the server can't be reached, and whether the change was made is not known: open this again to see";
  assert.equal(text("error"), reason);
});

test("a form that is opened while a change is under way shows that change", async () => {
  let answer;
  const { part, root, text } = await openForm({ change: () => new Promise((resolve) => (answer = resolve)) });
  part("threshold_usd").value = "70000";
  part("form").dispatch("submit");
  assert.ok(isLocked(part, root));
  part("open").dispatch("click");
  await settled();
  assert.deepEqual([part("threshold_usd").value, isLocked(part, root)], ["70000", true]);
  answer(OWN);
  await settled();
  await settled();
  assert.match(text("said"), /^Saved for A\/B on okx/);
  assert.ok(!isLocked(part, root));
});
