"""What several tools share: Git, dvc.lock, the project as DVC sees it, names and where a model is."""
