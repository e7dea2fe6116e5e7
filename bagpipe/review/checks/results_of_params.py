"""Hold each entry of dvc.lock against the earliest one in Git with the same results: the run that made them.

This gives `dvc commit -f` away, by which dvc.lock says that old results are those of new params. A stage reads all
that it declares, so a param that differs between the two entries is said to change nothing. To fix a finding, run the
stage again by force, as it says, and commit.
"""

import re
import reprlib
from collections.abc import Iterator
from typing import Any

from bagpipe.project.git import git_output, is_shallow, try_git
from bagpipe.project.lock import LOCK_FILE, LockEntry, leaves, parse_lock
from bagpipe.review.committed import CommittedPipeline, Finding
from stages.common.basics.errors import UserError
from stages.common.basics.params.sections import Defaults

# Params with which results may well stay the same to the byte: accuracies of few digits, files with the same content,
# another release of a library.
MAY_CHANGE_NOTHING = re.compile(r"(baselines|download|libraries|official)\.")
TITLE = "results are those of their params"
SAME_MATHEMATICS = {"categorical_crossentropy", "sparse_categorical_crossentropy"}


def find(pipeline: CommittedPipeline) -> Iterator[Finding]:
    """Yield params that differ though the results are the same."""
    if is_shallow():
        yield Finding(str(LOCK_FILE), "its history is not here, in a shallow clone", "`git fetch --unshallow`")
        return
    for name, (commit, entry) in sorted(first_with_these_results(pipeline.lock).items()):
        then, now = settings_read(entry), settings_read(pipeline.lock[name])
        for key in sorted(key for key in then.keys() & now.keys() if not same_effect(key, then[key], now[key])):
            old, new = map(reprlib.repr, (then[key], now[key]))
            problem = f"has the very results of commit {commit}, though {key} was {old} there and is {new} here"
            yield Finding(name, problem, f"`dvc repro -f -s {name}`, then commit")


def first_with_these_results(lock: dict[str, LockEntry]) -> dict[str, tuple[str, LockEntry]]:
    """For each stage the earliest commit in which it has the same outs, and its entry there."""
    first: dict[str, tuple[str, LockEntry]] = {}
    for commit in git_output("log", "--full-history", "--topo-order", "--format=%h", "--", str(LOCK_FILE)).split():
        for name, entry in lock_of(commit.decode()).items():
            if name in lock and entry.outs == lock[name].outs:
                first[name] = (commit.decode(), entry)
    return first


def lock_of(commit: str) -> dict[str, LockEntry]:
    """The entries of dvc.lock in a commit; none in one that deletes it or leaves conflict marks in it."""
    shown = try_git("show", f"{commit}:./{LOCK_FILE}")
    try:
        return {} if shown.returncode else parse_lock(shown.stdout)
    except UserError:  # what is in the history cannot be fixed, and no run can have started from it
        return {}


def settings_read(entry: LockEntry) -> dict[str, Any]:
    """The single params that a stage ran with, by dotted key: a model's as it has them, from `defaults` or its own.

    A model's section is declared as a whole; of what has a default, a stage reads that whose default it declares. Of
    `replicates`, declared as a whole, too, it reads how many runs its model has.
    """
    params = {key: value for key, value in leaves(entry.params) if value is not None}
    found = {key: value for key, value in params.items() if not key.startswith("defaults.")}
    for key, dataset in params.items():
        model, _, setting = key.rpartition(".")
        inherited = {name: params[name] for name in params if name.startswith(f"defaults.{dataset}.")}
        if setting == "dataset" and model.startswith("models.") and inherited:
            unread = Defaults.model_fields.keys() - {name.split(".")[2] for name in inherited}
            own = {name: found.pop(name) for name in list(found) if name.startswith(f"{model}.")}
            found |= {f"{model}.{name.split('.', 2)[2]}": value for name, value in inherited.items()}
            found |= {name: value for name, value in own.items() if name.split(".")[2] not in unread}
            seeds = {name: found.pop(name) for name in list(found) if name.startswith("replicates.")}
            if seeds:
                name = f"replicates.own.{model.partition('.')[2]}"
                found["replicates"] = seeds.get(name, seeds["replicates.n"])
    return found


def same_effect(key: str, then: Any, now: Any) -> bool:
    """Whether a stage may give the same bytes with both values."""
    then, now = (
        value.split() if isinstance(value, str) else value for value in (then, now)
    )  # labels: a list or words
    return (
        then == now
        or MAY_CHANGE_NOTHING.match(key) is not None
        or (key.endswith(".loss") and SAME_MATHEMATICS.issuperset([*then, *now]))
    )
