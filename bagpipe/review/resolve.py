"""`bagpipe resolve-lock`: the way out of a merge conflict in what the pipeline writes.

dvc.lock and reports/ are results: in a conflict neither side is right, for the merged params and code decide. So
either side will do to start from, and `dvc repro` brings the rest; what both sides computed it takes from dvc.lock
or the run cache. What people write, params.yaml above all, is left to them.
"""

from pathlib import Path
from typing import Any

from bagpipe.project.git import git_names, git_output
from bagpipe.project.lock import LOCK_FILE, STUDIES, drop_unknown, parse_mapping
from bagpipe.review.revisions import check_project
from stages.common.basics.errors import UserError
from stages.common.basics.params.reading import PARAMS_FILE, load_params
from stages.common.basics.paths import HERE
from stages.common.basics.watch import PIPELINE_FILE

STUDIES_LOCK = str(STUDIES / LOCK_FILE)
OURS, THEIRS = "2", "3"  # Git's numbers for the sides of a conflict


def find_conflicts() -> dict[str, set[str]]:
    """The paths in conflict below this folder, and the sides that have a file there."""
    found: dict[str, set[str]] = {}
    for line in git_names("ls-files", "--unmerged", "-z"):
        details, _, path = line.partition("\t")
        found.setdefault(path, set()).add(details.split()[2])
    return found


def is_result(path: str) -> bool:
    return path in (str(LOCK_FILE), STUDIES_LOCK) or Path(path).parts[0] == HERE.reports.name


def take_either_side(path: str, sides: set[str]) -> None:
    """Put our side's file in place, or theirs where we have none: `dvc repro` writes it anew if need be."""
    if sides & {OURS, THEIRS}:
        git_output("checkout", "--ours" if OURS in sides else "--theirs", "--", path)
    else:
        Path(path).unlink(missing_ok=True)


def join_locks(sides: set[str]) -> None:
    """Write our dvc.lock with the entries that only theirs has, so that their results count as computed.

    That is safe: DVC takes no entry's word, but compares its hashes with the files.
    """
    content: dict[str, Any] = {"stages": {}}
    for side in sorted(sides & {OURS, THEIRS}, reverse=True):
        lock = parse_mapping(git_output("show", f":{side}:./{LOCK_FILE}"), str(LOCK_FILE))
        content |= {**lock, "stages": content["stages"] | lock.get("stages", {})}
    drop_unknown(content)


def resolve_conflict() -> None:
    """Settle the results in conflict, bring them up to date and stage them for the commit.

    Raises:
        UserError: other files are in conflict, which a person has to merge first; or a stage failed.
    """
    check_project()
    found = find_conflicts()
    if not found:
        print("No file is in conflict.")
        return
    others = sorted(path for path in found if not is_result(path))
    if others:
        raise UserError(
            f"{', '.join(others)}: in conflict, and for you to merge: say what you want of both sides, `git add` it, "
            "then run this again"
        )
    from bagpipe.repro.repro import repro

    load_params()  # conflict marks left in it are better told before anything is changed
    for path, sides in sorted(found.items()):
        take_either_side(path, sides)
    if str(LOCK_FILE) in found:
        join_locks(found[str(LOCK_FILE)])
    repro([], jobs=None, scheduler=None, keep_going=False, dry=False)
    git_output("add", "--", *filter(found.__contains__, [STUDIES_LOCK]), str(LOCK_FILE), HERE.reports.name)
    print(
        f"\n{LOCK_FILE} and {HERE.reports}/ are those of the merged {PIPELINE_FILE} and {PARAMS_FILE}, and staged; "
        "now `git commit`."
    )
    if STUDIES_LOCK in found:
        print(f"{STUDIES_LOCK} is that of one side: `make studies` brings what it is about up to date.")
