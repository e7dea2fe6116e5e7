"""The results in short, for the terminal."""

from pathlib import Path

from tabulate import tabulate

from stages.common.artifacts import REPORTS, read_json
from stages.common.params import PARAMS_FILE, load_params


def results(root: Path) -> str:
    """A table of every model's test accuracy beside the published one, or the best possible one."""
    params = load_params(root / PARAMS_FILE)
    published = {p.of: p.value for p in params.published if p.figure == "test.accuracy" and not p.against}
    best = {name: dataset.best_accuracy for name, dataset in params.datasets.items()}
    generated = any(best.values())
    lines = []
    for name, model in params.models.items():
        test = read_json(root / REPORTS / name / "metrics.json")["test"]
        reference = best[model.dataset] if generated else published.get(name)
        lines.append(
            [
                name,
                f"{test['loss']:.4f}",
                f"{test['accuracy']:.4f}",
                f"{reference:.4f}" if reference else "",
            ]
        )
    header = ["model", "test loss", "test accuracy", "best possible" if generated else "published"]
    return tabulate(
        lines,
        header,
        tablefmt="simple",
        disable_numparse=True,
        colalign=("left", "right", "right", "right"),
    )
