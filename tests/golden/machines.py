"""Machines as records: what `plan.build` can ask about them. `debian_12` was recorded on one (`python -m tests.golden.record`);
the others are written down from their distributions' file lists, as far as a plan looks.
"""

from inner.facts import Facts
from inner.host import Stat

PROJECT = "/home/user/project"
COMMON_ENV = {"HOME": "/home/user", "USER": "user", "SHELL": "/bin/bash", "TERM": "xterm-256color", "LANG": "en_US.UTF-8"}
PROC = {
    f"/proc/{name}": "file"
    for name in ("keys", "key-users", "kallsyms", "modules", "timer_list", "interrupts", "diskstats", "partitions")
}
USER = {
    PROJECT: "dir",
    "/home/user/.bash_history": "file",
    "/home/user/.ssh/id_ed25519": "file",
    "/home/user/.aws/credentials": "file",
    "/home/user/.npmrc": "file",
    "/home/user/.gitconfig": ("file", b"[user]\n\tname = A User\n\temail = user@example.org\n"),
}
MERGED = {"/bin": "link:usr/bin", "/sbin": "link:usr/sbin", "/lib": "link:usr/lib", "/lib64": "link:usr/lib64"}
TOOLS = {f"/usr/bin/{name}": ("file", b"\x7fELF") for name in ("bash", "sh", "env", "git", "ls", "apt-get")}
TEXT = ("file", b"text\n")


def _facts(*trees, env=None, **rest):
    tree = {path: what for part in trees for path, what in part.items()}
    return Facts(tree, env={**COMMON_ENV, "PATH": "/usr/local/bin:/usr/bin:/bin", **(env or {})}, **rest)


def debian_12():
    etc = {
        "/etc/ld.so.cache": "file", "/etc/ld.so.conf": TEXT, "/etc/ld.so.conf.d": "dir", "/etc/alternatives/awk": "link:/usr/bin/mawk",
        "/etc/ssl/certs/ca-certificates.crt": "file", "/etc/ssl/openssl.cnf": TEXT, "/etc/ssl/private": "dir", "/etc/ca-certificates": "dir",
        "/etc/localtime": "link:/usr/share/zoneinfo/Etc/UTC", "/usr/share/zoneinfo/Etc/UTC": "file", "/etc/timezone": TEXT,
        "/etc/os-release": "link:../usr/lib/os-release", "/usr/lib/os-release": ("file", b"ID=debian\n"), "/etc/services": TEXT,
        "/etc/protocols": TEXT, "/etc/terminfo": "dir", "/etc/inputrc": TEXT, "/etc/profile": TEXT, "/etc/profile.d": "dir",
        "/etc/bash.bashrc": TEXT, "/etc/resolv.conf": ("file", b"nameserver 192.0.2.1\n"), "/etc/shadow": "file", "/etc/machine-id": TEXT,
        "/etc/ssh/ssh_host_ed25519_key": "file", "/etc/python3.11": "dir", "/etc/perl": "dir",
    }  # fmt: skip
    return _facts(USER, MERGED, TOOLS, PROC, etc, {"/usr/local/bin": "dir", "/run/docker.sock": "socket"})


def ubuntu_24_04():
    etc = {
        "/etc/ld.so.cache": "file", "/etc/alternatives/awk": "link:/usr/bin/mawk", "/etc/ssl/certs/ca-certificates.crt": "file",
        "/etc/resolv.conf": "link:../run/systemd/resolve/stub-resolv.conf", "/run/systemd/resolve/stub-resolv.conf": ("file", b"nameserver 127.0.0.53\n"),
        "/etc/localtime": "link:/usr/share/zoneinfo/Europe/Rome", "/usr/share/zoneinfo/Europe/Rome": "file", "/etc/profile": TEXT,
        "/etc/os-release": "link:../usr/lib/os-release", "/usr/lib/os-release": ("file", b"ID=ubuntu\n"), "/etc/apparmor.d/bwrap": "file",
    }  # fmt: skip
    home = {
        "/home/user/.local/bin/claude": "link:../share/claude/versions/2.1.0",
        "/home/user/.local/share/claude/versions/2.1.0": Stat("file", 0o755, 1000, 1000, 1),
    }
    path = "/home/user/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin"
    return _facts(USER, MERGED, TOOLS, PROC, etc, home, {"/snap/bin/code": "link:/usr/bin/snap"}, env={"PATH": path})


def fedora_42():
    merged = {**MERGED, "/sbin": "link:usr/bin", "/usr/sbin": "link:bin"}
    etc = {
        "/etc/pki/tls/certs/ca-bundle.crt": "link:/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem": "file", "/etc/pki/tls/private": "dir", "/etc/pki/tls/openssl.cnf": TEXT,
        "/etc/ssl/certs": "link:../pki/tls/certs", "/etc/crypto-policies/back-ends/openssl.config": TEXT, "/etc/ld.so.cache": "file",
        "/etc/localtime": "link:../usr/share/zoneinfo/UTC", "/usr/share/zoneinfo/UTC": "file", "/etc/bashrc": TEXT,
        "/etc/os-release": "link:../usr/lib/os-release", "/usr/lib/os-release": ("file", b"ID=fedora\n"),
        "/etc/resolv.conf": "link:../run/systemd/resolve/stub-resolv.conf", "/run/systemd/resolve/stub-resolv.conf": ("file", b"nameserver 127.0.0.53\n"),
    }  # fmt: skip
    return _facts(USER, merged, TOOLS, PROC, etc)


def arch():
    merged = {
        "/bin": "link:usr/bin",
        "/sbin": "link:usr/bin",
        "/lib": "link:usr/lib",
        "/lib64": "link:usr/lib",
        "/usr/sbin": "link:bin",
    }
    etc = {
        "/etc/ca-certificates/extracted/tls-ca-bundle.pem": "file", "/etc/ssl/certs/ca-certificates.crt": "link:../../ca-certificates/extracted/tls-ca-bundle.pem",
        "/etc/ld.so.cache": "file", "/etc/localtime": "link:/usr/share/zoneinfo/UTC", "/usr/share/zoneinfo/UTC": "file", "/etc/locale.conf": TEXT,
        "/etc/os-release": "link:../usr/lib/os-release", "/usr/lib/os-release": ("file", b"ID=arch\n"), "/etc/resolv.conf": ("file", b"nameserver 192.0.2.1\n"),
    }  # fmt: skip
    return _facts(USER, merged, TOOLS, PROC, etc)


def nixos():
    store = "/nix/store/0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c"
    system = {
        f"{store}-system/sw/bin": f"link:{store}-path/bin", f"{store}-path/bin/git": f"link:{store}-git/bin/git", f"{store}-git/bin/git": ("file", b"\x7fELF"),
        f"{store}-path/bin/bash": f"link:{store}-bash/bin/bash", f"{store}-bash/bin/bash": ("file", b"\x7fELF"),
        "/run/current-system": f"link:{store}-system", "/run/wrappers/bin/sudo": "file",
        "/bin/sh": f"link:{store}-bash/bin/bash", "/usr/bin/env": f"link:{store}-coreutils/bin/env", f"{store}-coreutils/bin/env": ("file", b"\x7fELF"),
        "/etc/static": f"link:{store}-etc/etc", f"{store}-etc/etc/ssl/certs/ca-bundle.crt": "file", f"{store}-etc/etc/set-environment": TEXT,
        "/etc/ssl/certs/ca-certificates.crt": "link:/etc/static/ssl/certs/ca-bundle.crt", "/etc/set-environment": "link:/etc/static/set-environment",
        "/etc/os-release": f"link:{store}-etc/etc/os-release", f"{store}-etc/etc/os-release": ("file", b"ID=nixos\n"),
        "/etc/localtime": "link:/etc/zoneinfo/UTC", "/etc/zoneinfo": f"link:{store}-tzdata/share/zoneinfo", f"{store}-tzdata/share/zoneinfo/UTC": "file",
        "/etc/resolv.conf": ("file", b"nameserver 192.0.2.1\n"), "/etc/profiles/per-user/user/bin": "dir",
        "/home/user/.nix-profile": "link:/nix/var/nix/profiles/per-user/user/profile", "/nix/var/nix/profiles/per-user/user/profile/bin": "dir",
    }  # fmt: skip
    path = "/run/wrappers/bin:/home/user/.nix-profile/bin:/etc/profiles/per-user/user/bin:/run/current-system/sw/bin"
    return _facts(USER, PROC, system, env={"PATH": path, "SHELL": "/run/current-system/sw/bin/bash"})


def container():
    """Debian's slim image, as root, with the project at /work."""
    etc = {"/etc/ld.so.cache": "file", "/etc/alternatives": "dir", "/etc/resolv.conf": ("file", b"nameserver 192.0.2.1\n"), "/etc/os-release": "link:../usr/lib/os-release",
           "/usr/lib/os-release": ("file", b"ID=debian\n"), "/.dockerenv": "file", "/work": "dir", "/root/.bash_history": "file", "/proc/sys": "dir"}  # fmt: skip
    env = {"HOME": "/root", "USER": "root", "SHELL": "/bin/bash", "TERM": "xterm"}
    return _facts(MERGED, TOOLS, PROC, etc, env=env, uid=0, gid=0, user="root", home="/root", cwd="/work")


def wsl():
    """Ubuntu on Windows: its folders are on PATH behind 9p, and the resolver file is Windows'."""
    etc = {
        "/etc/ld.so.cache": "file", "/etc/ssl/certs/ca-certificates.crt": "file", "/etc/wsl.conf": TEXT, "/etc/os-release": "link:../usr/lib/os-release",
        "/usr/lib/os-release": ("file", b"ID=ubuntu\n"), "/etc/resolv.conf": "link:/mnt/wsl/resolv.conf", "/mnt/wsl/resolv.conf": ("file", b"nameserver 10.255.255.254\n"),
        "/etc/localtime": "link:/usr/share/zoneinfo/Europe/Rome", "/usr/share/zoneinfo/Europe/Rome": "file", "/etc/profile": TEXT,
    }  # fmt: skip
    windows = {
        "/mnt/c/Windows/System32/cmd.exe": "file", "/mnt/c/Windows/System32/clip.exe": "file", "/mnt/c/Users/user/AppData/Local/Programs/code.exe": "file",
        "/run/WSL/1_interop": "socket", "/mnt/wslg/runtime-dir/wayland-0": "socket", "/tmp/.X11-unix/X0": "socket",
        "/usr/lib/wsl/lib/nvidia-smi": "file",
    }  # fmt: skip
    path = "/usr/local/bin:/usr/bin:/bin:/usr/lib/wsl/lib:/mnt/c/Windows/System32:/mnt/c/Users/user/AppData/Local/Programs"
    env = {"PATH": path, "WSL_INTEROP": "/run/WSL/1_interop", "WSL_DISTRO_NAME": "Ubuntu", "DISPLAY": ":0"}
    return _facts(USER, MERGED, TOOLS, PROC, etc, windows, env=env)


MACHINES = {f.__name__: f for f in (debian_12, ubuntu_24_04, fedora_42, arch, nixos, container, wsl)}
