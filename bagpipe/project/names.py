"""Names that a user types: whether params.yaml has them, and where a trained model is."""

from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path

from stages.common.basics.artifacts import MODELS
from stages.common.basics.errors import UserError
from stages.common.basics.params.reading import PARAMS_FILE


def check_name(kind: str, name: str, known: Collection[str], file: Path = PARAMS_FILE) -> None:
    """Check that a dataset or model is one of params.yaml.

    Raises:
        UserError: it is not; the nearest name is told.
    """
    if name not in known:
        nearest = get_close_matches(str(name), known, n=1)
        hint = f"; did you mean {nearest[0]}?" if nearest else ""
        raise UserError(f"{file}: no {kind} {name!r}; it has {', '.join(known)}{hint}")


def model_folder(name: str, root: Path = Path()) -> Path:
    """Where a trained model of the project in a folder is.

    Raises:
        UserError: it is not trained yet.
    """
    folder = root / MODELS / name
    if not folder.is_dir():
        raise UserError(f"{folder}: {name} is not trained yet; run `dvc repro evaluate@{name}`")
    return folder
