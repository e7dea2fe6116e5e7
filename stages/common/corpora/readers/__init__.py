"""Readers of labelled texts, a module for each kind of file."""
