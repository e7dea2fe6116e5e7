"""Names that a user types: whether params.yaml has them, and where a trained model is."""

from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path

from stages.common.basics.errors import UserError
from stages.common.basics.params.reading import PARAMS_FILE
from stages.common.basics.paths import HERE, Paths


def check_name(kind: str, name: str, known: Collection[str], file: Path = PARAMS_FILE) -> None:
    """Check that a dataset or model is one of params.yaml.

    Raises:
        UserError: it is not; the nearest name is told.
    """
    if name not in known:
        nearest = get_close_matches(str(name), known, n=1)
        hint = f"; did you mean {nearest[0]}?" if nearest else ""
        raise UserError(f"{file}: no {kind} {name!r}; it has {', '.join(known)}{hint}")


def not_own(name: str) -> UserError:
    """The error that a dataset is not one's own."""
    return UserError(f"{name}: expected a dataset that `bagpipe add` has added; found one of Keras")


def model_folder(name: str, paths: Paths = HERE) -> Path:
    """Where a trained model of a project is.

    Raises:
        UserError: it is not trained yet.
    """
    folder = paths.model(name)
    if not folder.is_dir():
        raise UserError(f"{folder}: {name} is not trained yet; run `dvc repro evaluate@{name}`")
    return folder
