"""`bagpipe diff`: which figures and params differ between two revisions, and which figures by more than luck.

A figure under one seed says little: each test and validation accuracy and loss is therefore judged by Welch's test
between the runs under further seeds, reports/models/M/replicates.csv, of both sides. What else differs, DVC and Git
show: see `more`.
"""

import json
import math
import re
import shlex
import warnings
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from tabulate import tabulate

from stages.common.basics.artifacts import REPORTS
from stages.common.basics.errors import UserError
from stages.review.lock import LOCK_FILE, LockEntry
from stages.review.revisions import Side, read_sides

JUDGED = re.compile(r"(?:test\.|validation\.(?:last_|best_)?val_)(accuracy|loss)")
SUMMARY_OF_A_MODEL = ("test.loss", "test.accuracy", "validation.val_loss", "validation.best_val_accuracy")
LONGEST = 120  # characters of a value in a table
WIDEST = 60  # characters of a line in a cell

Difference = dict[str, Any]


def change(key: Any, old: dict, new: dict) -> Difference:
    """What stood and stands under a key, if that differs; a side that lacks it is left out."""
    values = {name: side[key] for name, side in (("old", old), ("new", new)) if key in side}
    return values if len(values) == 1 or values["old"] != values["new"] else {}


def judged(figure: str, old: list[float], new: list[float]) -> Difference:
    """Whether the runs of a figure got better: the verdict, p, n, and the difference of the means."""
    n = [len(old), len(new)]
    if min(n) < 2:
        return {"n": n, "verdict": "no replicates to judge by"}
    diverged = [not all(map(math.isfinite, values)) for values in (old, new)]
    if any(diverged):
        return {"n": n, "verdict": "within noise" if all(diverged) else "worse" if diverged[1] else "better"}
    from stages.judging.comparison import compare  # SciPy: a second, where there is something to judge

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of runs that hardly vary
        difference, p, verdict = compare(new, old, higher_is_better=figure.endswith("accuracy"))
    return {"n": n, "mean_difference": round(difference, 6), "p": p, "verdict": verdict}


def diff_metrics(old: Side, new: Side) -> list[Difference]:
    """Metrics that differ, under `seed` or over further seeds; the accuracies and losses judged."""
    rows = []
    for owner, figure in sorted(old.metrics.keys() | new.metrics.keys()):
        found = [side.metrics[owner, figure] for side in (old, new) if (owner, figure) in side.metrics]
        runs = [side.samples(owner, figure) for side in (old, new)] if JUDGED.fullmatch(figure) else []
        values = change((owner, figure), old.metrics, new.metrics)
        if not values and (not all(runs) or runs[:1] == runs[1:]):
            continue
        row = {"of": owner, "figure": figure, **(values or {"old": found[0], "new": found[1]})}
        if len(found) == 1:
            row["verdict"] = "added" if "new" in values else "removed"
        else:
            if all(isinstance(value, int | float) for value in found):
                row["difference"] = round(found[1] - found[0], 6)
            row |= judged(figure, *runs) if runs else {}
        rows.append(row)
    return rows


def differences(old: dict, new: dict, prefix: str = "") -> Iterator[Difference]:
    """What differs between two mappings; a section that one of them lacks is one difference."""
    for key in sorted(old.keys() | new.keys(), key=str):
        name, values = f"{prefix}.{key}".lstrip("."), change(key, old, new)
        if all(isinstance(values.get(side), dict) for side in ("old", "new")):
            yield from differences(values["old"], values["new"], name)
        elif values:
            yield {"param": name, **values}


def reads(entry: LockEntry, param: str) -> bool:
    """Whether a stage declares a param, a section around it or a part of it."""
    return any(f"{param}.".startswith(f"{key}.") or key.startswith(f"{param}.") for key in entry.params)


def with_downstream(stages: set[str], lock: dict[str, LockEntry]) -> set[str]:
    """Stages, and all that depend on what they write, or on a folder of it."""
    written = [f"{path}/" for name in stages for path in lock[name].outs]
    read = {name: [f"{dep}/" for dep in entry.deps] for name, entry in lock.items()}
    more = {name for name, deps in read.items() if any(out.startswith(tuple(deps)) for out in written)}
    return stages if more <= stages else with_downstream(stages | more, lock)


def touched(param: str, side: Side) -> tuple[set[str], set[str]]:
    """The models that a param has an effect on, and the stages that read it, by name in dvc.yaml."""
    direct = {name for name, entry in side.lock.items() if reads(entry, param)}
    affected = [name.partition("@") for name in with_downstream(direct, side.lock)]
    models = {key for stage, _, key in affected if stage in side.stages_per_model}
    section, _, rest = param.partition(".")
    own = rest.partition(".")[0] if section == "models" else ""  # a model that has not run yet is in no lock
    return (models | {own}) & side.models.keys(), {name.partition("@")[0] for name in direct}


def diff_params(old: Side, new: Side) -> list[Difference]:
    """Params that differ, each with the models that it touches and the stages that read it."""
    rows = []
    for row in differences(old.params, new.params):
        found = [touched(row["param"], side) for side in (old, new)]
        models, stages = (sorted(one | other) for one, other in zip(*found, strict=True))
        rows.append({**row, "models": models, "stages": stages})
    return rows


class DiffTable(NamedTuple):
    """A section of the page."""

    title: str
    header: list[str]
    rows: list[list[str]]
    align: str  # l or r, a letter a column
    words: int = 0  # how many columns, the last ones, are no names or values
    note: str = ""


def text_of(row: Difference, side: str) -> str:
    """A value as params.yaml would have it, cut if long; a dash where a side lacks it."""
    if side not in row:
        return "-"
    value = row[side]
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str).replace('"', "")
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def signed(value: float | None) -> str:
    return "" if value is None else f"{value:+.5f}"


def probability(p: float | None) -> str:
    return "" if p is None else "<0.001" if p < 0.001 else f"{p:.3f}"


def listed(names: Collection[str], everything: Collection[str]) -> str:
    """`a, b, c`, or `all 15`."""
    return f"all {len(names)}" if len(names) > 3 and set(names) == set(everything) else ", ".join(names)


NOTE = """\
Difference: of the one run under `seed`. Over seeds: of the means of the n replicates of each side; the verdict is \
Welch's t-test between these, each taken by itself, so that one in twenty would come out better or worse by chance."""


def metric_cells(row: Difference) -> list[str]:
    differing = [signed(row.get(key)) for key in ("difference", "mean_difference")]
    judgement = [probability(row.get("p")), ", ".join(map(str, row.get("n", []))), row.get("verdict", "")]
    return [row["of"], row["figure"], text_of(row, "old"), text_of(row, "new"), *differing, *judgement]


def metrics_table(rows: list[Difference], labels: list[str], skipped: Collection[str]) -> DiffTable:
    """Metrics of the models that both sides have."""
    lines = [metric_cells(row) for row in rows if row["of"] not in skipped]
    header = ["of", "figure", *labels, "difference", "over seeds", "p", "n", "verdict"]
    return DiffTable(
        "Metrics", header, lines, "llrrrrrrl", words=5, note=NOTE if any("p" in row for row in rows) else ""
    )


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
        lines.append([name, side.label, *(text_of(figures, figure) for figure in SUMMARY_OF_A_MODEL)])
    return DiffTable("Models on one side only", ["model", "in", *SUMMARY_OF_A_MODEL], lines, "llrrrr")


def params_table(rows: list[Difference], labels: list[str], models: Collection[str]) -> DiffTable:
    lines = []
    for row in rows:
        values = [text_of(row, "old"), text_of(row, "new")]
        lines.append([row["param"], *values, listed(row["models"], models), ", ".join(row["stages"])])
    return DiffTable("Params", ["param", *labels, "touches models", "read by stages"], lines, "lllll")


def quoted(text: str) -> str:
    """Text as Markdown code in a table, where it can be neither markup nor a mention."""
    plain = " ".join(text.split()).replace("`", "'").replace("|", "\\|")
    return f"`{plain}`" if plain else ""


def markdown_table(table: DiffTable) -> str:
    """A table without padding, which GitHub limits a comment's length for."""
    names = len(table.header) - table.words
    lines = [
        (name if re.fullmatch(r"[\w. ]+", name) else quoted(name) for name in table.header),
        (":--" if letter == "l" else "--:" for letter in table.align),
        *([*map(quoted, row[:names]), *row[names:]] for row in table.rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def terminal_table(table: DiffTable) -> str:
    align = ["left" if letter == "l" else "right" for letter in table.align]
    widths = [WIDEST if letter == "l" else None for letter in table.align]
    options = {"tablefmt": "simple", "disable_numparse": True, "colalign": align, "maxcolwidths": widths}
    return "\n".join(line.rstrip() for line in tabulate(table.rows, table.header, **options).splitlines())


def rendered(table: DiffTable, markdown: bool) -> str:
    """A table with its title and note."""
    title = f"### {table.title}" if markdown else table.title.upper()
    body = (markdown_table if markdown else terminal_table)(table) if table.rows else ""
    return "\n\n".join(part for part in (title, body, table.note) if part)


def named(side: Side, markdown: bool) -> str:
    label = quoted(side.label) if markdown else side.label
    return f"{label} ({side.commit[:7]})" if side.commit and not side.commit.startswith(side.label) else label


def more(old: Side, new: Side) -> list[str]:
    """The commands that show the rest: the curves over each other, and the stages and files that changed."""
    revisions = [side.label for side in (old, new) if side.commit]
    shown = (["dvc", "plots", "diff", *revisions], ["git", "diff", "--stat", *revisions, "--", LOCK_FILE, REPORTS])
    return [shlex.join(map(str, command)) for command in shown]


def show(content: dict[str, Any], old: Side, new: Side, markdown: bool) -> str:
    """The page: a headline, a table for each kind of difference, and where to see more."""
    labels, models, lacking = [old.label, new.label], old.models.keys() | new.models.keys(), one_sided(old, new)
    tables = [metrics_table(content["metrics"], labels, lacking), models_table(lacking)]
    tables.append(params_table(content["params"], labels, models))
    sections = [rendered(table, markdown) for table in tables if table.rows]
    headline = f"{'## ' if markdown else ''}From {named(old, markdown)} to {named(new, markdown)}"
    commands = " and ".join(quoted(command) if markdown else f"`{command}`" for command in more(old, new))
    shown = sections or ["No metric or param differs."]
    return "\n\n".join([headline, *shown, f"Plots, stages and files: {commands}."])


def diff(old_revision: str | None, new_revision: str | None, form: str, fail_on: str | None) -> None:
    """Print what differs between two revisions.

    Raises:
        UserError: a revision is not there, a file is not readable, or a figure got worse and `fail_on` forbids that.
    """
    old, new = read_sides(old_revision, new_revision)
    content = {
        **{name: {"revision": side.label, "commit": side.commit} for name, side in (("old", old), ("new", new))},
        "metrics": diff_metrics(old, new),
        "params": diff_params(old, new),
    }
    if form == "json":
        print(json.dumps(content, indent=2, ensure_ascii=False, default=str))
    else:
        print(show(content, old, new, markdown=form == "md"))
    worse = [row for row in content["metrics"] if fail_on and row.get("verdict") == fail_on]
    if worse:
        names = (f"{row['of']} {row['figure']}" for row in worse)
        raise UserError(f"{fail_on} beyond noise: {', '.join(names)}")
