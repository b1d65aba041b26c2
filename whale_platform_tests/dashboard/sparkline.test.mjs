import assert from "node:assert/strict";
import { test } from "node:test";
import { sparklinePoints } from "../../whale_platform/dashboard/markets/sparkline.js";

test("the line of the last hour is drawn by time, and has nothing older in it", () => {
  const last = 1_700_006_400;
  const closes = new Map([[last, 3], [last - 1770, 2], [last - 3540, 1]]);
  assert.equal(sparklinePoints(closes, last), "0.0,22.0 40.0,12.0 80.0,2.0");
  assert.equal(sparklinePoints(new Map([[last - 3600, 9], [last - 120, 2]]), last), "");
});
