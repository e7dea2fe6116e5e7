"""The sections of params.yaml."""

from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from stages.common.basics.params.types import (
    MOST_LABELS,
    Accuracy,
    Activation,
    Column,
    Count,
    CountOrNone,
    Epochs,
    FileName,
    Hidden,
    Inches,
    Label,
    LearningRate,
    Loss,
    Name,
    NumpySeed,
    NumWords,
    Optimizer,
    PositiveFloat,
    Runs,
    Salt,
    Sha256,
    TestSplit,
)


class Section(BaseModel):
    """A mapping of a YAML file: a key that is not a field is an error, and nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


AnySection = TypeVar("AnySection", bound=Section)


class Download(Section):
    """How files are fetched.

    timeout: seconds without an answer; lowest_speed: bytes a second. Together they bound the time for a whole file.
    """

    url: Annotated[str, Field(max_length=1_000, pattern=r"^https?://[^\s/]")]
    retries: Annotated[int, Field(ge=0, le=100, strict=True)]
    timeout: Annotated[float, Field(gt=0, le=3_600)]  # sockets fail with much more
    lowest_speed: Annotated[float, Field(gt=0, le=1e9)]


class File(Section):
    sha256: Sha256
    bytes: Annotated[int, Field(gt=0, le=2**40, strict=True)]


def _words(value: Any) -> Any:
    return value.split() if isinstance(value, str) else value


class OfficialDataset(Section):
    """A dataset of official files, see `official`. labels: a list, or a string of words."""

    format: Literal["keras"]
    num_words: NumWords
    shuffle_seed: NumpySeed
    test_split: TestSplit | None
    labels: Annotated[list[Label], BeforeValidator(_words), Field(min_length=2, max_length=MOST_LABELS)]

    @model_validator(mode="after")
    def _labels_are_distinct(self) -> Self:
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("labels: expected no label twice")
        return self


class TextDataset(Section):
    """A dataset of a user's own labelled texts, see stages/common/corpora/formats.py.

    text, label, group: columns, where the format has such. Texts of one group stay on one side of a split.
    test_split: the share of texts to test on; none if the files say which those are.
    salt: of the hash by which texts are split.
    """

    format: Literal["csv", "tsv", "jsonl", "parquet", "fasttext", "folders"]
    text: Column = "text"
    label: Column = "label"
    group: Column | None = None
    num_words: NumWords
    test_split: TestSplit | None
    salt: Salt


Dataset = Annotated[OfficialDataset | TextDataset, Field(discriminator="format")]


def _an_archive_and_an_index(files: dict[str, File]) -> dict[str, File]:
    if {Path(name).suffix for name in files} != {".npz", ".json"}:
        raise ValueError(f"expected one .npz and one .json, found {', '.join(files)}")
    return files


Files = Annotated[dict[FileName, File], Field(min_length=2, max_length=2), AfterValidator(_an_archive_and_an_index)]


class Defaults(Section):
    """What the models of a dataset have unless their own section says otherwise.

    reference: the model that the others are compared with.
    holdout: the first rows of training, which validate holds out; validation_epochs: of validate, on the other rows.
    epochs: of train, which starts anew; leave_out: the first rows of training, which train leaves out.
    """

    reference: Name
    activation: Activation
    loss: Loss
    optimizer: Optimizer
    learning_rate: LearningRate
    batch_size: Count
    holdout: Count
    validation_epochs: Epochs
    epochs: Epochs
    leave_out: CountOrNone


class Model(Section):
    """A model's own section. What it leaves out is as in `defaults` of its dataset.

    dataset: a key of datasets; hidden: the units of each hidden layer.
    """

    dataset: Name
    hidden: Hidden
    activation: Activation | None = None
    loss: Loss | None = None
    optimizer: Optimizer | None = None
    learning_rate: LearningRate | None = None
    batch_size: Count | None = None
    holdout: Count | None = None
    validation_epochs: Epochs | None = None
    epochs: Epochs | None = None
    leave_out: CountOrNone | None = None


class Settings(NamedTuple):
    """A model's own section and its dataset's defaults: `settings.loss` is the one or the other."""

    own: Model
    defaults: Defaults

    def __getattr__(self, name: str) -> Any:
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
    """How many further runs: of every model, and of some their own number.

    n: of every model; own: of some models, by name.
    """

    n: Runs
    own: dict[Name, Runs]

    def of(self, model: str) -> int:
        return self.own.get(model, self.n)


class Verdicts(Section):
    """Differences of test accuracies: below `negligible` none counts; `equivalent` bounds an interval.

    negligible: a smaller difference is neither better nor worse, however certain.
    equivalent: an interval within this on both sides shows that nothing that matters differs.
    """

    negligible: Accuracy
    equivalent: Annotated[Accuracy, Field(gt=0)]


class NaiveBayes(Section):
    alpha: PositiveFloat


class LogisticRegression(Section):
    C: PositiveFloat
    tol: PositiveFloat
    max_iter: Count


class Baselines(Section):
    shuffle_seed: NumpySeed
    naive_bayes: NaiveBayes
    logistic_regression: LogisticRegression
