"""What is found out about the pipeline itself, by a pipeline beside it, studies/dvc.yaml."""
