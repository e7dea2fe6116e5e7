"""Datasets of one's own: texts into DVC, sections into params.yaml, and out again."""
