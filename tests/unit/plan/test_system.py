from inner.facts import Facts
from inner.plan.model import Bind, Data, Dir, Mask, Symlink, Tmpfs
from inner.plan.system import system

TREE = {
    "/usr/bin/sh": "file", "/bin": "link:usr/bin", "/lib64": "dir", "/usr/local/etc/secret": "file", "/etc/shadow": "file", "/etc/passwd": ("file", b"other:x:1:1::/:\n"),
    "/etc/os-release": "link:../usr/lib/os-release", "/usr/lib/os-release": ("file", b"ID=x"), "/etc/alternatives/awk": "file", "/etc/hosts": ("file", b"10.0.0.1 secret-host\n"),
    "/etc/services": ("file", b"http 80/tcp\n"), "/etc/app.conf": ("file", b"password"), "/etc/machine-id": "file", "/etc/resolv.conf": "link:/run/stub", "/run/stub": ("file", b"nameserver 192.0.2.1\n"),
    "/proc/keys": "file", "/proc/sys": "dir", "/home/other/x": "file", "/nix/store/p": "dir", "/etc/ssl/certs/a.crt": "link:/usr/share/ca/a.crt", "/etc/ssl/private/key.pem": "file",
    "/home/user": "dir", "/run/systemd": "dir", "/var/log": "dir",
}  # fmt: skip


def box(root="minimal", network="off", nested=False, **host):
    facts = Facts(TREE, env={}, **host)
    return system(
        facts, root=root, user="user", uid=1000, gid=1000, home="/home/user", shell="/bin/sh", network=network, nested=nested
    )


def by_dest(mounts):
    return {m.dest: m for m in mounts}


def test_nothing_of_etc_is_in_the_box_that_is_not_named():
    seen = by_dest(box())
    assert not {"/etc/shadow", "/etc/app.conf", "/etc/machine-id", "/etc/ssl", "/etc/ssl/private", "/etc"} & {
        d for d, m in seen.items() if isinstance(m, Bind)
    }
    assert seen["/etc/alternatives"] == Dir("/etc/alternatives", why="system configuration")
    assert seen["/etc/services"] == Data("/etc/services", b"http 80/tcp\n", why="system configuration", src="/etc/services")
    assert seen["/etc/os-release"] == Symlink("/usr/lib/os-release", "/etc/os-release", "system configuration")


def test_users_and_hosts_are_made_up():
    seen = by_dest(box())
    assert b"other" not in seen["/etc/passwd"].content and b"user:x:1000:1000" in seen["/etc/passwd"].content
    assert b"secret-host" not in seen["/etc/hosts"].content


def test_the_resolver_is_there_only_with_the_hosts_network():
    assert "/etc/resolv.conf" not in by_dest(box())
    assert by_dest(box(network="full"))["/etc/resolv.conf"].content == b"nameserver 192.0.2.1\n"
    assert b"hosts: files\n" in by_dest(box())["/etc/nsswitch.conf"].content


def test_merged_usr_stays_links_and_split_usr_stays_mounts():
    seen = by_dest(box())
    assert seen["/bin"].target == "usr/bin"
    assert seen["/lib64"] == Bind("/lib64", "/lib64", why="programs and libraries")
    assert seen["/nix/store"].mode == "ro"
    assert isinstance(seen["/usr/local/etc"], Mask)


def test_nothing_of_proc_is_hidden_where_the_box_may_mount_its_own():
    assert isinstance(by_dest(box())["/proc/keys"], Mask)
    assert "/proc/keys" not in by_dest(box(nested=True))


def test_root_gets_its_kernel_parameters_read_only():
    """All of /proc, not a list of what is known today to belong to uid 0."""
    assert by_dest(box(uid=0))["/proc"].mode == "ro"
    assert by_dest(box())["/proc"].mode == "rw"


def test_the_hosts_root_is_read_only_and_without_other_peoples_things():
    seen = by_dest(box(root="host-ro"))
    assert seen["/"] == Bind("/", "/", why="the host's root, read-only")
    assert isinstance(seen["/etc/shadow"], Mask)
    assert {d for d, m in seen.items() if isinstance(m, Tmpfs) and m.mode == "ro"} == {
        "/home",
        "/run",
        "/var/log",
        "/etc/ssl/private",
    } | {"/usr/local/etc"}


def test_every_tmpfs_has_a_size():
    assert all(m.size > 0 for m in (*box(), *box(root="host-ro")) if isinstance(m, Tmpfs))
