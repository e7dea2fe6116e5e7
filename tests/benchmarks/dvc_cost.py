"""What DVC itself costs here, against another revision: `python -m tests.benchmarks.dvc_cost REVISION`.

Both are cloned without data, and measured in turn: `dvc status`, `dvc repro` with nothing to do (dry, as there are no
data), and what `dvc repro` adds to each stage that runs, measured on the stages `render`, which need no data. A
revision that does not pin YAML's C parser is measured without it.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tabulate import tabulate

from stages.common.basics.errors import run as end_with_one_line

NO_C_PARSER = "raise ImportError('hidden for the benchmark')\n"


def wall(command: list[str], folder: Path, env: dict[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, env=env, capture_output=True)
    return time.perf_counter() - start


def clone(revision: str, folder: Path) -> dict[str, str]:
    """Clone a revision; return the environment for commands in it."""
    subprocess.run(["git", "clone", "--quiet", ".", str(folder)], check=True)
    subprocess.run(["git", "checkout", "--quiet", revision], cwd=folder, check=True)
    path = [str(folder)]
    if "ruamel-yaml-clib" not in (folder / "requirements.txt").read_text().replace(".", "-"):
        hidden = folder.with_name(f"{folder.name}_hidden")
        hidden.mkdir()
        (hidden / "_ruamel_yaml.py").write_text(NO_C_PARSER)
        path.insert(0, str(hidden))
    binaries = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    site = str(folder.with_name(f"{folder.name}_site"))
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path), "PATH": binaries, "DVC_SITE_CACHE_DIR": site}


def measure(folder: Path, env: dict[str, str]) -> dict[str, float]:
    """Seconds of each."""
    dvc = [sys.executable, "-m", "dvc"]
    listed = subprocess.run(
        [*dvc, "stage", "list", "--name-only"], cwd=folder, env=env, capture_output=True, text=True
    )
    models = [name.partition("@")[2] for name in listed.stdout.split() if name.startswith("render@")]
    module = ["stages", "render"] if (folder / "stages/__main__.py").exists() else ["stages.render"]
    alone = sum(wall([sys.executable, "-m", *module, name], folder, env) for name in models)
    start = wall([*dvc, "repro", "--dry", "--force", "--single-item", "render"], folder, env)
    together = wall([*dvc, "repro", "--force", "--single-item", "render"], folder, env)
    return {
        "`dvc status`": wall([*dvc, "status"], folder, env),
        "`dvc repro`, nothing to do": wall([*dvc, "repro", "--dry", "--allow-missing"], folder, env),
        "DVC's own, a stage that runs": (together - start - alone) / len(models),
    }


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.dvc_cost", description=__doc__)
    parser.add_argument("revision")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    measured: dict[str, list[dict[str, float]]] = {arguments.revision: [], "HEAD": []}
    with tempfile.TemporaryDirectory() as temporary:
        places = {revision: Path(temporary) / revision for revision in measured}
        environments = {revision: clone(revision, folder) for revision, folder in places.items()}
        for _ in range(arguments.rounds):
            for revision, found in measured.items():
                found.append(measure(places[revision], environments[revision]))
    lines = []
    for name in measured["HEAD"][0]:
        old, new = (statistics.median(found[name] for found in runs) for runs in measured.values())
        lines.append([name, f"{old:.2f}", f"{new:.2f}", f"{new / old:.2f}"])
    header = ["seconds", *measured, "ratio"]
    print(tabulate(lines, header, tablefmt="github", disable_numparse=True))


if __name__ == "__main__":
    end_with_one_line(main)
