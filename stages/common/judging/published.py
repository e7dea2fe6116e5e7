"""published.yaml: what the notebooks print, with which settings, and between which values our figures must lie."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from stages.common.basics.errors import UserError
from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import settings_of, sources_of, texts_of
from stages.common.basics.params.reading import validate_content
from stages.common.basics.params.sections import Model, Section
from stages.common.basics.params.types import Count, Name, Ngrams, NumpySeed, NumWords, TestSplit, Weighting

PUBLISHED_FILE = Path("published.yaml")

# Figures by the file that has them under `seed`, and in words; those of replicates.csv are known under further seeds.
REPLICATED = {
    "test.loss": "test loss",
    "test.accuracy": "test accuracy",
    "validation.best_epoch": "epoch of the lowest validation loss",
    "validation.val_loss": "lowest validation loss",
    "validation.val_accuracy": "validation accuracy at the lowest loss",
    "validation.last_val_loss": "last validation loss",
    "validation.last_val_accuracy": "last validation accuracy",
    "validation.best_val_accuracy": "highest validation accuracy",
    "validation.best_accuracy_epoch": "epoch of the highest validation accuracy",
}
UNSEEN = ("test_unseen.loss", "test_unseen.accuracy", "test_unseen.macro_f1")
ONCE = (*REPLICATED, "test.macro_f1", "test.roc_auc", "test.top3_accuracy", *UNSEEN)
SHUFFLED = "baselines.shuffled_labels"
OF_A_DATASET = {
    SHUFFLED: "accuracy of shuffled labels",
    "baselines.expected_of_shuffling": "expected accuracy of shuffled labels",
    "baselines.most_frequent_class": "accuracy of the most frequent class",
    "baselines.naive_bayes": "accuracy of naive Bayes",
    "baselines.logistic_regression": "accuracy of logistic regression",
    "baselines.tf_idf_linear_svm": "accuracy of a linear SVM on TF-IDF",
    "baselines.tf_idf_logistic_regression": "accuracy of logistic regression on TF-IDF",
}
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
WORDS = REPLICATED | OF_A_DATASET | {CURVES: "training curves"}

# Settings of a model that do not touch its run with a hold-out, or the one that is tested.
NOT_OF = {
    "validation": {"epochs", "leave_out"},
    "curves": {"epochs", "leave_out"},
    "test": {"holdout", "validation_epochs"},
    "test_unseen": {"holdout", "validation_epochs"},
}


class DatasetSettings(Section):
    """What a notebook has made of a dataset, as in `datasets` of params.yaml."""

    num_words: NumWords | None = None
    ngrams: Ngrams | None = None
    min_texts: Count | None = None
    weighting: Weighting | None = None
    shuffle_seed: NumpySeed | None = None
    test_split: TestSplit | None = None


class NotebookSettings(Section):
    """The params that the figures belong to. What is left out here does not matter to them."""

    datasets: dict[Name, DatasetSettings] = Field(default_factory=dict)
    models: dict[Name, Model] = Field(default_factory=dict)


class Published(Section):
    """A figure of a notebook."""

    of: str
    """A model; a dataset if the figure is one of its baselines."""
    figure: Literal[(*REPLICATED, *OF_A_DATASET, CURVES)]  # type: ignore[valid-type]
    value: Annotated[str, Field(max_length=30, pattern=r"^-?\d+(\.\d+)?$")]
    """With the digits that are printed, so in quotes."""
    source: str
    against: str | None = None
    """What it is less of, or compared with: a model."""
    tolerance: Annotated[float, Field(ge=0)] | None = None
    """How near is near enough, for a figure that does not vary."""
    known: str | None = None
    """Why it may well differ; then `bagpipe verify` does not fail if it does."""
    best_possible: bool = False
    """Whether it is no figure of a notebook, but the best test accuracy to be expected of any classifier."""

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        if self.figure == CURVES and self.against is None:
            raise ValueError("against: expected a model to compare the curves with, found none")
        if self.figure in OF_A_DATASET and self.against is not None:
            raise ValueError(f"against: expected none with {self.figure}, found {self.against!r}")
        if self.varies == (self.tolerance is not None):
            expected = "none, as the figure varies" if self.varies else "a value, as the figure does not vary"
            raise ValueError(f"tolerance: expected {expected}; found {self.tolerance}")
        if self.best_possible and self.figure != "test.accuracy":
            raise ValueError(f"figure: expected test.accuracy of what is best_possible, found {self.figure}")
        return self

    @property
    def varies(self) -> bool:
        """Whether the figure depends on chance: on the seed of a network, or of a shuffle."""
        return self.figure in REPLICATED or self.figure == SHUFFLED

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

    @property
    def words(self) -> str:
        """The figure in words, as in `lowest validation loss`."""
        if self.figure == CURVES:
            return f"largest difference from the curves of `{self.against}`"
        return WORDS[self.figure] + (f" less that of `{self.against}`" if self.against else "")


class Bounds(Section):
    """The range in which a figure must lie for the pipeline to count as sound."""

    of: str
    """A model; a dataset if the figure is one of its data."""
    figure: Literal[(*ONCE, *OF_THE_DATA)]  # type: ignore[valid-type]
    low: float
    high: float


class Notebooks(Section):
    """All of published.yaml."""

    sources: dict[str, str]
    settings: NotebookSettings = NotebookSettings()
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
    notebooks = validate_content(Notebooks, path)
    for section, names in (("datasets", params.datasets), ("models", params.models)):
        for name in getattr(notebooks.settings, section):
            if name not in names:
                raise UserError(f"{path}: settings.{section}: expected one of {', '.join(names)}; found {name!r}")
    for section in ("published", "bounds"):
        for index, entry in enumerate(getattr(notebooks, section)):
            _check_entry(entry, f"{path}: {section}.{index}", notebooks.settings, params)
    return notebooks


def _check_entry(entry: Published | Bounds, where: str, settings: NotebookSettings, params: Params) -> None:
    """Check that a figure is of something that there is, and that curves to be compared are of as many epochs.

    Raises:
        UserError: it is not so.
    """
    known: Iterable[str] = sources_of(params) if entry.figure in (*OF_A_DATASET, *OF_THE_DATA) else params.models
    named = (entry.of, getattr(entry, "against", None) or entry.of)
    for name in named:
        if name not in known:
            raise UserError(f"{where}: expected one of {', '.join(known)}; found {name!r}")
    if entry.figure == CURVES and not any(departures(entry, settings, params)):
        epochs = {settings_of(params, name).validation_epochs for name in named}
        if len(epochs) > 1:
            raise UserError(f"{where}: expected models of as many validation_epochs, found others")


class Departure(NamedTuple):
    """A setting that is another one in the notebook: its key in params.yaml, its value there and in the notebook."""

    where: str
    ours: Any
    theirs: Any

    def __str__(self) -> str:
        ours, theirs = ("none" if value is None else value for value in (self.ours, self.theirs))
        return f"`{self.where}` is {ours} here and {theirs} there"


def departures(entry: Published | Bounds, settings: NotebookSettings, params: Params) -> Iterator[Departure]:
    """Where params.yaml departs from the settings that a figure belongs to."""
    if entry.figure in (*OF_A_DATASET, *OF_THE_DATA):
        yield from _departures_of_dataset(entry.of, settings, params)
        return
    models = [entry.of, *filter(None, [getattr(entry, "against", None)])]
    for model in models:
        yield from _departures_of_model(model, entry.figure.partition(".")[0], settings, params)
    for model in models:
        yield from _departures_of_dataset(params.models[model].dataset, settings, params)


def departures_of_run(model: str, kind: str, settings: NotebookSettings, params: Params) -> Iterator[Departure]:
    """Where params.yaml departs from the settings of a notebook's run, `validation` or `test`."""
    yield from _departures_of_model(model, kind, settings, params)
    yield from _departures_of_dataset(params.models[model].dataset, settings, params)


def _departures_of_model(model: str, kind: str, settings: NotebookSettings, params: Params) -> Iterator[Departure]:
    ours = settings_of(params, model)
    for key, value in _given(settings.models.get(model), NOT_OF.get(kind)).items():
        if getattr(ours, key) != value:
            yield Departure(ours.where(model, key), getattr(ours, key), value)


def _departures_of_dataset(dataset: str, settings: NotebookSettings, params: Params) -> Iterator[Departure]:
    for key, value in _given(settings.datasets.get(dataset)).items():
        found = getattr(params.datasets[dataset], key, None)
        if found != value:
            yield Departure(f"datasets.{dataset}.{key}", found, value)


def _given(section: Section | None, others: set[str] | None = None) -> dict[str, Any]:
    return section.model_dump(exclude_unset=True, exclude=others) if section else {}


def applicable(notebooks: Notebooks, params: Params) -> Notebooks:
    """The figures and bounds that belong to what params.yaml has: those of other settings say nothing about ours."""

    def of_ours(entries: list[Any]) -> list[Any]:
        return [entry for entry in entries if not any(departures(entry, notebooks.settings, params))]

    kept = {"published": of_ours(notebooks.published), "bounds": of_ours(notebooks.bounds)}
    return notebooks.model_copy(update=kept)


class PublishedAccuracies(NamedTuple):
    """What is said of test accuracies: by model the one that a notebook prints, by dataset the best possible one."""

    printed: dict[str, Published]
    best_possible: dict[str, Published]


def published_accuracies(notebooks: Notebooks, params: Params) -> PublishedAccuracies:
    """The test accuracies among the figures that apply."""
    figures = applicable(notebooks, params).published
    entries = [entry for entry in figures if entry.figure == "test.accuracy" and not entry.against]
    return PublishedAccuracies(
        {entry.of: entry for entry in entries if not entry.best_possible},
        {texts_of(params, entry.of): entry for entry in entries if entry.best_possible},
    )


def not_judged(notebooks: Notebooks, params: Params) -> str:
    """How many published figures are not judged, and why, in a sentence; empty if all are."""
    entries = [[*departures(entry, notebooks.settings, params)] for entry in notebooks.published]
    departing = [found for found in entries if found]
    if not departing:
        return ""
    subject = "1 published figure belongs" if len(departing) == 1 else f"{len(departing)} published figures belong"
    verb = "is" if len(departing) == 1 else "are"
    return f"{subject} to other settings and {verb} not judged: {join_departures(departing)}."


def join_departures(departures: Iterable[Iterable[Departure]]) -> str:
    """Each setting that is another one in the notebook, once."""
    return "; ".join(dict.fromkeys(str(departure) for found in departures for departure in found))
