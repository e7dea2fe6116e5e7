"""Measurements, run by `make bench`; no test times anything."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))  # the helpers of tests import each other as pytest has them
