"""The page that `bagpipe diff` prints: tables of what differs, with what the verdicts rest on."""

import json
import shlex
from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypeVar

from bagpipe.project.lock import LOCK_FILE
from bagpipe.review.records import ABSENT, Changes, Judged, MetricChange, Obstacle, ParamChange, TestVerdict
from bagpipe.review.revisions import Side
from bagpipe.review.tables import DiffTable, quote_code, render_table, wrap_paragraph
from bagpipe.review.verdicts import FULL, METRICS, OTHER_TEXTS, UNRECORDED, Pair, replicate_command, retest_command
from stages.common.basics.markdown import format_p
from stages.common.basics.paths import HERE

SUMMARY_OF_A_MODEL = ("test.loss", "test.accuracy", "validation.val_loss", "validation.best_val_accuracy")
LONGEST = 120  # characters of a value in a table

Key = TypeVar("Key")


def format_value(value: Any) -> str:
    """A value as params.yaml would have it, cut if long; a dash where a side lacks it."""
    if value is ABSENT:
        return "-"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str).replace('"', "")
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def format_difference(value: float | None) -> str:
    return "" if value is None else f"{value:+.5f}"


def points_cell(value: float) -> str:
    """A difference of accuracies, in percentage points."""
    return f"{100 * value:+.2f}"


def interval_cell(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{points_cell(low)} to {points_cell(high)}"


def list_names(names: Collection[str], everything: Collection[str]) -> str:
    """`a, b, c`, or `all 15`."""
    return f"all {len(names)}" if len(names) > 3 and set(names) == set(everything) else ", ".join(names)


def group_models(pairs: list[tuple[Key, str]]) -> dict[Key, list[str]]:
    """Models by what is said of them."""
    groups: dict[Key, list[str]] = {}
    for key, model in pairs:
        groups.setdefault(key, []).append(model)
    return groups


def word_of(judged: Judged) -> str:
    """What a table says: the state of replicates that cannot be judged, else the verdict."""
    return judged.obstacle.status if judged.obstacle else judged.verdict


def verdict_cells(row: TestVerdict) -> list[str]:
    judged, found = row.judged, row.judged.statistics
    means = [found.mean_old, found.mean_new] if found else [judged.mean_old, judged.mean_new]
    cells = [row.model, word_of(judged), " → ".join(f"{100 * mean:.2f}" for mean in means if mean is not None)]
    if found is None:
        return [*cells, "", "", "diverged" if judged.diverged else "", ""]
    p = "" if found.p_adjusted is None else format_p(found.p_adjusted)
    here = interval_cell(found.on_test_set_low, found.on_test_set_high)
    return [*cells, points_cell(found.mean_difference), interval_cell(found.low, found.high), p, here]


def explain_tests(rows: list[TestVerdict]) -> Iterator[str]:
    """The note on models whose runs were compared, if there are any."""
    tested = [((row.judged.statistics.paired, *row.judged.n), row.model) for row in rows if row.judged.statistics]
    margins = next((row.margins for row in rows if row.margins), None)
    if margins is None:
        return
    ways = group_models(tested)
    texts = [
        f"seed by seed, n {n}" if paired else f"as independent runs, n {n} and {other}" for paired, n, other in ways
    ]
    if len(ways) > 1:
        texts = [f"{text}: {join_models(names)}" for text, names in zip(texts, ways.values(), strict=True)]
    corrected = "; it and the interval are corrected for all models of the dataset (Holm)" if len(tested) > 1 else ""
    yield (
        f"Means over seeds. Compared on the same texts {'; '.join(texts)}. A verdict is about new texts of the same "
        f"kind; only the last column is about these. p: the chance of a difference at least this large between "
        f"models that are equally good{corrected}. "
        f"Negligible: less than {100 * margins.negligible:g} points. "
        f"Equivalent: the interval is within {100 * margins.equivalent:g} points on both sides."
    )
    yield from dict.fromkeys(row.small for row in rows if row.small)


def explain_obstacles(rows: list[TestVerdict], models: Collection[str]) -> Iterator[str]:
    """A note for each reason why models were not judged."""
    reasons: list[tuple[Obstacle, str]] = [(row.judged.obstacle, row.model) for row in rows if row.judged.obstacle]
    for found, names in group_models(reasons).items():
        command = quote_code(replicate_command(names, models))
        if found.status == OTHER_TEXTS:
            why = f"No verdict on {join_models(names)}, as {found.reason}"
            retest = f"{quote_code(retest_command(found))} runs the models of the old one on the same texts"
            yield f"{why}: where the new side is checked out, {retest}."
            continue
        if found.status == UNRECORDED and found.reason:
            said = f"{FULL[UNRECORDED].capitalize()} in {quote_code(found.side)}, as {found.reason}"
            yield f"{said}: take the later one over into a checkout of it, and run {command} there."
            continue
        why = f", where {quote_code(found.changed)}{found.reason.removeprefix(found.changed)}" if found.reason else ""
        yield f"{FULL[found.status].capitalize()} in {quote_code(found.side)}{why}: {command}"


def join_models(names: list[str]) -> str:
    return ", ".join(map(quote_code, names))


def verdicts_table(rows: list[TestVerdict], models: Collection[str], metric: str) -> DiffTable:
    """A line a model whose test accuracy, or macro F1, may differ."""
    notes = (*explain_tests(rows), *explain_obstacles(rows, models))
    header = ["model", "verdict", "mean, %", "points", "95 % interval", "p (Holm)", "on this test set"]
    return DiffTable(
        f"Verdicts on test {METRICS[metric]}", header, list(map(verdict_cells, rows)), "llrrrrr", 5, notes
    )


NOTE = """\
Difference: of the one run under `seed`. Over seeds: of the means of the replicates; * marks those that \
differ by more than chance; at most about one in twenty of such marks is chance (Benjamini-Hochberg)."""


def metric_cells(row: MetricChange) -> list[str]:
    word = word_of(row.judged) if row.judged else row.verdict
    marked = {"higher": "higher*", "lower": "lower*", "not distinguished": ""}.get(word, word)
    found = row.judged.statistics if row.judged else None
    differences = [row.difference, found.mean_difference if found else None]
    values = map(format_value, (row.old, row.new))
    return [row.of, row.figure, *values, *map(format_difference, differences), marked]


def metrics_table(rows: list[MetricChange], labels: list[str], skipped: Collection[str]) -> DiffTable:
    """Metrics of the models that both sides have."""
    lines = [metric_cells(row) for row in rows if row.of not in skipped]
    header = ["of", "figure", *labels, "difference", "over seeds", "mark"]
    notes = (NOTE,) if any(row.judged and row.judged.statistics for row in rows) else ()
    return DiffTable("Metrics", header, lines, "llrrrrl", 3, notes)


def find_one_sided(old: Side, new: Side) -> dict[str, Side]:
    """Models that only one side has metrics of, and that side."""
    owners = [{owner for owner, _ in side.metrics} for side in (old, new)]
    models = old.models.keys() | new.models.keys()
    return {name: new if name in owners[1] else old for name in sorted((owners[0] ^ owners[1]) & models)}


def models_table(lacking: Mapping[str, Side]) -> DiffTable:
    """The metrics of those models, a line each."""
    lines = []
    for name, side in lacking.items():
        figures = (side.metrics.get((name, figure), ABSENT) for figure in SUMMARY_OF_A_MODEL)
        lines.append([name, side.short, *map(format_value, figures)])
    return DiffTable("Models on one side only", ["model", "in", *SUMMARY_OF_A_MODEL], lines, "llrrrr")


def params_table(rows: list[ParamChange], labels: list[str], models: Collection[str]) -> DiffTable:
    lines = [
        [
            row.param,
            format_value(row.old),
            format_value(row.new),
            list_names(row.models, models),
            ", ".join(row.stages),
        ]
        for row in rows
    ]
    return DiffTable("Params", ["param", *labels, "touches models", "read by stages"], lines, "lllll")


def name_side(side: Side, markdown: bool) -> str:
    label = quote_code(side.short) if markdown else side.short
    return f"{label} ({side.commit[:7]})" if side.commit and not side.commit.startswith(side.short) else label


def list_commands(old: Side, new: Side) -> list[str]:
    """The commands that show the rest: the curves over each other, and the stages and files that changed."""
    revisions = [side.short for side in (old, new) if side.commit]
    shown = (
        ["dvc", "plots", "diff", *revisions],
        ["git", "diff", "--stat", *revisions, "--", LOCK_FILE, HERE.reports],
    )
    return [shlex.join(map(str, command)) for command in shown]


def render_page(changes: Changes, sides: Pair, metric: str, markdown: bool) -> str:
    """The page: a headline, a table for each kind of difference, and where to see more; metric: of the verdicts."""
    old, new = sides
    labels, models, lacking = [old.short, new.short], old.models.keys() | new.models.keys(), find_one_sided(old, new)
    tables = [
        verdicts_table(changes.verdicts, new.models, metric),
        metrics_table(changes.metrics, labels, lacking),
        models_table(lacking),
        params_table(changes.params, labels, models),
    ]
    sections = [render_table(table, markdown) for table in tables if table.rows]
    headline = f"{'## ' if markdown else ''}From {name_side(old, markdown)} to {name_side(new, markdown)}"
    commands = " and ".join(quote_code(text) if markdown else f"`{text}`" for text in list_commands(old, new))
    shown = sections or ["No metric or param differs."]
    last = wrap_paragraph(f"Plots, stages and files: {commands}.", markdown)
    return "\n\n".join([wrap_paragraph(headline, markdown), *shown, last])
