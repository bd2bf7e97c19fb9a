// Blanks as Unicode has them, which are what separates words before subwords are looked for.
const WHITE = "\\t-\\r\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const OTHER = `[^${WHITE}\\p{L}\\p{N}]`;
const PIECES = new RegExp(
  `'(?:[stmd]|re|ve|ll)| ?\\p{L}+| ?\\p{N}+| ?${OTHER}+|[${WHITE}]+(?![^${WHITE}])|[${WHITE}]+`, "gu");
// Lines end as in Python. So many of them are cut into pieces together.
const LINES = /[^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]*(?:\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029])|[^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+$/gu;
const LINES_AT_ONCE = 1000;

// The letter that stands for each byte in a stored subword: printable ones are themselves.
function lettersOfBytes() {
  const plain = (byte) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
  let others = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(plain(byte) ? byte : others++));
}

// Byte pair encoding (Sennrich et al. 2016, section 3.2), as learnt in training.
class Subwords {
  constructor({ learnt }) {
    const { vocab, merges } = JSON.parse(learnt).model;
    const pairs = merges.map((pair) => (typeof pair === "string" ? pair.split(" ") : pair));
    this.letters = lettersOfBytes();
    this.bytes = new Map(this.letters.map((letter, byte) => [letter, byte]));
    this.ranks = new Map(pairs.map((pair, rank) => [pair.join(" "), rank]));
    this.numbers = new Map(Object.entries(vocab));
    this.parts = [];
    for (const [part, number] of this.numbers) this.parts[number] = part;
    this.count = this.parts.length;
    this.unknown = null;
    this.length = 200;
  }

  // The numbers of a prompt; an empty one is a line end.
  encode(prompt) {
    if (/\p{Surrogate}/u.test(prompt)) throw new RangeError("The text has half a character.");
    const lines = (prompt || "\n").match(LINES);
    const found = [];
    for (let k = 0; k < lines.length; k += LINES_AT_ONCE) {
      const pieces = lines.slice(k, k + LINES_AT_ONCE).join("").match(PIECES);
      for (const piece of pieces) for (const part of this.merge(piece)) found.push(this.numbers.get(part));
    }
    return found;
  }

  // Join the parts of a piece, two at a time, those first that were joined first in training.
  merge(piece) {
    const parts = Array.from(new TextEncoder().encode(piece), (byte) => this.letters[byte]);
    for (;;) {
      let [best, at] = [Infinity, 0];
      for (let k = 0; k + 1 < parts.length; k++) {
        const rank = this.ranks.get(`${parts[k]} ${parts[k + 1]}`) ?? Infinity;
        if (rank < best) [best, at] = [rank, k];
      }
      if (best === Infinity) return parts;
      parts.splice(at, 2, parts[at] + parts[at + 1]);
    }
  }

  // A function from each next number to the text that it adds, once its characters are complete.
  speller() {
    let waiting = [];
    return (number) => {
      waiting.push(...Array.from(this.parts[number], (letter) => this.bytes.get(letter)));
      const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(waiting));
      if (!text || text.endsWith("\ufffd")) return "";
      waiting = [];
      return text;
    };
  }
}

UNITS.subword = Subwords;
