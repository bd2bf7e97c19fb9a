// Numbers of chance: the Mersenne Twister (Matsumoto & Nishimura 1998), as torch seeds and reads it.
class Chance {
  constructor(seed) {
    this.state = new Uint32Array(624);
    this.state[0] = Number(BigInt(seed) & 0xffffffffn);
    for (let k = 1; k < 624; k++) {
      const before = this.state[k - 1] ^ (this.state[k - 1] >>> 30);
      this.state[k] = Math.imul(1812433253, before) + k;
    }
    this.place = 624;
  }

  // 32 bits.
  bits() {
    if (this.place === 624) this.turn();
    let y = this.state[this.place++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  turn() {
    const state = this.state;
    for (let k = 0; k < 624; k++) {
      const y = (state[k] & 0x80000000) | (state[(k + 1) % 624] & 0x7fffffff);
      state[k] = state[(k + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.place = 0;
  }

  // A number from 0 to 1, of 53 bits: the high ones are drawn first.
  number() {
    const high = this.bits() & 0x1fffff;
    return (high * 4294967296 + this.bits()) / 9007199254740992;
  }
}

class Characters {
  constructor({ characters }) {
    this.characters = Array.from(characters);
    this.numbers = new Map(this.characters.map((character, number) => [character, number]));
    this.count = this.characters.length;
    this.unknown = null;
    this.length = 500;
  }

  // The numbers of a prompt; an empty one is a line end, or the first character.
  encode(prompt) {
    const start = this.numbers.has("\n") ? "\n" : this.characters[0];
    return Array.from(prompt || start, (character) => {
      if (!this.numbers.has(character)) throw new RangeError(`The model has never seen “${character}”.`);
      return this.numbers.get(character);
    });
  }

  speller() {
    return (number) => this.characters[number];
  }
}

const NO_SPACE_BEFORE = new Set(".,;:!?)]}%’”»…");
const NO_SPACE_AFTER = new Set("([{“‘«$£€#");

class Words {
  constructor({ words, tokenized }) {
    this.words = words;
    this.tokenized = tokenized;
    this.numbers = new Map(words.map((word, number) => [word, number]));
    this.count = words.length;
    this.unknown = 1;
    this.length = 100;
  }

  // The numbers of a prompt, which is at the start of a line.
  encode(prompt) {
    const words = prompt.match(this.tokenized ? IN_TOKENS : IN_WORDS) || [];
    const numbers = words.map((word) => {
      const known = this.numbers.get(word === "\n" ? "<eos>" : word);
      if (known === undefined) throw new RangeError(`The model does not know the word “${word}”.`);
      return known;
    });
    return [0, ...numbers];
  }

  // A function from each next number to the text that it adds, with the usual spaces.
  speller(prompt) {
    let before = prompt;
    let quotes = prompt.slice(prompt.lastIndexOf("\n") + 1).split('"').length - 1;
    const blank = new RegExp(`[${SPACE}]$`, "u");
    return (number) => {
      const word = this.words[number];
      if (word === "<eos>") {
        before = "\n";
        quotes = 0;
        return "\n";
      }
      const closes = word === '"' && quotes % 2 === 1;
      const opened = before.endsWith('"') && quotes % 2 === 1;
      if (word === '"') quotes++;
      let joined = !before || blank.test(before) || (!this.tokenized && (closes || opened));
      if (!this.tokenized && !joined) {
        joined = NO_SPACE_BEFORE.has(word) || NO_SPACE_AFTER.has(Array.from(before).at(-1));
      }
      before = word;
      return joined ? word : ` ${word}`;
    };
  }
}

const UNITS = { character: Characters, word: Words };

// A language model that writes.
class Model {
  constructor(network, { card }) {
    this.network = network;
    this.classes = card.classes;
    this.vocabulary = new UNITS[card.vocabulary.unit](card.vocabulary);
    this.units = this.vocabulary.count;
  }

  // The logits of the next unit behind some units, for a class by its number.
  compute({ units, given }) {
    this.network.functions.reset();
    for (const unit of units) this.network.functions.read(unit, given);
    return this.logits();
  }

  logits() {
    return this.network.numbers(this.network.at("logits"), this.units);
  }

  // Write pieces of text, one at a time; temperature 0 is always the likeliest.
  *write({ prompt, length, temperature, seed, given = 0 }) {
    const chance = new Chance(seed);
    const spell = this.vocabulary.speller(prompt);
    this.compute({ units: this.vocabulary.encode(prompt), given });
    for (let written = 0; written < length; written++) {
      const unit = this.draw(temperature, chance.number());
      yield spell(unit);
      this.network.functions.read(unit, given);
    }
  }

  // Draw a unit by a number from 0 to 1.
  draw(temperature, chance) {
    const logits = Float64Array.from(this.logits());
    if (this.vocabulary.unknown !== null && this.units > 1) logits[this.vocabulary.unknown] = -Infinity;
    if (temperature === 0) return logits.indexOf(logits.reduce((a, b) => Math.max(a, b)));
    const shares = softmax(logits, temperature);
    const place = chance * shares.reduce((a, b) => a + b, 0);
    let reached = 0;
    return shares.findIndex((share) => (reached += share) > place);
  }
}
