"""`bagpipe verify`: whether the committed pipeline is true, told from what is in Git, with or without the data.

Each check below yields findings: which stage, what is wrong, how to mend it. Nothing is run but for `--rerun`, see
`bagpipe.scratch_git`. Without running nobody can tell whether results were made up in reports/ and dvc.lock alike.
"""

import json
import re
import reprlib
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from ruamel.yaml import YAML

from stages.bagpipe.imports import Keys, covers, keys_read, local_imports, params_read, reaches
from stages.common.artifacts import REPORTS, read_csv, read_json
from stages.common.errors import UserError
from stages.common.history import validation_figures
from stages.common.params import PARAMS_FILE, Model, Params, load_params
from stages.replicate import SUMMARIZED, spread

PIPELINE_FILES = ("dvc.yaml", "dvc.lock", str(PARAMS_FILE))
LARGEST = 1 << 20  # bytes, of a file in Git
DATA_SUFFIXES = {".h5", ".hdf5", ".keras", ".npy", ".npz", ".pickle", ".pkl"}
FETCHING = "download"  # params of how to fetch what is known byte for byte: no stage needs to declare them
# Params with which results may well stay the same to the byte: accuracies of few digits, files with the same content,
# what the report does not print.
MAY_CHANGE_NOTHING = re.compile(r"baselines\.|datasets\.\w+\.files\.|published\.\d+\.(counts|tolerance)$")
SAME_MATHEMATICS = {"categorical_crossentropy", "sparse_categorical_crossentropy"}
UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)  # what a mangled result raises
SHOWN = 4  # stages that a line names


class Finding(NamedTuple):
    """Something untrue. stage: or a group of stages, or a file."""

    stage: str
    problem: str
    mend: str


class Check(NamedTuple):
    """What was found wrong, and what need not be wrong but may be of use to know."""

    name: str
    findings: list[Finding]
    notes: list[str]

    @property
    def ok(self) -> bool:
        return not self.findings


class Code(NamedTuple):
    """What a stage's code depends on.

    imports: files of local modules; reads: paths of params.yaml, and the single keys under each.
    """

    imports: set[PurePosixPath]
    reads: dict[Keys, set[Keys]]


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, encoding="utf-8", errors="replace")
    if done.returncode:
        raise UserError(f"git {arguments[0]} failed: {' '.join(done.stderr.split())}")
    return done.stdout


def read_yaml(source: Path | str) -> Any:
    return YAML(typ="safe", pure=True).load(source)


class Pipeline:
    """What dvc.yaml, dvc.lock, params.yaml and Git say, each read once.

    Raises:
        UserError: one of the files is not valid.
    """

    def __init__(self) -> None:
        from dvc.exceptions import DvcException
        from dvc.repo import Repo

        self.params: Params = load_params()
        self.content: dict[str, Any] = read_yaml(PARAMS_FILE)
        try:
            self.repo = Repo()
            self.stages = sorted(self.repo.index.stages, key=lambda stage: stage.addressing)
            lock = self.stages[0].dvcfile.lockfile_contents if self.stages else {}
            self.lock: dict[str, Any] = lock.get("stages", {})
        except DvcException as error:
            raise UserError(" ".join(str(error).split())) from None
        self.outs = {str(out): (stage, out) for stage in self.stages for out in stage.outs}
        self._hashes: dict[str, Any] = {}
        self._code: dict[str, Code] = {}

    def hash(self, item: Any) -> Any:
        """DVC's hash of a dep or out as it lies there; None if it does not."""
        path = str(item)
        if path not in self._hashes:
            self._hashes[path] = item.get_hash() if item.exists else None
        return self._hashes[path]

    def is_data(self, path: str) -> bool:
        """Whether a path is kept by DVC, not Git: it may be missing."""
        return any(out.use_cache and PurePosixPath(path).is_relative_to(name) for name, (_, out) in self.outs.items())

    def code(self, module: str) -> Code:
        """What the code of a stage depends on, each module looked at once."""
        if module not in self._code:
            imports = {PurePosixPath(path) for path in local_imports(Path(), module)}
            reads = {path: set(keys_read(self.content, path)) for path in params_read(Path(), module)}
            self._code[module] = Code(imports, reads)
        return self._code[module]

    @cached_property
    def committed(self) -> dict[str, int]:
        """The files of the last commit, and their sizes."""
        lines = git("ls-tree", "-r", "-l", "-z", "HEAD").split("\0")
        entries = (line.partition("\t") for line in lines if line)
        return {path: int(facts.split()[3].replace("-", "0")) for facts, _, path in entries}  # - is a submodule


def value_at(content: Any, path: Iterable[str]) -> Any:
    """What lies under a path of keys; None if nothing."""
    for key in path:
        content = content.get(key) if isinstance(content, dict) else None
    return content


def split_deps(stage: Any) -> tuple[list[Any], list[Any]]:
    """A stage's deps that are files or folders, and those that are params."""
    params = [dep for dep in stage.deps if hasattr(dep, "params")]
    return [dep for dep in stage.deps if dep not in params], params


def module_of(stage: Any) -> str | None:
    found = re.search(r"python -m ([\w.]+)", str(stage.cmd))
    return found[1] if found else None


def again(stage: Any) -> str:
    return f"`dvc repro {stage.addressing}`, then commit"


# 1. Up to date. DVC's own answers are no use to CI: `dvc repro --dry` looks at nothing behind a stale stage and exits
# 0, `dvc status` fails where data is missing.


def up_to_date(pipeline: Pipeline) -> Iterator[Finding]:
    """Compare what each stage would run with now with what dvc.lock says that it ran with."""
    for stage in pipeline.stages:
        if stage.name not in pipeline.lock:
            continue  # see `lock_is_consistent`
        if stage.frozen or stage.always_changed:
            yield Finding(stage.name, "is frozen or always_changed: DVC does not watch it", "undo that in dvc.yaml")
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


# 2. dvc.lock. A half-reproduced commit has the metrics of one model and another model; `dvc commit -f` writes that
# old results are those of new params.


def lock_is_consistent(pipeline: Pipeline) -> Iterator[Finding]:
    """Compare the entries of dvc.lock with each other, with dvc.yaml and with the results in Git."""
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
        for out in stage.outs:
            if not out.hash_info:
                yield Finding(stage.name, f"dvc.lock has no hash of {out}", again(stage))
            elif not out.use_cache and pipeline.hash(out) != out.hash_info:
                state = "is missing" if pipeline.hash(out) is None else "is not what the stage wrote, by dvc.lock"
                yield Finding(stage.name, f"{out} {state}", f"`git checkout {out}`, or {again(stage)}")


def lock_entries(text: str) -> dict[str, tuple[str, str]]:
    """The text of each entry of a dvc.lock, as DVC writes it: what stands before `outs`, and `outs`."""
    entries = {}
    for entry in re.split(r"^  (?=\S)", text, flags=re.MULTILINE)[1:]:
        name, _, body = entry.partition(":\n")
        inputs, _, outs = body.partition("    outs:\n")
        entries[name] = (inputs, outs)
    return entries


def flat(content: Any, path: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    """Every single value of nested mappings and lists of mappings, and its path."""
    if isinstance(content, list) and content and all(isinstance(value, dict) for value in content):
        content = {str(number): value for number, value in enumerate(content)}
    if not isinstance(content, dict):
        yield path, content
        return
    for key, value in content.items():
        yield from flat(value, (*path, *key.split(".")) if not path else (*path, key))


def params_of(inputs: str) -> dict[Keys, Any]:
    """Every single param of an entry."""
    return dict(flat(value_at(read_yaml(inputs), ("params", str(PARAMS_FILE))) or {}))


def results_are_those_of_their_params(pipeline: Pipeline) -> Iterator[Finding]:
    """Hold each entry of dvc.lock against the earliest one in Git with the same results: the run that made them.

    If a param that the stage's code reads differs between the two, both its values are said to give the same bytes.
    """
    if git("rev-parse", "--is-shallow-repository").strip() == "true":
        yield Finding("dvc.lock", "its history is not here, in a shallow clone", "`git fetch --unshallow`")
        return
    current = lock_entries(Path("dvc.lock").read_text(encoding="utf-8"))
    first: dict[str, tuple[str, str]] = {}
    for commit in git("log", "--full-history", "--topo-order", "--format=%h", "--", "dvc.lock").split():
        with suppress(UserError):  # a commit that deletes dvc.lock
            for name, (inputs, outs) in lock_entries(git("show", f"{commit}:./dvc.lock")).items():
                if name in current and outs == current[name][1]:
                    first[name] = (commit, inputs)
    for stage in pipeline.stages:
        commit, inputs = first.get(stage.name, ("", ""))
        now = current.get(stage.name, ("", ""))[0]
        if commit and inputs != now:
            yield from same_results(pipeline, stage, commit, params_of(inputs), params_of(now))


def same_results(
    pipeline: Pipeline, stage: Any, commit: str, then: dict[Keys, Any], now: dict[Keys, Any]
) -> Iterator[Finding]:
    module = module_of(stage)
    reads = pipeline.code(module).reads if module else {}
    for keys in sorted(then.keys() & now.keys()):
        key, values = ".".join(keys), (then[keys], now[keys])
        if (
            values[0] == values[1]
            or MAY_CHANGE_NOTHING.match(key)
            or (key.endswith(".loss") and SAME_MATHEMATICS.issuperset(values))
        ):
            continue
        if any(reaches(read, keys) for read in reads):
            old, new = map(reprlib.repr, values)
            problem = f"has the very results of commit {commit}, though {key} was {old} there and is {new} here"
            yield Finding(stage.name, problem, f"`dvc repro -f -s {stage.name}`, then commit")


def results_agree(pipeline: Pipeline) -> Iterator[Finding]:
    """Hold the results that show what they come from against params.yaml and each other."""
    for name, model in pipeline.params.models.items():
        try:
            for stage, problem, holds in agreements(name, model, pipeline.params):
                if not holds:
                    yield Finding(f"{stage}@{name}", problem, f"`dvc repro -f -s {stage}@{name}`, then commit")
        except FileNotFoundError:
            pass  # see `lock_is_consistent`
        except UNREADABLE as error:
            yield Finding(name, f"its results in {REPORTS / name} cannot be read ({error!r})", "`dvc repro -f`")


def agreements(name: str, model: Model, params: Params) -> Iterator[tuple[str, str, bool]]:
    """Stage, what would be wrong, and whether it is right."""
    folder = REPORTS / name
    history, replicates = columns(folder / "history.csv"), columns(folder / "replicates.csv")
    epochs, n = model.validation.epochs, params.replicates.n
    problem = f"history.csv has {len(history['epoch'])} epochs, not 1 to {epochs} as params.yaml"
    yield "validate", problem, history["epoch"] == list(range(1, epochs + 1))
    figures = validation_figures(history)
    yield (
        "validate",
        "validation.json does not follow from history.csv",
        read_json(folder / "validation.json") == figures,
    )
    problem = f"replicates.csv does not have the seeds after {params.seed}, {n} of them, as params.yaml"
    yield "replicate", problem, replicates["seed"] == list(range(params.seed + 1, params.seed + 1 + n))
    summary = {"n": n} | {short: spread(replicates[figure]) for figure, short in SUMMARIZED.items()}
    yield (
        "replicate",
        "replicates.json does not follow from replicates.csv",
        read_json(folder / "replicates.json") == summary,
    )
    table = read_csv(folder / "confusion.csv")
    right = sum(int(line["count"]) for line in table if line["actual"] == line["predicted"])
    share = right / sum(int(line["count"]) for line in table)
    accuracy = read_json(folder / "metrics.json")["test"]["accuracy"]
    yield "evaluate", "the accuracy in metrics.json does not follow from confusion.csv", abs(accuracy - share) < 1e-5


def columns(path: Path) -> dict[str, list[float]]:
    lines = read_csv(path)
    return {key: [float(line[key]) for line in lines] for key in lines[0]}


# 3. Declared dependencies. DVC reruns a stage when one of them changes, and follows no import.


def declared_is_complete(pipeline: Pipeline, notes: list[str]) -> Iterator[Finding]:
    """Compare `deps` and `params` with what the code of each stage imports and reads; note what it does not."""
    findings: dict[Finding, None] = {}  # once for all stages of a group
    superfluous: dict[str, None] = {}
    for stage in pipeline.stages:
        group = stage.name.partition("@")[0]
        module = module_of(stage)
        if not module:
            findings[Finding(group, "is no `python -m MODULE`, so its code cannot be checked", "make it one")] = None
            continue
        files, params = split_deps(stage)
        deps = {PurePosixPath(str(dep)) for dep in files}
        declared = [param for dep in params for param in dep.params]
        imports, reads = pipeline.code(module)
        undeclared = [(f"imports {path}", "deps") for path in sorted(imports) if not deps & {path, *path.parents}]
        undeclared += [
            (f"reads {'.'.join(path) or 'all'} of params.yaml", "params")
            for path, keys in sorted(reads.items())
            if not all(any(covers(param, key) for param in [FETCHING, *declared]) for key in keys)
        ]
        for what, section in undeclared:
            mend = f"add it to {group} in dvc.yaml, then `dvc repro`"
            findings[Finding(group, f"{what}, which is not among its {section}", mend)] = None
        unused = [str(path) for path in sorted(deps - imports) if path.suffix == ".py"]
        unused += [param for param in declared if not any(covers(param, key) for key in set().union(*reads.values()))]
        superfluous |= dict.fromkeys(f"{stage.name} does not use {name}, which it declares" for name in unused)
    notes += superfluous
    yield from findings


# 4. Results hold


def results_hold(pipeline: Pipeline) -> Iterator[Finding]:
    """Look at the verdicts that count, and at the bounds of params.yaml."""
    try:
        yield from verdicts_hold(pipeline.params, read_json(REPORTS / "reproduction.json"))
        for bounds in pipeline.params.bounds:
            kind, _, key = bounds.figure.partition(".")
            if kind == "test":
                found = read_json(REPORTS / bounds.of / "metrics.json")["test"][key]
            else:
                found = read_json(REPORTS / bounds.of / "validation.json")[key]
            if not bounds.low <= found <= bounds.high:
                problem = f"{bounds.figure} is {found}, expected {bounds.low} to {bounds.high}"
                yield Finding(bounds.of, problem, "see what changed with `bagpipe diff`, or mend `bounds`")
    except FileNotFoundError:
        pass  # see `lock_is_consistent`
    except UNREADABLE as error:
        yield Finding("report", f"verdicts or bounded figures cannot be read ({error!r})", "`dvc repro`")


def verdicts_hold(params: Params, verdicts: dict[str, Any]) -> Iterator[Finding]:
    for published in params.published:
        against = f"_less_{published.against}" if published.against else ""
        figure = published.figure + against
        verdict = value_at(verdicts, (published.of, figure, "verdict")) or "without a verdict"
        if published.counts and verdict != "reproduced":
            mend = "see what changed with `bagpipe diff`; what is known not to come out has `counts: false`"
            yield Finding("report", f"{published.of} {figure} of the notebooks is {verdict}", mend)


# 5. Git


def git_holds_what_it_should(pipeline: Pipeline) -> Iterator[Finding]:
    """Look for data in the last commit, and for what was checked here and is not in it."""
    official = {name for dataset in pipeline.params.datasets.values() for name in dataset.files}
    for path, size in pipeline.committed.items():
        parts = PurePosixPath(path)
        if (
            parts.parts[0] == "data"
            or pipeline.is_data(path)
            or parts.suffix in DATA_SUFFIXES
            or parts.name in official
        ):
            yield Finding(path, "is data and in Git", f"`git rm --cached {path}`, then commit")
        elif size > LARGEST:
            yield Finding(path, f"has {size:,} bytes and is in Git", f"`git rm --cached {path}`, then commit")
    checked = {str(dep) for stage in pipeline.stages for dep in split_deps(stage)[0]} | pipeline.outs.keys()
    paths = sorted({*PIPELINE_FILES, *(path for path in checked if not pipeline.is_data(path))})
    changed = git("diff", "--name-only", "--relative", "-z", "HEAD", "--", *paths)
    untracked = git("ls-files", "--others", "-z", "--", *paths)
    for path in sorted({*changed.split("\0"), *untracked.split("\0")} - {""}):
        yield Finding(path, "is not in the last commit as it is here", "commit it, or `git checkout` it")


# The command


def all_checks(rerun: tuple[str, ...]) -> Iterator[Check]:
    """Make one check after the other; none but the first where that fails."""
    valid = "dvc.yaml, dvc.lock and params.yaml are valid"
    try:
        pipeline = Pipeline()
    except UserError as error:
        yield Check(
            valid,
            [Finding("dvc.yaml, dvc.lock or params.yaml", str(error), "mend it there; `dvc dag` may say more")],
            [],
        )
        return
    notes: list[str] = []
    yield Check(valid, [], [])
    yield Check("every stage is up to date with dvc.lock", list(up_to_date(pipeline)), [])
    yield Check("dvc.lock is consistent", list(lock_is_consistent(pipeline)), [])
    results = [*results_are_those_of_their_params(pipeline), *results_agree(pipeline)]
    yield Check("results are those of their params", results, [])
    yield Check("declared dependencies are complete", list(declared_is_complete(pipeline, notes)), notes)
    yield Check("results hold", list(results_hold(pipeline)), [])
    yield Check("Git has what was checked, and no data", list(git_holds_what_it_should(pipeline)), [])
    if rerun:
        from stages.bagpipe.scratch_git import rerun_stages

        yield Check("a rerun gives the same bytes", list(rerun_stages(pipeline, rerun)), [])


def as_lines(check: Check) -> Iterator[str]:
    """A check as text; what is wrong with several stages stands once."""
    yield f"{'ok    ' if check.ok else 'FAILED'}  {check.name}"
    together: dict[tuple[str, str], list[str]] = {}
    for stage, problem, mend in check.findings:
        together.setdefault((problem, mend.replace(stage, "STAGE")), []).append(stage)
    for (problem, mend), stages in together.items():
        names = ", ".join(stages[:SHOWN]) + (f" and {len(stages) - SHOWN} more" if len(stages) > SHOWN else "")
        yield f"        {names}: {problem}"
        yield f"          to mend: {mend if len(stages) > 1 else mend.replace('STAGE', stages[0])}"
    for note in check.notes:
        yield f"        note: {note}"


def verify(as_json: bool = False, rerun: tuple[str, ...] = ()) -> None:
    """Print each check; exit with 1 unless all are ok.

    Args:
        rerun: stages to run again from scratch, too.
    """
    checks = []
    for check in all_checks(rerun):
        checks.append(check)
        if not as_json:
            print("\n".join(as_lines(check)), flush=True)
    ok = all(check.ok for check in checks)
    if as_json:
        content = [
            {"check": c.name, "ok": c.ok, "findings": [f._asdict() for f in c.findings], "notes": c.notes}
            for c in checks
        ]
        print(json.dumps({"ok": ok, "checks": content}, indent=2, ensure_ascii=False))
    if not ok:
        sys.exit(1)
