"""The errors a user can meet, one class per exit status.

A lower level raises with what went wrong and where; it names no flag and prints nothing. `cli.main` is the one place that
catches them, and `ui.error` the one that renders them. `CommandNotFound` and the like are statuses of `inner run` only
(see docs/reference/exit-status).
"""

from __future__ import annotations


class InnerError(Exception):
    """What (`message`, lower case, no final period), what to type (`hint`), where (`file:line` or a path)."""

    status = 1

    def __init__(self, message: str, *, hint: str = "", where: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where


class Killed(BaseException):
    """A signal has ended the command, or what inner did, and inner is to end of it too once all is given back (`inner.ending`). With
    `group` the key was pressed where only the box could hear it."""

    def __init__(self, signum: int, *, group: bool = False) -> None:
        super().__init__(signum)
        self.signum = signum
        self.group = group


class Stale(Exception):
    """What was kept of the host does not hold any more: nothing has run yet, and all is to be made anew."""


class CheckFailed(InnerError):
    """A check said no: `inner verify`, `inner profile validate`, `inner doctor`."""

    status = 1


class UsageError(InnerError):
    """The command line is wrong."""

    status = 2


class ConfigError(InnerError):
    """A profile or a settings file is wrong."""

    status = 3


class HostError(InnerError):
    """This machine cannot do what was asked: bubblewrap missing, user namespaces forbidden."""

    status = 4


class RunError(InnerError):
    """`inner run` failed before the command started, for any of the reasons above or another one."""

    status = 125


class CannotExecute(RunError):
    """The command was found in the box and cannot be executed."""

    status = 126


class CommandNotFound(RunError):
    """The command does not exist in the box."""

    status = 127
