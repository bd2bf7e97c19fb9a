"use strict";

// The layers of a model: functions of WebAssembly, and the memory that they read and write.
class Network {
  constructor(exports) {
    this.functions = exports;
    this.free = exports.free ? exports.free.value : 0;
  }

  // The address of an array that the module names.
  at(name) {
    return this.functions[name].value;
  }

  // Numbers in memory, as a view, which is empty once more memory was needed: copy what is kept.
  numbers(address, count) {
    return new Float32Array(this.functions.memory.buffer, address, count);
  }

  // Place for numbers behind all that the module has, until the next call of `release`.
  reserve(count) {
    const address = this.free;
    this.free += 16 * Math.ceil(count / 4);
    const lacking = this.free - this.functions.memory.buffer.byteLength;
    if (lacking > 0) this.functions.memory.grow(Math.ceil(lacking / 65536));
    return address;
  }

  release() {
    this.free = this.functions.free.value;
  }

  // Put numbers into memory, and return their address.
  put(numbers) {
    const address = this.reserve(numbers.length);
    this.numbers(address, numbers.length).set(numbers);
    return address;
  }

  // Call a function that reads a vector and writes one, and return a copy of what it writes.
  apply(name, vector, count) {
    const x = this.put(vector);
    const y = this.reserve(count);
    this.functions[name](x, y);
    return this.numbers(y, count).slice();
  }
}

// Make the model of a page.
async function openModel(page) {
  const bytes = Uint8Array.from(atob(page.module), (letter) => letter.charCodeAt(0));
  const { instance } = await WebAssembly.instantiate(bytes);
  return new Model(new Network(instance.exports), page);
}

// The probabilities that logits stand for.
function softmax(logits, temperature = 1) {
  const most = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = Float64Array.from(logits, (logit) => Math.exp((logit - most) / temperature));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / total);
}

// The bytes of a row of so many numbers.
function rowBytes(count) {
  return 16 * Math.ceil(count / 4);
}

// Recurrent layers, each in one direction or two.
class Recurrent {
  constructor(network, layers) {
    this.network = network;
    this.layers = layers;
    this.size = layers.at(-1).size * layers.at(-1).runs.length;
  }

  // Run over steps, whose rows lie `step` bytes apart, from the present states; returns the rows of the last layer.
  run(x, steps, step) {
    for (const { size, runs } of this.layers) {
      const width = rowBytes(size * runs.length) + 16;
      const y = this.network.reserve((width / 4) * steps);
      runs.forEach((number, direction) => {
        const last = direction ? steps - 1 : 0;
        const sign = direction ? -1 : 1;
        const target = y + 4 * size * direction;
        const run = this.network.functions[`run${number}`];
        run(x + step * last, target + width * last, steps, sign * step, sign * width);
      });
      [x, step] = [y, width];
    }
    return { rows: x, step };
  }

  // What the layers carry on, to go back to it.
  keep() {
    const at = this.network.at("states");
    return this.network.functions.memory.buffer.slice(at, at + this.network.at("states_bytes"));
  }

  goBack(kept) {
    const memory = new Uint8Array(this.network.functions.memory.buffer);
    memory.set(new Uint8Array(kept), this.network.at("states"));
  }
}

// Blanks, words and marks as Python finds them in a text.
const SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const WORD = "[\\p{L}\\p{N}_]+";
const IN_WORDS = new RegExp(`<unk>|<eos>|${WORD}(?:['’.,\\-]${WORD})*|[^\\p{L}\\p{N}_${SPACE}]|\\n`, "gu");
const IN_TOKENS = new RegExp(`[^${SPACE}]+|\\n`, "gu");
