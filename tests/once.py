"""What takes long to make and many tests look at: one worker makes it, for all of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from apps.process import one_at_a_time


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The folder that ``make`` was given, empty, to fill it. Look at it, and copy what is to be changed."""
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder, part = base / f"once-{name}", base / f"part-{name}"
    with one_at_a_time(base / f"{name}.lock"):
        if not folder.exists():
            shutil.rmtree(part, ignore_errors=True)  # somebody failed
            part.mkdir()
            make(part)
            part.rename(folder)
    return folder


def bundle_once(factory: pytest.TempPathFactory, name: str, train: Callable[[Path], object]) -> Path:
    """The bundle that ``train`` made below the folder it was given."""
    (found,) = once(factory, name, train).iterdir()
    return found
