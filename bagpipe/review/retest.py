"""`bagpipe retest`: run the replicates of another revision on the texts that are here, so that both can be compared.

The revision is checked out in a folder of its own, gets the raw files and the dataset's section of params.yaml from
here, and runs there with its own code; what comes out is a commit on a branch, whose parent is the revision.
"""

import shutil
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dvc.repo import Repo
from ruamel.yaml import YAML
from ruamel.yaml.compat import StringIO

from bagpipe.project.dvc_project import dvc_errors
from bagpipe.project.git import git_output
from bagpipe.project.names import check_name
from bagpipe.project.sections import with_entry, without_entry
from bagpipe.review.checks.rerun import run_dvc, share_cache
from bagpipe.review.freshness import replicate_stage
from bagpipe.review.revisions import Side, read_sides
from bagpipe.review.verdicts import OTHER_TEXTS, Pair, find_other_texts, judged_models
from stages.common.basics.errors import UserError
from stages.common.basics.params.reading import PARAMS_FILE
from stages.common.basics.paths import HERE, Paths

OF_A_DATASET = ("datasets", "official")  # sections of params.yaml that say what a dataset's texts are


def branch_of(revision: str) -> str:
    """The branch that gets the runs of a revision."""
    return f"retest/{revision.replace('/', '-')}"


def choose_models(sides: Pair, wanted: Iterable[str]) -> list[str]:
    """The models that are wanted, or all whose test sets differ.

    Raises:
        UserError: there is none of that name on both sides, or none whose test sets differ.
    """
    old, new = sides
    common = {name: None for name in new.models if name in old.models}
    for name in wanted:
        check_name("model", name, common)
    chosen = [*wanted] or [name for name in judged_models(sides) if is_of_other_texts(sides, name)]
    if not chosen:
        raise UserError(f"expected models whose test texts are others here than in {old.short}; found none")
    return chosen


def is_of_other_texts(sides: Pair, model: str) -> bool:
    obstacle = find_other_texts(sides, model)
    return obstacle is not None and obstacle.status == OTHER_TEXTS


def put_section(text: str, section: str, name: str, value: Any) -> str:
    """The text of params.yaml with another entry in place of one."""
    dumped = StringIO()
    YAML().dump({name: value}, dumped)
    return with_entry(without_entry(text, section, name), section, textwrap.indent(dumped.getvalue(), "  "))


def put_texts(dataset: str, params: dict[str, Any], folder: Path) -> None:
    """Give a checkout the raw files of a dataset, and what params.yaml says of them here."""
    there = Paths(folder)
    shutil.rmtree(there.raw(dataset), ignore_errors=True)
    shutil.copytree(HERE.raw(dataset), there.raw(dataset))
    if HERE.added(dataset).exists():
        shutil.copyfile(HERE.added(dataset), there.added(dataset))
    file = folder / PARAMS_FILE
    text = file.read_bytes().decode()
    for section in OF_A_DATASET:
        if dataset in (params.get(section) or {}):
            text = put_section(text, section, dataset, params[section][dataset])
    file.write_bytes(text.encode())


def run_in_checkout(base: Side, models: list[str], params: dict[str, Any], folder: Path) -> str:
    """Run the replicates in a checkout, and commit them; return the commit."""
    for dataset in dict.fromkeys(params["models"][name]["dataset"] for name in models):
        if not HERE.raw(dataset).is_dir():
            raise UserError(f"{HERE.raw(dataset)}: expected texts; `dvc pull`, or `make run`, brings them")
        put_texts(dataset, params, folder)
    with dvc_errors(), Repo() as repo:
        share_cache(repo, folder, {})
    stages = list(map(replicate_stage, models))
    if run_dvc(folder, "repro", *stages):
        raise UserError(f"{base.short}: {', '.join(stages)} failed on the texts of this folder, see above")
    git_output("-C", str(folder), "add", "--update")
    git_output("-C", str(folder), "add", str(HERE.reports))  # what is new
    message = f"Run {', '.join(models)} of {base.short} on other texts"
    git_output("-C", str(folder), "commit", "--quiet", "--no-verify", "--message", message)
    return git_output("-C", str(folder), "rev-parse", "HEAD").decode().strip()


def retest(revision: str | None, wanted: tuple[str, ...]) -> None:
    """Run the replicates of a revision on the texts that are here, and keep them on a branch.

    Raises:
        UserError: there is no such revision or model, no texts, or a stage fails.
    """
    sides = read_sides(revision, None)
    base, models = sides[0], choose_models(sides, wanted)
    branch = branch_of(base.short)
    print(f"Running {', '.join(models)} of {base.short} on the texts that are here.", file=sys.stderr, flush=True)
    with TemporaryDirectory(prefix="bagpipe_") as temporary:
        folder = Path(temporary) / "checkout"
        git_output("worktree", "add", "--quiet", "--detach", str(folder), str(base.commit))
        try:
            commit = run_in_checkout(base, models, sides[1].params, folder)
        finally:
            git_output("worktree", "remove", "--force", str(folder))
    git_output("branch", "--force", branch, commit)
    print(f"Done; `bagpipe diff {branch}` compares with it.")
