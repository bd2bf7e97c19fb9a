// Elements that several pages have.

export function make(tag, given = {}, ...inside) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (name === "on") for (const [event, call] of Object.entries(value)) element.addEventListener(event, call);
    else if (typeof value === "boolean") element.toggleAttribute(name, value);
    else element.setAttribute(name, value);
  }
  element.append(...inside.filter((one) => one !== null && one !== undefined));
  return element;
}

export const answerPlace = () => make("div", { class: "answer", role: "status", "aria-live": "polite" });

export function box(id, label, value = "", given = {}) {
  const area = make("textarea", { id, spellcheck: "false", ...given });
  area.value = value;
  return { area, whole: make("label", { for: id }, label, area) };
}

// A form whose button is off while an answer is on its way; Ctrl+Enter in a box sends it as well.
export function form(text, onSend, ...inside) {
  const button = make("button", {}, text);
  const send = async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      await onSend();
    } finally {
      button.disabled = false;
    }
  };
  const keys = (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send(event);
  };
  return make("form", { on: { submit: send, keydown: keys } }, ...inside, make("div", { class: "row" }, button));
}

export function number(id, label, value, given) {
  const input = make("input", { id, type: "number", value, ...given });
  return { input, whole: make("label", { for: id }, label, input) };
}

export function slider(id, label, value, given) {
  const input = make("input", { id, type: "range", value, ...given });
  const shown = make("output", { for: id }, Number(value).toFixed(2));
  input.addEventListener("input", () => (shown.textContent = Number(input.value).toFixed(2)));
  return { input, whole: make("label", { for: id }, `${label} `, shown, input) };
}

// A choice of one of the classes that a model writes as; null where it has none.
export function classChoice(model) {
  const { classes, given } = model.facts;
  if (!classes.length) return null;
  const input = make("select", { id: "given" }, ...classes.map((name) => make("option", { value: name }, name)));
  return { input, whole: make("label", { for: "given" }, given ? `As which ${given}` : "Write as", input) };
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;

export function bars(pairs) {
  const list = make("div", { class: "bars", role: "list" });
  for (const [index, [name, share]] of [...pairs].sort((one, other) => other[1] - one[1]).entries()) {
    const filled = make("i");
    filled.style.width = `${100 * share}%`;
    const kind = index === 0 ? "best" : "";
    list.append(
      make("div", { role: "listitem", class: "bar-row" },
        make("span", { class: kind }, name),
        make("span", { class: "bar", "aria-hidden": "true" }, filled),
        make("span", { class: `share ${kind}` }, percent(share))));
  }
  return list;
}

export function dropZone(id, label, endings, onFile) {
  const input = make("input", { id, type: "file", accept: endings.join(",") });
  input.addEventListener("change", () => input.files[0] && onFile(input.files[0]));
  const zone = make("div", { class: "drop" }, make("label", { for: id }, label), input);
  for (const event of ["dragenter", "dragover"])
    zone.addEventListener(event, (one) => (one.preventDefault(), zone.classList.add("over")));
  for (const event of ["dragleave", "drop"]) zone.addEventListener(event, () => zone.classList.remove("over"));
  zone.addEventListener("drop", (one) => {
    one.preventDefault();
    if (!one.dataTransfer.files[0]) return;
    input.files = one.dataTransfer.files; // its name is shown
    onFile(one.dataTransfer.files[0]);
  });
  return zone;
}

export function table(rows, label) {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cell = (value) => (value === null || value === undefined ? "" : Array.isArray(value) ? value.join(", ") : value);
  return make("div", { class: "wide", tabindex: "0", role: "region", "aria-label": label },
    make("table", {},
      make("thead", {}, make("tr", {}, ...names.map((name) => make("th", { scope: "col" }, name)))),
      make("tbody", {}, ...rows.map((row) => make("tr", {}, ...names.map((name) => make("td", {}, String(cell(row[name])))))))));
}

// The answer of a classifier: its class with all probabilities, its labels, or its number.
export function showAnswer(answer, model) {
  const shares = (model.facts.classes || []).map((name) => [name, answer[`probability_${name}`]]);
  const what = model.facts.target || "answer";
  const said = Array.isArray(answer.prediction) ? answer.prediction.join(", ") || "none" : String(answer.prediction);
  return make("div", {}, make("p", { class: "label" }, what), make("p", { class: "big" }, said),
    shares.length && shares.every((pair) => pair[1] !== undefined) ? bars(shares) : null);
}

export const classOptions = (model) => ((model.facts.classes || []).length ? { probabilities: true } : {});

export function toCsv(rows) {
  if (!rows.length) return "";
  const names = Object.keys(rows[0]);
  const cell = (value) => (/[",\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value));
  return [names, ...rows.map((row) => names.map((name) => row[name]))].map((row) => row.map(cell).join(",")).join("\n");
}

export function draw(tag, given, ...inside) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(given)) element.setAttribute(name, value);
  element.append(...inside);
  return element;
}
