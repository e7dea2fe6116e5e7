"""The pipeline as dvc.yaml, dvc.lock, the params and Git have it, and how a check of it says what is wrong.

The studies are among its stages; each stage goes by what DVC addresses it by, as in `studies/dvc.yaml:null_study`.
"""

from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc_data.hashfile.build import IgnoreInCollectedDirError

from bagpipe.project.git import git_names
from bagpipe.project.lock import STUDIES, expect_hashes, read_locks
from stages.common.basics.errors import UserError
from stages.common.basics.params.reading import PARAMS_FILE, load_params, read_yaml
from stages.common.basics.watch import PIPELINE_FILE
from stages.common.judging.published import load_published


class Finding(NamedTuple):
    """Something untrue. stage: or a group of stages, or a file."""

    stage: str
    problem: str
    fix: str


class CommittedPipeline:
    """What the files say, each read once.

    Raises:
        UserError: one of them is not valid.
    """

    def __init__(self) -> None:
        self.params = load_params()
        self.notebooks = load_published(self.params)
        self.content: dict[str, Any] = read_yaml(PARAMS_FILE)
        self.lock = read_locks()
        expect_hashes()
        try:
            self.repo = Repo()
            every = sorted(self.repo.index.stages, key=lambda stage: stage.addressing)
        except DvcException as error:
            raise UserError(" ".join(str(error).split())) from None
        self.stages = [stage for stage in every if stage.cmd]
        self.added = [stage.path_in_repo for stage in every if not stage.cmd]  # files of `dvc add`, which run nothing
        self.outs = {str(out): (stage, out) for stage in every for out in stage.outs}
        self._hashes: dict[str, Any] = {}

    def hash(self, item: Any) -> Any:
        """DVC's hash of a dep or out as it lies there; None if it does not, or not on this machine.

        Raises:
            UserError: it is a folder with a .dvcignore of its own, which DVC refuses.
        """
        path = str(item)
        if path not in self._hashes:
            try:
                self._hashes[path] = item.get_hash() if item.protocol == "local" and item.exists else None
            except IgnoreInCollectedDirError as error:
                raise UserError(f"{path}: {error}") from None
        return self._hashes[path]

    def is_data(self, path: str) -> bool:
        """Whether a path is kept by DVC, not Git: it may be missing."""
        return any(out.use_cache and PurePosixPath(path).is_relative_to(name) for name, (_, out) in self.outs.items())

    @cached_property
    def committed(self) -> dict[str, int]:
        """The files of the last commit, and their sizes."""
        entries = (line.partition("\t") for line in git_names("ls-tree", "-r", "-l", "-z", "HEAD"))
        return {path: int(facts.split()[3].replace("-", "0")) for facts, _, path in entries}  # - is a submodule


def split_deps(stage: Any) -> tuple[list[Any], list[Any]]:
    """A stage's deps that are files or folders, and those that are params."""
    params = [dep for dep in stage.deps if hasattr(dep, "params")]
    return [dep for dep in stage.deps if dep not in params], params


def is_study(stage: Any) -> bool:
    """Whether a stage is one of studies/dvc.yaml."""
    return PurePosixPath(stage.path_in_repo) == PurePosixPath(STUDIES / PIPELINE_FILE)


def repro_advice(stage: Any) -> str:
    command = "make studies" if is_study(stage) else f"dvc repro {stage.addressing}"
    return f"`{command}`, then commit"
