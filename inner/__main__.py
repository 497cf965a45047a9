"""Entry of the `inner` command and of `python -m inner`: a plain `inner run` starts at once, everything else through Typer."""

import gc
import os
import sys

# Nothing is imported from where inner is started: `python -m` has put that first. What is above is built in, or frozen; `__future__` is not.
if __name__ == "__main__" and not sys.flags.safe_path:
    del sys.path[0]
sys.path[:] = [place for place in sys.path if place.startswith("/")]


def standard() -> None:
    """Fill the holes in 0, 1, 2 that a caller left closed, before any file is opened: it would be taken for one, and given to a box.
    Reading finds the end of file; what is written goes nowhere, and nobody is killed for it."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest free number: `fd`


def _application() -> None:
    from inner.cli import application

    application()


def _keep() -> None:
    from inner import linker
    from inner.errors import Killed
    from inner.guard import guard

    try:
        guard(lambda: linker.make(os.environ))
    except Killed:
        pass  # Ctrl-C is too late to say anything


def main() -> None:
    """Run the command line in `sys.argv` and exit with its status."""
    try:
        _main()
    except KeyboardInterrupt:  # while modules were imported: later `guard` has an answer
        from inner.ending import die

        die(2)
    except BaseException as ended:
        from inner.errors import Killed

        if not isinstance(ended, Killed):
            raise
        from inner.ending import die

        die(ended.signum, group=ended.group)


def _main() -> None:
    standard()
    from inner import bundle

    gc.disable()  # a start makes many things and no cycles
    bundled = bundle.use(os.environ)
    argv = sys.argv[1:]
    if argv == ["--version"]:
        from inner import __version__, ui
        from inner.guard import guard

        os._exit(guard(lambda: ui.out(f"inner {__version__}")))
    if argv and argv[0] == "__complete":
        from inner.commands.complete import main as complete

        os._exit(complete(argv[1:]))
    if argv and argv[0] != "run":
        from inner.config.words import usual

        argv = list(usual(argv, os.environ))
    if bundled and argv[:1] == ["run"]:
        bundle.ready(bundled)
    from inner import front

    request = front.read(argv)
    if request is None:
        from inner.guard import guard

        sys.exit(guard(_application))
    from inner.commands.run import main as run

    try:
        status = run(request)
    finally:
        unusual = {"typer", "inner.commands.anew", "inner.launch.installed"} & sys.modules.keys()
        if not unusual and not (bundled and bundled.kept):
            _keep()
    os._exit(status)  # everything is written, and taking the interpreter apart takes a tenth of a start


if __name__ == "__main__":
    main()
