// Training: the curves of a run, while it runs.

import { call, of } from "../api.js";
import { fill, h, select } from "../dom.js";
import { problem } from "../main.js";
import { number, t } from "../words.js";

/** A curve with its axis; `points` are [x, y]. */
function curve(points, label, digits) {
  if (points.length < 2) return null;
  const [width, height, left, foot] = [560, 190, 52, 22];
  const ys = points.map((point) => point[1]), xs = points.map((point) => point[0]);
  const [low, high, first, last] = [Math.min(...ys), Math.max(...ys), Math.min(...xs), Math.max(...xs)];
  const x = (value) => left + ((value - first) / (last - first || 1)) * (width - left - 10);
  const y = (value) => 10 + (1 - (value - low) / (high - low || 1)) * (height - 10 - foot);
  const path = points.map(([a, b], at) => `${at ? "L" : "M"}${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join("");
  return h("div", { class: "card", style: { padding: "1rem 1.2rem" } }, h("h2", {}, label),
    h("svg:svg", { class: "curve", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${label}: ${ys.at(-1).toFixed(digits)}` },
      [low, (low + high) / 2, high].map((value) => [h("svg:line", { class: "grid", x1: left, x2: width - 10, y1: y(value), y2: y(value) }), h("svg:text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, value.toFixed(digits))]),
      h("svg:path", { class: "line", d: path })));
}

export function render(root, { models, params, set }) {
  const names = [...models.training, ...models.models.map((model) => model.name)];
  const name = names.includes(params.get("run")) ? params.get("run") : (models.training[0] ?? params.get("model") ?? names[0]);
  const out = h("div", { "aria-live": "off" });
  const stop = new AbortController();
  fill(root, h("h1", {}, t("training_title")), h("p", { class: "lead" }, t("training_lead")),
    names.length > 1 ? h("div", { class: "bar" }, select(names.map((n) => [n, n]), name, (value) => { set({ run: value }); location.reload(); }, t("model"))) : null, out);
  const running = models.training.includes(name);
  fill(out, h("div", { class: "state" }, h("h2", {}, t("waiting_run")), h("p", {}, running ? t("waiting_run_lead") : t("loading"))));
  let events = [], done = false, due = 0;

  function draw() {
    due = 0;
    const steps = events.filter((event) => event.tokens !== undefined);
    if (events.length === 0) return done ? fill(out, h("div", { class: "state" }, t("no_log"))) : undefined;
    const last = steps.at(-1) ?? {};
    const epochs = events.filter((event) => typeof event.ndcg === "number");
    // A run trains several times; tokens begin anew each time.
    let sum = 0, before = 0;
    const losses = steps.filter((event) => typeof event.loss === "number").map((event) => {
      if (event.tokens < before) sum += before;
      before = event.tokens;
      return [sum + event.tokens, event.loss];
    });
    const share = last.total_tokens ? last.tokens / last.total_tokens : 0;
    const left = last.tokens_per_second > 0 ? Math.round((last.total_tokens - last.tokens) / last.tokens_per_second) : 0;
    const fact = (value, label) => h("div", {}, h("b", {}, value), h("span", {}, label));
    fill(out, h("div", { class: "numbers" }, fact(done ? t("finished") : t("running"), name),
      last.epochs ? fact(`${last.epoch} / ${last.epochs}`, t("epoch")) : null, typeof last.loss === "number" ? fact(last.loss.toFixed(3), t("loss")) : null,
      last.tokens_per_second ? fact(number(Math.round(last.tokens_per_second)), t("speed")) : null, done ? null : fact(`${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`, t("left"))),
    done ? null : h("div", { class: "busy known", role: "progressbar", "aria-valuenow": Math.round(100 * share), style: { "--done": share } }),
    h("div", { class: "cards" }, curve(losses, t("loss"), 3), curve(epochs.map((event, at) => [at, event.ndcg]), t("quality"), 4)));
  }
  const soon = () => { due ||= requestAnimationFrame(draw); };

  (async () => {
    try {
      const response = await call("GET", of(name, "/events"), undefined, { raw: true, signal: stop.signal });
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { value, done: ended } = await reader.read();
        if (ended) break;
        text += value;
        const blocks = text.split("\n\n");
        text = blocks.pop();
        for (const block of blocks) {
          const kind = /^event: (\w+)/m.exec(block)?.[1], data = /^data: (.*)$/m.exec(block)?.[1];
          if (kind === "restart") events = [];
          else if (kind === "done") done = true;
          else if (kind === "progress") try { events.push(JSON.parse(data)); } catch { /* a line that is being written */ }
        }
        soon();
      }
    } catch (error) {
      if (error.name !== "AbortError") fill(out, problem(error));
    }
  })();
  return { leave: () => stop.abort() };
}
