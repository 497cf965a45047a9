"""Starts one box with an allowlist, as a launcher would, and tells how it went: one JSON object on standard output."""

from __future__ import annotations

import json
import os
import resource
import select
import subprocess
import sys
import time

from inner.egress import start
from inner.errors import InnerError
from inner.plan.model import Network
from inner.plan.network import resolv_conf
from inner.profile.model import Credential

BWRAP = "/usr/bin/bwrap"


def main(asked: dict) -> dict:
    network = Network("allowlist", tuple(asked.get("allow", ())), tuple(asked.get("deny", ())))
    credentials = {name: Credential(**{**c, "hosts": tuple(c["hosts"])}) for name, c in asked.get("credentials", {}).items()}
    events, event_fd = os.pipe2(os.O_CLOEXEC)
    out, err = os.memfd_create("out"), os.memfd_create("err")
    info, info_fd = os.pipe()
    block_fd, release = os.pipe()
    host = None
    if credentials:
        from inner.host import RealHost

        host = RealHost(dict(os.environ))
    if asked.get("files"):  # as many descriptors may the egress process have
        resource.setrlimit(resource.RLIMIT_NOFILE, (asked["files"], asked["files"]))
    egress = start.prepare(network, host, credentials=credentials, event_fd=event_fd)
    os.close(event_fd)
    files = {"/etc/resolv.conf": resolv_conf()} if network.mode == "allowlist" else {}
    files["/etc/nsswitch.conf"] = b"hosts: files dns\n"
    files["/etc/hosts"] = b"127.0.0.1 localhost\n::1 localhost\n"
    files["/etc/passwd"] = f"u:x:{os.getuid()}:{os.getgid()}:u:/tmp:/bin/sh\n".encode()
    once = [] if asked.get("nested") else ["--disable-userns"]
    argv = [asked.get("bwrap", BWRAP), "--unshare-all", "--unshare-user", *once, "--die-with-parent", "--new-session", "--clearenv",
            "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib",
            "--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--dir", "/etc",
            "--setenv", "PATH", "/usr/bin:/bin", "--setenv", "HOME", "/tmp", "--setenv", "LANG", "C.UTF-8",
            "--info-fd", str(info_fd), "--block-fd", str(block_fd)]  # fmt: skip
    for name, value in asked.get("env", {}).items():
        argv += ["--setenv", name, value]
    for path in asked.get("ro", ()):
        argv += ["--ro-bind", path, path]
    passed = [info_fd, block_fd]
    for path, content in files.items():
        fd = os.memfd_create("file")
        os.write(fd, content)
        os.lseek(fd, 0, 0)
        passed.append(fd)
        argv += ["--ro-bind-data", str(fd), path]
    box = subprocess.Popen(
        [*argv, "--", *asked["argv"]], pass_fds=passed, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env={}
    )
    os.close(info_fd)
    os.close(block_fd)
    text = b""
    while b"}" not in text and (piece := os.read(info, 4096)):
        text += piece
    began = time.monotonic()
    try:
        egress.attach(json.loads(text)["child-pid"])
    except InnerError as problem:
        box.kill()
        box.wait()
        egress.close()
        return {"refused": problem.message, "err": text_of(err)}
    attached = time.monotonic() - began
    os.write(release, b"x")
    lines, peak, ended = b"", 0, 0.0
    deadline = time.monotonic() + asked.get("timeout", 60)
    poll = select.poll()
    poll.register(events, select.POLLIN)
    kill_at = time.monotonic() + asked["kill_egress"] if "kill_egress" in asked else 0
    while True:
        if poll.poll(20):
            lines += os.read(events, 65536)
        if kill_at and time.monotonic() > kill_at:
            os.kill(egress.pid, 9)
            kill_at = 0
        peak = max(peak, memory(egress.pid))
        if box.poll() is not None:
            break
        if time.monotonic() > deadline:
            box.kill()
            box.wait()
            break
    if asked.get("stat"):
        ended = cpu(egress.pid)
    egress.close()
    while piece := os.read(events, 65536):
        lines += piece
    return {
        "status": box.returncode,
        "out": text_of(out),
        "err": text_of(err),
        "events": [json.loads(line) for line in lines.splitlines()],
        "attached": attached,
        "peak": peak,
        "cpu": ended,
    }


def memory(pid: int) -> int:
    """Resident bytes of a process, 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    except (OSError, IndexError):
        return 0


def cpu(pid: int) -> float:
    with open(f"/proc/{pid}/stat", "rb") as file:
        fields = file.read().rpartition(b")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def text_of(fd: int) -> str:
    return os.pread(fd, 1 << 22, 0).decode("utf-8", "replace")


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
