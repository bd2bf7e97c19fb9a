const [UNKNOWN, BETWEEN, FIRST] = [1, 2, 3];

// A classifier: probabilities of classes or labels, or a number.
class Model {
  constructor(network, { card, own }) {
    this.network = network;
    this.own = own;
    this.encoder = card.encoder;
    this.classes = card.classes;
    this.kind = card.targets;
    this.columns = card.encoder.columns ?? [card.encoder.column];
    this.recurrent = new Recurrent(network, own.layers);
    this.known = new Map((card.encoder.known ?? []).map((unit, number) => [unit, number + FIRST]));
    this.spelt = new Map((card.encoder.letters ?? []).map((letter, number) => [letter, number + FIRST]));
  }

  // Number the units of the texts of all columns, each with its letters if they are read.
  encode(texts) {
    const between = [BETWEEN, ...Array(this.width()).fill(0)];
    const rows = texts.flatMap((text, number) => [...(number ? [between] : []), ...this.split(text).map((u) => this.spell(u))]);
    return (rows.length ? rows : [between]).slice(0, this.encoder.limit.most ?? undefined);
  }

  width() {
    return this.spelt.size ? this.encoder.width : 0;
  }

  split(text) {
    const isLetters = this.encoder.kind === "letters"; // of a genome or a protein, perhaps in several lines
    const letters = Array.from(isLetters ? text.replace(/\s/g, "").toUpperCase() : text);
    if (isLetters) {
      const count = letters.length - this.encoder.kmer + 1;
      return Array.from({ length: Math.max(0, count) }, (_, k) => letters.slice(k, k + this.encoder.kmer).join(""));
    }
    if (this.encoder.unit === "character") return letters;
    return (text.match(IN_WORDS) || []).filter((word) => word !== "\n" && word !== "<eos>");
  }

  spell(unit) {
    const folded = this.encoder.unit === "word" ? unit.toLowerCase() : unit;
    const letters = Array.from(unit).slice(0, this.width()).map((letter) => this.spelt.get(letter) ?? UNKNOWN);
    return [this.known.get(folded) ?? UNKNOWN, ...letters, ...Array(this.width() - letters.length).fill(0)];
  }

  // The answer to numbered units, or to frames.
  compute({ steps }) {
    const { complements } = this.own;
    // Of DNA the other strand may be read as well: the complements in reverse order.
    const strands = complements ? [steps, steps.map(([unit]) => [complements[unit]]).reverse()] : [steps];
    const [first, second] = strands.map((strand) => this.read(strand));
    const logits = first.map((value, j) => (second ? (value + second[j]) / 2 : value) * this.own.factor);
    const [mean, deviation] = this.own.scale;
    if (this.kind === "number") return [logits[0] * deviation + mean];
    return this.kind === "labels" ? logits.map((logit) => 1 / (1 + Math.exp(-logit))) : softmax(logits);
  }

  // The outputs of the network.
  read(steps) {
    this.network.release();
    this.network.functions.reset();
    const rows = this.front(steps);
    const width = rowBytes(this.own.front.size);
    const x = this.network.reserve((width / 4) * rows.length);
    rows.forEach((row, t) => this.network.numbers(x + t * width, row.length).set(row));
    const found = this.recurrent.run(x, rows.length, width);
    const output = Array.from(rows, (_, t) => this.network.numbers(found.rows + t * found.step, this.recurrent.size));
    const pooled = this.pool(output.map((row) => Float32Array.from(row)));
    return Array.from(this.network.apply("readout", pooled, this.own.outputs));
  }

  // The vectors that the recurrent layers read.
  front(given) {
    const { embedding, places, motifs, spelling, image, centred } = this.own.front;
    const steps = centred ? this.centre(given) : given;
    if (image) return this.lookAt(steps, image);
    if (!embedding) return steps;
    const width = rowBytes(embedding.size);
    const units = steps.map(([unit]) => this.network.numbers(embedding.at + unit * width, embedding.size).slice());
    if (places) units.slice(0, places.count).forEach((row, t) => this.addPlace(row, places.at + 4 * t * embedding.size));
    if (motifs) return this.findMotifs(units, motifs);
    if (!spelling) return units;
    return units.map((unit, t) => Float32Array.from([...unit, ...this.readLetters(steps[t].slice(1), spelling)]));
  }

  // Frames less their mean.
  centre(rows) {
    const mean = Array.from(rows[0], (_, j) => rows.reduce((total, row) => total + row[j], 0) / rows.length);
    return rows.map((row) => Float32Array.from(row, (value, j) => value - mean[j]));
  }

  addPlace(row, at) {
    this.network.numbers(at, row.length).forEach((value, j) => { row[j] += value; });
  }

  // The largest of each output of a convolution over the letters of a unit.
  readLetters(letters, spelling) {
    const { at, size } = this.own.front.letters;
    const rows = letters.map((letter) => this.network.numbers(at + 4 * size * letter, size));
    const found = this.convolve(rows, spelling);
    return found[0].map((_, j) => Math.max(...found.map((row, k) => (letters[k] ? row[j] : 0))));
  }

  // Motifs over time, of which each two steps keep the larger.
  findMotifs(units, motifs) {
    const found = this.convolve(units, motifs);
    return Array.from({ length: Math.ceil(found.length / 2) }, (_, k) =>
      Float32Array.from(found[2 * k], (value, j) => Math.max(value, found[2 * k + 1]?.[j] ?? 0)));
  }

  // A convolution over rows, zeros before and behind them, and what is below 0 made 0.
  convolve(rows, { at, bias, outputs, inputs, width }) {
    const weights = this.network.numbers(at, outputs * width * inputs);
    const start = this.network.numbers(bias, outputs);
    const before = (width - 1) / 2;
    return rows.map((_, t) => Array.from(start, (first, j) => {
      let total = first;
      for (let k = 0; k < width; k++) {
        const row = rows[t + k - before];
        const from = (j * width + k) * inputs;
        for (let i = 0; row && i < inputs; i++) total += weights[from + i] * row[i];
      }
      return Math.max(0, total);
    }));
  }

  // Frames as an image, time along one side: convolutions, each followed by the largest of two steps and two rows.
  lookAt(steps, { channels, layers }) {
    const height = steps[0].length / channels;
    let planes = Array.from({ length: channels }, (_, c) => steps.map((row) => row.slice(c * height, (c + 1) * height)));
    for (const layer of layers) planes = this.shrink(this.convolveImage(planes, layer));
    return planes[0].map((_, t) => planes.flatMap((plane) => Array.from(plane[t])));
  }

  convolveImage(planes, { at, bias, outputs, inputs }) {
    const weights = this.network.numbers(at, outputs * inputs * 9);
    const start = this.network.numbers(bias, outputs);
    return Array.from(start, (first, o) => planes[0].map((row, t) => Float64Array.from(row, (_, s) => {
      let total = first;
      for (let i = 0; i < inputs; i++) {
        for (let k = 0; k < 9; k++) {
          const near = planes[i][t + Math.floor(k / 3) - 1]?.[s + (k % 3) - 1];
          if (near !== undefined) total += near * weights[(o * inputs + i) * 9 + k];
        }
      }
      return Math.max(0, total);
    })));
  }

  shrink(planes) {
    const half = (length) => Math.ceil(length / 2);
    return planes.map((plane) => Array.from({ length: half(plane.length) }, (_, t) =>
      Float64Array.from({ length: half(plane[0].length) }, (_, s) => {
        const of = (row) => Math.max(row?.[2 * s] ?? 0, row?.[2 * s + 1] ?? 0);
        return Math.max(of(plane[2 * t]), of(plane[2 * t + 1]));
      })));
  }

  // One vector of the outputs of all steps.
  pool(output) {
    const { pooling, query } = this.own;
    const each = (combine) => Float32Array.from(output[0], (_, j) => combine(output.map((row) => row[j])));
    if (pooling === "max") return each((column) => column.reduce((a, b) => Math.max(a, b)));
    if (pooling === "mean") return each((column) => column.reduce((a, b) => a + b) / column.length);
    if (pooling === "attention") {
      const shares = softmax(output.map((row) => row.reduce((total, value, j) => total + value * query[j], 0)));
      return each((column) => column.reduce((total, value, t) => total + value * shares[t], 0));
    }
    // The reverse direction ends at the first step.
    const half = this.own.layers.at(-1).size;
    return Float32Array.from(output[0], (value, j) => (j < half ? output.at(-1)[j] : value));
  }
}
