"""`bagpipe add --append`: more texts for a dataset of one's own.

Which side of the split a text is on, a hash of its words says, so all that were there stay where they are.
"""

import re
from contextlib import ExitStack
from pathlib import Path

from bagpipe.datasets.add import Taken, check_source
from bagpipe.datasets.findings import Findings, check_labels, print_findings, read_findings
from bagpipe.datasets.keeping import keep_files, without_part
from bagpipe.datasets.preparing import open_source
from bagpipe.project.names import check_name, not_own
from stages.common.basics.errors import UserError
from stages.common.basics.params.questions import dataset_of
from stages.common.basics.params.reading import PARAMS_FILE, load_params
from stages.common.basics.params.sections import TextDataset
from stages.common.basics.paths import HERE
from stages.common.basics.terminal import wrap_text
from stages.common.corpora.counting import PARTS
from stages.common.corpora.labelled import open_texts
from stages.common.corpora.layout import Layout, TextFile, part_of_folders

ADDED = re.compile(r"\badded_(\d+)")


def append(name: str, source: Path, move: bool, taken: Taken, dry_run: bool = False) -> None:
    """Add texts to those of a dataset; either all of it is done or nothing is changed, which it is in a dry run, too.

    Raises:
        UserError: there is no such dataset, or something is wrong with the texts, or with all of them together.
    """
    dataset, raw = own_dataset(name), HERE.raw(name)
    check_source(name, source, move, taken.told)
    if not raw.is_dir():
        raise UserError(f"{raw}: expected the texts that {name} has, found none; `dvc checkout {HERE.added(name)}`")
    here, columns, split = open_texts(dataset, raw)
    with ExitStack() as stack:
        opened = open_source(stack, source, columns, taken.told, taken.parts)
        check_like(name, source, opened.layout, here)
        places = choose_places(here, opened.layout, opened.place if opened.place.is_dir() else source.parent, raw)
        new = [file._replace(path=places[file.path]) for file in opened.layout.files]
        both = Layout(here.format, [*here.files, *opened.layout.files], opened.layout.ignored)
        before, after = (read_findings(*read, columns, split) for read in ((raw, here), (source, both)))
        if not taken.joined_labels:
            check_labels(source, after.vocabulary.texts_of_all())

        def check() -> None:
            check_taken_for(name, source, [*here.files, *new], open_texts(dataset, raw)[0].files)

        if not dry_run:
            keep_files(name, places, None, move, check)
    known = opened.names if opened.place in opened.names else {**opened.names, **places}
    after = after._replace(notes=opened._replace(names=known).all_notes(after.notes, raw))
    print_findings(raw, both, after, opened.lacking)
    print("", *map(wrap_text, tell_new(name, before, after, dry_run)), sep="\n")


def own_dataset(name: str) -> TextDataset:
    """The dataset of one's own that `bagpipe add` has added under a name.

    Raises:
        UserError: there is none.
    """
    params = load_params()
    check_name("dataset", name, params.datasets)
    dataset = dataset_of(params, name)
    if not isinstance(dataset, TextDataset):
        raise not_own(name)
    if dataset.texts != name:
        raise UserError(f"{name}: its texts are those of {dataset.texts}: `bagpipe add {dataset.texts} ... --append`")
    return dataset


def check_like(name: str, source: Path, layout: Layout, here: Layout) -> None:
    """Check that new files are like those of their dataset: of its format, and of a split only if those are.

    Raises:
        UserError: not so.
    """
    if layout.format != here.format:
        raise UserError(f"{source}: expected files of the format {here.format}, as {name} has; found {layout.format}")
    if here.has_test and not all(file.part for file in layout.files):
        way = "put these into a folder named train, or test, and name the folder above it"
        raise UserError(f"{source}: expected names that tell the split, as {name} has a test set of its own; {way}")
    if not here.has_test and any(file.part for file in layout.files):
        way = "--parts none takes these for further texts to split"
        raise UserError(f"{source}: expected texts of no split, as {name} is split by a hash of the words; {way}")


def choose_places(here: Layout, layout: Layout, folder: Path, raw: Path) -> dict[Path, Path]:
    """Where new files go in data/raw: under names that are free, and say what theirs say in the way of those there.

    Args:
        here: the dataset's files, in `raw`; layout: the new ones, in `folder`.
    """
    below = [file.path.relative_to(raw) for file in here.files]
    number = 1 + max((int(found) for path in below for found in ADDED.findall(path.name)), default=0)
    by_folder = any(map(part_of_folders, below))
    places = {}
    for index, file in enumerate(layout.files, start=1):
        path = without_part(file.path.relative_to(folder), index)
        mark = f"added_{number}" if by_folder or file.part is None else f"added_{number}_{file.part}"
        first, dot, rest = path.name.partition(".")  # the first may be a label, the rest is the suffixes
        path = path.with_name(f"{first}.{mark}.{rest}" if dot else f"{mark}_{first}")
        places[file.path] = raw / (file.part or "" if by_folder else "") / path
    return places


def check_taken_for(name: str, source: Path, expected: list[TextFile], found: list[TextFile]) -> None:
    """Check that all files of a dataset are of the split and the label that each of them was before.

    Raises:
        UserError: one is not.
    """
    if others := set(expected) ^ set(found):
        path = min(file.path for file in others)
        way = f"name the files in {source} as those in {HERE.raw(name)} are named"
        raise UserError(f"{path}: expected the split and label that it has by itself, found others; {way}")


def tell_new(name: str, before: Findings, after: Findings, dry_run: bool) -> list[str]:
    """What the new texts are, and what comes next, a paragraph each."""
    counts = {part: after.texts(part) - before.texts(part) for part in PARTS if after.texts(part)}
    repeated = sum(counts.values()) - sum(len(after.hashes[part]) - len(before.hashes[part]) for part in PARTS)
    parts = ", ".join(f"{count:,} in {part}" for part, count in counts.items())
    said = [f"New: {sum(counts.values()):,} texts, {parts}; {repeated:,} of them repeat others word for word."]
    labels = sorted(set(after.vocabulary.labels()) - set(before.vocabulary.labels()))
    if labels:
        said.append(f"New labels: {', '.join(map(repr, labels))}.")
    if counts.get("validation"):
        said.append(
            f"{PARAMS_FILE}: set holdout of defaults.{name} to {after.texts('validation')}, the texts that validate."
        )
    if dry_run:
        return [*said, "Nothing is changed: --dry-run."]
    stay = f"All earlier texts stay on their side of the split. `bagpipe repro` runs what depends on {name}, and "
    stay += "`bagpipe diff` compares it with the last commit."
    return [*said, stay, f"To keep it: `git add {HERE.added(name)}`."]
