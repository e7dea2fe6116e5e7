"""A scratch copy of the project on small generated corpora: the same dvc.yaml and stages, other numbers."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from stages.bagpipe.corpora import make_generator, write_corpus
from stages.common.artifacts import REPORTS
from stages.common.params import PARAMS_FILE, Params, load_params

ROOT = Path(__file__).resolve().parents[2]
MIRROR = "mirror"  # the folder of the copy that DATASETS_MIRROR names

# Small enough for seconds of training, large enough that models come near the best possible accuracy.
VOCABULARY, NUM_WORDS = 400, 390
TRAIN, TEST, HOLDOUT, BATCH = 4_000, 1_000, 1_000, 32
REPLICATES = 2
MEAN_LENGTH, SEPARATION = {2: 25.0, 46: 10.0}, {2: 0.45, 46: 2.0}  # by number of classes
SEED = 1


def copy_project(folder: Path) -> None:
    """Copy the pipeline, not its data or results, as a DVC repository without Git."""
    for name in ("dvc.yaml", "params.yaml", ".dvcignore"):
        shutil.copy(ROOT / name, folder / name)
    ignore = shutil.ignore_patterns("__pycache__", "cache", "tmp", "config.local")
    for name in ("stages", ".dvc"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    (folder / ".dvc" / "config.local").write_text("[core]\n    no_scm = true\n", encoding="utf-8")


def edit_yaml(path: Path, edit: Callable[[Any], None]) -> None:
    """Change a YAML file in place, its comments and order kept."""
    yaml = YAML()
    yaml.width = 1_000
    content = yaml.load(path)
    edit(content)
    yaml.dump(content, path)


def generate_corpora(folder: Path, params: Params) -> dict[str, dict[str, Any]]:
    """Write a corpus for each dataset; return what changes in its section of params.yaml."""
    import numpy as np

    changes = {}
    for number, (name, dataset) in enumerate(params.datasets.items()):
        generator = make_generator(
            dataset.classes,
            VOCABULARY,
            MEAN_LENGTH.get(dataset.classes, 20.0),
            SEPARATION.get(dataset.classes, 1.0),
            np.random.default_rng([SEED, number]),
        )
        best = write_corpus(folder, dataset, generator, TRAIN, TEST, seed=SEED)
        files = {
            file: {
                "sha256": hashlib.sha256((folder / file).read_bytes()).hexdigest(),
                "bytes": (folder / file).stat().st_size,
            }
            for file in dataset.files
        }
        changes[name] = {"files": files, "num_words": NUM_WORDS, "best_accuracy": round(best, 4)}
    return changes


def keep_models(folder: Path, models: Collection[str]) -> None:
    """Drop all other models from a copy's params.yaml, and the lines that dvc.yaml has for them."""

    def dropped(path: str) -> bool:
        parts = Path(path).parts
        return parts[0] == REPORTS.name and len(parts) > 1 and parts[1] in others

    def prune(content: Any) -> None:
        """Remove, at any depth, what names a file of another model."""
        if isinstance(content, dict):
            for key in [key for key in content if isinstance(key, str) and dropped(key)]:
                del content[key]
            for value in content.values():
                prune(value)
        elif isinstance(content, list):
            content[:] = [item for item in content if not (isinstance(item, str) and dropped(item))]
            for item in content:
                prune(item)

    params = load_params(folder / PARAMS_FILE)
    others = set(params.models) - set(models)

    def prune_params(content: Any) -> None:
        for name in others:
            del content["models"][name]
        content["bounds"] = []  # of the official data
        content["published"] = [p for p in content["published"] if not others & {p["of"], p.get("against")}]

    edit_yaml(folder / PARAMS_FILE, prune_params)
    edit_yaml(folder / "dvc.yaml", prune)


def make_scratch_copy(folder: Path, models: Collection[str] | None = None, epochs: int = 8) -> None:
    """Fill an empty folder with a copy of the project that works on generated corpora.

    Args:
        models: the models to keep; all by default.
        epochs: of the validation runs, at most.
    """
    copy_project(folder)
    if models is not None:
        keep_models(folder, models)
    params = load_params(folder / PARAMS_FILE)
    changes = generate_corpora(folder / MIRROR, params)

    def edit(content: Any) -> None:
        for name, change in changes.items():
            content["datasets"][name].update(change)
        content["replicates"]["n"] = REPLICATES
        for model in content["models"].values():
            model["batch_size"] = BATCH
            model["validation"].update(holdout=HOLDOUT, epochs=min(model["validation"]["epochs"], epochs))
            if model["final"]["leave_out"]:
                model["final"]["leave_out"] = HOLDOUT

    edit_yaml(folder / PARAMS_FILE, edit)


def environment(folder: Path) -> dict[str, str]:
    """The environment for commands in a copy: its own mirror, this Python, and no network."""
    nowhere = "http://127.0.0.1:9"  # the discard port: a request that should not be made fails at once
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    proxies = {f"{scheme}_proxy": nowhere for scheme in ("http", "https")}
    return {**os.environ, **proxies, "PATH": path, "DATASETS_MIRROR": str(folder / MIRROR)}


def _run(folder: Path, module: str, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=folder, env=environment(folder), text=True, **options)


def dvc(folder: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run DVC in a copy."""
    return _run(folder, "dvc", *arguments, **options)


def bagpipe(folder: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command line of the project in a copy."""
    return _run(folder, "stages.bagpipe.main", *arguments, **options)
