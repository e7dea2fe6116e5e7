"""`bagpipe diff` between scratch commits: its page, its params and its revisions. Verdicts: test_diff_verdicts.py."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from diff_project import (
    HIGHER_ACCURACY,
    HIGHER_LOSS,
    Project,
    assert_one_line,
    content,
    diff,
    git,
    make_project,
    metric,
    verdict,
)

from bagpipe.review.tables import DiffTable, render_table
from bagpipe.scratch.copies import ROOT


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    return make_project(tmp_path / "project", monkeypatch)


# One side only


def test_a_model_on_one_side_only_is_one_line(project: Project) -> None:
    project.params["models"]["four"] = {"dataset": "wires", "hidden": [1]}
    project.add_model("four", "wires")
    project.write()
    for arguments, change in (((), "added"), (("HEAD", "HEAD~1"), "removed")):
        if arguments:
            project.commit()
        rows = content(*arguments)["metrics"]
        assert {row["of"] for row in rows} == {"four"}
        assert {row["verdict"] for row in rows} == {change}
        assert len(rows) == 6
        text = diff(*arguments).stdout
        side = "HEAD" if arguments else "workspace"
        assert re.search(rf"^four +{side} +0\.5 +0\.8 +0\.4 +0\.82$", text, re.MULTILINE)
        assert "METRICS" not in text
        (row,) = [row for row in content(*arguments)["params"] if row["param"] == "models.four"]
        assert row["models"] == ["four"]


def test_a_metric_on_one_side_only_has_a_dash_on_the_other(project: Project) -> None:
    project.reports["models/one/metrics.json"]["test"]["roc_auc"] = 0.9
    project.write()
    row = metric("one", "test.roc_auc")
    assert (row["new"], row["verdict"]) == (0.9, "added")
    assert "old" not in row
    assert re.search(r"^one +test\.roc_auc +- +0\.9 +added$", diff().stdout, re.MULTILINE)


def test_a_revision_without_any_pipeline_is_compared_all_the_same(project: Project) -> None:
    git(project.folder, "checkout", "--quiet", "--orphan", "empty")
    git(project.folder, "rm", "--quiet", "-r", "--cached", ".")
    git(project.folder, "commit", "--quiet", "--allow-empty", "--message", "nothing")
    assert {row["verdict"] for row in content("empty", "main")["metrics"]} == {"added"}
    assert {row["verdict"] for row in content("main", "empty")["metrics"]} == {"removed"}


# Params, and the rest


@pytest.mark.parametrize(
    ("section", "key", "value", "models", "stages"),
    [
        ("models.one", "hidden", [32, 32], ["one"], ["replicate", "report", "train"]),
        ("datasets.films", "num_words", 50, ["one", "two"], ["vectorize"]),
        ("datasets.wires", "num_words", 50, ["three"], ["vectorize"]),
        ("", "seed", 2, ["one", "three", "two"], ["replicate", "train"]),
        ("plots", "dpi", 50, ["one", "three", "two"], ["render"]),
        ("", "unread", 1, [], []),
    ],
)
def test_changed_params_stand_beside_the_models_they_touch(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    section: str,
    key: str,
    value: Any,
    models: list[str],
    stages: list[str],
) -> None:
    place = project.params
    for part in filter(None, section.split(".")):
        place = place[part]
    old = {"old": place[key]} if key in place else {}
    place[key] = value
    project.write()
    name = f"{section}.{key}".removeprefix(".")
    assert content()["params"] == [{"param": name, **old, "new": value, "models": models, "stages": stages}]
    monkeypatch.setenv("COLUMNS", "200")
    (line,) = [line for line in diff().stdout.splitlines() if line.startswith(name)]
    assert " ".join(line.split()).endswith(" ".join([", ".join(models), ", ".join(stages)]).strip())


def test_the_commands_that_show_the_rest_are_named(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    project.reports["models/one/loss.png"] = b"another picture"
    project.commit()
    git(project.folder, "branch", "a_branch's", "HEAD~1")
    for arguments, revisions in (((), ["main"]), (("HEAD~1", "HEAD"), ["HEAD~1", "HEAD"]), (("a_branch's",), None)):
        plots, files = re.findall("`([^`]+)`", diff(*arguments).stdout.splitlines()[-1])
        revisions = revisions or list(arguments)
        assert shlex.split(plots) == ["dvc", "plots", "diff", *revisions]
        assert shlex.split(files) == ["git", "diff", "--stat", *revisions, "--", "dvc.lock", "reports"]
        shown = subprocess.run(files, shell=True, cwd=project.folder, capture_output=True, text=True, check=True)
        assert ("loss.png" in shown.stdout) == bool(arguments)
        assert content(*arguments).keys() == {"old", "new", "verdicts", "metrics", "params"}


def test_a_revision_of_the_former_layout_differs_by_what_differs(project: Project) -> None:
    """reports/M/, now reports/models/M/ and reports/datasets/D/; which texts a run got wrong was not recorded."""
    present, lock = project.reports, json.dumps(project.lock)
    project.reports = {
        re.sub("^(models|datasets)/", "", name): content
        for name, content in present.items()
        if not name.endswith("errors.npz")
    }
    project.lock = json.loads(lock.replace("reports/models/", "reports/"))
    for name in project.params["models"]:
        del project.lock[f"replicate@{name}"]["outs"][1]
    project.commit()
    project.reports, project.lock = present, json.loads(lock)
    project.reports["models/one/metrics.json"]["test"]["accuracy"] = 0.85
    project.replicates("one", accuracy=HIGHER_ACCURACY)
    project.write()
    (row,) = content()["metrics"]
    assert (row["of"], row["figure"], row["difference"]) == ("one", "test.accuracy", 0.05)
    row = verdict("one")
    expected = "it is not recorded which test texts the replicates got wrong: `dvc repro replicate@one`"
    assert (row["n"], row["verdict"]) == ([5, 5], expected)
    said = "got wrong in `main`, as its pipeline does not write errors.npz: take the later one over into a checkout"
    assert said in " ".join(diff().stdout.split())


def test_of_what_sums_up_only_verdicts_on_published_figures_are_listed(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.reports["models/one/replicates.json"] = {"n": 5, "loss": {"mean": 0.5, "sd": 0.1}}
    project.reports["reproduction.json"] = {"one": {"test.loss": {"mean": 0.5, "verdict": "reproduced"}}}
    project.commit()
    project.reports["models/one/replicates.json"]["loss"]["mean"] = 0.6
    project.reports["reproduction.json"] = {"one": {"test.loss": {"mean": 0.6, "verdict": "not reproduced"}}}
    project.write()
    assert [row["figure"] for row in content()["metrics"]] == ["reproduction.one.test.loss.verdict"]
    monkeypatch.setenv("COLUMNS", "200")
    text = diff().stdout
    assert re.search(r"^ +reproduction\.one\.test\.loss\.verdict +reproduced +not reproduced$", text, re.MULTILINE)


# The whole


def change_everything(project: Project) -> None:
    project.params["seed"] = 2
    project.params["models"]["four"] = {"dataset": "wires", "hidden": [1]}
    project.add_model("four", "wires")
    for name in ("one", "two", "three"):
        project.reports[f"models/{name}/metrics.json"]["test"] = {"loss": 0.6, "accuracy": 0.85, "top3_accuracy": 0.9}
        project.replicates(name, HIGHER_ACCURACY, HIGHER_LOSS)
        project.reports[f"models/{name}/loss.png"] = b"another picture"
        project.lock[f"train@{name}"]["outs"][0]["md5"] = "other"


@pytest.mark.slow
def test_it_prints_the_same_bytes_every_time_and_needs_neither_data_nor_tensorflow(project: Project) -> None:
    change_everything(project)
    project.write()
    code = (
        "import sys\n"
        "from bagpipe.cli.main import main\n"
        "main(sys.argv[1:], standalone_mode=False)\n"
        "sys.exit([name for name in ('tensorflow', 'keras', 'dvc') if name in sys.modules] or 0)"
    )
    for form in ("--table", "--md", "--json"):
        outputs = set()
        for seed in ("1", "2", "3"):
            environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed}
            done = subprocess.run([sys.executable, "-c", code, "diff", form], env=environment, capture_output=True)
            assert (done.returncode, done.stderr) == (0, b"")
            outputs.add(done.stdout)
        assert len(outputs) == 1
        assert len(outputs.pop()) > 1000


def test_without_a_difference_it_says_so(project: Project) -> None:
    done = diff()
    assert done.exit_code == 0
    assert done.stdout.splitlines()[2] == "No metric or param differs."
    assert [content()[part] for part in ("metrics", "params")] == [[], []]


def test_revisions_are_compared_whatever_the_workspace_holds(project: Project) -> None:
    change_everything(project)
    first, second = "HEAD~1", project.commit()
    expected = diff(first, second, "--json").stdout
    project.params = {}
    project.reports.clear()
    project.write(run=False)
    assert diff(first, second, "--json").stdout == expected
    assert content(first, second)["new"] == {"revision": second, "commit": second}
    assert content()["new"] == {"revision": "workspace", "commit": None}


def test_markdown_is_tables_and_what_comes_from_the_commits_is_quoted(project: Project) -> None:
    git(project.folder, "branch", "a`b|c<img>")
    project.params["seed"] = "`x` | @everyone <b>\nnew"
    project.write()
    change = diff("a`b|c<img>", "--md")
    assert change.exit_code == 0
    lines = change.stdout.splitlines()
    assert lines[0].startswith("## From `a'b\\|c<img>` (")
    rows = [line for line in lines if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {6, 8}
    assert "| `seed` | `1` | `'x' \\| @everyone <b> new` | `one, three, two` | `replicate, train` |" in rows
    assert max(len(re.sub("[`|]", "", row)) for row in rows) <= 110  # of content
    outside = re.sub(r"`[^`]*`", "", change.stdout)
    assert not re.search("@|<|everyone", outside)


@pytest.mark.parametrize(("columns", "limit"), [("80", 80), ("40", 80), (None, 80), ("100", 100), ("250", 250)])
def test_no_line_is_longer_than_the_terminal(
    project: Project, monkeypatch: pytest.MonkeyPatch, columns: str | None, limit: int
) -> None:
    long_name = "a_model_with_a_name_that_is_much_longer_than_those_of_others"
    project.params["models"][long_name] = {"dataset": "films", "hidden": [1]}
    project.add_model(long_name, "films")
    project.commit()
    branch = f"a/branch/of-a-person/{'x' * 70}"
    git(project.folder, "branch", branch)
    change_everything(project)
    project.params["models"]["one"]["hidden"] = list(range(100))
    project.params["plots"]["note"] = "many words " * 20
    project.replicates(long_name, HIGHER_ACCURACY)
    project.reports[f"models/{long_name}/metrics.json"]["test"]["accuracy"] = 0.1234567890123
    new = project.commit()
    project.put("stages/train.py", "# another\n")
    project.put("stages/replicate.py", "# another\n")
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    widest = 0
    for arguments in ((), (branch,), (branch, new), ("HEAD~1", "HEAD"), (new, "HEAD~1")):
        lines = diff(*arguments).stdout.splitlines()
        assert max(map(len, lines)) <= limit
        widest = max(widest, *map(len, lines))
        assert {"VERDICTS ON TEST ACCURACY", "METRICS", "PARAMS"} <= set(lines) or arguments == ()
        header = next(line for line in lines if line.startswith("model "))
        assert header.split()[:2] == ["model", "verdict"]
    assert widest > 0.9 * min(limit, 200)
    assert diff("HEAD~1", new, "--md").exit_code == 0


# Revisions


def clone(project: Project, *options: str) -> Path:
    folder = project.folder.with_name("clone")
    git(project.folder.parent, "clone", "--quiet", *options, project.folder.as_uri(), str(folder))
    return folder


@pytest.mark.parametrize("revision", ["nonsense", "main..other", "^main", "", "HEAD:params.yaml", "HEAD~99"])
def test_a_bad_revision_is_one_line(project: Project, revision: str) -> None:
    assert_one_line(diff(revision), repr(revision), "no such revision in this repository")
    assert_one_line(diff("HEAD", revision), repr(revision))
    assert_one_line(diff("--", "--output=owned"), "'--output=owned'")


@pytest.mark.parametrize("revision", [None, "main", "origin/main", "v1", "hash", "short hash", "HEAD~1"])
def test_a_shallow_clone_is_told_which_fetch_it_needs(
    project: Project, monkeypatch: pytest.MonkeyPatch, revision: str | None
) -> None:
    first = git(project.folder, "rev-parse", "HEAD")
    git(project.folder, "tag", "v1")
    git(project.folder, "checkout", "--quiet", "-b", "other")
    project.params["seed"] = 2
    project.commit()
    git(project.folder, "checkout", "--quiet", "main")
    folder = clone(project, "--depth=1", "--branch=other")
    monkeypatch.chdir(folder)
    assert content("HEAD")["params"] == []  # what is there needs no fetch

    revision = {"hash": first, "short hash": first[:8]}.get(revision, revision)
    arguments = (revision,) if revision else ()
    done = diff(*arguments)
    assert_one_line(
        done, repr(revision or "main"), "no such revision in this shallow clone", "`git fetch --unshallow"
    )
    fetch = re.search("`(git fetch [^`]*)`", done.stderr)[1]
    subprocess.run(f"{fetch} --quiet", shell=True, check=True)
    assert [row["param"] for row in content(*arguments)["params"]] == ["seed"]


def test_the_main_branch_is_the_default(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    git(project.folder, "checkout", "--quiet", "-b", "other")
    project.params["seed"] = 2
    project.commit()
    assert content()["old"]["revision"] == "main"
    assert content() == content("main")
    git(project.folder, "branch", "--move", "main", "master")
    assert content()["old"]["revision"] == "master"
    git(project.folder, "branch", "--move", "master", "trunk")
    git(project.folder, "checkout", "--quiet", "trunk")
    folder = clone(project)
    monkeypatch.chdir(folder)
    git(folder, "checkout", "--quiet", "other")
    git(folder, "branch", "--delete", "--force", "--quiet", "trunk")
    assert content()["old"]["revision"] == "origin/trunk"
    assert [row["param"] for row in content()["params"]] == ["seed"]


def test_elsewhere_it_says_what_is_missing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.folder / "reports")
    assert_one_line(diff(), "dvc.yaml", "project's root")
    monkeypatch.chdir(project.folder)
    (project.folder / ".git").rename(project.folder / "git")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project.folder.parent))
    assert_one_line(diff(), "expected a Git repository here")


@pytest.mark.parametrize(
    ("path", "text", "part"),
    [
        ("dvc.lock", "<<<<<<< ours\nschema: '2.0'\n=======\n", "expected YAML"),
        ("dvc.lock", "stages: {train: [1]}", "expected stages"),
        ("params.yaml", "a: [", "expected YAML"),
        ("params.yaml", "- a", "expected a mapping"),
        ("reports/models/one/metrics.json", "{", "expected JSON"),
        ("reports/models/one/replicates.csv", "test_loss,test_accuracy\nhigh,1\n", "expected numbers"),
    ],
)
def test_a_file_that_is_not_readable_is_named_with_its_side(
    project: Project, path: str, text: str, part: str
) -> None:
    project.params["seed"] = 2  # whose stages dvc.lock tells
    project.write()
    (project.folder / path).write_text(text, encoding="utf-8")
    assert_one_line(diff(), f"workspace: {path}:", part)
    git(project.folder, "commit", "--quiet", "--all", "--message", "broken")
    assert_one_line(diff("HEAD~1", "HEAD"), f"HEAD: {path}:", part)


# Experiments of DVC


def experiment(project: Project, name: str, base: str = "HEAD~1") -> str:
    """Keep the last commit under the ref that `dvc exp run` would give it, and go back."""
    commit, start = (git(project.folder, "rev-parse", revision) for revision in ("HEAD", base))
    git(project.folder, "update-ref", f"refs/exps/{start[:2]}/{start[2:]}/{name}", commit)
    git(project.folder, "reset", "--quiet", "--hard", "HEAD~1")
    return commit


def test_an_experiment_is_known_by_its_name(project: Project) -> None:
    project.params["seed"] = 2
    project.commit()
    commit = experiment(project, "hazel-tams")
    assert content("main", "hazel-tams")["new"] == {"revision": "hazel-tams", "commit": commit}
    assert [row["param"] for row in content("main", "hazel-tams")["params"]] == ["seed"]
    assert_one_line(diff("main", "hazel"), "'hazel'", "no such revision")
    git(project.folder, "update-ref", "refs/exps/exec/EXEC_BRANCH", commit)
    assert_one_line(diff("main", "EXEC_BRANCH"), "no such revision")

    git(project.folder, "tag", "hazel-tams", "main")  # which a name is looked for first
    assert content("main", "hazel-tams")["params"] == []


def test_a_name_of_several_experiments_is_one_line(project: Project) -> None:
    commits = []
    for seed in (2, 3):
        project.params["seed"] = seed
        project.commit()
        commits.append(experiment(project, "hazel-tams", base="HEAD" if seed == 3 else "HEAD~1"))
    assert_one_line(diff("main", "hazel-tams"), "'hazel-tams'", "2 experiments", *(name[:7] for name in commits))


@pytest.mark.parametrize("markdown", [False, True])
def test_what_comes_from_the_commits_does_not_command_the_terminal(markdown: bool) -> None:
    table = DiffTable("Params", ["param", "a\x1b[2Jb"], [["models.m\x1b[35m", "\u202eneg pos"]], "ll")
    shown = render_table(table, markdown)
    assert "\x1b" not in shown
    assert "\\x1b" in shown
    assert "\\u202e" in shown
    assert "\u202e" not in shown
