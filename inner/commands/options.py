"""The options of `inner run`, declared once: the Typer command, the fast reader of `inner.front`, the reference page and the
Request all come from this table. Importing it costs nothing.
"""

from __future__ import annotations

from inner.frozen import frozen


@frozen
class Option:
    """One option. `field` is its name in Request; `kind` is "text", "texts" (repeatable), "number", "count" (a whole number),
    "flag" (True when given) or "switch" (True or False: the last of `names` is the negative form).
    """

    field: str
    names: tuple[str, ...]
    kind: str
    help: str
    group: str
    metavar: str = ""


BOX, COMMAND, LIMITS, TRUST, SHOW = "The box", "The command", "Limits", "Trust", "Look before you leap"

RUN = (
    Option("profile", ("-p", "--profile"), "text", "Profile: a name, or a path with `/` or `.toml`", BOX, "NAME"),
    Option("workdir", ("-w", "--workdir"), "text", "Folder to work in, writable (default: here)", BOX, "PATH"),
    Option(
        "mount",
        ("-m", "--mount"),
        "texts",
        "Also mount SRC at DEST; MODE: ro (default), rw, safe-rw, overlay",
        BOX,
        "SRC:DEST[:MODE]",
    ),
    Option("env", ("-e", "--env"), "texts", "Set a variable in the box", BOX, "K=V"),
    Option("network", ("--network", "--no-network"), "switch", "Share the host's network, or have none", BOX),
    Option("allow_host", ("--allow-host",), "texts", "Let the box reach this host", BOX, "HOST[:PORT]"),
    Option("ask", ("--ask",), "flag", "Ask about hosts that are on no list, a minute each (`inner approvals`)", BOX),
    Option(
        "publish",
        ("--publish",),
        "texts",
        "Reach a server of the box at this port of your own machine, 127.0.0.1",
        BOX,
        "PORT[:BOXPORT]",
    ),
    Option("allow", ("--allow",), "texts", "Grant something hidden, such as `npmrc`", BOX, "KEY"),
    Option("block", ("--block",), "texts", "Make this command fail in the box", BOX, "CMD"),
    Option("review", ("--review",), "flag", "Keep the changes apart until `inner apply`", BOX),
    Option("entrypoint", ("--entrypoint",), "text", "Run this instead of the profile's command", COMMAND, "CMD"),
    Option("arg", ("-a", "--arg"), "texts", "Append one argument", COMMAND, "TEXT"),
    Option("args_file", ("--args-file",), "text", "Append what is in this file as one argument", COMMAND, "PATH"),
    Option(
        "interactive",
        ("-i", "--interactive", "--no-interactive"),
        "switch",
        "With or without a terminal (default: as here)",
        COMMAND,
    ),
    Option("detach", ("--detach",), "flag", "Leave it running; print its id", COMMAND),
    Option("timeout", ("--timeout",), "number", "End the run after this time", LIMITS, "SECONDS"),
    Option("limit_memory", ("--limit-memory",), "text", "Memory, such as 4G", LIMITS, "SIZE"),
    Option("limit_cpu", ("--limit-cpu",), "text", "Processor time: cores such as 1.5, or 150%", LIMITS, "CORES"),
    Option("limit_pids", ("--limit-pids",), "count", "Number of processes", LIMITS, "N"),
    Option("no_project", ("--no-project",), "flag", "Ignore the project's own .inner.toml", TRUST),
    Option("sha256", ("--sha256",), "text", "Refuse a downloaded profile with another digest", TRUST, "HEX"),
    Option("allow_remote", ("--allow-remote",), "flag", "Let a profile come from a URL, narrowed; asks first", TRUST),
    Option("trust_remote", ("--trust-remote",), "flag", "Use a downloaded profile as it is", TRUST),
    Option("yes", ("-y", "--yes"), "flag", "Answer yes to questions, but not about downloads", TRUST),
    Option("trace", ("--trace",), "flag", "Tell what the command looked for in vain; needs strace", SHOW),
    Option("dry_run", ("--dry-run",), "flag", "Show what would be done, and stop", SHOW),
    Option("json", ("--json",), "flag", "With --dry-run: the plan as JSON", SHOW),
)
