"""The sections of params.yaml."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from stages.common.basics.params.types import (
    MOST_LABELS,
    Accuracy,
    Activation,
    ClassWeight,
    Column,
    Count,
    CountOrNone,
    DropoutRate,
    Epochs,
    FileName,
    Hidden,
    Inches,
    Label,
    LearningRate,
    Loss,
    Name,
    Ngrams,
    NumpySeed,
    NumWords,
    Optimizer,
    Penalty,
    Runs,
    Salt,
    Sha256,
    TestSplit,
    Weighting,
)


class Section(BaseModel):
    """A mapping of a YAML file: a key that is not a field is an error, and nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, use_attribute_docstrings=True)


AnySection = TypeVar("AnySection", bound=Section)


class Download(Section):
    """How files are fetched."""

    url: Annotated[str, Field(max_length=1_000, pattern=r"^https?://[^\s/]")]
    retries: Annotated[int, Field(ge=0, le=100, strict=True)]
    timeout: Annotated[float, Field(gt=0, le=3_600)]  # sockets fail with much more
    """Seconds without an answer after which a source is given up."""
    lowest_speed: Annotated[float, Field(gt=0, le=1e9)]
    """Bytes a second of a whole file; below that the next source is tried."""


class OfficialFile(Section):
    sha256: Sha256
    bytes: Annotated[int, Field(gt=0, le=2**40, strict=True)]


def _words(value: Any) -> Any:
    return value.split() if isinstance(value, str) else value


class Features(Section):
    """What of its texts a dataset's rows say, see stages/vectorize."""

    texts: Name
    """The dataset whose texts these are: this one, or another, of which it then has other features."""
    num_words: NumWords
    """Columns: so many terms, the most frequent ones of the training texts, less the marks of Keras' encoding."""
    ngrams: Ngrams = 1
    """Of how many neighbouring words a term has at most: 1, words alone; 2, pairs, too; 3, triples, too."""
    min_texts: Count = 1
    """How many training texts must have a term."""
    weighting: Weighting = "binary"
    """What stands for a term that a text has: 1; its inverse document frequency, in rows of length 1; or naive Bayes'
    log-count ratio."""

    @property
    def are_of_keras(self) -> bool:
        """Whether the terms of official texts are the words that Keras gives a column."""
        return (self.ngrams, self.min_texts) == (1, 1)


class OfficialDataset(Features):
    """A dataset of official files, see `official`."""

    format: Literal["keras"]
    shuffle_seed: NumpySeed
    test_split: TestSplit | None
    labels: Annotated[list[Label], BeforeValidator(_words), Field(min_length=2, max_length=MOST_LABELS)]
    """Their names in order, from 0 on: a list, or a string of words."""
    is_official: ClassVar = True

    @property
    def classes(self) -> int | None:
        """How many labels there are."""
        return len(self.labels)

    @model_validator(mode="after")
    def _labels_are_distinct(self) -> Self:
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("labels: expected no label twice")
        return self


class TextDataset(Features):
    """A dataset of a user's own labelled texts, see stages/common/corpora/formats.py."""

    format: Literal["csv", "tsv", "jsonl", "parquet", "fasttext", "folders"]
    text: Column = "text"
    """The column of the texts, where the format has columns."""
    label: Column = "label"
    """The column of their labels."""
    group: Column | None = None
    """A column: texts of one group stay on one side of the split."""
    test_split: TestSplit | None
    """The share of texts to test on; null if the files say which those are."""
    salt: Salt
    """Salt of the hash by which texts are split."""
    is_official: ClassVar = False
    classes: ClassVar[int | None] = None  # the texts tell


class OtherFeatures(Features):
    """Other features of another dataset's texts, which have the same split and labels."""

    format: Literal["features"] = "features"  # by which it is told from the others; nobody need write it
    is_official: ClassVar = False


def _with_format(value: Any) -> Any:
    """A dataset that says nothing of how its texts are read is one of other features."""
    of_reading = (
        OfficialDataset.model_fields.keys() | TextDataset.model_fields.keys()
    ) - Features.model_fields.keys()
    is_of_features = isinstance(value, dict) and "texts" in value and value.keys().isdisjoint(of_reading)
    return {"format": "features", **value} if is_of_features else value


Dataset = Annotated[
    OfficialDataset | TextDataset | OtherFeatures, Field(discriminator="format"), BeforeValidator(_with_format)
]


def _an_archive_and_an_index(files: dict[str, OfficialFile]) -> dict[str, OfficialFile]:
    if {Path(name).suffix for name in files} != {".npz", ".json"}:
        raise ValueError(f"expected one .npz and one .json, found {', '.join(files)}")
    return files


Files = Annotated[
    dict[FileName, OfficialFile], Field(min_length=2, max_length=2), AfterValidator(_an_archive_and_an_index)
]


class ModelSettings(Section):
    """What every model has, by its own section or by the defaults of its dataset."""

    activation: Activation
    loss: Loss
    optimizer: Optimizer
    learning_rate: LearningRate
    batch_size: Count
    holdout: Count
    """How many rows, the first of the training set, validate holds out."""
    validation_epochs: Epochs
    """Epochs of validate, on the other rows."""
    epochs: Epochs
    """Epochs of train, which starts anew."""
    leave_out: CountOrNone
    """How many rows, the first of the training set, train leaves out."""


class Defaults(ModelSettings):
    """What the models of a dataset have unless their own section says otherwise."""

    reference: Name | None = None
    """The model that the others are compared with; none for other features of another dataset's texts, whose
    reference it is."""


class Model(Section):
    """A model's own section. What it leaves out is as in `defaults` of its dataset."""

    dataset: Name
    """A key of `datasets`."""
    hidden: Hidden
    """The units of each hidden layer; of a linear model there are none."""
    input_dropout: DropoutRate = 0.0
    """The share of a text's words that each step of training leaves out."""
    dropout: DropoutRate = 0.0
    """The share of each hidden layer's outputs that each step of training leaves out."""
    l2: Penalty = 0.0
    """What the sum of the squares of the weights of hidden layers, or of a linear model, is multiplied by: a penalty
    in training."""
    class_weight: ClassWeight = "none"
    """How much more a text of a rare class counts in training: by n, the texts of a class, 1 / sqrt(n) or 1 / n."""
    activation: Activation | None = None
    loss: Loss | None = None
    optimizer: Optimizer | None = None
    learning_rate: LearningRate | None = None
    batch_size: Count | None = None
    holdout: Count | None = None
    validation_epochs: Epochs | None = None
    epochs: Epochs | None = None
    leave_out: CountOrNone | None = None


if TYPE_CHECKING:
    Known = ModelSettings  # so a type checker knows each setting and its type
else:
    Known = object


class Settings(Known):
    """A model's own section and its dataset's defaults: `settings.loss` is the one or the other, looked up when read.

    So a stage that reads some settings has read only these, see declared.py.
    """

    own: Model
    defaults: Defaults
    dataset: Name
    hidden: Hidden
    input_dropout: DropoutRate
    dropout: DropoutRate
    l2: Penalty
    class_weight: ClassWeight

    def __init__(self, own: Model, defaults: Defaults) -> None:
        self.own, self.defaults = own, defaults

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            own = getattr(self.own, name)
            return getattr(self.defaults, name) if own is None else own

    def where(self, model: str, key: str) -> str:
        """Where params.yaml has a setting of this model: `models.imdb.epochs`, or that of the defaults."""
        return f"defaults.{self.own.dataset}.{key}" if getattr(self.own, key) is None else f"models.{model}.{key}"


class Plots(Section):
    width: Inches
    height: Inches
    dpi: Annotated[int, Field(ge=30, le=300, strict=True)]  # fewer: letters without a pixel; more: gigabytes


class Replicates(Section):
    """How many further runs: of every model, and of some their own number."""

    n: Runs
    """For every model that `own` does not name."""
    own: dict[Name, Runs]
    """For some models, by name."""

    def of(self, model: str) -> int:
        return self.own.get(model, self.n)


class LearningCurves(Section):
    """A model of which published_curves.csv has what a notebook prints after each epoch."""

    dataset: Name
    """That of the model; dvc.yaml cannot look it up there."""
    n: Runs
    """Further runs of each kind, to hold the published ones against."""
    old_optimizer: Annotated[bool, Field(strict=True)] = False
    """Whether to train as TensorFlow 2.4 did, too: if by RMSprop, with its epsilon outside the root."""
    old_progress_bar: Annotated[bool, Field(strict=True)] = False
    """Whether to print as TensorFlow 2.4 did, too: the average of the running means."""


class Verdicts(Section):
    """Differences of test accuracies: below `negligible` none counts; `equivalent` bounds an interval."""

    negligible: Accuracy
    """A smaller difference is neither better nor worse, however certain."""
    equivalent: Annotated[Accuracy, Field(gt=0)]
    """An interval within this on both sides shows that nothing that matters differs."""
