"""Lowercase words in a TensorFlow graph, as Python has them.

`tf.strings.lower(encoding="utf-8")` has others: what it makes of I hangs on LANG, and of newer
letters on the version of TensorFlow, both of whichever machine runs the graph.
"""

import sys
from collections.abc import Iterable

import numpy as np

from stages.common.network.backend import tf

CAPITAL, SMALL, LAST = "Σ", "σ", "ς"  # noqa: RUF001 - sigmas; the last is that at the end of a word


def pair_capitals(words: Iterable[str]) -> dict[str, str]:
    """The lowercase of each capital beyond ASCII that matters to some lowercase words.

    A word with any other is none of them, however it is written: so the others can stay as they are.
    """
    known = set().union(*words)
    capitals = {letter: letter.lower() for letter in map(chr, range(0x80, sys.maxunicode + 1))}
    return {letter: lower for letter, lower in capitals.items() if lower != letter and known.issuperset(lower)}


def match_any(characters: Iterable[str]) -> str:
    """A regular expression of any of some characters."""
    return "[" + "".join(f"\\x{{{ord(character):x}}}" for character in sorted(characters)) + "]"


def rewrite_sigmas(characters: set[str]) -> list[tuple[str, str]]:
    """Regular expressions, and what to write for each, that lower a sigma that stands beside letters.

    It is another at the end of a word: after a letter that has cases, and before none. Some characters do not count,
    such as the apostrophe. Python is asked which are which.
    """
    cased = {character for character in characters if f"a{CAPITAL}{character}".lower()[1] == SMALL}
    skipped = {character for character in characters - cased if f"a{CAPITAL}{character}a".lower()[1] == SMALL}
    letter, between = match_any(cased | {CAPITAL}), match_any(skipped | {"'"}) + "*"
    inside = f"{CAPITAL}({between}{letter})", rf"{SMALL}\1"
    return [inside, inside, (f"({letter}{between}){CAPITAL}", rf"\1{LAST}")]  # twice: that letter may be a sigma, too


class Lowercase:
    """Words in lowercase: those that some words are, beyond ASCII; what has no such word may stay as it is.

    One letter is two in lowercase, one hangs on those around it: these have regular expressions. All others have a
    table of what to add to a character's number, up to the last that changes.
    """

    def __init__(self, words: Iterable[str]) -> None:
        words = list(words)
        letters = pair_capitals(words)
        self._rewrites = [(letter, lower) for letter, lower in letters.items() if len(lower) > 1]
        characters = set().union(letters, *words)
        if characters & {CAPITAL, SMALL, LAST}:
            self._rewrites += rewrite_sigmas(characters)
        steps = np.zeros(max(map(ord, letters), default=0) + 2, np.int32)
        for letter, lower in letters.items():
            steps[ord(letter)] = ord(lower[0]) - ord(letter)
        self._steps = tf.constant(steps)

    def __call__(self, words: tf.Tensor) -> tf.Tensor:
        """Lower words of shape (n,), lowercase in ASCII already. Bytes that are not UTF-8 become U+FFFD."""
        for pattern, rewrite in self._rewrites:
            words = tf.strings.regex_replace(words, pattern, rewrite)
        ends, characters = tf.raw_ops.UnicodeDecode(input=words, input_encoding="UTF-8")
        characters += tf.gather(self._steps, tf.minimum(characters, len(self._steps) - 1))
        return tf.raw_ops.UnicodeEncode(
            input_values=characters,
            input_splits=ends,
            output_encoding="UTF-8",
            errors="ignore",  # a noncharacter, such as U+FFFF, which "replace" would take for none
        )
