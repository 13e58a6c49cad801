// Status: what is served here, how fast, and putting another version in its place.

import { call, get, of } from "../api.js";
import { fill, foreign, h, toast } from "../dom.js";
import { load, problem } from "../main.js";
import { number, t } from "../words.js";

function age(seconds) {
  const s = Math.round(seconds);
  return s < 120 ? `${s} s` : s < 7200 ? `${Math.round(s / 60)} min` : `${(s / 3600).toFixed(1)} h`;
}

export function render(root, { reload }) {
  const out = h("div", {});
  fill(root, h("h1", {}, t("status_title")), h("p", { class: "lead" }, t("status_lead")), out);
  const show = () => load(out, () => get("/v1/status"), (status) => {
    const fact = (value, label) => h("div", {}, h("b", {}, value), h("span", {}, label));
    const requests = status.routes.reduce((sum, route) => sum + route.requests, 0);
    return [
      h("div", { class: "numbers" }, fact(age(status.uptime_s), t("uptime")), fact(number(requests), t("requests")), fact(number(status.requests_open), t("open")), fact(number(status.refused), t("refused"))),
      h("div", { class: "cards" }, status.models.map((model) => card(model, status.admin))),
      h("div", { class: "card wide", style: { "margin-top": "1.5rem" } }, h("table", {},
        h("thead", {}, h("tr", {}, h("th", {}, t("route")), h("th", { class: "n" }, t("requests")), h("th", { class: "n" }, t("p50")), h("th", { class: "n" }, t("p99")))),
        h("tbody", {}, status.routes.map((route) => h("tr", {}, h("td", { class: "mono" }, route.route), h("td", { class: "n" }, number(route.requests)),
          h("td", { class: "n" }, route.p50_ms === null ? "> 10 s" : `${route.p50_ms} ms`), h("td", { class: "n" }, route.p99_ms === null ? "> 10 s" : `${route.p99_ms} ms`)))))),
    ];
  });

  function card(model, admin) {
    const said = h("div", {});
    const path = h("input", { type: "text", placeholder: t("swap_path"), "aria-label": t("swap_path"), required: true });
    const token = h("input", { type: "password", placeholder: t("admin_token"), "aria-label": t("admin_token"), autocomplete: "off", required: true });
    const swap = async (event) => {
      event.preventDefault();
      try {
        const changed = await call("PUT", of(model.name), { path: path.value.trim() }, { token: token.value.trim() });
        // The page is drawn anew, and would take the words away.
        await reload();
        toast(t("swapped", { v: changed.version }));
      } catch (error) {
        fill(said, problem(error));
      }
    };
    const fact = (name, value) => [h("dt", {}, name), h("dd", {}, value)];
    return h("section", { class: "card" }, h("h2", {}, foreign(model.name), " ", model.network ? h("span", { class: "tag" }, t("network")) : null),
      h("dl", { class: "facts" }, fact(t("items"), `${number(model.items)}${model.added ? ` (+${number(model.added)} ${t("added_items")})` : ""}`), fact(t("dim"), number(model.dim)), fact(t("version"), h("code", {}, model.version)),
        fact(t("created"), model.created), fact(t("recipe"), [foreign(model.recipe), h("br"), h("span", { class: "note" }, model.measured ? t("measured") : t("usual"))])),
      h("details", { style: { "margin-top": ".9rem" } }, h("summary", { class: "note" }, t("swap")), admin
        ? h("form", { style: { display: "grid", gap: ".5rem", "margin-top": ".6rem" }, onsubmit: swap }, path, token, h("button", { class: "main", style: { "justify-self": "start" } }, t("swap")), said)
        : h("p", { class: "note", style: { "margin-top": ".5rem" } }, t("no_admin"))));
  }
  show();
}
