"""A trained bundle for the tests of models."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.train import train
from tests.models.small import FRAUD, WINDOW, history
from tests.once import bundle_once


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a bundle; a test that changes it takes a copy."""
    return bundle_once(tmp_path_factory, "trained", lambda folder: train(FRAUD, history(), "simulated", folder, window=WINDOW))
