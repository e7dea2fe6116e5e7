"""The audit hook (PEP 578) that sees each file of the project that a stage opens, lists or changes."""

import ast
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from stages.common.basics.errors import UserError
from stages.common.basics.params.reading import PARAMS_FILE

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Audit events of what changes files besides `open`: the places of each path, and of the folder it is relative to
CHANGING: dict[str, list[tuple[int, int | None]]] = {
    "os.link": [(0, 2), (1, 3)],
    "os.mkdir": [(0, 2)],
    "os.remove": [(0, 1)],
    "os.rename": [(0, 2), (1, 3)],
    "os.rmdir": [(0, 1)],
    "os.symlink": [(0, 2), (1, 2)],
    "os.truncate": [(0, None)],
    "shutil.rmtree": [(0, None)],
}
LISTING = ("os.listdir", "os.scandir")
THIS_FOLDER = -1
STAGES, PIPELINE_FILE = Path("stages"), Path("dvc.yaml")


class Declares(Protocol):
    """What the hook needs to know of a stage: paths are relative to the project's root."""

    @property
    def name(self) -> str: ...
    @property
    def deps(self) -> tuple[str, ...]: ...
    @property
    def outs(self) -> tuple[str, ...]: ...

    def refuse(self, what: str, section: str, name: str) -> None: ...


class Watch:
    """The hook. It raises UserError where a stage does what it does not declare."""

    def __init__(self, declared: Declares, root: Path) -> None:
        self._declared = declared
        self._root = root
        self._exempt = tuple(f"{folder}{os.sep}" for folder in exempt_folders(declared.name, root))
        self._docstrings = {path for path in STAGES.rglob("__init__.py") if is_docstring(path)}
        self.refused: UserError | None = None  # code that catches every exception does not get away with it

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            self._see(path, self._change if flags & WRITING else self.read)
        elif event in LISTING:
            self._see(arguments[0], self._list)
        elif event in CHANGING:
            for place, folder in CHANGING[event]:
                if (
                    folder is None or arguments[folder] == THIS_FOLDER
                ):  # else it is within one that has been looked at
                    self._see(arguments[place], self._make_folder if event == "os.mkdir" else self._change)

    def _see(self, path: Any, check: Any) -> None:
        if not isinstance(path, str | bytes | os.PathLike):  # a file descriptor
            return
        full = os.path.abspath(os.fsdecode(path))
        if not full.startswith(f"{self._root}{os.sep}") or f"{full}{os.sep}".startswith(self._exempt):
            return
        try:
            check(Path(full).relative_to(self._root))
        except UserError as error:
            self.refused = error
            raise

    def _change(self, path: Path) -> None:
        if not self._is_own(path) and "__pycache__" not in path.parts:
            self._refuse_itself(path)
            self._declared.refuse(f"writes {path}", "outs", str(path))

    def _make_folder(self, path: Path) -> None:
        if not any(Path(out).is_relative_to(path) for out in self._declared.outs):
            self._change(path)

    def _list(self, path: Path) -> None:
        if path.parts[0] != STAGES.name:  # where Python looks for modules
            self.read(path, listed=True)

    def read(self, path: Path, listed: bool = False) -> None:
        """See a file that is read, a module that is imported, or a folder that is listed."""
        if path.parent.name == "__pycache__":
            path = path.parent.parent / f"{path.name.partition('.')[0]}.py"  # what it was compiled from
        if self._is_own(path) or path in self._docstrings or path.parts[0].endswith(".egg-info"):  # pip's
            return
        if any(path.is_relative_to(dep) for dep in self._declared.deps):
            return
        if listed or (self._root / path).is_file():  # what is not there says nothing
            self._refuse_itself(path)
            self._declared.refuse(f"reads {path}", "deps", str(path))

    def _refuse_itself(self, path: Path) -> None:
        if path in (PARAMS_FILE, PIPELINE_FILE):
            raise UserError(f"{self._declared.name} opens {path}: expected it to use its argument `params`")

    def _is_own(self, path: Path) -> bool:
        """Whether a path is an out, a file in it, or the hidden name that it has until it is whole."""
        return any(path.is_relative_to(out) or is_hidden_name(path, Path(out)) for out in self._declared.outs)


def is_hidden_name(path: Path, out: Path) -> bool:
    """Whether a path is, or is in, `.NAME.*` beside an out NAME."""
    depth = len(out.parts)
    own = path.parts[:depth]
    return len(own) == depth and own[:-1] == out.parts[:-1] and own[-1].startswith(f".{out.name}.")


def is_docstring(path: Path) -> bool:
    """Whether a module says what its folder is for, and nothing else."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body)


def exempt_folders(stage: str, root: Path) -> Iterator[str]:
    """Folders of the project that are not its own: an environment, temporary files, a cache, a user's files."""
    folders = [sys.prefix, tempfile.gettempdir(), os.environ.get("MPLCONFIGDIR")]
    if stage.startswith("download@"):
        folders += [os.environ.get("DATASETS_MIRROR"), os.environ.get("KERAS_HOME")]
    if stage.startswith("replicate@"):
        folders.append(".dvc/tmp")  # runs are kept there by a hash of all that is declared
    for folder in folders:
        if folder and Path(os.path.abspath(folder)).is_relative_to(root) and os.path.abspath(folder) != str(root):
            yield os.path.abspath(folder)
