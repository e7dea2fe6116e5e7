"""`bagpipe add`: labelled texts become a dataset of the pipeline, with a model to start from."""

import logging
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML
from tabulate import tabulate
from tqdm import tqdm

from bagpipe.datasets.first_model import Choice, choose_defaults, choose_units
from bagpipe.project.sections import read_params, with_entry, write_params
from stages.common.basics.errors import UserError
from stages.common.basics.params.params import Params
from stages.common.basics.params.reading import PARAMS_FILE, first_sentence, load_params
from stages.common.basics.params.sections import TextDataset
from stages.common.basics.params.types import Name
from stages.common.basics.paths import HERE
from stages.common.basics.terminal import escape_controls, wrap_text
from stages.common.basics.workers import start_workers
from stages.common.corpora.counting import PARTS, Split, count_block, read_blocks
from stages.common.corpora.formats import Columns
from stages.common.corpora.layout import Layout, Part, find_layout, find_split
from stages.vectorize.encoding import Vocabulary
from stages.vectorize.labelled import check_texts

SALT = 1
FEW_LABELS = 30  # shown with their counts
FEW_FILES = 5  # left out, shown by name
WIDEST_LABEL = 40  # characters of one in the table
REMARKS = {
    "num_words": "columns: the most frequent words of the training texts, less three marks",
    "test_split": "the share of texts to test on, by a hash of their words; none: they have a test set",
    "salt": "of the hash that puts the texts in order: another one gives another order, and split",
}


class Findings(NamedTuple):
    """What is in the texts.

    sizes: words of each text; hashes: of the texts of each part, each once, ascending; wordless: texts left out.
    """

    vocabulary: Vocabulary
    sizes: np.ndarray
    hashes: dict[Part, np.ndarray]
    wordless: int

    def texts(self, part: str) -> int:
        return sum(self.vocabulary.texts_of(part).values())


def read_findings(source: Path, layout: Layout, columns: Columns, split: Split | None) -> Findings:
    """Read everything once; of each text some bytes stay in memory.

    Raises:
        UserError: something is wrong with a text, or with all of them together.
    """
    vocabulary, sizes, wordless = Vocabulary(), [], 0
    hashes: dict[int, list[np.ndarray]] = {number: [] for number in range(len(PARTS))}
    with start_workers() as workers, tqdm(unit=" texts", unit_scale=True, disable=None, leave=False) as progress:
        for counted in workers.map(count_block, read_blocks(layout, columns), split):
            vocabulary.add(counted)
            sizes.append(counted.sizes.astype(np.int32))
            wordless += counted.wordless
            for number, found in hashes.items():
                found.append(counted.order[counted.parts == number])
            progress.update(len(counted.order))
    check_texts(source, vocabulary, layout, columns, split)
    distinct = {PARTS[number]: np.unique(np.concatenate(found)) for number, found in hashes.items()}
    return Findings(vocabulary, np.concatenate(sizes), distinct, wordless)


def check_new(name: str, params: Params) -> None:
    """Check that a name can be one of a dataset, and is free.

    Raises:
        UserError: it is not.
    """
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError:
        expected = "up to 60 small letters, digits and underscores, a letter first"
        raise UserError(f"NAME: expected {expected}; found {name!r}") from None
    if format_yaml(name) != name:
        raise UserError(f"NAME: expected a name that is no word of YAML's own, found {name!r}")
    for section in ("datasets", "models", "defaults"):
        if name in getattr(params, section):
            raise UserError(f"{PARAMS_FILE}: {section}: expected no {name!r} yet; choose another name")
    for path in (HERE.raw(name), HERE.added(name)):
        if path.exists():
            raise UserError(f"{path}: expected nothing there yet; choose another name")


def check_options(layout: Layout, columns: Columns, test_share: float) -> None:
    """Check that options suit the files.

    Raises:
        UserError: they do not.
    """
    if len(set(columns.named())) != len(columns.named()):
        raise UserError(f"--text, --label, --group: expected different columns, found {', '.join(columns.named())}")
    if not layout.has_columns and columns != Columns():
        raise UserError(f"--text, --label, --group: expected with columns alone; these texts are {layout.format}")
    if columns.group and layout.has_test:
        raise UserError("--group: it says how texts are split, and these are split already; leave it out")
    if not 0 < test_share < 1:
        raise UserError(f"--test-split: expected a share between 0 and 1, found {test_share}")


def make_dataset(layout: Layout, columns: Columns, num_words: int, test_share: float) -> TextDataset:
    """The dataset as params.yaml will have it.

    Raises:
        UserError: an option is beyond what is possible there.
    """
    named = columns._asdict() if layout.has_columns else {}
    told = {key: value for key, value in named.items() if value is not None}
    share = None if layout.has_test else test_share
    try:
        return TextDataset(format=layout.format, **told, num_words=num_words, test_split=share, salt=SALT)
    except ValidationError as error:
        raise UserError(f"--{first_sentence(error).replace('_', '-', 1)}") from None


def make_entries(name: str, dataset: TextDataset, findings: Findings) -> dict[str, str]:
    """The entries of params.yaml for a dataset and a first model, by section, with reasons."""
    classes, (train, validation, test) = len(findings.vocabulary.labels()), map(findings.texts, PARTS)
    units = choose_units(classes)
    lines = [f"  {name}:  # {train + validation + test:,} texts of {classes} classes"]
    for key, value in dataset.model_dump(exclude_unset=True).items():
        lines.append(format_entry(key, Choice(value, REMARKS.get(key, ""))))
    choices = choose_defaults(name, classes, train, validation)
    model = [f"  {name}:  # {units.reason}", format_entry("dataset", Choice(name))]
    model += ["    hidden:", f"    - {units.value}", f"    - {units.value}"]
    return {
        "datasets": "\n".join(lines),
        "defaults": "\n".join([f"  {name}:", *(format_entry(key, choice) for key, choice in choices.items())]),
        "models": "\n".join(model),
    }


def format_entry(key: str, choice: Choice) -> str:
    value = "" if choice.value is None else f" {format_yaml(choice.value)}"
    return f"    {key}:{value}" + (f"  # {choice.reason}" if choice.reason else "")


def format_yaml(value: object) -> str:
    """A value as YAML has it: text in quotes, unless it would be the same without."""
    if isinstance(value, str) and (not value.isidentifier() or YAML(typ="safe").load(value) != value):
        return "'" + value.replace("'", "''") + "'"
    return str(value)


def list_moves(layout: Layout, source: Path, target: Path) -> Iterator[tuple[Path, Path]]:
    """Each file and where it goes. A file by itself is of no split, so it must not have the name of one there."""
    for file in layout.files:
        below = Path(file.path.name) if source.is_file() else file.path.relative_to(source)
        if source.is_file() and find_split(below):
            below = Path("texts" + "".join(below.suffixes))
        yield file.path, target / below


def take_back(places: list[tuple[Path, Path]], target: Path) -> None:
    """Put moved files back and delete what else is in `target`, and the folders above it if they are empty."""
    for path, place in places:
        if place.exists() and not path.exists():
            shutil.move(place, path)
    shutil.rmtree(target, ignore_errors=True)
    for folder in (target.parent, target.parent.parent):
        with suppress(OSError):
            folder.rmdir()


def add(name: str, source: Path, columns: Columns, num_words: int, test_share: float, move: bool) -> None:
    """Make labelled texts a dataset; either all of it is done or nothing is changed.

    Raises:
        UserError: something is wrong with the name or the texts.
    """
    check_new(name, load_params())
    layout = find_layout(source)
    check_options(layout, columns, test_share)
    if (HERE.raw(name)).resolve().is_relative_to(source.resolve()):
        raise UserError(f"{source}: expected a folder of texts, found one that this project is in")
    dataset = make_dataset(layout, columns, num_words, test_share)
    split = None if layout.has_test else Split(test_share, SALT)
    findings = read_findings(source, layout, columns, split)
    text = read_params()
    for section, entry in make_entries(name, dataset, findings).items():
        text = with_entry(text, section, entry)
    keep_files(name, list(list_moves(layout, source, HERE.raw(name))), text, move)
    print_findings(name, source, layout, findings)


def keep_files(name: str, places: list[tuple[Path, Path]], text: str, move: bool) -> None:
    """Copy or move files to data/raw, hand them to DVC, and write params.yaml; or leave everything as it was."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    from bagpipe.project.dvc_project import repair_rwlock

    target = HERE.raw(name)
    logging.getLogger("dvc").setLevel(logging.WARNING)  # what to commit is said by `show`
    ignored = HERE.raw(".gitignore")
    undo_files = {path: path.read_bytes() if path.exists() else None for path in (ignored, HERE.added(name))}
    try:
        with ExitStack() as undo, Repo() as repo:
            undo.callback(take_back, places, target)
            undo.callback(restore, undo_files)
            repair_rwlock(Path(repo.tmp_dir), print)
            for path, place in tqdm(places, "moving" if move else "copying", disable=None, leave=False):
                place.parent.mkdir(parents=True, exist_ok=True)
                (shutil.move if move and not path.is_symlink() else shutil.copyfile)(path, place)
            repo.add(str(target))
            write_params(text)
            undo.pop_all()
    except DvcException as error:
        raise UserError(" ".join(str(error).split())) from None


def restore(files: dict[Path, bytes | None]) -> None:
    """Give files the content that they had, or none."""
    for path, content in files.items():
        if content is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(content)


def shorten_label(label: str) -> str:
    """A label as the table has room for it."""
    text = escape_controls(label)
    return text if len(text) <= WIDEST_LABEL else f"{text[: WIDEST_LABEL - 3]}..."


def print_findings(name: str, source: Path, layout: Layout, findings: Findings) -> None:
    """Print what was found, what is left out and why, and what comes next."""
    parts = [part for part in PARTS if findings.texts(part)]
    counts = {part: findings.vocabulary.texts_of(part) for part in parts}
    labels = sorted(findings.vocabulary.labels(), key=lambda label: (-sum(counts[p][label] for p in parts), label))
    lines = [[shorten_label(label), *(f"{counts[part][label]:,}" for part in parts)] for label in labels[:FEW_LABELS]]
    total = [f"all {len(labels)} labels", *(f"{findings.texts(part):,}" for part in parts)]
    align = ["left", *["right"] * len(parts)]
    print(f"{source}: {len(layout.files):,} {'file' if len(layout.files) == 1 else 'files'}, {layout.format}\n")
    print(tabulate([*lines, total], ["label", *parts], disable_numparse=True, colalign=align))
    if len(labels) > FEW_LABELS:
        print(f"({len(labels) - FEW_LABELS} labels with fewer texts are not listed.)")
    sizes = findings.sizes
    print(f"\nWords a text: {sizes.min():,} to {sizes.max():,}, median {int(np.median(sizes)):,}.")
    doubles = {part: findings.texts(part) - len(findings.hashes[part]) for part in parts}
    print("Duplicates: " + ", ".join(f"{count:,} in {part}" for part, count in doubles.items()) + ".")
    for part in ("validation", "test"):
        both = len(np.intersect1d(findings.hashes[part], findings.hashes["train"]))
        if both:
            print(f"In {part} and in train: {both:,} different texts.")
    if np.median(sizes) <= 1:
        told = "Most texts are a single word: words are told apart by spaces and ASCII punctuation alone, so texts "
        print(wrap_text(told + "in a script without spaces must be cut into words before."))
    if findings.wordless:
        print(f"Left out: {findings.wordless:,} texts without a word.")
    for path in layout.ignored[:FEW_FILES]:
        print(f"Left out: {escape_controls(str(path))}, no file of texts of any split.")
    if len(layout.ignored) > FEW_FILES:
        print(f"Left out: {len(layout.ignored) - FEW_FILES} more such files.")
    said = f"The texts are in {HERE.raw(name)}, kept by DVC; {PARAMS_FILE} has the dataset {name} and a model {name}."
    train = f"Next: `bagpipe repro`, then see {HERE.reports / 'README.md'}."
    look_first = f"Before you train, `bagpipe repro describe@{name}` looks for test texts that training has, for "
    look_first += f"contradictions and rare classes: {HERE.dataset_report(name)}."
    keep_it = f"To keep it: `git add {PARAMS_FILE} {HERE.added(name)}`. To take it all back: `bagpipe remove {name}`."
    print("", *map(wrap_text, (said, train, look_first, keep_it)), sep="\n")
