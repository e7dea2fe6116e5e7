"""params.yaml, typed and validated: the one place that knows its keys."""
