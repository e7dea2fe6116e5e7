"""DVC's run cache, which here takes nothing for good that it has not hashed.

A disk can rot, and a file be changed by hand. DVC itself trusts what lies in its cache: the damage would reach the
workspace, and from there the results.
"""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dvc.output import Output
from dvc.repo import Repo
from dvc.stage import PipelineStage, Stage
from dvc.stage.cache import StageCache, _get_cache_hash  # private: what names an entry
from dvc.utils import relpath
from dvc.utils.serialize import load_yaml
from dvc_data.hashfile.db import HashFileDB
from dvc_data.hashfile.hash import file_md5
from dvc_data.hashfile.tree import Tree

from stages.common.basics.artifacts import remove

logger = logging.getLogger(__name__)


class HashedRunCache(StageCache):
    def __init__(self, repo: Repo, tell: Callable[[str], None]) -> None:
        """`tell` is called with a sentence for each file that is damaged, and removed."""
        super().__init__(repo)
        self._tell = tell
        self._sound: set[str] = set()  # paths of what has been hashed

    def _load_cache(self, key: str, value: str | None) -> dict[str, Any] | None:
        """The entry of this name, which is the hash of its content; of no name where a kill left an empty folder."""
        if value is None:
            return None
        path = Path(self._get_cache_path(key, value))
        try:
            entry = load_yaml(path)
            if _get_cache_hash(entry) == value:
                return entry
        except FileNotFoundError:
            return None
        except Exception as error:  # a parser of rubbish may raise anything
            logger.debug("%s: %s", path, error)
        self._remove(path)
        return None

    def save(self, stage: Stage) -> None:
        """Keep a run. DVC then adds to the cache what that lacks of the outs, so what it has must be sound.

        That is so of files that `dvc add` has put there, too, which no run writes.
        """
        for out in stage.outs:
            if out.use_cache:
                self._check_all(out)
        super().save(stage)

    def _create_stage(self, cache: dict[str, Any], wdir: str | None = None) -> PipelineStage:
        """A stage with the outs of an entry, of which DVC restores or keeps those that are in the cache."""
        stage = super()._create_stage(cache, wdir)
        for out in stage.outs:
            self._check_all(out)
        return stage

    def _check_all(self, out: Output) -> None:
        """Check what the cache has of an out; of a folder the list of what is in it, and these as far as known."""
        listed = Path(out.cache.oid_to_path(out.hash_info.value))
        self._check(out.cache, out.hash_info.value)
        if isinstance(out.obj, Tree):  # it has just been written
            oids = [found.value for _, _, found in out.obj]
        elif out.hash_info.isdir and listed.exists():
            oids = [entry[out.hash_info.name] for entry in json.loads(listed.read_bytes())]
        else:
            oids = []
        for oid in oids:
            self._check(out.cache, oid)

    def _check(self, odb: HashFileDB, oid: str) -> None:
        path = Path(odb.oid_to_path(oid))
        if str(path) in self._sound or not path.exists():
            return
        if file_md5(str(path), name=odb.hash_name) == oid.removesuffix(".dir"):
            self._sound.add(str(path))
        else:
            self._remove(path)

    def _remove(self, path: Path) -> None:
        self._tell(f"{relpath(path)} is damaged: removed, what it was for is computed again")
        remove(path)
