// The frame around the pages: which page, which model, which language; all of it in the address, so that links can be shared.
// An address is `#/PAGE?model=NAME&...`; pages read their own part of it and change it with `set`.

import { Problem, get } from "./api.js";
import { fill, foreign, h, select } from "./dom.js";
import { language, setLanguage, t } from "./words.js";
import * as search from "./pages/search.js";
import * as arithmetic from "./pages/arithmetic.js";
import * as map from "./pages/map.js";
import * as recommend from "./pages/recommend.js";
import * as report from "./pages/report.js";
import * as training from "./pages/training.js";
import * as status from "./pages/status.js";
import * as docs from "./pages/docs.js";

const PAGES = { search, arithmetic, map, recommend, report, training, status, api: docs };
/** Pages that need no model. */
const FREE = ["training", "status", "api"];

const theme = localStorage.getItem("theme");
if (theme) document.documentElement.dataset.theme = theme;
setLanguage(language);

let models = { models: [], training: [] };
let shown; // what the page on screen wants to be told when it goes

function address() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const first = location.pathname === "/docs" ? "api" : "search";
  return { page: path || first, params: new URLSearchParams(query ?? "") };
}

/** The address of a page. */
export function link(page, params) {
  const query = new URLSearchParams(Object.entries(params).filter(([, value]) => value !== undefined && value !== ""));
  return `#/${page}${query.size ? `?${query}` : ""}`;
}

function dark() {
  const set = document.documentElement.dataset.theme;
  return set ? set === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function draw() {
  shown?.leave?.();
  const { page, params } = address();
  const names = models.models.map((model) => model.name);
  const name = params.get("model") ?? names[0];
  const model = models.models.find((model) => model.name === name);
  const go = (to) => { location.hash = link(page, { ...Object.fromEntries(params), model: to }); };
  const main = h("main", { id: "content", tabindex: "-1" });
  const nav = h("nav", { "aria-label": "Vecinity" }, Object.keys(PAGES).map((key) =>
    h("a", { href: link(key, { model: params.get("model") ?? undefined }), "aria-current": key === page ? "page" : null }, t(key))));
  const foot = h("div", { class: "foot" },
    names.length > 0 ? h("label", { class: "field" }, h("span", {}, t("model")), select(names.map((n) => [n, n]), name, go, t("model"))) : null,
    h("div", { class: "switches" },
      h("button", { class: "plain", onclick: () => { setLanguage(language === "zh" ? "en" : "zh"); draw(); } }, t("language")),
      h("button", { class: "plain", title: t("theme"), "aria-label": t("theme"), onclick: () => {
        const next = dark() ? "light" : "dark";
        localStorage.setItem("theme", next);
        document.documentElement.dataset.theme = next;
        dispatchEvent(new Event("theme"));
      } }, "◐")));
  document.body.replaceChildren(
    h("a", { class: "skip", href: "#content", onclick: (event) => { event.preventDefault(); main.focus(); } }, t("skip")),
    h("div", { class: "shell" },
      h("div", { class: "rail" }, h("a", { class: "brand", href: "#/search" }, h("img", { src: "/assets/icon.svg", alt: "" }), "Vecinity"), nav, foot),
      main));
  document.title = `${t(page)} · Vecinity`;
  const render = PAGES[page]?.render;
  if (!render) return fill(main, problem(new Error(t("page_unknown"))));
  if (!FREE.includes(page) && !model) {
    if (names.length > 0) return fill(main, problem(new Problem(404, { detail: `${t("unknown_item")}: ${name}`, suggestions: names }), (to) => go(to)));
    return fill(main, h("div", { class: "state" }, h("h2", {}, t("no_models")), h("p", {}, t("no_models_lead")), h("p", {}, h("a", { href: "#/training" }, t("training")))));
  }
  // Pages change their own part of the address without being drawn anew.
  const set = (changes) => {
    for (const [key, value] of Object.entries(changes)) value === undefined || value === "" ? params.delete(key) : params.set(key, value);
    history.replaceState(null, "", link(page, Object.fromEntries(params)));
  };
  const go_to = (to, more) => { location.hash = link(to, { model: params.get("model") ?? undefined, ...more }); };
  shown = render(main, { model, models, params, set, go: go_to, reload: start }) ?? undefined;
}

/** How a failure is shown, with what may have been meant as buttons. */
export function problem(error, choose) {
  return h("div", { class: "state error", role: "alert" },
    h("h2", {}, error.kind === "urn:vecinity:unknown-item" ? t("unknown_item") : t("failed")),
    h("p", {}, foreign(error.message)), error.advice ? h("p", { class: "note" }, foreign(error.advice)) : null,
    choose && error.suggestions?.length ? h("div", { class: "samples" }, h("span", {}, t("did_you_mean")),
      error.suggestions.map((text) => h("button", { onclick: () => choose(text) }, foreign(text)))) : null);
}

/** Shows that something is on its way, then what came, or what went wrong. The last call for an element wins. */
export async function load(element, work, show, choose) {
  const turn = (element.turn = {});
  const wait = setTimeout(() => element.turn === turn && fill(element, h("div", { class: "busy", role: "status", "aria-label": t("loading") })), 150);
  try {
    const value = await work();
    if (element.turn === turn) fill(element, show(value));
  } catch (error) {
    if (element.turn === turn && error.name !== "AbortError") fill(element, problem(error, choose));
  } finally {
    clearTimeout(wait);
  }
}

async function start() {
  try {
    models = await get("/v1/models");
    draw();
  } catch (error) {
    document.body.replaceChildren(h("main", {}, problem(error), h("p", { style: { "margin-top": "1rem" } }, h("button", { onclick: start }, t("retry")))));
  }
}

addEventListener("hashchange", draw);
start();
