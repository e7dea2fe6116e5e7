"""`bagpipe verify`: whether the committed pipeline is true, told from what is in Git, with or without the data.

Each check is a file of its own in checks/ and yields findings: which stage, what is wrong, how to fix it. Nothing is
run but for `--rerun`. Without running nobody can tell whether results were made up in reports/ and dvc.lock alike.
"""

import json
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bagpipe.project.git import distrust_settings
from bagpipe.review.checks import rerun, valid_files
from bagpipe.review.checks.registry import BY_ID, check_ids, explain, id_of
from bagpipe.review.committed import Finding
from bagpipe.review.revisions import check_project
from bagpipe.scratch.copies import ROOT
from stages.common.basics.errors import UserError
from stages.common.basics.terminal import add_colour, escape_controls, wrap_text
from stages.common.basics.watch import PIPELINE_FILE

SHOWN = 4  # stages that a line names


class Checked(NamedTuple):
    """What a check came to. note: what is no finding and should be known."""

    id: str
    name: str
    findings: list[Finding]
    note: str = ""

    @property
    def ok(self) -> bool:
        return not self.findings


def format_check(check: Checked) -> Iterator[str]:
    """A check as text; what is wrong with several stages stands once."""
    yield (add_colour("ok    ", "green") if check.ok else add_colour("FAILED", "red")) + f"  {check.name}"
    if check.note:
        yield wrap_text(check.note, " " * 8)
    together: dict[tuple[str, str], list[str]] = {}
    for stage, problem, fix in check.findings:
        together.setdefault((problem, fix.replace(stage, "STAGE")), []).append(stage)
    for (problem, fix), stages in together.items():
        names = ", ".join(stages[:SHOWN]) + (f" and {len(stages) - SHOWN} more" if len(stages) > SHOWN else "")
        yield wrap_text(escape_controls(f"{names}: {problem}"), " " * 8)
        yield wrap_text(
            escape_controls(f"to fix: {fix if len(stages) > 1 else fix.replace('STAGE', stages[0])}"), " " * 10
        )


def enter_tree(tree: Path) -> None:
    """Go to another checkout, to look at it by the code and the DVC settings of this project.

    Its settings must be the same: they can name a folder of the checkout for DVC's database, which holds pickles. And
    it holds nothing but files: reading what is behind a link, such as /dev/zero, or a pipe need not end.

    Raises:
        UserError: they are not, or it is no checkout of this project.
    """
    config, local = (tree / ".dvc" / name for name in ("config", "config.local"))
    if not (tree / PIPELINE_FILE).is_file():
        raise UserError(f"{tree}: expected a checkout of this project, found no {PIPELINE_FILE} there")
    if local.exists() or not config.is_file() or config.read_bytes() != (ROOT / ".dvc" / "config").read_bytes():
        raise UserError(f"{config.parent}: expected DVC's settings to be those of {ROOT}; look at the change first")
    for path in find_odd_files(tree):
        raise UserError(f"{path}: expected a file, found a link or a device")
    os.chdir(tree)
    distrust_settings()


def find_odd_files(tree: Path) -> Iterator[Path]:
    """What in a checkout is no file and no folder, but for what is in Git's own folder or in an environment."""
    for folder, folders, files in os.walk(tree):
        if Path(folder) == tree:
            folders[:] = set(folders) - {".git", ".venv"}
        for name in sorted([*folders, *files]):
            path = Path(folder, name)
            if stat.S_IFMT(path.lstat().st_mode) not in (stat.S_IFDIR, stat.S_IFREG):
                yield path


def choose_checks(only: tuple[str, ...], skip: tuple[str, ...], rerun_names: tuple[str, ...]) -> list[str]:
    """The ids of the checks to make, in their order; the first always is among them, as the others need it.

    Raises:
        UserError: there is no check of an id.
    """
    check_ids(only, "--only")
    check_ids(skip, "--skip")
    first, last = id_of(valid_files), id_of(rerun)
    wanted = set(only or BY_ID) - set(skip) | {first}
    return [name for name in BY_ID if name in wanted and (name != last or rerun_names)]


def make_checks(ids: list[str], rerun_names: tuple[str, ...]) -> Iterator[Checked]:
    """Make one check after the other; none but the first where that fails."""
    pipeline, invalid = valid_files.read_pipeline()
    yield Checked(id_of(valid_files), valid_files.TITLE, invalid)
    if pipeline is None:
        return
    for name in ids[1:]:
        check = BY_ID[name]
        found = rerun.rerun_stages(pipeline, rerun_names) if check is rerun else check.find(pipeline)
        note = check.note(pipeline) if hasattr(check, "note") else ""
        yield Checked(name, check.TITLE, list(found), note)


def explain_check(name: str) -> str:
    """The explanation of a check.

    Raises:
        UserError: there is no check of that id.
    """
    check_ids([name], "--explain")
    return explain(BY_ID[name])


def list_left_out(ids: list[str], rerun_names: tuple[str, ...]) -> list[str]:
    """The checks that are not made, but would be without --only and --skip."""
    return [name for name in choose_checks((), (), rerun_names) if name not in ids]


def verify(
    as_json: bool = False,
    rerun_names: tuple[str, ...] = (),
    tree: Path | None = None,
    only: tuple[str, ...] = (),
    skip: tuple[str, ...] = (),
) -> None:
    """Print each check, with one that runs the stages of `rerun_names` again; exit with 1 unless all are ok.

    Args:
        tree: another checkout to look at than this folder; nothing of it is run.
        only: ids of the checks to make, by default all; skip: of those to leave out.

    Raises:
        UserError: it is no project, or none that Git keeps; or there is no check of an id.
    """
    ids = choose_checks(only, skip, rerun_names)
    if tree:
        enter_tree(tree)
    check_project()
    checks = []
    for check in make_checks(ids, rerun_names):
        checks.append(check)
        if not as_json:
            print("\n".join(format_check(check)), flush=True)
    ok, skipped = all(check.ok for check in checks), list_left_out(ids, rerun_names)
    if as_json:
        content = [
            {"id": c.id, "check": c.name, "ok": c.ok, "findings": [f._asdict() for f in c.findings], "note": c.note}
            for c in checks
        ]
        print(json.dumps({"ok": ok, "checks": content, "skipped": skipped}, indent=2))
    else:
        if skipped:
            print(wrap_text(f"Not checked: {', '.join(skipped)}."))
        if not ok:
            print(wrap_text("`bagpipe verify --explain ID` says more of a check."))
    if not ok:
        sys.exit(1)
