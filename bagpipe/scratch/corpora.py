"""Generate labelled texts in the format of the official files, for demo, tests and benchmarks.

A text of class c is drawn word by word from the word distribution of c, a class-conditional unigram model. Every
probability is known, so Bayes' rule gives the best decision for each text, and its expected accuracy is a ceiling
that no classifier beats but by chance: see `Generator.best_accuracy`.
"""

import itertools
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

ZIPF_OFFSET = 50  # flattens the head: few words repeat within a text, so a multi-hot row says nearly all


class TextGenerator(NamedTuple):
    """Word distributions of the classes.

    words: float64, shape (classes, vocabulary), rows sum to 1; the vocabulary is ordered by frequency.
    classes: float64, shape (classes,), how often each class occurs.
    mean_length: words in a text, Poisson-distributed, at least one.
    """

    words: np.ndarray
    classes: np.ndarray
    mean_length: float

    def draw(self, count: int, random: np.random.Generator) -> tuple[list[list[int]], np.ndarray]:
        """Draw texts as lists of word indices, counted from 1, and their labels, int64."""
        labels = random.choice(len(self.classes), count, p=self.classes)
        lengths = np.maximum(random.poisson(self.mean_length, count), 1)
        texts: list[list[int]] = [[]] * count
        for label, words in enumerate(self.words):
            places = np.flatnonzero(labels == label)
            ends = np.cumsum(lengths[places])
            drawn = random.choice(len(words), ends[-1] if len(ends) else 0, p=words) + 1
            for place, text in zip(places, np.split(drawn, ends[:-1]), strict=False):
                texts[place] = text.tolist()
        return texts, labels

    def best_accuracy(self, texts: list[list[int]]) -> float:
        """The accuracy to be expected on these texts of the best possible classifier.

        It chooses the class of highest posterior probability, and is right with just that probability
        (Bayes' rule; Duda, Hart and Stork, Pattern Classification, 2.2).
        """
        with np.errstate(divide="ignore"):
            log_words, log_classes = np.log(self.words), np.log(self.classes)
        highest = np.empty(len(texts))
        for place, text in enumerate(texts):
            log_joint = log_classes + log_words[:, np.array(text) - 1].sum(axis=1)
            highest[place] = 1 / np.exp(log_joint - log_joint.max()).sum()
        return float(highest.mean())


def make_generator(
    classes: int, vocabulary: int, mean_length: float, separation: float, random: np.random.Generator
) -> TextGenerator:
    """Word frequencies after the law of Zipf and Mandelbrot, tilted for each class.

    Args:
        separation: standard deviation of the tilt, on a log scale; 0 makes all classes alike.
    """
    common = 1 / (np.arange(1, vocabulary + 1) + ZIPF_OFFSET)
    words = common * np.exp(separation * random.standard_normal((classes, vocabulary)))
    frequencies = 1 / np.sqrt(np.arange(1, classes + 1)) if classes > 2 else np.ones(2)
    return TextGenerator(words / words.sum(axis=1, keepdims=True), frequencies / frequencies.sum(), mean_length)


def made_up_words(count: int) -> list[str]:
    """Pronounceable words of no language: two syllables, then three."""
    syllables = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
    words = ("".join(word) for length in (2, 3) for word in itertools.product(syllables, repeat=length))
    return list(itertools.islice(words, count))


def _pickled(texts: list[list[int]]) -> np.ndarray:
    array = np.empty(len(texts), object)
    array[:] = texts
    return array


def write_corpus(
    folder: Path, name: str, split: bool, generator: TextGenerator, train: int, test: int, seed: int
) -> float:
    """Write a dataset's archive and word index, laid out as the official ones: NAME.npz, NAME_word_index.json.

    Args:
        split: whether training and test texts stand in arrays of their own, as in imdb.npz; else all are in one.

    Returns:
        The best accuracy to be expected on the test texts; where the pipeline is to split them off, on all.
    """
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    if split:
        train_texts, train_labels = generator.draw(train, random)
        texts, labels = generator.draw(test, random)
        arrays = {"x_train": _pickled(train_texts), "y_train": train_labels}
        arrays |= {"x_test": _pickled(texts), "y_test": labels}
    else:
        texts, labels = generator.draw(train + test, random)
        arrays = {"x": _pickled(texts), "y": labels}
    np.savez_compressed(folder / f"{name}.npz", allow_pickle=True, **arrays)
    words = made_up_words(generator.words.shape[1])
    index = {word: rank for rank, word in enumerate(words, start=1)}
    (folder / f"{name}_word_index.json").write_text(json.dumps(index), encoding="utf-8")
    return generator.best_accuracy(texts)
