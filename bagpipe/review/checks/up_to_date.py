"""Compare what each stage would run with now with what dvc.lock says that it ran with: code, data, params, command.

A finding means that something was changed and the pipeline was not run again, or not committed. To fix it, run
`dvc repro`, look at what changed with `bagpipe diff`, and commit dvc.lock and reports/ together with the change. A
study (studies/dvc.yaml) is run by `make studies`, after that.
"""

from collections.abc import Iterator

from bagpipe.project.lock import STUDIES, value_at
from bagpipe.review.committed import CommittedPipeline, Finding, is_study, repro_advice, split_deps
from stages.common.basics.watch import PIPELINE_FILE, STAGES

TITLE = "every stage is up to date with dvc.lock"


# DVC's own answers are no use to CI: `dvc repro --dry` looks at nothing behind a stale stage and exits 0,
# `dvc status` fails where data is missing.
def find(pipeline: CommittedPipeline) -> Iterator[Finding]:
    """Compare what each stage would run with now with what dvc.lock says that it ran with."""
    for stage in pipeline.stages:
        name, package = stage.addressing, STUDIES if is_study(stage) else STAGES
        if name not in pipeline.lock:
            continue  # see `lock_is_consistent`
        if stage.frozen or stage.always_changed:
            yield Finding(name, "is frozen or always_changed: DVC does not watch it", "undo that in dvc.yaml")
        command = f'python -m {package} "$DVC_STAGE"'
        if stage.cmd != command:
            fix = f"give it the command `{command}` in {PIPELINE_FILE}"
            yield Finding(name, f"is not run by `python -m {package}`, so nothing watches what it reads", fix)
        if stage.cmd_changed:
            yield Finding(name, "its command is not the one in dvc.lock", repro_advice(stage))
        files, params = split_deps(stage)
        for item in [*files, *(out for out in stage.outs if out.use_cache)]:
            found = pipeline.hash(item)
            if found is None and not pipeline.is_data(str(item)):
                yield Finding(name, f"{item} is missing", f"`git checkout {item}`, or {repro_advice(stage)}")
            elif found not in (None, item.hash_info):
                yield Finding(name, f"{item} is not the one that dvc.lock has", repro_advice(stage))
        for dep in params:
            locked = dep.hash_info.value or {}
            for key in dep.params:
                if key not in locked or locked[key] != value_at(pipeline.content, key.split(".")):
                    yield Finding(name, f"params.yaml: {key} is not the one that dvc.lock has", repro_advice(stage))
