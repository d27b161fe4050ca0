"""The command `polyscore`, also `python -m apps`. Importing what it needs takes a second, in which Ctrl-C is as quiet as it is later."""

from __future__ import annotations

import sys

INTERRUPTED = 130  # the exit status, as a shell gives it: 128 and the signal's number


def main() -> None:
    """Import the command line, and run it."""
    try:
        from apps import cli  # noqa: PLC0415  # within the reach of the `except`
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    cli.main()


if __name__ == "__main__":
    main()
