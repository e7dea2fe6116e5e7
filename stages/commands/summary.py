"""The results in short, for the terminal."""

from pathlib import Path

from tabulate import tabulate

from stages.common.basics.artifacts import MODEL_REPORTS, read_json
from stages.common.basics.params import PARAMS_FILE, load_params, ordered_models
from stages.judging.published import PUBLISHED_FILE, load_published


def results(root: Path) -> str:
    """A table of every model's test accuracy beside the published one."""
    params = load_params(root / PARAMS_FILE)
    notebooks = load_published(params, root / PUBLISHED_FILE)
    published = {p.of: p.value for p in notebooks.published if p.figure == "test.accuracy" and not p.against}
    lines = []
    for name in ordered_models(params):
        test = read_json(root / MODEL_REPORTS / name / "metrics.json")["test"]
        reference = f"{published[name]:.4f}" if name in published else ""
        lines.append([name, f"{test['loss']:.4f}", f"{test['accuracy']:.4f}", reference])
    header = ["model", "test loss", "test accuracy", "published"]
    align = ("left", "right", "right", "right")
    return tabulate(lines, header, tablefmt="simple", disable_numparse=True, colalign=align)
