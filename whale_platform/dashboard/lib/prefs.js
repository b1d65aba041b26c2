// What a reader has chosen for this browser: time zone, sound, theme. Where storage is refused, choices last as long
// as the page.

/** @type {Map<string, string>} */
const held = new Map();

/** @param {string} name @param {string} otherwise @returns {string} */
export function pref(name, otherwise) {
  const chosen = held.get(name);
  if (chosen !== undefined) return chosen;
  try {
    return localStorage.getItem(`whale.${name}`) ?? otherwise;
  } catch {
    return otherwise;
  }
}

/** @param {string} name @param {string} value */
export function setPref(name, value) {
  held.set(name, value);
  try {
    localStorage.setItem(`whale.${name}`, value);
  } catch {
    // kept in `held`
  }
}
