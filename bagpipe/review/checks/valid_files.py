"""Read the files that say what the pipeline is: dvc.yaml, dvc.lock, params.yaml and published.yaml.

This check is always made: the others need what it reads. A finding names the file, the key and what was expected
there. To fix it, edit that key; `dvc dag` may say more of dvc.yaml, and `git checkout dvc.lock` restores the lock.
"""

from bagpipe.project.lock import LOCK_FILE, STUDIES
from bagpipe.review.committed import CommittedPipeline, Finding
from stages.common.basics.errors import UserError
from stages.common.basics.params.reading import PARAMS_FILE
from stages.common.basics.watch import PIPELINE_FILE
from stages.common.judging.published import PUBLISHED_FILE

PIPELINE_FILES = tuple(map(str, (PIPELINE_FILE, LOCK_FILE, PARAMS_FILE, PUBLISHED_FILE)))

# What DVC and the checks go by
GOES_BY = (*PIPELINE_FILES, str(STUDIES / PIPELINE_FILE), str(STUDIES / LOCK_FILE), ".dvcignore")

TITLE = f"{', '.join(PIPELINE_FILES)} are valid"


def read_pipeline() -> tuple[CommittedPipeline | None, list[Finding]]:
    """The pipeline as its files have it, or what is wrong with them."""
    try:
        return CommittedPipeline(), []
    except UserError as error:
        return None, [Finding(", ".join(PIPELINE_FILES), str(error), "fix it there; `dvc dag` may say more")]
