// Report: the page that training wrote about the model, in a frame that may do nothing but show.

import { call, of } from "../api.js";
import { fill, h } from "../dom.js";
import { load } from "../main.js";
import { t } from "../words.js";

export function render(root, { model }) {
  const out = h("div", {});
  fill(root, h("h1", {}, t("report_title")), h("p", { class: "lead" }, t("report_lead")), out);
  load(out, () => call("GET", of(model.name, "/report"), undefined, { raw: true }).then((response) => response.text()),
    (page) => h("iframe", { class: "report", sandbox: "", title: t("report_title"), srcdoc: page }));
}
