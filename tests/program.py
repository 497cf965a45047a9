"""`inner` as a program, started from this tree, whatever is installed and wherever the test stands."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
START = f"import sys; sys.path.insert(0, {str(ROOT)!r}); sys.argv[0] = 'inner'; from inner.__main__ import main; main()"
INNER = (sys.executable, "-I", "-c", START)


def inner(*words: str, **more: object) -> subprocess.CompletedProcess[str]:
    """Run it to its end, with what it wrote as text."""
    options: dict[str, object] = {"capture_output": True, "text": True, "timeout": 120, "stdin": subprocess.DEVNULL, **more}
    before: list[str] = options.pop("before", [])  # type: ignore[assignment]
    return subprocess.run([*before, *INNER, *words], **options)  # type: ignore[call-overload]


def wait_for(path: Path, *processes: subprocess.Popen[Any]) -> None:
    """Until that is there, while these run."""
    end = time.monotonic() + 60
    while not path.exists():
        for process in processes:
            assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, f"no {path}"
        time.sleep(0.02)


def killed(process: subprocess.Popen[Any]) -> None:
    """Kill inner itself, and wait until all that it had started has died with it."""
    from inner.launch import reach, tree

    left = reach.below(process.pid)
    process.kill()
    process.wait()
    end = time.monotonic() + 60
    while alive := [pid for pid in left if tree.stat(pid)[:1] not in ([], [b"Z"])]:
        assert time.monotonic() < end, f"still there: {alive}"
        time.sleep(0.01)
