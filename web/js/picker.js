// A box to find an item by id or title: completes, forgives typos, works with keys alone (the combobox pattern of ARIA).

import { get, of } from "./api.js";
import { after, foreign, h } from "./dom.js";
import { number, t } from "./words.js";

let serial = 0;

/**
 * * `choose(item)`: an item was picked; `item` has `id`, `title`, `count`.
 * * `typed(text)`: Enter without a pick.
 */
export function picker({ model, choose, typed, hint, small, value = "", keep = true }) {
  const id = `picker${++serial}`;
  const list = h("ul", { id, role: "listbox", hidden: true });
  const input = h("input", {
    type: "search", role: "combobox", "aria-expanded": "false", "aria-controls": id, "aria-autocomplete": "list",
    autocomplete: "off", spellcheck: "false", placeholder: hint, "aria-label": hint, value,
  });
  const box = h("div", { class: small ? "picker small" : "picker" }, input, list);
  let items = [], at = -1, asked;

  const open = (yes) => {
    list.hidden = !yes;
    input.setAttribute("aria-expanded", String(yes));
    if (!yes) { at = -1; input.removeAttribute("aria-activedescendant"); }
  };
  const pick = (item) => {
    input.value = keep ? (item.title ?? item.id) : "";
    open(false);
    choose(item);
  };
  const mark = (next) => {
    at = next;
    [...list.querySelectorAll("[role=option]")].forEach((option, place) => {
      option.setAttribute("aria-selected", String(place === at));
      if (place === at) { input.setAttribute("aria-activedescendant", option.id); option.scrollIntoView({ block: "nearest" }); }
    });
  };
  const show = (found) => {
    const marked = items[at]?.id;
    items = found.results;
    list.replaceChildren();
    if (items.length === 0) list.append(h("li", { class: "note" }, t("nothing")));
    else if (found.alike) list.append(h("li", { class: "note" }, t("alike")));
    items.forEach((item, place) => list.append(h("li", {
      role: "option", id: `${id}-${place}`, "aria-selected": "false",
      onmousedown: (event) => { event.preventDefault(); pick(item); },
    }, foreign(item.title ?? item.id), item.title ? h("span", { class: "id" }, foreign(item.id)) : null,
    h("span", { class: "count" }, t("times", { n: number(item.count) })))));
    open(true);
    // What was marked stays so while it is listed.
    mark(marked === undefined ? -1 : items.findIndex((item) => item.id === marked));
  };
  const complete = after(90, async () => {
    const text = input.value.trim();
    asked?.abort();
    if (!text) return open(false);
    asked = new AbortController();
    try {
      show(await get(of(model, `/items?limit=8&prefix=${encodeURIComponent(text)}`), { signal: asked.signal }));
    } catch (error) {
      if (error.name !== "AbortError") open(false);
    }
  });
  /** The item that was typed in full, by id or title; what is not known stays as it was typed. */
  const named = async (text) => {
    const { results } = await get(of(model, `/items?limit=8&prefix=${encodeURIComponent(text)}`)).catch(() => ({ results: [] }));
    const same = (other) => other?.toLowerCase() === text.toLowerCase();
    return results.find((item) => item.id === text) ?? results.find((item) => same(item.title)) ?? { id: text };
  };
  input.addEventListener("input", complete);
  input.addEventListener("blur", () => open(false));
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown" && !list.hidden) { event.preventDefault(); mark(Math.min(at + 1, items.length - 1)); }
    else if (event.key === "ArrowUp" && !list.hidden) { event.preventDefault(); mark(Math.max(at - 1, 0)); }
    else if (event.key === "Escape") { asked?.abort(); open(false); }
    else if (event.key === "Enter") {
      event.preventDefault();
      asked?.abort();
      if (!list.hidden && at >= 0) pick(items[at]);
      else if (input.value.trim()) {
        open(false);
        const text = input.value.trim();
        if (!keep) input.value = "";
        typed ? typed(text) : named(text).then(choose);
      }
    }
  });
  box.focusInput = () => input.focus();
  return box;
}
