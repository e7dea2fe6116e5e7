"""Where the official files are, from which all start that are measured."""

import os
from pathlib import Path

from stages.common.basics.errors import UserError
from stages.common.basics.params.params import Params

HEADLINE = ("imdb", "reuters")  # the models of the two chapters, and their datasets


def official_files(params: Params) -> Path:
    """The folder that has them.

    Raises:
        UserError: it has not.
    """
    mirror = Path(os.environ.get("DATASETS_MIRROR") or Path.home() / ".keras" / "datasets").resolve()
    if not all((mirror / file).exists() for name in HEADLINE for file in params.official[name]):
        raise UserError(f"{mirror}: expected the official files; set DATASETS_MIRROR to a folder that has them")
    return mirror
