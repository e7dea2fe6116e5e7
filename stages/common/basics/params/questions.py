"""What is asked of params.yaml."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stages.common.basics.params.params import Params  # which asks, too
from stages.common.basics.params.sections import OfficialDataset, Settings, TextDataset
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


def dataset_of(params: "Params", name: str) -> OfficialDataset | TextDataset:
    """A dataset as if it said itself what its texts are, where it names another's."""
    own = params.datasets[name]
    if isinstance(own, OfficialDataset | TextDataset):
        return own
    texts: OfficialDataset | TextDataset = params.datasets[own.texts]  # type: ignore[assignment] # has a format
    return texts.model_copy(update=own.model_dump(exclude={"format"}))


def texts_of(params: "Params", model: str) -> str:
    """The dataset whose texts a model is of."""
    return params.datasets[params.models[model].dataset].texts


def sources_of(params: "Params") -> list[str]:
    """The datasets that have texts of their own, and defaults for models, by name."""
    return sorted(
        name for name, dataset in params.datasets.items() if dataset.texts == name and name in params.defaults
    )


def models_of(params: "Params", dataset: str) -> list[str]:
    """The models of a dataset, with its features, by name; its texts' reference first."""
    return [
        name for name in models_on(params, params.datasets[dataset].texts) if params.models[name].dataset == dataset
    ]


def models_on(params: "Params", texts: str) -> list[str]:
    """The models of a dataset's texts, whatever the features; its reference first and the others by name."""
    names = [name for name, model in params.models.items() if params.datasets[model.dataset].texts == texts]
    return sorted(names, key=lambda name: (name != params.defaults[texts].reference, name))


def ordered_models(params: "Params") -> list[str]:
    """All models, dataset by dataset; not in the order of params.yaml."""
    return [name for dataset in sources_of(params) for name in models_on(params, dataset)]
