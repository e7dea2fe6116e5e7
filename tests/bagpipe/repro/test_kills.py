"""Runs that are killed at random moments; `make soak` tries hundreds of them."""

import os
import random
import secrets
from pathlib import Path

import pytest

from tests.killing import SIGNALS, VICTIMS, KilledProject

pytestmark = pytest.mark.slow


def test_after_a_kill_the_next_run_comes_to_the_same_contents(tmp_path: Path) -> None:
    """Moments and signals differ each time; KILL_SEED of the environment repeats those of a failure."""
    seed = int(os.environ.get("KILL_SEED") or secrets.randbelow(1_000_000))
    chance = random.Random(seed)
    project = KilledProject(tmp_path / "project")
    for victim in VICTIMS:
        project.change(chance)
        number = chance.choice(SIGNALS)
        project.kill(victim, number, chance)
        problem = project.problem()
        assert not problem, f"KILL_SEED={seed}: {number.name} to {victim}: {problem}"
