"""AppArmor keeps user namespaces to programs with a profile, for real: a box is refused, the remedy is told, and typed it helps.

Ubuntu's kernel does so with a sysctl of its own. Other kernels do what profiles say: here the session has one without `userns`,
and what has a profile of its own is started under that one, as on Ubuntu.
"""

from __future__ import annotations

import pytest
from on import on

RULES = (
    "capability", "network", "mount", "umount", "pivot_root", "ptrace", "signal", "unix", "dbus", "mqueue", "io_uring",
    "change_profile -> **", "file rwlkm /{**,}", "pix /**",
)  # fmt: skip
SESSION = "session"


def profile(machine, name, attached=""):
    """Everything is allowed but user namespaces."""
    rules = "".join(f"  allow {rule},\n" for rule in RULES)
    text = f"abi <abi/4.0>,\nprofile {name} {attached} flags=(attach_disconnected,mediate_deleted) {{\n{rules}}}\n"
    done = machine.root("sh", "-c", f"cat > /etc/apparmor.d/{name} <<'END'\n{text}END\napparmor_parser -r /etc/apparmor.d/{name}")
    assert done == (0, "", "")


@pytest.fixture
def restricted(machine):
    """restricted(script): run by the user in a session that may not make user namespaces."""
    profile(machine, SESSION)
    yield lambda script: machine.root("aa-exec", "-p", SESSION, "--", "su", "--login", "tester", "-c", f"cd project; {script}")
    machine.root(
        "sh", "-c", "for name in inner session; do apparmor_parser -R /etc/apparmor.d/$name; rm /etc/apparmor.d/$name; done"
    )


def refused(done, message, where, hint):
    assert (done.status, done.out, done.err.splitlines()) == (125, "", [f"error: {message}", f"  --> {where}", f"hint: {hint}"])


def lines(done, name):
    """A finding of `inner doctor`, its remedy in the same line."""
    return [line for line in done.out.replace("\n                 -> ", " -> ").splitlines() if line.split()[1:2] == [name]]


@on("forky")
def test_a_session_without_user_namespaces_is_refused_and_inners_own_profile_mends_it(machine, restricted):
    message = f"AppArmor's profile `{SESSION}` forbids user namespaces to what runs here"
    machine.root("cp", "/srv/tree/packaging/apparmor/inner", "/etc/apparmor.d/inner")
    remedy = "`sudo apparmor_parser -r /etc/apparmor.d/inner` lets /usr/bin/inner make them"
    assert restricted("unshare --user true").status == 1
    refused(restricted("inner run -- touch made"), message, "/proc/self/attr/current", remedy)
    doctor = restricted("inner doctor")
    assert lines(doctor, "namespaces") == [f"[!!] namespaces  {message} (/proc/self/attr/current) -> {remedy}"]
    assert doctor.status == 4
    assert restricted("inner verify").status == 4
    assert "made" not in machine.root("ls", "/home/tester/project").out

    assert machine.root(*remedy.split("`")[1].removeprefix("sudo ").split()) == (0, "", "")
    assert restricted("unshare --user true").status == 1  # nobody else
    assert restricted("inner run -- cat /proc/self/attr/current") == (0, "inner (unconfined)\n", "")
    verified = restricted("inner verify -p shell")
    assert (verified.status, verified.out.splitlines()[-1]) == (0, "[ok] sandbox conformant"), verified.out
    doctor = restricted("inner doctor")
    assert doctor.status == 0, doctor.out
    assert restricted("inner run --allow-host good.test --review -- true").status == 0


@on("forky")
def test_a_bubblewrap_without_user_namespaces_is_refused_and_the_distributions_profile_mends_it(machine):
    """The remedy that Ubuntu's users are told, with what inner needs under it."""
    profile(machine, "bwrap", "/usr/bin/bwrap")
    message = "AppArmor's profile `bwrap` forbids user namespaces to bubblewrap"
    place = "/usr/share/apparmor/extra-profiles/bwrap-userns-restrict"
    remedy = f"`sudo ln -s {place} /etc/apparmor.d/ && sudo apparmor_parser -r /etc/apparmor.d/bwrap-userns-restrict`"
    try:
        refused(machine.sh("cd project; inner run -- touch made"), message, "/usr/bin/bwrap", remedy)
        doctor = machine.sh("inner doctor")
        assert lines(doctor, "namespaces") == [f"[!!] namespaces  {message} (/usr/bin/bwrap) -> {remedy}"]
        assert doctor.status == 4

        assert machine.root("sh", "-c", remedy.strip("`").replace("sudo ", "")) == (0, "", "")
        assert machine.sh("cd project; inner run -- cat /proc/self/attr/current") == (0, "bwrap//&unpriv_bwrap (enforce)\n", "")
        verified = machine.sh("cd project; inner verify -p shell")
        assert (verified.status, verified.out.splitlines()[-1]) == (0, "[ok] sandbox conformant"), verified.out
        doctor = machine.sh("inner doctor")
        assert doctor.status == 0, doctor.out
        assert machine.sh("cd project; inner run --allow-host good.test --review -- true").status == 0
    finally:
        machine.root("sh", "-c", f"apparmor_parser -R {place}; cd /etc/apparmor.d; rm -f bwrap bwrap-userns-restrict")
