// The page of a model of music: it composes, goes on from a beginning, or writes below a melody.

import { predict, predictFile } from "./api.js";
import { answerPlace, classChoice, draw, dropZone, form, make, number, slider } from "./parts.js";

const MOST_WIDTH = 720;
const A_NOTE = 6; // pixels
const NAMES = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];
const EDGE = { left: 36, right: 8, top: 8, bottom: 22 };

export function musicPage(model) {
  const { facts } = model;
  const place = answerPlace();
  const bars = number("bars", "Bars", facts.bars, { min: 1, max: 200 });
  const seed = number("seed", "Seed", "", { min: 0, placeholder: "any" });
  const warmth = slider("temperature", "Temperature", 1, { min: 0, max: 1.5, step: 0.05 });
  const given = classChoice(model);
  const [goesOn, harmonises] = [option("go-on", "Go on from it"), option("harmonise", "Write all other notes below it")];
  goesOn.input.checked = true;
  let file = null;
  const way = make("div", { class: "row", role: "radiogroup", "aria-label": "What becomes of the file", hidden: true }, goesOn.whole, harmonises.whole);
  const chosen = (one) => {
    file = one;
    way.hidden = false;
  };
  const tab = make("input", { id: "tab", type: "checkbox" });
  const send = async () => {
    const options = { temperature: Number(warmth.input.value), ...(given ? { given: given.input.value } : {}) };
    if (seed.input.value) options.seed = Number(seed.input.value);
    if (!facts.drums) Object.assign(options, { tab: tab.checked, sound: "pluck" });
    const harmonise = file && harmonises.input.checked;
    if (!harmonise) options.bars = Number(bars.input.value);
    place.replaceChildren(make("p", { class: "soft" }, "Composing …"));
    try {
      const [answer] = file ? await predictFile(model, file, { ...options, ...(harmonise ? { harmonise } : {}) }) : await predict(model, [{}], options);
      place.replaceChildren(...show(answer, Math.min(MOST_WIDTH, place.clientWidth), model));
    } catch (error) {
      place.replaceChildren();
      throw error;
    }
  };
  return [
    form("Compose", send,
      make("div", { class: "row" }, bars.whole, warmth.whole, seed.whole, given && given.whole,
        facts.drums ? null : make("label", { for: "tab", class: "tick" }, tab, "For guitar, with tablature")),
      make("details", {}, make("summary", {}, "A beginning, or a melody"), dropZone("file", "Choose or drop a MIDI file", model.files, chosen), way)),
    place];
}

function option(id, label) {
  const input = make("input", { id, type: "radio", name: "way" });
  return { input, whole: make("label", { for: id, class: "tick" }, input, label) };
}

function show(answer, width, model) {
  const count = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;
  const said = `${count(answer.bars, "bar")}, ${count(answer.notes, "note")}, ${answer.seconds.toFixed(1)} s; seed ${answer.seed}`;
  const links = [link(answer.midi, "audio/midi", `${model.name}.mid`, "Save as MIDI")];
  const parts = [make("p", {}, said)];
  if (answer.wav) {
    const sound = address(answer.wav, "audio/wav");
    parts.push(make("audio", { controls: true, src: sound, "aria-label": "What was composed" }));
    links.push(make("a", { href: sound, download: `${model.name}.wav` }, "Save as WAV"));
  }
  if (answer.roll.length) parts.push(drawRoll(answer, width));
  else parts.push(make("p", { class: "soft" }, "Nothing sounds in it. Raise the temperature, or take another seed."));
  if (answer.tab) parts.push(make("pre", { tabindex: "0", role: "region", "aria-label": "Tablature" }, answer.tab));
  return [...parts, make("p", { class: "row" }, ...links)];
}

function address(content, type) {
  const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
  return URL.createObjectURL(new Blob([bytes], { type }));
}

const link = (content, type, download, text) => make("a", { href: address(content, type), download }, text);

function drawRoll(answer, width) {
  const pitches = answer.roll.map((note) => note.pitch);
  const low = Math.min(...pitches) - 1, high = Math.max(...pitches) + 1;
  const height = EDGE.top + EDGE.bottom + A_NOTE * (high - low + 1);
  const x = (seconds) => EDGE.left + (seconds / answer.seconds) * (width - EDGE.left - EDGE.right);
  const y = (pitch) => EDGE.top + A_NOTE * (high - pitch);
  const octaves = [...Array(high - low + 1).keys()].map((at) => low + at).filter((pitch) => pitch % 12 === 0);
  const named = octaves.length ? octaves : [low + 1];
  const title = `A piano roll: ${answer.notes} notes in ${answer.seconds.toFixed(1)} seconds, from ${name(low + 1)} to ${name(high - 1)}`;
  return make("figure", { class: "series" }, draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title },
    ...named.flatMap((pitch) => [
      draw("path", { d: `M${EDGE.left} ${y(pitch) + A_NOTE}H${width - EDGE.right}`, class: "grid" }),
      draw("text", { x: EDGE.left - 6, y: y(pitch) + A_NOTE, class: "end soft small" }, name(pitch))]),
    ...answer.roll.map((note) => draw("rect", {
      x: x(note.start).toFixed(1), y: y(note.pitch), width: Math.max(1.5, x(note.start + note.seconds) - x(note.start) - 1).toFixed(1),
      height: A_NOTE - 1, rx: 1, class: note.start < answer.given_seconds ? "fill given" : "fill blue" })),
    draw("text", { x: EDGE.left, y: height - 6, class: "small soft" }, "0 s"),
    draw("text", { x: width - EDGE.right, y: height - 6, class: "end small soft" }, `${answer.seconds.toFixed(1)} s`)));
}

const name = (pitch) => `${NAMES[pitch % 12]}${Math.floor(pitch / 12) - 1}`;
