"""What is said about a mistake in params.yaml or published.yaml, and such mistakes."""

from pathlib import Path
from typing import Any

import pytest
from editing import edit_yaml

from bagpipe.scratch.copies import ROOT
from stages.common.basics.errors import UserError
from stages.common.basics.params.reading import PARAMS_FILE, load_params
from stages.common.judging.published import PUBLISHED_FILE, load_published

COMMITTED = (ROOT / PARAMS_FILE).read_text(encoding="utf-8")
PARAMS = load_params(ROOT / PARAMS_FILE)
MISSING = object()


def complaint(path: Path) -> str:
    """What is said about a params file, or about figures published; always one line that starts with its name."""
    with pytest.raises(UserError) as caught:
        load_published(PARAMS, path) if path.name == PUBLISHED_FILE.name else load_params(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:")
    assert "\n" not in message
    return message.removeprefix(f"{path}:").strip()


def edit(path: Path, key: str, value: object) -> None:
    """Set or, with MISSING, remove the value at `models.imdb.hidden` and the like."""
    *outer, last = [int(part) if part.isdigit() else part for part in key.split(".")]

    def change(content: Any) -> None:
        for part in outer:
            content = content[part]
        if value is MISSING:
            del content[last]
        else:
            content[last] = value

    edit_yaml(path, change)
