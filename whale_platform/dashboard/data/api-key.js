// The reader's key, where the server wants one. It is kept until the tab is closed; where storage is refused, as long
// as the page.

const NAME = "whale.key";
const SOUND = /^[\w.~-]+$/; // what may stand in a header and in a subprotocol alike
let memory = "";

export function apiKey() {
  try {
    return sessionStorage.getItem(NAME) ?? memory;
  } catch {
    return memory;
  }
}

/** Use this key from now on. @param {string} key */
export function setApiKey(key) {
  memory = key;
  try {
    sessionStorage.setItem(NAME, key);
  } catch {
    // kept in `memory`
  }
}

/** Whether a key can be sent at all. @param {string} key */
export const isApiKey = (key) => SOUND.test(key);
