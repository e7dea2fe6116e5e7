"""Measurements, run by `make bench`; no test times anything."""
