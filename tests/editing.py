"""Change the YAML files of a scratch copy, as a person would."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML


def edit_yaml(path: Path, edit: Callable[[Any], None]) -> None:
    """Change a YAML file in place, its comments and order kept."""
    yaml = YAML()
    yaml.width = 1_000
    content = yaml.load(path)
    edit(content)
    yaml.dump(content, path)
