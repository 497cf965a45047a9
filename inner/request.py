"""What was typed after `inner run`, validated in form only: nothing here has met a disk or an environment."""

from __future__ import annotations

from inner.frozen import frozen


@frozen
class Request:
    """The flags of `inner run` (docs/reference/commands). None, "" and () mean: not given."""

    profile: str = ""
    workdir: str = ""
    network: bool | None = None
    allow_host: tuple[str, ...] = ()
    ask: bool = False
    publish: tuple[str, ...] = ()  # PORT[:BOXPORT]
    interactive: bool | None = None
    mount: tuple[str, ...] = ()  # SRC:DEST[:MODE]
    env: tuple[str, ...] = ()  # K=V
    entrypoint: str = ""
    arg: tuple[str, ...] = ()
    args_file: str = ""
    timeout: float | None = None  # seconds
    limit_memory: str = ""
    limit_cpu: str = ""
    limit_pids: int | None = None
    allow: tuple[str, ...] = ()
    block: tuple[str, ...] = ()
    review: bool = False
    detach: bool = False
    trace: bool = False
    dry_run: bool = False
    json: bool = False
    sha256: str = ""
    allow_remote: bool = False
    trust_remote: bool = False
    yes: bool = False
    no_project: bool = False
    words: tuple[str, ...] = ()  # after `--`
