"""params.yaml, typed and validated: the one place that knows its keys.

A field is read through its class (`model.final.epochs`), never through a string, so that what a stage
reads can be found in its code and held against the `params:` that dvc.yaml declares for it.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from stages.common.errors import UserError

PARAMS_FILE = Path("params.yaml")

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]  # it becomes a folder's name
PositiveInt = Annotated[int, Field(gt=0, strict=True)]
NonNegativeInt = Annotated[int, Field(ge=0, strict=True)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

BINARY_LOSSES = ("binary_crossentropy", "mse")


class Section(BaseModel):
    """A mapping of params.yaml: a key that is not a field is an error, and nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Download(Section):
    url: str
    retries: NonNegativeInt
    timeout: PositiveFloat


class File(Section):
    sha256: Sha256
    bytes: PositiveInt


class Dataset(Section):
    files: Annotated[dict[str, File], Field(min_length=2, max_length=2)]
    num_words: Annotated[int, Field(gt=2, strict=True)]
    shuffle_seed: NonNegativeInt
    test_split: Fraction | None
    classes: Annotated[int, Field(ge=2, strict=True)]
    labels: list[str]
    best_accuracy: Fraction | None = None

    @model_validator(mode="after")
    def _one_label_a_class(self) -> Self:
        if len(self.labels) != self.classes:
            raise ValueError(f"expected {self.classes} labels, found {len(self.labels)}")
        if len(set(self.labels)) != self.classes:
            raise ValueError("labels: expected no label twice")
        return self

    @property
    def archive(self) -> str:
        """The name of the .npz file."""
        return self._file_ending_in(".npz")

    @property
    def word_index(self) -> str:
        """The name of the .json file that gives each word its index."""
        return self._file_ending_in(".json")

    def _file_ending_in(self, suffix: str) -> str:
        return next(name for name in self.files if name.endswith(suffix))

    @model_validator(mode="after")
    def _an_archive_and_an_index(self) -> Self:
        if {Path(name).suffix for name in self.files} != {".npz", ".json"}:
            raise ValueError(f"files: expected one .npz and one .json, found {', '.join(self.files)}")
        return self


class Validation(Section):
    holdout: PositiveInt
    epochs: PositiveInt


class Final(Section):
    epochs: PositiveInt
    leave_out: NonNegativeInt


class Network(Section):
    """What a model's weights and outputs depend on besides its training rows."""

    hidden: Annotated[list[PositiveInt], Field(min_length=1)]
    activation: Literal["relu", "tanh", "sigmoid", "elu", "gelu", "leaky_relu", "selu", "silu"]
    loss: Literal["binary_crossentropy", "categorical_crossentropy", "mse", "sparse_categorical_crossentropy"]
    optimizer: Literal["adam", "adamw", "nadam", "rmsprop", "sgd"]
    learning_rate: PositiveFloat


class Model(Network):
    dataset: str
    batch_size: PositiveInt
    validation: Validation
    final: Final


class Plots(Section):
    width: PositiveFloat
    height: PositiveFloat
    dpi: PositiveInt


class Replicates(Section):
    n: Annotated[int, Field(ge=2, strict=True)]


class NaiveBayes(Section):
    alpha: PositiveFloat


class LogisticRegression(Section):
    C: PositiveFloat
    tol: PositiveFloat
    max_iter: PositiveInt


class Baselines(Section):
    shuffle_seed: NonNegativeInt
    naive_bayes: NaiveBayes
    logistic_regression: LogisticRegression


class Published(Section):
    of: str
    figure: Annotated[str, Field(pattern=r"^(test\.|validation\.|baselines\.|curves$)")]
    value: float
    source: str
    against: str | None = None
    tolerance: Annotated[float, Field(ge=0)] | None = None
    counts: bool = True


class Bounds(Section):
    """The range in which a figure must lie for the pipeline to count as sound."""

    of: str
    figure: Annotated[str, Field(pattern=r"^(test|validation)\.")]
    low: float
    high: float


class Params(Section):
    seed: NonNegativeInt
    download: Download
    datasets: Annotated[dict[Name, Dataset], Field(min_length=1)]
    models: Annotated[dict[Name, Model], Field(min_length=1)]
    replicates: Replicates
    baselines: Baselines
    plots: Plots
    reproduced_within: PositiveFloat
    sources: dict[str, str]
    published: list[Published]
    bounds: list[Bounds]

    @model_validator(mode="after")
    def _models_fit_their_datasets(self) -> Self:
        for name, model in self.models.items():
            if model.dataset not in self.datasets:
                known = ", ".join(self.datasets)
                raise ValueError(f"models.{name}.dataset: expected one of {known}; found {model.dataset!r}")
            classes = self.datasets[model.dataset].classes
            if model.loss in BINARY_LOSSES and classes != 2:
                raise ValueError(f"models.{name}.loss: {model.loss} expects 2 classes; {model.dataset} has {classes}")
        return self

    @model_validator(mode="after")
    def _published_figures_are_of_models(self) -> Self:
        for index, published in enumerate(self.published):
            known = self.datasets if published.figure.startswith("baselines.") else self.models
            for name in (published.of, published.against or published.of):
                if name not in known:
                    raise ValueError(f"published.{index}: expected one of {', '.join(known)}; found {name!r}")
            if published.source.partition(" ")[0] not in self.sources:
                raise ValueError(
                    f"published.{index}.source: expected to start with a key of sources; found {published.source!r}"
                )
        for index, bounds in enumerate(self.bounds):
            if bounds.of not in self.models:
                raise ValueError(f"bounds.{index}.of: expected one of {', '.join(self.models)}; found {bounds.of!r}")
        return self


def load_params(path: Path = PARAMS_FILE) -> Params:
    """Read and validate a params file, with the YAML 1.2 rules that DVC itself follows.

    Raises:
        UserError: the file is missing, is no YAML, or has a wrong key, type or value. The first
            mistake is named.
    """
    try:
        content = YAML(typ="safe", pure=True).load(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file here; run this in the project's root") from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"{mark.line + 1}: " if mark else ""
        raise UserError(f"{path}:{line}expected YAML; {error.problem or error.context}") from None
    except YAMLError as error:
        raise UserError(f"{path}: expected YAML; {getattr(error, 'reason', error)}") from None
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        raise UserError(f"{path}: {_first_sentence(error)}") from None


def _first_sentence(error: ValidationError) -> str:
    """`models.imdb.final.epochs: expected ..., found -3` of the first mistake."""
    first: Any = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"]) or "the file"
    if first["type"] == "extra_forbidden":
        return f"{key}: unknown key"
    if first["type"] == "missing":
        return f"{key}: expected a value, found none"
    reason = first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error":
        return f"{key}: {reason}" if first["loc"] else reason
    reason = reason.removeprefix("Input should be ")
    return f"{key}: expected {reason}; found {first['input']!r}"
