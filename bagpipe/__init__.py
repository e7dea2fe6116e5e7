"""What a person runs around the pipeline. No stage imports it."""
