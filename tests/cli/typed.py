"""`inner run` as it is typed, for tests: what it told, and what an error looks like."""

from __future__ import annotations

from program import inner


def said(message, where="", hint=""):
    """What `ui.error` makes of an error."""
    return f"error: {message}\n" + (f"  --> {where}\n" if where else "") + (f"hint: {hint}\n" if hint else "")


def told(*words, **more):
    done = inner("run", *words, **more)
    return done.returncode, done.stdout, done.stderr
