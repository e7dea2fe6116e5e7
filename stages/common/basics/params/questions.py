"""What is asked of params.yaml."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stages.common.basics.params.params import Params  # which asks, too
from stages.common.basics.params.sections import Settings
from stages.common.basics.params.types import SEEDS_APART


def replicate_seeds(seed: int, n: int) -> range:
    """The seeds of n further runs."""
    return range(SEEDS_APART * seed + 1, SEEDS_APART * seed + 1 + n)


def pins_of(group: str) -> dict[str, str]:
    """The libraries of a group and their versions."""
    return dict(pin.split("==") for pin in group.split())


def settings_of(params: "Params", model: str) -> Settings:
    """A model's settings, its dataset's defaults included."""
    own = params.models[model]
    return Settings(own, params.defaults[own.dataset])


def models_of(params: "Params", dataset: str) -> list[str]:
    """The models of a dataset, its reference first and the others by name; not in the order of params.yaml."""
    names = [name for name, model in params.models.items() if model.dataset == dataset]
    return sorted(names, key=lambda name: (name != params.defaults[dataset].reference, name))


def ordered_models(params: "Params") -> list[str]:
    """All models, dataset by dataset."""
    return [name for dataset in sorted(params.defaults) for name in models_of(params, dataset)]
