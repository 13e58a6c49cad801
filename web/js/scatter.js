// A map of many points: drawn by WebGL, by a plain canvas where there is none; moved by mouse, touch and keys.
// It knows nothing of pages: places and colours in, what is pointed at and enclosed out.

const VERTEX = `attribute vec2 place; attribute vec4 look; uniform vec4 view; uniform float grow; varying vec3 colour; varying float faint;
void main() { gl_Position = vec4((place - view.xy) * view.zw, 0.0, 1.0); colour = look.rgb; faint = step(look.a, 0.0); gl_PointSize = abs(look.a) * grow * mix(1.0, 0.6, faint); if (look.a == 0.0) gl_PointSize = 0.0; }`;
const FRAGMENT = `precision mediump float; varying vec3 colour; varying float faint;
void main() { float d = length(gl_PointCoord - 0.5); if (d > 0.5) discard; float edge = 1.0 - smoothstep(0.38, 0.5, d); float a = edge * mix(0.8, 0.16, faint); gl_FragColor = vec4(colour * a, a); }`;

export class Scatter {
  /**
   * * `frame`: an element with a size; `x`, `y`: places; `sizes`: points' diameters in pixels;
   * * `label(at)`: the text of a point; `point(at)`: a click on one (-1: none); `enclosed(list)`: what the lasso holds.
   */
  constructor(frame, { x, y, sizes, label, point, enclosed }) {
    Object.assign(this, { frame, x, y, sizes, label, point, enclosed, mode: "move", picked: -1, over: -1, lasso: [], selected: null });
    this.n = x.length;
    this.looks = new Float32Array(4 * this.n);
    this.canvas = document.createElement("canvas");
    this.top = document.createElement("canvas");
    this.tip = document.createElement("div");
    this.tip.className = "tip";
    this.tip.hidden = true;
    this.top.tabIndex = 0;
    this.top.setAttribute("role", "application");
    frame.prepend(this.canvas, this.top, this.tip);
    this.pen = this.top.getContext("2d");
    this.begin();
    this.index();
    this.fit();
    this.watch();
    this.observer = new ResizeObserver(() => { this.size(); this.draw(); });
    this.observer.observe(frame);
    this.size();
  }

  begin() {
    const gl = this.canvas.getContext("webgl", { antialias: false, premultipliedAlpha: true });
    if (!gl) { this.flat = this.canvas.getContext("2d"); return; }
    const compile = (kind, text) => {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      return shader;
    };
    const program = gl.createProgram();
    gl.attachShader(program, compile(gl.VERTEX_SHADER, VERTEX));
    gl.attachShader(program, compile(gl.FRAGMENT_SHADER, FRAGMENT));
    gl.linkProgram(program);
    gl.useProgram(program);
    const buffer = (name, length, data) => {
      const made = gl.createBuffer();
      gl.bindBuffer(gl.ARRAY_BUFFER, made);
      gl.bufferData(gl.ARRAY_BUFFER, data, gl.DYNAMIC_DRAW);
      const place = gl.getAttribLocation(program, name);
      gl.enableVertexAttribArray(place);
      gl.vertexAttribPointer(place, length, gl.FLOAT, false, 0, 0);
      return made;
    };
    const places = new Float32Array(2 * this.n);
    for (let i = 0; i < this.n; i++) { places[2 * i] = this.x[i]; places[2 * i + 1] = this.y[i]; }
    buffer("place", 2, places);
    this.lookBuffer = buffer("look", 4, this.looks);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    this.gl = gl;
    this.at = { view: gl.getUniformLocation(program, "view"), grow: gl.getUniformLocation(program, "grow") };
  }

  /** A grid, to find what is under the pointer without looking at all points. */
  index() {
    let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
    for (let i = 0; i < this.n; i++) {
      left = Math.min(left, this.x[i]); right = Math.max(right, this.x[i]);
      low = Math.min(low, this.y[i]); high = Math.max(high, this.y[i]);
    }
    this.bounds = { left, right, low, high };
    this.cells = Math.max(1, Math.min(256, Math.round(Math.sqrt(this.n / 4))));
    this.grid = Array.from({ length: this.cells * this.cells }, () => []);
    for (let i = 0; i < this.n; i++) this.grid[this.cell(this.x[i], this.y[i])].push(i);
  }
  column(x) { return Math.max(0, Math.min(this.cells - 1, Math.floor(((x - this.bounds.left) / (this.bounds.right - this.bounds.left || 1)) * this.cells))); }
  line(y) { return Math.max(0, Math.min(this.cells - 1, Math.floor(((y - this.bounds.low) / (this.bounds.high - this.bounds.low || 1)) * this.cells))); }
  cell(x, y) { return this.line(y) * this.cells + this.column(x); }

  /** The whole map, but for a few points far out. */
  fit() {
    const middle = (values) => {
      const sorted = Float32Array.from(values).sort(), cut = Math.floor(sorted.length / 100);
      const [a, b] = [sorted[cut], sorted[sorted.length - 1 - cut]];
      return [Math.max(sorted[0], a - 0.12 * (b - a)), Math.min(sorted[sorted.length - 1], b + 0.12 * (b - a))];
    };
    const [left, right] = middle(this.x), [low, high] = middle(this.y);
    this.centre = [(left + right) / 2, (low + high) / 2];
    this.span = Math.max(right - left, high - low, 1e-6) * 1.08;
    this.whole = this.span;
    this.draw();
  }
  size() {
    const ratio = devicePixelRatio || 1, { clientWidth: width, clientHeight: height } = this.frame;
    for (const canvas of [this.canvas, this.top]) { canvas.width = Math.max(1, width * ratio); canvas.height = Math.max(1, height * ratio); }
    this.width = Math.max(1, width); this.height = Math.max(1, height); this.ratio = ratio;
  }
  get scale() { return Math.min(this.width, this.height) / this.span; }
  screen(x, y) { return [this.width / 2 + (x - this.centre[0]) * this.scale, this.height / 2 - (y - this.centre[1]) * this.scale]; }
  world(px, py) { return [this.centre[0] + (px - this.width / 2) / this.scale, this.centre[1] - (py - this.height / 2) / this.scale]; }

  /** Colours: `colours` a list of [r, g, b] in 0..1, `of` the number of each point's colour; `faint(at)` whether it stands back. */
  paint(colours, of, faint) {
    for (let i = 0; i < this.n; i++) {
      const [r, g, b] = colours[of[i]] ?? colours[0];
      this.looks.set([r, g, b, (faint?.(i) || (this.selected && !this.selected.has(i)) ? -1 : 1) * this.sizes[i]], 4 * i);
    }
    this.painted = { colours, of, faint };
    if (this.gl) {
      this.gl.bindBuffer(this.gl.ARRAY_BUFFER, this.lookBuffer);
      this.gl.bufferData(this.gl.ARRAY_BUFFER, this.looks, this.gl.DYNAMIC_DRAW);
    }
    this.draw();
  }
  select(list) {
    this.selected = list && list.length ? new Set(list) : null;
    if (this.painted) this.paint(this.painted.colours, this.painted.of, this.painted.faint);
  }
  /** Brings a point to the middle, and marks it. */
  show(at) {
    this.picked = at;
    this.centre = [this.x[at], this.y[at]];
    this.span = Math.min(this.span, this.whole / 5);
    this.draw();
  }

  draw() {
    if (this.due) return;
    this.due = requestAnimationFrame(() => { this.due = 0; this.paintNow(); });
  }
  paintNow() {
    if (!this.width) return;
    const grow = Math.min(3.2, Math.max(1, (this.whole / this.span) ** 0.35)) * this.ratio;
    if (this.gl) {
      const gl = this.gl;
      gl.viewport(0, 0, this.canvas.width, this.canvas.height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      gl.uniform4f(this.at.view, this.centre[0], this.centre[1], (2 * this.scale) / this.width, (2 * this.scale) / this.height);
      gl.uniform1f(this.at.grow, grow);
      gl.drawArrays(gl.POINTS, 0, this.n);
    } else if (this.flat) {
      const pen = this.flat;
      pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
      for (let i = this.n - 1; i >= 0; i--) {
        const [px, py] = this.screen(this.x[i], this.y[i]), look = this.looks[4 * i + 3], d = Math.abs(look) * grow * (look < 0 ? 0.6 : 1);
        pen.globalAlpha = look < 0 ? 0.2 : 0.8;
        pen.fillStyle = `rgb(${255 * this.looks[4 * i]} ${255 * this.looks[4 * i + 1]} ${255 * this.looks[4 * i + 2]})`;
        pen.fillRect(px * this.ratio - d / 2, py * this.ratio - d / 2, d, d);
      }
    }
    this.write();
  }
  /** Labels of the most frequent points in sight that do not touch, the marked point, the lasso. */
  write() {
    const pen = this.pen, style = getComputedStyle(this.frame);
    pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    pen.clearRect(0, 0, this.width, this.height);
    pen.font = `500 11.5px ${style.fontFamily}`;
    pen.textBaseline = "middle";
    pen.lineJoin = "round";
    const taken = [], room = Math.round((this.width * this.height) / 16000);
    const free = (box) => taken.every((other) => box[0] > other[2] || box[2] < other[0] || box[1] > other[3] || box[3] < other[1]);
    const put = (at, force) => {
      const [px, py] = this.screen(this.x[at], this.y[at]);
      if (px < -20 || py < 0 || px > this.width || py > this.height) return false;
      const text = this.label(at), short = text.length > 26 ? `${text.slice(0, 25)}…` : text;
      const box = [px + 6, py - 9, px + 12 + pen.measureText(short).width, py + 9];
      if (!force && (box[2] > this.width || !free(box))) return false;
      taken.push(box);
      pen.strokeStyle = style.backgroundColor; pen.lineWidth = 3.5; pen.globalAlpha = 0.85;
      pen.strokeText(short, px + 8, py);
      pen.globalAlpha = 1; pen.fillStyle = style.color;
      pen.fillText(short, px + 8, py);
      return true;
    };
    if (this.picked >= 0) {
      const [px, py] = this.screen(this.x[this.picked], this.y[this.picked]);
      pen.beginPath(); pen.arc(px, py, 9, 0, 7); pen.strokeStyle = style.color; pen.lineWidth = 2; pen.stroke();
      put(this.picked, true);
    }
    for (let i = 0, written = 0; i < this.n && written < room && i < 4000; i++) {
      if (i === this.picked || this.looks[4 * i + 3] <= 0) continue;
      written += put(i, false) ? 1 : 0;
    }
    if (this.lasso.length > 1) {
      pen.beginPath();
      this.lasso.forEach(([px, py], at) => (at ? pen.lineTo(px, py) : pen.moveTo(px, py)));
      pen.closePath();
      pen.globalAlpha = 0.12; pen.fillStyle = style.color; pen.fill();
      pen.globalAlpha = 1; pen.strokeStyle = style.color; pen.lineWidth = 1.5; pen.setLineDash([4, 4]); pen.stroke(); pen.setLineDash([]);
    }
  }

  /** The point under a place of the screen, or -1. */
  under(px, py) {
    const reach = 10 / this.scale, [wx, wy] = this.world(px, py);
    let best = -1, near = reach * reach;
    for (let line = this.line(wy - reach); line <= this.line(wy + reach); line++)
      for (let column = this.column(wx - reach); column <= this.column(wx + reach); column++)
        for (const i of this.grid[line * this.cells + column]) {
          const d = (this.x[i] - wx) ** 2 + (this.y[i] - wy) ** 2;
          if (d < near && this.looks[4 * i + 3] > 0) { near = d; best = i; }
        }
    return best;
  }
  inside() {
    const ring = this.lasso.map(([px, py]) => this.world(px, py)), found = [];
    for (let i = 0; i < this.n; i++) {
      let odd = false;
      for (let a = 0, b = ring.length - 1; a < ring.length; b = a++) {
        const [ax, ay] = ring[a], [bx, by] = ring[b];
        if (ay > this.y[i] !== by > this.y[i] && this.x[i] < ((bx - ax) * (this.y[i] - ay)) / (by - ay) + ax) odd = !odd;
      }
      if (odd) found.push(i);
    }
    return found;
  }
  zoom(factor, px = this.width / 2, py = this.height / 2) {
    const [wx, wy] = this.world(px, py);
    this.span = Math.max(this.whole / 2000, Math.min(this.whole * 2, this.span / factor));
    const [nx, ny] = this.world(px, py);
    this.centre[0] += wx - nx; this.centre[1] += wy - ny;
    this.draw();
  }
  watch() {
    const top = this.top, fingers = new Map();
    let moved = 0;
    const place = (event) => { const box = top.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
    top.addEventListener("wheel", (event) => { event.preventDefault(); this.zoom(Math.exp(-event.deltaY * 0.0016), ...place(event)); }, { passive: false });
    top.addEventListener("pointerdown", (event) => {
      top.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, place(event));
      moved = 0;
      if (this.mode === "lasso" && fingers.size === 1) this.lasso = [place(event)];
    });
    top.addEventListener("pointermove", (event) => {
      const now = place(event), before = fingers.get(event.pointerId);
      if (!before) return this.hover(now);
      moved += Math.abs(now[0] - before[0]) + Math.abs(now[1] - before[1]);
      if (fingers.size === 2) {
        const other = [...fingers].find(([id]) => id !== event.pointerId)[1];
        const gap = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);
        this.zoom(gap(now, other) / (gap(before, other) || 1), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
      } else if (this.mode === "lasso") {
        this.lasso.push(now);
        this.draw();
      } else {
        this.centre[0] -= (now[0] - before[0]) / this.scale;
        this.centre[1] += (now[1] - before[1]) / this.scale;
        this.draw();
      }
      fingers.set(event.pointerId, now);
    });
    const end = (event) => {
      if (!fingers.delete(event.pointerId)) return;
      if (this.mode === "lasso" && this.lasso.length > 2) {
        const found = this.inside();
        this.lasso = [];
        this.select(found);
        this.enclosed?.(found);
      } else if (moved < 5) {
        this.lasso = [];
        this.picked = this.under(...place(event));
        this.point?.(this.picked);
      }
      this.draw();
    };
    top.addEventListener("pointerup", end);
    top.addEventListener("pointercancel", end);
    top.addEventListener("pointerleave", () => this.hover(null));
    top.addEventListener("keydown", (event) => {
      const step = this.span * 0.08;
      const keys = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
      if (keys[event.key]) { this.centre[0] += keys[event.key][0]; this.centre[1] += keys[event.key][1]; this.draw(); }
      else if (event.key === "+" || event.key === "=") this.zoom(1.3);
      else if (event.key === "-") this.zoom(1 / 1.3);
      else if (event.key === "0") this.fit();
      else return;
      event.preventDefault();
    });
  }
  hover(place) {
    const at = place && this.mode === "move" ? this.under(...place) : -1;
    this.tip.hidden = at < 0;
    this.top.style.cursor = this.mode === "lasso" ? "crosshair" : at >= 0 ? "pointer" : "grab";
    if (at < 0) return;
    const [px, py] = this.screen(this.x[at], this.y[at]);
    this.tip.textContent = this.label(at);
    this.tip.style.left = `${Math.max(60, Math.min(this.width - 60, px))}px`;
    this.tip.style.top = `${Math.max(34, py)}px`;
  }
  remove() { this.observer.disconnect(); cancelAnimationFrame(this.due); }
}

/** `count` colours that can be told apart, for light and dark paper, as [r, g, b] in 0..1; the first is for what has none. */
export function palette(count, dark) {
  const colours = [dark ? [0.42, 0.45, 0.5] : [0.68, 0.7, 0.73]];
  for (let i = 0; i < count; i++) {
    const hue = (222 + i * 137.508) % 360, light = (dark ? 0.68 : 0.5) + (i % 3 === 1 ? 0.07 : i % 3 === 2 ? -0.06 : 0), rich = dark ? 0.5 : 0.48;
    const c = (n) => { const k = (n + hue / 30) % 12; return light - rich * Math.min(light, 1 - light) * Math.max(-1, Math.min(k - 3, 9 - k, 1)); };
    colours.push([c(0), c(8), c(4)]);
  }
  return colours;
}

/** Diameters by count: what is frequent is larger, the more so the fewer points there are. */
export function diameters(counts) {
  const most = Math.log(1 + Math.max(1, ...counts.slice(0, 100)));
  const base = counts.length > 30000 ? 2 : counts.length > 5000 ? 2.8 : 4;
  return counts.map((count) => base + (base + 1) * (Math.log(1 + count) / most) ** 2);
}

/** Colours by frequency: five steps. */
export function steps(counts) {
  return counts.map((count) => 1 + Math.min(4, Math.floor(Math.log10(Math.max(1, count)))));
}

export const css = ([r, g, b]) => `rgb(${Math.round(255 * r)} ${Math.round(255 * g)} ${Math.round(255 * b)})`;
