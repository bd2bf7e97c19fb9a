// A forecaster: quantiles of the next steps of one series.
class Model {
  constructor(network, { card, own }) {
    this.network = network;
    this.own = own;
    this.lookback = card.lookback;
    this.horizon = card.horizon;
    this.quantiles = card.quantiles;
    this.reading = card.reading;
    this.recurrent = new Recurrent(network, own.layers);
  }

  // Forecast from `history`, L values with null for a missing one, in the units of the series; `usual` is how far the
  // series usually moves, `series` its number, `calendar` its cycles at the L + H steps. Returns H × Q numbers.
  compute({ history, usual, series, calendar }) {
    this.network.release();
    const read = history.map((value) => (value !== null && this.reading.logarithms ? Math.log(value) : value));
    const { center, scale, x } = this.scale(read, usual);
    const ahead = this.decode(x, read.map((value) => value === null), series, calendar);
    const quantiles = this.quantiles.length;
    const rows = Array.from({ length: this.horizon }, (_, t) => ahead.slice(t * quantiles, (t + 1) * quantiles));
    return rows.flatMap((row, t) => this.calibrate(row, t)).map((scaled) => {
      const value = scaled * scale + center;
      return this.reading.logarithms ? Math.exp(value) : value;
    });
  }

  // Measure a window from its last value, in units of its movement; what is missing becomes 0.
  scale(history, usual) {
    const known = history.filter((value) => value !== null);
    const center = known.length ? known.at(-1) : 0;
    const moved = known.map((value) => value - center);
    const count = Math.max(1, known.length);
    const mean = moved.reduce((a, b) => a + b, 0) / count;
    const square = moved.reduce((total, value) => total + (value - mean) ** 2, 0) / count;
    const scale = Math.max(this.own.scaledByOwn * Math.sqrt(square), usual);
    return { center, scale, x: Float32Array.from(history, (value) => (value === null ? 0 : (value - center) / scale)) };
  }

  // Scaled quantiles of all segments ahead, one step after the other.
  decode(x, missing, series, calendar) {
    const { segment, read, ahead, hidden, decode } = this.own;
    const lacking = read * segment - this.lookback;
    const at = (step) => Math.max(0, step - lacking);
    const tokens = Array.from({ length: read }, (_, k) => {
      const steps = Array.from({ length: segment }, (_, t) => at(k * segment + t));
      const values = steps.flatMap((step) => (this.own.missing ? [x[step], Number(missing[step])] : [x[step]]));
      return this.embed([...values, ...this.cycles(calendar, at(k * segment))]);
    });
    this.network.functions.reset();
    const output = this.step(tokens);
    const last = this.lookback + this.horizon - 1;
    const expected = Array.from({ length: ahead }, (_, k) =>
      this.cycles(calendar, Math.min(last, this.lookback + k * segment)));
    const lags = this.lags(x);
    const found = { segment: () => this.segments(series, expected, lags), direct: () => this.whole(series, expected),
      recursive: () => this.inTurn(output, series, expected, lags) }[decode]();
    if (!lags || decode === "recursive") return found;
    return found.map((value, k) => value + lags.base[Math.floor(k / this.quantiles.length)]);
  }

  // All segments from the final state of the look-back.
  segments(series, expected, lags) {
    const kept = this.recurrent.keep();
    return expected.flatMap((cycles, k) => {
      this.recurrent.goBack(kept);
      const input = this.input(k, series, cycles);
      if (lags) this.network.apply("lags", lags.segments[k], input.length).forEach((value, j) => { input[j] += value; });
      return Array.from(this.readout(this.step([input])));
    });
  }

  // The whole horizon from one step.
  whole(series, expected) {
    const mean = expected[0].map((_, j) => expected.reduce((total, row) => total + row[j], 0) / expected.length);
    return Array.from(this.readout(this.step([this.input(0, series, mean)])));
  }

  // Segment by segment, each from the median of the one before.
  inTurn(output, series, expected, lags) {
    const { segment, ahead } = this.own;
    const quantiles = this.quantiles.length;
    const found = [];
    for (let k = 0; k < ahead; k++) {
      const part = Array.from(this.readout(output), (value, j) =>
        value + (lags ? lags.base[k * segment + Math.floor(j / quantiles)] : 0));
      found.push(...part);
      const medians = Array.from({ length: segment }, (_, t) => part[t * quantiles + (quantiles - 1) / 2]);
      const values = medians.flatMap((value) => (this.own.missing ? [value, 0] : [value]));
      const token = this.embed([...values, ...expected[k]]);
      this.input(0, series, []).forEach((value, j) => { token[j] += value; });
      if (k + 1 < ahead) output = this.step([token]);
    }
    return found;
  }

  // The lags of several seasons: what is corrected, and what the segments ahead read; null for one season.
  lags(x) {
    if (!this.own.lags) return null;
    const { segment, ahead, lags } = this.own;
    const steps = Array.from({ length: ahead * segment }, (_, t) => Math.min(t, this.horizon - 1));
    const values = steps.map((t) => lags.places[t].map((place) => (place < 0 ? 0 : x[place])));
    const base = steps.map((t, k) => values[k].reduce((total, value, j) => total + value * lags.weight[t][j], 0));
    const segments = Array.from({ length: ahead }, (_, k) => values.slice(k * segment, (k + 1) * segment).flat());
    return { base, segments };
  }

  // The input of a step ahead: its place, its series, the calendar.
  input(place, series, cycles) {
    const found = Float32Array.from(this.own.place[place]);
    const add = (values) => values.forEach((value, j) => { found[j] += value; });
    if (this.own.series) add(this.own.series[series]);
    if (cycles.length && this.network.functions.expect) add(this.network.apply("expect", cycles, found.length));
    return found;
  }

  embed(values) {
    return this.network.apply("embed", values, this.own.hidden).map((value) => Math.max(0, value));
  }

  // Run over rows from the present states, and return the last output.
  step(rows) {
    const width = rowBytes(this.own.hidden);
    const x = this.network.reserve((width / 4) * rows.length);
    rows.forEach((row, k) => this.network.numbers(x + k * width, row.length).set(row));
    const { rows: found, step } = this.recurrent.run(x, rows.length, width);
    return this.network.numbers(found + step * (rows.length - 1), this.recurrent.size).slice();
  }

  readout(output) {
    const steps = this.own.decode === "direct" ? this.own.ahead * this.own.segment : this.own.segment;
    return this.network.apply("readout", output, steps * this.quantiles.length);
  }

  cycles(calendar, step) {
    return this.reading.cycles.length ? calendar[step] : [];
  }

  // Sort the quantiles of a step, and move the ends of intervals as far as calibration says.
  calibrate(row, t) {
    const sorted = Float64Array.from(row).sort();
    const pairs = this.own.margins.length;
    const middle = sorted[pairs];
    const by = this.own.margins.map((margins) => margins[t]);
    const low = by.map((margin, k) => Math.min(sorted[k] - margin, middle));
    const high = by.map((_, k) => Math.max(sorted[pairs + 1 + k] + by[pairs - 1 - k], middle));
    return Array.from(Float64Array.from([...low, middle, ...high]).sort());
  }
}

const MILLISECONDS = { microsecond: 1e-3, millisecond: 1, second: 1000, minute: 60000, hour: 3600000, day: 86400000,
  week: 604800000 };
const MONTHS = { month: 1, quarter: 3, year: 12 };
const DAY = MILLISECONDS.day;

// The times of steps, the first `before` of them up to `last`, as milliseconds from 1970 on.
function timesAround(last, { unit, count, day }, before, after) {
  const steps = Array.from({ length: before + after }, (_, k) => (k + 1 - before) * count);
  if (unit in MILLISECONDS) return steps.map((step) => last + step * MILLISECONDS[unit]);
  const ofDay = ((last % DAY) + DAY) % DAY;
  const from = new Date(last);
  if (unit === "business day") {
    const weekday = (from.getUTCDay() + 6) % 7; // Monday is 0
    return steps.map((step) => last + DAY * (7 * Math.floor((weekday + step) / 5) + mod(weekday + step, 5) - weekday));
  }
  return steps.map((step) => {
    const month = from.getUTCMonth() + step * MONTHS[unit];
    const longest = new Date(Date.UTC(from.getUTCFullYear(), month + 1, 0)).getUTCDate();
    const at = Date.UTC(from.getUTCFullYear(), month, Math.min(Math.max(day, 1), longest));
    return at + ofDay;
  });
}

function mod(number, by) {
  return ((number % by) + by) % by;
}

// Sine and cosine of the phase of each cycle at each time.
function encodeCycles(times, cycles) {
  return times.map((time) => cycles.flatMap((cycle) => {
    const phase = 2 * Math.PI * phaseOf(time, cycle);
    return [Math.fround(Math.sin(phase)), Math.fround(Math.cos(phase))];
  }));
}

function phaseOf(time, cycle) {
  if (cycle === "year") {
    const year = new Date(time).getUTCFullYear();
    const first = Date.UTC(year, 0, 1);
    return (time - first) / (Date.UTC(year + 1, 0, 1) - first);
  }
  const length = MILLISECONDS[cycle];
  const monday = 4 * DAY; // 1970-01-05
  return mod(time - (cycle === "week" ? monday : 0), length) / length;
}

// How far a series usually moves within a look-back: the root mean variance of its windows.
function measureScale(values, lookback) {
  const known = values.filter((value) => value !== null);
  const mean = known.reduce((a, b) => a + b, 0) / known.length;
  const spread = Math.sqrt(known.reduce((total, value) => total + (value - mean) ** 2, 0) / known.length) || 1;
  const moved = values.map((value) => (value === null ? 0 : (value - mean) / spread));
  const parts = [values.map((value) => Number(value !== null)), moved, moved.map((value) => value ** 2)];
  const sums = parts.map((numbers) => {
    const found = [0];
    for (const value of numbers) found.push(found.at(-1) + value);
    return found;
  });
  const steps = Math.min(lookback, values.length);
  const variances = [];
  for (let end = steps; end <= values.length; end++) {
    const [count, total, squares] = sums.map((sum) => sum[end] - sum[end - steps]);
    if (count > 1) variances.push(Math.max(0, squares / count - (total / count) ** 2));
  }
  const scale = variances.length ? Math.sqrt(variances.reduce((a, b) => a + b, 0) / variances.length) : 0;
  return scale > 0 ? spread * scale : spread;
}

// Read what was pasted: numbers, or lines of a time and a number; returns the values and the last time.
function readSeries(text) {
  const lines = text.trim().split(/\r?\n/).map((line) => line.split(/[,;\t]/).map((field) => field.trim()));
  const isTime = (field) => /^\d{4}-\d\d?(-\d\d?)?([ T]\d\d?:\d\d.*)?$/.test(field);
  if (lines.length > 1 && lines.every((line) => line.length === 2) && lines.slice(1).every(([time]) => isTime(time))) {
    const rows = isTime(lines[0][0]) ? lines : lines.slice(1);
    return { values: rows.map(([, field]) => readNumber(field)), last: readTime(rows.at(-1)[0]) };
  }
  const fields = text.split(/[\s,;]+/).filter((field) => field);
  return { values: fields.map(readNumber), last: null };
}

function readNumber(field) {
  if (["", "?", "na", "nan", "null"].includes(field.toLowerCase())) return null;
  const value = Number(field);
  if (!Number.isFinite(value)) throw new RangeError(`“${field}” is no number.`);
  return value;
}

// Read a time as it is written, of whatever place, as milliseconds.
function readTime(field) {
  const [, year, month, day, hour, minute, second] =
    /^(\d+)-(\d+)(?:-(\d+))?(?:[ T](\d+):(\d+)(?::([\d.]+))?)?/.exec(field) || [];
  return Date.UTC(year, month - 1, day || 1, hour || 0, minute || 0, second || 0);
}
