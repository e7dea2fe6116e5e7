"""params.yaml, typed and validated: the one place that knows its keys.

A stage does not get all of it, but what dvc.yaml declares for it: see `declared.py`.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from stages.common.basics.errors import UserError

PARAMS_FILE = Path("params.yaml")

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]  # it becomes a folder's name
PositiveInt = Annotated[int, Field(gt=0, strict=True)]
NonNegativeInt = Annotated[int, Field(ge=0, strict=True)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NumWords = Annotated[int, Field(gt=4, strict=True)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

_PIN = r"([\w.-]+==[\w.+!-]+)"
Pins = Annotated[str, Field(pattern=rf"^{_PIN}( {_PIN})*$")]  # `numpy==2.4.6 scipy==1.17.1`

BINARY_LOSSES = ("binary_crossentropy", "mse")


class Section(BaseModel):
    """A mapping of a YAML file: a key that is not a field is an error, and nothing changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


AnySection = TypeVar("AnySection", bound=Section)


class Download(Section):
    url: str
    retries: NonNegativeInt
    timeout: PositiveFloat


class File(Section):
    sha256: Sha256
    bytes: PositiveInt


def _words(value: Any) -> Any:
    return value.split() if isinstance(value, str) else value


class OfficialDataset(Section):
    """A dataset of official files, see `official`. labels: a list, or a string of words."""

    format: Literal["keras"]
    num_words: NumWords
    shuffle_seed: NonNegativeInt
    test_split: Fraction | None
    labels: Annotated[list[str], BeforeValidator(_words), Field(min_length=2)]

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
    text: str = "text"
    label: str = "label"
    group: str | None = None
    num_words: NumWords
    test_split: Fraction | None
    salt: NonNegativeInt


Dataset = Annotated[OfficialDataset | TextDataset, Field(discriminator="format")]


def _an_archive_and_an_index(files: dict[str, File]) -> dict[str, File]:
    if {Path(name).suffix for name in files} != {".npz", ".json"}:
        raise ValueError(f"expected one .npz and one .json, found {', '.join(files)}")
    return files


Files = Annotated[dict[str, File], Field(min_length=2, max_length=2), AfterValidator(_an_archive_and_an_index)]


Activation = Literal["relu", "tanh", "sigmoid", "elu", "gelu", "leaky_relu", "selu", "silu"]
Loss = Literal["binary_crossentropy", "categorical_crossentropy", "mse", "sparse_categorical_crossentropy"]
Optimizer = Literal["adam", "adamw", "nadam", "rmsprop", "sgd"]


class Defaults(Section):
    """What the models of a dataset have unless their own section says otherwise.

    reference: the model that the others are compared with.
    holdout: the first rows of training, which validate holds out; validation_epochs: of validate, on the other rows.
    epochs: of train, which starts anew; leave_out: the first rows of training, which train leaves out.
    """

    reference: str
    activation: Activation
    loss: Loss
    optimizer: Optimizer
    learning_rate: PositiveFloat
    batch_size: PositiveInt
    holdout: PositiveInt
    validation_epochs: PositiveInt
    epochs: PositiveInt
    leave_out: NonNegativeInt


class Model(Section):
    """A model's own section. What it leaves out is as in `defaults` of its dataset.

    dataset: a key of datasets; hidden: the units of each hidden layer.
    """

    dataset: str
    hidden: Annotated[list[PositiveInt], Field(min_length=1)]
    activation: Activation | None = None
    loss: Loss | None = None
    optimizer: Optimizer | None = None
    learning_rate: PositiveFloat | None = None
    batch_size: PositiveInt | None = None
    holdout: PositiveInt | None = None
    validation_epochs: PositiveInt | None = None
    epochs: PositiveInt | None = None
    leave_out: NonNegativeInt | None = None


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
    width: PositiveFloat
    height: PositiveFloat
    dpi: PositiveInt


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

    negligible: Annotated[float, Field(ge=0)]
    equivalent: PositiveFloat


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
        for name, model in self.models.items():
            if model.dataset not in self.datasets:
                expected = f"expected one of {', '.join(self.datasets)}"
                raise ValueError(f"models.{name}.dataset: {expected}; found {model.dataset!r}")
            if model.dataset not in self.defaults:
                raise ValueError(f"defaults.{model.dataset}: expected a value, found none; models.{name} needs it")
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
    """Read a YAML file by the rules that DVC itself follows.

    Raises:
        UserError: the file is missing or is no YAML.
    """
    try:
        return YAML(typ="safe").load(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file here; run this in the project's root") from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"{mark.line + 1}: " if mark else ""
        raise UserError(f"{path}:{line}expected YAML; {error.problem or error.context}") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: expected YAML; {getattr(error, 'reason', error)}") from None


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


def first_sentence(error: ValidationError) -> str:
    """`models.imdb.epochs: expected ..., found -3` of the first mistake."""
    first: Any = error.errors(include_url=False)[0]
    path = list(first["loc"])
    if path[:1] == ["datasets"]:
        del path[2:3]  # the format, by which pydantic tells the kinds of datasets apart
    key = ".".join(map(str, path)) or "the file"
    if first["type"] == "extra_forbidden":
        return f"{key}: unknown key"
    if first["type"] == "missing":
        return f"{key}: expected a value, found none"
    if first["type"] == "union_tag_not_found":
        return f"{key}.format: expected a value, found none"
    if first["type"] == "union_tag_invalid":
        return f"{key}.format: expected {first['ctx']['expected_tags']}; found {first['ctx']['tag']!r}"
    reason = first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error":
        return f"{key}: {reason}" if first["loc"] else reason
    reason = reason.removeprefix("Input should be ")
    return f"{key}: expected {reason}; found {first['input']!r}"
