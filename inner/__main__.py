"""Entry of the `inner` command and of `python -m inner`: a plain `inner run` starts at once, everything else through Typer."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line in `sys.argv` and exit with its status."""
    from inner import front

    request = front.read(sys.argv[1:])
    if request is None:
        from inner.cli import application

        application()
    else:
        from inner.commands.run import main as run

        sys.exit(run(request))


if __name__ == "__main__":
    main()
