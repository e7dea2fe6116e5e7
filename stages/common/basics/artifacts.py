"""How artifacts are read and written.

Everything is written under a temporary name and renamed when it is whole, so a file under its final name is always
complete: an interrupted stage leaves nothing that a later one could take for a result.
"""

import csv
import errno
import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stages.common.basics.errors import UserError

DIVERGED = "training diverged; try a smaller learning_rate"
Table = list[dict[str, str]]  # of a CSV file: its lines, each value under its column's name


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Make a failure to write, as on a full disk, name the artifact; what writes often does not."""
    try:
        yield
    except OSError as error:
        if error.filename:
            raise
        raise OSError(error.errno or errno.EIO, f"cannot be written: {error.strerror or error}", str(path)) from None


def partial_name(path: Path) -> Path:
    """The hidden name that an artifact has until it is whole."""
    return path.with_name(f".{path.name}.partial")


def remove(path: Path) -> None:
    """Remove a file or folder, if there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def new_directory(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path`, which takes the name `path` when the block succeeds."""
    partial = partial_name(path)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        with _naming(path):
            yield partial
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    shutil.rmtree(path, ignore_errors=True)
    partial.rename(path)


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`, which takes the name `path` when the block succeeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_name(path)
    try:
        with _naming(path):
            yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    with new_file(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, content: dict[str, Any] | list[Any]) -> None:
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def write_csv(path: Path, header: Sequence[str], lines: Iterable[Sequence[Any]]) -> None:
    with new_file(path) as partial, open(partial, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(lines)


def read_csv(path: Path) -> Table:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def check_file(path: Path, size: int, sha256: str) -> None:
    """Check a file's size in bytes and its sha256.

    Raises:
        UserError: one of them differs.
    """
    found_size = path.stat().st_size
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if (found_size, found) != (size, sha256):
        raise UserError(
            f"{path}: expected {size:,} bytes with sha256 {sha256[:12]}..., "
            f"found {found_size:,} bytes with sha256 {found[:12]}..."
        )


def round_metric(value: float) -> float:
    """A metric as it is written: six decimals, more than float32 sums hold.

    Raises:
        UserError: it is not a finite number.
    """
    if not math.isfinite(value):
        raise UserError(f"expected figures to be numbers, found {value}: {DIVERGED}")
    return round(float(value), 6)
