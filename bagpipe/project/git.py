"""The one place that calls Git.

What a commit holds is read as Git keeps it, by commands that no .gitattributes has a say in: neither a commit's nor a
user's may decide what is compared.
"""

import hashlib
import io
import os
import subprocess
from collections.abc import Iterable

from stages.common.basics.errors import UserError


def try_git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run Git here and keep what it prints."""
    return subprocess.run(["git", *arguments], capture_output=True)


def distrust_settings() -> None:
    """From now on have Git run no command that the settings of a repository name.

    They can name one that lists what has changed, and one that brings what a partial clone lacks.
    """
    os.environ |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.fsmonitor", "GIT_CONFIG_VALUE_0": "false"}
    os.environ["GIT_ALLOW_PROTOCOL"] = ""


def git_message(done: subprocess.CompletedProcess[bytes]) -> str:
    """Why Git has failed, in its words."""
    lines = done.stderr.decode(errors="replace").splitlines() or ["failed"]
    return next((line for line in lines if line.startswith(("fatal:", "error:"))), lines[-1])


def git_output(*arguments: str) -> bytes:
    """What a Git command prints.

    Raises:
        UserError: it failed.
    """
    done = try_git(*arguments)
    if done.returncode:
        raise UserError(f"git {arguments[0]}: {git_message(done)}")
    return done.stdout


def git_names(*arguments: str) -> list[str]:
    """What a Git command lists, told by `-z` to end each name with a zero byte."""
    return os.fsdecode(git_output(*arguments)).split("\0")[:-1]


def read_tree(commit: str) -> dict[str, str]:
    """The regular files of a commit below this folder, by path, and the ids of their contents."""
    entries = (entry.partition("\t") for entry in git_names("ls-tree", "-r", "-z", commit))
    return {
        path: facts.split()[2] for facts, _, path in entries if facts.startswith("100")
    }  # no links, no submodules


def read_blobs(ids: Iterable[str]) -> dict[str, bytes]:
    """Contents by their ids.

    Raises:
        UserError: one is not in this clone.
    """
    wanted = "".join(f"{name}\n" for name in sorted(set(ids)))
    done = subprocess.run(["git", "cat-file", "--batch"], input=wanted.encode(), capture_output=True)
    output, found = io.BytesIO(done.stdout), {}
    for name in wanted.split():
        facts = output.readline().split()
        if len(facts) != 3:
            raise UserError(f"git cat-file: {name} is not in this clone")
        found[name] = output.read(int(facts[2]))
        output.readline()
    return found


def blob_id(content: bytes, name: str) -> str:
    """The id that Git gives to a content, by the hash function of another id."""
    algorithm = hashlib.sha1 if len(name) == 40 else hashlib.sha256
    return algorithm(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def is_shallow() -> bool:
    """Whether this clone lacks some of the history."""
    return git_output("rev-parse", "--is-shallow-repository").strip() == b"true"
