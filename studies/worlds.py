"""Runs and test sets drawn from the real ones, where it is known how good each model is.

A world is a population of texts, from which test sets are drawn, and one of seeds, from which runs are. Both are the
real ones; but texts are drawn with such chances that the models' mean accuracies differ by just what is wanted. These
chances are as near to equal ones as can be (exponential tilting, see Efron, Canadian J. Stat. 9, 1981), so models
differ on the texts, and from seed to seed, as the real ones do.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from stages.common.basics.answers import Answers

CLOSE = 1e-10  # a difference that is met


class World(NamedTuple):
    """wrong: of each model, bool, shape (seeds, texts), the seeds all have; chances: of the texts, shape (texts,)."""

    wrong: Mapping[str, np.ndarray]
    chances: np.ndarray


def tilt(values: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Chances of texts under which the means of some values of them are the targets: shape (texts,).

    Args:
        values: shape (k, texts), of which each row has less than its target and more than it.
    """
    slopes = np.zeros(len(values))
    while True:
        chances = np.exp(slopes @ values)
        chances /= chances.sum()
        off = values @ chances - targets
        if np.abs(off).max(initial=0) < CLOSE:
            return chances
        covariance = (values * chances) @ values.T - np.outer(values @ chances, values @ chances)
        slopes -= np.linalg.solve(covariance, off)


def make_world(models: Mapping[str, Answers], differences: Mapping[str, float]) -> World:
    """A world in which models differ by so much from the first of `models`; the others are as they are."""
    several = [set(answers.runs) for answers in models.values() if len(answers.runs) > 1]
    common = sorted(set.intersection(*several))
    wrong = {
        name: answers.choose(common).wrong if len(answers.runs) > 1 else answers.wrong
        for name, answers in models.items()
    }
    reference = next(iter(wrong.values())).mean(axis=0)
    values = np.array([reference - wrong[name].mean(axis=0) for name in differences])
    return World(wrong, tilt(values, np.array(list(differences.values()))))


def answers_of(wrong: np.ndarray) -> Answers:
    """Runs by the numbers of their rows; without macro F1, which nothing here asks for."""
    runs = tuple(map(str, range(len(wrong))))
    return Answers(runs, wrong, np.zeros(len(wrong)), np.zeros(wrong.shape[1], np.float32), "")


def draw_texts(random: np.random.Generator, world: World, texts: int) -> np.ndarray:
    """The places of a test set's texts."""
    return random.choice(len(world.chances), texts, p=world.chances)


def draw(random: np.random.Generator, world: World, runs: int, texts: int) -> dict[str, Answers]:
    """A test set, and runs of all models under the same seeds; of a baseline the one that there is."""
    places, any_seeds = draw_texts(random, world, texts), random.random(runs)
    found = {}
    for name, wrong in world.wrong.items():
        rows = (any_seeds * len(wrong)).astype(int) if len(wrong) > 1 else [0]
        found[name] = answers_of(wrong[rows][:, places])
    return found


def draw_versions(
    random: np.random.Generator, wrong: np.ndarray, runs: int, places: np.ndarray, kept: float
) -> tuple[Answers, Answers]:
    """Two versions of a model under the same seeds, of which a share `kept` gave the same run again."""
    old, new = random.integers(len(wrong), size=(2, runs))
    new = np.where(random.random(runs) < kept, old, new)
    return answers_of(wrong[new][:, places]), answers_of(wrong[old][:, places])


def names_of_pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    """Each pair of some models once."""
    return [(new, old) for place, new in enumerate(names) for old in names[:place]]
