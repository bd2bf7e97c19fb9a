// Choose a model, and build the page that is made for it.

import { ask, keepToken } from "./api.js";
import { describe } from "./describing.js";
import { picturePage, soundPage } from "./files.js";
import { musicPage } from "./music.js";
import { make } from "./parts.js";
import { tablePage, textPage } from "./rows.js";
import { seriesPage } from "./series.js";
import { tagsPage, translatePage } from "./words.js";
import { writingPage } from "./writing.js";

const PAGES = {
  text: textPage, table: tablePage, tags: tagsPage, series: seriesPage, sound: soundPage, picture: picturePage,
  translate: translatePage, generate: writingPage, music: musicPage,
};
const find = (id) => document.getElementById(id);

function report(error) {
  find("error").textContent = error ? error.message : "";
}

// Every mistake of a form, or of a file that is dropped, is shown in one place.
window.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  report(event.reason instanceof SyntaxError ? new Error("The rows are no JSON. Correct them.") : event.reason);
});

function show(model) {
  report(null);
  find("title").textContent = model.name;
  document.title = `${model.name} · elman`;
  find("facts").textContent = `${describe(model)} ${model.parameters.toLocaleString("en")} parameters.`;
  find("work").replaceChildren(...PAGES[model.page](model, report));
  for (const place of find("work").querySelectorAll("form")) place.addEventListener("submit", () => report(null), true);
  const address = `${location.origin}/v1/models/${model.name}/predict`;
  const rows = JSON.stringify({ rows: model.rows.slice(0, 1) });
  find("command").textContent = model.rows.length
    ? `curl ${address} -H 'Content-Type: application/json' -d '${rows}'`
    : `curl ${address} -F file=@FILE`;
  find("about").hidden = false;
}

async function start() {
  let listed;
  try {
    listed = (await (await ask("/v1/models")).json()).models;
  } catch (error) {
    find("entry").hidden = error.status !== 401;
    if (error.status === 401 && !find("token").value) return find("token").focus();
    return report(error);
  }
  report(null);
  find("entry").hidden = true;
  const chooser = find("models");
  chooser.replaceChildren(...listed.map((one) => make("option", { value: one.name }, one.name)));
  find("chooser").hidden = listed.length < 2;
  const choose = (name) => show(listed.find((one) => one.name === name) || listed[0]);
  chooser.addEventListener("change", () => {
    history.replaceState(null, "", `#${chooser.value}`);
    choose(chooser.value);
  });
  const named = decodeURIComponent(location.hash.slice(1));
  if (listed.some((one) => one.name === named)) chooser.value = named;
  choose(chooser.value);
}

find("entry").addEventListener("submit", (event) => {
  event.preventDefault();
  keepToken(find("token").value);
  start();
});
start();
