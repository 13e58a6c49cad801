// Elements out of text: nothing is ever parsed as HTML, so that no title can be anything but text.

/** An element with properties, listeners (`onclick`), `style` as an object, `dataset`, attributes, and children. */
export function h(tag, properties = {}, ...children) {
  const element = tag.startsWith("svg:")
    ? document.createElementNS("http://www.w3.org/2000/svg", tag.slice(4))
    : document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, set] of Object.entries(value)) element.style.setProperty(key, set);
    else if (name === "class") element.setAttribute("class", value);
    else if (["value", "checked", "disabled", "hidden", "selected"].includes(name)) element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Replaces what an element holds. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Text from outside, in whatever script it is written. */
export const foreign = (text) => h("bdi", {}, String(text));

/** A select of `[value, label]` pairs. */
export function select(options, value, onchange, label) {
  return h("select", { onchange: (event) => onchange(event.target.value), "aria-label": label },
    options.map(([key, text]) => h("option", { value: key, selected: key === value }, text)));
}

/** A short message at the foot of the window. */
export function toast(text) {
  document.querySelector(".toast")?.remove();
  const element = h("div", { class: "toast", role: "status" }, text);
  document.body.append(element);
  setTimeout(() => element.remove(), 2600);
}

/** Copies text, also where the clipboard's own interface is not to be had. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = h("textarea", { value: text });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

/** Calls `work` when there was no call for a while. */
export function after(ms, work) {
  let timer;
  return (...all) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...all), ms);
  };
}
