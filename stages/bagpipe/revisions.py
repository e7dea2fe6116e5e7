"""The project's text files at a Git revision or in the workspace, read without DVC and without data."""

import csv
import io
import json
import re
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from stages.common.artifacts import REPORTS
from stages.common.errors import UserError
from stages.common.params import PARAMS_FILE

PIPELINE, LOCK = Path("dvc.yaml"), Path("dvc.lock")
READ = (PIPELINE.name, LOCK.name, PARAMS_FILE.name, REPORTS.name)
WORKSPACE = "workspace"


@dataclass(frozen=True)
class Side:
    """One of two states to compare: its files' contents by path, and what they hold.

    commit: the full hash; None of the workspace.
    """

    label: str
    commit: str | None
    files: dict[str, bytes]

    def yaml(self, path: str) -> dict[str, Any]:
        """A YAML file by the rules of DVC; {} if there is none.

        Raises:
            UserError: it is no YAML, or no mapping.
        """
        try:
            content = YAML(typ="safe", pure=True).load(self.files.get(path, b"")) or {}
        except (YAMLError, UnicodeDecodeError) as error:
            raise UserError(f"{self.label}: {path}: expected YAML; {' '.join(str(error).split())}") from None
        if not isinstance(content, dict):
            raise UserError(f"{self.label}: {path}: expected a mapping, found {type(content).__name__}")
        return content

    @cached_property
    def params(self) -> dict[str, Any]:
        return self.yaml(PARAMS_FILE.name)

    @cached_property
    def models(self) -> dict[str, Any]:
        return self.params.get("models") or {}

    @cached_property
    def stages_per_model(self) -> set[str]:
        """The stages of dvc.yaml that run once a model."""
        stages = self.yaml(PIPELINE.name).get("stages") or {}
        return {name for name, stage in stages.items() if stage.get("foreach") == "${models}"}

    @cached_property
    def lock(self) -> dict[str, dict[str, Any]]:
        """The entries of dvc.lock, each with its params by dotted key, and its hashes by path.

        Raises:
            UserError: it is not laid out as DVC does.
        """

        def hashes(files: list[dict] | None) -> dict[str, Any]:
            return {file["path"]: file.get("md5") for file in files or []}

        try:
            return {
                name: {
                    "cmd": entry.get("cmd"),
                    "params": {k: v for keys in (entry.get("params") or {}).values() for k, v in keys.items()},
                    "deps": hashes(entry.get("deps")),
                    "outs": hashes(entry.get("outs")),
                }
                for name, entry in (self.yaml(LOCK.name).get("stages") or {}).items()
            }
        except (AttributeError, KeyError, TypeError):
            raise UserError(f"{self.label}: {LOCK}: expected stages with deps, params and outs") from None

    @cached_property
    def metrics(self) -> dict[tuple[str, str], Any]:
        """Every value of the JSON reports, by path and dotted key.

        Raises:
            UserError: a report is no JSON.
        """
        found = {}
        for path, content in self.files.items():
            if path.endswith(".json"):
                try:
                    values = json.loads(content, parse_constant=str)  # NaN is no JSON, so it is kept as text
                except ValueError as error:
                    raise UserError(f"{self.label}: {path}: expected JSON; {error}") from None
                found |= {(path, key): value for key, value in leaves(values)}
        return found

    def samples(self, model: str, figure: str) -> list[float]:
        """A figure under each further seed; none if there are no such runs.

        Raises:
            UserError: a value is no number.
        """
        path = f"{REPORTS.name}/{model}/replicates.csv"
        lines = list(csv.DictReader(io.StringIO(self.files.get(path, b"").decode(errors="replace"))))
        for column in (figure.replace(".", "_"), figure):  # the columns had dots once
            if lines and column in lines[0]:
                try:
                    return [float(line[column]) for line in lines]
                except (TypeError, ValueError):
                    raise UserError(f"{self.label}: {path}: expected numbers under {column}") from None
        return []


def leaves(content: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The values of nested mappings, each with its dotted key."""
    if isinstance(content, dict) and content:
        for key, value in content.items():
            yield from leaves(value, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, content


def git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run Git here and keep what it prints."""
    return subprocess.run(["git", *arguments], capture_output=True)


def output(*arguments: str) -> bytes:
    """What a Git command prints.

    Raises:
        UserError: it failed.
    """
    done = git(*arguments)
    if done.returncode:
        reason = (done.stderr.decode(errors="replace").splitlines() or ["failed"])[-1]
        raise UserError(f"git {arguments[0]}: {reason}")
    return done.stdout


def check_project() -> None:
    """Check that this folder is the root of a project that Git keeps.

    Raises:
        UserError: it is not.
    """
    if not PIPELINE.exists():
        raise UserError(f"{PIPELINE}: no such file here; run this in the project's root")
    if git("rev-parse", "--git-dir").returncode:
        raise UserError("this folder is in no Git repository, so there are no revisions to compare")


def find_commit(revision: str) -> str | None:
    """The full hash of a revision; None if there is none of that name here."""
    found = git("rev-parse", "--quiet", "--verify", f"{revision}^{{commit}}").stdout.decode().strip()
    return found if re.fullmatch("[0-9a-f]{40,64}", found) else None


def main_branch() -> str:
    """The main branch: `main`, or what the remote calls it."""
    head = git("symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD").stdout.decode().strip()
    names = ("main", head.removeprefix("origin/"), "master")
    return next((name for name in names if find_commit(name) or find_commit(f"origin/{name}")), "main")


def fetch_for(revision: str, shallow: bool) -> str:
    """The `git fetch` that brings a revision into this clone."""
    if re.search(r"[~^@:]|^HEAD$|^[0-9a-f]{7,39}$", revision):  # by place in the history, or abbreviated
        return "git fetch --unshallow" if shallow else "git fetch --all"
    depth = "--depth=1 " if shallow else ""
    if re.fullmatch("[0-9a-f]{40}", revision):
        return f"git fetch {depth}origin {revision}"
    name = revision.removeprefix("origin/")
    return f"git fetch {depth}origin {name}:refs/remotes/origin/{name}"


def no_such_revision(revision: str) -> UserError:
    """An error that says what to do: in a shallow clone, say, which fetch is needed."""
    shallow = git("rev-parse", "--is-shallow-repository").stdout.strip() == b"true"
    where = "this shallow clone" if shallow else "this repository"
    message = f"{revision!r}: no such revision in {where}"
    if git("remote").stdout.strip():
        message += f"; if the remote has it, `{fetch_for(revision, shallow)}` brings it"
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
    names = output("ls-tree", "-z", "--name-only", commit, "--", *READ).decode().split("\0")[:-1]
    if not names:
        return Side(label, commit, {})
    with tarfile.open(fileobj=io.BytesIO(output("archive", "--format=tar", commit, "--", *names))) as archive:
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
    return read_revision(main_branch() if old is None else old), read_workspace() if new is None else read_revision(
        new
    )
