"""The page that `bagpipe diff` prints: tables of what differs, with what the verdicts rest on."""

import json
import shlex
from collections.abc import Collection, Iterator
from typing import Any

from bagpipe.project.lock import LOCK_FILE
from bagpipe.review.revisions import Side
from bagpipe.review.tables import DiffTable, paragraph, quoted, rendered
from bagpipe.review.verdicts import FULL, Row, command
from stages.common.basics.artifacts import REPORTS

SUMMARY_OF_A_MODEL = ("test.loss", "test.accuracy", "validation.val_loss", "validation.best_val_accuracy")
LONGEST = 120  # characters of a value in a table


def text_of(row: Row, side: str) -> str:
    """A value as params.yaml would have it, cut if long; a dash where a side lacks it."""
    if side not in row:
        return "-"
    value = row[side]
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str).replace('"', "")
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def signed(value: float | None) -> str:
    return "" if value is None else f"{value:+.5f}"


def points(value: float) -> str:
    """A difference of accuracies, in percentage points."""
    return f"{100 * value:+.2f}"


def probability(p: float) -> str:
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def listed(names: Collection[str], everything: Collection[str]) -> str:
    """`a, b, c`, or `all 15`."""
    return f"all {len(names)}" if len(names) > 3 and set(names) == set(everything) else ", ".join(names)


def verdict_cells(row: Row) -> list[str]:
    means = [f"{100 * row[key]:.2f}" for key in ("mean_old", "mean_new") if key in row]
    cells = [row["model"], row.get("status", row["verdict"]), " → ".join(means)]
    if "p" not in row:
        return [*cells, "", "", "diverged" if "diverged" in row else ""]
    interval = f"{points(row['low'])} to {points(row['high'])}"
    return [*cells, points(row["mean_difference"]), interval, probability(row["p_adjusted"])]


def grouped(pairs: list[tuple[Any, str]]) -> dict[Any, list[str]]:
    """Models by what is said of them."""
    found: dict[Any, list[str]] = {}
    for key, model in pairs:
        found.setdefault(key, []).append(model)
    return found


def what_verdicts_rest_on(tested: list[Row]) -> str:
    """The note on models whose runs were compared."""
    ways = grouped([((row["paired"], *row["n"]), row["model"]) for row in tested])
    texts = [f"seed by seed, n {n}" if paired else f"Welch's t-test, n {n} and {other}" for paired, n, other in ways]
    if len(ways) > 1:
        texts = [f"{text}: {', '.join(map(quoted, names))}" for text, names in zip(texts, ways.values(), strict=True)]
    limits = [f"{100 * tested[0][key]:g}" for key in ("negligible", "equivalent")]
    corrected = f", corrected for {len(tested)} comparisons (Holm)" if len(tested) > 1 else ""
    return (
        f"Means over seeds, on this test set. Compared: {'; '.join(texts)}. p: the chance of a difference at least "
        f"this large between runs of one and the same model{corrected}. Negligible: less than {limits[0]} points. "
        f"Equivalent: the interval is within {limits[1]} points on both sides."
    )


def what_was_not_judged(rows: list[Row], models: Collection[str]) -> Iterator[str]:
    """A note for each reason."""
    unusable = [
        ((row["status"], row["side"], row.get("changed", ""), row.get("reason", "")), row["model"])
        for row in rows
        if "status" in row
    ]
    for (status, side, changed, reason), names in grouped(unusable).items():
        why = f", where {quoted(changed)}{reason.removeprefix(changed)}" if reason else ""
        yield f"{FULL[status].capitalize()} in {quoted(side)}{why}: {quoted(command(names, models))}"


def verdicts_table(rows: list[Row], models: Collection[str]) -> DiffTable:
    """A line a model whose test accuracy may differ."""
    tested = [row for row in rows if "p" in row]
    notes = [*([what_verdicts_rest_on(tested)] if tested else []), *what_was_not_judged(rows, models)]
    header = ["model", "verdict", "mean, %", "points", "95 % interval", "p (Holm)"]
    return DiffTable("Verdicts on test accuracy", header, list(map(verdict_cells, rows)), "llrrrr", 5, tuple(notes))


NOTE = """\
Difference: of the one run under `seed`. Over seeds: of the means of the replicates; * marks those that \
differ by more than luck; of such marks at most about one in twenty is luck (Benjamini-Hochberg)."""


def metric_cells(row: Row) -> list[str]:
    word = row.get("status") or row.get("verdict") or ""
    marked = {"higher": "higher*", "lower": "lower*", "not distinguished": ""}.get(word, word)
    differing = [signed(row.get(key)) for key in ("difference", "mean_difference")]
    return [row["of"], row["figure"], text_of(row, "old"), text_of(row, "new"), *differing, marked]


def metrics_table(rows: list[Row], labels: list[str], skipped: Collection[str]) -> DiffTable:
    """Metrics of the models that both sides have."""
    lines = [metric_cells(row) for row in rows if row["of"] not in skipped]
    header = ["of", "figure", *labels, "difference", "over seeds", "mark"]
    notes = (NOTE,) if any("p" in row for row in rows) else ()
    return DiffTable("Metrics", header, lines, "llrrrrl", 3, notes)


def one_sided(old: Side, new: Side) -> dict[str, Side]:
    """Models that only one side has metrics of, and that side."""
    owners = [{owner for owner, _ in side.metrics} for side in (old, new)]
    models = old.models.keys() | new.models.keys()
    return {name: new if name in owners[1] else old for name in sorted((owners[0] ^ owners[1]) & models)}


def models_table(lacking: dict[str, Side]) -> DiffTable:
    """The figures of those models, a line each."""
    lines = []
    for name, side in lacking.items():
        figures = {figure: value for (of, figure), value in side.metrics.items() if of == name}
        lines.append([name, side.short, *(text_of(figures, figure) for figure in SUMMARY_OF_A_MODEL)])
    return DiffTable("Models on one side only", ["model", "in", *SUMMARY_OF_A_MODEL], lines, "llrrrr")


def params_table(rows: list[Row], labels: list[str], models: Collection[str]) -> DiffTable:
    lines = []
    for row in rows:
        values = [text_of(row, "old"), text_of(row, "new")]
        lines.append([row["param"], *values, listed(row["models"], models), ", ".join(row["stages"])])
    return DiffTable("Params", ["param", *labels, "touches models", "read by stages"], lines, "lllll")


def named(side: Side, markdown: bool) -> str:
    label = quoted(side.short) if markdown else side.short
    return f"{label} ({side.commit[:7]})" if side.commit and not side.commit.startswith(side.short) else label


def more(old: Side, new: Side) -> list[str]:
    """The commands that show the rest: the curves over each other, and the stages and files that changed."""
    revisions = [side.short for side in (old, new) if side.commit]
    shown = (["dvc", "plots", "diff", *revisions], ["git", "diff", "--stat", *revisions, "--", LOCK_FILE, REPORTS])
    return [shlex.join(map(str, command)) for command in shown]


def show(content: dict[str, Any], old: Side, new: Side, markdown: bool) -> str:
    """The page: a headline, a table for each kind of difference, and where to see more."""
    labels, models, lacking = [old.short, new.short], old.models.keys() | new.models.keys(), one_sided(old, new)
    tables = [
        verdicts_table(content["verdicts"], new.models),
        metrics_table(content["metrics"], labels, lacking),
        models_table(lacking),
        params_table(content["params"], labels, models),
    ]
    sections = [rendered(table, markdown) for table in tables if table.rows]
    headline = f"{'## ' if markdown else ''}From {named(old, markdown)} to {named(new, markdown)}"
    commands = " and ".join(quoted(command) if markdown else f"`{command}`" for command in more(old, new))
    shown = sections or ["No metric or param differs."]
    last = paragraph(f"Plots, stages and files: {commands}.", markdown)
    return "\n\n".join([paragraph(headline, markdown), *shown, last])
