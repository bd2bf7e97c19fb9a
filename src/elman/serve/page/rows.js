// Pages of models that answer rows: a text, the columns of a table, or a table that is pasted.

import { predict, predictFile } from "./api.js";
import { answerPlace, box, classOptions, dropZone, form, make, showAnswer, table, toCsv } from "./parts.js";

export function textPage(model) {
  const [column] = Object.keys(model.facts.columns);
  const { area, whole } = box("text", `${column[0].toUpperCase()}${column.slice(1)}`, "", { placeholder: model.rows[0][column] });
  const place = answerPlace();
  const send = async () => {
    const [answer] = await predict(model, [{ [column]: area.value || area.placeholder }], classOptions(model));
    place.replaceChildren(showAnswer(answer, model));
  };
  return [form("Classify", send, whole), place, ...filePart(model, place)];
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
    const input = make("input", { id: `column-${index}`, autocomplete: "off", ...given });
    input.value = shorten(model.rows[0][name]);
    return [name, input];
  });
  const send = async () => {
    const row = Object.fromEntries(inputs.filter(([, input]) => input.value !== "").map(([name, input]) => [name, input.value]));
    const [answer] = await predict(model, [row], classOptions(model));
    place.replaceChildren(showAnswer(answer, model));
  };
  const labels = inputs.map(([name, input]) => make("label", { for: input.id }, name, input));
  return form("Answer", send, make("fieldset", { "aria-label": "The columns" }, ...labels));
}

const shorten = (value) => (typeof value === "number" ? String(Number(value.toPrecision(4))) : String(value));

function pasteForm(model, place) {
  const isTable = Boolean(model.facts.id);
  const label = isTable ? "A table, its names in the first line" : "Rows of JSON";
  const { area, whole } = box("table", label, isTable ? toCsv(model.rows) : JSON.stringify(model.rows), { class: "table", rows: "9" });
  const send = async () => {
    const answers = isTable
      ? await predictFile(model, new File([area.value], "table.csv"), classOptions(model))
      : await predict(model, JSON.parse(area.value), model.task === "classify" ? classOptions(model) : {});
    place.replaceChildren(table(answers.map(flatten), "Answers"));
  };
  return form("Answer", send, whole);
}

const flatten = (answer) =>
  Object.fromEntries(Object.entries(answer).map(([name, value]) => [name, name === "captions" ? value[0].text : value]));

function filePart(model, place) {
  if (!model.files.includes(".csv")) return [];
  const onFile = async (file) => {
    const answers = await predictFile(model, file);
    place.replaceChildren(table(answers, `Answers to ${file.name}`));
  };
  return [make("details", {}, make("summary", {}, "A whole table"), dropZone("file", "Choose or drop a table", model.files, onFile))];
}
