"""The labelled texts of a dataset, opened as params.yaml says."""

from pathlib import Path

from stages.common.basics.errors import UserError
from stages.common.basics.params.sections import TextDataset
from stages.common.corpora.counting import Split
from stages.common.corpora.entries import Columns
from stages.common.corpora.layout import Layout, find_layout


def open_texts(dataset: TextDataset, raw: Path) -> tuple[Layout, Columns, Split | None]:
    """The files of a dataset's texts, and how they are read and split, as params.yaml says.

    Raises:
        UserError: they are of another format, or have a test set and shall be split, or neither.
    """
    layout = find_layout(raw, dataset.label)
    if layout.format != dataset.format:
        raise UserError(f"{raw}: expected files of the format {dataset.format}, found {layout.format}")
    if layout.has_test == (dataset.test_split is not None):
        found = f"found {dataset.test_split}"
        has, expected = ("no", "a share") if dataset.test_split is None else ("a", "none")
        raise UserError(f"params.yaml: test_split: expected {expected}, as {raw} has {has} test set; {found}")
    split = None if dataset.test_split is None else Split(dataset.test_split, dataset.salt)
    return layout, Columns(dataset.text, dataset.label, dataset.group), split
