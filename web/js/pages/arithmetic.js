// Arithmetic: sums and differences, as chips or written.

import { get, of, post } from "../api.js";
import { fill, foreign, h, select } from "../dom.js";
import { load } from "../main.js";
import { picker } from "../picker.js";
import { t } from "../words.js";
import { asked, how, results } from "./search.js";

/** Questions of which those are shown whose words the model has. */
const QUESTIONS = [["madrid", "spain", "france"], ["king", "man", "woman"], ["paris", "france", "italy"], ["beijing", "china", "japan"], ["swimming", "swim", "run"]];

export function render(root, context) {
  const { model, params, set } = context;
  // In the address: +id and -id, one parameter a term would lose their order; a JSON list keeps it.
  const read = () => { try { return JSON.parse(params.get("terms") ?? "[]"); } catch { return []; } };
  let terms = read().filter((term) => typeof term?.id === "string");
  const chips = h("div", { class: "chips" }), out = h("div", { "aria-live": "polite" }), samples = h("div", { class: "samples" });
  const line = h("input", { type: "text", placeholder: t("expression"), "aria-label": t("expression"), value: params.get("e") ?? "", style: { flex: "1" } });
  let written = params.get("e") ?? "";

  const ask = () => {
    set({ terms: terms.length ? JSON.stringify(terms) : "", e: written });
    fill(chips, terms.map((term, at) => h("span", { class: term.minus ? "chip minus" : "chip" },
      h("button", { class: "sign", title: t("flip"), "aria-label": `${t("flip")}: ${term.title ?? term.id}`, onclick: () => { term.minus = !term.minus; ask(); } }, term.minus ? "−" : "+"),
      foreign(term.title ?? term.id),
      h("button", { class: "x", "aria-label": `${t("take_out")}: ${term.title ?? term.id}`, onclick: () => { terms.splice(at, 1); ask(); } }, "×"))),
    terms.length ? h("button", { class: "plain", onclick: () => { terms = []; ask(); } }, t("clear")) : null);
    const question = written ? { expression: written } : { positive: terms.filter((x) => !x.minus).map((x) => x.id), negative: terms.filter((x) => x.minus).map((x) => x.id) };
    if (!written && terms.length === 0) return fill(out, h("div", { class: "state" }, t("arithmetic_lead")));
    const method = params.get("method") ?? "3cosadd";
    load(out, () => post(of(model.name, "/query"), { ...question, method, include_asked: params.has("keep"), limit: 12, ...asked(params), ...(method === "3cosmul" ? { metric: "cosine" } : {}) }),
      (found) => results(found.results, found.metric, (item) => { add(item); }),
      (text) => { if (written) { line.value = text; written = text; } else terms[terms.length - 1] = { ...terms.at(-1), id: text, title: undefined }; ask(); });
  };
  const add = (item, minus = false) => {
    written = ""; line.value = "";
    terms.push({ id: item.id, title: item.title, minus });
    ask();
  };
  const box = picker({ model: model.name, hint: t("add_term"), keep: false, choose: (item) => add(item), typed: (text) => add({ id: text.replace(/^[-−]\s*/, "") }, /^[-−]/.test(text)) });
  fill(root, h("h1", {}, t("arithmetic_title")), h("p", { class: "lead" }, t("arithmetic_lead")), box, chips,
    h("form", { style: { display: "flex", gap: ".5rem" }, onsubmit: (event) => { event.preventDefault(); written = line.value.trim(); terms = []; ask(); } }, line, h("button", { class: "main" }, t("compute"))),
    samples,
    h("div", { class: "bar" },
      h("label", {}, t("method"), select([["3cosadd", "3CosAdd"], ["3cosmul", "3CosMul"]], params.get("method") ?? "3cosadd", (value) => { set({ method: value }); ask(); }, t("method"))),
      how(context, ask),
      h("label", {}, h("input", { type: "checkbox", checked: params.has("keep"), onchange: (event) => { set({ keep: event.target.checked ? "1" : "" }); ask(); } }), t("keep_asked"))),
    out);
  ask();
  suggest();

  async function suggest() {
    const known = async (id) => (await get(of(model.name, `/items?id=${encodeURIComponent(id)}`)).then((found) => found.results[0]).catch(() => null));
    const all = await Promise.all(QUESTIONS.map((words) => Promise.all(words.map(known))));
    const fit = all.filter((words) => words.every(Boolean));
    const sign = (words) => [[words[0], false], [words[1], true], [words[2], false]];
    const name = (item) => item.title ?? item.id;
    let offers = fit.map(sign);
    if (offers.length === 0) {
      const { results: few } = await get(of(model.name, "/items?limit=6")).catch(() => ({ results: [] }));
      offers = few.length >= 4 ? [[[few[0], false], [few[1], false]], [[few[2], false], [few[3], true]]] : [];
    }
    if (offers.length) fill(samples, h("span", { class: "note", style: { "align-self": "center" } }, t("samples")), offers.map((offer) => h("button", { class: "plain", onclick: () => {
      written = ""; line.value = "";
      terms = offer.map(([item, minus]) => ({ id: item.id, title: item.title, minus }));
      ask();
    } }, offer.flatMap(([item, minus], at) => [at ? (minus ? " − " : " + ") : "", foreign(name(item))]))));
    samples.style.marginTop = offers.length ? ".7rem" : "0";
  }
}
