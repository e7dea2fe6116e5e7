"""`bagpipe add`: labelled texts become a dataset of the pipeline, with a model to start from."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML

from bagpipe.datasets.findings import Findings, check_labels, print_findings, print_next, read_findings
from bagpipe.datasets.first_model import FEATURES, Choice, choose_defaults, choose_model, choose_units
from bagpipe.datasets.keeping import keep_files, without_part
from bagpipe.datasets.preparing import Told, open_source
from bagpipe.project.sections import read_params, with_entry
from stages.common.basics.errors import UserError
from stages.common.basics.params.params import Params
from stages.common.basics.params.reading import PARAMS_FILE, first_sentence, load_params
from stages.common.basics.params.sections import TextDataset
from stages.common.basics.params.types import Name
from stages.common.basics.paths import HERE
from stages.common.corpora.counting import PARTS, Split
from stages.common.corpora.entries import Columns
from stages.common.corpora.layout import Layout

SALT = 1
REMARKS = {
    "num_words": "columns: the most frequent terms of the training texts, less the marks of Keras' encoding",
    "test_split": "the share of texts to test on, by a hash of their words; none: they have a test set",
    "salt": "of the hash that puts the texts in order: another one gives another order, and split",
}


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


def make_dataset(name: str, layout: Layout, columns: Columns, num_words: int, test_share: float) -> TextDataset:
    """The dataset as params.yaml will have it.

    Raises:
        UserError: an option is beyond what is possible there.
    """
    named = columns._asdict() if layout.has_columns else {}
    told = {key: value for key, value in named.items() if value is not None}
    share = None if layout.has_test else test_share
    try:
        return TextDataset(texts=name, format=layout.format, **told, num_words=num_words, test_split=share, salt=SALT)
    except ValidationError as error:
        raise UserError(f"--{first_sentence(error).replace('_', '-', 1)}") from None


def make_entries(name: str, dataset: TextDataset, findings: Findings) -> dict[str, str]:
    """The entries of params.yaml for a dataset and a first model, by section, with reasons."""
    classes, (train, validation, test) = len(findings.vocabulary.labels()), map(findings.texts, PARTS)
    of_dataset = {
        key: Choice(value, REMARKS.get(key, "")) for key, value in dataset.model_dump(exclude_unset=True).items()
    }
    titles = {
        "datasets": f"{train + validation + test:,} texts of {classes} classes",
        "defaults": "",
        "models": choose_units(classes).reason,
    }
    entries = {
        "datasets": of_dataset | FEATURES,
        "defaults": choose_defaults(name, classes, train, validation),
        "models": choose_model(name, findings.vocabulary.texts_of("train").values()),
    }
    return {
        section: "\n".join(
            [format_title(name, titles[section]), *(format_entry(*entry) for entry in choices.items())]
        )
        for section, choices in entries.items()
    }


def format_title(name: str, remark: str) -> str:
    return f"  {name}:" + (f"  # {remark}" if remark else "")


def format_entry(key: str, choice: Choice) -> str:
    if isinstance(choice.value, list):
        return "\n".join(
            [format_entry(key, Choice(None, choice.reason)), *(f"    - {value}" for value in choice.value)]
        )
    value = "" if choice.value is None else f" {format_yaml(choice.value)}"
    return f"    {key}:{value}" + (f"  # {choice.reason}" if choice.reason else "")


def format_yaml(value: object) -> str:
    """A value as YAML has it: text in quotes, unless it would be the same without."""
    if isinstance(value, str) and (not value.isidentifier() or YAML(typ="safe").load(value) != value):
        return "'" + value.replace("'", "''") + "'"
    return str(value)


def list_moves(layout: Layout, source: Path, target: Path, with_parts: bool = True) -> Iterator[tuple[Path, Path]]:
    """Each file and where it goes; with_parts: names there may say which split it is of."""
    for number, file in enumerate(layout.files, start=1):
        below = Path(file.path.name) if source.is_file() else file.path.relative_to(source)
        yield file.path, target / (below if with_parts else without_part(below, number))


def check_source(name: str, source: Path, move: bool, told: Told) -> None:
    """Check that texts are not of this project, and are moved as they are.

    Raises:
        UserError: not so.
    """
    raw, given = HERE.raw(name).resolve(), source.resolve()
    if raw.is_relative_to(given) or given.is_relative_to(raw):
        raise UserError(f"{source}: expected a folder of texts, found one that this project is in")
    if move and (told.of_files or told.of_texts):
        raise UserError("--move: expected files that are kept as they are; these are written anew: leave it out")


class Taken(NamedTuple):
    """What is taken for what.

    parts: names of files and folders may say which split they are of; joined_labels: a label that looks like several
    is one; told: how texts are read.
    """

    parts: bool = True
    joined_labels: bool = False
    told: Told = Told()


def add(
    name: str,
    source: Path,
    columns: Columns,
    num_words: int,
    test_share: float,
    move: bool,
    taken: Taken = Taken(),  # noqa: B008 # nothing changes it
    dry_run: bool = False,
) -> None:
    """Make labelled texts a dataset; either all of it is done or nothing is changed, which it is in a dry run, too.

    Raises:
        UserError: something is wrong with the name or the texts.
    """
    check_new(name, load_params())
    check_source(name, source, move, taken.told)
    with ExitStack() as stack:
        opened = open_source(stack, source, columns, taken.told, taken.parts)
        layout = opened.layout
        check_options(layout, columns, test_share)
        dataset = make_dataset(name, layout, columns, num_words, test_share)
        split = None if layout.has_test else Split(test_share, SALT)
        findings = read_findings(opened.place, layout, columns, split)
        if not taken.joined_labels:
            check_labels(source, findings.vocabulary.texts_of_all())
        text, entries = read_params(), make_entries(name, dataset, findings)
        for section, entry in entries.items():
            text = with_entry(text, section, entry)
        if not dry_run:
            keep_files(name, dict(list_moves(layout, opened.place, HERE.raw(name), taken.parts)), text, move)
    findings = findings._replace(notes=opened.all_notes(findings.notes, source if dry_run else HERE.raw(name)))
    print_findings(source, layout, findings, opened.lacking)
    if dry_run:
        print(f"\n{PARAMS_FILE} would have:\n")
        print(*(f"{section}:\n{entry}" for section, entry in entries.items()), sep="\n")
        print("\nNothing is changed: --dry-run.")
    else:
        print_next(name)
