// The dialog that asks the reader for a key. It is opened by the API's refusal, once for all questions that wait, and
// by the banner's button. Who closed it is not asked again by itself. Tells the document `whale:key` when it closes.

import { byId, makeClosable, setText } from "../lib/dom.js";
import { apiKey, isApiKey, setApiKey } from "../data/api-key.js";
import { onKeyRefused } from "../data/api.js";

/** @type {Promise<boolean> | null} */
let asking = null;
let dismissed = false;

/** Open the dialog; resolves to whether there is a new key. */
export function askKey(tried = apiKey()) {
  asking ??= new Promise((resolve) => {
    const dialog = byId("key-dialog");
    byId("key-error").textContent = tried ? "The server does not know this key." : "";
    const use = () => {
      const key = byId("key").value.trim();
      if (!isApiKey(key)) {
        setText(byId("key-error"), key ? "A key has only letters, digits and . _ ~ - in it." : "");
        return;
      }
      setApiKey(key);
      byId("key").value = "";
      dialog.close();
    };
    /** @param {KeyboardEvent} event */
    const enter = (event) => event.key === "Enter" && use();
    byId("key-use").addEventListener("click", use);
    byId("key").addEventListener("keydown", enter);
    const closed = () => {
      byId("key-use").removeEventListener("click", use);
      byId("key").removeEventListener("keydown", enter);
      asking = null;
      dismissed = apiKey() === tried;
      document.dispatchEvent(new CustomEvent("whale:key", { detail: !dismissed }));
      resolve(!dismissed);
    };
    dialog.addEventListener("close", closed, { once: true });
    dialog.showModal();
    byId("key").focus();
  });
  return asking;
}

/** Whether the reader is being asked. */
export const isAsking = () => byId("key-dialog").open;

export function startKeys() {
  makeClosable(byId("key-dialog"));
  onKeyRefused(async (tried) => {
    if (apiKey() !== tried) return true;
    return dismissed ? false : askKey(tried);
  });
}
