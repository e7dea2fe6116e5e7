"""The project's text files at a Git revision or in the workspace, read without DVC and without data."""

import csv
import io
import json
import re
import tarfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from stages.common.basics.artifacts import MODEL_REPORTS, REPORTS
from stages.common.basics.errors import UserError
from stages.common.basics.params import PARAMS_FILE
from stages.common.basics.watch import PIPELINE_FILE
from stages.review.git import git_names, git_output, is_shallow, try_git
from stages.review.lock import LOCK_FILE, LockEntry, leaves, parse_lock, parse_mapping

READ = tuple(map(str, (PIPELINE_FILE, LOCK_FILE, PARAMS_FILE, REPORTS)))
WORKSPACE = "workspace"


def owner_and_figure(path: str, key: str) -> tuple[str, str]:
    """The model or dataset that a metric is of, nothing if of all, and its name there, as published.yaml has it."""
    file = PurePosixPath(path)  # the owner is its folder, wherever in reports/ that lies, or lay
    owner = "" if file.parent.name == REPORTS.name else file.parent.name
    return owner, key if file.stem == "metrics" else f"{file.stem}.{key}"


@dataclass(frozen=True)
class Side:
    """One of two states to compare: its files' contents by path, and what they hold.

    commit: the full hash; None of the workspace.
    """

    label: str
    commit: str | None
    files: dict[str, bytes]

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
        found = {}
        for path, content in self.files.items():
            if path.endswith(".json") and not path.endswith("/replicates.json"):  # means of what is judged
                try:
                    values = json.loads(content, parse_constant=str)  # NaN is no JSON, so it is kept as text
                except ValueError as error:
                    raise UserError(f"{self.label}: {path}: expected JSON; {error}") from None
                found |= {owner_and_figure(path, key): value for key, value in leaves(values)}
        return {name: value for name, value in found.items() if name[0] or name[1].endswith(".verdict")}

    def samples(self, model: str, figure: str) -> list[float]:
        """A figure under each further seed; none if there are no such runs.

        Raises:
            UserError: a value is no number.
        """
        paths = (f"{folder}/{model}/replicates.csv" for folder in (MODEL_REPORTS, REPORTS))  # where it lies, and lay
        path = next((path for path in paths if path in self.files), "")
        lines = list(csv.DictReader(io.StringIO(self.files.get(path, b"").decode(errors="replace"))))
        for column in (figure.replace(".", "_"), figure):  # the columns had dots once
            if lines and column in lines[0]:
                try:
                    return [float(line[column]) for line in lines]
                except (TypeError, ValueError):
                    raise UserError(f"{self.label}: {path}: expected numbers under {column}") from None
        return []


def check_project() -> None:
    """Check that this folder is the root of a project that Git keeps.

    Raises:
        UserError: it is not.
    """
    if not PIPELINE_FILE.exists():
        raise UserError(f"{PIPELINE_FILE}: no such file here; run this in the project's root")
    if try_git("rev-parse", "--git-dir").returncode:
        raise UserError("this folder is in no Git repository, so there are no revisions to compare")


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


def read_revision(revision: str) -> Side:
    """The files of a revision; a branch that is not here by itself is looked for as one of origin.

    Raises:
        UserError: no such revision; in a shallow clone the error says which fetch is needed.
    """
    for label in (revision, f"origin/{revision}"):
        if commit := find_commit(label):
            break
    else:
        raise no_such_revision(revision)
    names = git_names("ls-tree", "-z", "--name-only", commit, "--", *READ)
    if not names:
        return Side(label, commit, {})
    with tarfile.open(fileobj=io.BytesIO(git_output("archive", "--format=tar", commit, "--", *names))) as archive:
        files = {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}
    return Side(label, commit, files)


def read_workspace() -> Side:
    """The files as they lie here, committed or not; those half-written, which are hidden, left out."""
    paths = [path for name in READ for path in (Path(name), *Path(name).rglob("*"))]
    files = {path.as_posix(): path.read_bytes() for path in paths if path.is_file() and path.name[0] != "."}
    return Side(WORKSPACE, None, files)


def read_sides(old: str | None, new: str | None) -> tuple[Side, Side]:
    """Two revisions; `old` is by default the main branch, `new` the workspace.

    Raises:
        UserError: a revision, or the repository itself, is not there.
    """
    check_project()
    before = read_revision(main_branch() if old is None else old)
    return before, read_workspace() if new is None else read_revision(new)
