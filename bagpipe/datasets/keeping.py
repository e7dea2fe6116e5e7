"""The files of a dataset in data/raw: named, copied or moved there, and handed to DVC; or nothing is changed."""

import logging
import shutil
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

from tqdm import tqdm

from bagpipe.project.sections import write_params
from stages.common.basics.errors import UserError
from stages.common.basics.paths import HERE
from stages.common.corpora.layout import part_of_folders, part_of_name


def without_part(path: Path, number: int) -> Path:
    """A path that names no split, of the file of this number: two of one name in such folders stay apart."""
    folders = [name for name in path.parts[:-1] if part_of_folders(Path(name, "file")) is None]
    if len(folders) == len(path.parts) - 1 and part_of_name(path.name) is None:
        return path
    return Path(*folders, f"texts_{number}{''.join(path.suffixes)}")


def keep_files(
    name: str, places: dict[Path, Path], text: str | None, move: bool, check: Callable[[], None] = lambda: None
) -> None:
    """Copy or move files to data/raw, hand them to DVC, and write params.yaml; or leave everything as it was.

    Args:
        places: where each file goes; text: what params.yaml becomes, None if it stays.
        check: called when the files are there; what it raises leaves everything as it was.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    from bagpipe.project.dvc_project import repair_rwlock

    logging.getLogger("dvc").setLevel(logging.WARNING)  # what to commit is said by `print_next`
    ignored = HERE.raw(".gitignore")
    undo_files = {path: path.read_bytes() if path.exists() else None for path in (ignored, HERE.added(name))}
    try:
        with ExitStack() as undo, Repo() as repo:
            undo.callback(take_back, places)
            undo.callback(restore, undo_files)
            repair_rwlock(Path(repo.tmp_dir), print)
            for path, place in tqdm(places.items(), "moving" if move else "copying", disable=None, leave=False):
                place.parent.mkdir(parents=True, exist_ok=True)
                (shutil.move if move and not path.is_symlink() else shutil.copyfile)(path, place)
            check()
            repo.add(str(HERE.raw(name)))
            if text is not None:
                write_params(text)
            undo.pop_all()
    except DvcException as error:
        raise UserError(" ".join(str(error).split())) from None


def take_back(places: dict[Path, Path]) -> None:
    """Put moved files back, delete copies, and delete the folders above them that are empty then."""
    for path, place in places.items():
        if path.exists():
            place.unlink(missing_ok=True)
        elif place.exists():
            shutil.move(place, path)
    above = {folder for place in places.values() for folder in place.parents if folder.name}
    for folder in sorted(above, reverse=True):
        with suppress(OSError):
            folder.rmdir()


def restore(files: dict[Path, bytes | None]) -> None:
    """Give files the content that they had, or none."""
    for path, content in files.items():
        if content is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(content)
