// Search: an item, and what is near it.

import { get, of, post } from "../api.js";
import { fill, foreign, h, select, toast } from "../dom.js";
import { load } from "../main.js";
import { picker } from "../picker.js";
import { number, t } from "../words.js";

const VECTORS = ["input", "output", "sum", "concat", "in-out"];
export const METRICS = ["cosine", "dot", "euclidean"];

/** How vectors are asked, as two selects. */
export function how(context, change) {
  const { params, set, model } = context;
  const known = model.output ? VECTORS : ["input"];
  return [
    h("label", {}, t("vectors"), select(known.map((key) => [key, t(key)]), params.get("vectors") ?? "input", (value) => { set({ vectors: value }); change(); }, t("vectors"))),
    h("label", {}, t("metric"), select(METRICS.map((key) => [key, t(key)]), params.get("metric") ?? "cosine", (value) => { set({ metric: value }); change(); }, t("metric"))),
  ];
}

export const asked = (params) => ({ vectors: params.get("vectors") ?? undefined, metric: params.get("metric") ?? undefined });

/** A score as a number and a bar; of distances the nearest has the longest bar. */
export function score(value, all, metric) {
  const values = all.map((item) => item.score);
  const [low, high] = [Math.min(...values, 0), Math.max(...values)];
  const share = metric === "euclidean" ? 1 - (value / (high || 1)) * 0.85 : (value - low) / (high - low || 1);
  return h("div", { class: "score" }, h("div", { class: "track", "aria-hidden": "true" }, h("div", { class: "fill", style: { width: `${Math.max(2, 100 * share)}%` } })), h("span", {}, value.toFixed(Math.abs(value) >= 100 ? 0 : 3)));
}

/** What is known about an item beside its title. */
export function about(item) {
  const fields = Object.entries(item.metadata ?? {}).filter(([, value]) => value !== item.title).slice(0, 4);
  return h("div", { class: "about" }, item.title ? foreign(item.id) : null, item.count > 0 ? h("span", {}, t("times", { n: number(item.count) })) : null,
    fields.map(([name, value]) => h("span", {}, foreign(name), " ", foreign(value))));
}

/** A list of results; `actions(item, row)` makes the buttons. */
export function results(found, metric, open, actions) {
  if (found.length === 0) return h("div", { class: "state" }, t("nothing"));
  return h("div", { class: "card" }, h("ol", { class: "results" }, found.map((item, at) => {
    const row = h("li", {});
    row.append(h("div", { class: "result" }, h("span", { class: "rank" }, at + 1),
      h("span", { class: "name" }, h("button", { class: "link", onclick: () => open(item) }, foreign(item.title ?? item.id))),
      score(item.score, found, metric), h("div", { class: "actions" }, actions?.(item, row)), about(item)));
    return row;
  })));
}

export function render(root, context) {
  const { model, params, set, go } = context;
  const out = h("div", { "aria-live": "polite" });
  const head = h("div", {});
  const show = (id) => {
    set({ q: id });
    if (!id) return start();
    fill(head);
    load(out, () => post(of(model.name, "/neighbors"), { id, limit: 20, ...asked(params) }), (found) => {
      fill(head, h("h2", {}, foreign(found.query.title ?? found.query.id)), about(found.query));
      const open = (item) => { box.querySelector("input").value = item.title ?? item.id; show(item.id); };
      return results(found.results, found.metric, open, (item, row) => [
        h("button", { class: "plain", onclick: () => explain(found.query, item, row) }, t("why")),
        h("button", { class: "plain", onclick: () => remember(model.name, item.id) }, t("add_history")),
        h("button", { class: "plain", onclick: () => go("map", { at: item.id }) }, t("on_map")),
      ]);
    }, (text) => { box.querySelector("input").value = text; show(text); });
  };
  const explain = (query, item, row) => {
    const old = row.querySelector(".why");
    if (old) return old.remove();
    const place = h("div", { class: "why" });
    row.append(place);
    if (!model.output) return fill(place, t("why_none_output"));
    load(place, () => post(of(model.name, "/why"), { a: query.id, b: item.id, limit: 8 }), (why) => why.results.length === 0
      ? t("why_none") : [t("why_lead"), " ", why.results.flatMap((context, at) => [at ? " · " : "", foreign(context.title ?? context.id)])]);
  };
  const start = () => {
    fill(head);
    load(out, () => get(of(model.name, "/items?limit=12")), (found) => h("div", { class: "state" }, h("p", {}, t("start_with")),
      h("div", { class: "samples" }, found.results.map((item) => h("button", { onclick: () => { box.querySelector("input").value = item.title ?? item.id; show(item.id); } }, foreign(item.title ?? item.id))))));
  };
  const box = picker({ model: model.name, hint: t("search_hint"), value: params.get("q") ?? "", choose: (item) => show(item.id), typed: show });
  fill(root, h("h1", {}, t("search_title")), h("p", { class: "lead" }, t("search_lead")), box,
    h("div", { class: "bar" }, how(context, () => params.get("q") && show(params.get("q")))), head, h("div", { style: { height: ".8rem" } }), out);
  show(params.get("q"));
  box.focusInput();
}

/** Puts an item at the end of the history that the playground begins with. */
function remember(model, id) {
  const key = `history:${model}`;
  const history = JSON.parse(sessionStorage.getItem(key) ?? "[]").filter((known) => known !== id);
  sessionStorage.setItem(key, JSON.stringify([...history, id]));
  toast(t("in_history"));
}
