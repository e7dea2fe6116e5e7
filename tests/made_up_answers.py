"""Answers of made-up runs, for tests of what is said of them."""

from collections.abc import Mapping, Sequence

import numpy as np

from stages.common.basics.answers import Answers

TEXTS = 100_000  # so many that it hardly matters which they are


def answers_of(
    accuracies: Mapping[int, float] | Mapping[str, float] | Sequence[float],
    macro_f1: Sequence[float] | None = None,
    texts: int = TEXTS,
    test_set: str = "the same",
) -> Answers:
    """Answers of runs with these accuracies: the texts that one gets wrong are among those of a less accurate one.

    Args:
        accuracies: by run, or those of the seeds 2, 3, ...
        macro_f1: of each run; its accuracy if it is not given.
    """
    by_run = accuracies if isinstance(accuracies, Mapping) else dict(enumerate(accuracies, 2))
    values = np.array(list(by_run.values()))
    wrong = np.arange(texts) >= np.rint(values[:, np.newaxis] * texts)
    f1 = values if macro_f1 is None else np.array(macro_f1)
    return Answers(tuple(map(str, by_run)), wrong, f1, np.zeros(texts, np.float32), test_set)
