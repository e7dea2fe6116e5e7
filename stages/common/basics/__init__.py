"""What every stage uses: its declaration in dvc.yaml, params, artifacts, errors."""
