"""params.yaml, typed and validated: the one place that knows its keys.

A stage does not get all of it, but what dvc.yaml declares for it: see `declared.py`.
"""

import reprlib
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent

from stages.common.basics.errors import UserError
from stages.common.basics.terminal import escaped

PARAMS_FILE = Path("params.yaml")
DEEPEST = 100  # levels of a YAML file

# Beyond these limits a library or a machine would fail hours later; none is near what anybody needs.
LARGEST_INT32 = 2**31 - 1  # by which TensorFlow and SciPy number rows
MOST_LABELS, LONGEST_LABEL = 1_000, 200  # classes; characters
MOST_COLUMNS = 10_000_000  # a bitmap of so many bytes marks a text's words
MOST_WEIGHTS = 2**32  # of a network: 16 GiB of float32, and the optimizer has as much again

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]  # it becomes a folder's name
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]  # of a file in that folder
Count = Annotated[int, Field(gt=0, le=LARGEST_INT32, strict=True)]
CountOrNone = Annotated[int, Field(ge=0, le=LARGEST_INT32, strict=True)]
Epochs = Annotated[int, Field(gt=0, le=1_000_000, strict=True)]
Units = Annotated[int, Field(gt=0, le=1_000_000, strict=True)]
Hidden = Annotated[list[Units], Field(min_length=1, max_length=100)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
LearningRate = Annotated[float, Field(gt=0, le=1_000)]
Accuracy = Annotated[float, Field(ge=0, le=1)]  # or a difference of two
NumWords = Annotated[int, Field(gt=4, le=MOST_COLUMNS, strict=True)]
TestSplit = Annotated[float, Field(ge=0.001, le=0.99)]  # each side must have texts
NumpySeed = Annotated[int, Field(ge=0, lt=2**32, strict=True)]  # all that RandomState takes
Salt = Annotated[int, Field(ge=0, lt=2**64, strict=True)]
ONE_LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]+$"
Label = Annotated[str, Field(max_length=LONGEST_LABEL, pattern=ONE_LINE)]
Column = Annotated[str, Field(max_length=1_000, pattern=ONE_LINE)]  # of a file of texts
Inches = Annotated[float, Field(ge=2, le=12)]  # smaller panels have no room for their text
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

_PIN = r"([\w.-]+==[\w.+!-]+)"
Pins = Annotated[str, Field(pattern=rf"^{_PIN}( {_PIN})*$")]  # `numpy==2.4.6 scipy==1.17.1`

BINARY_LOSSES = ("binary_crossentropy", "mse")


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
    """A dataset of a user's own labelled texts, see stages/labelled/formats.py.

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


Activation = Literal["relu", "tanh", "sigmoid", "elu", "gelu", "leaky_relu", "selu", "silu"]
Loss = Literal["binary_crossentropy", "categorical_crossentropy", "mse", "sparse_categorical_crossentropy"]
Optimizer = Literal["adam", "adamw", "nadam", "rmsprop", "sgd"]


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


SEEDS_APART = 1_000  # so that the replicates of different seeds share none
Seed = Annotated[int, Field(ge=0, le=2**32 // SEEDS_APART - 1, strict=True)]
Runs = Annotated[int, Field(ge=2, lt=SEEDS_APART, strict=True)]


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


class Params(Section):
    """All of params.yaml.

    seed: of weights and of the order of training rows.
    defaults: by dataset, what its models have unless their own section says otherwise.
    models: by name; a new section is a new model. replicates: further runs, under other seeds.
    official: the files of Keras' datasets, with their hashes. terms: what is allowed with the data of each dataset.
    libraries: versions that may change results; a stage runs with just those of the groups that it names.
    """

    seed: Seed
    defaults: dict[Name, Defaults]
    models: Annotated[dict[Name, Model], Field(min_length=1)]
    replicates: Replicates
    verdicts: Verdicts
    baselines: Baselines
    plots: Plots
    datasets: Annotated[dict[Name, Dataset], Field(min_length=1)]
    download: Download
    official: dict[Name, Files]
    terms: dict[Name, str]
    libraries: dict[Name, Pins]

    @model_validator(mode="after")
    def _a_library_has_one_version(self) -> Self:
        versions: dict[str, str] = {}
        for group, pins in self.libraries.items():
            for name, version in pins_of(pins).items():
                if versions.setdefault(name, version) != version:
                    expected = f"{name}=={versions[name]} as in the groups before"
                    raise ValueError(f"libraries.{group}: expected {expected}, found {name}=={version}")
        return self

    @model_validator(mode="after")
    def _official_datasets_have_files(self) -> Self:
        for name in self.official.keys() | self.datasets.keys():
            is_official = isinstance(self.datasets.get(name), OfficialDataset)
            if is_official != (name in self.official):
                needs = f"expected a value, found none; datasets.{name} needs it"
                raise ValueError(f"official.{name}: {needs if is_official else 'expected no files of this dataset'}")
        return self

    @model_validator(mode="after")
    def _models_fit_their_datasets(self) -> Self:
        for name in self.models:
            self._check_model(name)
        if unknown := self.replicates.own.keys() - self.models.keys():
            expected = f"expected one of {', '.join(self.models)}"
            raise ValueError(f"replicates.own.{min(unknown)}: {expected}; found {min(unknown)!r}")
        for name, defaults in self.defaults.items():
            known = models_of(self, name)
            if known and defaults.reference not in known:
                expected = ", ".join(known)
                raise ValueError(
                    f"defaults.{name}.reference: expected one of {expected}; found {defaults.reference!r}"
                )
        return self

    def _check_model(self, name: str) -> None:
        """Check that a model fits its dataset, and a computer.

        Raises:
            ValueError: it does not.
        """
        model = self.models[name]
        if model.dataset not in self.datasets:
            expected = f"expected one of {', '.join(self.datasets)}"
            raise ValueError(f"models.{name}.dataset: {expected}; found {model.dataset!r}")
        if model.dataset not in self.defaults:
            raise ValueError(f"defaults.{model.dataset}: expected a value, found none; models.{name} needs it")
        dataset, settings = self.datasets[model.dataset], settings_of(self, name)
        binary = settings.loss in BINARY_LOSSES
        if binary and isinstance(dataset, OfficialDataset) and len(dataset.labels) != 2:
            expected = f"expected one for the {len(dataset.labels)} labels of {model.dataset}"
            raise ValueError(f"{settings.where(name, 'loss')}: {expected}; found {settings.loss!r}")
        columns = dataset.num_words
        weights = sum(inputs * units for inputs, units in pairwise([columns, *model.hidden]))
        if weights > MOST_WEIGHTS:
            expected = f"expected at most {MOST_WEIGHTS:,} weights, the first layer's {columns:,} a unit included"
            raise ValueError(f"models.{name}.hidden: {expected}; found {weights:,}")


def replicate_seeds(seed: int, n: int) -> range:
    """The seeds of n further runs."""
    return range(SEEDS_APART * seed + 1, SEEDS_APART * seed + 1 + n)


def pins_of(group: str) -> dict[str, str]:
    """The libraries of a group and their versions."""
    return dict(pin.split("==") for pin in group.split())


def settings_of(params: Params, model: str) -> Settings:
    """A model's settings, its dataset's defaults included."""
    own = params.models[model]
    return Settings(own, params.defaults[own.dataset])


def models_of(params: Params, dataset: str) -> list[str]:
    """The models of a dataset, its reference first and the others by name; not in the order of params.yaml."""
    names = [name for name, model in params.models.items() if model.dataset == dataset]
    return sorted(names, key=lambda name: (name != params.defaults[dataset].reference, name))


def ordered_models(params: Params) -> list[str]:
    """All models, dataset by dataset."""
    return [name for dataset in sorted(params.defaults) for name in models_of(params, dataset)]


def read_yaml(path: Path) -> Any:
    """Read a YAML file, see `parse_yaml`.

    Raises:
        UserError: the file is missing or is no YAML.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file here; run this in the project's root") from None
    return parse_yaml(content, str(path))


def parse_yaml(content: bytes, where: str) -> Any:
    """Parse YAML by the rules that DVC itself follows.

    Raises:
        UserError: it is none, or too deep.
    """
    try:
        depth = 0
        for event in YAML(typ="safe").parse(content):
            depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
            if depth > DEEPEST:  # it is built up by recursion in C, which would end the process
                raise UserError(f"{where}: expected at most {DEEPEST} levels, found more")
        return YAML(typ="safe").load(content)
    except UserError:
        raise
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"{mark.line + 1}: " if mark else " "
        raise UserError(f"{where}:{line}expected YAML; {escaped(str(error.problem or error.context))}") from None
    except Exception as error:  # as of a date in a 13th month: the parser leaves it to Python to complain
        reason = escaped(str(getattr(error, "reason", error)))[:200]
        raise UserError(f"{where}: expected YAML; {reason}") from None


def validated(schema: type[AnySection], path: Path) -> AnySection:
    """Read and validate a YAML file.

    Raises:
        UserError: the file is missing, is no YAML, or has a wrong key, type or value. The first mistake is named.
    """
    try:
        return schema.model_validate(read_yaml(path))
    except ValidationError as error:
        raise UserError(f"{path}: {first_sentence(error)}") from None


def load_params(path: Path = PARAMS_FILE) -> Params:
    """Read and validate a params file, see `validated`."""
    return validated(Params, path)


class _Short(reprlib.Repr):
    """Of a value of any size, what a line has room for."""

    def repr_int(self, x: int, level: int) -> str:
        return super().repr_int(x, level) if x.bit_length() < 10_000 else "an integer of thousands of digits"


_SHORT = _Short()
_SHORT.maxstring = _SHORT.maxlong = _SHORT.maxother = 80


def first_sentence(error: ValidationError) -> str:
    """`models.imdb.epochs: expected ..., found -3` of the first mistake."""
    first: Any = error.errors(include_url=False)[0]
    path = [part for part in first["loc"] if part != "[key]"]
    if path[:1] == ["datasets"]:
        del path[2:3]  # the format, by which pydantic tells the kinds of datasets apart
    key = escaped(".".join(str(part)[:80] for part in path)) or "the file"
    if first["type"] == "extra_forbidden":
        return f"{key}: unknown key"
    if first["type"] == "missing":
        return f"{key}: expected a value, found none"
    if first["type"] == "union_tag_not_found":
        return f"{key}.format: expected a value, found none"
    found = _SHORT.repr(first["input"])
    if first["type"] == "union_tag_invalid":
        return f"{key}.format: expected {first['ctx']['expected_tags']}; found {_SHORT.repr(first['ctx']['tag'])}"
    if first["type"] == "string_pattern_mismatch":
        return f"{key}: expected text of the form {first['ctx']['pattern']}; found {found}"
    reason = escaped(first["msg"].removeprefix("Value error, "))
    if first["type"] == "value_error":
        return f"{key}: {reason}" if first["loc"] else reason
    reason = reason.removeprefix("Input should be ")
    return f"{key}: expected {reason}; found {found}"
