"""`bagpipe verify --tree`: another checkout, of which nothing may be run."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import bagpipe
from verifying import commit, git

from bagpipe.scratch.copies import ROOT


def verify_tree(tree: Path) -> subprocess.CompletedProcess[str]:
    return bagpipe(ROOT, "verify", "--tree", str(tree), capture_output=True)


def test_another_checkout_is_judged_by_this_code(project: Path) -> None:
    done = verify_tree(project)
    assert done.returncode == 0, done.stdout + done.stderr
    of_stages = ("stages/__init__", "stages/__main__", "stages/common/basics/params/params")
    for name in (*of_stages, "bagpipe/__init__", "bagpipe/cli/main", "bagpipe/review/verify"):
        (project / f"{name}.py").parent.mkdir(parents=True, exist_ok=True)
        (project / f"{name}.py").write_text(f"raise SystemExit('ran {name}')\n")
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
