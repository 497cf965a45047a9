"""`inner export podman|oci|kubernetes`: a profile's box for another engine. Nothing is started, and no secret is printed."""

from __future__ import annotations

import os

import typer

from inner.errors import UsageError
from inner.guard import guard

ENGINES = ("podman", "oci", "kubernetes")


def add(app: typer.Typer) -> None:
    """Add the command to the application."""

    @app.command(
        short_help="Print a box for podman, OCI or Kubernetes.",
        help="Print a profile's box as a podman command, an OCI bundle's config.json or a Kubernetes Job. What they cannot hold is "
        "said in the text and on standard error.",
    )
    def export(
        engine: str = typer.Argument(..., metavar="podman|oci|kubernetes", help="For what."),
        words: list[str] = typer.Argument(None, metavar="[-- COMMAND ARGS...]", help="The command.", show_default=False),  # noqa: B008
        profile: str = typer.Option("", "-p", "--profile", metavar="NAME", help="Profile to use."),
        workdir: str = typer.Option("", "-w", "--workdir", metavar="PATH", help="Folder to work in."),
        image: str = typer.Option("debian:stable", "--image", metavar="IMAGE", help="The image that stands for the system."),
    ) -> None:
        raise typer.Exit(guard(lambda: show(engine, tuple(words or ()), profile, workdir, image)))


def show(engine: str, words: tuple[str, ...], name: str, workdir: str, image: str) -> int:
    """Resolve, plan, render."""
    from importlib import import_module

    from inner import ui
    from inner.export.container import container
    from inner.host import RealHost
    from inner.plan.build import build
    from inner.profile.resolve import resolve
    from inner.request import Request
    from inner.settings import load

    if engine not in ENGINES:
        raise UsageError(f"`{ui.safe(engine)}` is no engine", hint=f"one of: {', '.join(ENGINES)}")
    host = RealHost(dict(os.environ))
    request = Request(profile=name, workdir=workdir, words=words)
    profile = resolve(request, load(host, workdir=workdir), host)
    plan = build(profile, request, host, terminal=False, elsewhere=True)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    box = container(plan, profile, image, memory=memory, cpus=len(os.sched_getaffinity(0)))
    ui.out(import_module(f"inner.export.{engine}").render(box))
    for notice in box.notices:
        ui.note(notice)
    return 0
