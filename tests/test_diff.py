"""`bagpipe diff` between scratch commits whose figures are known, its verdicts against scipy."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from git_identity import IDENTITY
from scipy import stats

from stages.commands.main import main
from stages.scratch.copies import ROOT

OLD_ACCURACY, OLD_LOSS = [0.80, 0.81, 0.82, 0.79, 0.80], [0.50, 0.52, 0.51, 0.49, 0.50]
HIGHER_ACCURACY, HIGHER_LOSS = [0.85, 0.86, 0.87, 0.84, 0.85], [0.60, 0.62, 0.61, 0.59, 0.60]
NEARLY_OLD_ACCURACY = [0.81, 0.80, 0.82, 0.80, 0.80]


@pytest.fixture(autouse=True)
def _identity(monkeypatch: pytest.MonkeyPatch) -> None:
    """Git as it is for everyone, whatever the user's settings."""
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def table(**columns: list[float]) -> bytes:
    """replicates.csv."""
    lines = [",".join(["seed", *columns])]
    lines += [
        ",".join(map(str, (seed, *values))) for seed, values in enumerate(zip(*columns.values(), strict=True), 2)
    ]
    return ("\n".join(lines) + "\n").encode()


def entry(params: dict[str, Any], deps: dict[str, str], outs: dict[str, str]) -> dict[str, Any]:
    """An entry of dvc.lock."""
    return {
        "cmd": "python -m something",
        "deps": [{"path": path, "hash": "md5", "md5": md5} for path, md5 in deps.items()],
        "params": {"params.yaml": params},
        "outs": [{"path": path, "hash": "md5", "md5": md5} for path, md5 in outs.items()],
    }


class Project:
    """A small project, to be changed and committed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.params: dict[str, Any] = {
            "seed": 1,
            "datasets": {"films": {"num_words": 100}, "wires": {"num_words": 200}},
            "models": {
                "one": {"dataset": "films", "hidden": [16, 16]},
                "two": {"dataset": "films", "hidden": [8]},
                "three": {"dataset": "wires", "hidden": [64]},
            },
            "plots": {"dpi": 100},
        }
        self.lock: dict[str, Any] = {
            f"vectorize@{name}": entry({f"datasets.{name}.num_words": 1}, {}, {f"data/vectorized/{name}": "v"})
            for name in ("films", "wires")
        }
        self.reports: dict[str, Any] = {}
        for name, model in self.params["models"].items():
            self.add_model(name, model["dataset"])
        self.lock["report"] = entry({"models": {}}, {"reports/models": "r"}, {"reports/README.md": "m"})

    def add_model(self, name: str, dataset: str) -> None:
        vectorized = f"data/vectorized/{dataset}"
        self.lock[f"train@{name}"] = entry(
            {"seed": 1, f"models.{name}.hidden": [1]},
            {"stages/train.py": "t", "stages/common/network.py": "n", vectorized: "v"},
            {f"data/models/{name}": "m"},
        )
        self.lock[f"render@{name}"] = entry(
            {"plots": {}}, {"stages/render.py": "d"}, {f"reports/models/{name}/loss.png": "p"}
        )
        self.reports[f"models/{name}/metrics.json"] = {"test": {"loss": 0.5, "accuracy": 0.8, "macro_f1": 0.79}}
        self.reports[f"models/{name}/validation.json"] = {"best_epoch": 4, "val_loss": 0.4, "best_val_accuracy": 0.82}
        self.reports[f"models/{name}/loss.png"] = b"a picture"
        self.replicates(name)

    def replicates(self, model: str, accuracy: list[float] = OLD_ACCURACY, loss: list[float] = OLD_LOSS) -> None:
        self.reports[f"models/{model}/replicates.csv"] = table(
            test_loss=loss, test_accuracy=accuracy, validation_val_loss=loss
        )

    def write(self) -> None:
        stage = {"cmd": "python -m something"}
        pipeline = {
            "train": {"foreach": "${models}", "do": stage},
            "render": {"foreach": "${models}", "do": stage},
            "vectorize": {"foreach": "${datasets}", "do": stage},
            "report": stage,
        }
        files = {
            "dvc.yaml": {"stages": pipeline},
            "params.yaml": self.params,
            "dvc.lock": {"schema": "2.0", "stages": self.lock},
        } | {f"reports/{name}": content for name, content in self.reports.items()}
        for path in (self.folder / "reports").rglob("*.*"):
            path.unlink()
        for name, content in files.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            text = content if isinstance(content, bytes) else json.dumps(content).encode()  # JSON is YAML too
            (self.folder / name).write_bytes(text)

    def commit(self) -> str:
        self.write()
        git(self.folder, "add", "--all")
        git(self.folder, "commit", "--quiet", "--message", "change")
        return git(self.folder, "rev-parse", "HEAD")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with one commit, on main."""
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch", "main")
    found = Project(folder)
    found.commit()
    monkeypatch.chdir(folder)
    return found


def diff(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["diff", *arguments])


def content(*arguments: str) -> dict[str, Any]:
    """What `--json` prints."""
    done = diff("--json", *arguments)
    assert done.exit_code == 0, done.output

    def fail(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(done.stdout, parse_constant=fail)


def metric(of: str, figure: str, *arguments: str) -> dict[str, Any]:
    (row,) = [row for row in content(*arguments)["metrics"] if (row["of"], row["figure"]) == (of, figure)]
    return row


def assert_one_line(done: Result, *parts: str) -> None:
    assert done.exit_code == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    for part in parts:
        assert part in line


# Verdicts


@pytest.mark.parametrize(
    ("figure", "old", "new", "verdict"),
    [
        ("accuracy", OLD_ACCURACY, HIGHER_ACCURACY, "better"),
        ("accuracy", HIGHER_ACCURACY, OLD_ACCURACY, "worse"),
        ("accuracy", OLD_ACCURACY, NEARLY_OLD_ACCURACY, "within noise"),
        ("loss", OLD_LOSS, HIGHER_LOSS, "worse"),
        ("loss", HIGHER_LOSS, OLD_LOSS, "better"),
        ("loss", OLD_LOSS, [*OLD_LOSS, 0.9, 0.2], "within noise"),
        ("loss", OLD_LOSS, [0.57, 0.58], "worse"),
    ],
)
def test_a_figure_is_judged_by_the_runs_under_further_seeds(
    project: Project, figure: str, old: list[float], new: list[float], verdict: str
) -> None:
    for runs, single in ((old, 0.8), (new, 0.79)):
        project.reports["models/one/metrics.json"] = {"test": {figure: single}}
        project.reports["models/one/replicates.csv"] = table(**{f"test_{figure}": runs})
        project.commit()
    row = metric("one", f"test.{figure}", "HEAD~1")
    assert (row["old"], row["new"], row["difference"]) == (0.8, 0.79, -0.01)
    assert row["verdict"] == verdict
    assert row["n"] == [len(old), len(new)]
    assert row["p"] == pytest.approx(stats.ttest_ind(new, old, equal_var=False).pvalue, rel=1e-12)
    assert row["mean_difference"] == pytest.approx(sum(new) / len(new) - sum(old) / len(old), abs=1e-6)
    line = re.search(rf"^one +test\.{figure} +0\.8 +0\.79 +-0\.01000 (.*)$", diff("HEAD~1").stdout, re.MULTILINE)
    p = "<0.001" if row["p"] < 0.001 else f"{row['p']:.3f}"
    assert line
    assert line[1].split() == [f"{row['mean_difference']:+.5f}", p, f"{len(old)},", str(len(new)), *verdict.split()]


def test_validation_figures_are_judged_by_their_own_column(project: Project) -> None:
    project.reports["models/one/validation.json"]["val_loss"] = 0.41
    project.reports["models/one/replicates.csv"] = table(
        test_loss=OLD_LOSS, test_accuracy=OLD_ACCURACY, validation_val_loss=HIGHER_LOSS
    )
    project.write()
    row = metric("one", "validation.val_loss")
    assert (row["verdict"], row["old"], row["new"]) == ("worse", 0.4, 0.41)
    assert [row["figure"] for row in content()["metrics"]] == ["validation.val_loss"]


def test_what_is_no_accuracy_or_loss_of_a_model_is_not_judged(project: Project) -> None:
    project.reports["models/one/metrics.json"]["test"]["macro_f1"] = 0.5
    project.reports["models/one/validation.json"]["best_epoch"] = 9
    project.reports["datasets/films/baselines.json"] = {"naive_bayes": {"accuracy": 0.5}}
    project.commit()
    project.reports["datasets/films/baselines.json"] = {"naive_bayes": {"accuracy": 0.6}}
    project.write()
    rows = content("HEAD~1")["metrics"]
    assert [row["figure"] for row in rows] == [
        "baselines.naive_bayes.accuracy",
        "test.macro_f1",
        "validation.best_epoch",
    ]
    assert not any("p" in row or row.get("verdict", "added") != "added" for row in rows)
    assert "verdict" not in metric("films", "baselines.naive_bayes.accuracy")


def test_a_figure_is_shown_if_only_the_further_seeds_tell_a_difference(project: Project) -> None:
    project.replicates("one", accuracy=HIGHER_ACCURACY)
    project.write()
    row = metric("one", "test.accuracy")
    assert (row["old"], row["new"], row["difference"], row["verdict"]) == (0.8, 0.8, 0.0, "better")


@pytest.mark.parametrize(("before", "after"), [(None, OLD_LOSS), (OLD_LOSS, None), (None, None), ([0.5], OLD_LOSS)])
def test_without_replicates_on_both_sides_it_says_so(
    project: Project, before: list[float] | None, after: list[float] | None
) -> None:
    for runs, loss in ((before, 0.5), (after, 0.9)):
        project.reports["models/one/metrics.json"] = {"test": {"loss": loss}}
        project.reports.pop("models/one/replicates.csv", None)
        if runs:
            project.reports["models/one/replicates.csv"] = table(test_loss=runs)
        project.commit()
    row = metric("one", "test.loss", "HEAD~1", "HEAD")
    assert row["verdict"] == "no replicates to judge by"
    assert row["n"] == [len(before or []), len(after or [])]
    assert "p" not in row
    assert re.search(r"one +test\.loss .* no replicates to judge by$", diff("HEAD~1").stdout, re.MULTILINE)
    assert diff("HEAD~1", "--fail-on", "worse").exit_code == 0


def test_columns_with_dots_as_they_were_once_are_read(project: Project) -> None:
    project.reports["models/one/replicates.csv"] = table(**{"test.loss": OLD_LOSS, "test.accuracy": OLD_ACCURACY})
    project.commit()
    project.reports["models/one/metrics.json"]["test"]["accuracy"] = 0.85
    project.replicates("one", accuracy=HIGHER_ACCURACY)
    project.write()
    assert metric("one", "test.accuracy")["verdict"] == "better"


def test_runs_that_did_not_vary_are_judged_without_a_warning(project: Project) -> None:
    project.replicates("one", accuracy=[0.5] * 5)
    project.reports["models/one/metrics.json"]["test"]["accuracy"] = 0.5
    project.write()
    assert metric("one", "test.accuracy")["verdict"] == "worse"


def test_runs_that_diverged_are_worse(project: Project) -> None:
    nan = float("nan")
    project.reports["models/one/metrics.json"]["test"]["loss"] = nan
    project.replicates("one", loss=[nan, *OLD_LOSS[1:]])
    project.write()
    row = metric("one", "test.loss")
    assert (row["new"], row["verdict"]) == ("NaN", "worse")
    assert diff("--fail-on", "worse").exit_code == 1


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
        ("models.one", "hidden", [32, 32], ["one"], ["report", "train"]),
        ("datasets.films", "num_words", 50, ["one", "two"], ["vectorize"]),
        ("datasets.wires", "num_words", 50, ["three"], ["vectorize"]),
        ("", "seed", 2, ["one", "three", "two"], ["train"]),
        ("plots", "dpi", 50, ["one", "three", "two"], ["render"]),
        ("", "unread", 1, [], []),
    ],
)
def test_changed_params_stand_beside_the_models_they_touch(
    project: Project, section: str, key: str, value: Any, models: list[str], stages: list[str]
) -> None:
    place = project.params
    for part in filter(None, section.split(".")):
        place = place[part]
    old = {"old": place[key]} if key in place else {}
    place[key] = value
    project.write()
    name = f"{section}.{key}".removeprefix(".")
    assert content()["params"] == [{"param": name, **old, "new": value, "models": models, "stages": stages}]
    (line,) = [line for line in diff().stdout.splitlines() if line.startswith(name)]
    assert " ".join(line.split()).endswith(" ".join([", ".join(models), ", ".join(stages)]).strip())


def test_the_commands_that_show_the_rest_are_named(project: Project) -> None:
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
        assert content(*arguments).keys() == {"old", "new", "metrics", "params"}


def test_a_revision_of_the_former_layout_differs_by_what_differs(project: Project) -> None:
    """reports/M/, now reports/models/M/ and reports/datasets/D/."""
    present = project.reports
    project.reports = {re.sub("^(models|datasets)/", "", name): content for name, content in present.items()}
    project.commit()
    project.reports = present
    project.reports["models/one/metrics.json"]["test"]["accuracy"] = 0.85
    project.replicates("one", accuracy=HIGHER_ACCURACY)
    project.write()
    (row,) = content()["metrics"]
    assert (row["of"], row["figure"], row["verdict"]) == ("one", "test.accuracy", "better")


def test_of_what_sums_up_only_verdicts_on_published_figures_are_listed(project: Project) -> None:
    project.reports["models/one/replicates.json"] = {"n": 5, "loss": {"mean": 0.5, "sd": 0.1}}
    project.reports["reproduction.json"] = {"one": {"test.loss": {"mean": 0.5, "verdict": "reproduced"}}}
    project.commit()
    project.reports["models/one/replicates.json"]["loss"]["mean"] = 0.6
    project.reports["reproduction.json"] = {"one": {"test.loss": {"mean": 0.6, "verdict": "not reproduced"}}}
    project.write()
    assert [row["figure"] for row in content()["metrics"]] == ["reproduction.one.test.loss.verdict"]
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


def test_it_prints_the_same_bytes_every_time_and_needs_neither_data_nor_tensorflow(project: Project) -> None:
    change_everything(project)
    project.write()
    code = (
        "import sys\n"
        "from stages.commands.main import main\n"
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


@pytest.mark.parametrize(
    ("accuracy", "arguments", "expected"),
    [
        (HIGHER_ACCURACY, (), 0),
        (HIGHER_ACCURACY, ("HEAD", "HEAD~1"), 1),  # the other way round
        (NEARLY_OLD_ACCURACY, (), 0),
    ],
)
def test_it_fails_on_request_if_something_got_worse_beyond_noise(
    project: Project, accuracy: list[float], arguments: tuple[str, ...], expected: int
) -> None:
    project.reports["models/two/metrics.json"]["test"]["accuracy"] = 0.75  # of one run, which proves nothing
    project.replicates("two", accuracy=accuracy)
    project.write()
    if arguments:
        project.commit()
    assert diff(*arguments).exit_code == 0
    done = diff(*arguments, "--fail-on", "worse")
    assert done.exit_code == expected
    assert done.stdout == diff(*arguments).stdout
    assert done.stderr == ("error: worse beyond noise: two test.accuracy\n" if expected else "")


def test_revisions_are_compared_whatever_the_workspace_holds(project: Project) -> None:
    change_everything(project)
    first, second = "HEAD~1", project.commit()
    expected = diff(first, second, "--json").stdout
    project.params = {}
    project.reports.clear()
    project.write()
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
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {6}
    assert "| `seed` | `1` | `'x' \\| @everyone <b> new` | `one, three, two` | `train` |" in rows
    outside = re.sub(r"`[^`]*`", "", change.stdout)
    assert not re.search("@|<|everyone", outside)


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
    assert_one_line(diff(), "no Git repository")


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
    assert_one_line(diff(), f"workspace: {path}: ", part)
    git(project.folder, "commit", "--quiet", "--all", "--message", "broken")
    assert_one_line(diff("HEAD~1", "HEAD"), f"HEAD: {path}: ", part)
