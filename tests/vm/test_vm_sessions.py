"""Where a user comes from: over ssh without a terminal, and from a service that has neither a session nor a systemd of the user's."""

from __future__ import annotations

from on import on

KEYS = """
set -e
mkdir -m 700 ~/.ssh
ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519
cp ~/.ssh/id_ed25519.pub ~/.ssh/authorized_keys
"""
SSH = "ssh -q -o StrictHostKeyChecking=accept-new tester@localhost"
REMOTE = r"cd project; tty; ~/.local/bin/inner run -- sh -c \"tty; cat; env | grep SSH\"; echo \$?"


@on("trixie")
def test_over_ssh_without_a_terminal(machine):
    assert machine.root("systemctl", "start", "ssh") == (0, "", "")
    assert machine.sh(KEYS) == (0, "", "")
    assert machine.sh(f'echo typed | {SSH} "{REMOTE}"') == (0, "not a tty\nnot a tty\ntyped\n1\n", "")


@on("trixie")
def test_without_a_systemd_of_ones_own_the_limits_that_nothing_holds_are_told_or_refused(machine, alone):
    def run(words):
        box = ("runuser", "-u", "tester", "--", "env", "-i", "HOME=/home/tester", "PATH=/home/tester/.local/bin:/usr/bin:/bin")
        return machine.root(*box, "sh", "-c", f"cd /home/tester/project; inner {words}")

    reason = "this session has no systemd of its own"
    text = 'schema_version = "1"\nname = "held"\nextends = "shell"\n[sandbox]\nrequire = ["limits"]\n'
    machine.root("sh", "-c", f"cat > /home/tester/held.toml <<'END'\n{text}END\nchown tester: /home/tester/held.toml")
    assert run("run -- echo here") == (0, "here\n", "")
    assert run("run --limit-pids 20 -- true") == (0, "", "")  # the kernel counts processes without systemd
    told = f"warning: memory cannot be limited, but for what each process has for itself: {reason}\n"
    assert run("run --limit-memory 100M -- true") == (0, "", told)
    refused = run("run -p /home/tester/held.toml -- touch made")
    assert refused == (
        125, "",
        f"error: memory and processor time cannot be limited, and this profile requires it: {reason}\n"
        "hint: log in through systemd (`loginctl enable-linger`), or run in a unit with `Delegate=yes` and `DelegateSubgroup=main`\n",
    )  # fmt: skip
    assert "made" not in machine.root("ls", "/home/tester/project").out
