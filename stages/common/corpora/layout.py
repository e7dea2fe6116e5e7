"""Find the files of labelled texts in a folder, and what their names say of them."""

import lzma
import os
import re
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import unquote

from stages.common.basics.errors import UserError
from stages.common.corpora.compression import OPENERS, ZSTANDARD, open_bytes

Format = Literal["csv", "tsv", "jsonl", "parquet", "fasttext", "folders"]
Part = Literal["train", "validation", "test"]

SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".txt": "fasttext",
    ".ft": "fasttext",
}
# What names say which split a file is of, see `find_parts`; the words are those of Hugging Face's `datasets`.
PART_OF_WORD: dict[str, Part] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}
WORD = re.compile(r"[^-._ /0-9]+")
LABEL = "__label__"
LONGEST_LINE, MOST_BLANK = 1_000_000, 1_000  # bytes of a first line, and empty lines before it, that are looked at


class TextFile(NamedTuple):
    """A file of texts. part: None if no name says it; label: that of all its texts, if its name or folder says so."""

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


def find_parts(paths: Iterable[Path]) -> dict[Path, Part | None]:
    """The split that each of some paths, below their folder, is of.

    A folder named after a split decides alone. Otherwise the last word of a file's name that can do so does, if all
    names have such a word, one of them that of training: `dev_jobs` may be about the jobs of developers.
    """
    by_folder = {path: part_of_folders(path) for path in paths}
    if any(by_folder.values()):
        return by_folder
    by_name = {path: part_of_name(path.name) for path in by_folder}
    if all(by_name.values()) and "train" in by_name.values():
        return by_name
    return dict.fromkeys(by_name)


def part_of_folders(path: Path) -> Part | None:
    """The split that a folder above a file is named after: `test`, or `split=test`."""
    found = [PART_OF_WORD[word] for word in map(folder_word, path.parts[:-1]) if word in PART_OF_WORD]
    return found[-1] if found else None


def folder_word(name: str) -> str:
    """What a folder's name says, `test` of `split=test`."""
    key, equals, value = name.lower().partition("=")
    return value if equals and key in ("split", "part") else name.lower()


def part_of_name(name: str) -> Part | None:
    found = [PART_OF_WORD[word] for word in WORD.findall(name.lower()) if word in PART_OF_WORD]
    return found[-1] if found else None


def label_of_folders(path: Path, column: str) -> str | None:
    """The label of a file in a partition of it, as in `label=good/part-0.parquet`."""
    found = [name.partition("=")[2] for name in path.parts[:-1] if name.partition("=")[0] == column and "=" in name]
    return unquote(found[-1]) if found else None


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


def find_layout(
    source: Path, label: str = "label", with_parts: bool = True, without: frozenset[Path] = frozenset()
) -> Layout:
    """See what a folder, or a single file, holds. A file by itself is of no split, whatever its name.

    Args:
        label: the column of the labels, which a folder may be a partition of.
        with_parts: names may say which split a file is of; without: files that are not looked at.

    Raises:
        UserError: nothing that can be read, several formats, or a symbolic link that leads elsewhere.
    """
    if source.is_file():
        form = SUFFIXES.get(plain_suffix(source))
        if form is None:
            raise UserError(f"{source}: expected a file of labelled texts ({', '.join(SUFFIXES)})")
        form, files = look_into(form, [TextFile(source, None)])
        return Layout(form, files, [])
    paths = files_below(source)
    below = {path: path.relative_to(source) for path in paths}
    visible = [
        path for path in paths if path not in without and not any(name.startswith(".") for name in below[path].parts)
    ]
    known = {path: SUFFIXES[plain_suffix(path)] for path in visible if plain_suffix(path) in SUFFIXES}
    if set(known.values()) != {"fasttext"}:  # beside others, .txt is what is to be read first
        known = {path: form for path, form in known.items() if form != "fasttext"}
    if not known and (unnamed := [path for path in visible if is_text_of_class(below[path])]):
        known = dict.fromkeys(unnamed, "fasttext")
    form = check_format(source, known)
    if form == "fasttext" and any(class_folders(below[path]) for path in known):
        form, files = "folders", in_class_folders(source, visible)
    else:
        parts = find_parts(below[path] for path in known)
        files = [TextFile(path, parts[below[path]], label_of_folders(below[path], label)) for path in known]
    if not with_parts:
        files = [file._replace(part=None) for file in files]
    form, files = look_into(form, files)
    if any(file.part for file in files):
        files = [file for file in files if file.part]
        if not any(file.part == "train" for file in files):
            found = ", ".join(sorted({str(file.part) for file in files}))
            raise UserError(f"{source}: expected a file or folder named train, found only {found}")
    read = {file.path for file in files}
    return Layout(form, files, [path for path in paths if path not in read])


def look_into(form: Format, files: list[TextFile]) -> tuple[Format, list[TextFile]]:
    """What text files are, by the first line of each: fastText's, tables with tabs, or a file for each label."""
    if form != "fasttext":
        return form, files
    first = [first_line(file.path) for file in files]
    if any(LABEL in line for line in first):
        return form, files
    if all("\t" in line for line in first):
        return "tsv", files
    if len(files) > 1 and not any(file.part for file in files):
        return form, [file._replace(label=file.path.name.partition(".")[0]) for file in files]
    return form, files


def first_line(path: Path) -> str:
    """The first line of a text file that is not empty; empty if it cannot be read, which reading will tell."""
    try:
        with open_bytes(path) as file:
            lines = (file.readline(LONGEST_LINE) for _ in range(MOST_BLANK))
            return next((line for line in lines if line.strip()), b"").decode("utf-8", errors="replace")
    except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error):  # pyarrow's are the third
        return ""


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


def is_text_of_class(path: Path) -> bool:
    """Whether a file may be a text in the folder of its class: the names of 20 Newsgroups' are numbers."""
    suffix = plain_suffix(path)
    return len(path.parts) > 1 and (suffix in ("", ".txt") or suffix[1:].isdigit())


def in_class_folders(source: Path, paths: Iterable[Path]) -> list[TextFile]:
    """Each file with the class that its folder is named after.

    Raises:
        UserError: a text lies in no such folder, or in a folder of one.
    """
    files = []
    for path in paths:
        below = path.relative_to(source)
        if is_text_of_class(below):
            classes = class_folders(below)
            if len(classes) != 1:
                found = f"found {'/'.join(classes)}" if classes else "found none"
                raise UserError(f"{path}: expected a folder for each label around its texts, {found}")
            parts = [PART_OF_WORD[name.lower()] for name in below.parts[:-1] if name.lower() in PART_OF_WORD]
            files.append(TextFile(path, parts[0] if parts else None, classes[0]))
    return files
