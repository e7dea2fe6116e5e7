"""`bagpipe resolve-lock`: the way out of a merge conflict in what the pipeline writes.

dvc.lock and reports/ are results: in a conflict neither side is right, for the merged params and code decide. So
either side will do to start from, and `dvc repro` brings the rest; what both sides computed it takes from dvc.lock
or the run cache. What people write, params.yaml above all, is left to them.
"""

from pathlib import Path
from typing import Any

from stages.bagpipe.repro import repro
from stages.bagpipe.revisions import LOCK, PIPELINE, check_project, output
from stages.common.artifacts import REPORTS, write_text
from stages.common.errors import UserError
from stages.common.params import load_params

OURS, THEIRS = "2", "3"  # Git's numbers for the sides of a conflict


def conflicts() -> dict[str, set[str]]:
    """The paths in conflict below this folder, and the sides that have a file there."""
    found: dict[str, set[str]] = {}
    for line in output("ls-files", "--unmerged", "-z").decode().split("\0")[:-1]:
        details, _, path = line.partition("\t")
        found.setdefault(path, set()).add(details.split()[2])
    return found


def is_result(path: str) -> bool:
    return path == LOCK.name or Path(path).parts[0] == REPORTS.name


def take_either_side(path: str, sides: set[str]) -> None:
    """Put our side's file in place, or theirs where we have none: `dvc repro` writes it anew if need be."""
    if sides & {OURS, THEIRS}:
        output("checkout", "--ours" if OURS in sides else "--theirs", "--", path)
    else:
        Path(path).unlink(missing_ok=True)


def locked(side: str, sides: set[str]) -> dict[str, Any]:
    """The content of one side's dvc.lock, as DVC reads it."""
    from dvc.utils.serialize import parse_yaml

    return parse_yaml(output("show", f":{side}:./{LOCK}").decode(), str(LOCK)) if side in sides else {}


def join_locks(sides: set[str]) -> None:
    """Write our dvc.lock with the entries that only theirs has, so that their results count as computed.

    That is safe: DVC takes no entry's word, but compares its hashes with the files.
    """
    from dvc.utils.serialize import dumps_yaml

    ours, theirs = locked(OURS, sides), locked(THEIRS, sides)
    stages = {**theirs.get("stages", {}), **ours.get("stages", {})}
    write_text(LOCK, dumps_yaml({**theirs, **ours, "stages": stages}))


def drop_strays() -> None:
    """Remove the entries of dvc.lock whose stage the merged dvc.yaml does not have; DVC would keep them."""
    from dvc.repo import Repo
    from dvc.utils.serialize import dumps_yaml, load_yaml

    with Repo() as repo:
        known = {stage.addressing for stage in repo.index.stages}
    lock = load_yaml(LOCK)
    strays = lock["stages"].keys() - known
    if strays:
        lock["stages"] = {name: entry for name, entry in lock["stages"].items() if name in known}
        write_text(LOCK, dumps_yaml(lock))


def resolve_conflict() -> None:
    """Settle the results in conflict, bring them up to date and stage them for the commit.

    Raises:
        UserError: other files are in conflict, which a person has to merge first; or a stage failed.
    """
    check_project()
    found = conflicts()
    if not found:
        print("No file is in conflict.")
        return
    others = sorted(path for path in found if not is_result(path))
    if others:
        raise UserError(
            f"{', '.join(others)}: in conflict, and for you to merge: say what you want of both sides, `git add` it, "
            "then run this again"
        )
    load_params()  # conflict marks left in it are better told before anything is changed
    for path, sides in sorted(found.items()):
        take_either_side(path, sides)
    if LOCK.name in found:
        join_locks(found[LOCK.name])
        drop_strays()
    repro([], jobs=None, scheduler=None, keep_going=False, dry=False)
    output("add", "--", LOCK.name, REPORTS.name)
    print(
        f"\n{LOCK} and {REPORTS}/ are those of the merged {PIPELINE} and params.yaml, and staged; now `git commit`."
    )
