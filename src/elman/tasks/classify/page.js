const MOST_SHOWN = 12;

// A row of the answer: a name, a bar, a share.
function bar(name, share, best) {
  const [label, room, filled, shown] = ["span", "div", "i", "span"].map((kind) => document.createElement(kind));
  label.textContent = name;
  label.className = best ? "best" : "";
  room.className = "bar";
  filled.style.width = `${(100 * share).toFixed(1)}%`;
  room.append(filled);
  shown.className = `share ${best ? "best" : ""}`;
  shown.textContent = `${(100 * share).toFixed(1)} %`;
  return [label, room, shown];
}

function classify(model) {
  const texts = model.columns.map((_, number) => part(`text${number}`).value);
  const steps = model.encode(texts);
  const answer = model.compute({ steps });
  const unknown = steps.filter(([unit]) => unit === UNKNOWN).length;
  const unit = model.encoder.unit || "unit";
  part("how").textContent = `${steps.length} ${unit}s read` + (unknown ? `, ${unknown} of them unknown to the model` : "");
  if (model.kind === "number") {
    const value = document.createElement("output");
    value.textContent = answer[0].toPrecision(6);
    part("shown").replaceChildren(value);
  } else {
    const ranked = Array.from(answer, (share, number) => ({ share, name: model.classes[number] }));
    ranked.sort((a, b) => b.share - a.share);
    const rows = ranked.slice(0, MOST_SHOWN).flatMap(({ share, name }, place) =>
      bar(name, share, model.kind === "labels" ? share > 0.5 : place === 0));
    part("shown").replaceChildren(...rows);
  }
  part("shown").hidden = false;
}

serve((model) => {
  const what = { category: `one of ${model.classes.length} classes`, labels: "labels", number: "a number" }[model.kind];
  part("facts").textContent = `Reads ${model.columns.join(" and ")}, and answers with ${what}.`;
  model.columns.forEach((column, number) => {
    const label = document.createElement("label");
    const text = document.createElement("textarea");
    label.className = "wide";
    text.id = `text${number}`;
    text.rows = 4;
    text.autofocus = !number;
    label.append(column, text);
    part("texts").append(label);
  });
}, classify);
