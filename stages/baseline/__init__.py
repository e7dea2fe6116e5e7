"""Baselines: baseline.py fits them; terms.py has the features of those that know words and pairs of words."""
