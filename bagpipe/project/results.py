"""`bagpipe results`: the test accuracy of every model, beside the published one."""

from tabulate import tabulate

from stages.common.basics.artifacts import read_json
from stages.common.basics.params.questions import ordered_models, texts_of
from stages.common.basics.params.reading import PARAMS_FILE, load_params
from stages.common.basics.paths import HERE, Paths
from stages.common.judging.published import PUBLISHED_FILE, load_published, published_accuracies


def format_results(paths: Paths = HERE) -> str:
    """A table of every model's test accuracy beside the published one, and the best possible one if that is known."""
    params = load_params(paths.root / PARAMS_FILE)
    printed, best_possible = published_accuracies(load_published(params, paths.root / PUBLISHED_FILE), params)
    names = ordered_models(params)
    tests = [read_json(paths.model_report(name) / "metrics.json")["test"] for name in names]
    besides = [best_possible.get(texts_of(params, name)) for name in names]
    columns = {
        "model": names,
        "test loss": [f"{test['loss']:.4f}" for test in tests],
        "test accuracy": [f"{test['accuracy']:.4f}" for test in tests],
        "published": [printed[name].value if name in printed else "" for name in names],
        "best possible": [best.value if best else "" for best in besides],
    }
    shown = {name: column for name, column in columns.items() if any(column)}
    align = ("left", *["right"] * (len(shown) - 1))
    return tabulate(shown, "keys", tablefmt="simple", disable_numparse=True, colalign=align)
