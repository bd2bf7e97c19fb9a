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

// What a model answers with, in words.
function sayAnswer({ kind, classes }) {
  return { category: `one of ${classes.length} classes`, labels: "labels", number: "a number" }[kind];
}

// Show an answer: the likeliest classes with their shares, or a number.
function showAnswer(model, answer) {
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
