// Talking to the server: the token of this tab, and errors as the server explains them.

import { h } from "./dom.js";
import { t } from "./words.js";

/** An error of the server: what was wrong, what to do, what may have been meant. */
export class Problem extends Error {
  constructor(status, body) {
    super(body?.detail ?? t("offline"));
    this.status = status;
    this.kind = body?.type ?? "";
    this.advice = body?.advice;
    this.suggestions = body?.suggestions ?? [];
  }
}

/** Asks once; a refusal for want of a token asks the person. */
export async function call(method, path, body, { token, signal, raw } = {}) {
  const headers = {};
  const given = token ?? sessionStorage.getItem("token");
  if (given) headers.Authorization = `Bearer ${given}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0);
  }
  if (response.status === 401 && token === undefined && (await askForToken())) return call(method, path, body, { signal, raw });
  if (!response.ok) throw new Problem(response.status, await response.json().catch(() => undefined));
  if (raw) return response;
  const value = await response.json();
  return response.status === 202 ? { ...value, pending: true } : value;
}

export const get = (path, options) => call("GET", path, undefined, options);
export const post = (path, body, options) => call("POST", path, body, options);
export const of = (model, rest = "") => `/v1/models/${encodeURIComponent(model)}${rest}`;

let asking;
function askForToken() {
  asking ??= new Promise((resolve) => {
    const input = h("input", { type: "password", autocomplete: "off", "aria-label": t("token") });
    const end = (token) => {
      if (token) sessionStorage.setItem("token", token);
      dialog.close();
      dialog.remove();
      asking = undefined;
      resolve(Boolean(token));
    };
    const dialog = h("dialog", { oncancel: () => end("") },
      h("form", { onsubmit: (event) => { event.preventDefault(); end(input.value.trim()); } },
        h("h2", {}, t("token_title")), h("p", { class: "note" }, t("token_lead")), input,
        h("div", { class: "row" },
          h("button", { type: "button", onclick: () => end("") }, t("cancel")), h("button", { class: "main" }, t("ok")))));
    document.body.append(dialog);
    dialog.showModal();
  });
  return asking;
}
