"""Where each artifact of a project lies, below its root: the one place that knows."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Paths:
    """The files and folders of the project in `root`; `dataset` and `model` are names of params.yaml."""

    root: Path = Path()

    @property
    def all_raw(self) -> Path:
        return self.root / "data" / "raw"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    def raw(self, dataset: str) -> Path:
        """The official files of a dataset, or a user's labelled texts."""
        return self.all_raw / dataset

    def added(self, dataset: str) -> Path:
        """What `dvc add` writes beside a user's labelled texts."""
        return self.all_raw / f"{dataset}.dvc"

    def vectorized(self, dataset: str) -> Path:
        return self.root / "data" / "vectorized" / dataset

    def model(self, model: str) -> Path:
        """A trained model."""
        return self.root / "data" / "models" / model

    def predictions(self, model: str) -> Path:
        """The output of a model for the test texts, an .npy file."""
        return self.root / "data" / "predictions" / f"{model}.npy"

    def kept_replicates(self, model: str) -> Path:
        """No artifact: may be deleted, see stages/replicate.py."""
        return self.root / ".dvc" / "tmp" / "replicates" / model

    def dataset_report(self, dataset: str) -> Path:
        return self.reports / "datasets" / dataset

    def model_report(self, model: str) -> Path:
        return self.reports / "models" / model

    def errors_of_model(self, model: str) -> Path:
        """Which test texts its replicates got wrong."""
        return self.model_report(model) / "errors.npz"

    def errors_of_baselines(self, dataset: str) -> Path:
        return self.dataset_report(dataset) / "errors.npz"


HERE = Paths()  # stages and commands run in the root
