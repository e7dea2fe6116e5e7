"""published.yaml: what the notebooks print, and between which values our figures must lie."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from stages.common.basics.errors import UserError
from stages.common.basics.params import Params, Section, validated

PUBLISHED_FILE = Path("published.yaml")

# Figures by the file that has them under `seed`; those of replicates.csv are known under further seeds, too.
REPLICATED = (
    "test.loss",
    "test.accuracy",
    "validation.best_epoch",
    "validation.val_loss",
    "validation.val_accuracy",
    "validation.last_val_loss",
    "validation.last_val_accuracy",
    "validation.best_val_accuracy",
    "validation.best_accuracy_epoch",
)
UNSEEN = ("test_unseen.loss", "test_unseen.accuracy", "test_unseen.macro_f1")
ONCE = (*REPLICATED, "test.macro_f1", "test.roc_auc", "test.top3_accuracy", *UNSEEN)
OF_A_DATASET = (
    "baselines.shuffled_labels",
    "baselines.expected_of_shuffling",
    "baselines.most_frequent_class",
    "baselines.naive_bayes",
    "baselines.logistic_regression",
)
OF_THE_DATA = (
    *("data.train.texts", "data.train.duplicates", "data.train.texts_of_several_labels", "data.train.words_beyond"),
    *("data.test.texts", "data.test.duplicates", "data.test.texts_of_several_labels", "data.test.words_beyond"),
    "data.overlap.test_texts_in_train",
    "data.overlap.none_with_its_label",
    "data.overlap.near_duplicates",
    "data.classes.missing_in_train",
    "data.classes.missing_in_test",
    "data.classes.fewer_than_ten_in_train",
    "data.empty_texts",
    "data.ceiling",
)
CURVES = "curves"


class Published(Section):
    """A figure of a notebook.

    of, against: a model, or for `baselines` a dataset.
    value: with the digits that are printed, so in quotes.
    tolerance: how near is near enough, for a figure that does not vary.
    known: why it may well differ; then `bagpipe verify` does not fail if it does.
    """

    of: str
    figure: Literal[(*REPLICATED, *OF_A_DATASET, CURVES)]  # type: ignore[valid-type]
    value: Annotated[str, Field(pattern=r"^-?\d+(\.\d+)?$")]
    source: str
    against: str | None = None
    tolerance: Annotated[float, Field(ge=0)] | None = None
    known: str | None = None

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        if self.figure == CURVES and self.against is None:
            raise ValueError("against: expected a model to compare the curves with, found none")
        if self.figure in OF_A_DATASET and self.against is not None:
            raise ValueError(f"against: expected none with {self.figure}, found {self.against!r}")
        if self.varies == (self.tolerance is not None):
            expected = "none, as the figure varies" if self.varies else "a value, as the figure does not vary"
            raise ValueError(f"tolerance: expected {expected}; found {self.tolerance}")
        return self

    @property
    def varies(self) -> bool:
        """Whether the figure depends on luck: on the seed of a network, or of a shuffle."""
        return self.figure in REPLICATED or self.figure == OF_A_DATASET[0]

    @property
    def number(self) -> float:
        return float(self.value)

    @property
    def half_unit(self) -> float:
        """Half a unit of the last digit printed: 0.00005 of 0.8824, 0.5 of an epoch."""
        return float(Decimal(10) ** int(Decimal(self.value).as_tuple().exponent)) / 2

    @property
    def key(self) -> str:
        """The figure's name in reproduction.json."""
        return f"{self.figure}_less_{self.against}" if self.against else self.figure


class Bounds(Section):
    """The range in which a figure must lie for the pipeline to count as sound.

    of: a model, or for `data` a dataset.
    """

    of: str
    figure: Literal[(*ONCE, *OF_THE_DATA)]  # type: ignore[valid-type]
    low: float
    high: float


class Notebooks(Section):
    """All of published.yaml."""

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
            known = params.defaults if entry.figure in (*OF_A_DATASET, *OF_THE_DATA) else params.models
            for name in (entry.of, getattr(entry, "against", None) or entry.of):
                if name not in known:
                    raise UserError(f"{path}: {section}.{index}: expected one of {', '.join(known)}; found {name!r}")
    return notebooks
