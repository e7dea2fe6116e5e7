"""Compare the entries of dvc.lock with each other, with dvc.yaml and with the results in Git.

A half-reproduced commit has the metrics of one model and another model; an edited result is not what its stage wrote.
To fix it, restore the file that is named with `git checkout`, or run its stage again and commit dvc.lock with it.
"""

from collections.abc import Iterator
from typing import Any

from bagpipe.review.committed import CommittedPipeline, Finding, repro_advice, split_deps

TITLE = "dvc.lock is consistent"


def find(pipeline: CommittedPipeline) -> Iterator[Finding]:
    """Compare the entries of dvc.lock with each other, with dvc.yaml and with the results in Git.

    A half-reproduced commit has the metrics of one model and another model.
    """
    for name in sorted(pipeline.lock.keys() - {stage.addressing for stage in pipeline.stages}):
        yield Finding(name, "has an entry in dvc.lock and is no stage of dvc.yaml", "take the entry out of dvc.lock")
    for stage in pipeline.stages:
        name = stage.addressing
        if name not in pipeline.lock:
            yield Finding(name, "has no entry in dvc.lock: its results are none of a run", repro_advice(stage))
            continue
        for dep in split_deps(stage)[0]:
            producer, out = pipeline.outs.get(str(dep), (stage, dep))
            if dep.hash_info != out.hash_info:
                problem = f"by dvc.lock, {dep} is not the one that {producer.addressing} wrote"
                yield Finding(name, problem, repro_advice(stage))
        for key in sorted(set().union(*pipeline.lock[name][1:]) - declared_names(stage)):
            problem = f"ran with {key}, by dvc.lock, which it does not declare in dvc.yaml any more"
            yield Finding(name, problem, f"declare it, or `dvc repro -f -s {name}`, then commit")
        for out in stage.outs:
            if not out.hash_info:
                yield Finding(name, f"dvc.lock has no hash of {out}", repro_advice(stage))
            elif not out.use_cache and pipeline.hash(out) != out.hash_info:
                state = "is missing" if pipeline.hash(out) is None else "is not what the stage wrote, by dvc.lock"
                yield Finding(name, f"{out} {state}", f"`git checkout {out}`, or {repro_advice(stage)}")


def declared_names(stage: Any) -> set[str]:
    """Paths and params."""
    files, params = split_deps(stage)
    return {str(item) for item in [*files, *stage.outs]} | {key for dep in params for key in dep.params}
