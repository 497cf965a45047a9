"""A virtual machine from an image: nothing it writes is kept, and it has no network. KVM where a kernel really starts under it."""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import tarfile
import time
from typing import NamedTuple

from image import Image

# setpriv: it ends with the tests, however they end.
BARE = (
    "setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-M", "q35", "-nodefaults", "-no-user-config", "-display", "none", "-monitor",
    "none", "-no-reboot",
)  # fmt: skip
PROBE = 15.0  # seconds: there are hosts with a /dev/kvm that starts no kernel (nested virtualisation)
BOOT = 900.0  # seconds: 25 without KVM, many times that beside other work
PATIENCE = 600.0  # seconds for a command


class Done(NamedTuple):
    """What a command in the machine left."""

    status: int
    out: str
    err: str

    @property
    def told(self) -> str:
        """`err` without what is said of long work while it is done: a slow machine is told more of it."""
        return "".join(line for line in self.err.splitlines(keepends=True) if not line.endswith(" so far\n"))


def accelerator(image: Image) -> tuple[str, ...]:
    """KVM, when this kernel comes as far as its initrd with it within `PROBE`; else qemu's own translation, some eight times slower."""
    # One processor: with more, qemu 7.2 loses the race when a kernel changes its own code (`Oops: int3`, in a static branch).
    slow = ("-accel", "tcg", "-cpu", "max,la57=off", "-smp", "1")
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return slow
    fast = ("-accel", "kvm", "-cpu", "host", "-smp", "2")
    kernel = ("-kernel", image.vmlinuz, "-initrd", image.initrd, "-append", "console=ttyS0 quiet panic=-1 inner.probe")
    try:
        told = subprocess.run(
            [*BARE, *fast, "-m", "512", "-serial", "stdio", *kernel],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=PROBE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return slow
    return fast if b"a kernel that starts" in told.stdout else slow


class Machine:
    """A machine that runs, after `booted` seconds. `files` (folders of the host) are in /srv. One that does not answer is ended."""

    def __init__(self, image: Image, accel: tuple[str, ...], folder, files=(), memory: int = 2048, append: str = "") -> None:
        self.console = folder / "console"
        with tarfile.open(folder / "files", "w") as tar:
            for path in files:
                tar.add(path, path.name)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(folder / "agent"))
        listener.listen(1)
        listener.settimeout(60)
        disks = []
        for name, path in (("root", image.root), ("files", folder / "files")):
            disks += [
                "-drive",
                f"if=none,id={name},file={path},format=raw,readonly=on",
                "-device",
                f"virtio-blk-pci,drive={name}",
            ]
        start = time.monotonic()
        self.process = subprocess.Popen(
            [*BARE, *accel, "-m", str(memory), "-serial", f"file:{self.console}", "-device", "virtio-rng-pci",
             "-device", "virtio-serial-pci", "-chardev", f"socket,id=agent,path={folder}/agent", "-device", "virtconsole,chardev=agent",
             "-kernel", image.vmlinuz, "-initrd", image.initrd, *disks,
             "-append", f"console=ttyS0 quiet panic=-1 mitigations=off nokaslr systemd.show_status=false {append}"],
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            self.agent, _ = listener.accept()
            listener.close()
            self.lines = self.agent.makefile("rb")
            self._answer(BOOT)
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise
        self.booted = time.monotonic() - start
        self.first = Done(-1, "", "")

    def _answer(self, timeout: float) -> dict:
        self.agent.settimeout(timeout)
        try:
            line = self.lines.readline()
        except OSError:
            line = b""
        if not line:
            self.process.kill()
            raise AssertionError("the machine does not answer:\n" + self.console.read_text(errors="replace")[-4000:])
        return json.loads(line)

    def root(self, *argv: str, timeout: float = PATIENCE) -> Done:
        """Run as root, outside of any session."""
        assert self.process.poll() is None, "the machine was ended, because it did not answer"
        self.agent.sendall(json.dumps({"argv": argv, "timeout": timeout}).encode() + b"\n")
        return Done(**self._answer(timeout + 60))

    def sh(self, script: str, user: str = "tester", timeout: float = PATIENCE) -> Done:
        """Run a script in a login session of an ordinary user; with systemd, that user has one of their own."""
        return self.root("su", "--login", user, "--command", f"exec sh -c {shlex.quote(script)}", timeout=timeout)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.lines.close()
        self.agent.close()
