"use strict";
// A small network in the page: the multi-hot row and the layers of `bagpipe predict`, on the same weights.

// As stages/common/corpora/tokenizer.py has it; start mark, out-of-vocabulary words, and how far ranks are moved.
const START = 1, BEYOND = 2, INDEX_FROM = 3;

// x: a number; as Keras has them.
const ACTIVATIONS = {
  relu: x => Math.max(0, x),
  tanh: Math.tanh,
  sigmoid: x => 1 / (1 + Math.exp(-x)),
  elu: x => (x > 0 ? x : Math.expm1(x)),
  gelu: x => x * 0.5 * (1 + erf(x / Math.SQRT2)),
  leaky_relu: x => (x > 0 ? x : 0.2 * x),
  selu: x => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * Math.expm1(x)),
  silu: x => x / (1 + Math.exp(-x)),
};

// Abramowitz and Stegun 7.1.26, to 1.5e-7.
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const sum = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  return Math.sign(x) * (1 - sum * Math.exp(-x * x));
}

function softmax(values) {
  const most = Math.max(...values);
  const powers = values.map(value => Math.exp(value - most));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map(power => power / sum);
}

class Classifier {
  // network: activation, shapes and labels; words: by rank; weights: Float32Array.
  constructor(network, words, weights) {
    this.labels = network.labels;
    this.activation = ACTIVATIONS[network.activation];
    this.columns = network.shapes[0][0];
    this.ngrams = network.ngrams;
    this.hasLengthOne = network.has_length_one;
    this.ranks = new Map(words.map((word, place) => [word, place + 1]));
    let start = network.has_term_weights ? this.columns : 0;
    this.termWeights = start ? weights.subarray(0, start) : null;
    this.layers = network.shapes.map(([inputs, units]) => {
      const kernel = weights.subarray(start, start + inputs * units);
      const bias = weights.subarray(start + inputs * units, start + inputs * units + units);
      start += inputs * units + units;
      return {kernel, bias, units};
    });
  }

  // Words, and neighbours of up to `ngrams` words, with a space between two.
  termsOf(text) {
    const words = wordsOf(text), terms = [...words];
    for (let size = 2; size <= this.ngrams; size++) {
      for (let start = 0; start + size <= words.length; start++) terms.push(words.slice(start, start + size).join(" "));
    }
    return terms;
  }

  // The column of a term; undefined if the index does not hold it.
  idOf(word) {
    const rank = this.ranks.get(word);
    if (rank === undefined) return undefined;
    return rank + INDEX_FROM < this.columns ? rank + INDEX_FROM : BEYOND;
  }

  idsOf(text) {
    return new Set([START, ...this.termsOf(text).map(word => this.idOf(word)).filter(id => id !== undefined)]);
  }

  // The sums of the first layer: its bias, and the rows of the ids, each times what stands for its term.
  sums(ids) {
    const {kernel, bias, units} = this.layers[0], found = new Float64Array(units);
    let squares = 0;
    for (const id of ids) {
      const weight = this.termWeights ? this.termWeights[id] : 1;
      squares += weight * weight;
      for (let unit = 0; unit < units; unit++) found[unit] += weight * kernel[id * units + unit];
    }
    const scale = this.hasLengthOne && squares ? 1 / Math.sqrt(squares) : 1;
    return found.map((sum, unit) => scale * sum + bias[unit]);
  }

  // The probability of each label, from the sums of the first layer.
  probabilities(sums) {
    let values = Array.from(sums);
    for (const {kernel, bias, units} of this.layers.slice(1)) {
      const inputs = values.map(this.activation);
      values = Array.from(bias, (start, unit) =>
        inputs.reduce((sum, input, place) => sum + input * kernel[place * units + unit], start));
    }
    if (values.length > 1) return softmax(values);
    const positive = ACTIVATIONS.sigmoid(values[0]);
    return [1 - positive, positive];
  }

  // The labels by probability; what leaving out each word changes in that of the first; how many words are known.
  predict(text) {
    const ids = this.idsOf(text), found = this.probabilities(this.sums(ids));
    const order = found.map((_, label) => label).sort((one, other) => found[other] - found[one] || one - other);
    const changes = new Map();
    for (const term of new Set(this.termsOf(text))) {
      const id = this.idOf(term);
      if (!(id > BEYOND)) continue;
      const others = [...ids].filter(other => other !== id);
      changes.set(term, found[order[0]] - this.probabilities(this.sums(others))[order[0]]);
    }
    return {
      top: order.map(label => ({label: this.labels[label], probability: found[label]})),
      changes,
      knownWords: new Set(wordsOf(text).map(word => this.idOf(word)).filter(id => id !== undefined)).size,
    };
  }
}
