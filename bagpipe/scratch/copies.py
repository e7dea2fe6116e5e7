"""A scratch copy of the project on small generated corpora: the same dvc.yaml and stages, the params of demo.yaml."""

import hashlib
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from bagpipe.project.dvc_plots import set_up_plots
from stages.common.basics.params.reading import PARAMS_FILE, read_yaml
from stages.common.basics.watch import PIPELINE_FILE
from stages.common.judging.learning_curves import PUBLISHED_CURVES
from stages.common.judging.published import PUBLISHED_FILE

ROOT = Path(__file__).resolve().parents[2]
DEMO_FILE = Path(__file__).with_name("demo.yaml")
SEED = 1
BEST_POSSIBLE = "The best accuracy to be expected of any classifier, known because the texts are generated"


def copy_project(folder: Path) -> None:
    """Copy the pipeline, not its data or results, as a DVC repository without Git."""
    for file in (PIPELINE_FILE, PARAMS_FILE, PUBLISHED_FILE, PUBLISHED_CURVES, Path(".dvcignore")):
        shutil.copyfile(ROOT / file, folder / file)
    ignore = shutil.ignore_patterns("__pycache__", "cache", "tmp", "config.local", "plots.html")
    for name in ("stages", ".dvc"):
        copy_writable(ROOT / name, folder / name, ignore)
    (folder / ".dvc" / "config.local").write_text("[core]\n    no_scm = true\n", encoding="utf-8")


def copy_writable(source: Path, target: Path, ignore: Callable[..., set[str]] | None = None) -> None:
    """Copy a folder, which may be one that nobody can write in; its copy can be."""
    shutil.copytree(source, target, ignore=ignore, copy_function=shutil.copyfile)
    for folder in (target, *(path for path in target.rglob("*") if path.is_dir())):
        folder.chmod(0o755)


def mirror_of(folder: Path) -> Path:
    """Where the corpora of a copy lie: beside its stages' outputs, so as to go with it."""
    return folder / ".mirror"


def generate_corpora(folder: Path, corpora: dict[str, Any], params: dict[str, Any]) -> dict[str, float]:
    """Write a corpus for each dataset, and its files into `official`; return the best possible accuracy of each."""
    import numpy as np

    from bagpipe.scratch.corpora import make_generator, write_corpus

    best, datasets = {}, params["datasets"]
    for number, (name, spec) in enumerate(corpora.items()):
        generator = make_generator(
            len(datasets[name]["labels"].split()),
            spec["vocabulary"],
            spec["mean_length"],
            spec["separation"],
            np.random.default_rng([SEED, number]),
        )
        split = datasets[name]["test_split"] is None
        best[name] = write_corpus(folder, name, split, generator, spec["train"], spec["test"], SEED)
        params["official"][name] = {
            file: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
            for file in (f"{name}.npz", f"{name}_word_index.json")
            for content in [(folder / file).read_bytes()]
        }
    return best


def make_scratch_copy(folder: Path) -> None:
    """Fill an empty folder with a copy of the project that works on generated corpora.

    The figures published there are the best possible accuracies.
    """
    copy_project(folder)
    set_up_plots(folder)
    demo = read_yaml(DEMO_FILE)
    best = generate_corpora(mirror_of(folder), demo["corpora"], demo["params"])
    known = "no model need reach the best that is possible"
    figure = {"figure": "test.accuracy", "source": "G", "best_possible": True, "known": known}
    models = demo["params"]["models"].items()
    published = [{"of": name, "value": f"{best[model['dataset']]:.4f}", **figure} for name, model in models]
    figures = {"sources": {"G": BEST_POSSIBLE}, "settings": {}, "published": published, "bounds": []}
    for path, content in ((PARAMS_FILE, demo["params"]), (PUBLISHED_FILE, figures)):
        YAML().dump(read_yaml(folder / path) | content, folder / path)


def environment(folder: Path) -> dict[str, str]:
    """The environment for commands in a copy: its own mirror, this Python, and no network."""
    nowhere = "http://127.0.0.1:9"  # the discard port: a request that should not be made fails at once
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    proxies = {f"{scheme}_proxy": nowhere for scheme in ("http", "https")}
    return {**os.environ, **proxies, "PATH": path, "DATASETS_MIRROR": str(mirror_of(folder))}
