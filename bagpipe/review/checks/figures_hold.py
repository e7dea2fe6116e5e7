"""Judge each published figure as `report` does, and look whether bounded figures lie within their bounds.

A finding means that a figure of the notebooks differs from ours and published.yaml gives no reason under `known`,
that a figure lies outside its `bounds`, or that reproduction.json does not say what follows from the results. See
what changed with `bagpipe diff`; if it is right, say why in published.yaml.
"""

from collections.abc import Iterator

from bagpipe.project.lock import value_at
from bagpipe.review.checks.results_agree import UNREADABLE
from bagpipe.review.committed import CommittedPipeline, Finding
from stages.common.basics.artifacts import read_json
from stages.common.basics.params.params import Params
from stages.common.basics.paths import HERE
from stages.common.judging.published import (
    OF_THE_DATA,
    PUBLISHED_FILE,
    Bounds,
    Published,
    applicable,
    not_judged,
)
from stages.common.judging.reproduction import judge, read_description, read_metrics, read_results

TITLE = "results hold"


def find(pipeline: CommittedPipeline) -> Iterator[Finding]:
    """Look at the verdicts that count, and at the bounds of published.yaml, where they belong to the params."""
    notebooks = applicable(pipeline.notebooks, pipeline.params)
    try:
        yield from verdicts_hold(notebooks.published, pipeline.params)
        for bounds in notebooks.bounds:
            found = bounded_figure(bounds)
            if found is None:
                yield Finding(bounds.of, f"has no {bounds.figure}", f"fix `bounds` in {PUBLISHED_FILE}")
            elif not bounds.low <= found <= bounds.high:
                problem = f"{bounds.figure} is {found}, expected {bounds.low} to {bounds.high}"
                yield Finding(bounds.of, problem, "see what changed with `bagpipe diff`, or fix `bounds`")
    except FileNotFoundError:
        pass  # see `lock_is_consistent`
    except UNREADABLE as error:
        yield Finding("report", f"verdicts or bounded figures cannot be read ({error!r})", "`dvc repro`")


def note(pipeline: CommittedPipeline) -> str:
    """Which figures belong to other settings."""
    return not_judged(pipeline.notebooks, pipeline.params)


def bounded_figure(bounds: Bounds) -> float | None:
    """The figure under `seed`, or of data.json; None if there is none."""
    if bounds.figure in OF_THE_DATA:
        return value_at(read_description(bounds.of), bounds.figure.split(".")[1:])
    return read_metrics(bounds.of).get(bounds.figure)


def verdicts_hold(figures: list[Published], params: Params) -> Iterator[Finding]:
    """Judge each published figure as `report` does, and compare with what that wrote."""
    results, written = read_results(params), read_json(HERE.reports / "reproduction.json")
    for judgement in judge(figures, results):
        published, expected = judgement.published, judgement.verdict
        found = value_at(written, (published.of, published.key)) or {}
        if (found.get("published"), found.get("verdict")) != (published.number, expected):
            problem = f"reproduction.json does not say of {published.of} {published.key} that it is {expected}"
            yield Finding("report", f"{problem}, as the results and {PUBLISHED_FILE} do", "`dvc repro -f report`")
        if expected == "differs" and not published.known:
            problem = f"{published.of} {published.key} of the notebooks differs from ours"
            yield Finding(
                "report", problem, "see what changed with `bagpipe diff`; if it is known, say why in `known`"
            )
