"""`make bench-repro`: every model from nothing to its test figures, by `dvc repro` and by `bagpipe repro`, in turn.

Prints the ratio and writes reports/parallel.md. Each run is in a new copy of the project, with no lock, results,
cache or data; both must come to the same dvc.lock. Replicates would only make both longer.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from dask.system import CPU_COUNT
from tabulate import tabulate

from bagpipe.review.measured import begin_page
from bagpipe.scratch.copies import copy_project, environment
from stages.common.basics.artifacts import write_text
from stages.common.basics.errors import UserError
from stages.common.basics.errors import run as end_with_one_line
from stages.common.basics.params.reading import load_params
from stages.common.basics.paths import HERE
from tests.benchmarks.official import official_files
from tests.benchmarks.steps import run

PAGE = HERE.reports / "parallel.md"
TARGETS = ("baseline", "validate", "evaluate")


def cold(command: list[str], mirror: Path) -> tuple[float, bytes]:
    """Run a command in a new copy of the project: wall seconds, and the dvc.lock it leaves."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        copy_project(folder)
        env = environment(folder) | {"DATASETS_MIRROR": str(mirror), "DVC_SITE_CACHE_DIR": str(folder / "site")}
        wall = run([sys.executable, "-m", *command], folder, env).wall
        return wall, (folder / "dvc.lock").read_bytes()


def main() -> None:
    """Measure, compare the locks, and write the page."""
    parser = argparse.ArgumentParser(prog="make bench-repro", description=__doc__)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=CPU_COUNT)
    arguments = parser.parse_args()
    head = begin_page(PAGE)
    mirror = official_files(load_params())
    commands = {
        "dvc repro": ["dvc", "repro", *TARGETS],
        "bagpipe repro": ["bagpipe.cli.main", "repro", *TARGETS, "--jobs", str(arguments.jobs)],
    }
    walls: dict[str, list[float]] = {name: [] for name in commands}
    locks = set()
    for _ in range(arguments.rounds):
        for name, command in commands.items():
            wall, lock = cold(command, mirror)
            walls[name].append(wall)
            locks.add(lock)
            print(f"{name}: {wall:.1f} s", flush=True)
    if len(locks) > 1:
        raise UserError("expected the same dvc.lock of all runs, found several")

    serial, parallel = walls.values()
    ratio = statistics.median(after / before for before, after in zip(serial, parallel, strict=True))
    lines = [[f"`{' '.join([name, *TARGETS])}`", f"{statistics.median(walls[name]):.1f}"] for name in walls]
    table = tabulate(lines, ["all models, from nothing", "wall, s"], tablefmt="github", disable_numparse=True)
    write_text(
        PAGE,
        f"""# Stages at once

{head}

Pairs of runs: {arguments.rounds}.

{table}

With {arguments.jobs} stages at once, `bagpipe repro` took {ratio:.2f} of the time of `dvc repro`. Both left the \
same dvc.lock, byte for byte.
""",
    )
    print(f"ratio {ratio:.2f}; same dvc.lock")


if __name__ == "__main__":
    end_with_one_line(main)
