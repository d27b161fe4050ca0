"""The notebook's cells run, and print what stands under them."""

from __future__ import annotations

import io
import json
import re
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

NOTEBOOK = json.loads((Path(__file__).resolve().parents[1] / "docs" / "exports.ipynb").read_text())
CELLS = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
NUMBER = re.compile(r"-?0x[0-9a-f.]+p[-+]\d+|\d[\d,.]*")


def printed(cell: dict[str, Any]) -> str:
    return "".join(text for output in cell["outputs"] for text in output["text"])


def test_every_cell_was_executed_and_none_failed() -> None:
    assert [cell["execution_count"] for cell in CELLS] == [*range(1, len(CELLS) + 1)]
    assert {output["name"] for cell in CELLS for output in cell["outputs"]} == {"stdout"}


def test_the_cells_print_what_stands_under_them_but_for_what_another_processor_rounds() -> None:
    names: dict[str, Any] = {}
    for cell in CELLS:
        with redirect_stdout(out := io.StringIO()):
            exec("".join(cell["source"]), names)  # our own document
        if "<TreeModel" not in out.getvalue():
            assert NUMBER.sub("#", out.getvalue()) == NUMBER.sub("#", printed(cell))
    assert names["report"].passed


def test_what_it_claims_stands_there() -> None:
    claims = re.findall(r"([\d,]+) of ([\d,]+) (?:equal in every bit|raw scores equal)", "".join(map(printed, CELLS)))
    assert len(claims) == 10
    assert all(equal == rows for equal, rows in claims)
