"""The project's files at a Git revision or in the workspace, read without DVC and without data."""

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from bagpipe.project.git import git_message, git_names, git_output, is_shallow, read_blobs, read_tree, try_git
from bagpipe.project.lock import LOCK_FILE, LockEntry, leaves, parse_lock, parse_mapping
from stages.common.basics.errors import UserError
from stages.common.basics.params.reading import PARAMS_FILE
from stages.common.basics.paths import HERE
from stages.common.basics.watch import PIPELINE_FILE

if TYPE_CHECKING:
    from stages.common.basics.answers import Answers

READ = tuple(map(str, (PIPELINE_FILE, LOCK_FILE, PARAMS_FILE, HERE.reports)))
# What these say is judged by itself: means of what `diff` judges, and how like ours a published run is.
OVER_SEEDS = ("/replicates.json", "/learning_curves.json")
WORKSPACE = "workspace"
EXPERIMENT = re.compile(r"refs/exps/[0-9a-f]{2}/[0-9a-f]{38,62}/(.+)")  # below the commit that it started from


def owner_and_figure(path: str, key: str) -> tuple[str, str]:
    """The model or dataset that a metric is of, nothing if of all, and its name there, as published.yaml has it."""
    file = PurePosixPath(path)  # the owner is its folder, wherever in reports/ that lies, or lay
    owner = "" if file.parent.name == HERE.reports.name else file.parent.name
    return owner, key if file.stem == "metrics" else f"{file.stem}.{key}"


def is_of_dvc_add(path: str) -> bool:
    """Whether a file is what `dvc add` writes beside raw data."""
    return path.startswith(f"{HERE.all_raw}/") and path.endswith(".dvc")


def files_of(path: str, tree: Iterable[str]) -> list[str]:
    """A file, or the files of a folder that DVC counts."""
    found = [name for name in tree if name == path or name.startswith(f"{path}/")]
    return [name for name in found if "__pycache__" not in PurePosixPath(name).parts]


def dvc_hash(path: str, contents: dict[str, bytes]) -> str | None:
    """DVC's hash of a file or of the files of a folder."""
    md5s = {name: hashlib.md5(content, usedforsecurity=False).hexdigest() for name, content in contents.items()}
    if not md5s or path in md5s:
        return md5s.get(path)
    from dvc_data.hashfile.hash_info import HashInfo
    from dvc_data.hashfile.tree import Tree

    tree = Tree()
    for name, md5 in md5s.items():
        tree.add(PurePosixPath(name).relative_to(path).parts, None, HashInfo("md5", md5))
    tree.digest()
    return tree.oid


@dataclass(frozen=True)
class Side:
    """One of two states to compare, and what its files hold.

    commit: the full hash; None of the workspace.
    tree: all files by path, with the ids of their contents in Git; these are empty in the workspace.
    """

    label: str
    commit: str | None
    tree: dict[str, str]
    _hashes: dict[str, str | None] = field(default_factory=dict)
    _answers: dict[str, "Answers"] = field(default_factory=dict)

    @property
    def short(self) -> str:
        """The label, a full hash cut as Git cuts it."""
        return self.label[:7] if self.label == self.commit else self.label

    def contents(self, paths: Iterable[str]) -> dict[str, bytes]:
        if self.commit is None:
            return {path: Path(path).read_bytes() for path in paths}
        ids = {path: self.tree[path] for path in paths}
        blobs = read_blobs(ids.values())
        return {path: blobs[name] for path, name in ids.items()}

    @cached_property
    def files(self) -> dict[str, bytes]:
        """The files of figures and params, and DVC's, by path; those half-written, which are hidden, left out."""
        within = tuple(f"{name}/" for name in READ)
        paths = [path for path in self.tree if f"{path}/".startswith(within) and not Path(path).name.startswith(".")]
        return self.contents([*paths, *(path for path in self.tree if is_of_dvc_add(path))])

    def md5(self, path: str) -> str | None:
        """The hash that dvc.lock would have of a file or folder of Git's; None if there is no such."""
        if path not in self._hashes:
            self._hashes[path] = dvc_hash(path, self.contents(files_of(path, self.tree)))
        return self._hashes[path]

    def mapping(self, path: Path) -> dict[str, Any]:
        """A YAML file, {} if there is none; see `parse_mapping`."""
        return parse_mapping(self.files.get(str(path), b""), f"{self.label}: {path}")

    @cached_property
    def params(self) -> dict[str, Any]:
        return self.mapping(PARAMS_FILE)

    @cached_property
    def models(self) -> dict[str, Any]:
        return self.params.get("models") or {}

    @cached_property
    def stages_per_model(self) -> set[str]:
        """The stages of dvc.yaml that run once a model."""
        stages = self.mapping(PIPELINE_FILE).get("stages") or {}
        return {name for name, stage in stages.items() if stage.get("foreach") == "${models}"}

    @cached_property
    def lock(self) -> dict[str, LockEntry]:
        return parse_lock(self.files.get(str(LOCK_FILE), b""), f"{self.label}: {LOCK_FILE}")

    @cached_property
    def metrics(self) -> dict[tuple[str, str], Any]:
        """The figures of the JSON reports by owner and name, and the verdicts on those published.

        Raises:
            UserError: a report is no JSON.
        """
        found: dict[tuple[str, str], Any] = {}
        for path, content in self.files.items():
            if path.endswith(".json") and not path.endswith(OVER_SEEDS):
                try:
                    values = json.loads(content, parse_constant=str)  # NaN is no JSON, so it is kept as text
                except ValueError as error:
                    raise UserError(f"{self.label}: {path}: expected JSON; {error}") from None
                found |= {owner_and_figure(path, key): value for key, value in leaves(values)}
        return {name: value for name, value in found.items() if name[0] or name[1].endswith(".verdict")}

    def replicates_file(self, model: str) -> str:
        """The path of replicates.csv; empty if there is none."""
        folders = HERE.model_report(model), HERE.reports / model  # where it lies, and lay
        paths = (f"{folder}/replicates.csv" for folder in folders)
        return next((path for path in paths if path in self.files), "")

    def has_answers(self, model: str) -> bool:
        """Whether it is recorded which test texts each further seed got wrong."""
        return str(HERE.errors_of_model(model)) in self.files

    def answers(self, model: str) -> "Answers":
        """Which they are.

        Raises:
            UserError: the file is damaged.
        """
        if model not in self._answers:
            from stages.common.basics.answers import parse_answers  # numpy: where there is something to judge

            path = str(HERE.errors_of_model(model))
            self._answers[model] = parse_answers(self.files[path], f"{self.label}: {path}")
        return self._answers[model]

    def samples(self, model: str, figure: str) -> dict[int, float]:
        """A figure under each further seed; none if there are no such runs.

        Raises:
            UserError: a seed or a value is no number.
        """
        path = self.replicates_file(model)
        lines = list(csv.DictReader(io.StringIO(self.files.get(path, b"").decode(errors="replace"))))
        for column in (figure.replace(".", "_"), figure):  # the columns had dots once
            if lines and column in lines[0]:
                try:
                    return {int(line["seed"]): float(line[column]) for line in lines}
                except (KeyError, TypeError, ValueError):
                    raise UserError(f"{self.label}: {path}: expected numbers under seed and {column}") from None
        return {}


def check_project() -> None:
    """Check that this folder is the root of a project that Git keeps.

    Raises:
        UserError: it is not.
    """
    if not PIPELINE_FILE.exists():
        raise UserError(f"{PIPELINE_FILE}: no such file here; run this in the project's root")
    found = try_git("rev-parse", "--git-dir")
    if found.returncode:
        raise UserError(
            f"expected a Git repository here, whose commits are what to compare; git: {git_message(found)}"
        )


def find_commit(revision: str) -> str | None:
    """The full hash of a revision; None if there is none of that name here."""
    found = try_git("rev-parse", "--quiet", "--verify", f"{revision}^{{commit}}").stdout.decode().strip()
    return found if re.fullmatch("[0-9a-f]{40,64}", found) else None


def main_branch() -> str:
    """The main branch: `main`, or what the remote calls it."""
    head = try_git("symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD").stdout.decode().strip()
    names = ("main", head.removeprefix("origin/"), "master")
    return next((name for name in names if find_commit(name) or find_commit(f"origin/{name}")), "main")


def no_such_revision(revision: str) -> UserError:
    """An error that says how to bring what a clone of one branch, or a shallow one, does not have."""
    shallow = is_shallow()
    message = f"{revision!r}: no such revision in this {'shallow clone' if shallow else 'repository'}"
    if git_output("remote").strip():
        command = f"git fetch {'--unshallow ' if shallow else ''}origin '+refs/heads/*:refs/remotes/origin/*'"
        message += f"; if the remote has it, `{command}` brings it"
    return UserError(message)


def find_experiment(name: str) -> str | None:
    """The full hash of an experiment of `dvc exp run`, by its name; None if there is none.

    Raises:
        UserError: experiments from different commits have this name.
    """
    refs = (
        line.split(" ", 1)
        for line in git_output("for-each-ref", "--format=%(objectname) %(refname)", "refs/exps")
        .decode(errors="replace")
        .splitlines()
    )
    found = sorted({commit for commit, ref in refs if (match := EXPERIMENT.fullmatch(ref)) and match[1] == name})
    if len(found) > 1:
        commits = ", ".join(commit[:7] for commit in found)
        raise UserError(f"{name!r}: {len(found)} experiments have this name; name one by its commit: {commits}")
    return found[0] if found else None


def read_revision(revision: str) -> Side:
    """A branch, tag or commit; a branch that is not here by itself, of origin; or an experiment of DVC's.

    Raises:
        UserError: no such revision; in a shallow clone the error says which fetch is needed.
    """
    for label in (revision, f"origin/{revision}"):
        if commit := find_commit(label):
            return Side(label, commit, read_tree(commit))
    if commit := find_experiment(revision):
        return Side(revision, commit, read_tree(commit))
    raise no_such_revision(revision)


def read_workspace() -> Side:
    """The files as they lie here, committed or not, but for those that Git ignores."""
    names = git_names("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    return Side(WORKSPACE, None, {name: "" for name in sorted(names) if Path(name).is_file()})


def read_sides(old: str | None, new: str | None) -> tuple[Side, Side]:
    """Two revisions; `old` is by default the main branch, `new` the workspace.

    Raises:
        UserError: a revision, or the repository itself, is not there.
    """
    check_project()
    before = read_revision(main_branch() if old is None else old)
    return before, read_workspace() if new is None else read_revision(new)
