// The API, from its own description.

import { get } from "../api.js";
import { fill, h } from "../dom.js";
import { load } from "../main.js";
import { t } from "../words.js";

export function render(root) {
  const out = h("div", {});
  fill(root, h("h1", {}, t("api_title")), h("p", { class: "lead" }, t("api_lead"), " ", h("a", { href: "/openapi.json" }, t("as_json"))), out);
  load(out, () => get("/openapi.json"), (api) => {
    const schema = (ref) => api.components.schemas[ref?.split("/").at(-1)];
    const type = (one) => one.$ref?.split("/").at(-1) ?? (one.oneOf ? one.oneOf.map(type).filter((x) => x !== "null").join(" | ") : Array.isArray(one.type) ? one.type.filter((x) => x !== "null").join(" | ") : one.type === "array" ? `${type(one.items)}[]` : one.type ?? "object");
    const rows = (fields) => h("div", { class: "wide" }, h("table", {}, h("tbody", {}, fields.map(([name, kind, text, fallback]) => h("tr", {}, h("td", {}, h("code", {}, name)), h("td", { class: "note" }, kind, fallback === undefined ? "" : ` = ${JSON.stringify(fallback)}`), h("td", {}, text))))));
    return h("div", { class: "card" }, Object.entries(api.paths).flatMap(([path, verbs]) => Object.entries(verbs).map(([verb, one]) => {
      const body = one.requestBody && schema(Object.values(one.requestBody.content)[0].schema?.$ref);
      const params = (one.parameters ?? []).filter((p) => p.name !== "m").map((p) => [p.name, type(p.schema), p.description ?? "", p.schema.default]);
      const fields = body ? Object.entries(body.properties ?? {}).map(([name, field]) => [name + (body.required?.includes(name) ? " *" : ""), type(field), field.description ?? "", field.default]) : [];
      return h("details", { class: "api" }, h("summary", {}, h("span", { class: "verb" }, verb.toUpperCase()), h("code", {}, path), h("span", { class: "sum" }, one.summary ?? "")),
        h("div", { class: "inner" }, one.description ? h("p", { class: "note" }, one.description) : null, params.length ? [h("h2", {}, t("parameters")), rows(params)] : null, fields.length ? [h("h2", {}, t("body")), rows(fields)] : null));
    })));
  });
}
