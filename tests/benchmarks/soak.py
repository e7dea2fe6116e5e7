"""`make soak`: kill runs, and fill their disk, at hundreds of random moments, and write reports/soak.md.

After each the next run must come to the same contents. What did not is printed with its number; `--seed` repeats the
moments of a page, though no machine repeats them to the millisecond.
"""

import argparse
import contextlib
import os
import random
import secrets
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil
from tabulate import tabulate

from bagpipe.review.measured import begin_page
from stages.common.basics.artifacts import write_text
from stages.common.basics.errors import run as end_with_one_line
from stages.common.basics.paths import HERE
from tests.copying import BAGPIPE, PATIENCE_S, dask_cluster
from tests.killing import SIGNALS, VICTIMS, KilledProject

PAGE = HERE.reports / "soak.md"
DISK_MB = 64
BLOCK = 4_096  # of a disk in memory, bytes
MOST_FREE = 12  # blocks that are left to a run, which needs about as many
Attempt = Callable[[random.Random], None]


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """A disk in memory, mounted at a folder, if we may."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, stderr=subprocess.DEVNULL).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", folder], check=True)


def run_on_full_disk(project: KilledProject, chance: random.Random) -> None:
    """Run with no or little room on the project's disk, which has it again afterwards."""
    disk = os.statvfs(project.here.folder)
    ballast = project.here.folder / "ballast"
    with open(ballast, "wb") as file:
        blocks = disk.f_bavail * disk.f_frsize // BLOCK
        file.write(bytes(BLOCK * max(0, blocks - chance.randrange(MOST_FREE))))
    project.start(*BAGPIPE, "repro").wait(PATIENCE_S)
    ballast.unlink()


def kill_worker(project: KilledProject, chance: random.Random) -> None:
    """Kill a process in which a worker of Dask runs: after any other signal Dask would start none in its place."""
    run = project.start(*BAGPIPE, "repro", *project.options)
    time.sleep(chance.uniform(0, project.seconds))
    workers = [process for process in psutil.process_iter(["cmdline"]) if is_worker(process)]
    if workers:
        with contextlib.suppress(psutil.NoSuchProcess):
            chance.choice(workers).kill()
    run.wait(PATIENCE_S)


def is_worker(process: psutil.Process) -> bool:
    """Whether a process is one that a Dask worker of ours has started to work in."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return "spawn_main" in " ".join(process.info["cmdline"] or []) and psutil.Process() in process.parents()
    return False


@contextlib.contextmanager
def attempts(folder: Path) -> Iterator[tuple[list[tuple[str, KilledProject, Attempt]], list[str]]]:
    """What is tried, each on its project; and what is not, and why."""
    local = KilledProject(folder / "local")
    kinds: list[tuple[str, KilledProject, Attempt]] = [
        (f"{number.name} to {victim}", local, partial(local.kill, victim, number))
        for victim in VICTIMS
        for number in SIGNALS
    ]
    with small_disk(folder / "disk") as mounted, dask_cluster(folder / "dask") as address:
        clustered = KilledProject(folder / "clustered", "--scheduler", address)
        kinds.append(("SIGKILL to a Dask worker", clustered, partial(kill_worker, clustered)))
        if mounted:
            crowded = KilledProject(folder / "disk" / "project")
            kinds.append(
                (
                    f"a disk with at most {MOST_FREE * BLOCK // 1024} KiB left",
                    crowded,
                    partial(run_on_full_disk, crowded),
                )
            )
        yield kinds, [] if mounted else ["full disks, for which one must be root"]


def main() -> None:
    """Try as long as there is time, and write the page."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    arguments = parser.parse_args()
    head = begin_page(PAGE)
    chance, tried, bad = random.Random(arguments.seed), Counter[str](), Counter[str]()
    with tempfile.TemporaryDirectory() as temporary, attempts(Path(temporary)) as (kinds, left_out):
        deadline = time.monotonic() + 60 * arguments.minutes
        while time.monotonic() < deadline:
            for name, project, attempt in chance.sample(kinds, len(kinds)):
                project.change(chance)
                attempt(chance)
                tried[name] += 1
                if problem := project.problem():
                    bad[name] += 1
                    print(f"attempt {tried.total()}, {name}: {problem}", flush=True)
                if time.monotonic() > deadline:
                    break
        torn = sum({id(project): project.torn_locks for _, project, _ in kinds}.values())
    lines = [[name, tried[name], tried[name] - bad[name]] for name, *_ in kinds]
    lines.append(["all", tried.total(), tried.total() - bad.total()])
    table = tabulate(lines, ["what", "times", "survived"], tablefmt="github")
    without = f"\n\nNot tried: {', '.join(left_out)}." if left_out else ""
    write_text(
        PAGE,
        f"""# Kills and full disks

{head}

Seed {arguments.seed}, {arguments.minutes:g} minutes.

A project of four small stages was run anew, and something happened at a random moment. It counts as survived if the
next run ended well, with the dvc.lock and the results of an undisturbed run, byte for byte, and left nothing else
behind.

{table}

SIGHUP is what a terminal that is closed sends. DVC's own `dvc repro` left a dvc.lock that was cut off
{"once" if torn == 1 else f"{torn} times"}, which the next run told of, and which was deleted as it says.{without}
""",
    )
    print(f"{tried.total()} tried, {bad.total()} not survived; seed {arguments.seed}")
    sys.exit(bool(bad))


if __name__ == "__main__":
    end_with_one_line(main)
