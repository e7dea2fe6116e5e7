"""What tests of `bagpipe verify` share."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from commands import bagpipe, dvc
from editing import edit_yaml

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
    return bagpipe(folder, "verify", *arguments, capture_output=True)


def findings_by_check(folder: Path, *arguments: str) -> dict[str, Findings]:
    """The findings of each check that has some, by its id; the exit status must agree with them."""
    done = verify(folder, "--json", *arguments)
    assert done.stdout, done.stderr
    answer = json.loads(done.stdout)
    found = {check["id"]: check["findings"] for check in answer["checks"] if check["findings"]}
    assert answer["ok"] == (not found)
    assert done.returncode == (1 if found else 0)
    return found


def findings(folder: Path, *arguments: str) -> Findings:
    """All findings, of whatever check."""
    return [finding for found in findings_by_check(folder, *arguments).values() for finding in found]


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
    path = next((folder / "stages").rglob(f"{stage}.py"))
    text, found = re.subn(rf"(?m)^(def {stage}\(.*\n)", lambda line: f"{line[1]}    {code}\n", path.read_text())
    assert found == 1
    path.write_text(text)


def clone(folder: Path, *options: str) -> Path:
    """What CI gets: the last commit, and no data."""
    target = folder.parent / "clone"
    git(folder.parent, "clone", "--quiet", *options, folder.as_uri(), str(target))
    assert not (target / "data").exists()
    return target


def committed_params(folder: Path) -> None:
    edit_params(folder, lambda params: params["models"]["imdb"].update(learning_rate=0.002))
    run_dvc(folder, "commit", "--force")


def param_no_longer_declared(folder: Path) -> None:
    def edit(content: Any) -> None:
        content["stages"]["train"]["do"]["params"].remove("defaults.${item.dataset}.epochs")

    edit_yaml(folder / "dvc.yaml", edit)
