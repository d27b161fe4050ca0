"""Where the real data sets and the models of others lie: beside the repository, or where POLYSCORE_TEST_DATA says."""

from __future__ import annotations

import os
from pathlib import Path

DATA = Path(os.environ.get("POLYSCORE_TEST_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
