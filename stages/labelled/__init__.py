"""Labelled texts of a user's own: read in any of several formats, split, counted and encoded."""
