"""What has to be undone, newest first, whatever happens: `contextlib.ExitStack` at a tenth of its import."""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Undo:
    """Calls in reverse order when the `with` block is left. One that fails does not keep the others from happening; the first
    failure is raised at the end, unless something else is on its way already."""

    def __init__(self) -> None:
        self._calls: list[tuple[Callable[..., object], tuple[object, ...]]] = []

    def later(self, call: Callable[..., object], *arguments: object) -> None:
        """Do this at the end."""
        self._calls.append((call, arguments))

    def __enter__(self) -> Undo:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        first: BaseException | None = None
        while self._calls:
            call, arguments = self._calls.pop()
            try:
                call(*arguments)
            except BaseException as problem:  # noqa: BLE001
                first = first or problem
        if first is not None and error is None:
            raise first
