"""From raw texts to multi-hot rows: this pipeline, scikit-learn and TensorFlow on the reviews of IMDB, spelled out.

`python -m tests.benchmarks.vectorizers CONTESTANT FOLDER` reads train.csv and test.csv there, takes the vocabulary
from the former, makes rows of 10,000 columns of both, and prints how long that took, reading included.
"""

import csv
import itertools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tabulate import tabulate

from stages.common.basics.params.sections import OfficialDataset, TextDataset
from stages.common.corpora.official import find_official_file, read_archive, read_labels, read_word_index
from tests.benchmarks.steps import NUM_WORDS, Run, run

SPLITS = ("train", "test")
PAIRS = 30_000  # columns of words and pairs
NAMES = {
    "ours": "this pipeline",
    "scikit_learn": f"scikit-learn, `CountVectorizer(binary=True, max_features={NUM_WORDS})`",
    "tensorflow": f'Keras, `TextVectorization({NUM_WORDS}, output_mode="multi_hot")`',
    "ours_pairs": "this pipeline, words and pairs",
    "scikit_learn_pairs": f"scikit-learn, `TfidfVectorizer(ngram_range=(1, 2), max_features={PAIRS})`",
}
OURS = {"scikit_learn_pairs": "ours_pairs", "ours_pairs": "ours_pairs"}  # what else than "ours" one is held against
ROWS_AT_ONCE = 512


def in_words(raw: Path, array: str) -> Iterator[str]:
    """The texts of an array of official files, spelled out."""
    words = {rank: word for word, rank in read_word_index(find_official_file(raw, ".json")).items()}
    for text in itertools.chain.from_iterable(read_archive(find_official_file(raw, ".npz"), array)):
        yield " ".join(words[rank] for rank in text)


def write_reviews(raw: Path, dataset: OfficialDataset, folder: Path) -> None:
    """Write the official training and test reviews in words."""
    archive = find_official_file(raw, ".npz")
    for split in SPLITS:
        labels = read_labels(archive, f"y_{split}", len(dataset.labels))
        with open(folder / f"{split}.csv", "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "label"])
            for text, label in zip(in_words(raw, f"x_{split}"), labels, strict=True):
                writer.writerow([text, dataset.labels[label]])


def texts_of(folder: Path, split: str) -> Iterator[str]:
    with open(folder / f"{split}.csv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield row["text"]


def ours(folder: Path, num_words: int = NUM_WORDS, ngrams: int = 1) -> None:
    from stages.vectorize.labelled import vectorize_texts

    settings = {"num_words": num_words, "ngrams": ngrams, "test_split": None, "salt": 1}
    dataset = TextDataset(texts="films", format="csv", **settings)
    with tempfile.TemporaryDirectory() as rows:
        vectorize_texts(dataset, folder, Path(rows), lambda count: None)


def ours_pairs(folder: Path) -> None:
    ours(folder, PAIRS, 2)


def scikit_learn(folder: Path) -> None:
    from sklearn.feature_extraction.text import CountVectorizer

    vectorizer = CountVectorizer(binary=True, max_features=NUM_WORDS)
    vectorizer.fit_transform(texts_of(folder, "train"))
    vectorizer.transform(texts_of(folder, "test"))


def scikit_learn_pairs(folder: Path) -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(ngram_range=(1, 2), max_features=PAIRS)
    vectorizer.fit_transform(texts_of(folder, "train"))
    vectorizer.transform(texts_of(folder, "test"))


def tensorflow(folder: Path) -> None:
    import keras
    import tensorflow as tf

    layer = keras.layers.TextVectorization(NUM_WORDS, output_mode="multi_hot")
    batches = {
        split: tf.data.Dataset.from_tensor_slices(list(texts_of(folder, split))).batch(ROWS_AT_ONCE)
        for split in SPLITS
    }
    layer.adapt(batches["train"])
    for split in SPLITS:
        for batch in batches[split]:
            layer(batch)


def measure_vectorizers(
    raw: Path, dataset: OfficialDataset, env: dict[str, str], rounds: int
) -> dict[str, list[Run]]:
    """Let the contestants take turns."""
    runs: dict[str, list[Run]] = {name: [] for name in NAMES}
    with tempfile.TemporaryDirectory() as temporary:
        write_reviews(raw, dataset, Path(temporary))
        for _ in range(rounds):
            for name, done in runs.items():
                command = [sys.executable, "-W", "ignore", "-m", "tests.benchmarks.vectorizers", name, temporary]
                done.append(run(command, Path(temporary), env))
    return runs


def vectorizers_table(runs: dict[str, list[Run]]) -> str:
    """Median seconds, and how many times faster ours is."""
    took = {name: statistics.median(done.report["seconds"] for done in found) for name, found in runs.items()}
    peaks = {name: statistics.median(done.peak for done in found) for name, found in runs.items()}
    lines = [
        [NAMES[name], f"{took[name]:.2f}", f"{took[name] / took[OURS.get(name, 'ours')]:.1f}", f"{peaks[name]:,.0f}"]
        for name in NAMES
    ]
    header = ["50,000 reviews, CSV to rows", "s", "times ours", "peak memory of a process, MB"]
    return tabulate(lines, header, tablefmt="github", disable_numparse=True)


def main() -> None:
    contestants = (ours, scikit_learn, tensorflow, ours_pairs, scikit_learn_pairs)
    name, folder = sys.argv[1:]
    [contestant] = [function for function in contestants if function.__name__ == name]
    start = time.perf_counter()
    contestant(Path(folder))
    print(json.dumps({"seconds": time.perf_counter() - start}))


if __name__ == "__main__":
    main()
