"""Time and peak memory of vectorize, train and predict on generated corpora of growing size."""

import csv
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from tabulate import tabulate
from tqdm import tqdm

from bagpipe.scratch.copies import copy_project, environment
from bagpipe.scratch.corpora import TextGenerator, made_up_words, make_generator
from stages.common.basics.params.reading import PARAMS_FILE
from stages.common.drawing.figures import TEST, TRAINING, VALIDATION
from tests.benchmarks.steps import run
from tests.editing import edit_yaml

TEST_ROWS, BLOCK = 1_000, 50_000
VOCABULARY, MEAN_LENGTH = 20_000, 30.0
COLORS = {"vectorize": TRAINING, "train": VALIDATION, "predict": TEST}


class Measured(NamedTuple):
    """What one corpus took: seconds and peak MB by command, and the size of its training rows in MB."""

    rows: int
    seconds: dict[str, float]
    peak: dict[str, float]
    rows_mb: float


def drawn(generator: TextGenerator, count: int, random: np.random.Generator) -> Iterator[tuple[list, np.ndarray]]:
    """Draw texts and labels a block at a time, so that a corpus never is in memory."""
    for start in range(0, count, BLOCK):
        yield generator.draw(min(BLOCK, count - start), random)


def write_corpus(raw: Path, generator: TextGenerator, rows: int, texts_file: Path) -> None:
    """Write training and test texts as CSV, and the training texts again, one a line."""
    random = np.random.default_rng(1)
    words = np.array(["", *made_up_words(VOCABULARY)], object)
    raw.mkdir(parents=True)
    with open(texts_file, "w", encoding="utf-8") as lines:
        for split, count in (("train", rows), ("test", TEST_ROWS)):
            with open(raw / f"{split}.csv", "w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(["text", "label"])
                for texts, labels in drawn(generator, count, random):
                    spelled = [" ".join(words[text]) for text in texts]
                    writer.writerows(zip(spelled, labels.tolist(), strict=True))
                    if split == "train":
                        lines.writelines(f"{text}\n" for text in spelled)


def prepare(folder: Path, rows: int) -> None:
    """Fill a folder with a copy of the project on a corpus of so many training rows."""
    copy_project(folder)
    generator = make_generator(2, VOCABULARY, MEAN_LENGTH, 0.5, np.random.default_rng(1))
    write_corpus(folder / "data" / "raw" / "big", generator, rows, folder / "texts.txt")

    def edit(content: dict) -> None:
        content["datasets"]["big"] = {
            "texts": "big",
            "format": "csv",
            "num_words": 10_000,
            "test_split": None,
            "salt": 1,
        }
        content["defaults"]["big"] = {**content["defaults"]["imdb"], "reference": "big", "epochs": 1}
        content["models"]["big"] = {"dataset": "big", "hidden": [16, 16]}

    edit_yaml(folder / PARAMS_FILE, edit)


def measure(rows: int) -> Measured:
    """Run the three commands on a corpus of so many rows."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        prepare(folder, rows)
        env = environment(folder)
        python = [sys.executable, "-m"]
        commands = {
            "vectorize": [*python, "stages", "vectorize", "big"],
            "train": [*python, "stages", "train", "big"],
            "predict": [*python, "bagpipe.cli.main", "predict", "big", "--tsv", "--file", "texts.txt"],
        }
        done = {name: run(command, folder, env) for name, command in commands.items()}
        train = folder / "data" / "vectorized" / "big" / "train"
        size = sum(path.stat().st_size for path in train.iterdir()) / 1e6
    return Measured(
        rows,
        {name: found.wall for name, found in done.items()},
        {name: found.peak for name, found in done.items()},
        size,
    )


def measure_scaling(largest: int) -> list[Measured]:
    """Measure corpora of 10 thousand rows and up to `largest`, each about three times the one before."""
    sizes = [size for size in (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000) if size <= largest]
    return [measure(size) for size in tqdm(sizes, unit=" corpora", disable=None)]


def scaling_table(scaling: list[Measured]) -> str:
    lines = [
        [
            f"{found.rows:,}",
            *(f"{found.seconds[name]:.1f}" for name in COLORS),
            *(f"{found.peak[name]:,.0f}" for name in COLORS),
            f"{found.rows_mb:,.0f}",
        ]
        for found in scaling
    ]
    header = ["rows", *(f"{name}, s" for name in COLORS), *(f"{name}, peak MB" for name in COLORS), "the rows, MB"]
    return tabulate(lines, header, tablefmt="github", disable_numparse=True, colalign=["right"] * len(header))


def draw_scaling(panels: list[Axes], scaling: list[Measured]) -> None:
    """Draw seconds and peak memory by rows, both on logarithmic scales."""
    rows = [found.rows for found in scaling]
    for axes, label, attribute in zip(panels, ("Seconds", "Peak memory, MB"), ("seconds", "peak"), strict=True):
        for name, color in COLORS.items():
            axes.loglog(rows, [getattr(found, attribute)[name] for found in scaling], "o-", color=color, label=name)
        axes.set(title=f"{label} by size of the corpus", xlabel="Training texts", ylabel=label)
    panels[1].loglog(rows, [found.rows_mb for found in scaling], "k--", label="the rows themselves")
    panels[1].set_ylim(bottom=10)
    for axes in panels:
        axes.legend()
