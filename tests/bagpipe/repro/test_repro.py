"""`bagpipe repro` against `dvc repro`: the same results, several stages at once."""

import json
import os
import pty
import re
import socket
import subprocess
import sys
import termios
from pathlib import Path

import psutil
import pytest
from commands import dvc
from copying import BRANCHES, DIAMOND, PATIENCE_S, CopyingProject

from bagpipe.repro import jobs as running_jobs
from bagpipe.scratch.copies import environment


@pytest.mark.parametrize("jobs", [1, 4])
def test_any_number_of_jobs_gives_what_dvc_repro_gives(copying, tmp_path: Path, jobs: int) -> None:
    """As for the whole pipeline, see tests/pipeline/test_pipeline.py."""
    here, serial = copying(BRANCHES), CopyingProject(tmp_path / "serial", BRANCHES)
    here.repro("--jobs", str(jobs))
    assert dvc(serial.folder, "repro", capture_output=True).returncode == 0
    assert (here.folder / "dvc.lock").read_bytes() == (serial.folder / "dvc.lock").read_bytes()
    here.assert_up_to_date()


def test_the_lock_does_not_depend_on_which_stage_is_faster(copying, tmp_path: Path) -> None:
    here = copying(DIAMOND)
    here.on("left", "wait('out/right')")
    here.repro("--jobs", "2")
    assert here.calls() in (["top", "left", "right", "end"], ["top", "right", "left", "end"])
    serial = CopyingProject(tmp_path / "serial", DIAMOND)
    assert dvc(serial.folder, "repro", capture_output=True).returncode == 0
    assert (here.folder / "dvc.lock").read_bytes() == (serial.folder / "dvc.lock").read_bytes()
    assert here.output("end") == serial.output("end") == "in.txt\nin.txt\n"


def test_independent_stages_run_at_once(copying) -> None:
    here = copying(DIAMOND)
    # each waits for the other
    here.on("left", "pathlib.Path('left').touch(); wait('right')")
    here.on("right", "pathlib.Path('right').touch(); wait('left')")
    here.repro("--jobs", "2")
    here.assert_up_to_date()


def test_only_what_is_stale_runs(copying) -> None:
    here = copying({**DIAMOND, "other": ["other.txt"]})
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


def test_a_stage_whose_inputs_come_out_the_same_does_not_run(copying) -> None:
    here = copying(DIAMOND)
    here.repro()
    here.calls()
    here.on("top", "needed = ['same']; pathlib.Path('same').write_text('in.txt\\n')")
    here.write("in.txt", "changed\n")
    assert "1 run, 3 up to date already" in here.repro()
    assert here.calls() == ["top"]


def test_targets(copying) -> None:
    here = copying({**DIAMOND, "other": ["other.txt"]})
    assert "2 stages: 2 run" in here.repro("left")
    assert sorted(here.calls()) == ["left", "top"]
    printed = here.repro("middle", status=1)
    assert printed.startswith("error: ")
    assert "middle" in printed
    assert printed.count("\n") == 1


def test_frozen_stages_stay(copying) -> None:
    here = copying(DIAMOND)
    here.repro()
    here.calls()
    assert dvc(here.folder, "freeze", "left", capture_output=True).returncode == 0
    here.write("in.txt", "changed\n")
    here.repro()
    assert sorted(here.calls()) == ["end", "right", "top"]
    assert here.output("end") == "in.txt\nchanged\n"


def test_dry_lists_waves_and_runs_nothing(copying) -> None:
    here = copying({**DIAMOND, "other": ["other.txt"]})
    assert here.repro("--dry").splitlines()[:3] == ["wave 1: top other", "wave 2: left right", "wave 3: end"]
    here.repro()
    here.calls()
    assert here.repro("--dry") == "Everything is up to date.\n"
    (here.folder / "out" / "left").unlink()
    assert here.repro("--dry").splitlines()[:2] == ["wave 1: left", "wave 2: end"]
    assert here.calls() == []
    assert here.output("left") is None


def test_what_is_printed(copying) -> None:
    here = copying({"one": ["one.txt"], "two": ["out/one"]})
    lines = here.repro().splitlines()
    assert [re.sub(r"\d+\.\d s", "T", line) for line in lines] == [
        "start     one",
        "done      one                                 T",
        "start     two",
        "done      two                                 T",
        "2 stages: 2 run. T; one after the other, the commands take about T",
    ]
    assert (here.folder / ".dvc" / "tmp" / "bagpipe" / "one.log").read_text(encoding="utf-8") == "this is one\n"


def test_commands_run_in_the_environment_of_the_caller(copying, monkeypatch: pytest.MonkeyPatch) -> None:
    here = copying({"one": ["one.txt"]})
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


@pytest.mark.parametrize(("shell", "flags"), [("zsh", "--no-rcs"), ("bash", "--noprofile --norc"), ("sh", "")])
def test_the_shell_reads_no_start_up_files(
    copying, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: str, flags: str
) -> None:
    here = copying({"one": ["one.txt"]})
    script = tmp_path / shell
    script.write_text(
        f'#!/bin/sh\necho "$@" > {tmp_path}/called\nwhile [ "$1" != -c ]; do shift; done\nexec /bin/sh "$@"'
    )
    script.chmod(0o755)
    monkeypatch.setenv("SHELL", str(script))
    here.repro()
    assert (tmp_path / "called").read_text(encoding="utf-8") == f"{flags} -c python work.py one one.txt\n".lstrip()


def test_several_commands(copying) -> None:
    here = copying({"one": ["one.txt"]})
    pipeline = (here.folder / "dvc.yaml").read_text(encoding="utf-8")
    command = "python work.py one one.txt"
    here.write("dvc.yaml", pipeline.replace(command, f"[echo it\\'s 'a  b', exit 3, {command}]"))
    printed = here.repro(status=1)
    assert "exit status 3" in printed
    assert "it's a  b" in printed
    assert here.calls() == []
    here.write("dvc.yaml", pipeline.replace(command, f"[{command}, touch 'a  b']"))
    here.repro()
    assert (here.folder / "a  b").exists()
    here.assert_up_to_date()


def test_the_bar_counts_what_is_stale(copying) -> None:
    here = copying({**DIAMOND, "other": ["other.txt"]})
    here.repro()
    here.write("other.txt", "changed\n")
    terminal, stderr = pty.openpty()
    termios.tcsetwinsize(stderr, (25, 100))
    process = here.start(stderr=stderr)
    process.communicate(timeout=PATIENCE_S)
    shown = os.read(terminal, 100_000).decode()
    assert "0/1" in shown
    assert "/5" not in shown


def listening(*processes: psutil.Process) -> list[tuple]:
    connections = [c for process in processes for c in process.net_connections(kind="inet")]
    return [connection.laddr for connection in connections if connection.status == psutil.CONN_LISTEN]


def test_nobody_can_connect(copying) -> None:
    here = copying(DIAMOND)
    here.on("top", "wait('go_on')")
    with here.start() as process:
        here.until_called("top")
        command = psutil.Process(process.pid)
        found = {*here.processes(), command, *command.children(recursive=True)}
        assert len(found) > 2
        assert listening(*found) == []
        here.write("go_on")
    # it would be seen
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert listening(psutil.Process()) == [server.getsockname()]


def test_on_this_machine_nothing_heavy_is_imported() -> None:
    heavy = {"dask", "distributed", "joblib", "tensorflow", "keras", "sklearn"}
    code = f"import sys, bagpipe.repro.repro; print({heavy!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True)
    assert done.stdout == "set()\n", done.stderr


@pytest.mark.parametrize(
    ("stale", "asked", "free", "expected", "told"),
    [
        (9, None, 100, 4, ""),
        (9, 6, 100, 6, ""),
        (3, 6, 100, 3, ""),
        (9, None, 2.8, 3, "3 stages at once: 2.8 GB of memory free, 0.9 GB each\n"),
        (9, 6, 1.2, 1, "1 stage at once: 1.2 GB of memory free, 0.9 GB each\n"),
        (9, None, 0.1, 1, "1 stage at once: 0.1 GB of memory free, 0.9 GB each\n"),
        (1, None, 0.1, 1, ""),
    ],
)
def test_as_many_at_once_as_are_stale_and_fit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], stale, asked, free, expected, told
) -> None:
    monkeypatch.setattr("joblib.cpu_count", lambda: 4)
    monkeypatch.setattr(running_jobs, "free_memory", lambda: free * 1e9)
    assert running_jobs.LocalPool(stale, asked).free() == expected
    assert capsys.readouterr().out == told


def test_a_limit_on_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running_jobs, "CGROUPS", tmp_path)
    machine = running_jobs.free_memory()
    own = tmp_path / "own"
    own.write_text("3:cpuset:/\n0::/user/session\n", encoding="utf-8")
    for folder, limit in (
        (tmp_path, "1000000"),
        (tmp_path / "user", "900000"),
        (tmp_path / "user" / "session", "max"),
    ):
        folder.mkdir(exist_ok=True)
        (folder / "memory.max").write_text(f"{limit}\n", encoding="utf-8")
        (folder / "memory.current").write_text("700000\n", encoding="utf-8")
        (folder / "memory.stat").write_text("anon 5\ninactive_file 100000\nactive_file 7\n", encoding="utf-8")
    assert running_jobs.free_memory(own) == 300_000
    assert running_jobs.free_memory(tmp_path / "absent") > machine / 2
