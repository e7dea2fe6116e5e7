"use strict";
// A text's words, as stages/common/corpora/tokenizer.py has them; the tests hold both against tests/tokenizer_cases.json.

const SEPARATORS = "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n\r\v\f\0 ";

// The words of a text as they stand there, and what lies between them: [text, isWord] one behind the other.
function pieces(text) {
  const found = [];
  for (const sign of text) {
    const isWord = !SEPARATORS.includes(sign);
    if (found.length && found.at(-1)[1] === isWord) found.at(-1)[0] += sign;
    else found.push([sign, isWord]);
  }
  return found;
}

// Python translates separators to spaces first and then lowers the whole text, which decides on a final sigma.
function wordsOf(text) {
  const spaced = [...text].map(sign => (SEPARATORS.includes(sign) ? " " : sign)).join("");
  return spaced.toLowerCase().split(" ").filter(Boolean);
}
