// Stands in for time: timers go off when a test lets time pass, and the steady clock shows that time.

let now = 0;
let timers = [];

/** @param {boolean} again Whether it goes off every `ms`. */
const start = (again) => (work, ms = 0) => {
  const timer = { at: now + ms, every: again ? ms : 0, work };
  timers.push(timer);
  return timer;
};
const stop = (timer) => (timers = timers.filter((one) => one !== timer));

/** Replace the clock and the timers of the page. */
export function install() {
  [now, timers] = [0, []];
  globalThis.setTimeout = start(false);
  globalThis.setInterval = start(true);
  globalThis.clearTimeout = globalThis.clearInterval = stop;
  globalThis.performance.now = () => now;
}

/** Let time pass; what is due goes off in its order. @param {number} ms */
export function pass(ms) {
  const end = now + ms;
  for (;;) {
    const due = timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
    if (!due) break;
    now = Math.max(now, due.at);
    if (due.every) due.at += due.every;
    else stop(due);
    due.work();
  }
  now = end;
}
