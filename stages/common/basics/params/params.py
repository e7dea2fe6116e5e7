"""params.yaml as a whole, its sections checked against each other."""

from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, model_validator

from stages.common.basics.params.baselines import Baselines
from stages.common.basics.params.questions import dataset_of, pins_of, settings_of
from stages.common.basics.params.sections import (
    Dataset,
    Defaults,
    Download,
    Files,
    LearningCurves,
    Model,
    Plots,
    Replicates,
    Section,
    Verdicts,
)
from stages.common.basics.params.types import BINARY_LOSSES, MOST_LABELS, Name, Pins, Seed

MOST_WEIGHTS = 2**32  # of a network: 16 GiB of float32, and the optimizer has as much again


class Params(Section):
    """All of params.yaml."""

    seed: Seed
    """Seed of the weights and of the order of training rows."""
    defaults: dict[Name, Defaults]
    """By dataset: what its models have unless their own section says otherwise."""
    models: Annotated[dict[Name, Model], Field(min_length=1)]
    """By name: a new section is a new model."""
    replicates: Replicates
    """Further runs of each model, under other seeds."""
    learning_curves: dict[Name, LearningCurves]
    """By model: which figures published by epoch are held against ours, and how ours come about."""
    verdicts: Verdicts
    baselines: Baselines
    plots: Plots
    datasets: Annotated[dict[Name, Dataset], Field(min_length=1)]
    download: Download
    official: dict[Name, Files]
    """The files of Keras' datasets, with their hashes."""
    terms: dict[Name, str]
    """What is allowed with the data of each dataset."""
    libraries: dict[Name, Pins]
    """Versions that may change results. A stage runs with just those of the groups that it names."""

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
            is_official = name in self.datasets and self.datasets[name].is_official
            if is_official != (name in self.official):
                needs = f"expected a value, found none; datasets.{name} needs it"
                raise ValueError(f"official.{name}: {needs if is_official else 'expected no files of this dataset'}")
        return self

    @model_validator(mode="after")
    def _texts_are_there(self) -> Self:
        for name, dataset in self.datasets.items():
            with_texts = [other for other, section in self.datasets.items() if section.format != "features"]
            if dataset.texts not in ([name] if name in with_texts else with_texts):
                others = f"one of {', '.join(with_texts)}"
                expected = f"{name}, as it has a format" if name in with_texts else others
                raise ValueError(f"datasets.{name}.texts: expected {expected}; found {dataset.texts!r}")
            if dataset.weighting == "naive_bayes" and dataset_of(self, name).classes not in (2, None):
                expected = f"expected one for the {dataset_of(self, name).classes} labels of {dataset.texts}"
                raise ValueError(f"datasets.{name}.weighting: {expected}; found 'naive_bayes', which is for 2")
        return self

    @model_validator(mode="after")
    def _models_fit_their_datasets(self) -> Self:
        for name in self.models:
            self._check_model(name)
        if unknown := self.replicates.own.keys() - self.models.keys():
            expected = f"expected one of {', '.join(self.models)}"
            raise ValueError(f"replicates.own.{min(unknown)}: {expected}; found {min(unknown)!r}")
        for name, defaults in self.defaults.items():
            self._check_reference(name, defaults.reference)
        return self

    @model_validator(mode="after")
    def _learning_curves_are_of_models(self) -> Self:
        for name, curves in self.learning_curves.items():
            if name not in self.models:
                expected = f"expected one of {', '.join(self.models)}"
                raise ValueError(f"learning_curves.{name}: {expected}; found {name!r}")
            if curves.dataset != (dataset := self.models[name].dataset):
                expected = f"expected {dataset}, as models.{name} has it"
                raise ValueError(f"learning_curves.{name}.dataset: {expected}; found {curves.dataset!r}")
        return self

    def _check_reference(self, name: str, reference: str | None) -> None:
        """Check that the models of a dataset's texts have one model to be compared with.

        Raises:
            ValueError: they have none, or two.
        """
        texts = self.datasets[name].texts if name in self.datasets else name
        if texts != name and reference is not None:
            expected = f"expected none, as that of defaults.{texts} is that of its texts"
            raise ValueError(f"defaults.{name}.reference: {expected}; found {reference!r}")
        known = [model for model, section in self.models.items() if self.datasets[section.dataset].texts == name]
        if texts == name and known and reference not in known:
            found = "none" if reference is None else repr(reference)
            raise ValueError(f"defaults.{name}.reference: expected one of {', '.join(known)}; found {found}")

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
        texts = self.datasets[model.dataset].texts
        if texts not in self.defaults:
            raise ValueError(f"defaults.{texts}: expected a value, found none; models.{name} is of its texts")
        dataset, settings = dataset_of(self, model.dataset), settings_of(self, name)
        binary = settings.loss in BINARY_LOSSES
        if binary and dataset.classes not in (2, None):
            expected = f"expected one for the {dataset.classes} labels of {model.dataset}"
            raise ValueError(f"{settings.where(name, 'loss')}: {expected}; found {settings.loss!r}")
        columns = dataset.num_words
        outputs = [] if model.hidden else [dataset.classes or MOST_LABELS]
        weights = sum(inputs * units for inputs, units in pairwise([columns, *model.hidden, *outputs]))
        if weights > MOST_WEIGHTS:
            expected = f"expected at most {MOST_WEIGHTS:,} weights, the first layer's {columns:,} a unit included"
            raise ValueError(f"models.{name}.hidden: {expected}; found {weights:,}")
