"""What `bagpipe diff` finds, as records: its tables, its JSON and the page of results are made from these."""

from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import Any


class Absence(Enum):
    """In place of a value that one side lacks, as a param may well be null."""

    ABSENT = "-"


ABSENT = Absence.ABSENT


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """The runs of two sides compared, new less old.

    low, high: the interval of the difference: 95 %, of a verdict together with all others of the dataset.
    p: two-sided; p_adjusted: corrected for all comparisons made together.
    paired: seed by seed; the means are then of the seeds that both sides have.
    texts: of the test set, for whose choice a verdict allows; on_test_set_low, on_test_set_high: the 95 % interval of
    the difference on these very texts.
    """

    mean_old: float
    mean_new: float
    mean_difference: float
    low: float
    high: float
    p: float
    paired: bool
    p_adjusted: float | None = None
    texts: int | None = None
    on_test_set_low: float | None = None
    on_test_set_high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Obstacle:
    """Why a figure cannot be judged over seeds.

    side: the revision whose replicates are missing, stale or of other texts; changed: what makes them stale; reason:
    what is the matter, in words.
    """

    status: str
    side: str
    changed: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What runs under further seeds say of one figure of a model.

    n: the runs of the old side and of the new one, those compared if there are statistics.
    mean_old, mean_new: of runs that are the same on both sides.
    diverged: of each side, whether a run has a value that is not finite.
    """

    n: tuple[int, int]
    verdict: str = ""
    mean_old: float | None = None
    mean_new: float | None = None
    diverged: tuple[bool, bool] | None = None
    obstacle: Obstacle | None = None
    statistics: Statistics | None = None


@dataclass(frozen=True)
class Margins:
    """The smallest difference of accuracies that counts, and the bound within which two are equivalent."""

    negligible: float
    equivalent: float


@dataclass(frozen=True, kw_only=True)
class TestVerdict:
    """The verdict on a model's test accuracy, or on its macro F1; the margins, where runs were compared.

    small: of a test set of few texts, what it lets be found.
    """

    model: str
    judged: Judged
    margins: Margins | None = None
    small: str = ""


@dataclass(frozen=True, kw_only=True)
class MetricChange:
    """A metric that differs.

    of: its model or dataset.
    verdict: "added" or "removed", where one side lacks the metric.
    difference: of the one run under `seed`; judged: over further seeds.
    """

    of: str
    figure: str
    old: Any = ABSENT
    new: Any = ABSENT
    verdict: str = ""
    difference: float | None = None
    judged: Judged | None = None


@dataclass(frozen=True, kw_only=True)
class ParamChange:
    """A param that differs, the models that it touches and the stages that read it."""

    param: str
    old: Any = ABSENT
    new: Any = ABSENT
    models: list[str]
    stages: list[str]


@dataclass(frozen=True)
class Revision:
    """A side as the user named it, and its commit; None is the workspace."""

    revision: str
    commit: str | None


@dataclass(frozen=True, kw_only=True)
class Changes:
    """All that differs between two sides."""

    old: Revision
    new: Revision
    verdicts: list[TestVerdict]
    metrics: list[MetricChange]
    params: list[ParamChange]


def flatten_record(record: Any) -> dict[str, Any]:
    """A record as one JSON object: the records in it are spread, and what has its default value is left out."""
    content: dict[str, Any] = {}
    for field in fields(record):
        value = getattr(record, field.name)
        if is_dataclass(value):
            content |= flatten_record(value)
        elif value is not field.default and value != field.default:
            content[field.name] = value
    return content


def changes_as_json(changes: Changes) -> dict[str, Any]:
    """All that differs, as `bagpipe diff --json` prints it."""
    lists = {
        name: [flatten_record(row) for row in getattr(changes, name)] for name in ("verdicts", "metrics", "params")
    }
    sides = {"old": changes.old, "new": changes.new}
    return {name: {"revision": side.revision, "commit": side.commit} for name, side in sides.items()} | lists
