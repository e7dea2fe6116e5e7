"""Parquet; the names of classes are where Hugging Face's `datasets` keeps them, in the file's metadata."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stages.common.basics.errors import UserError
from stages.common.corpora.entries import OTHER_NAMES, Columns, Entry, shorten_list
from stages.common.corpora.layout import TextFile
from stages.common.corpora.readers.records import convert_text, unwrap_label
from stages.common.corpora.readers.tables import needed_columns

NO_CLASS = -1  # what Hugging Face writes where there is no label


def read_parquet(file: TextFile, columns: Columns) -> Iterator[Entry]:
    import pyarrow
    import pyarrow.parquet

    path, number, needed = file.path, 0, needed_columns(file, columns)
    try:
        with pyarrow.parquet.ParquetFile(path) as opened:
            found = opened.schema_arrow.names
            for name in needed:
                if found.count(name) != 1:
                    said = f"found {shorten_list(found)}; {OTHER_NAMES}"
                    raise UserError(f"{path}: expected one column {name!r}, {said}")
            classes = class_names(opened.schema_arrow.metadata, columns.label)
            kind: type | None = None
            for batch in opened.iter_batches(batch_size=4_096, columns=needed):
                for content in batch.to_pylist():
                    number += 1
                    where_it_is = f"{path}: row {number}"
                    if file.label is None:
                        label = unwrap_label(content[columns.label], where_it_is)
                        if classes is not None:
                            label = name_class(label, classes, f"{where_it_is}: {columns.label}")
                        kind = kind or (None if label is None else type(label))
                    else:
                        label = file.label
                    yield convert_text({**content, columns.label: label}, columns, number, where_it_is, kind)
    except UnicodeDecodeError:
        raise UserError(f"{path}: after row {number}: expected UTF-8") from None
    except (pyarrow.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: after row {number}: expected a Parquet file; {reason}") from None


def read_names(path: Path) -> list[str]:
    """The columns of a file; none if it is no Parquet file."""
    import pyarrow
    import pyarrow.parquet

    try:
        return pyarrow.parquet.read_schema(path).names
    except (pyarrow.ArrowException, OSError):
        return []


def class_names(metadata: dict[bytes, bytes] | None, column: str) -> list[str] | None:
    """The names of a column's classes, if it is a `ClassLabel` of Hugging Face's `datasets`."""
    try:
        feature = json.loads((metadata or {})[b"huggingface"])["info"]["features"][column]
        names = feature["names"] if feature["_type"] == "ClassLabel" else None
    except (KeyError, TypeError, ValueError):
        return None
    return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else None


def name_class(label: Any, classes: list[str], where_it_is: str) -> Any:
    """The name of a class by its number."""
    if not isinstance(label, int):
        return label
    if label == NO_CLASS:
        return None
    if 0 <= label < len(classes):
        return classes[label]
    raise UserError(f"{where_it_is}: expected a number of one of {len(classes)} classes, found {label}")
