// Map: the most frequent items, near where their vectors are near.

import { get, of } from "../api.js";
import { copy, fill, foreign, h, select, toast } from "../dom.js";
import { load } from "../main.js";
import { picker } from "../picker.js";
import { Scatter, css, diameters, palette, steps } from "../scatter.js";
import { number, t } from "../words.js";

export function render(root, context) {
  const { model, params, set, go } = context;
  let scatter, gone = false, data;
  const box = h("div", {});
  const method = () => params.get("method") ?? (model.items <= 30000 ? "layout" : "pca");
  const bar = h("div", { class: "bar" },
    h("label", {}, t("drawn_by"), select([["pca", t("pca")], ["layout", t("layout")]], method(), (value) => { set({ method: value }); show(); }, t("drawn_by"))));
  fill(root, h("h1", {}, t("map_title")), h("p", { class: "lead", style: { "margin-bottom": "0" } }, t("map_lead", { n: model.dim })), bar, box);

  /** Asks until the map is there. */
  async function fetched() {
    for (;;) {
      const found = await get(of(model.name, `/map?method=${method()}`));
      if (!found.pending || gone) return found;
      const share = Math.round(100 * found.done);
      if (!box.querySelector(".busy.known")) fill(box, h("p", { class: "note" }), h("div", { class: "busy known", role: "progressbar" }));
      box.querySelector(".busy").style.setProperty("--done", found.done);
      box.querySelector(".busy").setAttribute("aria-valuenow", share);
      box.querySelector(".note").textContent = t("drawing", { n: share });
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
  const show = () => load(box, fetched, (found) => { data = found; queueMicrotask(() => !gone && begin()); return frame(found); });

  const key = h("div", { class: "key" }), list = h("div", { class: "card" });
  let place;
  function frame() {
    scatter?.remove();
    place = h("div", { class: "frame" });
    const mode = (name) => h("button", { "aria-pressed": String(name === "move"), onclick: (event) => {
      scatter.mode = name;
      for (const button of event.target.parentNode.querySelectorAll("[aria-pressed]")) button.setAttribute("aria-pressed", String(button === event.target));
    } }, t(name));
    place.append(h("div", { class: "tools" }, mode("move"), mode("lasso"), h("button", { "aria-label": "+", onclick: () => scatter.zoom(1.4) }, "+"), h("button", { "aria-label": "−", onclick: () => scatter.zoom(1 / 1.4) }, "−"), h("button", { onclick: () => { scatter.select(null); scatter.fit(); hint(); } }, t("reset"))));
    const colours = [["cluster", t("cluster")], ["count", t("count")], ...data.fields.map((field) => [`field:${field.name}`, field.name])];
    const chosen = colours.some(([value]) => value === params.get("colour")) ? params.get("colour") : "cluster";
    return h("div", { class: "map" }, place, h("aside", {},
      picker({ model: model.name, hint: t("find_on_map"), small: true, keep: false, choose: (item) => find(item.id) }),
      h("label", { class: "note" }, t("colour"), " ", select(colours, chosen, (value) => { set({ colour: value }); colour(value); }, t("colour"))),
      key, list, h("p", { class: "note" }, t("drawn", { n: number(data.ids.length), total: number(data.total) }))));
  }
  const name = (at) => data.titles?.[at] || data.ids[at];
  function begin() {
    scatter = new Scatter(place, { x: data.x, y: data.y, sizes: diameters(data.counts), label: name, point: (at) => (at < 0 ? hint() : enclose([at])), enclosed: enclose });
    scatter.top.setAttribute("aria-label", t("map_title"));
    place.dataset.ready = "1";
    colour(params.get("colour") ?? "cluster");
    hint();
    if (params.get("at")) find(params.get("at"));
  }
  const hint = () => fill(list, h("p", { class: "note", style: { padding: ".8rem .9rem" } }, t("lasso_hint")));
  function find(id) {
    const at = data.ids.indexOf(id);
    if (at < 0) return toast(t("not_drawn", { id }));
    set({ at: id });
    scatter.show(at);
    enclose([at]);
  }
  function enclose(found) {
    fill(list, h("div", { style: { display: "flex", "align-items": "center", padding: ".5rem .9rem", "border-bottom": "1px solid var(--rule)" } }, h("span", { class: "note", "data-enclosed": found.length }, t("enclosed", { n: number(found.length) })),
      h("button", { class: "plain", style: { "margin-left": "auto" }, onclick: () => { copy(found.map((at) => data.ids[at]).join("\n")); toast(t("copied")); } }, t("copy_ids"))),
    h("ol", {}, found.slice(0, 500).map((at) => h("li", {}, h("button", { onclick: () => go("search", { q: data.ids[at] }) }, foreign(name(at)))))));
  }
  const off = new Set();
  function colour(kind) {
    off.clear();
    const field = data.fields.find((one) => `field:${one.name}` === kind);
    const of = field ? field.of : kind === "count" ? steps(data.counts) : data.clusters;
    const labels = field ? field.values : kind === "count" ? ["1–9", "10–99", "100–999", "1,000–9,999", "10,000+"] : [...new Set(data.clusters)].sort((a, b) => a - b).map((n) => `${t("cluster")} ${n}`);
    const repaint = () => {
      const dark = document.documentElement.dataset.theme ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
      const colours = palette(labels.length, dark);
      scatter.paint(colours, of, (at) => off.has(of[at]));
      fill(key, labels.map((label, at) => h("button", { class: off.has(at + 1) ? "off" : "", "aria-pressed": null, onclick: () => { off.has(at + 1) ? off.delete(at + 1) : off.add(at + 1); repaint(); } }, h("i", { style: { background: css(colours[at + 1]) } }), foreign(label))));
    };
    repaint();
    recolour = repaint;
  }
  let recolour;
  const themed = () => recolour?.();
  addEventListener("theme", themed);
  show();
  return { leave: () => { gone = true; scatter?.remove(); removeEventListener("theme", themed); } };
}
