// The page of a forecaster: a table that is pasted or dropped, and each series drawn with its forecast and interval.

import { predictFile } from "./api.js";
import { answerPlace, box, draw, dropZone, form, make, table, toCsv } from "./parts.js";

const MOST_WIDTH = 720;
const HEIGHT = 260;
const LETTER = 7; // pixels, at most
const EDGE = { left: 56, right: 12, top: 12, bottom: 28 };

export function seriesPage(model) {
  const facts = model.facts;
  const place = answerPlace();
  const { area, whole } = box("table", `A table of ${facts.targets.join(", ")}, ${facts.frequency}; its names in the first line, ${facts.lookback} rows or more`,
    toCsv(model.rows), { class: "table", rows: "10" });
  const show = async (file) => {
    const [answer] = await predictFile(model, file);
    const width = Math.min(MOST_WIDTH, place.clientWidth);
    place.replaceChildren(...answer.series.map((one) => drawSeries(one, facts, width)));
  };
  return [
    form("Forecast", () => show(new File([area.value], "table.csv")), whole),
    place,
    make("details", {}, make("summary", {}, "A file"), dropZone("file", "Choose or drop a table", model.files, show))];
}

function drawSeries(one, facts, width) {
  const level = facts.levels[facts.levels.length - 1];
  const point = one.steps.map((step) => step.forecast);
  const low = one.steps.map((step) => step[`low_${level}`] ?? step.forecast);
  const high = one.steps.map((step) => step[`high_${level}`] ?? step.forecast);
  const past = one.history;
  const all = [...past.filter((value) => value !== null), ...low, ...high];
  const least = Math.min(...all), most = Math.max(...all), span = most - least || 1;
  const count = past.length + point.length;
  const x = (index) => EDGE.left + (index / Math.max(1, count - 1)) * (width - EDGE.left - EDGE.right);
  const y = (value) => HEIGHT - EDGE.bottom - ((value - least) / span) * (HEIGHT - EDGE.top - EDGE.bottom);
  const line = (values, from) => values.map((value, index) => (value === null ? "" :
    `${index && values[index - 1] !== null ? "L" : "M"}${x(from + index).toFixed(1)} ${y(value).toFixed(1)}`)).join("");
  const begin = past.length;
  const last = past[begin - 1];
  const back = [...low.keys()].reverse().map((index) => `L${x(begin + index).toFixed(1)} ${y(low[index]).toFixed(1)}`);
  const band = `${line([last, ...high], begin - 1)}${back.join("")}Z`;
  const joined = [last, ...point];
  const [first, final] = [one.steps[0], one.steps[one.steps.length - 1]].map((step) => when(step, facts));
  const hasRoom = x(count - 1) - x(begin) > LETTER * final.length;
  const title = `${one.series}: the last ${past.length} values, and a forecast of ${point.length} with its ${level} % interval`;
  const drawing = draw("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": title },
    ...[least, (least + most) / 2, most].flatMap((value) => [
      draw("path", { d: `M${EDGE.left} ${y(value)}H${width - EDGE.right}`, class: "grid" }),
      draw("text", { x: EDGE.left - 8, y: y(value) + 4, class: "end soft small" }, tidy(value, span))]),
    draw("path", { d: band, class: "fill band blue" }),
    draw("path", { d: line(past, 0), class: "line" }),
    draw("path", { d: line(joined, begin - 1), class: "line heavy blue" }),
    draw("text", { x: x(begin), y: HEIGHT - 8, class: "small soft end" }, first),
    draw("text", { x: width - EDGE.right, y: HEIGHT - 8, class: "small soft end" }, hasRoom ? final : ""));
  return make("figure", { class: "series" }, make("figcaption", {}, one.series), drawing,
    make("details", {}, make("summary", {}, "Its numbers"), table(one.steps, `Forecast of ${one.series}`)));
}

const when = (step, facts) => (facts.time.length ? facts.time.map((name) => step[name]).join(" ") : String(Object.values(step)[0]));
const tidy = (value, span) => value.toFixed(Math.max(0, Math.min(6, 2 - Math.floor(Math.log10(span)))));
