"""dvc.lock, of any revision: the one place that parses it."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from stages.common.basics.artifacts import write_text
from stages.common.basics.errors import UserError
from stages.common.basics.params.reading import parse_yaml
from stages.common.basics.watch import PIPELINE_FILE

LOCK_FILE = Path("dvc.lock")
STUDIES = Path("studies")  # the folder of a pipeline beside the main one, see studies/dvc.yaml
MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")


class LockEntry(NamedTuple):
    """What a stage ran with, and what came of it: params by the keys that it declares, hashes by path."""

    cmd: Any
    params: dict[str, Any]
    deps: dict[str, str | None]
    outs: dict[str, str | None]


def parse_mapping(content: bytes, where: str) -> dict[str, Any]:
    """A YAML file by the rules of DVC; {} if it is empty.

    Raises:
        UserError: it is no YAML, or no mapping.
    """
    parsed = parse_yaml(content, where) or {}
    if not isinstance(parsed, dict):
        raise UserError(f"{where}: expected a mapping, found {type(parsed).__name__}")
    return parsed


def parse_lock(content: bytes, where: str = str(LOCK_FILE)) -> dict[str, LockEntry]:
    """The entries of a dvc.lock, by stage.

    Raises:
        UserError: it is not laid out as DVC does.
    """
    stages = parse_mapping(content, where).get("stages") or {}
    try:
        return {name: _entry(entry) for name, entry in stages.items()}
    except (AttributeError, KeyError, TypeError):
        raise UserError(f"{where}: expected stages with deps, params and outs") from None


def read_locks() -> dict[str, LockEntry]:
    """The entries of dvc.lock and studies/dvc.lock here, by stage as DVC addresses it.

    Raises:
        UserError: one of them is not laid out as DVC does.
    """
    entries: dict[str, LockEntry] = {}
    for folder, prefix in ((Path(), ""), (STUDIES, f"{STUDIES / PIPELINE_FILE}:")):
        path = folder / LOCK_FILE
        if path.exists():
            entries |= {f"{prefix}{name}": entry for name, entry in parse_lock(path.read_bytes(), str(path)).items()}
    return entries


def _entry(entry: dict[str, Any]) -> LockEntry:
    params = {key: value for keys in (entry.get("params") or {}).values() for key, value in keys.items()}
    deps, outs = ({file["path"]: file.get("md5") for file in entry.get(part) or []} for part in ("deps", "outs"))
    return LockEntry(entry.get("cmd"), params, deps, outs)


def expect_hashes() -> None:
    """Have DVC refuse, in this process, a dvc.lock that lacks a hash or has a damaged one.

    DVC itself would come to an error of its own, some only after it has removed results. DVC 2, whose entries do not
    say which hash they have, is older than this project.
    """
    import voluptuous
    from dvc.dvcfile import Lockfile
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA

    def hashed(content: dict[str, Any]) -> dict[str, Any]:
        for name, entry in content.get("stages", {}).items():
            for file in (*entry.get("deps", []), *entry.get("outs", [])):
                if not _is_hashed(file):
                    raise voluptuous.Invalid("expected a hash", ["stages", name, file["path"]])
        return content

    Lockfile.SCHEMA = voluptuous.Schema(voluptuous.All(COMPILED_LOCKFILE_SCHEMA, hashed))


def _is_hashed(entry: dict[str, Any]) -> bool:
    if entry.keys() & {"checksum", "etag"}:
        return True  # what other places than this machine have
    files = entry.get("files", [entry])  # of a folder in a remote that keeps versions
    return entry.get("hash") == "md5" and all(MD5.fullmatch(str(file.get("md5"))) for file in files)


def drop_unknown(content: dict[str, Any]) -> None:
    """Write dvc.lock as DVC does, but without entries whose stage is not in dvc.yaml: DVC would keep them."""
    from dvc.repo import Repo
    from dvc.utils.serialize import dumps_yaml

    with Repo() as repo:
        known = {stage.addressing for stage in repo.index.stages}
    stages = {name: entry for name, entry in (content.get("stages") or {}).items() if name in known}
    write_text(LOCK_FILE, dumps_yaml({**content, "stages": stages}))


def value_at(content: Any, path: Iterable[str], nothing: Any = None) -> Any:
    """What lies under a path of keys in nested mappings; `nothing` if nothing does."""
    for key in path:
        if not isinstance(content, dict) or key not in content:
            return nothing
        content = content[key]
    return content


def leaves(content: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The values of nested mappings, each with its dotted key."""
    if isinstance(content, dict) and content:
        for key, value in content.items():
            yield from leaves(value, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, content
