"""The bytes of a CSV file, plain or out of gzip: told by the first of them, whatever the file is called, as is what is no CSV at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from apps.errors import InputError

GZIP: Final = b"\x1f\x8b"
PARQUET: Final = b"PAR1"
ZIP: Final = b"PK\x03\x04"
NO_CSV: Final = {
    PARQUET: "is a parquet file; write it as CSV: pandas.read_parquet(FILE).to_csv(CSV, index=False)",
    ZIP: "is a zip archive, or an Excel workbook; unpack it, or save the sheet as CSV",
    b"\xff\xfe": "is text in UTF-16; save it as UTF-8",
    b"\xfe\xff": "is text in UTF-16; save it as UTF-8",
}


@contextmanager
def opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """The file, which tells how far it was read, and the text's bytes from it. Raises ``InputError``, and ``OSError`` as it is read.

    Both are pyarrow's own: one of its threads that still held a file of Python's when the process ended aborted it (pyarrow 26).
    """
    if not path.exists():
        raise InputError(f"{path}: no such file")
    with pa.OSFile(str(path)) as file:
        begins = file.read(4)
        file.seek(0)
        for first, why in NO_CSV.items():
            if begins.startswith(first):
                raise InputError(f"{path}: {why}")
        yield file, pa.CompressedInputStream(file, "gzip") if begins.startswith(GZIP) else file
