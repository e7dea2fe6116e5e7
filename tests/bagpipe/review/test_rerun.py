"""`bagpipe verify --rerun`: a stage run again with nothing but what it declares."""

import json
import shutil
from pathlib import Path

import pytest
from dvc.repo import Repo
from verifying import clone, commit, edit_text, findings, run_dvc, verify

from bagpipe.review.checks.rerun import isolate


def test_rerun_tells_what_nothing_else_can(project: Path) -> None:
    assert findings(project, "--rerun", "baseline@imdb", "report") == []
    path = project / "reports" / "datasets" / "imdb" / "baselines.json"
    content = json.loads(path.read_text())
    content["naive_bayes"]["accuracy"] = 0.5
    path.write_text(json.dumps(content))
    run_dvc(project, "commit", "--force", "baseline@imdb")
    run_dvc(project, "repro", "report")
    commit(project)
    assert findings(project) == []
    shutil.rmtree(project / "data" / "vectorized" / "imdb")  # comes from the cache
    (found,) = findings(project, "--rerun", "baseline")
    assert found["stage"] == "baseline@imdb"
    assert "wrote another reports/datasets/imdb/baselines.json" in found["problem"]


def test_a_rerun_has_only_what_the_stage_declares(project: Path, tmp_path: Path) -> None:
    (stage,) = (stage for stage in Repo(project).index.stages if stage.name == "baseline@imdb")
    isolate(stage, tmp_path / "isolated")
    files = {path.relative_to(tmp_path / "isolated") for path in (tmp_path / "isolated").rglob("*") if path.is_file()}
    common = ("stages/common/basics", "stages/common/corpora")
    folders = ("data/raw/imdb", "data/vectorized/imdb", "stages/baseline", *common)
    declared = {path for path in files if any(map(path.is_relative_to, folders))}
    rest = {"dvc.yaml", "params.yaml", "stages/__main__.py"}
    rest |= {"stages/__init__.py", "stages/common/__init__.py"}
    assert set(map(str, files - declared)) == rest | {".dvc/config", ".dvc/config.local"}
    assert {path.name for path in declared} > {"rows.py", "labels.json", "indices.npy"}


def test_a_rerun_tells_what_hdf5_opened_undeclared(project: Path) -> None:
    path = project / "stages" / "evaluate.py"
    last = '    print(f"{name}: " + "  ".join('
    other = '    __import__("h5py").File("data/models/reuters/model.weights.h5").close()\n'
    edit_text(path, last, f"{other}{last}")
    run_dvc(project, "repro")
    commit(project)
    assert findings(project) == []
    (found,) = findings(project, "--rerun", "evaluate@imdb")
    assert found["stage"] == "evaluate@imdb"
    assert found["problem"] == "fails when it is run again with nothing but what it declares, see above"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--rerun", "nonsense"), "error: --rerun: expected stages of dvc.yaml; Stage 'nonsense'"),
        (("--rerun", "train@imdb"), "error: data/vectorized/imdb: not here and not in the cache"),
        (("train@imdb",), "Error: --rerun and STAGE go together"),
        (("--rerun", "train@imdb", "--tree", "."), "Error: --rerun runs what --tree is not to run"),
    ],
)
def test_what_cannot_be_rerun_is_told_in_a_line(project: Path, arguments: tuple[str, ...], said: str) -> None:
    done = verify(clone(project), *arguments)
    assert done.returncode in (1, 2)
    assert said in done.stderr.splitlines()[-1]
