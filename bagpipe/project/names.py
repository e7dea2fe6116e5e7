"""Names that a user types: whether params.yaml has them, and where a trained model is."""

from collections.abc import Iterable
from pathlib import Path

from stages.common.basics.artifacts import MODELS
from stages.common.basics.errors import UserError


def check_name(kind: str, name: str, known: Iterable[str]) -> None:
    """Check that a dataset or model is one of params.yaml.

    Raises:
        UserError: it is not.
    """
    if name not in known:
        raise UserError(f"params.yaml: no {kind} {name!r}; it has {', '.join(known)}")


def model_folder(name: str) -> Path:
    """Where a trained model is.

    Raises:
        UserError: it is not trained yet.
    """
    folder = MODELS / name
    if not folder.is_dir():
        raise UserError(f"{folder}: {name} is not trained yet; run `dvc repro evaluate@{name}`")
    return folder
