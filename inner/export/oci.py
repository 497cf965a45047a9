"""config.json of an OCI runtime bundle (runtime-spec 1.0.2) for a runtime without root; `rootfs` beside it is unpacked by you.

JSON has no comments: what cannot be said is in `annotations`.
"""

from __future__ import annotations

import json
import os

from inner.frozen import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from inner.export.container import Container, Volume

SHM = "/dev/shm"  # noqa: S108 - the box's own
MASKED = ("/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/sched_debug",
          "/proc/scsi", "/sys/firmware")  # fmt: skip
READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
PERIOD = 100_000
FILTERED = ("nosuid", "nodev")


def render(box: Container) -> str:
    """The whole text."""
    notices = [*box.notices, *(f"the value of {name} is not in here: add it to process.env" for name in box.names)]
    namespaces = ["pid", "ipc", "uts", "mount", "cgroup", "user", "network"]
    if box.network == "full":
        notices.append("a network namespace of its own, with nothing in it: connect it by a hook (slirp4netns, pasta)")
    elif box.network == "allowlist":
        notices.append("a runtime holds no allowlist: there is no network")
    notices.append("the user is 0 in the container, which is you outside, and has no capability: runtimes map one user so")
    if box.timeout:
        notices.append(f"the time limit of {box.timeout} s is not held")
    config: dict[str, Any] = {
        "ociVersion": "1.0.2",
        "annotations": {f"inner.notice.{number:02}": text for number, text in enumerate(notices, 1)} | {"inner.image": box.image},
        "hostname": "box",
        "root": {"path": "rootfs", "readonly": True},
        "process": {
            "terminal": box.terminal,
            "user": {"uid": 0, "gid": 0},
            "args": list(box.command),
            "env": [f"{name}={value}" for name, value in box.env],
            "cwd": box.cwd,
            "capabilities": {name: [] for name in ("bounding", "effective", "inheritable", "permitted", "ambient")},
            "noNewPrivileges": True,
            "rlimits": [{"type": "RLIMIT_CORE", "hard": 0, "soft": 0}],
        },
        "mounts": [*_system(), *(mount for one in box.volumes for mount in _mount(one))],
        "linux": {
            "uidMappings": [{"containerID": 0, "hostID": os.getuid(), "size": 1}],
            "gidMappings": [{"containerID": 0, "hostID": os.getgid(), "size": 1}],
            "namespaces": [{"type": name} for name in namespaces],
            "resources": {
                "devices": [{"allow": False, "access": "rwm"}],
                "memory": {"limit": box.memory, "swap": box.memory},
                "cpu": {"quota": int(box.cpu * PERIOD), "period": PERIOD},
                "pids": {"limit": box.pids},
            },
            "maskedPaths": list(MASKED),
            "readonlyPaths": list(READ_ONLY),
        },
    }
    return json.dumps(config, indent=2)


def _system() -> list[dict[str, Any]]:
    return [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {
            "destination": "/dev",
            "type": "tmpfs",
            "source": "tmpfs",
            "options": ["nosuid", "strictatime", "mode=755", "size=65536k"],
        },
        {
            "destination": "/dev/pts",
            "type": "devpts",
            "source": "devpts",
            "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"],
        },
        {
            "destination": SHM,
            "type": "tmpfs",
            "source": "shm",
            "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
        },
    ]


def _mount(one: Volume) -> list[dict[str, Any]]:
    if one.kind == "tmpfs" or (one.kind == "mask" and one.shape == "dir"):
        size = [f"size={one.size}"] if one.size else []
        options = [*FILTERED, *size, "mode=1777"] if one.kind == "tmpfs" else [*FILTERED, "ro", "mode=0555", "size=4096"]
        return [{"destination": one.dest, "type": "tmpfs", "source": "tmpfs", "options": options}]
    source = "/dev/null" if one.kind == "mask" else one.src
    return [{"destination": one.dest, "type": "bind", "source": source, "options": ["rbind", "rprivate", *FILTERED, one.mode]}]
