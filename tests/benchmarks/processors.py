"""`make processors`: the stages natively and on emulated processors, every byte compared; writes docs/processors.md.

All models by `train` and `evaluate`, each kind of network by `validate`, one by `replicate`, every dataset's
`vectorize`, `describe` and `baseline`, and `render`. The emulator is QEMU's; on Debian,
`apt install qemu-user-static` has it. A run that was stopped goes on where it was, until there is another commit.
"""

import argparse
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple

from tabulate import tabulate

from bagpipe.project.git import git_output
from bagpipe.review.measured import begin_page
from bagpipe.scratch.copies import copy_project
from stages.common.basics.artifacts import new_directory, write_text
from stages.common.basics.declared import read_declaration
from stages.common.basics.errors import UserError
from stages.common.basics.errors import run as end_with_one_line
from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import models_of
from stages.common.basics.params.reading import PARAMS_FILE, load_params
from tests.benchmarks.official import official_files
from tests.editing import edit_yaml
from tests.emulating import EMULATOR, PROCESSORS, finish, start_python

WORK = Path(".dvc/tmp/processors")  # a folder for each commit, with one for each processor
DONE = "done"  # in each: the stages that have run
PAGE, TEMPLATE = Path("docs/processors.md"), Path(__file__).with_name("processors_page.md")
NATIVE = "here"
KINDS = ("imdb", "imdb_mse", "reuters", "reuters_integer_labels")  # a model of each loss
REPLICATED = "reuters_1_layer"
RUNS = 2  # of it
VALIDATED = 3  # epochs: each does what the first did


class Chain(NamedTuple):
    """Stages that need nothing of another chain. plain: without TensorFlow, in the order of the others."""

    before: list[str]
    networks: list[str]
    after: list[str]


def list_chain(params: Params, dataset: str) -> Chain:
    """The stages of a dataset and its models."""
    models = list(models_of(params, dataset))
    networks = [f"{stage}@{model}" for model in models for stage in ("train", "evaluate")]
    kinds = [model for model in KINDS if model in models]
    networks += [f"validate@{model}" for model in kinds] + [f"replicate@{REPLICATED}"] * (REPLICATED in models)
    before = [f"{stage}@{dataset}" for stage in ("vectorize", "describe", "baseline")]
    return Chain(before, networks, [f"render@{model}" for model in kinds])


def list_commands(chain: Chain, done: set[str]) -> Iterator[list[str]]:
    """Arguments of Python that run the stages that have not run.

    All networks in one, as TensorFlow takes half a minute to import under an emulator.
    """
    before, networks, after = ([name for name in names if name not in done] for names in chain)
    yield from (["-m", "stages", name] for name in before)
    if networks:
        yield ["-m", "tests.benchmarks.stages_in_turn", *networks]
    yield from (["-m", "stages", name] for name in after)


def run_chain(chain: Chain, processor: str | None, folder: Path) -> str:
    """Run the stages in `folder` that have not run; return what went wrong, if anything."""
    file, where = folder / DONE, processor or NATIVE

    def note(name: str, seconds: str) -> None:
        with open(file, "a", encoding="utf-8") as done:
            done.write(f"{name}\n")
        print(f"{where}: {name} {seconds}", flush=True)

    for arguments in list_commands(chain, set(file.read_text(encoding="utf-8").split()) if file.exists() else set()):
        with TemporaryFile("w+", encoding="utf-8") as errors:
            with start_python(arguments, processor, folder, errors) as process:
                assert process.stdout is not None
                for line in process.stdout:
                    if line.startswith("::"):
                        note(*line[2:].split())
            if process.returncode:
                errors.seek(0)
                said = [line for line in errors.read().splitlines() if ": warning: " not in line]
                failed = f"{where}: {' '.join(arguments[1:3])}: exit status {process.returncode} {' '.join(said)}"
                print(failed, flush=True)
                return failed
        if arguments[1] == "stages":
            note(arguments[2], "")
    return ""


def make_folder(folder: Path, mirror: Path, params: Params) -> None:
    """A copy of the project with the official files, that trains fewer replicates and validates for fewer epochs."""
    if folder.exists():
        return
    with new_directory(folder.absolute()) as partial:
        fill_folder(partial, mirror, params)


def fill_folder(folder: Path, mirror: Path, params: Params) -> None:
    copy_project(folder)
    for name in ("tests/benchmarks/__init__.py", "tests/benchmarks/stages_in_turn.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(name, folder / name)

    def fewer(content: dict) -> None:
        content["replicates"].update(n=RUNS, own={})
        for settings in content["defaults"].values():
            settings["validation_epochs"] = VALIDATED

    edit_yaml(folder / PARAMS_FILE, fewer)
    for dataset, files in params.official.items():
        target = folder / "data" / "raw" / dataset
        target.mkdir(parents=True)
        for file in files:
            shutil.copyfile(mirror / file, target / file)


def written_files(folder: Path, name: str) -> dict[str, bytes]:
    """What a stage wrote."""
    params = load_params(folder / PARAMS_FILE)
    stage, _, key = name.partition("@")
    outs = [folder / out for out in read_declaration(stage, key, params).outs]
    files = [file for out in outs for file in ([out] if out.is_file() else sorted(out.rglob("*"))) if file.is_file()]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def compare_files(here: dict[str, bytes], there: dict[str, bytes]) -> list[str]:
    """The files that differ, or that are missing in one."""
    return sorted(file for file in here.keys() | there.keys() if here.get(file) != there.get(file))


def compare_operations(processors: list[str]) -> dict[str, dict[str, str]]:
    """Of each operation and processor, `same` or `differs`."""
    outputs = {}
    for processor in (None, *processors):
        outputs[processor] = finish(start_python(["-m", "tests.operations_alone"], processor))
    native = outputs[None]
    return {
        operation: {name: "same" if outputs[name][operation] == found else "differs" for name in processors}
        for operation, found in native.items()
    }


def stages_table(chains: list[Chain], folders: dict[str, Path], processors: list[str]) -> str:
    """A line for each stage, and for each model of `train` and `evaluate`: how many files are the same."""
    lines = []
    for chain in chains:
        for name in [*chain.before, *chain.networks, *chain.after]:
            native = written_files(folders[NATIVE], name)
            found = [compare_files(native, written_files(folders[processor], name)) for processor in processors]
            said = ["differs: " + ", ".join(files) if files else "same" for files in found]
            lines.append([f"`{name}`", str(len(native)), *said])
    return tabulate(sorted(lines), ["stage", "files", *processors], tablefmt="github", disable_numparse=True)


def operations_table(processors: list[str]) -> str:
    found = compare_operations(processors)
    lines = [[f"`{name}`", *(row[processor] for processor in processors)] for name, row in found.items()]
    return tabulate(lines, ["operation", *processors], tablefmt="github")


def name_emulator() -> str:
    if shutil.which(EMULATOR) is None:
        raise UserError(f"expected {EMULATOR}, found none; on Debian: apt install qemu-user-static")
    printed = subprocess.run([EMULATOR, "--version"], capture_output=True, text=True, check=True).stdout
    return printed.splitlines()[0]


def main() -> None:
    """Run everything, compare, and write the page.

    Raises:
        UserError: there is no emulator, a stage failed, or a byte differs.
    """
    parser = argparse.ArgumentParser(prog="make processors", description=__doc__)
    parser.add_argument("--processors", nargs="+", default=list(PROCESSORS), help="as QEMU names them")
    processors = parser.parse_args().processors
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise UserError("expected Linux on x86-64, whose programs the emulator runs")
    emulator, head, params = name_emulator(), begin_page(PAGE), load_params()
    mirror = official_files(params)
    chains = [list_chain(params, dataset) for dataset in params.official]
    work = WORK / git_output("rev-parse", "HEAD").decode().strip()
    folders = {name: work / name for name in (NATIVE, *processors)}
    for folder in folders.values():
        make_folder(folder, mirror, params)
    jobs = [(chain, name) for name in folders for chain in reversed(chains)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        started = [
            pool.submit(run_chain, chain, None if name == NATIVE else name, folders[name].absolute())
            for chain, name in jobs
        ]
        failed = [error for job in started if (error := job.result())]
    if failed:
        raise UserError(f"{'; '.join(failed)}; another `make processors` goes on from here")
    stages = stages_table(chains, folders, processors)
    operations = operations_table(processors)
    page = TEMPLATE.read_text(encoding="utf-8")
    values = {
        "HEAD": head,
        "EMULATOR": emulator,
        "STAGES": stages,
        "OPERATIONS": operations,
        "PYTHON": platform.python_version(),
    }
    for name, value in values.items():
        page = page.replace(f"<{name}>", value)
    write_text(PAGE, page)
    shutil.rmtree(WORK)
    if "differs: " in stages:
        raise UserError(f"{PAGE}: expected the same bytes on all processors, found others")
    print(f"all same: {PAGE}")


if __name__ == "__main__":
    end_with_one_line(main)
