"""Look at a dataset's texts before anyone trains: what a reader of the results must know of them.

Reads   data/raw/D, data/vectorized/D
Params  datasets.D
Writes  reports/datasets/D/data.json:
        train, test: `texts`; `duplicates`, texts less distinct texts; `texts_of_several_labels`, distinct texts that
        stand under more than one; `most_frequent_class`, its share of the texts; `words`, deciles 1, 5 and 9 of their
        number in a text; `words_beyond`, the share of all words that are not in the vocabulary
        overlap: `test_texts_in_train`, test texts that training has word for word; `none_with_its_label`, those of
        them that it never has under their label; `near_duplicates`, see stages/describe/near.py
        classes: how many; missing in a split; with fewer than ten training texts
        empty_texts: texts without a word
        ceiling: the test accuracy of giving each text the label that it bears most often in the whole corpus
        reports/datasets/D/classes.csv: of each class, the texts in training and test; the test texts that training
        has, and that it never has under their label

Two texts are the same if all their words are, in their order, out-of-vocabulary words included; case and
punctuation do not count. Texts are read a block at a time; some tens of bytes of each stay in memory.
"""

if __name__ == "__main__":
    raise SystemExit("error: start a stage as dvc.yaml does: python -m stages describe@DATASET")


from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from stages.common.basics.artifacts import round_metric, write_csv, write_json
from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import dataset_of
from stages.common.basics.params.sections import OfficialDataset
from stages.common.basics.paths import HERE
from stages.common.basics.rows import load_hashes, load_labels, load_rows
from stages.describe.identical import Overlap, compute_ceiling, count_repetitions, find_overlap
from stages.describe.near import Sketches, near_duplicates
from stages.describe.raw import Texts, labelled_texts, official_texts

DECILES = (1, 5, 9)
FEW = 10  # training texts of a class


class Lengths:
    """The lengths of a split's texts, as they come."""

    def __init__(self) -> None:
        self._sizes: list[np.ndarray] = []
        self._beyond = 0

    def add(self, texts: Texts, chosen: np.ndarray) -> None:
        self._sizes.append(texts.sizes[chosen].astype(np.int32))
        self._beyond += int(texts.beyond[chosen].sum())

    def figures(self) -> dict:
        sizes = np.concatenate(self._sizes)
        deciles = np.quantile(sizes, [decile / 10 for decile in DECILES], method="inverted_cdf").tolist()
        words = {f"decile_{decile}": int(value) for decile, value in zip(DECILES, deciles, strict=True)}
        return {"words": words, "words_beyond": round_metric(self._beyond / max(1, int(sizes.sum(dtype=np.int64))))}


def measure_words(blocks: Iterator[Texts]) -> tuple[list[dict], int, int]:
    """Read all texts once.

    Returns:
        What `Lengths.figures` has of training and of test texts; the near duplicates; the texts without a word.
    """
    empty, lengths = 0, (Lengths(), Lengths())
    with TemporaryDirectory() as folder:
        sketches = Sketches(Path(folder) / "train"), Sketches(Path(folder) / "test")
        for texts in blocks:
            empty += texts.empty + int((texts.sizes == 0).sum())
            for part, chosen in enumerate((~texts.in_test, texts.in_test)):
                lengths[part].add(texts, chosen)
                sketches[part].add(texts, chosen)
        near = near_duplicates(*sketches)
    return [part.figures() for part in lengths], near, empty


def describe_split(hashes: np.ndarray, labels: np.ndarray) -> dict:
    """The figures of a split that its hashes and labels tell."""
    return count_repetitions(hashes, labels) | {
        "most_frequent_class": round_metric(np.bincount(labels).max() / len(labels))
    }


def describe_overlap(found: Overlap) -> dict[str, int]:
    """Test texts that training has."""
    return {
        "test_texts_in_train": int(found.seen.sum()),
        "none_with_its_label": int((found.seen & ~found.with_its_label).sum()),
    }


def count_classes(train: np.ndarray, test: np.ndarray) -> dict[str, int]:
    """Missing and rare classes, from the texts of each in both splits."""
    return {
        "number": len(train),
        "missing_in_train": int((train == 0).sum()),
        "missing_in_test": int((test == 0).sum()),
        "fewer_than_ten_in_train": int((train < FEW).sum()),
    }


def describe(params: Params, name: str) -> None:
    dataset, names = dataset_of(params, name), load_labels(name)
    raw = HERE.raw(dataset.texts)
    if isinstance(dataset, OfficialDataset):
        blocks = official_texts(dataset, raw, name)
    else:
        blocks = labelled_texts(dataset, raw, name)
    lengths, near, empty = measure_words(blocks)

    train, test = ((load_hashes(name, part), np.asarray(load_rows(name, part).labels)) for part in ("train", "test"))
    found = find_overlap(train, test)
    never = found.seen & ~found.with_its_label
    of_each_class = (train[1], test[1], test[1][found.seen], test[1][never])
    columns = [np.bincount(labels, minlength=len(names)) for labels in of_each_class]
    content = {
        "train": describe_split(*train) | lengths[0],
        "test": describe_split(*test) | lengths[1],
        "overlap": describe_overlap(found) | {"near_duplicates": near},
        "classes": count_classes(*columns[:2]),
        "empty_texts": empty,
        "ceiling": round_metric(compute_ceiling(train, test)),
    }
    folder = HERE.dataset_report(name)
    header = ("class", "train", "test", "test_texts_in_train", "none_with_its_label")
    write_csv(folder / "classes.csv", header, zip(names, *(column.tolist() for column in columns), strict=True))
    write_json(folder / "data.json", content)
    print(
        f"{name}: training has {found.seen.sum():,} of {len(never):,} test texts word for word, {never.sum():,} of "
        f"them never under their label, and {near:,} more nearly"
    )
