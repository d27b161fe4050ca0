"""Where and when something was measured, said alike in every file of figures."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pytest_benchmark.plugin import pytest_benchmark_generate_machine_info


def told(info: dict[str, Any]) -> dict[str, Any]:
    """What the figures name of pytest-benchmark's account of a machine."""
    cpu = info["cpu"]
    return {
        "cores": cpu.get("count"),
        "processor": cpu.get("brand_raw", info["machine"]),
        "python": info["python_version"],
        "system": info["system"],
    }


def here() -> dict[str, Any]:
    """This machine."""
    return told(pytest_benchmark_generate_machine_info())  # type: ignore[no-untyped-call]  # the plugin has no types


def now() -> str:
    """UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
