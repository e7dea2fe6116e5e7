"""`bagpipe repro` when things go wrong, whatever runs the stages: what is finished is kept, and nothing lingers."""

import fcntl
import os
import pty
import re
import signal
import subprocess
import termios
from collections.abc import Callable

import pytest
from commands import dvc
from copying import BRANCHES, DIAMOND, PATIENCE_S, until


def test_after_a_failure_what_runs_ends_and_nothing_starts(anywhere) -> None:
    here = anywhere(BRANCHES)
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


def test_keep_going(anywhere) -> None:
    here = anywhere(BRANCHES)
    here.on("bad", "sys.exit(1)")
    printed = here.repro("--keep-going", "--jobs", "1", status=1)
    assert here.calls() == ["bad", "good", "after_good"]
    assert "4 stages: 2 run, 1 failed, 1 not run." in printed
    assert here.locked() == {"good", "after_good"}


def test_a_missing_output_is_a_failure(anywhere) -> None:
    here = anywhere({"one": ["one.txt"]})
    here.on("one", "sys.exit(0)")
    printed = here.repro(status=1)
    assert re.search(r"^FAILED +one .*output 'out/one' does not exist", printed, re.MULTILINE)
    assert here.locked() == set()


def test_a_missing_input_is_a_failure(anywhere) -> None:
    here = anywhere({"one": ["one.txt"], "two": ["two.txt"]})
    (here.folder / "one.txt").unlink()
    printed = here.repro("--keep-going", status=1)
    assert re.search(r"^FAILED +one .*one.txt", printed, re.MULTILINE)
    assert here.calls() == ["two"]


def interrupt_children_too(process: subprocess.Popen[str]) -> None:
    """Ctrl-C in a terminal: it goes to the whole process group."""
    os.killpg(process.pid, signal.SIGINT)


def sends(number: signal.Signals) -> Callable[[subprocess.Popen[str]], None]:
    return lambda process: process.send_signal(number)


@pytest.mark.parametrize(
    "stop",
    [interrupt_children_too, *map(sends, (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT))],
    ids=["ctrl-c", "terminate", "hang up", "quit"],
)
def test_interrupted(anywhere, stop: Callable[[subprocess.Popen[str]], None]) -> None:
    here = anywhere(BRANCHES)
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


def test_an_input_that_cannot_be_asked_about_is_a_failure_among_others(anywhere) -> None:
    here = anywhere({"one": ["one.txt"], "two": ["two.txt"]})
    here.repro()
    here.calls()
    (here.folder / "one.txt").unlink()
    (here.folder / "one.txt").symlink_to("one.txt")
    here.write("two.txt", "changed\n")
    printed = here.repro("--keep-going", status=1)
    assert re.search(r"^FAILED +one .*one.txt", printed, re.MULTILINE), printed
    assert here.calls() == ["two"]
    assert here.output("one") == "one.txt\n"


def test_a_killed_command_is_a_failure(anywhere) -> None:
    here = anywhere(BRANCHES)
    here.on("bad", "wait('good_ran'); import signal; os.kill(os.getpid(), signal.SIGKILL)")
    here.on("good", "pathlib.Path('good_ran').touch(); time.sleep(1)")
    printed = here.repro("--jobs", "2", status=1)
    assert re.search(r"^FAILED +bad +\d+\.\d s  exit status 137 \(.*memory.*\); ", printed, re.MULTILINE), printed
    assert here.locked() == {"good"}
    here.assert_no_trace()


def test_a_killed_supervisor_is_a_failure(anywhere) -> None:
    here = anywhere(BRANCHES)
    here.on("bad", "wait('never')")
    process = here.start("--jobs", "2", "--keep-going")
    here.until_called("bad")
    here.supervisor("bad").kill()
    printed, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert re.search(r"^FAILED +bad +\d+\.\d s  exit status 137 \(.*memory.*\); ", printed, re.MULTILINE), printed
    assert here.locked() == {"good", "after_good"}
    here.assert_no_trace()
    here.on("bad", "")
    here.repro()
    here.assert_up_to_date()


def test_when_it_is_killed_its_stages_go_with_it_and_the_rest_is_kept(copying) -> None:
    here = copying(BRANCHES)
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


def test_other_dvc_commands_meanwhile(anywhere) -> None:
    here = anywhere({"one": ["one.txt"], "two": ["out/one"]})
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


def test_a_stop_while_what_an_earlier_run_left_is_waited_for(copying) -> None:
    here = copying({"one": ["one.txt"], "two": ["out/one"]})
    here.on("one", "wait('go_on')")
    with here.start() as process:
        here.until_called("one")
        with open(here.folder / ".dvc" / "tmp" / "bagpipe" / "two.lock", "wb") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            here.write("go_on")
            until(lambda: any("work.py two" in " ".join(p.info["cmdline"] or []) for p in here.processes()))
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=PATIENCE_S)
            assert not here.processes()
    assert process.returncode == 130
    assert here.calls() == ["one"]
    assert here.locked() == {"one"}


@pytest.mark.parametrize("name", ["one.lock", "one.stage.lock"], ids=["its command", "the stage itself"])
def test_a_run_waits_for_a_stage_that_outlives_its_own_run(copying, name: str) -> None:
    """It would write its outputs into what this one restores."""
    here = copying({"one": ["one.txt"], "two": ["two.txt"]})
    lock = here.folder / ".dvc" / "tmp" / "bagpipe" / name
    lock.parent.mkdir(parents=True)
    with open(lock, "wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        process = here.start()
        assert process.stdout.readline() == "Waiting for one, which an earlier run has started, to end.\n"
        assert here.calls() == []
    printed, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, printed
    here.assert_up_to_date()


def test_two_runs_at_once_take_turns(copying) -> None:
    here = copying(DIAMOND)
    here.on("top", "wait('go_on')")
    first = here.start()
    here.until_called("top")
    second = here.start()
    assert second.stdout.readline() == "Waiting for another run of this project to end.\n"
    here.write("go_on")
    printed = [process.communicate(timeout=PATIENCE_S)[0] for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), printed
    assert "4 run" in printed[0]
    assert "4 up to date already" in printed[1]


def test_nohup(copying) -> None:
    here = copying({"one": ["one.txt"]})
    here.on("one", "wait('go_on')")
    process = here.start(preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    here.until_called("one")
    process.send_signal(signal.SIGHUP)
    here.write("go_on")
    printed, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, printed


def take_terminal() -> None:
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_the_terminal_is_closed(copying) -> None:
    """Nothing more can be printed; what is finished is recorded all the same, and a run started at once goes well."""
    here = copying(BRANCHES)
    here.on("good", "try: wait('never')\nfinally: time.sleep(1)")
    terminal, side = pty.openpty()
    process = here.start("--jobs", "1", stdin=side, stdout=side, stderr=side, preexec_fn=take_terminal)
    os.close(side)
    here.until_called("good")
    os.close(terminal)
    here.on("good", "")
    here.repro()
    process.wait(PATIENCE_S)
    first, second, *others = here.calls()
    assert [first, second] == ["bad", "good"]
    assert sorted(others) == ["after_bad", "after_good", "good"]  # two at once, in any order
    here.assert_no_trace()
    here.assert_up_to_date()
