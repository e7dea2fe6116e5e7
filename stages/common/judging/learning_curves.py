"""published_curves.csv, what the notebooks print after each epoch, and whether such a run might as well be ours."""

import csv
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, get_args

import numpy as np
from pydantic import Field, ValidationError

from stages.common.basics.errors import UserError
from stages.common.basics.params.reading import first_sentence
from stages.common.basics.params.sections import Section
from stages.common.basics.params.types import Name

PUBLISHED_CURVES = Path("published_curves.csv")
TIES = 1e-9  # relative: nearer distances count as the same, as sums of the same numbers in another order may differ

# How runs of ours come about: which of TensorFlow 2.4's optimizer and progress bar they have.
Variant = Literal["today", "optimizer", "progress_bar", "both"]
VARIANTS: dict[Variant, tuple[bool, bool]] = {
    "today": (False, False),
    "optimizer": (True, False),
    "progress_bar": (False, True),
    "both": (True, True),
}

Run = Literal["validation", "final"]
Curve = Literal["loss", "accuracy", "val_loss", "val_accuracy"]


class Point(Section):
    """A line of published_curves.csv: a figure that a notebook prints after an epoch."""

    notebook: Annotated[str, Field(min_length=1, max_length=30)]
    """A key of `sources` in published.yaml."""
    model: Name
    run: Run
    """`final` is the run whose model is tested."""
    epoch: Annotated[int, Field(gt=0, le=1_000_000)]
    column: Curve
    value: Annotated[str, Field(max_length=30, pattern=r"^\d+(\.\d+)?$")]
    """With the digits that are printed."""

    @property
    def number(self) -> float:
        return float(self.value)

    @property
    def digits(self) -> int:
        """How many are printed after the point."""
        return -int(Decimal(self.value).as_tuple().exponent)

    def as_printed(self, value: float) -> float:
        """A figure of ours with as many digits."""
        return float(f"{value:.{self.digits}f}")


PublishedRun = list[Point]  # of one notebook, model and run; each point once


def read_published_curves(model: str, path: Path = PUBLISHED_CURVES) -> dict[Run, PublishedRun]:
    """The runs of a model that a notebook prints.

    Raises:
        UserError: the file is missing or not as expected, the first such line is named; or it has no such model.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            lines = csv.DictReader(file, restkey="a further value")
            points = [_parse_point(line, f"{path}:{place}") for place, line in enumerate(lines, start=2)]
    except FileNotFoundError:
        raise UserError(f"{path}: no such file here; run this in the project's root") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: expected a table with commas, in UTF-8; {error}") from None
    found: dict[Run, PublishedRun] = {run: [] for run in get_args(Run)}
    seen = set()
    for place, point in enumerate(points, start=2):
        named = (point.model, point.run, point.epoch, point.column)
        if named in seen:
            raise UserError(f"{path}:{place}: expected each point once; found {' '.join(map(str, named))} again")
        seen.add(named)
        if point.model == model:
            found[point.run].append(point)
    if not any(found.values()):
        expected = f"expected lines of {model}, as params.yaml has learning_curves.{model}"
        raise UserError(f"{path}: {expected}; found none; add them, or take the section out")
    return {run: points for run, points in found.items() if points}


def _parse_point(line: dict[str, str], where: str) -> Point:
    try:
        return Point.model_validate(line)
    except ValidationError as error:
        raise UserError(f"{where}: {first_sentence(error)}") from None


class Likeness(NamedTuple):
    """p: the share of runs, the published one among them, that stray at least as far from the others as that does.

    farthest: the point at which it strays most, a number from 0 on; distance: how far, in standard deviations.
    """

    p: float
    farthest: int
    distance: float


def judge_run(published: np.ndarray, runs: np.ndarray, half_units: np.ndarray) -> Likeness:
    """Hold a published run as a whole against ours: one of as many that are exchangeable, if it came about as they.

    Every run is held against the others: each of its points less their mean, divided by their standard deviation; the
    largest counts. Among exchangeable runs the published one has each rank alike, whatever the distributions and
    however the points hang together, so p is at most x with a probability of at most x (a permutation test; Phipson
    and Smyth, Stat. Appl. Genet. Mol. Biol. 9, 2010). It cannot be below 1 / (n + 1).

    Args:
        published: float64, shape (points,).
        runs: ours, float64, shape (n, points), n at least 2; with the same digits as the published ones.
        half_units: half a unit of the last digit printed, shape (points,). A deviation is not taken to be less than
            rounding alone would cause, as a figure can be the same in all other runs by chance.
    """
    every = np.vstack([published, runs])
    distances = np.empty_like(every)
    for place, run in enumerate(every):
        others = np.delete(every, place, axis=0)
        deviations = np.maximum(others.std(axis=0, ddof=1), half_units / np.sqrt(3))
        distances[place] = np.abs(run - others.mean(axis=0)) / deviations
    largest = distances.max(axis=1)
    p = np.mean(largest >= largest[0] * (1 - TIES))
    return Likeness(float(p), int(distances[0].argmax()), float(largest[0]))
