import assert from "node:assert/strict";
import { test } from "node:test";
import { makeRoot, settled, textOf } from "./fake-page.mjs";
import { serve } from "./fake-api.mjs";
import { ReportsPanel } from "../../whale_platform/dashboard/reports/reports-panel.js";
import { setApiKey } from "../../whale_platform/dashboard/data/api-key.js";

const DAYS = ["2026-11-21", "2026-11-03"].map((day) => ({ day, path: `/reports/daily/${day}` }));

async function started(answer) {
  const asked = serve(answer);
  const root = makeRoot("reports", ["open", "dialog", "days", "error"]);
  const panel = new ReportsPanel(root);
  panel.start();
  await settled();
  const button = root.querySelector('[data-part="open"]');
  return { asked, root, panel, button, links: root.querySelectorAll("a") };
}

test("the link is there where a day has a report, and leads to each of them", async () => {
  const { button, links } = await started(() => ({ items: DAYS }));
  assert.equal(button.hidden, false);
  assert.deepEqual(links.map((link) => link.getAttribute("href")), DAYS.map(({ path }) => path));
  assert.match(links[0].textContent, /^Saturday,? 21 November 2026 ↗$/); // browsers differ in the comma
});

test("no link where there is no report; it comes with the first one", async () => {
  let items = [];
  const { button, panel } = await started(() => ({ items }));
  assert.equal(button.hidden, true);
  items = DAYS;
  panel.onReconnect();
  await settled();
  assert.equal(button.hidden, false);
});

test("a list that can't be read changes nothing", async () => {
  let fails = false;
  const answer = () => {
    if (fails) throw new Error("the database is unavailable");
    return { items: DAYS };
  };
  const { panel, root } = await started(answer);
  fails = true;
  panel.onReconnect();
  await settled();
  assert.equal(root.querySelectorAll("a").length, 2);
});

test("where a key is needed a page is fetched with it and not opened", async () => {
  const { asked, links, root } = await started((url) => {
    if (url.pathname !== "/reports/daily") throw new Error("there is no report of this day");
    return { items: DAYS };
  });
  let opened = true;
  const preventDefault = () => (opened = false);
  links[0].dispatch("click", { preventDefault });
  assert.deepEqual([opened, asked.length], [true, 1]);
  setApiKey("whale_desk");
  links[0].dispatch("click", { preventDefault });
  await settled();
  setApiKey("");
  assert.deepEqual([opened, asked.at(-1).pathname], [false, "/reports/daily/2026-11-21"]);
  assert.equal(textOf(root, "error"), "there is no report of this day");
});
