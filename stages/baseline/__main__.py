"""`python -m stages.baseline` is not how this stage is started."""

raise SystemExit("error: start a stage as dvc.yaml does: python -m stages baseline@DATASET")
