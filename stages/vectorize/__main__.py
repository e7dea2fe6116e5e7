"""`python -m stages.vectorize` is not how this stage is started."""

raise SystemExit("error: start a stage as dvc.yaml does: python -m stages vectorize@DATASET")
