const [WIDEST, HEIGHT, LEFT, BOTTOM, TOP] = [720, 320, 58, 30, 12];

// A number with as many digits as its neighbours need.
function written(value, spread) {
  const digits = Math.min(8, Math.max(0, 2 - Math.floor(Math.log10(spread || Math.abs(value) || 1))));
  return value.toLocaleString("en", { maximumFractionDigits: digits, minimumFractionDigits: Math.min(digits, 4) });
}

// Whole steps of 1, 2 or 5 of a power of ten within a range.
function ticks(low, high, most) {
  const rough = (high - low) / most || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  const found = [];
  for (let k = Math.ceil(low / step); k * step <= high + step * 1e-9; k++) found.push(k * step);
  return found;
}

function line(points) {
  let drawn = "";
  let apart = true;
  for (const [x, y] of points) {
    if (y !== null) drawn += `${apart ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`;
    apart = y === null;
  }
  return drawn;
}

// Draw the latest values, the median and the intervals.
function draw(values, quantiles, labels) {
  const width = Math.min(WIDEST, part("shown").clientWidth);
  const [shown, horizon, middle] = [values.length, quantiles.length, (quantiles[0].length - 1) / 2];
  const all = [...values.filter((value) => value !== null), ...quantiles.flat()];
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const room = (high - low || 1) * 0.06;
  const x = (k) => LEFT + ((width - LEFT - 10) * k) / (shown + horizon - 1 || 1);
  const y = (v) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - (v - low + room) / (high - low + 2 * room || 1));
  const ahead = (k) => quantiles.map((row, t) => [x(shown + t), y(row[k])]);
  const marks = ticks(low - room, high + room, 5).map((v) =>
    `<path d="M${LEFT} ${y(v).toFixed(1)}H${width - 10}" class="grid"/>` +
    `<text x="${LEFT - 8}" y="${(y(v) + 4).toFixed(1)}" class="soft end small">${written(v, high - low)}</text>`);
  const places = [0, shown - 1, shown + horizon - 1].filter((k, i, list) => list.indexOf(k) === i);
  const times = labels ? places.map((k, i) =>
    `<text x="${x(k).toFixed(1)}" y="${HEIGHT - 8}" class="soft small ${["", "middle", "end"][i]}">${labels[k]}</text>`) : [];
  const last = values.findLastIndex((value) => value !== null);
  const joint = last < 0 ? [] : [[x(last), y(values[last])]];
  const bands = Array.from({ length: middle }, (_, k) =>
    `<path d="${line([...joint, ...ahead(k), ...ahead(2 * middle - k).reverse()])}Z" class="fill blue band"/>`);
  part("drawing").innerHTML =
    `<svg viewBox="0 0 ${width} ${HEIGHT}" width="${width}" height="${HEIGHT}" role="img" aria-label="The series and its forecast">` +
    marks.join("") + times.join("") + bands.join("") +
    `<path d="M${x(shown - 1).toFixed(1)} ${TOP}V${HEIGHT - BOTTOM}" class="grid dashed"/>` +
    `<path d="${line(values.map((v, k) => [x(k), v === null ? null : y(v)]))}" class="line"/>` +
    `<path d="${line([...joint, ...ahead(middle)])}" class="line blue heavy"/></svg>`;
}

function fill(model, quantiles, labels) {
  const middle = model.own.margins.length;
  const heads = ["step", ...(labels ? ["time"] : []), "median",
    ...model.own.percents.flatMap((percent) => [`${percent} % from`, "to"])];
  const spread = Math.max(...quantiles.flat()) - Math.min(...quantiles.flat());
  const rows = quantiles.map((row, t) => {
    const ends = model.own.percents.flatMap((_, k) => [row[middle - k - 1], row[middle + k + 1]]);
    return [t + 1, ...(labels ? [labels[labels.length - quantiles.length + t]] : []),
      ...[row[middle], ...ends].map((value) => written(value, spread))];
  });
  const cells = (kind, row) => `<tr>${row.map((cell) => `<${kind}>${cell}</${kind}>`).join("")}</tr>`;
  part("numbers").innerHTML = cells("th", heads) + rows.map((row) => cells("td", row)).join("");
}

function say(time, unit) {
  const text = new Date(time).toISOString().replace("T", " ");
  return unit in MONTHS || ["day", "week", "business day"].includes(unit) ? text.slice(0, 10) : text.slice(0, 16);
}

function forecast(model) {
  const { values, last: pasted } = readSeries(part("series").value);
  const { lookback, horizon, reading } = model;
  const fewest = lookback - reading.padded;
  if (values.length < fewest) throw new RangeError(`There are ${values.length} values, and the model reads ${fewest} or more.`);
  const given = part("last").value;
  const last = given ? readTime(given) : pasted;
  if (pasted !== null && !given) part("last").value = new Date(pasted).toISOString().slice(0, 16);
  if (reading.cycles.length && last === null) throw new RangeError("The model reads the calendar. Give the time of the last value.");
  if (reading.logarithms && values.some((value) => value !== null && value <= 0)) {
    throw new RangeError("The model reads logarithms, so every value must be above 0.");
  }
  const known = values.slice(-lookback);
  if (known.every((value) => value === null)) throw new RangeError("All of the latest values are missing.");
  const scaled = values.map((value) => (value !== null && reading.logarithms ? Math.log(value) : value));
  const series = Number(part("name").value);
  const usual = reading.scales[series - 1] ?? measureScale(scaled, lookback);
  const history = [...Array(lookback - known.length).fill(null), ...known];
  const times = last === null ? null : timesAround(last, model.own.frequency, lookback, horizon);
  const calendar = times && encodeCycles(times, reading.cycles);
  const flat = model.compute({ history, usual, series, calendar });
  const count = model.quantiles.length;
  const quantiles = Array.from({ length: horizon }, (_, t) => flat.slice(t * count, (t + 1) * count));
  const shown = history.slice(-Math.max(3 * horizon, 30));
  const labels = times && times.map((time) => say(time, model.own.frequency.unit));
  part("shown").hidden = false;
  draw(shown, quantiles, labels && labels.slice(lookback - shown.length));
  fill(model, quantiles, labels);
  const levels = model.own.percents.map((percent) => `${percent} %`).join(" and ");
  part("how").textContent = `The median of the next ${horizon} steps, with intervals of ${levels}, as calibrated in training.`;
}

serve((model) => {
  const { every, frequency } = model.own;
  part("facts").textContent =
    `Forecasts the next ${model.horizon} steps of a series from the last ${model.lookback} (${every}).`;
  const names = ["another series", ...model.reading.names];
  part("name").replaceChildren(...names.map((name, number) => new Option(name, number)));
  part("name").value = names.length === 2 ? 1 : 0;
  part("name").parentElement.hidden = false;
  part("last").parentElement.hidden = frequency.unit === "step";
  part("series").oninput = () => { part("last").value = ""; };
}, (model) => {
  part("shown").hidden = true;
  forecast(model);
});
