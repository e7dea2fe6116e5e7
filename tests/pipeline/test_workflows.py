"""The workflows: valid, pinned, harmless to run for strangers, and the comment's script against a false GitHub."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from bagpipe.scratch.copies import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.y*ml"))
TOOLS = Path(sys.executable).parent
MARK = "<!-- bagpipe diff -->"


def check_schema(*paths: Path) -> subprocess.CompletedProcess[str]:
    command = [TOOLS / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *paths]
    return subprocess.run(command, text=True, capture_output=True)


def zizmor(*paths: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([TOOLS / "zizmor", "--offline", *paths], text=True, capture_output=True)


def load(path: Path) -> dict[str, Any]:
    return YAML(typ="safe", pure=True).load(path)


def jobs() -> dict[str, Any]:
    return load(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]


def test_the_workflows_are_valid() -> None:
    assert WORKFLOWS
    done = check_schema(*WORKFLOWS)
    assert done.returncode == 0, done.stdout + done.stderr


def test_zizmor_finds_nothing_and_is_told_to_overlook_nothing() -> None:
    done = zizmor(*WORKFLOWS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No findings to report" in done.stdout
    assert all("zizmor:" not in path.read_text(encoding="utf-8") for path in WORKFLOWS)
    assert not [*ROOT.glob("*zizmor.y*ml"), *ROOT.glob(".github/*zizmor.y*ml")]


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("  pull_request:\n", "  pull_request_target:\n", "dangerous-triggers"),
        ("gh api --paginate", "echo ${{ github.head_ref }}; gh api --paginate", "template-injection"),
        ("@043fb46d1a93c77aae656e7c1c64a875d1fc6a0a", "@v7", "unpinned-uses"),
    ],
)
def test_zizmor_would_find_what_is_unsafe(tmp_path: Path, old: str, new: str, finding: str) -> None:
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    assert text.count(old) == 1
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    (folder / "ci.yml").write_text(text.replace(old, new), encoding="utf-8")
    done = zizmor(folder / "ci.yml")
    assert done.returncode != 0
    assert f"[{finding}]" in done.stdout


def test_the_schema_would_find_a_misspelt_key(tmp_path: Path) -> None:
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    (tmp_path / "ci.yml").write_text(text.replace("runs-on:", "run-on:"), encoding="utf-8")
    assert check_schema(tmp_path / "ci.yml").returncode != 0


def test_every_action_is_pinned_to_a_commit_and_says_which_version_that_is() -> None:
    lines = [line for path in WORKFLOWS for line in path.read_text(encoding="utf-8").splitlines() if "uses:" in line]
    assert lines
    for line in lines:
        assert re.fullmatch(r"\s+(- )?uses: [\w.-]+/[\w./-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", line)


def test_ci_runs_the_commands_that_anyone_can_run() -> None:
    commands = [step["run"] for step in jobs()["check"]["steps"] if "run" in step]
    for command in (".ci/run", "make demo", ".venv/bin/bagpipe verify"):
        assert command in commands
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    every = [step.get("run", "") for job in jobs().values() for step in job["steps"]]
    assert {command.split()[-1] for command in every if command.startswith("make ")} <= set(targets)


def test_ci_has_the_systems_and_pythons_that_the_readme_names() -> None:
    matrix = jobs()["check"]["strategy"]["matrix"]
    assert [name.partition("-")[0] for name in matrix["os"]] == ["ubuntu", "macos"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    oldest, newest = matrix["python"]
    after = f"{newest.split('.')[0]}.{int(newest.split('.')[1]) + 1}"
    assert project["requires-python"] == f">={oldest},<{after}"


def test_the_gate_runs_nothing_of_the_pull_request() -> None:
    """It has the base branch's code installed, from nothing that the pull request's jobs have left."""
    gate = jobs()["gate"]
    checkouts = {step["with"]["path"]: step["with"] for step in gate["steps"] if "checkout" in step.get("uses", "")}
    assert checkouts.keys() == {"base", "tree"}
    assert checkouts["base"]["ref"] == "${{ github.event.pull_request.base.sha }}"
    assert not [step for step in gate["steps"] if "cache" in step.get("with", {})]
    commands = [line.strip() for step in gate["steps"] for line in step.get("run", "").splitlines()]
    programs = [line.split()[0] for line in commands]
    assert programs == ["make", "base/.venv/bin/bagpipe", "../base/.venv/bin/bagpipe", "cat"]
    assert commands[:2] == ["make -C base setup", "base/.venv/bin/bagpipe verify --tree tree"]
    assert not any("env" in step for step in gate["steps"] if step.get("run", "").startswith(("make", "base")))


def test_the_results_are_computed_anew_every_month_and_compared() -> None:
    workflow = load(ROOT / ".github" / "workflows" / "reproduce.yml")
    assert set(workflow["on"]) == {"schedule", "workflow_dispatch"}
    commands = [step["run"] for step in workflow["jobs"]["reproduce"]["steps"] if "run" in step]
    assert commands[1:] == ["rm dvc.lock", "make run", "git diff --exit-code --stat dvc.lock reports/"]
    assert "model name" in commands[0]
    assert commands[0].endswith('>> "$GITHUB_STEP_SUMMARY"')


def test_a_failing_step_does_not_hide_what_the_later_ones_would_say() -> None:
    names = {"check": ("Verify", "Run"), "gate": ("Compare", "Keep")}
    later = [step for job in names for step in jobs()[job]["steps"] if step["name"].startswith(names[job])]
    assert len(later) == 4
    assert all("!cancelled()" in step["if"] for step in later)


def test_only_the_job_that_runs_nothing_of_the_pull_request_may_write() -> None:
    for path in WORKFLOWS:
        workflow = load(path)
        assert workflow["permissions"] == {}
        for name, job in workflow["jobs"].items():
            may_write = [scope for scope, access in job["permissions"].items() if access == "write"]
            actions = [step["uses"].split("@")[0] for step in job["steps"] if "uses" in step]
            assert may_write == (["pull-requests"] if name == "comment" else [])
            assert not may_write or actions == ["actions/download-artifact"]
    assert "head.repo.full_name == github.repository" in jobs()["comment"]["if"]
    checkout = jobs()["check"]["steps"][0]["with"]
    assert checkout == {"fetch-depth": 0, "persist-credentials": False}


# The comment's script. `gh` is played by a script that keeps the comments in a file and asks jq for `--jq`.

FALSE_GH = """\
#!{python}
import json, pathlib, subprocess, sys
arguments, store = sys.argv[1:], pathlib.Path("comments.json")
comments = json.loads(store.read_text())
option = lambda name: arguments[arguments.index(name) + 1] if name in arguments else None
path = next(a for a in arguments[1:] if a.startswith("repos/"))
method = option("--method") or "GET"
assert arguments[0] == "api"
if method == "GET":
    assert path == "repos/me/bagpipe/issues/7/comments" and "--paginate" in arguments
    done = subprocess.run(["jq", "-r", option("--jq")], input=json.dumps(comments), text=True, capture_output=True)
    sys.stdout.write(done.stdout)
    sys.exit(done.returncode)
name, _, file = option("--field").partition("=@")
assert name == "body"
body = pathlib.Path(file).read_text(encoding="utf-8")
if method == "POST":
    assert path == "repos/me/bagpipe/issues/7/comments"
    comments.append({{"id": len(comments) + 1, "user": {{"login": "github-actions[bot]"}}, "body": body}})
else:
    assert method == "PATCH"
    number = int(path.removeprefix("repos/me/bagpipe/issues/comments/"))
    next(comment for comment in comments if comment["id"] == number)["body"] = body
store.write_text(json.dumps(comments))
"""
OTHERS = [
    {"id": 1, "user": {"login": "someone"}, "body": f"{MARK}\nnot the bot's"},
    {"id": 2, "user": {"login": "github-actions[bot]"}, "body": "of another workflow"},
]


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with two comments of others, and the false `gh`."""
    if not shutil.which("jq"):
        pytest.skip("jq not at hand")
    (tmp_path / "comments.json").write_text(json.dumps(OTHERS), encoding="utf-8")
    (tmp_path / "gh").write_text(FALSE_GH.format(python=sys.executable), encoding="utf-8")
    (tmp_path / "gh").chmod(0o755)
    return tmp_path


def comment(desk: Path, diff: bytes) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run the script on a diff; return the comments that are then there, less those of others."""
    (step,) = [step for step in jobs()["comment"]["steps"] if "run" in step]
    assert step["shell"] == "bash"
    (desk / "diff.md").write_bytes(diff)
    environment = {
        "PATH": f"{desk}{os.pathsep}{os.environ['PATH']}",
        "GH_TOKEN": "none",
        "ISSUES": "repos/me/bagpipe/issues",
        "NUMBER": "7",
    }
    assert set(step["env"]) < set(environment)
    command = [
        "bash",
        "--noprofile",
        "--norc",
        "-eo",
        "pipefail",
        "-c",
        step["run"],
    ]  # as GitHub starts `shell: bash`
    done = subprocess.run(command, cwd=desk, env=environment, text=True, capture_output=True)
    comments = json.loads((desk / "comments.json").read_text(encoding="utf-8"))
    assert comments[:2] == OTHERS
    return done, [comment["body"] for comment in comments[2:]]


def test_there_is_one_comment_and_it_is_updated(desk: Path) -> None:
    for text in ("## one\n\n| `a` |\n", "## two, with an ü and a …\n", "## two, with an ü and a …\n"):
        done, comments = comment(desk, text.encode())
        assert done.returncode == 0, done.stderr
        assert comments == [f"{MARK}\n{text}"]


@pytest.mark.parametrize("diff", [b"\xff\xfe", b"one\x00two", b"\x1b[31mred"])
def test_what_is_no_plain_text_is_not_posted(desk: Path, diff: bytes) -> None:
    done, comments = comment(desk, diff)
    assert done.returncode == 1
    assert "plain text" in done.stdout
    assert comments == []


def test_of_what_is_too_long_for_a_comment_it_says_where_to_find_it(desk: Path) -> None:
    done, comments = comment(desk, b"x" * 70_000)
    assert done.returncode == 0
    assert len(comments) == 1
    assert "see the summary" in comments[0]
    assert "xxx" not in comments[0]


def test_a_shell_command_in_the_diff_is_only_text(desk: Path) -> None:
    text = "$(touch owned) `touch owned` '; touch owned; '\n"
    _, comments = comment(desk, text.encode())
    assert comments == [f"{MARK}\n{text}"]
    assert not (desk / "owned").exists()
