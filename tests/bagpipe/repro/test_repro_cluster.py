"""`bagpipe repro --scheduler`: on a Dask cluster, which may be encrypted, and of which any part may die."""

import json
import re
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from commands import bagpipe, dvc
from copying import BRANCHES, DIAMOND, PATIENCE_S, CopyingProject, dask_cluster, dask_process, free_port, until
from distributed import Client, Security
from labelled_texts import some_texts, write_csv

from bagpipe.repro import cluster, jobs
from stages.common.basics.errors import UserError


def test_on_a_cluster(copying, scheduler: str) -> None:
    here = copying(DIAMOND)
    here.on("left", "pathlib.Path('left').touch(); wait('right')")
    here.on("right", "pathlib.Path('right').touch(); wait('left')")
    printed = here.repro("--scheduler", scheduler)
    assert "4 stages: 4 run." in printed
    here.assert_up_to_date()
    here.assert_no_trace()


def test_own_texts_are_vectorized_on_the_cluster(copy: Path, tmp_path: Path) -> None:
    """On one with a single thread, which the stage itself takes; with the bytes of a run without a cluster."""
    write_csv(tmp_path / "texts.csv", some_texts(20_000))
    assert bagpipe(copy, "add", "mine", str(tmp_path / "texts.csv")).returncode == 0
    with dask_cluster(tmp_path / "dask", workers=1) as address:
        done = bagpipe(copy, "repro", "vectorize@mine", "--scheduler", address, capture_output=True)
        assert "1 run" in done.stdout, done.stdout + done.stderr
        with Client(address, set_as_default=False) as client:
            seen = client.run_on_scheduler(lambda dask_scheduler: set(dask_scheduler.task_prefixes))
    assert {"count_block", "encode_bucket"} <= seen
    before = {path: path.read_bytes() for path in (copy / "data/vectorized/mine").rglob("*") if path.is_file()}
    assert len(before) == 13
    assert dvc(copy, "repro", "--force", "--single-item", "vectorize@mine").returncode == 0
    assert {path: path.read_bytes() for path in before} == before


def test_after_an_interruption_the_cluster_is_there_for_others(
    copying, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = copying(DIAMOND)
    here.on("left", "wait('never')")
    process = here.start("--scheduler", scheduler)
    here.until_called("left")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    here.assert_no_trace()
    here.on("left", "")
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", scheduler)
    here.repro()
    here.assert_up_to_date()


def test_workers_get_only_what_stages_need_of_the_environment(
    copying, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = copying({"one": ["one.txt"]})
    here.on("one", "import json; pathlib.Path('environment').write_text(json.dumps(dict(os.environ)))")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    monkeypatch.setenv("LC_TIME", "C")
    here.repro("--scheduler", scheduler)
    found = json.loads((here.folder / "environment").read_text(encoding="utf-8"))
    assert found["DATASETS_MIRROR"] == str(here.folder / ".mirror")
    assert found["DVC_STAGE"] == "one"
    assert found["PATH"].startswith(str(Path(sys.executable).parent))
    shells_own = {"_", "PWD", "OLDPWD", "SHLVL", "LC_CTYPE", "BAGPIPE_GRACE_S"}  # and Python's, and the supervisor's
    assert found["DASK_SCHEDULER_ADDRESS"] == scheduler
    assert found.keys() - shells_own <= {*cluster.SENT, "DASK_SCHEDULER_ADDRESS", "LC_TIME", "LC_ALL"}
    assert "hush" not in found.values()


def test_a_killed_worker_repeats_its_stage(copying, tmp_path: Path) -> None:
    here = copying(BRANCHES)
    here.on("good", "wait('go_on')")
    with dask_cluster(tmp_path / "dask") as address:
        process = here.start("--scheduler", address)
        here.until_called("good")
        first = here.pid("good")
        here.supervisor("good").parent().kill()
        here.until_called("good", times=2)
        # one at a time
        assert not psutil.pid_exists(first)
        here.write("go_on")
        printed, _ = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, printed
        assert "4 stages: 4 run." in printed
    here.assert_up_to_date()
    here.assert_no_trace()


def test_the_scheduler_dies(copying, tmp_path: Path) -> None:
    here = copying(BRANCHES)
    here.on("good", "wait('never')")
    address = f"tcp://127.0.0.1:{free_port()}"
    worker = ("worker", address, "--nthreads", "2", "--local-directory", str(tmp_path / "dask"))
    with dask_process("scheduler", "--host", address) as scheduler:
        with dask_process(*worker):
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


def test_a_job_that_does_not_hear_of_the_loss(tmp_path: Path) -> None:
    """Dask's client may close before it has told each of its futures."""
    workers = object.__new__(cluster.DaskPool)
    job = jobs.Job("some", [], tmp_path, {}, tmp_path / "log", tmp_path / "lock")
    workers._client, workers._running = SimpleNamespace(status="closed"), {Future(): job}
    assert workers.wait() == [(job, jobs.Outcome(error="the Dask scheduler is lost"))]
    assert not workers._running


def test_no_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "PATIENCE_S", 1)
    address = f"tcp://127.0.0.1:{free_port()}"
    with pytest.raises(UserError, match=f"^Dask scheduler {address}: expected one with workers"):
        cluster.DaskPool(address)


def test_without_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "bagpipe.repro.cluster")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UserError, match=r"^a Dask scheduler needs .*: pip install -e '\.\[cluster\]'$"):
        from bagpipe.repro.cluster import DaskPool  # noqa: F401


def test_a_worker_that_does_not_share_the_files(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    job = jobs.Job("one", ["true"], elsewhere, {}, elsewhere / "log", elsewhere / "locks" / "one")
    with pytest.raises(UserError, match=f"does not see {elsewhere}"):
        cluster.run_on_worker(job, cluster.Event("stop"))


# --- TLS ----------------------------------------------------------------------------------------------------------


def tls_options(folder: Path) -> tuple[str, ...]:
    """A certificate, which vouches for itself, and its key, as options for Dask's commands and ours."""
    made = Security.temporary()
    folder.mkdir()
    options = []
    for name, text in (("ca-file", made.tls_ca_file), ("cert", made.tls_client_cert), ("key", made.tls_client_key)):
        (folder / name).write_text(text, encoding="utf-8")
        options += [f"--tls-{name}", str(folder / name)]
    return tuple(options)


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The address of an encrypted scheduler with workers, and the options for it."""
    folder = tmp_path_factory.mktemp("tls")
    options = tls_options(folder / "certificates")
    with dask_cluster(folder / "dask", *options, protocol="tls") as address:
        yield address, options


def test_encrypted(copying, encrypted: tuple[str, tuple[str, ...]]) -> None:
    address, options = encrypted
    here = copying(DIAMOND)
    assert "4 stages: 4 run." in here.repro("--scheduler", address, *options)
    here.assert_up_to_date()


def refused(here: CopyingProject, *arguments: str) -> str:
    """The one line with which `bagpipe repro` ends before anything runs."""
    printed = here.repro(*arguments, status=1)
    assert printed.count("\n") == 1, printed
    assert here.calls() == []
    return printed


def test_encrypted_with_no_certificate(copying, encrypted: tuple[str, tuple[str, ...]]) -> None:
    address, _ = encrypted
    expected = f"error: Dask scheduler {address}: expected --tls-ca-file, --tls-cert and --tls-key, found none\n"
    assert refused(copying(DIAMOND), "--scheduler", address) == expected


@pytest.mark.slow
def test_encrypted_with_a_certificate_that_is_not_known_there(
    tmp_path: Path, encrypted: tuple[str, tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, _ = encrypted
    monkeypatch.setattr(cluster, "PATIENCE_S", 2)
    ca_file, cert, key = tls_options(tmp_path / "other")[1::2]
    with pytest.raises(UserError, match=f"^Dask scheduler {address}: expected one with workers"):
        cluster.DaskPool(address, (ca_file, cert, key))


def test_certificates_for_a_scheduler_that_does_not_encrypt(copying, scheduler: str, tmp_path: Path) -> None:
    options = tls_options(tmp_path / "certificates")
    assert "encryption required" in refused(copying(DIAMOND), "--scheduler", scheduler, *options)


def test_files_that_are_no_certificates(copying, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    options = [word for name in ("ca-file", "cert", "key") for word in (f"--tls-{name}", str(tmp_path / "empty"))]
    printed = refused(copying(DIAMOND), "--scheduler", "tls://127.0.0.1:1", *options)
    assert printed.startswith("error: Dask scheduler tls://127.0.0.1:1: ")


def test_options_that_go_together(copying, tmp_path: Path) -> None:
    (tmp_path / "cert").touch()
    printed = copying(DIAMOND).repro("--tls-cert", str(tmp_path / "cert"), status=2)
    assert "--tls-ca-file, --tls-cert, --tls-key and --scheduler go together" in printed
