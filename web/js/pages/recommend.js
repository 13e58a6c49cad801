// Recommend: build a history, watch the list and its reasons change.

import { get, of, post } from "../api.js";
import { copy, fill, foreign, h, select, toast } from "../dom.js";
import { load } from "../main.js";
import { picker } from "../picker.js";
import { number, t } from "../words.js";
import { about, score } from "./search.js";

const COLOURS = 8;
const colour = (at) => `var(--${(at % COLOURS) + 1})`;

export function render(root, context) {
  const { model, params, set } = context;
  const key = `history:${model.name}`;
  const parse = (text) => { try { const value = JSON.parse(text ?? "null"); return Array.isArray(value) ? value : null; } catch { return null; } };
  let history = (parse(params.get("history")) ?? parse(sessionStorage.getItem(key)) ?? []).filter((id) => typeof id === "string");
  let conditions = (parse(params.get("filter")) ?? []).filter((c) => c && typeof c.key === "string");
  const names = new Map();
  const out = h("div", { "aria-live": "polite" }), list = h("ol", { class: "history", "aria-label": t("history") }), head = h("div", {});
  const filters = h("div", { class: "filters" });
  const last = () => { const match = /last (\d+) item/.exec(model.recipe); return model.recipe.includes("+") || !match ? 0 : Number(match[1]); };

  const body = () => ({
    history, limit: 12, explain: true, diversity: Number(params.get("diversity") ?? 0) || undefined, include_history: params.has("include") || undefined, filter: filter(),
  });
  function filter() {
    const made = { must: [], must_not: [] };
    for (const { clause, key, op, value } of conditions) {
      if (!key || value === "") continue;
      const whole = /^-?(0|[1-9]\d*)(\.\d+)?$/.test(value) ? Number(value) : value;
      const test = op === "=" ? { match: { value: whole } } : op === "~" ? { match: { text: String(value) } } : { range: { [op === "<" ? "lt" : "gt"]: whole } };
      made[clause === "must_not" ? "must_not" : "must"].push({ key, ...test });
    }
    return made.must.length + made.must_not.length ? made : undefined;
  }
  function ask() {
    sessionStorage.setItem(key, JSON.stringify(history));
    set({ history: history.length ? JSON.stringify(history) : "", filter: conditions.length ? JSON.stringify(conditions) : "" });
    drawHistory();
    load(out, () => post(of(model.name, "/recommend"), body()), (found) => {
      fill(head);
      const parts = [];
      if (found.unknown.length) parts.push(h("p", { class: "warn" }, foreign(t("unknown_items", { ids: found.unknown.join(", ") }))));
      if (found.results.length === 0) return [...parts, h("div", { class: "state" }, foreign(t("no_results", { cause: found.cause ?? "" })))];
      if (found.fallback === "popular") parts.push(h("h2", { style: { "margin-bottom": ".6rem" } }, t("popular_listed")));
      parts.push(h("div", { class: "card" }, h("ol", { class: "results" }, found.results.map((item, at) => row(item, at, found)))));
      const note = found.fallback ? "" : found.reasons_exact ? t("because_exact") : t("because_about");
      parts.push(h("p", { class: "note", style: { "margin-top": ".7rem" } }, note, " ", t("asked_by"), ": ", foreign(found.recipe)));
      return parts;
    });
  }
  function row(item, at, found) {
    const whole = { ...item, title: item.metadata?.title ?? item.metadata?.name };
    const reasons = (item.reasons ?? []).filter((reason) => reason.share > 0.005);
    const sum = reasons.reduce((all, reason) => all + reason.share, 0);
    const tint = (reason) => (reason.id === null ? "var(--faint)" : colour(history.indexOf(reason.id)));
    const text = (reason) => (reason.id === null ? t("popularity") : names.get(reason.id) ?? reason.id);
    const shown = Math.max(1, ...found.results.map((one) => one.count));
    return h("li", {}, h("div", { class: "result" }, h("span", { class: "rank" }, at + 1),
      h("span", { class: "name" }, h("button", { class: "link", title: t("add_history"), onclick: () => add(whole) }, foreign(whole.title ?? item.id))),
      score(item.score, found.results, "dot"),
      h("div", { class: "actions" }, h("span", { class: "note", title: t("count"), style: { "font-variant-numeric": "tabular-nums", opacity: 0.55 + (0.45 * item.count) / shown } }, t("times", { n: number(item.count) }))),
      about({ ...whole, count: 0 }),
      reasons.length ? h("div", { class: "stack", role: "img", "aria-label": reasons.map((r) => `${Math.round(100 * r.share)}% ${text(r)}`).join(", ") }, reasons.map((r) => h("span", { style: { width: `${(100 * r.share) / sum}%`, background: tint(r) }, title: `${Math.round(100 * r.share)}% ${text(r)}` }))) : null,
      reasons.length ? h("div", { class: "legend" }, reasons.slice(0, 4).map((r) => h("span", {}, h("i", { style: { background: tint(r) } }), `${Math.round(100 * r.share)}% `, foreign(text(r))))) : null));
  }
  function add(item) {
    names.set(item.id, item.title ?? item.id);
    history = [...history.filter((id) => id !== item.id), item.id];
    ask();
  }
  let dragged = -1;
  function move(from, to) {
    if (from < 0 || to < 0 || to >= history.length || from === to) return;
    const [id] = history.splice(from, 1);
    history.splice(to, 0, id);
    ask();
    list.querySelectorAll("li")[to]?.querySelector("button")?.focus();
  }
  function drawHistory() {
    const asked = last();
    if (history.length === 0) return fill(list, h("p", { class: "note" }, t("empty_history")));
    fill(list, history.map((id, at) => {
      const idle = asked > 0 && at < history.length - asked;
      return h("li", { class: idle ? "idle" : "", title: idle ? t("not_asked", { n: asked }) : null, draggable: "true",
        ondragstart: (event) => { dragged = at; event.dataTransfer.effectAllowed = "move"; event.currentTarget.classList.add("dragged"); },
        ondragend: (event) => event.currentTarget.classList.remove("dragged"),
        ondragover: (event) => { event.preventDefault(); event.currentTarget.classList.add("over"); },
        ondragleave: (event) => event.currentTarget.classList.remove("over"),
        ondrop: (event) => { event.preventDefault(); move(dragged, at); } },
      h("span", { class: "grip", "aria-hidden": "true" }, "⠿"), h("span", { class: "dot", style: { background: colour(at) } }), foreign(names.get(id) ?? id),
      h("span", { class: "moves" },
        h("button", { class: "plain", "aria-label": `${t("earlier")}: ${names.get(id) ?? id}`, disabled: at === 0, onclick: () => move(at, at - 1) }, "↑"),
        h("button", { class: "plain", "aria-label": `${t("later")}: ${names.get(id) ?? id}`, disabled: at === history.length - 1, onclick: () => move(at, at + 1) }, "↓"),
        h("button", { class: "x", "aria-label": `${t("take_out")}: ${names.get(id) ?? id}`, onclick: () => { history = history.filter((other) => other !== id); ask(); } }, "×")));
    }), h("button", { class: "plain", onclick: () => { history = []; ask(); } }, t("clear")));
  }
  const fields = ["count", "id", ...model.fields];
  function drawFilters() {
    fill(filters, conditions.map((condition, at) => h("div", { class: "row" },
      select([["must", t("must")], ["must_not", t("must_not")]], condition.clause, (value) => { condition.clause = value; ask(); }, t("filters")),
      select(fields.map((name) => [name, name]), condition.key, (value) => { condition.key = value; ask(); }, t("field")),
      select([["=", t("equals")], ["~", t("contains")], ["<", t("less")], [">", t("more")]], condition.op, (value) => { condition.op = value; ask(); }, t("filters")),
      h("input", { type: "text", value: condition.value, placeholder: t("value"), "aria-label": t("value"), onchange: (event) => { condition.value = event.target.value.trim(); ask(); } }),
      h("button", { class: "plain", "aria-label": t("take_out"), onclick: () => { conditions.splice(at, 1); drawFilters(); ask(); } }, "×"))),
    h("button", { class: "plain", style: { "justify-self": "start" }, onclick: () => { conditions.push({ clause: "must", key: fields[2] ?? "count", op: "=", value: "" }); drawFilters(); } }, `+ ${t("add_filter")}`));
  }
  const curl = () => {
    const quoted = JSON.stringify(body()).replaceAll("'", "'\\''");
    const token = sessionStorage.getItem("token") ? " -H \"Authorization: Bearer $VECINITY_TOKEN\"" : "";
    copy(`curl -s${token} -H 'Content-Type: application/json' ${location.origin}${of(model.name, "/recommend")} -d '${quoted}'`);
    toast(t("copied"));
  };
  const range = h("input", { type: "range", min: "0", max: "1", step: "0.05", value: params.get("diversity") ?? "0", "aria-label": t("diversity"), oninput: (event) => { set({ diversity: event.target.value === "0" ? "" : event.target.value }); ask(); } });
  fill(root, h("h1", {}, t("recommend_title")), h("p", { class: "lead" }, t("recommend_lead")), h("div", { class: "two" },
    h("section", {}, picker({ model: model.name, hint: t("add_item"), keep: false, choose: add }), list,
      h("h2", { style: { margin: "1.25rem 0 .5rem" } }, t("filters")), filters,
      h("div", { class: "bar" }, h("label", {}, t("diversity"), range),
        h("label", {}, h("input", { type: "checkbox", checked: params.has("include"), onchange: (event) => { set({ include: event.target.checked ? "1" : "" }); ask(); } }), t("include_history")),
        h("button", { class: "plain", onclick: curl }, t("curl")))),
    h("section", {}, head, out)));
  drawFilters();
  ask();
  // Titles of a history that came with the address.
  Promise.all(history.filter((id) => !names.has(id)).slice(0, 50).map((id) => get(of(model.name, `/items?id=${encodeURIComponent(id)}`)).then((found) => names.set(id, found.results[0].title ?? id)).catch(() => null))).then((all) => all.length && ask());
}
