"""published.yaml: what the notebooks print, and between which values our figures must lie."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from stages.common.basics.errors import UserError
from stages.common.basics.params import Params, PositiveFloat, Section, validated

PUBLISHED_FILE = Path("published.yaml")


class Published(Section):
    """A figure of a notebook.

    of, against: a model, or for `baselines` a dataset.
    tolerance: how near is near enough, for a figure that does not vary.
    counts: false for a figure known not to reproduce.
    """

    of: str
    figure: Annotated[str, Field(pattern=r"^(test\.|validation\.|baselines\.|curves$)")]
    value: float
    source: str
    against: str | None = None
    tolerance: Annotated[float, Field(ge=0)] | None = None
    counts: bool = True

    @property
    def key(self) -> str:
        """The figure's name in reproduction.json."""
        return f"{self.figure}_less_{self.against}" if self.against else self.figure


class Bounds(Section):
    """The range in which a figure must lie for the pipeline to count as sound."""

    of: str
    figure: Annotated[str, Field(pattern=r"^(test|validation)\.")]
    low: float
    high: float


class Notebooks(Section):
    """All of published.yaml."""

    reproduced_within: PositiveFloat
    sources: dict[str, str]
    published: list[Published]
    bounds: list[Bounds]

    @model_validator(mode="after")
    def _sources_are_known(self) -> Self:
        for index, figure in enumerate(self.published):
            if figure.source.partition(" ")[0] not in self.sources:
                raise ValueError(
                    f"published.{index}.source: expected to start with a key of sources; found {figure.source!r}"
                )
        return self


def load_published(params: Params, path: Path = PUBLISHED_FILE) -> Notebooks:
    """Read published.yaml, and check that it is about models and datasets of params.yaml.

    Raises:
        UserError: it is missing or not as expected. The first mistake is named.
    """
    notebooks = validated(Notebooks, path)
    for section in ("published", "bounds"):
        for index, entry in enumerate(getattr(notebooks, section)):
            known = params.defaults if entry.figure.startswith("baselines.") else params.models
            for name in (entry.of, getattr(entry, "against", None) or entry.of):
                if name not in known:
                    raise UserError(f"{path}: {section}.{index}: expected one of {', '.join(known)}; found {name!r}")
    return notebooks
