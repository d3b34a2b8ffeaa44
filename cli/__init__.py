"""The program: one file per family of commands, each a few lines over a use case."""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line (default: the process's own) and give its exit status."""
    if arguments is None:  # the process is ours, from here to its end
        from cli.collector import away_at_start

        with away_at_start():
            return _run(None)
    return _run(arguments)


def _run(arguments: Sequence[str] | None) -> int:
    from cli.program import run  # late: `import cli` alone costs nothing

    return run(arguments)
