"""`bagpipe repro` against `dvc repro`: the same results, several stages at once, whatever is killed meanwhile."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from dvc.utils.serialize import load_yaml

from stages.bagpipe import cluster
from stages.bagpipe.scratch import bagpipe, dvc, environment, make_scratch_copy
from stages.common.errors import UserError

BAGPIPE = (sys.executable, "-m", "stages.bagpipe.main")
MODELS = ("imdb",)
PATIENCE_S = 60  # for things that take a second or two on a machine with nothing else to do

# What a stage of the little pipelines does: say so, do as steps/NAME says, copy its inputs to its output.
WORK = """
import os, pathlib, sys, time
name, *needed = sys.argv[1:]
steps = pathlib.Path("steps", name)
with open("calls.txt", "a") as calls:
    calls.write(f"{name} {os.getpid()}\\n")
print("this is", name, flush=True)
exec(steps.read_text() if steps.exists() else "")
text = "".join(pathlib.Path(path).read_text() for path in needed)
partial = pathlib.Path(f"out/{name}.partial")
partial.parent.mkdir(exist_ok=True)
partial.write_text(text)
partial.rename(f"out/{name}")
"""
# The steps `wait` for a file with a given name, so that a test, not a clock, decides when a stage goes on.
WAIT = """
import pathlib, time
def wait(path):
    while not pathlib.Path(path).exists():
        time.sleep(0.01)
"""


class Project:
    """A DVC project of stages that copy files."""

    def __init__(self, folder: Path, stages: dict[str, list[str]]) -> None:
        """Make one in an empty folder; `stages` has the inputs of each."""
        self.folder = folder
        (folder / ".dvc").mkdir()
        (folder / ".dvc" / "config").write_text(
            "[core]\n    no_scm = true\n    analytics = false\n", encoding="utf-8"
        )
        lines = ["stages:"]
        for name, needed in stages.items():
            lines += [f"  {name}:", f"    cmd: python work.py {name} {' '.join(needed)}", f"    deps: {needed}"]
            lines += [f"    outs: [out/{name}]"]
            for path in needed:
                if not path.startswith("out/"):
                    (folder / path).write_text(f"{path}\n", encoding="utf-8")
        (folder / "dvc.yaml").write_text("\n".join(lines), encoding="utf-8")
        (folder / "work.py").write_text(WORK, encoding="utf-8")
        (folder / "steps").mkdir()
        self._read = 0

    def on(self, stage: str, steps: str) -> None:
        (self.folder / "steps" / stage).write_text(WAIT + steps, encoding="utf-8")

    def write(self, path: str, text: str = "") -> None:
        (self.folder / path).write_text(text, encoding="utf-8")

    def output(self, stage: str) -> str | None:
        path = self.folder / "out" / stage
        return path.read_text(encoding="utf-8") if path.exists() else None

    def start(self, *arguments: str, **options: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*BAGPIPE, "repro", *arguments],
            cwd=self.folder,
            env=environment(self.folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options,
        )

    def repro(self, *arguments: str, status: int = 0) -> str:
        """Run `bagpipe repro`; return what it prints."""
        process = self.start(*arguments)
        printed, _ = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == status, printed
        assert "Traceback" not in printed
        return printed

    def calls(self) -> list[str]:
        """The stages whose commands have started since the last call of this."""
        path = self.folder / "calls.txt"
        lines = path.read_text(encoding="utf-8").splitlines()[self._read :] if path.exists() else []
        self._read += len(lines)
        return [line.split()[0] for line in lines]

    def pid(self, stage: str) -> int:
        """The process that runs a stage's command, the last one of several."""
        lines = (self.folder / "calls.txt").read_text(encoding="utf-8").splitlines()
        return [int(pid) for name, pid in map(str.split, lines) if name == stage][-1]

    def until_called(self, stage: str, times: int = 1) -> None:
        path = self.folder / "calls.txt"
        until(lambda: path.exists() and path.read_text(encoding="utf-8").split().count(stage) >= times)

    def locked(self) -> set[str]:
        """The stages in dvc.lock."""
        path = self.folder / "dvc.lock"
        return set(load_yaml(path)["stages"]) if path.exists() else set()

    def processes(self) -> list[psutil.Process]:
        """All that run in the project's folder."""
        return [p for p in psutil.process_iter(["cwd"]) if p.info["cwd"] == str(self.folder)]

    def assert_no_trace(self) -> None:
        """No process is left, no half-written file, and nothing that is in the way of another DVC command."""
        assert not self.processes()
        assert not list((self.folder / "out").glob("*.partial"))
        # DVC says so where a lock is held or its holder was killed
        status = dvc(self.folder, "status", capture_output=True)
        assert status.returncode == 0, status.stderr
        assert "busy" not in status.stdout + status.stderr
        assert "killed" not in status.stderr

    def assert_up_to_date(self) -> None:
        status = dvc(self.folder, "status", capture_output=True)
        assert "Data and pipelines are up to date." in status.stdout, status.stdout


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


DIAMOND = {"top": ["in.txt"], "left": ["out/top"], "right": ["out/top"], "end": ["out/left", "out/right"]}


@pytest.fixture
def project(tmp_path: Path) -> Callable[[dict[str, list[str]]], Project]:
    def make(stages: dict[str, list[str]]) -> Project:
        folder = tmp_path / "project"
        folder.mkdir()
        return Project(folder, stages)

    return make


# --- results ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small copy of the project after `dvc repro`."""
    folder = tmp_path_factory.mktemp("serial")
    make_scratch_copy(folder, MODELS, epochs=3)
    done = dvc(folder, "repro", capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.parametrize("jobs", [1, 2, 4])
def test_the_whole_pipeline_gives_what_dvc_repro_gives(serial: Path, tmp_path: Path, jobs: int) -> None:
    make_scratch_copy(tmp_path, MODELS, epochs=3)
    done = bagpipe(tmp_path, "repro", "--jobs", str(jobs), capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "dvc.lock").read_bytes() == (serial / "dvc.lock").read_bytes()
    reports = [path.relative_to(serial) for path in serial.glob("reports/**/*") if path.is_file()]
    assert len(reports) > 15
    for path in reports:
        assert (tmp_path / path).read_bytes() == (serial / path).read_bytes(), path
    status = dvc(tmp_path, "status", capture_output=True)
    assert "Data and pipelines are up to date." in status.stdout


def test_the_lock_does_not_depend_on_which_stage_is_faster(project, tmp_path: Path) -> None:
    here = project(DIAMOND)
    here.on("left", "wait('out/right')")
    here.repro("--jobs", "2")
    assert here.calls() in (["top", "left", "right", "end"], ["top", "right", "left", "end"])
    (tmp_path / "serial").mkdir()
    serial = Project(tmp_path / "serial", DIAMOND)
    assert dvc(serial.folder, "repro", capture_output=True).returncode == 0
    assert (here.folder / "dvc.lock").read_bytes() == (serial.folder / "dvc.lock").read_bytes()
    assert here.output("end") == serial.output("end") == "in.txt\nin.txt\n"


def test_independent_stages_run_at_once(project) -> None:
    here = project(DIAMOND)
    # each waits for the other
    here.on("left", "pathlib.Path('left').touch(); wait('right')")
    here.on("right", "pathlib.Path('right').touch(); wait('left')")
    here.repro("--jobs", "2")
    here.assert_up_to_date()


def test_only_what_is_stale_runs(project) -> None:
    here = project({**DIAMOND, "other": ["other.txt"]})
    assert "5 stages: 5 run." in here.repro()
    assert sorted(here.calls()) == ["end", "left", "other", "right", "top"]

    assert here.repro().startswith("5 stages: 5 up to date already.")
    assert here.calls() == []

    here.write("other.txt", "changed\n")
    printed = here.repro()
    assert here.calls() == ["other"]
    assert "1 run, 4 up to date already" in printed
    assert here.output("other") == "changed\n"

    # back to what has been computed already
    here.write("other.txt", "other.txt\n")
    printed = here.repro()
    assert here.calls() == []
    assert re.search(r"^restored +other +from the cache$", printed, re.MULTILINE)
    assert here.output("other") == "other.txt\n"

    # a removed output
    (here.folder / "out" / "left").unlink()
    here.repro()
    assert here.calls() == []
    assert here.output("left") == "in.txt\n"
    here.assert_up_to_date()


def test_a_stage_whose_inputs_come_out_the_same_does_not_run(project) -> None:
    here = project(DIAMOND)
    here.repro()
    here.calls()
    here.on("top", "needed = ['same']; pathlib.Path('same').write_text('in.txt\\n')")
    here.write("in.txt", "changed\n")
    assert "1 run, 3 up to date already" in here.repro()
    assert here.calls() == ["top"]


def test_targets(project) -> None:
    here = project({**DIAMOND, "other": ["other.txt"]})
    assert "2 stages: 2 run" in here.repro("left")
    assert sorted(here.calls()) == ["left", "top"]
    printed = here.repro("middle", status=1)
    assert printed.startswith("error: ")
    assert "middle" in printed
    assert printed.count("\n") == 1


def test_frozen_stages_stay(project) -> None:
    here = project(DIAMOND)
    here.repro()
    here.calls()
    assert dvc(here.folder, "freeze", "left", capture_output=True).returncode == 0
    here.write("in.txt", "changed\n")
    here.repro()
    assert sorted(here.calls()) == ["end", "right", "top"]
    assert here.output("end") == "in.txt\nchanged\n"


def test_dry_lists_waves_and_runs_nothing(project) -> None:
    here = project({**DIAMOND, "other": ["other.txt"]})
    assert here.repro("--dry").splitlines()[:3] == ["wave 1: top other", "wave 2: left right", "wave 3: end"]
    here.repro()
    here.calls()
    assert here.repro("--dry") == "Everything is up to date.\n"
    (here.folder / "out" / "left").unlink()
    assert here.repro("--dry").splitlines()[:2] == ["wave 1: left", "wave 2: end"]
    assert here.calls() == []
    assert here.output("left") is None


def test_what_is_printed(project) -> None:
    here = project({"one": ["one.txt"], "two": ["out/one"]})
    lines = here.repro().splitlines()
    assert [re.sub(r"\d+\.\d s", "T", line) for line in lines] == [
        "start     one",
        "done      one                                 T",
        "start     two",
        "done      two                                 T",
        "2 stages: 2 run. T; one after the other, the commands take about T",
    ]
    assert (here.folder / ".dvc" / "tmp" / "bagpipe" / "one.log").read_text(encoding="utf-8") == "this is one\n"


def test_commands_run_in_the_environment_of_the_caller(project, monkeypatch: pytest.MonkeyPatch) -> None:
    here = project({"one": ["one.txt"]})
    here.on("one", "import json; pathlib.Path('environment').write_text(json.dumps(dict(os.environ)))")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    here.repro()
    found = json.loads((here.folder / "environment").read_text(encoding="utf-8"))
    path = found.pop("PATH").split(os.pathsep)
    expected = {**environment(here.folder), "DVC_ROOT": str(here.folder), "DVC_STAGE": "one"}
    assert path[0] == str(Path(sys.executable).parent)
    assert path[1:] == expected.pop("PATH").split(os.pathsep)
    for shells_own in ("_", "PWD", "OLDPWD", "SHLVL"):
        found.pop(shells_own, None)
        expected.pop(shells_own, None)
    assert found == expected


# --- failures -----------------------------------------------------------------------------------------------------

BRANCHES = {"bad": ["bad.txt"], "good": ["good.txt"], "after_bad": ["out/bad"], "after_good": ["out/good"]}


def test_after_a_failure_what_runs_ends_and_nothing_starts(project) -> None:
    here = project(BRANCHES)
    here.on("bad", "wait('good_runs'); print('so it goes'); sys.exit(7)")
    here.on("good", "pathlib.Path('good_runs').touch(); time.sleep(1)")
    printed = here.repro("--jobs", "2", status=1)
    assert sorted(here.calls()) == ["bad", "good"]
    assert re.search(r"^FAILED +bad +\d+\.\d s  exit status 7; .*\nthis is bad\nso it goes\n", printed, re.MULTILINE)
    assert "this is good" not in printed
    assert "4 stages: 1 run, 1 failed, 2 not run." in printed
    assert printed.splitlines()[-1].startswith("error: failed: bad; ")
    assert here.locked() == {"good"}
    here.assert_no_trace()

    # what succeeded is not run again
    here.on("bad", "")
    here.repro()
    assert sorted(here.calls()) == ["after_bad", "after_good", "bad"]
    here.assert_up_to_date()


def test_keep_going(project) -> None:
    here = project(BRANCHES)
    here.on("bad", "sys.exit(1)")
    printed = here.repro("--keep-going", "--jobs", "1", status=1)
    assert here.calls() == ["bad", "good", "after_good"]
    assert "4 stages: 2 run, 1 failed, 1 not run." in printed
    assert here.locked() == {"good", "after_good"}


def test_a_missing_output_is_a_failure(project) -> None:
    here = project({"one": ["one.txt"]})
    here.on("one", "sys.exit(0)")
    printed = here.repro(status=1)
    assert re.search(r"^FAILED +one .*output 'out/one' does not exist", printed, re.MULTILINE)
    assert here.locked() == set()


def test_a_missing_input_is_a_failure(project) -> None:
    here = project({"one": ["one.txt"], "two": ["two.txt"]})
    (here.folder / "one.txt").unlink()
    printed = here.repro("--keep-going", status=1)
    assert re.search(r"^FAILED +one .*one.txt", printed, re.MULTILINE)
    assert here.calls() == ["two"]


def interrupt_children_too(process: subprocess.Popen[str]) -> None:
    """Ctrl-C in a terminal: it goes to the whole process group."""
    os.killpg(process.pid, signal.SIGINT)


@pytest.mark.parametrize(
    "stop", [interrupt_children_too, lambda process: process.send_signal(signal.SIGTERM)], ids=["ctrl-c", "terminate"]
)
def test_interrupted(project, stop: Callable[[subprocess.Popen[str]], None]) -> None:
    here = project(BRANCHES)
    # one of these tidies up, as stages do; the other does not listen and is killed in the end
    here.on("after_bad", "pathlib.Path('out/after_bad.partial').touch()\ntry: wait('never')\nfinally: "
            "pathlib.Path('out/after_bad.partial').unlink()")  # fmt: skip
    here.on("good", "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); wait('never')")
    process = here.start("--jobs", "2", start_new_session=True)
    here.until_called("after_bad")
    stop(process)
    printed, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert printed.endswith(
        "Stopping; what is finished is kept.\nerror: interrupted; nothing half-written was kept\n"
    ), printed
    assert here.locked() == {"bad"}
    here.assert_no_trace()
    assert here.output("bad") == "bad.txt\n"


def test_a_killed_worker_repeats_its_stage(project) -> None:
    here = project(BRANCHES)
    here.on("good", "wait('go_on')")
    process = here.start("--jobs", "2")
    here.until_called("good")
    first = here.pid("good")
    supervisor = psutil.Process(first).parent()
    while supervisor.parent().parent().pid != process.pid:  # shells
        supervisor = supervisor.parent()
    worker = supervisor.parent()
    worker.kill()
    here.until_called("good", times=2)
    # one at a time
    assert not psutil.pid_exists(first)
    here.write("go_on")
    printed, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, printed
    assert "4 stages: 4 run." in printed
    here.assert_up_to_date()
    here.assert_no_trace()


def test_when_it_is_killed_its_stages_go_with_it_and_the_rest_is_kept(project) -> None:
    here = project(BRANCHES)
    here.on("after_bad", "wait('go_on')")
    here.on("good", "wait('go_on')")
    process = here.start("--jobs", "2")
    here.until_called("good")
    here.until_called("after_bad")
    process.kill()
    process.communicate()
    until(lambda: not here.processes())
    here.write("go_on")
    here.calls()
    printed = here.repro()
    assert sorted(here.calls()) == ["after_bad", "after_good", "good"]
    assert re.search(r"^restored +bad ", printed, re.MULTILINE)
    here.assert_up_to_date()


def test_other_dvc_commands_meanwhile(project) -> None:
    here = project({"one": ["one.txt"], "two": ["out/one"]})
    here.on("one", "wait('go_on')")
    process = here.start()
    here.until_called("one")
    # those that only read the pipeline go on, as with `dvc repro`; those that want what is being written do not
    assert dvc(here.folder, "stage", "list", capture_output=True).returncode == 0
    other = dvc(here.folder, "repro", capture_output=True)
    assert other.returncode != 0
    assert "busy" in other.stderr
    here.write("go_on")
    printed, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, printed
    here.assert_up_to_date()


# --- a cluster of its own -----------------------------------------------------------------------------------------


@contextmanager
def dask(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of Dask's own command line."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dask", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[str]:
    """The address of a scheduler with two workers of one thread, each a process as one would start it by hand."""
    address = f"tcp://127.0.0.1:{free_port()}"
    common = ("--no-dashboard",)
    worker = ("worker", address, "--nthreads", "1", *common, "--local-directory", str(tmp_path / "dask"))
    with dask("scheduler", "--host", address, *common), dask(*worker), dask(*worker):
        yield address


def test_on_a_cluster(project, scheduler: str) -> None:
    here = project(DIAMOND)
    here.on("left", "pathlib.Path('left').touch(); wait('right')")
    here.on("right", "pathlib.Path('right').touch(); wait('left')")
    printed = here.repro("--scheduler", scheduler)
    assert "4 stages: 4 run." in printed
    here.assert_up_to_date()
    here.assert_no_trace()


def test_interrupted_on_a_cluster(project, scheduler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    here = project(DIAMOND)
    here.on("left", "wait('never')")
    process = here.start("--scheduler", scheduler)
    here.until_called("left")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    here.assert_no_trace()
    # the cluster is there for others
    here.on("left", "")
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", scheduler)
    here.repro()
    here.assert_up_to_date()


def test_the_scheduler_dies(project, tmp_path: Path) -> None:
    here = project(BRANCHES)
    here.on("good", "wait('never')")
    address = f"tcp://127.0.0.1:{free_port()}"
    worker = ("worker", address, "--nthreads", "2", "--no-dashboard", "--local-directory", str(tmp_path / "dask"))
    with dask("scheduler", "--host", address, "--no-dashboard") as scheduler:
        with dask(*worker):
            process = here.start("--scheduler", address)
            here.until_called("after_bad")
            here.until_called("good")
            scheduler.kill()
            printed, _ = process.communicate(timeout=PATIENCE_S)
            assert process.returncode == 1
            assert "Traceback" not in printed, printed
            assert re.search(r"^FAILED +good +the Dask scheduler is lost$", printed, re.MULTILINE), printed
            assert printed.splitlines()[-1].startswith("error: failed: good, after_bad; ")
            assert here.locked() == {"bad"}
        until(lambda: not here.processes())


def test_no_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "PATIENCE_S", 1)
    address = f"tcp://127.0.0.1:{free_port()}"
    expected = pytest.raises(UserError, match=f"^Dask scheduler {address}: expected one with workers")
    with expected, cluster.connect(None, address):
        pass


def test_a_worker_that_does_not_share_the_files(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    job = cluster.Job("one", (("true",),), elsewhere, {}, elsewhere / "log", elsewhere / "locks" / "one")
    with pytest.raises(UserError, match=f"does not see {elsewhere}"):
        cluster.run_job(job, "stop")
