"""`make bench`: the notebooks' way, this pipeline, a bare loop and, where it is installed, torch, in turn here.

Writes reports/benchmark.md, benchmark.png and scaling.png. Each contestant is a process of its own, so that its peak
memory is its own; they take turns, so that a machine that slows down slows all of them. What counts are the ratios.
"""

import argparse
import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from matplotlib.axes import Axes
from tabulate import tabulate
from tqdm import tqdm

from bagpipe.review.measured import begin_page
from bagpipe.scratch.copies import copy_project, environment
from stages.common.basics.artifacts import read_json, write_text
from stages.common.basics.errors import UserError
from stages.common.basics.errors import run as end_with_one_line
from stages.common.basics.params.params import Params
from stages.common.basics.params.reading import load_params
from stages.common.basics.paths import HERE
from stages.common.drawing.figures import BASELINE, REFERENCE, TEST, TRAINING, figure
from tests.benchmarks.official import HEADLINE, official_files
from tests.benchmarks.scaling import Measured, draw_scaling, measure_scaling, scaling_table
from tests.benchmarks.serving import serving_table
from tests.benchmarks.steps import Run, run
from tests.benchmarks.vectorizers import measure_vectorizers, vectorizers_table

PAGE = HERE.reports / "benchmark.md"
CHAIN = ("download", "vectorize", "validate", "train", "evaluate")
NAMES = {
    "textbook": "(a) textbook, dense",
    "ours": "(b) this pipeline",
    "floor": "(c) numpy and scipy",
    "embedding_bag": "(d) torch EmbeddingBag",
}
COLORS = {"textbook": REFERENCE, "ours": TEST, "embedding_bag": BASELINE, "floor": TRAINING}
TORCH = " (d) is the same network in torch."
STEPS_SHOWN = (("load", "vectorize"), ("fit",), ("final fit",), ("evaluate",))


def cold_chain(folder: Path, env: dict[str, str]) -> Run:
    """Both headline models from download to evaluate, a process a stage, one after the other."""
    wall = peak = 0.0
    for stage in CHAIN:
        for name in HEADLINE:
            done = run([sys.executable, "-m", "stages", stage, name], folder, env)
            wall, peak = wall + done.wall, max(peak, done.peak)
    return Run({}, wall, peak)


def cold_repro(mirror: Path) -> Run:
    """The same through `dvc repro`, with the pictures, in a new copy of the project: what a user waits for."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        copy_project(folder)
        env = environment(folder) | {"DATASETS_MIRROR": str(mirror), "DVC_SITE_CACHE_DIR": str(folder / "site")}
        targets = [f"render@{name}" for name in HEADLINE]
        return run([sys.executable, "-m", "dvc", "repro", *targets], folder, env)


def contest(mirror: Path, rounds: int) -> dict[str, list[Run]]:
    """Let the contestants take turns, `rounds` times."""
    runs: dict[str, list[Run]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        copy_project(folder)
        (folder / "keras").mkdir()
        (folder / "keras" / "datasets").symlink_to(mirror)
        here = str(Path(__file__).resolve().parents[2])
        env = environment(folder) | {
            "DATASETS_MIRROR": str(mirror),
            "KERAS_HOME": str(folder / "keras"),
            "PYTHONPATH": here,
        }
        contestants = ["textbook", "ours", "floor"]
        if importlib.util.find_spec("torch"):
            contestants.append("embedding_bag")
        rows = str(folder / "data" / "vectorized")
        for _ in tqdm(range(rounds), unit=" rounds", disable=None):
            runs.setdefault("chain", []).append(cold_chain(folder, env))
            runs.setdefault("repro", []).append(cold_repro(mirror))
            for name in contestants:
                command = [sys.executable, "-W", "ignore", "-m", f"tests.benchmarks.{name}", rows]
                runs.setdefault(name, []).append(run(command, folder, env))
    return runs


def seconds(runs: list[Run], dataset: str, *steps: str) -> float:
    """Median seconds of some steps together."""
    return statistics.median(sum(run.report["seconds"][dataset].get(step, 0.0) for step in steps) for run in runs)


def steps_table(runs: dict[str, list[Run]]) -> str:
    """Median seconds of each step and contestant, and how many times faster than the textbook."""
    contestants = [name for name in NAMES if name in runs]
    lines = []
    for dataset in HEADLINE:
        for steps in STEPS_SHOWN:
            base = seconds(runs["textbook"], dataset, *steps)
            line = [dataset, " and ".join(steps)]
            for name in contestants:
                measured = all(step in runs[name][0].report["seconds"][dataset] for step in steps)
                took = seconds(runs[name], dataset, *steps)
                line += [f"{took:.2f}", f"{base / took:.1f}"] if measured else ["", ""]
            lines.append(line)
    header = ["dataset", "step"]
    for name in contestants:
        header += [f"{NAMES[name]}, s", "times faster"]
    return tabulate(lines, header, tablefmt="github", disable_numparse=True)


def whole_table(runs: dict[str, list[Run]]) -> str:
    """Wall seconds and peak memory of whole processes."""
    base = statistics.median(run.wall for run in runs["textbook"])
    base_peak = statistics.median(run.peak for run in runs["textbook"])
    names = {
        "repro": "(b) `dvc repro` of both models, cold: twelve stages",
        "chain": "(b) ten of these stages without DVC, a process each",
        **NAMES,
    }
    lines = []
    for name in ("textbook", "repro", "chain", "ours", "floor", "embedding_bag"):
        if name in runs:
            wall = statistics.median(run.wall for run in runs[name])
            peak = statistics.median(run.peak for run in runs[name])
            lines.append(
                [names[name], f"{wall:.1f}", f"{base / wall:.1f}", f"{peak:,.0f}", f"{base_peak / peak:.1f}"]
            )
    header = ["whole", "wall, s", "times faster", "peak memory of a process, MB", "times less"]
    return tabulate(lines, header, tablefmt="github", disable_numparse=True)


def accuracy_table(runs: dict[str, list[Run]], params: Params) -> str:
    """Test accuracies, which must agree within noise for the times to mean anything."""
    lines = []
    for dataset in HEADLINE:
        spread = read_json(HERE.model_report(dataset) / "replicates.json")["accuracy"]
        line = [dataset, f"{spread['mean']:.4f} ± {spread['sd']:.4f}"]
        line += [f"{runs[name][0].report['accuracy'][dataset]:.4f}" for name in NAMES if name in runs]
        lines.append(line)
    header = ["test accuracy", "our replicates", *(NAMES[name] for name in NAMES if name in runs)]
    return tabulate(lines, header, tablefmt="github", disable_numparse=True)


def training_steps(runs: dict[str, list[Run]]) -> str:
    """Milliseconds of a training step without tracing and validation, ours against the bare loop."""
    counts = {"imdb": 20 * 30, "reuters": 20 * 16}
    lines = []
    for dataset, count in counts.items():
        ours = seconds(runs["ours"], dataset, "steps") / count * 1000
        floor = seconds(runs["floor"], dataset, "fit") / count * 1000
        lines.append([dataset, f"{ours:.2f}", f"{floor:.2f}", f"{ours / floor:.1f}"])
    header = ["training step", "(b) this pipeline, ms", "(c) numpy and scipy, ms", "ratio"]
    return tabulate(lines, header, tablefmt="github", disable_numparse=True)


def nothing_to_do(rounds: int) -> str:
    """Wall seconds of commands where nothing is to be done, in this checkout."""
    python = [sys.executable, "-m"]
    commands = {
        "`dvc status`": [*python, "dvc", "status"],
        "`dvc repro`, everything up to date": [*python, "dvc", "repro"],
        "`bagpipe run`, everything up to date": [*python, "bagpipe.cli.main", "run"],
        "`bagpipe --help`": [*python, "bagpipe.cli.main", "--help"],
        "`bagpipe results`": [*python, "bagpipe.cli.main", "results"],
        "`bagpipe decode imdb`": [*python, "bagpipe.cli.main", "decode", "imdb"],
    }
    if "up to date" not in subprocess.run(commands["`dvc status`"], capture_output=True, text=True).stdout:
        raise UserError("expected an up-to-date pipeline; run `make run` first")
    walls: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(2 * rounds + 1):
        for name, command in commands.items():
            walls[name].append(run(command, Path(), dict(os.environ)).wall)
    base = statistics.median(walls["`dvc status`"])
    lines = [[name, f"{(took := statistics.median(w)):.2f}", f"{took / base:.2f}"] for name, w in walls.items()]
    return tabulate(lines, ["command", "wall, s", "times `dvc status`"], tablefmt="github", disable_numparse=True)


def draw_steps(axes: Axes, runs: dict[str, list[Run]], dataset: str) -> None:
    """Draw the median seconds of each step, a bar a contestant."""
    contestants = [name for name in NAMES if name in runs]
    width = 0.8 / len(contestants)
    for place, name in enumerate(contestants):
        times = [seconds(runs[name], dataset, *steps) for steps in STEPS_SHOWN]
        places = [step + (place - (len(contestants) - 1) / 2) * width for step in range(len(times))]
        bars = axes.bar(places, times, width, color=COLORS[name], label=NAMES[name])
        axes.bar_label(bars, [f"{t:.1f}" if t else "" for t in times], fontsize=7)
    axes.set_xticks(range(len(STEPS_SHOWN)), [" and\n".join(steps) for steps in STEPS_SHOWN])
    axes.set(title=f"{dataset}: the notebooks' work, step by step", ylabel="Seconds (median)")
    axes.legend()


def spelled_out(mirror: Path, params: Params, rounds: int) -> str:
    """Own texts against other vectorizers, see vectorizers.py."""
    with tempfile.TemporaryDirectory() as temporary:
        for file in params.official["imdb"]:
            (Path(temporary) / file).symlink_to(mirror / file)
        env = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
        return vectorizers_table(measure_vectorizers(Path(temporary), params.datasets["imdb"], env, rounds))


def answers(params: Params, rounds: int) -> str:
    """Answers to raw texts, see serving.py."""
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    return serving_table({name: params.datasets[name] for name in HEADLINE}, env, rounds)


def page(
    head: str,
    runs: dict[str, list[Run]],
    idle: str,
    own_texts: str,
    raw_texts: str,
    scaling: list[Measured],
    params: Params,
    rounds: int,
) -> str:
    """reports/benchmark.md, with the lines that `begin_page` has made."""
    others, start = ("", "(c) starts") if "embedding_bag" not in runs else (TORCH, "(c) and (d) start")
    return f"""# Benchmark

{head}

Absolute times are those of this machine. What can be carried elsewhere are the ratios: the contestants took turns, \
{rounds} rounds, and medians are shown.

(a) is the notebooks' work as a textbook writes it: `load_data`, every row written out, ordinary dense Keras. (b) \
is this pipeline: the same steps called in one process, and its stages as the processes that DVC starts. (c) is a \
bare loop of numpy and scipy on one thread: about as little as the work takes.{others}

{steps_table(runs)}

![Seconds of each step](benchmark.png)

`fit` is the validation run of 20 epochs, `final fit` that of 4 (IMDB) or 9 (Reuters) epochs, both with building and \
tracing the model; {start} from (b)'s rows, without validation. A training step by itself, neither traced nor \
validated:

{training_steps(runs)}

{whole_table(runs)}

All reach the same accuracy within noise, (a) and (b) with one seed:

{accuracy_table(runs, params)}

## With nothing to do

{idle}

## Own texts

The official reviews, spelled out again as a user would have them, from CSV files to multi-hot rows:

{own_texts}

## Answers to raw texts

The same texts in words, each contestant in a process of its own, with its model loaded and warm:

{raw_texts}

## Scaling

Generated CSV files of {scaling[0].rows:,} to {scaling[-1].rows:,} training texts of 30 words on average, through \
the stages `vectorize` and `train` (one epoch) and through `bagpipe predict`; whole processes.

{scaling_table(scaling)}

![Time and memory by rows](scaling.png)
"""


def main() -> None:
    """Measure, check that accuracies agree, and write the page."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--largest", type=int, default=3_000_000, help="rows of the largest generated corpus")
    arguments = parser.parse_args()
    head = begin_page(PAGE)
    params = load_params()
    mirror = official_files(params)
    idle = nothing_to_do(arguments.rounds)
    runs = contest(mirror, arguments.rounds)
    for name, contested in runs.items():
        for dataset, accuracy in contested[0].report.get("accuracy", {}).items():
            spread = read_json(HERE.model_report(dataset) / "replicates.json")["accuracy"]
            if abs(accuracy - spread["mean"]) > 5 * spread["sd"]:
                raise UserError(f"{name}: {dataset}: test accuracy {accuracy:.4f} is not that of the others")
    own_texts = spelled_out(mirror, params, arguments.rounds)
    raw_texts = answers(params, arguments.rounds)
    scaling = measure_scaling(arguments.largest)

    with figure(HERE.reports / "benchmark.png", params.plots, 1.3, 1, len(HEADLINE)) as panels:
        for axes, dataset in zip(panels, HEADLINE, strict=True):
            draw_steps(axes, runs, dataset)
    with figure(HERE.reports / "scaling.png", params.plots, 1.1, 1, 2) as panels:
        draw_scaling(panels, scaling)
    write_text(PAGE, page(head, runs, idle, own_texts, raw_texts, scaling, params, arguments.rounds))
    print(
        steps_table(runs),
        training_steps(runs),
        whole_table(runs),
        idle,
        own_texts,
        raw_texts,
        scaling_table(scaling),
        sep="\n\n",
    )


if __name__ == "__main__":
    end_with_one_line(main)
