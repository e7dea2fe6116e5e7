"""`bagpipe verify`: what it says of commits that are true, and of every way to lie that could be thought of."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stages.bagpipe.imports import local_imports, params_read
from stages.bagpipe.scratch import ROOT, dvc, edit_yaml, environment

Findings = list[dict[str, str]]


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "A commit")


def run_dvc(folder: Path, *arguments: str) -> None:
    done = dvc(folder, *arguments, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr


def verify(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stages.bagpipe.main", "verify", *arguments]
    return subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True)


def findings(folder: Path, *arguments: str) -> Findings:
    """All findings; the exit status must agree with them."""
    done = verify(folder, "--json", *arguments)
    assert done.stdout, done.stderr
    answer = json.loads(done.stdout)
    found = [finding for check in answer["checks"] for finding in check["findings"]]
    assert answer["ok"] == (not found)
    assert done.returncode == (1 if found else 0)
    return found


def edit_params(folder: Path, edit: Callable[[Any], object]) -> None:
    edit_yaml(folder / "params.yaml", edit)


def edit_text(path: Path, old: str, new: str) -> None:
    """Replace what must be there, once."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path}"
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="module")
def honest(scratch: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Git repository with one commit that is true, and its data; to be read only.

    Generated texts do not give the notebooks' figures: it is published here what a first run gave.
    """
    folder = tmp_path_factory.mktemp("honest") / "project"
    shutil.copytree(scratch, folder)
    verdicts = json.loads((folder / "reports" / "reproduction.json").read_text())

    def publish(params: Any) -> None:
        for entry in params["published"]:
            against = f"_less_{entry['against']}" if "against" in entry else ""
            entry["value"] = verdicts[entry["of"]][entry["figure"] + against]["mean"]
            entry.pop("counts", None)
        params["bounds"] = [{"of": "imdb", "figure": "test.accuracy", "low": 0.6, "high": 0.99}]

    edit_params(folder, publish)
    run_dvc(folder, "repro", "report")
    shutil.copy(ROOT / ".gitignore", folder / ".gitignore")
    (folder / ".dvc" / "config.local").unlink()
    git(folder, "init", "--quiet", "--initial-branch=main")
    (folder / ".git" / "info" / "exclude").write_text("/mirror/\n/repro.log\n")
    commit(folder)
    return folder


@pytest.fixture
def project(honest: Path, tmp_path: Path) -> Path:
    """A copy of `honest`, to be changed."""
    return Path(shutil.copytree(honest, tmp_path / "project"))


def clone(folder: Path, *options: str) -> Path:
    """What CI gets: the last commit, and no data."""
    target = folder.parent / "clone"
    git(folder.parent, "clone", "--quiet", *options, folder.as_uri(), str(target))
    assert not (target / "data").exists()
    return target


def test_a_true_commit_passes_with_data_and_without(project: Path) -> None:
    assert (project / "data" / "models" / "imdb").is_dir()
    assert findings(project) == []
    without = clone(project)
    assert findings(without) == []
    assert git(without, "status", "--short") == ""


def test_each_check_prints_a_line(project: Path) -> None:
    done = verify(project)
    assert done.returncode == 0, done.stdout
    assert len(done.stdout.splitlines()) == 7
    assert all(line.startswith("ok      ") for line in done.stdout.splitlines())
    (project / "reports" / "imdb" / "roc.csv").write_text("")
    done = verify(project)
    assert done.returncode == 1
    assert "FAILED  dvc.lock is consistent\n        evaluate@imdb: reports/imdb/roc.csv is not what" in done.stdout
    assert "to mend: `git checkout reports/imdb/roc.csv`, or `dvc repro evaluate@imdb`" in done.stdout
    assert done.stderr == ""


def test_tensorflow_is_not_imported(honest: Path) -> None:
    code = "import sys; from stages.bagpipe.verify import verify; verify(); assert 'tensorflow' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], cwd=honest, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# Lies


def changed_stage_module(folder: Path) -> None:
    edit_text(folder / "stages" / "evaluate.py", "POINTS = 200", "POINTS = 100")


def changed_shared_module(folder: Path) -> None:
    with open(folder / "stages" / "common" / "rows.py", "a") as file:
        file.write("\nANOTHER = 1\n")


def changed_param(folder: Path) -> None:
    edit_params(folder, lambda params: params["models"]["imdb"]["final"].update(epochs=3))


def edited_metrics(folder: Path) -> None:
    path = folder / "reports" / "imdb" / "metrics.json"
    path.write_text(re.sub(r'("accuracy": )[\d.]+', r"\g<1>0.999", path.read_text()))


def mangled_verdicts(folder: Path) -> None:
    (folder / "reports" / "reproduction.json").write_text("{")


def mangled_history(folder: Path) -> None:
    (folder / "reports" / "imdb" / "history.csv").write_text("epoch\none\n")


def edited_metrics_and_lock(folder: Path) -> None:
    edited_metrics(folder)
    run_dvc(folder, "commit", "--force")


def edited_lock(folder: Path) -> None:
    """Let the lock say that train@imdb wrote another model than evaluate@imdb read."""
    path = folder / "dvc.lock"
    before, entry, after = re.split(r"(  train@imdb:\n(?:    .*\n)+)", path.read_text(), maxsplit=1)
    changed = re.sub(r"(path: data/models/imdb\n.*\n      md5: )\w+", rf"\g<1>{'0a' * 16}", entry)
    assert changed != entry
    path.write_text(before + changed + after)


def edited_hash_of_code(folder: Path) -> None:
    path = folder / "dvc.lock"
    pattern = r"(  render@imdb:\n(?:    .*\n)*?    - path: stages/render.py\n.*\n      md5: )\w+"
    text = re.sub(pattern, rf"\g<1>{'0a' * 16}", path.read_text())
    assert text != path.read_text()
    path.write_text(text)


def committed_params(folder: Path) -> None:
    edit_params(folder, lambda params: params["models"]["imdb"].update(learning_rate=0.002))
    run_dvc(folder, "commit", "--force")


def committed_params_later(folder: Path) -> None:
    """With another commit behind the lie, which touches dvc.lock as well."""
    committed_params(folder)
    commit(folder)
    edit_params(folder, lambda params: params["plots"].update(dpi=60))
    run_dvc(folder, "repro", "report")


def committed_epochs(folder: Path) -> None:
    edit_params(folder, lambda params: params["models"]["imdb"]["validation"].update(epochs=7))
    run_dvc(folder, "commit", "--force")


def committed_replicates(folder: Path) -> None:
    edit_params(folder, lambda params: params["replicates"].update(n=5))
    run_dvc(folder, "commit", "--force")


def half_reproduced(folder: Path) -> None:
    edit_params(folder, lambda params: params["models"]["imdb"]["final"].update(epochs=3))
    run_dvc(folder, "repro", "--single-item", "train@imdb")


def undeclared_import(folder: Path) -> None:
    (folder / "stages" / "common" / "helper.py").write_text("VALUE = 1\n")
    edit_text(
        folder / "stages" / "report.py",
        "    params = load_params()\n",
        "    from stages.common import helper  # noqa: F401\n\n    params = load_params()\n",
    )
    run_dvc(folder, "repro", "report")


def undeclared_transitive_import(folder: Path) -> None:
    (folder / "stages" / "common" / "helper.py").write_text("VALUE = 1\n")
    path = folder / "stages" / "common" / "comparison.py"
    edit_text(path, "from scipy import stats\n", "from scipy import stats\n\nimport stages.common.helper\n")
    run_dvc(folder, "repro", "report")


def undeclared_param(folder: Path) -> None:
    edit_text(
        folder / "stages" / "report.py",
        "    results = read_results(params)\n",
        "    results = read_results(params)\n    print(params.replicates.n)\n",
    )
    run_dvc(folder, "repro", "report")


def param_no_longer_declared(folder: Path) -> None:
    edit_yaml(
        folder / "dvc.yaml", lambda content: content["stages"]["train"]["do"]["params"].remove("models.${key}.final")
    )


def data_in_git(folder: Path) -> None:
    git(folder, "add", "--force", "data/raw/imdb/imdb.npz")


def data_elsewhere_in_git(folder: Path) -> None:
    shutil.copy(folder / "data" / "raw" / "imdb" / "imdb_word_index.json", folder / "reports")


def large_file_in_git(folder: Path) -> None:
    (folder / "notes.txt").write_bytes(b"a line\n" * 200_000)


def deleted_report(folder: Path) -> None:
    (folder / "reports" / "imdb" / "roc.png").unlink()


def model_without_results(folder: Path) -> None:
    edit_params(folder, lambda params: params["models"].update(imdb_wide={**params["models"]["imdb"]}))


def entry_without_stage(folder: Path) -> None:
    path = folder / "dvc.lock"
    entry = re.search(r"  report:\n(?:    .*\n)+", path.read_text())
    assert entry
    with open(path, "a") as file:
        file.write(entry[0].replace("  report:", "  former_report:"))


def frozen_stage(folder: Path) -> None:
    edit_text(
        folder / "dvc.yaml",
        "    cmd: python -m stages.report\n",
        "    cmd: python -m stages.report\n    frozen: true\n",
    )
    changed_param(folder)


def out_of_bounds(folder: Path) -> None:
    edit_params(folder, lambda params: params["bounds"][0].update(low=0.98))


def not_reproduced(folder: Path) -> None:
    edit_params(folder, lambda params: params["published"][0].update(value=9.9))
    run_dvc(folder, "repro", "report")


def invalid_params(folder: Path) -> None:
    edit_params(folder, lambda params: params["models"]["imdb"]["final"].update(epochs=-3))


def invalid_pipeline(folder: Path) -> None:
    edit_text(folder / "dvc.yaml", "    cmd: python -m stages.report\n", "    command: python -m stages.report\n")


LIES = [
    (changed_stage_module, "evaluate@imdb", "stages/evaluate.py is not the one that dvc.lock has"),
    (changed_shared_module, "baseline@reuters", "stages/common/rows.py is not the one that dvc.lock has"),
    (changed_param, "train@imdb", "models.imdb.final is not the one that dvc.lock has"),
    (edited_metrics, "evaluate@imdb", "reports/imdb/metrics.json is not what the stage wrote"),
    (mangled_verdicts, "report", "verdicts or bounded figures cannot be read"),
    (mangled_history, "imdb", "its results in reports/imdb cannot be read"),
    (edited_metrics_and_lock, "evaluate@imdb", "does not follow from confusion.csv"),
    (edited_lock, "evaluate@imdb", "data/models/imdb is not the one that train@imdb wrote"),
    (edited_hash_of_code, "render@imdb", "stages/render.py is not the one that dvc.lock has"),
    (committed_params, "train@imdb", "though models.imdb.learning_rate was 0.001 there and is 0.002 here"),
    (committed_params_later, "validate@imdb", "though models.imdb.learning_rate was 0.001 there and is 0.002 here"),
    (committed_epochs, "validate@imdb", "history.csv has 4 epochs, not 1 to 7"),
    (committed_replicates, "replicate@imdb", "does not have the seeds after 1, 5 of them"),
    (half_reproduced, "evaluate@imdb", "data/models/imdb is not the one that train@imdb wrote"),
    (undeclared_import, "report", "imports stages/common/helper.py"),
    (undeclared_transitive_import, "report", "imports stages/common/helper.py"),
    (undeclared_param, "report", "reads replicates.n of params.yaml"),
    (param_no_longer_declared, "train", "reads models.*.final.epochs of params.yaml"),
    (data_in_git, "data/raw/imdb/imdb.npz", "is data"),
    (data_elsewhere_in_git, "reports/imdb_word_index.json", "is data"),
    (large_file_in_git, "notes.txt", "has 1,400,000 bytes"),
    (deleted_report, "render@imdb", "reports/imdb/roc.png is missing"),
    (model_without_results, "validate@imdb_wide", "has no entry in dvc.lock"),
    (entry_without_stage, "former_report", "is no stage of dvc.yaml"),
    (frozen_stage, "report", "is frozen"),
    (out_of_bounds, "imdb", "test.accuracy is 0."),
    (not_reproduced, "report", "is not reproduced"),
    (invalid_params, "dvc.yaml, dvc.lock or params.yaml", "models.imdb.final.epochs: expected greater than 0"),
    (invalid_pipeline, "dvc.yaml, dvc.lock or params.yaml", "dvc.yaml' validation failed"),
]


@pytest.mark.parametrize(("lie", "stage", "problem"), LIES, ids=[lie.__name__ for lie, _, _ in LIES])
def test_a_lie_is_caught_and_named(project: Path, lie: Callable[[Path], None], stage: str, problem: str) -> None:
    lie(project)
    commit(project)
    found = findings(clone(project) if lie is not data_in_git else project)
    named = [finding for finding in found if finding["stage"] == stage and problem in finding["problem"]]
    assert named, found
    assert named[0]["mend"]


def test_a_change_that_is_not_committed_is_named(project: Path) -> None:
    with open(project / "stages" / "report.py", "a") as file:
        file.write("\nANOTHER = 1\n")
    run_dvc(project, "repro", "report")
    assert {finding["stage"] for finding in findings(project)} == {"dvc.lock", "stages/report.py"}
    commit(project)
    assert findings(project) == []


def test_data_that_changed_is_named(project: Path) -> None:
    path = project / "data" / "predictions" / "imdb.npy"
    path.unlink()  # it may be a link into the cache
    path.write_bytes(b"other")
    (found,) = findings(project)
    assert (found["stage"], found["problem"]) == (
        "evaluate@imdb",
        "data/predictions/imdb.npy is not the one that dvc.lock has",
    )


def test_params_that_may_change_nothing_are_no_lie(project: Path) -> None:
    def edit(params: Any) -> None:
        params["baselines"]["logistic_regression"]["max_iter"] += 1
        params["download"]["timeout"] = 7
        params["published"][0]["counts"] = False

    edit_params(project, edit)
    before = (project / "reports" / "imdb" / "baselines.json").read_bytes()
    run_dvc(project, "repro")
    assert (project / "reports" / "imdb" / "baselines.json").read_bytes() == before
    commit(project)
    assert findings(clone(project)) == []


def test_a_lie_that_is_taken_back_is_none(project: Path) -> None:
    before = (project / "dvc.lock").read_bytes(), (project / "params.yaml").read_bytes()
    committed_params(project)
    commit(project)
    assert findings(project)
    (project / "dvc.lock").write_bytes(before[0])
    (project / "params.yaml").write_bytes(before[1])
    commit(project)
    assert findings(project) == []


def test_a_shallow_clone_says_what_to_fetch(project: Path) -> None:
    edit_params(project, lambda params: params["plots"].update(dpi=60))
    run_dvc(project, "repro", "report")
    commit(project)
    shallow = clone(project, "--depth", "1")
    (found,) = findings(shallow)
    assert found["mend"] == "`git fetch --unshallow`"
    git(shallow, "fetch", "--quiet", "--unshallow")
    assert findings(shallow) == []


def test_rerun_tells_what_nothing_else_can(project: Path) -> None:
    assert findings(project, "--rerun", "baseline@imdb", "report") == []
    path = project / "reports" / "imdb" / "baselines.json"
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
    assert "wrote another reports/imdb/baselines.json" in found["problem"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--rerun", "nonsense"), "error: --rerun nonsense: expected a stage of dvc.yaml"),
        (("--rerun", "train@imdb"), "error: data/vectorized/imdb: not here and not in the cache"),
        (("train@imdb",), "Error: --rerun and STAGE go together"),
    ],
)
def test_what_cannot_be_rerun_is_told_in_a_line(project: Path, arguments: tuple[str, ...], said: str) -> None:
    done = verify(clone(project), *arguments)
    assert done.returncode in (1, 2)
    assert said in done.stderr.splitlines()[-1]


def test_without_git_there_is_one_line(copy: Path) -> None:
    done = verify(copy)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: git ")


# What code depends on

PARAMS = """
class Section: ...
class Inner(Section):
    deep: int
class Sized(Section):
    size: int
class Model(Sized):
    inner: Inner
    _unused: int
    @property
    def twice(self): return self.size * 2
class Data(Section):
    rate: float | None = None
class Params(Section):
    seed: int
    models: Annotated[dict[Name, Model], 1]
    data: Data
    words: list[str]
def load_params(): ...
"""


@pytest.mark.parametrize(
    ("code", "read"),
    [
        ("params.seed", "seed"),
        ("x = params; y = x.data; print(y.rate)", "data.rate"),
        ("model = params.models[name]; model.size", "models.*.size"),
        ("params.models['a'].inner.deep", "models.a.inner.deep"),
        ("[m.size for m in params.models.values()]", "models.(each).size"),
        ("for n, m in params.models.items(): m.inner.deep", "models.(each).inner.deep"),
        ("for n in sorted(params.models): params.models[n].size", "models.(each).size"),
        ("print(name in params.models, len(params.models), ', '.join(params.models))", ""),
        ("params.models[name].twice", "models.*.size"),
        ("print(f'{params.words}')", "words"),
        ("print(params.data)", "data"),
        ("json.dumps({'data': params.data})", "data"),
        ("params.models[name].model_dump()", "models.*"),
        ("params.models[name].model_dump(include=set(Sized.model_fields))", "models.*.size"),
        ("self.kept = params.data", "data"),
        ("getattr(params, 'seed')", "seed"),
        ("getattr(params.data, name)", "data"),
        ("helper(params.models[name])", "models.*.inner.deep"),
        ("helper(model=params.models[name])", "models.*.inner.deep"),
        ("common.helper(params.models[name])", "models.*.inner.deep"),
        ("call(lambda: params.seed)", "seed"),
        ("call(work_on_seed)", "seed"),
        ("Holder(params.models[name])", "models.*.size"),
        ("unknown.library(work_on_seed)", "seed"),
        ("model, seed = params.models[name], params.seed; model.size", "models.*.size seed"),
        ("returned(params).size", "models.*.size"),
        ("(params.models['a'] if name else params.models['b']).size", "models.a.size models.b.size"),
        ("with open(name) as file:\n        file.write(params.seed)", "seed"),
        ("try:\n        pass\n    finally:\n        params.seed", "seed"),
        ("def local(seed=params.seed): pass", "seed"),
        ("class Local:\n        seed = params.seed", "seed"),
        ("while params.seed:\n        pass", "seed"),
    ],
)
def test_params_read_are_found(tmp_path: Path, code: str, read: str) -> None:
    (tmp_path / "stages" / "common").mkdir(parents=True)
    (tmp_path / "stages" / "__init__.py").write_text('"""Docstring."""')
    (tmp_path / "stages" / "common" / "__init__.py").write_text("")
    (tmp_path / "stages" / "common" / "params.py").write_text(PARAMS)
    (tmp_path / "stages" / "common" / "helpers.py").write_text(
        "def helper(model): return model.inner.deep\n"
        "def call(function): function()\n"
        "def not_called(params): params.data.rate\n"
        "def returned(params): return params.models[3]\n"
        "class Holder:\n    def __init__(self, model): self.size = model.size\n"
    )
    (tmp_path / "stages" / "work.py").write_text(
        "import stages.common.helpers as common\n"
        "from stages.common.helpers import Holder, call, helper, returned\n"
        "from stages.common.params import Sized, load_params\n"
        "def work_on_seed(): load_params().seed\n"
        f"def main(self, name):\n    params = load_params()\n    {code}\n"
        "if __name__ == '__main__':\n    call(lambda: main(None, input()))\n"
    )
    assert {".".join(path) for path in params_read(tmp_path, "stages.work")} == set(read.split())
    files = {"stages/work.py", "stages/common/helpers.py", "stages/common/params.py"}
    assert set(map(str, local_imports(tmp_path, "stages.work"))) == files
