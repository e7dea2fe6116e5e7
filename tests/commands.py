"""`dvc` and `bagpipe` in a copy of the project, each in a process of its own.

Most of the time that such a command takes goes into importing DVC and what it needs. So one process, started with the
first command, imports those libraries, none of ours, and forks for each command; what is not as in that process, such
as another PYTHONPATH, locale or limit, gets a new Python. Run as a program, this is that process.
"""

import atexit
import gc
import json
import os
import resource
import runpy
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

LIBRARIES = (
    *(
        "click",
        "distributed",
        "joblib",
        "numpy",
        "psutil",
        "pydantic",
        "ruamel.yaml",
        "scipy.stats",
        "tabulate",
        "tqdm",
    ),
    *("dvc.cli.parser", "dvc.info", "dvc.repo", "dvc.repo.add", "dvc.repo.reproduce", "dvc.repo.status"),
    *("dvc.stage.cache", "dvc_data.index"),
)
LENGTH = struct.Struct("!Q")
STREAMS = 3  # descriptors of a command, before that for its exit status


def serve(channel: socket.socket) -> None:
    """Fork for each command that is asked for, until the other end is closed."""
    for name in LIBRARIES:
        import_module(name)
    gc.freeze()  # so a child copies no page just to look through it
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # what waits for a command needs no one to wait for it
    while True:
        head, descriptors, _, _ = socket.recv_fds(channel, LENGTH.size, STREAMS + 1)
        if not head:
            return
        request = json.loads(receive(channel, LENGTH.unpack(head)[0]))
        if os.fork() == 0:
            channel.close()
            wait_for_command(request, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def receive(channel: socket.socket, size: int) -> bytes:
    content = b""
    while len(content) < size:
        content += channel.recv(size - len(content))
    return content


def wait_for_command(request: dict[str, Any], descriptors: list[int]) -> None:
    """Fork, become the command in the child, and send its exit status from the parent."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *streams, status = descriptors
    child = os.fork()
    if child:
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.write(status, str(code).encode())
        os._exit(0)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    for descriptor in descriptors:
        os.close(descriptor)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.path[0] = request["folder"]
    sys.argv[1:] = request["arguments"]
    runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
    sys.exit()


@cache
def forking_process() -> socket.socket:
    """The channel to the process that forks."""
    from stages.common.basics.processor import ANYWHERE, WITH_AVX2

    ours, theirs = socket.socketpair()
    command = [sys.executable, __file__, str(theirs.fileno())]
    settled = os.environ | ANYWHERE | WITH_AVX2  # as a command of ours sets it before it imports numpy
    process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=settled, stdin=subprocess.DEVNULL)
    theirs.close()
    atexit.register(process.wait)
    atexit.register(ours.close)
    return ours


def start_conditions(variables: dict[str, str]) -> list[Any]:
    """What a process takes over when it starts, or Python reads then, and never again."""
    read = {name: value for name, value in variables.items() if name.startswith(("PYTHON", "LC_", "LANG", "MALLOC"))}
    return [read, *map(resource.getrlimit, (resource.RLIMIT_FSIZE, resource.RLIMIT_AS, resource.RLIMIT_NOFILE))]


AT_START = start_conditions(dict(os.environ))


def run_module(
    folder: Path, module: str, *arguments: str, check: bool = False, merged: bool = False, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run `python -m MODULE` in a copy.

    Args:
        merged: what goes to standard error is put among the rest of the output.
        options: of `subprocess.run`.
    """
    from bagpipe.scratch.copies import environment

    variables = options.pop("env", None) or environment(folder)
    given = options.pop("input", "")
    if options.keys() - {"capture_output"} or start_conditions(variables) != AT_START:
        command = [sys.executable, "-m", module, *arguments]
        options = {"capture_output": True, **options}
        if merged:
            options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.run(
            command, cwd=folder, env=variables, text=True, check=check, input=given or None, **options
        )
    request = {"folder": str(folder), "module": module, "arguments": arguments, "environment": variables}
    content = json.dumps(request).encode()
    ended, status = os.pipe()
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        stdin.write(given.encode())
        stdin.seek(0)
        streams = (stdin, stdout, stdout if merged else stderr)
        descriptors = [*(stream.fileno() for stream in streams), status]
        socket.send_fds(forking_process(), [LENGTH.pack(len(content))], descriptors)
        os.close(status)
        forking_process().sendall(content)
        with open(ended, "rb") as file:
            code = int(file.read())
        printed = [read_text(stream) for stream in (stdout, stderr)]
    done = subprocess.CompletedProcess([module, *arguments], code, *printed)
    if check:
        done.check_returncode()
    return done


def read_text(stream: Any) -> str:
    stream.seek(0)
    return stream.read().decode()


def dvc(folder: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run DVC in a copy."""
    return run_module(folder, "dvc", *arguments, **options)


def bagpipe(folder: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command line of the project in a copy."""
    return run_module(folder, "bagpipe.cli.main", *arguments, **options)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
