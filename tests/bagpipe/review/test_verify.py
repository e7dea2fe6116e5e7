"""`bagpipe verify`: what it says of commits that are true, and of every way to lie that could be thought of."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dvc.repo import Repo
from editing import edit_yaml

from bagpipe.review.rerun import isolate
from bagpipe.scratch.copies import ROOT, bagpipe, dvc

Findings = list[dict[str, str]]
REPORT = '  report:\n    cmd: python -m stages "$DVC_STAGE"'  # as dvc.yaml has it


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
    return bagpipe(folder, "verify", *arguments, capture_output=True)


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


def edit_published(folder: Path, edit: Callable[[Any], object]) -> None:
    edit_yaml(folder / "published.yaml", edit)


def edit_text(path: Path, old: str, new: str) -> None:
    """Replace what must be there, once."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def at_the_start_of(folder: Path, stage: str, code: str) -> None:
    """Put code at the start of a stage's own function."""
    path = folder / "stages" / f"{stage}.py"
    text, found = re.subn(rf"(?m)^(def {stage}\(.*\n)", lambda line: f"{line[1]}    {code}\n", path.read_text())
    assert found == 1
    path.write_text(text)


def import_in_a_function(folder: Path) -> None:
    at_the_start_of(folder, "report", "import bagpipe.texts.words")


@pytest.fixture(scope="module")
def honest(scratch: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Git repository with one commit that is true, and its data; to be read only.

    Generated texts do not give the notebooks' figures: it is published here what a first run gave.
    """
    folder = tmp_path_factory.mktemp("honest") / "project"
    shutil.copytree(scratch, folder)
    verdicts = json.loads((folder / "reports" / "reproduction.json").read_text())

    def publish(content: Any) -> None:
        for entry in content["published"]:
            entry["value"] = f"{verdicts[entry['of']][entry['figure']]['mean']:.6f}"
            entry.pop("known")
        content["bounds"] = [{"of": "imdb", "figure": "test.accuracy", "low": 0.6, "high": 0.99}]

    edit_published(folder, publish)
    run_dvc(folder, "repro", "report")
    shutil.copy(ROOT / ".gitignore", folder / ".gitignore")
    (folder / ".dvc" / "config.local").unlink()
    git(folder, "init", "--quiet", "--initial-branch=main")
    (folder / ".git" / "info" / "exclude").write_text("/.mirror/\n/repro.log\n")
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
    assert len(done.stdout.splitlines()) == 6
    assert all(line.startswith("ok      ") for line in done.stdout.splitlines())
    (project / "reports" / "models" / "imdb" / "curves.csv").write_text("")
    done = verify(project)
    assert done.returncode == 1
    assert (
        "FAILED  dvc.lock is consistent\n        evaluate@imdb: reports/models/imdb/curves.csv is not what"
        in done.stdout
    )
    assert "to mend: `git checkout reports/models/imdb/curves.csv`, or `dvc repro evaluate@imdb`" in done.stdout
    assert done.stderr == ""


def test_tensorflow_is_not_imported(honest: Path) -> None:
    code = "import sys; from bagpipe.review.verify import verify; verify(); assert 'tensorflow' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], cwd=honest, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# Lies


def changed_stage_module(folder: Path) -> None:
    edit_text(folder / "stages" / "evaluate.py", "POINTS = 200", "POINTS = 100")


def changed_shared_module(folder: Path) -> None:
    with open(folder / "stages" / "common" / "basics" / "rows.py", "a") as file:
        file.write("\nANOTHER = 1\n")


def changed_param(folder: Path) -> None:
    edit_params(folder, lambda params: params["defaults"]["imdb"].update(epochs=3))


def edited_metrics(folder: Path) -> None:
    path = folder / "reports" / "models" / "imdb" / "metrics.json"
    path.write_text(re.sub(r'("accuracy": )[\d.]+', r"\g<1>0.999", path.read_text()))


def mangled_verdicts(folder: Path) -> None:
    (folder / "reports" / "reproduction.json").write_text("{")


def mangled_history(folder: Path) -> None:
    (folder / "reports" / "models" / "imdb" / "history.csv").write_text("epoch\none\n")


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


def committed_defaults(folder: Path) -> None:
    edit_params(folder, lambda params: params["defaults"]["imdb"].update(batch_size=64))
    run_dvc(folder, "commit", "--force")


def committed_published(folder: Path) -> None:
    edit_published(folder, lambda content: content["published"][0].update(value="0.5"))
    run_dvc(folder, "commit", "--force", "report")


def committed_params_later(folder: Path) -> None:
    """With another commit behind the lie, which touches dvc.lock as well."""
    committed_params(folder)
    commit(folder)
    edit_params(folder, lambda params: params["plots"].update(dpi=60))
    run_dvc(folder, "repro", "report")


def committed_epochs(folder: Path) -> None:
    edit_params(folder, lambda params: params["defaults"]["imdb"].update(validation_epochs=7))
    run_dvc(folder, "commit", "--force")


def committed_replicates(folder: Path) -> None:
    edit_params(folder, lambda params: params["replicates"].update(n=5))
    run_dvc(folder, "commit", "--force")


def half_reproduced(folder: Path) -> None:
    edit_params(folder, lambda params: params["defaults"]["imdb"].update(epochs=3))
    run_dvc(folder, "repro", "--single-item", "train@imdb")


def param_no_longer_declared(folder: Path) -> None:
    def edit(content: Any) -> None:
        content["stages"]["train"]["do"]["params"].remove("defaults.${item.dataset}.epochs")

    edit_yaml(folder / "dvc.yaml", edit)


def unwatched_stage(folder: Path) -> None:
    edit_text(folder / "dvc.yaml", REPORT, f"{REPORT} && true")
    run_dvc(folder, "repro", "report")


def data_in_git(folder: Path) -> None:
    git(folder, "add", "--force", "data/raw/imdb/imdb.npz")


def data_elsewhere_in_git(folder: Path) -> None:
    shutil.copy(folder / "data" / "raw" / "imdb" / "imdb_word_index.json", folder / "reports")


def large_file_in_git(folder: Path) -> None:
    (folder / "notes.txt").write_bytes(b"a line\n" * 200_000)


def deleted_report(folder: Path) -> None:
    shutil.rmtree(folder / "reports" / "models" / "imdb" / "plots")


def model_without_results(folder: Path) -> None:
    edit_params(folder, lambda params: params["models"].update(imdb_wide={**params["models"]["imdb"]}))


def entry_without_stage(folder: Path) -> None:
    path = folder / "dvc.lock"
    entry = re.search(r"  report:\n(?:    .*\n)+", path.read_text())
    assert entry
    with open(path, "a") as file:
        file.write(entry[0].replace("  report:", "  former_report:"))


def frozen_stage(folder: Path) -> None:
    edit_text(folder / "dvc.yaml", REPORT, f"{REPORT}\n    frozen: true")
    changed_param(folder)


def data_out_of_bounds(folder: Path) -> None:
    bounds = {"of": "imdb", "figure": "data.overlap.test_texts_in_train", "low": 1, "high": 9}
    edit_published(folder, lambda content: content["bounds"].append(bounds))
    run_dvc(folder, "repro", "report")


def out_of_bounds(folder: Path) -> None:
    edit_published(folder, lambda content: content["bounds"][0].update(low=0.98))
    run_dvc(folder, "repro", "report")


def not_reproduced(folder: Path) -> None:
    edit_published(folder, lambda content: content["published"][0].update(value="99.9"))
    run_dvc(folder, "repro", "report")


def invalid_params(folder: Path) -> None:
    edit_params(folder, lambda params: params["defaults"]["imdb"].update(epochs=-3))


def invalid_published(folder: Path) -> None:
    edit_published(folder, lambda content: content["published"][0].update(of="nothing"))


def invalid_pipeline(folder: Path) -> None:
    edit_text(folder / "dvc.yaml", REPORT, REPORT.replace("cmd", "command"))


def damaged_lock(folder: Path) -> None:
    edit_yaml(folder / "dvc.lock", lambda content: content["stages"]["report"]["outs"][0].update(md5=10**30))


FILES = "dvc.yaml, dvc.lock, params.yaml, published.yaml"
LIES = [
    (changed_stage_module, "evaluate@imdb", "stages/evaluate.py is not the one that dvc.lock has"),
    (changed_shared_module, "baseline@reuters", "stages/common/basics is not the one that dvc.lock has"),
    (changed_param, "train@imdb", "defaults.imdb.epochs is not the one that dvc.lock has"),
    (edited_metrics, "evaluate@imdb", "reports/models/imdb/metrics.json is not what the stage wrote"),
    (mangled_verdicts, "report", "verdicts or bounded figures cannot be read"),
    (mangled_history, "imdb", "its results in reports/models/imdb cannot be read"),
    (edited_metrics_and_lock, "evaluate@imdb", "does not follow from confusion.csv"),
    (edited_lock, "evaluate@imdb", "data/models/imdb is not the one that train@imdb wrote"),
    (edited_hash_of_code, "render@imdb", "stages/render.py is not the one that dvc.lock has"),
    (committed_params, "train@imdb", "though models.imdb.learning_rate was 0.001 there and is 0.002 here"),
    (committed_params_later, "validate@imdb", "though models.imdb.learning_rate was 0.001 there and is 0.002 here"),
    (committed_defaults, "replicate@imdb", "though models.imdb.batch_size was 32 there and is 64 here"),
    (committed_published, "report", "reproduction.json does not say of imdb test.accuracy that it is"),
    (committed_epochs, "validate@imdb", "history.csv has 4 epochs, not 1 to 7"),
    (committed_replicates, "replicate@imdb", "does not have the seeds 1001 to 1005"),
    (half_reproduced, "evaluate@imdb", "data/models/imdb is not the one that train@imdb wrote"),
    (param_no_longer_declared, "train@reuters", "ran with defaults.reuters.epochs, by dvc.lock, which it does not"),
    (unwatched_stage, "report", "is not run by `python -m stages`"),
    (data_in_git, "data/raw/imdb/imdb.npz", "is data"),
    (data_elsewhere_in_git, "reports/imdb_word_index.json", "is data"),
    (large_file_in_git, "notes.txt", "has 1,400,000 bytes"),
    (deleted_report, "render@imdb", "reports/models/imdb/plots is missing"),
    (model_without_results, "validate@imdb_wide", "has no entry in dvc.lock"),
    (entry_without_stage, "former_report", "is no stage of dvc.yaml"),
    (frozen_stage, "report", "is frozen"),
    (out_of_bounds, "imdb", "test.accuracy is 0."),
    (data_out_of_bounds, "imdb", "data.overlap.test_texts_in_train is 0, expected 1.0 to 9.0"),
    (not_reproduced, "report", "imdb test.accuracy of the notebooks differs from ours"),
    (invalid_params, FILES, "params.yaml: defaults.imdb.epochs: expected greater than 0"),
    (invalid_published, FILES, "published.yaml: published.0: expected one of imdb"),
    (invalid_pipeline, FILES, "dvc.yaml' validation failed"),
    (damaged_lock, FILES, "dvc.lock' validation failed"),
]


@pytest.mark.parametrize(("lie", "stage", "problem"), LIES, ids=[lie.__name__ for lie, _, _ in LIES])
def test_a_lie_is_caught_and_named(project: Path, lie: Callable[[Path], None], stage: str, problem: str) -> None:
    lie(project)
    commit(project)
    found = findings(clone(project) if lie is not data_in_git else project)
    named = [finding for finding in found if finding["stage"] == stage and problem in finding["problem"]]
    assert named, found
    assert named[0]["mend"]


# What is undeclared: the run fails


def top_import(folder: Path) -> None:
    before = "from stages.report.page import"
    edit_text(folder / "stages" / "report.py", before, f"import bagpipe.texts.words\n{before}")


def transitive_import(folder: Path) -> None:
    with open(folder / "stages" / "drawing" / "figures.py", "a") as file:
        file.write("\nimport bagpipe.texts.words\n")


def library(folder: Path) -> None:
    at_the_start_of(folder, "render", "import scipy.stats")


def param(folder: Path) -> None:
    at_the_start_of(folder, "report", "print(params.replicates.n)")


def param_kept_in_a_global(folder: Path) -> None:
    path = folder / "stages" / "render.py"
    edit_text(path, "\nFEW = 10", "\nKEPT = []\nFEW = 10")
    at_the_start_of(folder, "render", "KEPT.append(params)")
    edit_text(path, "    names, counts = ", "    print(KEPT[0].seed)\n    names, counts = ")


def params_read_into_a_global(folder: Path) -> None:
    path = folder / "stages" / "render.py"
    edit_text(
        path, "\nFEW = 10", "\nfrom stages.common.basics.params import load_params\n\nP = load_params()\nFEW = 10"
    )
    edit_text(path, "params.plots", "P.plots")


def data_of_another_dataset(folder: Path) -> None:
    at_the_start_of(folder, "baseline", 'open("data/vectorized/reuters/labels.json").close()')


def mapped_data_of_another_dataset(folder: Path) -> None:
    at_the_start_of(folder, "baseline", 'load_rows("reuters", "test")')


def refusal_that_is_swallowed(folder: Path) -> None:
    code = 'import contextlib\n    with contextlib.suppress(Exception):\n        open("published.yaml").close()'
    at_the_start_of(folder, "render", code)


def written_file(folder: Path) -> None:
    at_the_start_of(folder, "render", 'open("reports/notes.txt", "w").close()')


WORDS = "add `- bagpipe/texts/words.py` to `deps` of report in dvc.yaml"
UNDECLARED = [
    (top_import, "report", WORDS),
    (import_in_a_function, "report", WORDS),
    (transitive_import, "report", WORDS),
    (library, "render@imdb", "add `- libraries.statistics` to `params` of render in dvc.yaml"),
    (param, "report", "add `- replicates` to `params` of report in dvc.yaml"),
    (
        param_no_longer_declared,
        "train@imdb",
        "add `- defaults.${item.dataset}.epochs` to `params` of train in dvc.yaml",
    ),
    (param_kept_in_a_global, "render@imdb", "add `- seed` to `params` of render in dvc.yaml"),
    (
        params_read_into_a_global,
        "render@imdb",
        "opens params.yaml: expected it to use its argument `params`",
    ),
    (data_of_another_dataset, "baseline@imdb", "add `- data/vectorized/reuters/labels.json` to `deps` of baseline"),
    (mapped_data_of_another_dataset, "baseline@imdb", "data/vectorized/reuters/test/"),
    (refusal_that_is_swallowed, "render@imdb", "add `- published.yaml` to `deps` of render in dvc.yaml"),
    (written_file, "render@imdb", "add `- reports/notes.txt` to `outs` of render in dvc.yaml"),
]


@pytest.mark.parametrize(("edit", "stage", "line"), UNDECLARED, ids=[edit.__name__ for edit, _, _ in UNDECLARED])
def test_a_run_fails_for_what_is_undeclared(copy: Path, edit: Callable[[Path], None], stage: str, line: str) -> None:
    edit(copy)
    before = (copy / "dvc.lock").read_bytes()
    done = dvc(copy, "repro", "--force", "--single-item", stage, capture_output=True)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    (error,) = re.findall("^error: (.*)$", done.stderr, re.MULTILINE)
    assert error.startswith(f"{stage} ")
    assert line in error
    assert (copy / "dvc.lock").read_bytes() == before


def test_a_change_that_is_not_committed_is_named(project: Path) -> None:
    with open(project / "stages" / "report.py", "a") as file:
        file.write("\nANOTHER = 1\n")
    run_dvc(project, "repro", "report")
    assert {finding["stage"] for finding in findings(project)} == {"dvc.lock", "stages/report/report.py"}
    commit(project)
    assert findings(project) == []


HOSTILE = """\
* ident
reports/** working-tree-encoding=UTF-16 -diff export-ignore
params.yaml eol=crlf text filter=hide diff=hide
"""


def test_attributes_of_a_commit_do_not_decide_what_is_compared(project: Path) -> None:
    """With these, Git checks out other bytes than it has, and finds nothing to differ."""
    git(project, "config", "filter.hide.clean", "git show HEAD:params.yaml")  # as of Git LFS, say, on any machine
    git(project, "config", "diff.hide.textconv", "echo")
    with open(project / "params.yaml", "a") as file:
        file.write("# $Id$\n")
    (project / ".gitattributes").write_text(HOSTILE)
    git(project, "add", ".gitattributes", "params.yaml")
    git(project, "commit", "--quiet", "--message", "Say what Git is to see")
    report = project / "reports" / "models" / "imdb" / "metrics.json"
    report.write_text(report.read_text().replace("{", "{ ", 1), encoding="utf-16")
    params = project / "params.yaml"
    params.write_bytes(params.read_bytes().replace(b"\n", b"\r\n"))
    assert git(project, "diff", "--name-only", "HEAD", "params.yaml") == ""
    found = {finding["stage"] for finding in findings(project) if "is not in the last commit" in finding["problem"]}
    assert found >= {"params.yaml", "reports/models/imdb/metrics.json"}


def test_attributes_of_a_commit_do_not_decide_what_diff_shows(project: Path) -> None:
    edit_params(project, lambda params: params["defaults"]["imdb"].update(epochs=7))
    commit(project)
    plain = bagpipe(project, "diff", "--json", "HEAD~1", "HEAD", capture_output=True)
    (project / ".gitattributes").write_text(HOSTILE)
    commit(project)
    hostile = bagpipe(project, "diff", "--json", "HEAD~2", "HEAD", capture_output=True)
    (one,), (other,) = (json.loads(done.stdout)["params"] for done in (plain, hostile))
    assert one == other
    assert one["param"] == "defaults.imdb.epochs"


def test_a_change_that_git_is_told_to_assume_is_none(project: Path) -> None:
    git(project, "update-index", "--assume-unchanged", "stages/report/report.py")
    with open(project / "stages" / "report.py", "a") as file:
        file.write("\nANOTHER = 1\n")
    assert "stages/report/report.py" in {finding["stage"] for finding in findings(project)}


LEFT = [".DS_Store", "._x.png", "README.md~", ".x.swp", "#x#", ".#x", "Thumbs.db"]
LEFT += [".directory", ".nfs0001", ".x.kate-swp", "x___jb_tmp___"]


def test_what_systems_and_editors_leave_is_nothing(project: Path) -> None:
    before = dvc(project, "status", "--json", capture_output=True).stdout
    for folder in ("reports", "reports/models", "reports/models/imdb", "reports/models/imdb/plots", "stages/common"):
        for name in LEFT:
            (project / folder / name).write_bytes(b"\0")
    assert findings(project) == []
    assert dvc(project, "status", "--json", capture_output=True).stdout == before
    run_dvc(project, "repro", "--force", "--single-item", "report")
    assert findings(project) == []


@pytest.mark.parametrize(
    ("ignore", "hidden"),
    [
        (".dvcignore", "stages/common/network/network.py"),
        ("stages/.dvcignore", "network.py"),
        (".dvcignore", "stages/common/"),
    ],
)
def test_code_that_dvc_is_told_to_ignore_is_named(project: Path, ignore: str, hidden: str) -> None:
    """Else it could change, and no stage were stale."""
    with open(project / ignore, "a") as file:
        file.write(f"{hidden}\n")
    commit(project)
    problems = {finding["stage"]: finding["problem"] for finding in findings(project)}
    assert "a .dvcignore hides it from DVC" in problems["stages/common/network/network.py"]


def test_a_dvcignore_where_dvc_refuses_it_is_told_in_a_line(project: Path) -> None:
    (project / "stages" / "common" / ".dvcignore").write_text("network.py\n")
    done = verify(project)
    assert done.returncode == 1
    assert done.stderr.startswith("error: stages/common: .dvcignore file should not be in collected dir path")
    assert len(done.stderr.splitlines()) == 1


def test_compiled_code_in_git_is_named(project: Path) -> None:
    """Python would run it instead of the source beside it."""
    path = project / "stages" / "common" / "__pycache__" / "network.cpython-311.pyc"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"other code")
    git(project, "add", "--force", str(path))
    commit(project)
    (found,) = findings(project)
    assert (found["stage"], "hides it" in found["problem"]) == (str(path.relative_to(project)), True)


def test_names_in_git_do_not_command_the_terminal(project: Path) -> None:
    name = "a\x1b[2J\u202e.npz"
    (project / name).touch()
    git(project, "add", "--force", name)
    commit(project)
    done = verify(project)
    assert r"a\x1b[2J\u202e.npz: is data and in Git" in done.stdout
    assert "\x1b" not in done.stdout


# Another checkout


def verify_tree(tree: Path) -> subprocess.CompletedProcess[str]:
    return bagpipe(ROOT, "verify", "--tree", str(tree), capture_output=True)


def test_another_checkout_is_judged_by_this_code(project: Path) -> None:
    done = verify_tree(project)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in (
        "__init__",
        "__main__",
        "commands/main",
        "review/verify",
        "review/committed",
        "common/basics/params",
    ):
        (project / "stages" / f"{name}.py").write_text(f"raise SystemExit('ran {name}')\n")
    for name in ("sitecustomize", "usercustomize", "json", "click", "dvc"):
        (project / f"{name}.py").write_text(f"raise SystemExit('ran {name}')\n")
    commit(project)
    done = verify_tree(project)
    assert (done.returncode, done.stderr) == (1, "")
    assert "stages/common/basics is not the one that dvc.lock has" in done.stdout
    assert "ran " not in done.stdout


@pytest.mark.parametrize("name", ["config", "config.local"])
def test_another_checkout_cannot_say_where_dvc_keeps_its_pickles(project: Path, name: str) -> None:
    path = project / ".dvc" / name
    path.write_text("[core]\n    site_cache_dir = pickles\n")
    done = verify_tree(project)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {project / '.dvc'}: expected DVC's settings to be those of {ROOT}")
    assert not (project / "pickles").exists()


@pytest.mark.parametrize("make", [lambda path: path.symlink_to("/dev/zero"), os.mkfifo])
@pytest.mark.parametrize("name", ["params.yaml", "reports/models/imdb/metrics.json", "another"])
def test_another_checkout_cannot_have_a_device_read(project: Path, name: str, make: Callable[[Path], None]) -> None:
    (project / name).unlink(missing_ok=True)
    make(project / name)
    done = verify_tree(project)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: {project / name}: expected a file, found a link or a device\n"


def test_no_command_of_another_checkouts_git_runs(project: Path) -> None:
    command = f"touch {project / 'PWNED'}"
    settings = {"remote.other.url": str(project), "remote.other.promisor": "true", "remote.other.uploadpack": command}
    settings |= {"extensions.partialClone": "other", "core.repositoryFormatVersion": "1", "core.fsmonitor": command}
    tree = git(project, "rev-parse", "HEAD^{tree}").strip()
    for key, value in settings.items():
        git(project, "config", key, value)
    (project / ".git" / "objects" / tree[:2] / tree[2:]).unlink()  # Git would ask the remote for it
    verify_tree(project)
    assert not (project / "PWNED").exists()


def test_no_checkout(tmp_path: Path) -> None:
    done = verify_tree(tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    expected = f"error: {tmp_path}: expected a checkout of this project, found no dvc.yaml there\n"
    assert done.stderr == expected


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
        params["datasets"]["imdb"]["labels"] = params["datasets"]["imdb"]["labels"].split()

    edit_params(project, edit)
    edit_published(project, lambda content: content["published"][0].update(known="it is so"))
    baselines = project / "reports" / "datasets" / "imdb" / "baselines.json"
    before = baselines.read_bytes()
    run_dvc(project, "repro")
    assert baselines.read_bytes() == before
    commit(project)
    assert findings(clone(project)) == []


def test_figures_of_other_settings_are_no_lie(project: Path) -> None:
    """A hidden layer more: figures and bounds of the model before say nothing of it; those of others are judged."""

    def settle(content: Any) -> None:
        content["settings"] = {"models": {"imdb": {"dataset": "imdb", "hidden": [16, 16, 16]}}}
        content["bounds"][0].update(low=0.98)
        content["published"][0].update(value="99.9")

    edit_published(project, settle)
    run_dvc(project, "repro", "report")
    commit(project)
    without = clone(project)
    assert findings(without) == []
    note = (
        "1 published figure belongs to other settings and is not judged: `models.imdb.hidden` is [16, 16] here and "
        "[16, 16, 16] there."
    )
    assert note in verify(without).stdout
    assert [check["note"] for check in json.loads(verify(without, "--json").stdout)["checks"]].count(note) == 1
    edit_published(project, lambda content: content["published"][1].update(value="99.9"))
    run_dvc(project, "repro", "report")
    commit(project)
    problems = [finding["problem"] for finding in findings(project)]
    assert problems == ["reuters test.accuracy of the notebooks differs from ours"]


def test_more_seeds_of_the_others_leave_the_runs_of_a_model_true(project: Path) -> None:
    before = (project / "reports/models/reuters/replicates.csv").read_bytes()
    edit_params(project, lambda params: params["replicates"].update(n=3, own={"reuters": 2}))
    run_dvc(project, "repro")
    assert (project / "reports/models/reuters/replicates.csv").read_bytes() == before
    commit(project)
    assert findings(clone(project)) == []


def test_a_setting_may_move_between_a_model_and_its_defaults(project: Path) -> None:
    def move(params: Any) -> None:
        params["models"]["imdb"]["epochs"] = params["defaults"]["imdb"]["epochs"]
        params["defaults"]["imdb"]["epochs"] = 3  # for no model

    edit_params(project, move)
    run_dvc(project, "commit", "--force")  # a run gives the same bytes
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
    declared = {path for path in files if path.is_relative_to("data/vectorized/imdb") or path.parent.name == "basics"}
    rest = {"dvc.yaml", "params.yaml", "stages/__main__.py", "stages/baseline.py"}
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


def test_without_git_there_is_one_line(copy: Path) -> None:
    done = verify(copy)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: expected a Git repository here")
