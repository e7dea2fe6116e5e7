"""`bagpipe diff`: what differs between two revisions, and whether the figures differ by more than luck.

A figure under one seed says little: each test and validation accuracy and loss is therefore judged by Welch's
test between the runs under further seeds, reports/M/replicates.csv, of both sides.
"""

import json
import math
import re
import warnings
from collections.abc import Collection, Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from tabulate import tabulate

from stages.bagpipe.revisions import LOCK, Side, read_sides
from stages.common.artifacts import REPORTS
from stages.common.errors import UserError

JUDGED = re.compile(r"(?:test\.|validation\.(?:last_|best_)?val_)(accuracy|loss)")
NO_REPLICATES = "no replicates to judge by"
SUMMARIES = ("replicates.", "reproduction.")  # means and spreads of what is judged: counted in the table, not listed
SUMMARY_OF_A_MODEL = ("test.loss", "test.accuracy", "validation.val_loss", "validation.best_val_accuracy")
LONGEST = 120  # characters of a value in a table
WIDEST = 60  # characters of a line in a cell

Row = dict[str, Any]


# Comparing


def change(key: Any, old: dict, new: dict) -> Row:
    """What stood and stands under a key; a side that lacks it is left out."""
    return {name: side[key] for name, side in (("old", old), ("new", new)) if key in side}


def kind(values: Row) -> str:
    """What happened to a value."""
    if len(values) == 1:
        return "added" if "new" in values else "removed"
    return "changed" if values["old"] != values["new"] else "same"


def changes(old: dict, new: dict) -> Iterator[tuple[Any, Row]]:
    """Keys, sorted, whose values differ, and both values."""
    for key in sorted(old.keys() | new.keys()):
        values = change(key, old, new)
        if kind(values) != "same":
            yield key, values


def judge(figure: str, old: list[float], new: list[float]) -> Row:
    """Whether the runs of a figure got better: the verdict, p, n, and the difference of the means."""
    n = [len(old), len(new)]
    if min(n) < 2:
        return {"n": n, "verdict": NO_REPLICATES}
    diverged = [not all(map(math.isfinite, values)) for values in (old, new)]
    if any(diverged):
        return {"n": n, "verdict": "within noise" if all(diverged) else "worse" if diverged[1] else "better"}
    from stages.common.comparison import compare  # SciPy: a second, where there is something to judge

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of runs that hardly vary
        difference, p, verdict = compare(new, old, higher_is_better=figure.endswith("accuracy"))
    return {"n": n, "mean_difference": round(difference, 6), "p": p, "verdict": verdict}


def owner_and_figure(path: str, key: str) -> tuple[str, str]:
    """The folder that a metric belongs to, and its name there, as `published` in params.yaml has it."""
    file = PurePosixPath(path)
    return folder_of(file), key if file.stem == "metrics" else f"{file.stem}.{key}"


def folder_of(file: PurePosixPath) -> str:
    """The model or dataset that a report is about; of all of them: nothing."""
    return "" if file.parent.name == REPORTS.name else file.parent.name


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def diff_metrics(old: Side, new: Side) -> list[Row]:
    """Metrics that differ, under `seed` or over further seeds; the accuracies and losses judged."""
    rows = []
    for path, key in sorted(old.metrics.keys() | new.metrics.keys()):
        owner, figure = owner_and_figure(path, key)
        values = change((path, key), old.metrics, new.metrics)
        runs = [side.samples(owner, figure) for side in (old, new)] if JUDGED.fullmatch(figure) else []
        if kind(values) == "same" and (not all(runs) or runs[:1] == runs[1:]):
            continue
        row = {"path": path, "key": key, "of": owner, "figure": figure, **values}
        if len(values) == 1:
            row["verdict"] = kind(values)
        else:
            if is_number(values["old"]) and is_number(values["new"]):
                row["difference"] = round(values["new"] - values["old"], 6)
            if runs:
                row |= judge(figure, *runs)
        rows.append(row)
    return rows


def is_mappings(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(entry, dict) for entry in value)


def differences(old: dict, new: dict, prefix: str = "") -> Iterator[Row]:
    """What differs between two mappings; a section that one of them lacks is one difference.

    A list of mappings differs by the entries that went and came, whatever their places.
    """
    for key, values in changes(*({str(key): value for key, value in side.items()} for side in (old, new))):
        name = f"{prefix}.{key}" if prefix else key
        if len(values) == 2 and all(isinstance(value, dict) for value in values.values()):
            yield from differences(values["old"], values["new"], name)
        elif len(values) == 2 and all(is_mappings(value) for value in values.values()):
            for side, other in (("old", "new"), ("new", "old")):
                yield from ({"param": name, side: entry} for entry in values[side] if entry not in values[other])
        else:
            yield {"param": name, **values}


def reads(entry: Row, param: str) -> bool:
    """Whether a stage's entry declares a param, a section around it or a part of it."""
    return any(f"{param}.".startswith(f"{key}.") or key.startswith(f"{param}.") for key in entry["params"])


def with_downstream(stages: set[str], lock: dict[str, Row]) -> set[str]:
    """Stages, and all that depend on what they write."""
    while True:
        written = {path for name in stages for path in lock[name]["outs"]}
        more = {name for name, entry in lock.items() if written & entry["deps"].keys()} - stages
        if not more:
            return stages
        stages = stages | more


def touched(param: str, side: Side) -> tuple[set[str], set[str]]:
    """The models that a param has an effect on, and the stages that read it, by name in dvc.yaml."""
    direct = {name for name, entry in side.lock.items() if reads(entry, param)}
    affected = [name.partition("@") for name in with_downstream(direct, side.lock)]
    models = {key for stage, _, key in affected if stage in side.stages_per_model}
    section, _, rest = param.partition(".")
    own = rest.partition(".")[0] if section == "models" else ""  # a model that has not run yet is in no lock
    return (models | {own}) & side.models.keys(), {name.partition("@")[0] for name in direct}


def diff_params(old: Side, new: Side) -> list[Row]:
    """Params that differ, each with the models that it touches and the stages that read it."""
    rows = []
    for row in differences(old.params, new.params):
        found = [touched(row["param"], side) for side in (old, new)]
        models, stages = (sorted(one | other) for one, other in zip(*found, strict=True))
        rows.append({**row, "models": models, "stages": stages})
    return rows


def diff_stages(old: Side, new: Side) -> list[Row]:
    """Stages whose entry in dvc.lock differs, and what of it: command, code, params, deps, outs."""
    rows = []
    for name, entries in changes(old.lock, new.lock):
        row: Row = {"stage": name, "change": kind(entries)}
        if row["change"] == "changed":
            before, after = entries["old"], entries["new"]
            parts = {
                part: [key for key, _ in changes(before[part], after[part])] for part in ("params", "deps", "outs")
            }
            row |= {
                "cmd": before["cmd"] != after["cmd"],
                "code": [path for path in parts["deps"] if path.endswith(".py")],
                "params": parts["params"],
                "deps": [path for path in parts["deps"] if not path.endswith(".py")],
                "outs": parts["outs"],
            }
        rows.append(row)
    return rows


def diff_plots(old: Side, new: Side) -> list[Row]:
    """Pictures and tables of reports/ that differ."""
    pictures = [
        {path: content for path, content in side.files.items() if path.endswith((".png", ".csv"))}
        for side in (old, new)
    ]
    return [{"path": path, "change": kind(values)} for path, values in changes(*pictures)]


def compare_sides(old: Side, new: Side) -> Row:
    """All that differs, as `--json` prints it."""
    return {
        "old": {"revision": old.label, "commit": old.commit},
        "new": {"revision": new.label, "commit": new.commit},
        "metrics": diff_metrics(old, new),
        "params": diff_params(old, new),
        "stages": diff_stages(old, new),
        "plots": diff_plots(old, new),
    }


# Showing


class Table(NamedTuple):
    """A section of the page.

    align: l or r, a letter a column.
    words: the number of columns, the last ones, that are no names or values.
    """

    title: str
    header: list[str]
    rows: list[list[str]]
    align: str
    words: int = 0
    note: str = ""


def text_of(row: Row, side: str) -> str:
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


def grouped(pairs: Iterable[tuple[str, Any]]) -> Iterator[tuple[list[str], Any]]:
    """Names that share a description, in the order of the first of them."""
    groups: dict[Any, list[str]] = {}
    for name, description in pairs:
        groups.setdefault(description, []).append(name)
    return ((names, description) for description, names in groups.items())


def is_detail(row: Row) -> bool:
    """Whether a metric only sums up others; a verdict on a published figure that changed does more."""
    turned = row["figure"].endswith(".verdict") and "old" in row and "new" in row
    return row["figure"].startswith(SUMMARIES) and not turned


def metrics_note(rows: list[Row]) -> str:
    """What the verdicts rest on, and what the table leaves out."""
    notes = []
    if judged := sum("p" in row for row in rows):
        notes.append(
            "Difference: of the one run under `seed`. Over seeds: of the means of the n replicates of each side; the "
            f"verdict is Welch's t-test between these, each of the {judged} taken by itself, so that one in twenty "
            "would come out better or worse by chance alone."
        )
    if details := sum(map(is_detail, rows)):
        notes.append(f"Not listed: {details} values of replicates.json and reproduction.json, see --json.")
    return "\n".join(notes)


def metrics_table(rows: list[Row], labels: list[str], skipped: Collection[str]) -> Table:
    """Metrics of the models that both sides have."""
    lines = [
        [
            row["of"],
            row["figure"],
            text_of(row, "old"),
            text_of(row, "new"),
            signed(row.get("difference")),
            signed(row.get("mean_difference")),
            probability(row.get("p")),
            ", ".join(map(str, row.get("n", []))),
            row.get("verdict", ""),
        ]
        for row in rows
        if row["of"] not in skipped and not is_detail(row)
    ]
    header = ["of", "figure", *labels, "difference", "over seeds", "p", "n", "verdict"]
    return Table("Metrics", header, lines, "llrrrrrrl", words=5, note=metrics_note(rows))


def one_sided(old: Side, new: Side) -> dict[str, Side]:
    """Models that only one side has metrics of, and that side."""
    folders = [{owner_and_figure(*name)[0] for name in side.metrics} for side in (old, new)]
    models = old.models.keys() | new.models.keys()
    return {name: new if name in folders[1] else old for name in sorted((folders[0] ^ folders[1]) & models)}


def models_table(lacking: dict[str, Side]) -> Table:
    """The figures of those models, a line each."""
    lines = []
    for name, side in lacking.items():
        figures = {
            figure: value
            for key, value in side.metrics.items()
            for of, figure in [owner_and_figure(*key)]
            if of == name
        }
        lines.append([name, side.label, *(text_of(figures, figure) for figure in SUMMARY_OF_A_MODEL)])
    return Table("Models on one side only", ["model", "in", *SUMMARY_OF_A_MODEL], lines, "llrrrr")


def params_table(rows: list[Row], labels: list[str], models: Collection[str]) -> Table:
    lines = [
        [
            row["param"],
            text_of(row, "old"),
            text_of(row, "new"),
            listed(row["models"], models),
            ", ".join(row["stages"]),
        ]
        for row in rows
    ]
    return Table("Params", ["param", *labels, "touches models", "read by stages"], lines, "lllll")


def what_changed(row: Row) -> str:
    """A stage's change in words, its own model as `*`."""
    if row["change"] != "changed":
        return row["change"]
    key = row["stage"].partition("@")[2]
    own = re.compile(rf"^(models\.|data/models/|data/predictions/|{REPORTS.name}/){re.escape(key) or '$'}(?!\w)")
    parts = {
        part: ", ".join(own.sub(r"\1*", name) for name in row[part]) for part in ("code", "params", "deps", "outs")
    }
    return "; ".join(
        [*(["command"] if row["cmd"] else []), *(f"{part}: {names}" for part, names in parts.items() if names)]
    )


def stages_table(rows: list[Row], models: Collection[str]) -> Table:
    """Stages that differ in the same way are one line."""
    groups = grouped((row["stage"], (row["stage"].partition("@")[0], what_changed(row))) for row in rows)
    lines = [
        [stage, listed([name.partition("@")[2] for name in names], models), changed]
        for names, (stage, changed) in groups
    ]
    return Table(f"Stages, as {LOCK} records them", ["stage", "of", "changed"], lines, "lll")


def plots_table(rows: list[Row], models: Collection[str]) -> Table:
    folders: dict[str, list[str]] = {}
    for row in rows:
        file = PurePosixPath(row["path"])
        suffix = "" if row["change"] == "changed" else f" ({row['change']})"
        folders.setdefault(folder_of(file), []).append(file.name + suffix)
    groups = grouped((folder, ", ".join(files)) for folder, files in folders.items())
    lines = [[listed(names, models), files] for names, files in groups]
    return Table("Plots", ["of", "files"], lines, "ll")


def quoted(text: str) -> str:
    """Text as Markdown code in a table, where it can be neither markup nor a mention."""
    plain = " ".join(text.split()).replace("`", "'").replace("|", "\\|")
    return f"`{plain}`" if plain else ""


def markdown_table(table: Table) -> str:
    """A table without padding, which GitHub limits a comment's length for."""
    names = len(table.header) - table.words
    lines = [
        (name if re.fullmatch(r"[\w. ]+", name) else quoted(name) for name in table.header),
        (":--" if letter == "l" else "--:" for letter in table.align),
        *([*map(quoted, row[:names]), *row[names:]] for row in table.rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def terminal_table(table: Table) -> str:
    body = tabulate(
        table.rows,
        table.header,
        tablefmt="simple",
        disable_numparse=True,
        colalign=["left" if letter == "l" else "right" for letter in table.align],
        maxcolwidths=[WIDEST if letter == "l" else None for letter in table.align],
    )
    return "\n".join(line.rstrip() for line in body.splitlines())


def render(table: Table, markdown: bool) -> str:
    """A table with its title and note."""
    title = f"### {table.title}" if markdown else table.title.upper()
    body = (markdown_table if markdown else terminal_table)(table) if table.rows else ""
    return "\n\n".join(part for part in (title, body, table.note) if part)


def named(side: Side, markdown: bool) -> str:
    label = quoted(side.label) if markdown else side.label
    return f"{label} ({side.commit[:7]})" if side.commit and not side.commit.startswith(side.label) else label


def show(content: Row, old: Side, new: Side, markdown: bool) -> str:
    """The page: a headline, and a table for each kind of difference."""
    labels, models, lacking = [old.label, new.label], old.models.keys() | new.models.keys(), one_sided(old, new)
    tables = [
        metrics_table(content["metrics"], labels, lacking),
        models_table(lacking),
        params_table(content["params"], labels, models),
        stages_table(content["stages"], models),
        plots_table(content["plots"], models),
    ]
    sections = [render(table, markdown) for table in tables if table.rows or table.note]
    headline = f"{'## ' if markdown else ''}From {named(old, markdown)} to {named(new, markdown)}"
    return "\n\n".join([headline, *(sections or ["No metric, param, stage or plot differs."])])


def diff(old_revision: str | None, new_revision: str | None, form: str, fail_on: str | None) -> None:
    """Print what differs between two revisions.

    Raises:
        UserError: a revision is not there, a file is not readable, or a figure got worse and `fail_on` forbids that.
    """
    old, new = read_sides(old_revision, new_revision)
    content = compare_sides(old, new)
    if form == "json":
        print(json.dumps(content, indent=2, ensure_ascii=False, default=str))
    else:
        print(show(content, old, new, markdown=form == "md"))
    failed = [
        f"{row['of']} {row['figure']}" for row in content["metrics"] if fail_on and row.get("verdict") == fail_on
    ]
    if failed:
        raise UserError(f"{fail_on} beyond noise: {', '.join(failed)}")
