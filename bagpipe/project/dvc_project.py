"""The project as DVC sees it, opened for one run, whatever an earlier one that was killed has left in the way.

Who is still at work here is told by file locks, which end with their holder: one for the run, and two for each stage,
that of its command (supervise.py) and that of the stage itself (declared.py), for `dvc repro` may have started it.
"""

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any

import psutil
from dvc.exceptions import DvcException
from dvc.fs import LocalFileSystem
from dvc.repo import Repo, lock_repo
from dvc.rwlock import RWLOCK_FILE, SCHEMA
from voluptuous import Invalid

from bagpipe.project.lock import expect_hashes
from bagpipe.project.run_cache import HashedRunCache
from stages.common.basics.artifacts import new_file, partial_name, remove
from stages.common.basics.errors import UserError
from stages.common.basics.locks import LOCKS, hold_lock
from stages.common.basics.paths import Paths

NO_GIT = {"core": {"no_scm": True}}
UNFINISHED_BY_DVC = re.compile(r"\.[A-Za-z0-9_-]{22}\.tmp")  # `tmp_fname` of dvc_objects
RUN_LOCK = LOCKS / ".run.lock"


@contextmanager
def dvc_errors() -> Iterator[None]:
    """Turn what DVC or the system complains of into an error of one sentence."""
    try:
        yield
    except (DvcException, OSError) as error:
        is_named = isinstance(error, OSError) and error.filename
        raise UserError(f"{error.filename}: {error.strerror}" if is_named else str(error)) from None


class WholeFiles(LocalFileSystem):
    """Through this DVC writes its own files, such as rwlock: not in place, but beside, and then renamed."""

    def open(self, path: str, mode: str = "r", **options: Any) -> AbstractContextManager[IO[Any]]:
        return whole_file(Path(path), mode, **options) if "w" in mode else super().open(path, mode, **options)


@contextmanager
def whole_file(path: Path, mode: str, **options: Any) -> Iterator[IO[Any]]:
    with new_file(path) as partial, open(partial, mode, **options) as file:
        yield file


@contextmanager
def only_run(root: Path) -> Iterator[None]:
    """Be the only run of the project; wait for another one, and for stages that outlive one that was killed."""
    with hold_lock(root / RUN_LOCK, "Waiting for another run of this project to end."):
        for path in sorted((root / LOCKS).glob("*.lock")):
            if path != root / RUN_LOCK:
                name = path.name.removesuffix(".lock").removesuffix(".stage")
                with hold_lock(path, f"Waiting for {name}, which an earlier run has started, to end."):
                    pass
        yield


@contextmanager
def open_project(root: Path, tell: Callable[[str], None]) -> Iterator[Repo]:
    """The project, locked; other DVC commands are waited for.

    Args:
        tell: called with a sentence for each damage that is fixed.

    Raises:
        UserError: DVC cannot work here.
    """
    expect_hashes()
    config = None if any((folder / ".git").exists() for folder in (root, *root.parents)) else NO_GIT
    with Repo(fs=WholeFiles(), config=config, _wait_for_lock=True) as repo:
        if {"{", "}"} & set(repo.cache.local_cache_dir):
            raise UserError(f"{repo.cache.local_cache_dir}: expected a path without braces, which DVC cannot use")
        with lock_repo(repo), repo.scm_context(quiet=True):
            repair_rwlock(Path(repo.tmp_dir), tell)
            repo.stage_cache = HashedRunCache(repo, tell)
            yield repo


def repair_rwlock(folder: Path, tell: Callable[[str], None]) -> None:
    """Remove DVC's list of what is being read and written if a kill or a full disk has left it torn.

    Raises:
        UserError: so it is, and a process of DVC that may stand in it is running.
    """
    path = folder / RWLOCK_FILE
    try:
        SCHEMA(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return
    except (ValueError, RecursionError, Invalid):
        running = ", ".join(map(str, dvc_processes(folder.parents[1])))
        if running:
            problem = f"{path}: torn, and DVC is running (process {running})"
            raise UserError(f"{problem}: wait until it ends, then run again") from None
        path.unlink()
        tell(f"{os.path.relpath(path)} was torn when DVC was killed: removed")


def dvc_processes(root: Path) -> list[int]:
    """The processes of DVC's own command that run in a folder or below, this one left out."""
    found = []
    for process in psutil.process_iter(["pid", "cwd", "cmdline"]):
        cwd, words = process.info["cwd"], process.info["cmdline"] or []
        is_dvc = any(Path(word).name == "dvc" for word in words[:3])  # `dvc`, `python dvc`, `python -m dvc`
        if is_dvc and cwd and Path(cwd).is_relative_to(root) and process.info["pid"] != os.getpid():
            found.append(process.info["pid"])
    return found


def remove_leftovers(repo: Repo) -> None:
    """Remove what stages, and DVC on restoring, had not finished: in a folder that a stage reads it would count.

    Not what is downloaded: those files are checked, and the stage goes on from them.
    """
    outs = [Path(out.fs_path) for stage in repo.index.stages for out in stage.outs]
    for out in outs:
        if out.parent != Paths(Path(repo.root_dir)).all_raw:
            remove(partial_name(out))
    for folder in {out.parent for out in outs}:
        for path in folder.glob(".*.tmp"):
            if UNFINISHED_BY_DVC.fullmatch(path.name):
                remove(path)
