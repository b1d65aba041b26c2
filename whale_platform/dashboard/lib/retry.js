// Tries again what failed: after about 2 s, then ever later, up to a minute, with jitter, until `reset` says that it
// went well or is wanted no more. One attempt is pending at most.

const FIRST_MS = 2_000;
const SLOWEST_MS = 60_000;

export class Retry {
  #work;
  #wait = FIRST_MS;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {() => void} work */
  constructor(work) {
    this.#work = work;
  }

  schedule() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#work, this.#wait * (0.75 + Math.random() / 2));
    this.#wait = Math.min(SLOWEST_MS, 2 * this.#wait);
  }

  reset() {
    clearTimeout(this.#timer);
    this.#wait = FIRST_MS;
  }
}
