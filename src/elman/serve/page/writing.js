// The page of a language model: continuations as one types, and texts that are written.

import { predict, write } from "./api.js";
import { box, classChoice, make, number, slider } from "./parts.js";

const SHOWN = { " ": "␣", "\n": "⏎", "\t": "⇥" };
const show = (text) => (text.trim() ? text : text.replace(/[ \n\t]/g, (one) => SHOWN[one]));

export function writingPage(model, report) {
  const { area, whole } = box("text", "Text", "", { rows: "6" });
  const chips = make("ul", { class: "chips", "aria-label": "What may follow", "aria-live": "polite" });
  const length = number("length", "Length", 200, { min: 1, max: 5000 });
  const warmth = slider("temperature", "Temperature", 0.8, { min: 0, max: 1.5, step: 0.05 });
  const given = classChoice(model);
  const options = () => (given ? { given: given.input.value } : {});
  const suggest = suggestions(model, area, chips, options, report);
  area.addEventListener("input", suggest);
  if (given) given.input.addEventListener("change", suggest);
  area.addEventListener("keydown", (event) => {
    const first = chips.querySelector("button");
    if (event.key !== "Enter" || !event.ctrlKey || !first) return;
    event.preventDefault();
    first.click();
  });
  const button = make("button", { type: "button" }, "Write on");
  let stop = null;
  button.addEventListener("click", async () => {
    if (stop) return stop.abort();
    stop = new AbortController();
    button.textContent = "Stop";
    button.classList.add("live");
    report(null);
    try {
      const asked = { prompt: area.value, length: Number(length.input.value), temperature: Number(warmth.input.value), ...options() };
      for await (const piece of write(model, asked, stop.signal)) {
        area.value += piece;
        area.scrollTop = area.scrollHeight;
      }
    } catch (error) {
      if (error.name !== "AbortError") report(error);
    }
    stop = null;
    button.textContent = "Write on";
    button.classList.remove("live");
    suggest();
  });
  suggest();
  return [
    make("form", { on: { submit: (event) => event.preventDefault() } }, whole, chips,
      make("p", { class: "how keys" }, make("kbd", {}, "Ctrl"), " + ", make("kbd", {}, "Enter"), " takes the first"),
      make("div", { class: "row" }, length.whole, warmth.whole, given && given.whole, button))];
}

// Ask for what may follow, a moment after the last key; an older question is dropped.
function suggestions(model, area, chips, options, report) {
  let waiting = null;
  let asked = null;
  return () => {
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      if (asked) asked.abort();
      asked = new AbortController();
      try {
        const rows = [{ text: area.value }];
        const [answer] = await predict(model, rows, { top: 6, ...options() }, asked.signal);
        report(null);
        chips.replaceChildren(...answer.continuations.map((one) => make("li", {}, chip(one, area))));
      } catch (error) {
        if (error.name === "AbortError") return;
        chips.replaceChildren();
        report(error);
      }
    }, 120);
  };
}

function chip({ text, probability }, area) {
  const take = () => {
    area.value += text;
    area.dispatchEvent(new Event("input"));
    area.focus();
  };
  const share = probability < 0.001 ? "<0.1 %" : `${(100 * probability).toFixed(1)} %`;
  return make("button", { type: "button", on: { click: take } }, show(text), make("small", {}, share));
}
