"""Sockets of the host: by path, abstract, passed. Every one answers with the token, and hands out a descriptor of the host's root."""

from __future__ import annotations

from attempt import table

GROUP = "sockets"
CONNECT = """#py
import glob
def ask(address, kind=socket.SOCK_STREAM):
    s = socket.socket(socket.AF_UNIX, kind); s.settimeout(3)
    try:
        s.connect(address); data, fds, _, _ = socket.recv_fds(s, 4096, 4)
        print(data.decode())
        if fds: got('a folder', os.listdir(fds[0])[:3])
        return bool(fds)
    except OSError as e: print(address, e)
"""
NAMES = {
    "docker and podman": ("docker.sock", "podman/podman.sock"),
    "the session bus": ("bus", "systemd/private"),
    "gpg and ssh agents": ("gnupg/S.gpg-agent", "agent.sock", "keyring/control"),
    "sound": ("pulse/native", "pipewire-0"),
    "the display": ("wayland-0", "X97"),
    "terminals": ("tmux-1/default", "screen/1.s"),
    "virtual machines and packages": ("libvirt/virtqemud-sock", "snapd.sock"),
    "databases and editors": ("mysqld.sock", "vscode-ipc.sock"),
    "the log": ("log.sock",),
}
ATTEMPTS = table(
    GROUP, {f"connect to {name}": CONNECT + f"for name in {paths!r}: ask(E['R'] + '/' + name)" for name, paths in NAMES.items()}
)
ATTEMPTS += table(
    GROUP,
    {
        "connect to everything that is there": CONNECT + "for top in (E['R'], E['H'], '/run', '/var/run', '/tmp', '/var'):\n    for path, _, names in os.walk(top):\n        for name in names:\n            p = path + '/' + name\n            try:\n                if stat.S_ISSOCK(os.lstat(p).st_mode) and ask(p): sys.exit()\n            except OSError: pass",
        "abstract sockets": CONNECT + "for name in E['ABSTRACTS'].split(): ask('\\0' + name)",
        "an abstract datagram": CONNECT + "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.settimeout(3)\ns.bind('\\0mine%d' % os.getpid())\ntry: s.sendto(b'hello', '\\0' + E['ABSTRACT'] + '-d'); print(s.recv(100).decode())\nexcept OSError as e: print(e)",
        "abstract sockets with the host's network": (CONNECT + "for name in E['ABSTRACTS'].split(): ask('\\0' + name)", {"words": ("--network",), "begins": False, "needs": None}),
        "see the host's sockets listed": "cut -d' ' -f8 /proc/net/unix | grep -q \"$ABSTRACT\" && got listed; cat /proc/self/net/unix /proc/1/net/unix | grep -q \"$ABSTRACT\" && got listed",
        "a socket by the name of its folder's descriptor": CONNECT + "ask('/proc/self/cwd/../../../' + 'x'); ask('/proc/%s/root%s/docker.sock' % (E['PID'], E['R'])); ask('/proc/%s/cwd/docker.sock' % E['PID'])",
        "a socket by a link that the project brought": (CONNECT + "ask('d'); ask('r/bus')", {"before": 'ln -s "$R/docker.sock" d; ln -s "$R" r'}),
        "a socket of the host's in scratch space": (CONNECT + "ask('/tmp/' + E['T'] + '.s')", {"before": "$PY -c 'import socket, os, sys, time\ns = socket.socket(socket.AF_UNIX); s.bind(\"/tmp/\" + os.environ[\"T\"] + \".s\"); s.listen()\nif os.fork() == 0:\n    os.setsid(); [os.close(n) for n in (0, 1, 2)]; s.settimeout(20)\n    c = s.accept()[0]; c.sendall(open(os.environ[\"H\"] + \"/.netrc\", \"rb\").read())\n    time.sleep(1)'", "after": "rm -f /tmp/$T.s"}),
        "be handed a folder over a socket pair that stays": CONNECT + "ask(E['R'] + '/docker.sock'); ask('\\0' + E['ABSTRACT'])",
        "the variables that name sockets": "printf '%s\\n' \"$SSH_AUTH_SOCK\" \"$DBUS_SESSION_BUS_ADDRESS\" \"$DISPLAY\" \"$WAYLAND_DISPLAY\" \"$GPG_AGENT_INFO\" \"$KUBECONFIG\"; [ -n \"$XDG_RUNTIME_DIR\" ] && [ -S \"$XDG_RUNTIME_DIR/bus\" ] && got a bus",
        "become the session's bus by a name": ("#py\ns = socket.socket(socket.AF_UNIX); s.bind('\\0' + E['ABSTRACT'] + '-mine'); s.listen(); s.settimeout(0.1)\nopen('up', 'w').close()\nfor _ in range(200):\n    tried = os.path.exists('tried')\n    try: s.accept(); got('somebody came'); break\n    except OSError as e: print(e)\n    if tried: break", {"before": "($PY -c 'import socket, os, time\nfor _ in range(400):\n    if os.path.exists(\"up\"): break\n    time.sleep(0.05)\nfor _ in range(3):\n    try: socket.socket(socket.AF_UNIX).connect(\"\\0\" + os.environ[\"ABSTRACT\"] + \"-mine\")\n    except OSError: pass\n    time.sleep(0.1)\nopen(\"tried\", \"w\").close()' >/dev/null 2>&1 </dev/null &)"}),
    },
)  # fmt: skip
