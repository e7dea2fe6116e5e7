"""Find the files of labelled texts in a folder, and what their names say of them."""

import bz2
import gzip
import lzma
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from stages.common.basics.errors import UserError

Format = Literal["csv", "tsv", "jsonl", "parquet", "fasttext", "folders"]
Part = Literal["train", "validation", "test"]

SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".txt": "fasttext",
    ".ft": "fasttext",
}
OPENERS: dict[str, Callable[[Path], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
ZSTANDARD = ".zst"
# A name says which split a file is of as for Hugging Face's `datasets`: a word of it does, or a folder's name.
PART_OF_WORD: dict[str, Part] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}
WORD = re.compile(r"[^-._ /0-9]+")


class TextFile(NamedTuple):
    """A file of texts. part: None if its name says nothing; label: of a file of a folder of its class."""

    path: Path
    part: Part | None
    label: str | None = None


class Layout(NamedTuple):
    """What a folder holds. ignored: files that are no texts, or of no split where others are."""

    format: Format
    files: list[TextFile]
    ignored: list[Path]

    @property
    def has_test(self) -> bool:
        return any(file.part == "test" for file in self.files)

    @property
    def has_columns(self) -> bool:
        return self.format not in ("fasttext", "folders")


def plain_suffix(path: Path) -> str:
    """A file's suffix besides that of its compression, in small letters: `.csv` of `a.CSV.gz`."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in (*OPENERS, ZSTANDARD):
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def find_split(path: Path) -> Part | None:
    """The split that a path below the folder names, by the last of its words that does."""
    found = [PART_OF_WORD[word] for word in WORD.findall(path.as_posix().lower()) if word in PART_OF_WORD]
    return found[-1] if found else None


def files_below(folder: Path) -> list[Path]:
    """All files in a folder and its folders, in order.

    Raises:
        UserError: a symbolic link leads out of the folder, or nowhere, or to a folder.
        OSError: a folder cannot be read.
    """

    def fail(error: OSError) -> None:
        raise error

    found = []
    for parent, folders, names in os.walk(folder, onerror=fail):
        for name in folders:
            if os.path.islink(os.path.join(parent, name)):
                raise UserError(f"{Path(parent, name)}: expected a folder, found a symbolic link")
        found += [Path(parent, name) for name in names]
    root = os.path.realpath(folder)
    for path in found:
        if not path.exists() or not Path(os.path.realpath(path)).is_relative_to(root):
            raise UserError(f"{path}: expected a file, found a symbolic link out of {folder}")
    return sorted(found)


def find_layout(source: Path) -> Layout:
    """See what a folder, or a single file, holds. A file by itself is of no split, whatever its name.

    Raises:
        UserError: nothing that can be read, several formats, or a symbolic link that leads elsewhere.
    """
    if source.is_file():
        form = SUFFIXES.get(plain_suffix(source))
        if form is None:
            raise UserError(f"{source}: expected a file of labelled texts ({', '.join(SUFFIXES)})")
        return Layout(form, [TextFile(source, None)], [])
    paths = files_below(source)
    below = {path: path.relative_to(source) for path in paths}
    visible = [path for path in paths if not any(name.startswith(".") for name in below[path].parts)]
    known = {path: SUFFIXES[plain_suffix(path)] for path in visible if plain_suffix(path) in SUFFIXES}
    if set(known.values()) != {"fasttext"}:  # beside others, .txt is what is to be read first
        known = {path: form for path, form in known.items() if form != "fasttext"}
    form = check_format(source, known)
    if form == "fasttext" and any(class_folders(below[path]) for path in known):
        form, files = "folders", in_class_folders(source, visible)
    else:
        files = [TextFile(path, find_split(below[path])) for path in known]
    if any(file.part for file in files):
        files = [file for file in files if file.part]
        if not any(file.part == "train" for file in files):
            found = ", ".join(sorted({str(file.part) for file in files}))
            raise UserError(f"{source}: expected a file or folder named train, found only {found}")
    read = {file.path for file in files}
    return Layout(form, files, [path for path in paths if path not in read])


def check_format(source: Path, known: dict[Path, Format]) -> Format:
    """The one format that all files have."""
    if not known:
        expected = ", ".join(sorted({*SUFFIXES, *OPENERS, ZSTANDARD}))
        raise UserError(f"{source}: expected files of labelled texts ({expected}), found none")
    first = {form: path for path, form in reversed(known.items())}
    if len(first) > 1:
        found = ", ".join(path.name for path in first.values())
        raise UserError(f"{source}: expected files of one format, found {found}")
    return next(iter(first))


def class_folders(path: Path) -> list[str]:
    """The folders above a file, without one that names its split."""
    return [name for name in path.parts[:-1] if name.lower() not in PART_OF_WORD]


def in_class_folders(source: Path, paths: Iterable[Path]) -> list[TextFile]:
    """Each file with the class that its folder is named after.

    Raises:
        UserError: a text lies in no such folder, or in a folder of one.
    """
    files = []
    for path in paths:
        below = path.relative_to(source)
        suffix = plain_suffix(path)
        if len(below.parts) > 1 and (suffix in ("", ".txt") or suffix[1:].isdigit()):
            classes = class_folders(below)
            if len(classes) != 1:
                found = f"found {'/'.join(classes)}" if classes else "found none"
                raise UserError(f"{path}: expected a folder for each label around its texts, {found}")
            parts = [PART_OF_WORD[name.lower()] for name in below.parts[:-1] if name.lower() in PART_OF_WORD]
            files.append(TextFile(path, parts[0] if parts else None, classes[0]))
    return files
