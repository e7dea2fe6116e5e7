"""Where each artifact lies and how it is laid out: the one place that knows both.

Everything is written under a temporary name and renamed when it is whole, so that what bears an
artifact's name is complete: an interrupted stage leaves nothing that a later one could take for a result.
"""

import csv
import errno
import io
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

RAW = Path("data/raw")
VECTORIZED = Path("data/vectorized")
MODELS = Path("data/models")
PREDICTIONS = Path("data/predictions")
REPORTS = Path("reports")


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Make a failure to write, as on a full disk, name the artifact; what writes often does not."""
    try:
        yield
    except OSError as error:
        if error.filename:
            raise
        raise OSError(error.errno or errno.EIO, f"cannot be written: {error.strerror or error}", str(path)) from None


@contextmanager
def new_directory(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path`, which takes the name `path` when the block succeeds."""
    partial = path.with_name(f".{path.name}.partial")
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
    partial = path.with_name(f".{path.name}.partial")
    try:
        with _naming(path):
            yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    with new_file(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, content: dict[str, Any]) -> None:
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def write_csv(path: Path, header: Sequence[str], lines: Iterable[Sequence[Any]]) -> None:
    with new_file(path) as partial, open(partial, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(lines)


def read_csv(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_npy(path: Path, array: np.ndarray) -> None:
    with new_file(path) as partial, open(partial, "wb") as file:
        content = io.BytesIO()  # numpy's own way to write to a file does not notice when the last bytes fail
        np.save(content, array, allow_pickle=False)
        file.write(content.getbuffer())


def rounded(value: float) -> float:
    """A metric as it is written: six decimals, more than float32 sums hold."""
    return round(float(value), 6)
