// Pages of models that answer rows: a text, the columns of a table, or a table that is pasted.

import { predict, predictFile } from "./api.js";
import { answerPlace, box, classOptions, dropZone, form, make, showAnswer, table, toCsv } from "./parts.js";

const verb = (model) => (model.task !== "classify" ? "Caption" : model.facts.answers === "number" ? "Estimate" : "Classify");

export function textPage(model) {
  const [column] = Object.keys(model.facts.columns);
  const { area, whole } = box("text", `${column[0].toUpperCase()}${column.slice(1)}`, "", { placeholder: model.rows[0][column] });
  const place = answerPlace();
  const send = async () => {
    const [answer] = await predict(model, [{ [column]: area.value || area.placeholder }], classOptions(model));
    place.replaceChildren(showAnswer(answer, model));
  };
  return [form(verb(model), send, whole), place, ...filePart(model, place)];
}

export function tablePage(model) {
  const place = answerPlace();
  const columns = model.facts.columns || {};
  const hasFields = !model.facts.id && Object.values(columns).length && !Object.values(columns).includes("series");
  return [hasFields ? fieldsForm(model, columns, place) : pasteForm(model, place), place, ...filePart(model, place)];
}

function fieldsForm(model, columns, place) {
  const inputs = Object.keys(columns).map((name, index) => {
    const given = columns[name] === "number" ? { inputmode: "decimal" } : {};
    const values = model.facts.values[name] || [];
    const list = `values-${index}`;
    const input = make("input", { id: `column-${index}`, autocomplete: "off", ...given, ...(values.length ? { list } : {}) });
    input.value = shorten(model.rows[0][name]);
    return [name, input, values.length ? make("datalist", { id: list }, ...values.map((value) => make("option", { value }))) : null];
  });
  const send = async () => {
    const row = Object.fromEntries(inputs.filter(([, input]) => input.value !== "").map(([name, input]) => [name, input.value]));
    const [answer] = await predict(model, [row], classOptions(model));
    place.replaceChildren(showAnswer(answer, model));
  };
  const labels = inputs.map(([name, input, list]) => make("label", { for: input.id }, name, input, list));
  return form(verb(model), send, make("fieldset", { "aria-label": "The columns" }, ...labels));
}

const shorten = (value) => (typeof value === "number" ? String(Number(value.toPrecision(4))) : String(value));

function pasteForm(model, place) {
  const way = pasted(model);
  const { area, whole } = box("table", way.label, way.first, { class: "table", rows: "9" });
  const send = async () => {
    const answers = await way.answer(area.value);
    place.replaceChildren(way.isOne ? showAnswer(answers[0], model) : table(answers.map(flatten), "Answers"));
  };
  return form(verb(model), send, whole);
}

// How rows are pasted: as a table whose rows are steps, as the steps of one series, or as JSON.
function pasted(model) {
  const options = model.task === "classify" ? classOptions(model) : {};
  if (model.facts.id) {
    const answer = (text) => predictFile(model, new File([text], "table.csv"), options);
    return { label: `A table with its names in the first line; rows with the same ${model.facts.id} are one example`, first: toCsv(model.rows), answer };
  }
  const [column] = Object.keys(model.facts.columns || {});
  if (!column) return { label: "Features as JSON, a row for each picture", first: JSON.stringify(model.rows), answer: (text) => predict(model, JSON.parse(text), options) };
  const steps = model.rows[0][column];
  const size = steps[0].length;
  const read = (text) => text.trim().split("\n").map((line) => line.split(",").map((cell) => readNumber(cell)));
  return {
    isOne: true,
    label: `The steps of ${column}, a line each${size > 1 ? `: ${size} numbers with commas between` : ""}`,
    first: steps.map((step) => step.join(", ")).join("\n"),
    answer: (text) => predict(model, [{ [column]: read(text) }], options),
  };
}

function readNumber(cell) {
  const value = Number(cell);
  if (!cell.trim() || !Number.isFinite(value)) throw new Error(`${JSON.stringify(cell.trim().slice(0, 20))} is no number. Correct it.`);
  return value;
}

const flatten = (answer) =>
  Object.fromEntries(Object.entries(answer).map(([name, value]) => [name, name === "captions" ? value[0].text : value]));

function filePart(model, place) {
  if (!model.files.includes(".csv")) return [];
  const isLists = !model.facts.id && Object.values(model.facts.columns || {}).includes("series");
  const endings = isLists ? [".jsonl"] : model.files;
  const onFile = async (file) => {
    const answers = await predictFile(model, file);
    place.replaceChildren(table(answers, `Answers to ${file.name}`));
  };
  return [make("details", {}, make("summary", {}, "A whole table"), dropZone("file", isLists ? "Choose or drop lines of JSON" : "Choose or drop a table", endings, onFile))];
}
