"""A function in a process of its own, started from this tree: one without threads, as `inner` is, where a fork is no risk."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys

START = "import json, sys; sys.path[:0] = json.loads(sys.argv[1]); from apart import serve; serve()"


def apart(function, *arguments, **named):
    """What the function returns, or raises. It belongs to a module; everything it takes and gives can be pickled."""
    paths = json.dumps([path for path in (os.path.dirname(__file__), *sys.path) if path])
    given = pickle.dumps((function, arguments, named))
    done = subprocess.run(
        [sys.executable, "-I", "-c", START, paths], input=given, stdout=subprocess.PIPE, timeout=180, check=True
    )
    raised, value = pickle.loads(done.stdout)
    if raised:
        raise value
    return value


def serve():
    """The other side. Standard output is for the result alone."""
    out = os.dup(1)
    os.dup2(2, 1)
    function, arguments, named = pickle.loads(sys.stdin.buffer.read())
    try:
        result = (False, function(*arguments, **named))
    except Exception as problem:
        result = (True, problem)
    with open(out, "wb") as file:
        pickle.dump(result, file)
