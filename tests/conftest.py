"""What several tests share: the official data, and a scratch copy of the project in which the pipeline has run."""

import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import bagpipe
from copying import CopyingProject, dask_cluster
from editing import edit_yaml
from filelock import FileLock

from bagpipe.scratch.copies import ROOT, make_scratch_copy
from stages.common.basics.params.reading import PARAMS_FILE, load_params
from stages.common.basics.processor import settle

settle()  # as a stage does: what tests train is then the same every time

# Fixtures that run the pipeline or DVC; `make test-quick` leaves out what uses one.
RUNS = {"scratch", "copying", "anywhere", "scheduler", "official"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what runs the pipeline as slow, besides the files that call themselves so; files with most of these first.

    So no process is left alone with the longest file while the others have nothing to do any more.
    """
    for item in items:
        if RUNS & set(getattr(item, "fixturenames", ())) or "pipeline" in item.path.parts:
            item.add_marker(pytest.mark.slow)
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


@pytest.fixture(scope="session", autouse=True)
def _no_traces(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what DVC and Keras write beside a project, and find there, out of the user's home; wait less."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path_factory.mktemp("dvc_site_cache")))
        patch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras_home")))
        patch.setenv("BAGPIPE_GRACE_S", "2")  # of a stage that is asked to stop
        yield


@pytest.fixture(scope="session", autouse=True)
def _as_from_a_terminal() -> Iterator[None]:
    """Start what is tested as a person does.

    What a shell starts in the background ignores Ctrl-C, and `make test` tells a `make` below that it is one.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
            patch.delenv(name, raising=False)
        for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGQUIT, signal.SIG_DFL)):
            if signal.getsignal(number) == signal.SIG_IGN:
                signal.signal(number, handler)
        yield


@pytest.fixture(scope="session")
def official() -> Path:
    """The folder of the official files."""
    folder = Path(os.environ.get("DATASETS_MIRROR") or "absent").resolve()
    datasets = load_params(ROOT / PARAMS_FILE).official.values()
    if not all((folder / name).is_file() for files in datasets for name in files):
        pytest.skip("official data not at hand: set DATASETS_MIRROR")
    return folder


def fewer_epochs(content: Any) -> None:
    for defaults in content["defaults"].values():
        defaults["validation_epochs"] = 4


def judge_curves(content: Any) -> None:
    """As if the notebook's curves were of generated texts."""
    content["learning_curves"] = {
        "imdb": {"dataset": "imdb", "n": 2, "old_optimizer": True, "old_progress_bar": True}
    }


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A scratch copy after `bagpipe repro`; to be read only, see `copy`. Test processes share one."""
    temporary = tmp_path_factory.getbasetemp()
    folder = (temporary if worker_id == "master" else temporary.parent) / "scratch"
    log = folder / "repro.log"  # written last
    with FileLock(f"{folder}.lock"):
        if not log.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make_scratch_copy(folder)
            edit_yaml(folder / PARAMS_FILE, fewer_epochs)
            edit_yaml(folder / PARAMS_FILE, judge_curves)
            done = bagpipe(folder, "repro", capture_output=True)
            assert done.returncode == 0, done.stdout + done.stderr
            log.write_text(done.stdout + done.stderr, encoding="utf-8")
    return folder


@pytest.fixture
def copy(scratch: Path, tmp_path: Path) -> Path:
    """A copy of `scratch`, results and cache included, to be changed."""
    return Path(shutil.copytree(scratch, tmp_path / "copy"))


@pytest.fixture
def copying(tmp_path: Path) -> Callable[[dict[str, list[str]]], CopyingProject]:
    """Makes a project of stages that run on this machine."""
    return lambda stages: CopyingProject(tmp_path / "project", stages)


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Dask scheduler with two workers of one thread."""
    with dask_cluster(tmp_path_factory.mktemp("dask")) as address:
        yield address


@pytest.fixture(params=["threads", "dask"])
def anywhere(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[dict[str, list[str]]], CopyingProject]:
    """Makes a project of stages that run on this machine, or on a Dask cluster."""
    options = () if request.param == "threads" else ("--scheduler", request.getfixturevalue("scheduler"))
    return lambda stages: CopyingProject(tmp_path / "project", stages, *options)
