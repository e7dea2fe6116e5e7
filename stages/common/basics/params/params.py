"""params.yaml as a whole, its sections checked against each other."""

from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, model_validator

from stages.common.basics.params.questions import models_of, pins_of, settings_of
from stages.common.basics.params.sections import (
    Baselines,
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
from stages.common.basics.params.types import BINARY_LOSSES, Name, Pins, Seed

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
        if binary and dataset.classes not in (2, None):
            expected = f"expected one for the {dataset.classes} labels of {model.dataset}"
            raise ValueError(f"{settings.where(name, 'loss')}: {expected}; found {settings.loss!r}")
        columns = dataset.num_words
        weights = sum(inputs * units for inputs, units in pairwise([columns, *model.hidden]))
        if weights > MOST_WEIGHTS:
            expected = f"expected at most {MOST_WEIGHTS:,} weights, the first layer's {columns:,} a unit included"
            raise ValueError(f"models.{name}.hidden: {expected}; found {weights:,}")
