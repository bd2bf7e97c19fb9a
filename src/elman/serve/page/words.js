// Pages of models that answer texts: tags over words, and translations.

import { predict, predictFile } from "./api.js";
import { answerPlace, box, dropZone, form, make } from "./parts.js";

const linesOf = (area) => area.value.split("\n").filter((line) => line.trim());

export function tagsPage(model) {
  const hasColumns = model.facts.columns.length > 0;
  const first = hasColumns ? JSON.stringify(model.rows) : model.rows[0].words.join(" ");
  const { area, whole } = box("text", hasColumns ? "Rows of JSON, each word with its columns" : "Sentences, a line each, with spaces between the words", first);
  const place = answerPlace();
  const show = (answers) =>
    place.replaceChildren(...answers.flatMap((one) => [
      one.label === undefined ? null : make("p", { class: "label" }, one.label),
      make("ul", { class: "tagged" }, ...one.words.map((word, index) => drawWord(word, one.tags[index])))].filter(Boolean)));
  const send = async () => show(await predict(model, hasColumns ? JSON.parse(area.value) : linesOf(area).map((text) => ({ text }))));
  return [form("Tag", send, whole), place, filePart(model, "Choose or drop a file of sentences", show)];
}

function drawWord(word, tag) {
  return make("li", { class: tag === "O" ? "" : "some" }, make("span", {}, word), make("small", {}, tag === "O" ? "\u00a0" : tag));
}

const filePart = (model, label, show) =>
  make("details", {}, make("summary", {}, "A file"),
    dropZone("file", label, model.files, async (file) => show(await predictFile(model, file))));

export function translatePage(model) {
  const { area, whole } = box("text", model.facts.orders ? "Words in any order, a line each" : "Texts, a line each", "", { placeholder: model.rows[0].text });
  const place = answerPlace();
  const send = async () => {
    const texts = linesOf(area).length ? linesOf(area) : [area.placeholder];
    show(await predict(model, texts.map((text) => ({ text }))));
  };
  const show = (answers) => place.replaceChildren(make("ul", { class: "lines" }, ...answers.map((one) =>
    make("li", {}, one.translations.length ? one.translations[0].text : "", make("small", {}, one.source)))));
  return [form(model.facts.orders ? "Put in order" : "Translate", send, whole), place,
    filePart(model, "Choose or drop a file of texts, a line each", show)];
}
