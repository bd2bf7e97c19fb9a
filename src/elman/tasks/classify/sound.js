// Turn samples into frames as the encoder of sound does: log-mel energies or MFCC, standardised.
class Frames {
  constructor(sound) {
    Object.assign(this, sound);
    this.window = Float64Array.from({ length: this.frame }, (_, k) => 0.5 - 0.5 * Math.cos((2 * Math.PI * k) / this.frame));
  }

  // Frames of samples at the rate of the model, one after the other.
  of(samples) {
    const count = 1 + Math.max(0, Math.ceil((samples.length - this.frame) / this.hop));
    const energies = Array.from({ length: count }, (_, t) => this.energies(samples, t * this.hop));
    const coefficients = this.cosines ? energies.map((row) => this.transformed(row)) : energies;
    const whole = this.deltas ? this.withSlopes(coefficients) : coefficients;
    return whole.slice(0, this.most ?? undefined).map((row) =>
      row.map((value, j) => Math.fround((value - this.means[j]) / this.deviations[j])));
  }

  // The logarithms of the energies in the bands of one frame; behind the end is silence.
  energies(samples, start) {
    const real = new Float64Array(this.transform);
    const imaginary = new Float64Array(this.transform);
    for (let k = 0; k < this.frame; k++) real[k] = (samples[start + k] ?? 0) * this.window[k];
    fourier(real, imaginary);
    return this.bands.map(([first, weights]) => {
      const energy = weights.reduce((total, weight, k) =>
        total + weight * (real[first + k] ** 2 + imaginary[first + k] ** 2), 0);
      return Math.log(Math.max(this.floor, energy));
    });
  }

  transformed(row) {
    return this.cosines[0].map((_, j) => row.reduce((total, value, k) => total + value * this.cosines[k][j], 0));
  }

  // Slopes over a few frames on both sides, and the slopes of those.
  withSlopes(rows) {
    const reach = Array.from({ length: 2 * this.deltas + 1 }, (_, k) => k - this.deltas);
    const square = reach.reduce((total, j) => total + j * j, 0);
    const slopes = (of) => of.map((row, t) => row.map((_, d) => reach.reduce((total, j) =>
      total + j * of[Math.min(Math.max(t + j, 0), of.length - 1)][d], 0) / square));
    const first = slopes(rows);
    const second = slopes(first);
    return rows.map((row, t) => [...row, ...first[t], ...second[t]]);
  }
}

// The Fourier transform of 2^n numbers, in place (Cooley & Tukey 1965).
function fourier(real, imaginary) {
  const count = real.length;
  for (let k = 1, j = 0; k < count; k++) {
    let bit = count >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (k < j) {
      [real[k], real[j]] = [real[j], real[k]];
      [imaginary[k], imaginary[j]] = [imaginary[j], imaginary[k]];
    }
  }
  for (let size = 2; size <= count; size *= 2) {
    const half = size / 2;
    for (let k = 0; k < half; k++) {
      const [c, s] = [Math.cos((-2 * Math.PI * k) / size), Math.sin((-2 * Math.PI * k) / size)];
      for (let a = k; a < count; a += size) {
        const b = a + half;
        const [x, y] = [real[b] * c - imaginary[b] * s, real[b] * s + imaginary[b] * c];
        [real[b], imaginary[b]] = [real[a] - x, imaginary[a] - y];
        [real[a], imaginary[a]] = [real[a] + x, imaginary[a] + y];
      }
    }
  }
}

const REACH = 90; // samples of the lower rate on each side
const EDGE = 0.9565; // of half the lower rate: what is below 0.913 stays, what is above 1 goes
const BETA = 12.3; // of Kaiser's window: 120 dB

// Bring samples to another rate by a windowed sinc (Smith & Gossett 1984).
function resample(samples, from, to) {
  if (from === to) return samples;
  const lower = Math.min(1, to / from);
  const half = Math.ceil(REACH / lower);
  const filters = new Map();
  return Float32Array.from({ length: Math.round((samples.length * to) / from) }, (_, n) => {
    const rest = (n * from) % to;
    const first = (n * from - rest) / to - half;
    if (!filters.has(rest)) filters.set(rest, filterAt(rest / to, half, EDGE * lower));
    return filters.get(rest).reduce((total, weight, k) => total + weight * (samples[first + k] ?? 0), 0);
  });
}

// The weights of the samples around a place between two of them.
function filterAt(place, half, cutoff) {
  return Float64Array.from({ length: 2 * half + 1 }, (_, k) => {
    const t = place - (k - half);
    const x = Math.PI * cutoff * t;
    const inside = Math.max(0, 1 - (t / half) ** 2);
    return cutoff * (x ? Math.sin(x) / x : 1) * (bessel(BETA * Math.sqrt(inside)) / bessel(BETA));
  });
}

// The modified Bessel function of order 0.
function bessel(x) {
  let [total, term] = [1, 1];
  for (let k = 1; term > total * 1e-17; k++) {
    term *= (x / (2 * k)) ** 2;
    total += term;
  }
  return total;
}

// The rate of a WAV file as its header says it; null for another file.
function rateOfWav(bytes) {
  const view = new DataView(bytes);
  const says = (at, word) => [...word].every((letter, k) => view.getUint8(at + k) === letter.charCodeAt(0));
  if (view.byteLength < 44 || !says(0, "RIFF") || !says(8, "WAVE")) return null;
  for (let at = 12; at + 16 <= view.byteLength; at += 8 + view.getUint32(at + 4, true)) {
    if (says(at, "fmt ")) return view.getUint32(at + 12, true);
  }
  return null;
}
