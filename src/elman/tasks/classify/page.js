function classify(model) {
  const texts = model.columns.map((_, number) => part(`text${number}`).value);
  const steps = model.encode(texts);
  showAnswer(model, model.compute({ steps }));
  const unknown = steps.filter(([unit]) => unit === UNKNOWN).length;
  const unit = model.encoder.unit || "unit";
  part("how").textContent = `${steps.length} ${unit}s read` + (unknown ? `, ${unknown} of them unknown to the model` : "");
}

serve((model) => {
  part("facts").textContent = `Reads ${model.columns.join(" and ")}, and answers with ${sayAnswer(model)}.`;
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
