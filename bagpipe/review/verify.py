"""`bagpipe verify`: whether the committed pipeline is true, told from what is in Git, with or without the data.

Each check below yields findings: which stage, what is wrong, how to mend it. Nothing is run but for `--rerun`, see
`rerun.py`. Without running nobody can tell whether results were made up in reports/ and dvc.lock alike.
"""

import json
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from bagpipe.project.git import blob_id, distrust_settings, git_names, tree_of
from bagpipe.project.lock import LOCK_FILE, value_at
from bagpipe.review.committed import CommittedPipeline, Finding, again, split_deps
from bagpipe.review.history import results_are_those_of_their_params
from bagpipe.review.rerun import rerun_stages
from bagpipe.review.revisions import check_project
from bagpipe.scratch.copies import ROOT
from stages.common.basics.artifacts import MODEL_REPORTS, REPORTS, read_csv, read_json
from stages.common.basics.errors import UserError
from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import replicate_seeds, settings_of
from stages.common.basics.params.reading import PARAMS_FILE
from stages.common.basics.processor import SAME_BYTES
from stages.common.basics.terminal import coloured, escaped, wrapped
from stages.common.basics.watch import PIPELINE_FILE
from stages.common.judging.published import OF_THE_DATA, PUBLISHED_FILE, Bounds, Published, applicable, not_judged
from stages.common.judging.reproduction import data_of, figures_of, judge, read_results
from stages.common.network.history import validation_figures
from stages.replicate import summary_of

PIPELINE_FILES = tuple(map(str, (PIPELINE_FILE, LOCK_FILE, PARAMS_FILE, PUBLISHED_FILE)))
GOES_BY = (*PIPELINE_FILES, ".dvcignore")  # what DVC and the checks go by
LARGEST = 1 << 20  # bytes, of a file in Git
DATA_SUFFIXES = {".h5", ".hdf5", ".keras", ".npy", ".npz", ".pickle", ".pkl"}
UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)  # what a mangled result raises
COMMAND = 'python -m stages "$DVC_STAGE"'  # of every stage
SHOWN = 4  # stages that a line names


class Check(NamedTuple):
    """note: what is no finding and should be known."""

    name: str
    findings: list[Finding]
    note: str = ""

    @property
    def ok(self) -> bool:
        return not self.findings


# DVC's own answers are no use to CI: `dvc repro --dry` looks at nothing behind a stale stage and exits 0,
# `dvc status` fails where data is missing.
def up_to_date(pipeline: CommittedPipeline) -> Iterator[Finding]:
    """Compare what each stage would run with now with what dvc.lock says that it ran with."""
    for stage in pipeline.stages:
        if stage.name not in pipeline.lock:
            continue  # see `lock_is_consistent`
        if stage.frozen or stage.always_changed:
            yield Finding(stage.name, "is frozen or always_changed: DVC does not watch it", "undo that in dvc.yaml")
        if stage.cmd != COMMAND:
            mend = f"give it the command `{COMMAND}` in {PIPELINE_FILE}"
            yield Finding(stage.name, "is not run by `python -m stages`, so nothing watches what it reads", mend)
        if stage.cmd_changed:
            yield Finding(stage.name, "its command is not the one in dvc.lock", again(stage))
        files, params = split_deps(stage)
        for item in [*files, *(out for out in stage.outs if out.use_cache)]:
            found = pipeline.hash(item)
            if found is None and not pipeline.is_data(str(item)):
                yield Finding(stage.name, f"{item} is missing", f"`git checkout {item}`, or {again(stage)}")
            elif found not in (None, item.hash_info):
                yield Finding(stage.name, f"{item} is not the one that dvc.lock has", again(stage))
        for dep in params:
            locked = dep.hash_info.value or {}
            for key in dep.params:
                if key not in locked or locked[key] != value_at(pipeline.content, key.split(".")):
                    yield Finding(stage.name, f"params.yaml: {key} is not the one that dvc.lock has", again(stage))


def lock_is_consistent(pipeline: CommittedPipeline) -> Iterator[Finding]:
    """Compare the entries of dvc.lock with each other, with dvc.yaml and with the results in Git.

    A half-reproduced commit has the metrics of one model and another model.
    """
    for name in sorted(pipeline.lock.keys() - {stage.name for stage in pipeline.stages}):
        yield Finding(name, "has an entry in dvc.lock and is no stage of dvc.yaml", "take the entry out of dvc.lock")
    for stage in pipeline.stages:
        if stage.name not in pipeline.lock:
            yield Finding(stage.name, "has no entry in dvc.lock: its results are none of a run", again(stage))
            continue
        for dep in split_deps(stage)[0]:
            producer, out = pipeline.outs.get(str(dep), (stage, dep))
            if dep.hash_info != out.hash_info:
                yield Finding(
                    stage.name, f"by dvc.lock, {dep} is not the one that {producer.name} wrote", again(stage)
                )
        for key in sorted(set().union(*pipeline.lock[stage.name][1:]) - declared(stage)):
            problem = f"ran with {key}, by dvc.lock, which it does not declare in dvc.yaml any more"
            yield Finding(stage.name, problem, f"declare it, or `dvc repro -f -s {stage.addressing}`, then commit")
        for out in stage.outs:
            if not out.hash_info:
                yield Finding(stage.name, f"dvc.lock has no hash of {out}", again(stage))
            elif not out.use_cache and pipeline.hash(out) != out.hash_info:
                state = "is missing" if pipeline.hash(out) is None else "is not what the stage wrote, by dvc.lock"
                yield Finding(stage.name, f"{out} {state}", f"`git checkout {out}`, or {again(stage)}")


def declared(stage: Any) -> set[str]:
    """Paths and params."""
    files, params = split_deps(stage)
    return {str(item) for item in [*files, *stage.outs]} | {key for dep in params for key in dep.params}


def results_agree(pipeline: CommittedPipeline) -> Iterator[Finding]:
    """Hold the results that show what they come from against params.yaml and each other."""
    for name in pipeline.params.models:
        try:
            for stage, problem, holds in agreements(name, pipeline.params):
                if not holds:
                    yield Finding(f"{stage}@{name}", problem, f"`dvc repro -f -s {stage}@{name}`, then commit")
        except FileNotFoundError:
            pass  # see `lock_is_consistent`
        except UNREADABLE as error:
            yield Finding(name, f"its results in {MODEL_REPORTS / name} cannot be read ({error!r})", "`dvc repro -f`")


def agreements(name: str, params: Params) -> Iterator[tuple[str, str, bool]]:
    """Stage, what would be wrong, and whether it is right."""
    folder = MODEL_REPORTS / name
    history, replicates = columns(folder / "history.csv"), columns(folder / "replicates.csv")
    epochs, n = settings_of(params, name).validation_epochs, params.replicates.of(name)
    problem = f"history.csv has {len(history['epoch'])} epochs, not 1 to {epochs} as params.yaml"
    yield "validate", problem, history["epoch"] == list(range(1, epochs + 1))
    figures = read_json(folder / "validation.json")
    yield "validate", "validation.json does not follow from history.csv", figures == validation_figures(history)
    seeds = replicate_seeds(params.seed, n)
    problem = f"replicates.csv does not have the seeds {seeds[0]} to {seeds[-1]}, as params.yaml"
    yield "replicate", problem, replicates["seed"] == list(seeds)
    summary = {"n": n} | summary_of(replicates)
    written = read_json(folder / "replicates.json")
    written["accuracy"].pop("se_of_texts")  # which needs the test texts
    yield "replicate", "replicates.json does not follow from replicates.csv", written == summary
    table = read_csv(folder / "confusion.csv")
    right = sum(int(line["count"]) for line in table if line["actual"] == line["predicted"])
    share = right / sum(int(line["count"]) for line in table)
    accuracy = read_json(folder / "metrics.json")["test"]["accuracy"]
    yield "evaluate", "the accuracy in metrics.json does not follow from confusion.csv", abs(accuracy - share) < 1e-5


def columns(path: Path) -> dict[str, list[float]]:
    lines = read_csv(path)
    return {key: [float(line[key]) for line in lines] for key in lines[0]}


def results_hold(pipeline: CommittedPipeline) -> Iterator[Finding]:
    """Look at the verdicts that count, and at the bounds of published.yaml, where they belong to the params."""
    notebooks = applicable(pipeline.notebooks, pipeline.params)
    try:
        yield from verdicts_hold(notebooks.published, pipeline.params)
        for bounds in notebooks.bounds:
            found = bounded_figure(bounds)
            if found is None:
                yield Finding(bounds.of, f"has no {bounds.figure}", f"mend `bounds` in {PUBLISHED_FILE}")
            elif not bounds.low <= found <= bounds.high:
                problem = f"{bounds.figure} is {found}, expected {bounds.low} to {bounds.high}"
                yield Finding(bounds.of, problem, "see what changed with `bagpipe diff`, or mend `bounds`")
    except FileNotFoundError:
        pass  # see `lock_is_consistent`
    except UNREADABLE as error:
        yield Finding("report", f"verdicts or bounded figures cannot be read ({error!r})", "`dvc repro`")


def bounded_figure(bounds: Bounds) -> float | None:
    """The figure under `seed`, or of data.json; None if there is none."""
    if bounds.figure in OF_THE_DATA:
        return value_at(data_of(bounds.of), bounds.figure.split(".")[1:])
    return figures_of(bounds.of).get(bounds.figure)


def verdicts_hold(figures: list[Published], params: Params) -> Iterator[Finding]:
    """Judge each published figure as `report` does, and compare with what that wrote."""
    results, written = read_results(params), read_json(REPORTS / "reproduction.json")
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


def git_holds_what_it_should(pipeline: CommittedPipeline) -> Iterator[Finding]:
    """Look for data in the last commit, and for what was checked here and is not in it."""
    official = {name for files in pipeline.params.official.values() for name in files}
    for path, size in pipeline.committed.items():
        parts = PurePosixPath(path)
        known = pipeline.is_data(path) or parts.suffix in DATA_SUFFIXES or parts.name in official
        if (parts.parts[0] == "data" and path not in pipeline.added) or known:
            yield Finding(path, "is data and in Git", f"`git rm --cached {path}`, then commit")
        elif size > LARGEST:
            yield Finding(path, f"has {size:,} bytes and is in Git", f"`git rm --cached {path}`, then commit")
    checked = {str(dep) for stage in pipeline.stages for dep in split_deps(stage)[0]} | pipeline.outs.keys()
    paths = sorted({*GOES_BY, *pipeline.added, *(path for path in checked if not pipeline.is_data(path))})
    within = tuple(f"{path}/" for path in paths)
    committed = {name: blob for name, blob in tree_of("HEAD").items() if f"{name}/".startswith(within)}
    here = {*committed, *git_names("ls-files", "--cached", "--others", "-z", "--", *paths)}
    hidden = {name for name in here if pipeline.repo.dvcignore.is_ignored_file(name)}
    for path in sorted(hidden & committed.keys()):
        problem = "is in Git, and a .dvcignore hides it from DVC, which so does not see it change"
        yield Finding(path, problem, "take it out of Git, or of .dvcignore")
    for path in sorted(here - hidden):
        if not is_as_committed(Path(path), committed.get(path)):
            yield Finding(path, "is not in the last commit as it is here", "commit it, or `git checkout` it")


def is_as_committed(path: Path, blob: str | None) -> bool:
    """Whether a regular file here has the very bytes of its blob in Git.

    `git diff` would not do: it looks at a file as .gitattributes says that its bytes stand for those in Git.
    """
    if blob is None or path.is_symlink() or not path.is_file():
        return False
    return blob_id(path.read_bytes(), blob) == blob


def all_checks(rerun: tuple[str, ...]) -> Iterator[Check]:
    """Make one check after the other; none but the first where that fails."""
    names = ", ".join(PIPELINE_FILES)
    try:
        pipeline = CommittedPipeline()
    except UserError as error:
        yield Check(f"{names} are valid", [Finding(names, str(error), "mend it there; `dvc dag` may say more")])
        return
    yield Check(f"{names} are valid", [])
    yield Check("every stage is up to date with dvc.lock", list(up_to_date(pipeline)))
    yield Check("dvc.lock is consistent", list(lock_is_consistent(pipeline)))
    results = [*results_are_those_of_their_params(pipeline), *results_agree(pipeline)]
    yield Check("results are those of their params", results)
    yield Check("results hold", list(results_hold(pipeline)), not_judged(pipeline.notebooks, pipeline.params))
    yield Check("Git has what was checked, and no data", list(git_holds_what_it_should(pipeline)))
    if rerun:
        what = "the same bytes" if SAME_BYTES else "the same figures (no x86-64 with AVX2: bytes cannot be compared)"
        yield Check(f"a rerun gives {what}", list(rerun_stages(pipeline, rerun)))


def as_lines(check: Check) -> Iterator[str]:
    """A check as text; what is wrong with several stages stands once."""
    yield (coloured("ok    ", "green") if check.ok else coloured("FAILED", "red")) + f"  {check.name}"
    if check.note:
        yield wrapped(check.note, " " * 8)
    together: dict[tuple[str, str], list[str]] = {}
    for stage, problem, mend in check.findings:
        together.setdefault((problem, mend.replace(stage, "STAGE")), []).append(stage)
    for (problem, mend), stages in together.items():
        names = ", ".join(stages[:SHOWN]) + (f" and {len(stages) - SHOWN} more" if len(stages) > SHOWN else "")
        yield wrapped(escaped(f"{names}: {problem}"), " " * 8)
        yield wrapped(escaped(f"to mend: {mend if len(stages) > 1 else mend.replace('STAGE', stages[0])}"), " " * 10)


def enter(tree: Path) -> None:
    """Go to another checkout, to look at it by the code and the DVC settings of this project.

    Its settings must be the same: they can name a folder of the checkout for DVC's database, which holds pickles. And
    it holds nothing but files: reading what is behind a link, such as /dev/zero, or a pipe need not end.

    Raises:
        UserError: they are not, or it is no checkout of this project.
    """
    config, local = (tree / ".dvc" / name for name in ("config", "config.local"))
    if not (tree / PIPELINE_FILE).is_file():
        raise UserError(f"{tree}: expected a checkout of this project, found no {PIPELINE_FILE} there")
    if local.exists() or not config.is_file() or config.read_bytes() != (ROOT / ".dvc" / "config").read_bytes():
        raise UserError(f"{config.parent}: expected DVC's settings to be those of {ROOT}; look at the change first")
    for path in odd_files(tree):
        raise UserError(f"{path}: expected a file, found a link or a device")
    os.chdir(tree)
    distrust_settings()


def odd_files(tree: Path) -> Iterator[Path]:
    """What in a checkout is no file and no folder, but for what is in Git's own folder or in an environment."""
    for folder, folders, files in os.walk(tree):
        if Path(folder) == tree:
            folders[:] = set(folders) - {".git", ".venv"}
        for name in sorted([*folders, *files]):
            path = Path(folder, name)
            if stat.S_IFMT(path.lstat().st_mode) not in (stat.S_IFDIR, stat.S_IFREG):
                yield path


def verify(as_json: bool = False, rerun: tuple[str, ...] = (), tree: Path | None = None) -> None:
    """Print each check, with one that runs the stages of `rerun` again; exit with 1 unless all are ok.

    Args:
        tree: another checkout to look at than this folder; nothing of it is run.

    Raises:
        UserError: it is no project, or none that Git keeps.
    """
    if tree:
        enter(tree)
    check_project()
    checks = []
    for check in all_checks(rerun):
        checks.append(check)
        if not as_json:
            print("\n".join(as_lines(check)), flush=True)
    ok = all(check.ok for check in checks)
    if as_json:
        content = [
            {"check": c.name, "ok": c.ok, "findings": [f._asdict() for f in c.findings], "note": c.note}
            for c in checks
        ]
        print(json.dumps({"ok": ok, "checks": content}, indent=2))
    if not ok:
        sys.exit(1)
