"""Whether replicates are those of the params, the code and the data beside them, by dvc.lock, without the data.

`dvc exp run evaluate@M` leaves the replicates of the model as it was before; with these, it would be compared with
itself.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from bagpipe.project.lock import LockEntry, parse_mapping, value_at
from bagpipe.review.revisions import Side
from stages.common.basics.paths import HERE

NOTHING = object()  # equal to no param, not even to one that is null


def replicate_stage(model: str) -> str:
    return f"replicate@{model}"


def is_data(path: str) -> bool:
    """Whether DVC keeps a path, not Git."""
    return path.startswith("data/")


def param_of(side: Side, key: str) -> Any:
    """A param as the side has it, by its dotted key."""
    return value_at(side.params, key.split("."), NOTHING)


def find_writer(lock: dict[str, LockEntry], path: str) -> str | None:
    """The stage that wrote some data; None of raw data that `dvc add` has taken."""
    return next((name for name, entry in lock.items() if path in entry.outs), None)


def list_upstream(lock: dict[str, LockEntry], name: str) -> list[str]:
    """A stage, then those whose data it reads, down to the raw data."""
    found = [name]
    for stage in found:  # grows while it is walked
        writers = (find_writer(lock, path) for path in lock[stage].deps if is_data(path))
        found += [other for other in dict.fromkeys(writers) if other and other not in found]
    return found


def added_hash(side: Side, path: str) -> str | None:
    """The hash of raw data as `dvc add` wrote it down; None if it did not."""
    file = f"{path}.dvc"
    content = parse_mapping(side.files.get(file, b""), f"{side.label}: {file}")
    try:
        (out,) = content["outs"]
        return out["md5"] if out["path"] == PurePosixPath(path).name else None
    except (KeyError, TypeError, ValueError):
        return None


def present_hash(side: Side, path: str) -> str | None:
    """The hash of a dep as the side has it: of a file or folder, or of data that a stage or `dvc add` wrote."""
    if not is_data(path):
        return side.md5(path)
    name = find_writer(side.lock, path)
    return side.lock[name].outs[path] if name else added_hash(side, path)


def find_stale_inputs(side: Side, name: str) -> Iterator[str]:
    """What is not as a stage, or one upstream of it, found it: params, paths."""
    for stage in list_upstream(side.lock, name):
        entry = side.lock[stage]
        yield from (key for key, value in entry.params.items() if param_of(side, key) != value)
        yield from (path for path, md5 in entry.deps.items() if md5 is None or present_hash(side, path) != md5)


def staleness(side: Side, model: str) -> tuple[str, str] | None:
    """Why a model's replicates are not those of the side's params, code and data, None if they are: what, and how."""
    name = replicate_stage(model)
    if name not in side.lock:
        return name, "is not in dvc.lock"
    for path in (side.replicates_file(model), str(HERE.errors_of_model(model))):
        if path in side.files and side.lock[name].outs.get(path) != side.md5(path):
            return path, "is not what the stage wrote"
    found = next(find_stale_inputs(side, name), None)
    return (found, "is not what they ran with") if found else None


def read_inputs(side: Side, model: str) -> dict[str, Any]:
    """All that a model's test accuracy rests on, as it is on a side: params and hashes, by stage."""
    ends = tuple(f"/{model}/{name}" for name in ("metrics.json", "replicates.csv", "errors.npz"))
    last = [name for name, entry in side.lock.items() if any(path.endswith(ends) for path in entry.outs)]
    found: dict[str, Any] = {"": side.models.get(model)}
    for name in dict.fromkeys(stage for end in last for stage in list_upstream(side.lock, end)):
        entry = side.lock[name]
        params = {key: param_of(side, key) for key in entry.params}
        found[name] = (params, {path: present_hash(side, path) for path in entry.deps})
    return found
