"""The one place that calls Git."""

import os
import subprocess

from stages.common.basics.errors import UserError


def try_git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run Git here and keep what it prints."""
    return subprocess.run(["git", *arguments], capture_output=True)


def git_output(*arguments: str) -> bytes:
    """What a Git command prints.

    Raises:
        UserError: it failed.
    """
    done = try_git(*arguments)
    if done.returncode:
        reason = (done.stderr.decode(errors="replace").splitlines() or ["failed"])[-1]
        raise UserError(f"git {arguments[0]}: {reason}")
    return done.stdout


def git_names(*arguments: str) -> list[str]:
    """What a Git command lists, told by `-z` to end each name with a zero byte."""
    return os.fsdecode(git_output(*arguments)).split("\0")[:-1]


def is_shallow() -> bool:
    """Whether this clone lacks some of the history."""
    return git_output("rev-parse", "--is-shallow-repository").strip() == b"true"
