"""The system part of the box: root, /usr, a curated /etc, kernel file systems, scratch space.

A file of /etc is in the box because it is named here; nothing is taken by pattern. Links into what is visible stay links and
small files are copied into the root's own memory: every mount makes the start slower (bwrap re-reads mountinfo for each).
"""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING
from inner.host import kind, realpath
from inner.paths import BoxPath, HostPath, covers
from inner.plan.model import MIB, Bind, Data, Dev, Dir, Mask, Proc, Symlink, Tmpfs
from inner.plan.network import resolv_conf

if TYPE_CHECKING:
    from inner.host import Host
    from inner.plan.model import Mount

STORES = ("/nix/store", "/gnu/store")
MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
COPIED = 128 * 1024  # a file of /etc up to this size is copied, not bound
FEW = 8  # a folder of /etc with no more entries than these, none a folder, is copied with them

ETC = (
    # linker, alternatives, certificates
    "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "ssl/certs", "ssl/openssl.cnf", "ca-certificates/extracted",
    "ca-certificates.conf", "pki/tls/certs", "pki/tls/cert.pem", "pki/tls/openssl.cnf", "pki/ca-trust/extracted", "crypto-policies",
    # time, locale, terminal
    "localtime", "timezone", "locale.alias", "locale.conf", "default/locale", "terminfo", "inputrc", "DIR_COLORS",
    # names of things
    "os-release", "debian_version", "lsb-release", "redhat-release", "fedora-release", "arch-release", "NIXOS",
    "services", "protocols", "host.conf", "gai.conf", "mime.types", "magic", "shells", "gitattributes",
    # shells, editors, fonts, pagers
    "profile", "profile.d", "bash.bashrc", "bashrc", "bash_completion.d", "bash_completion", "zsh", "zshenv", "zshrc", "zprofile",
    "set-environment", "vim", "nanorc", "fonts", "xdg", "manpath.config", "man_db.conf", "papersize", "static",
)  # fmt: skip
ETC_PREFIXES = ("java-", "python3", "perl", "chromium")  # Debian keeps parts of these runtimes' own configuration in /etc

# What /proc tells about the machine rather than about the box. World-readable or asked for by attackers first.
PROC_MASKED = (
    "keys",
    "key-users",
    "kallsyms",
    "modules",
    "timer_list",
    "sched_debug",
    "slabinfo",
    "interrupts",
    "diskstats",
    "partitions",
)
# uid 0 outside owns the files of /proc whatever its capabilities are (fs/proc/proc_sysctl.c, test_perm): there it is read-only as a
# whole, and what others could not have read is hidden.
PROC_ROOT_MASKED = (
    "kcore",
    "kmsg",
    "kpagecount",
    "kpageflags",
    "kpagecgroup",
    "latency_stats",
    "pagetypeinfo",
    "vmallocinfo",
    "vmcore",
)

# With `root = "host-ro"` these are replaced by empty folders: other people's files, sockets, logs, mail, backups.
HOST_RO_EMPTY = ("/home", "/root", "/run", "/var/log", "/var/mail", "/var/spool", "/var/backups", "/var/lib/docker",
                 "/var/lib/containers", "/var/lib/systemd/coredump", "/var/crash", "/mnt", "/media", "/srv", "/boot", "/lost+found",
                 "/etc/ssh", "/etc/ssl/private", "/etc/sudoers.d", "/etc/NetworkManager/system-connections", "/usr/local/etc")  # fmt: skip
HOST_RO_MASKED = (
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/gshadow",
    "/etc/gshadow-",
    "/etc/sudoers",
    "/etc/machine-id",
    "/var/lib/dbus/machine-id",
    "/etc/krb5.keytab",
)

# They are in memory, which not every host can bound for a box as a whole: what is larger belongs into a folder of the host's
# (`--mount DIR:/tmp:rw`).
TMP_SIZE, VAR_TMP_SIZE, HOME_SIZE, RUN_SIZE, ROOT_SIZE = 480 * MIB, 256 * MIB, 480 * MIB, 64 * MIB, 16 * MIB


def system(
    host: Host, *, root: str, user: str, uid: int, gid: int, home: str, shell: str, network: str, nested: bool = False
) -> tuple[Mount, ...]:
    """The mounts every box has, parents before children. `network` decides which resolver files there are; `nested`: the box may
    make pid namespaces of its own, and mount a /proc for each, which the kernel allows while nothing hides a part of this one.
    """
    mounts: list[Mount] = list(_minimal(host) if root == "minimal" else _host_ro(host))
    proc = Proc(mode="ro", why="processes of the box; kernel parameters belong to root") if host.uid == 0 else Proc()
    mounts += [proc, Dev()]
    mounts += [] if nested else _proc_masks(host)
    mounts += [
        Tmpfs(BoxPath("/tmp"), TMP_SIZE, 0o1777, why="scratch space"),  # noqa: S108 - the box's own
        Tmpfs(BoxPath("/var/tmp"), VAR_TMP_SIZE, 0o1777, why="scratch space"),  # noqa: S108
    ]
    if root == "minimal":
        mounts += _identity(user, uid, gid, home, shell)
    mounts += _names(host, network)
    return tuple(mounts)


def _minimal(host: Host) -> list[Mount]:
    mounts: list[Mount] = [Tmpfs(BoxPath("/"), ROOT_SIZE, 0o755, "ro", why="root of the box")]
    if kind(host, "/usr") == "dir":
        mounts.append(Bind(HostPath("/usr"), BoxPath("/usr"), why="programs and libraries"))
    for name in MERGED:
        mounts += _merged(host, "/" + name)
    if kind(host, "/usr/local/etc") == "dir" and host.listdir("/usr/local/etc"):
        mounts.append(Mask(BoxPath("/usr/local/etc"), why="an administrator's configuration"))
    mounts += [
        Bind(HostPath(store), BoxPath(store), why="packages of the system") for store in STORES if kind(host, store) == "dir"
    ]
    mounts += [Dir(BoxPath("/etc")), Dir(BoxPath("/run")), Dir(BoxPath("/var")), Symlink("../run", BoxPath("/var/run"))]
    current = host.lstat("/run/current-system")
    if current is not None and current.kind == "link":
        mounts.append(Symlink(host.readlink("/run/current-system"), BoxPath("/run/current-system"), why="programs of NixOS"))
    visible = tuple(m.dest for m in mounts if isinstance(m, Bind))
    names = list(ETC) + [n for n in host.listdir("/etc") if n.startswith(ETC_PREFIXES)]
    for name in names:
        mounts += _etc(host, "/etc/" + name, visible)
    return mounts


def _merged(host: Host, path: str) -> list[Mount]:
    """/bin and its like: a link where the host has one (merged usr), a mount where it is a folder of its own."""
    found = host.lstat(path)
    if found is None:
        return []
    if found.kind == "link":
        return [Symlink(host.readlink(path), BoxPath(path), why="merged /usr")]
    return [Bind(HostPath(path), BoxPath(path), why="programs and libraries")]


def _etc(host: Host, path: str, visible: tuple[str, ...]) -> list[Mount]:
    found = host.lstat(path)
    if found is None:
        return []
    real = realpath(host, path)
    if any(covers(mount, real) for mount in visible):
        return [Symlink(real, BoxPath(path), why="system configuration")]
    what = host.lstat(real)
    if what is None or what.kind not in ("dir", "file"):
        return []
    if what.kind == "file" and what.size <= COPIED:
        content = host.read(real, COPIED)
        return [] if content is None else [Data(BoxPath(path), content, why="system configuration", src=real)]
    if what.kind == "dir" and len(names := host.listdir(real)) <= FEW:
        inside = [(name, host.lstat(f"{real}/{name}")) for name in names]
        if all(entry and entry.kind != "dir" and entry.size <= COPIED for _, entry in inside):
            copied: list[Mount] = [Dir(BoxPath(path), why="system configuration")]
            for name in names:
                copied += _etc(host, f"{path}/{name}", visible)
            return copied
    return [Bind(real, BoxPath(path), kind=what.kind, why="system configuration")]


def _host_ro(host: Host) -> list[Mount]:
    mounts: list[Mount] = [Bind(HostPath("/"), BoxPath("/"), why="the host's root, read-only")]
    for path in HOST_RO_EMPTY:
        found = host.lstat(path)  # a link leads to something that is on this list itself, or is covered by /run
        if found is not None and found.kind == "dir":
            mounts.append(Tmpfs(BoxPath(path), 1 * MIB, 0o755, "ro", why="hidden from every box"))
    mounts += [Mask(BoxPath(path), "file", why="hidden from every box") for path in HOST_RO_MASKED if kind(host, path) == "file"]
    return mounts


def _proc_masks(host: Host) -> list[Mount]:
    names = PROC_MASKED + (PROC_ROOT_MASKED if host.uid == 0 else ())
    return [
        Mask(BoxPath(f"/proc/{name}"), "file", why="about the machine")
        for name in names
        if (found := host.lstat(f"/proc/{name}")) is not None and (host.uid == 0 or found.mode & 0o004)
    ]


def _identity(user: str, uid: int, gid: int, home: str, shell: str) -> list[Mount]:
    """/etc/passwd and /etc/group with this user and nobody else's name."""
    passwd = [f"{user}:x:{uid}:{gid}:{user}:{home}:{shell}", "nobody:x:65534:65534:nobody:/:/usr/sbin/nologin"]
    group = [f"{user}:x:{gid}:", "nogroup:x:65534:"]
    if uid != 0:
        passwd.insert(0, "root:x:0:0:root:/root:/usr/sbin/nologin")
        group.insert(0, "root:x:0:")
    return [
        Data(BoxPath("/etc/passwd"), _lines(passwd), why="made for this box"),
        Data(BoxPath("/etc/group"), _lines(group), why="made for this box"),
    ]


def _names(host: Host, network: str) -> list[Mount]:
    """How names are resolved. With an allowlist the resolver is the egress process's."""
    mounts: list[Mount] = [
        Data(BoxPath("/etc/hosts"), b"127.0.0.1 localhost inner\n::1 localhost inner\n", why="made for this box"),
        Data(
            BoxPath("/etc/nsswitch.conf"),
            _lines(
                [
                    "passwd: files",
                    "group: files",
                    "hosts: files" + (" dns" if network != "off" else ""),
                    "services: files",
                    "protocols: files",
                ]
            ),
            why="made for this box",
        ),
    ]
    resolver = resolv_conf() if network == "allowlist" else host.read(realpath(host, "/etc/resolv.conf"))
    if network != "off" and resolver is not None:
        why = "the resolver of the allowlist" if network == "allowlist" else "the host's resolver"
        mounts.append(Data(BoxPath("/etc/resolv.conf"), resolver, why=why))
    return mounts


def _lines(lines: list[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")
