"""Ways out: with no network at all, and past a list of hosts. V is what the host's own services say; with a list, a small internet is there (`world`)."""

from __future__ import annotations

from attempt import table

GROUP = "network"
ASK = """#py
def ask(family, address, kind=socket.SOCK_STREAM, data=b'x'):
    try:
        s = socket.socket(family, kind); s.settimeout(2); s.connect(address); s.send(data)
        print(address, s.recv(200).decode())
    except (OSError, ValueError, OverflowError) as e: print(address, e)
PORT, PORT6, UDP = int(E['PORT']), int(E['PORT6']), int(E['UDP'])
"""
ATTEMPTS = table(
    GROUP,
    {
        "a service on the loopback": ASK + "ask(socket.AF_INET, ('127.0.0.1', PORT))",
        "a service on the loopback, in version six": ASK + "ask(socket.AF_INET6, ('::1', PORT6)); ask(socket.AF_INET6, ('::ffff:127.0.0.1', PORT))",
        "a service on the loopback, in other spellings": ASK + "for a in ('localhost', '127.1', '2130706433', '0x7f000001', '0177.1', '0.0.0.0', '127.0.0.2', ''):\n    ask(socket.AF_INET, (a, PORT))",
        "a datagram to the loopback": ASK + "ask(socket.AF_INET, ('127.0.0.1', UDP), socket.SOCK_DGRAM)",
        "a service of the host's by no address": ASK + "ask(socket.AF_INET, ('0.0.0.0', PORT))",
        "with curl, and a proxy of the user's": "for u in http://127.0.0.1:$PORT/ http://localhost:$PORT/; do curl --http0.9 -sm2 $u; curl --http0.9 -sm2 -x http://127.0.0.1:$PORT http://h.test/; done",
        "with bash alone": 'cat </dev/tcp/127.0.0.1/$PORT; exec 3<>/dev/tcp/localhost/$PORT; head -1 <&3',
        "see the host's open ports": "grep -q \"$(printf ':%04X' $PORT)\" /proc/net/tcp && got ports; cat /proc/self/net/tcp /proc/1/net/tcp | grep -q \"$(printf ':%04X' $PORT)\" && got ports",
        "see the host's interfaces": ("ls /sys/class/net 2>/dev/null | grep -qvx lo && got names; grep -q '^ *[a-z0-9]*:' <(tail -n +3 /proc/net/dev | grep -v ' lo:') && got interfaces; tail -n +2 /proc/net/route | grep -q . && got routes", {"needs": lambda: _more()}),
        "a server that the host can reach": ("#py\ns = socket.socket(); s.bind(('0.0.0.0', 0)); s.listen(); s.settimeout(0.1)\nopen('u', 'w').write(str(s.getsockname()[1])); os.rename('u', 'up')\nfor _ in range(200):\n    tried = os.path.exists('tried')\n    try: s.accept(); got('it came'); break\n    except OSError as e: print(e)\n    if tried: break", {"before": "( for i in $(seq 400); do [ -e up ] && break; sleep 0.05; done; for i in 1 2 3; do exec 3<>/dev/tcp/127.0.0.1/$(cat up); sleep 0.1; done; touch tried ) >/dev/null 2>&1 </dev/null &"}),
        "names": ("getent hosts nobody.test $NODE; python3 -c 'import socket; print(socket.getaddrinfo(\"localhost\", 1))' >/dev/null; [ -s /etc/resolv.conf ] && got a resolver; true", {"needs": lambda: _resolver()}),
        "a way to the world": ("#py\nfor a in ('192.0.2.1', '8.8.8.8'):\n    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n    try: s.connect((a, 53)); got(s.getsockname())\n    except OSError as e: print(e)", {"needs": lambda: _routed()}),
        "a way to a cloud's metadata": ("#py\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ntry: s.connect(('169.254.169.254', 80)); got(s.getsockname())\nexcept OSError as e: print(e)", {"needs": lambda: _routed()}),
        "raise an interface": ("ip addr add 192.0.2.7/32 dev lo && got added; ip link add d0 type dummy && got made; true", {"open": "network"}),
        "raw packets": ("#py\nfor f, k, p in ((2, 3, 1), (10, 3, 58), (2, 3, 255)):\n    try: socket.socket(f, k, p); got(f, p)\n    except OSError as e: print(e)", {"open": "network"}),
        "packets of the wire": ("#py\ntry: socket.socket(17, 3, 0x0300); got('made')\nexcept OSError as e: print(e)", {"open": "network"}),
        "tables of the firewall": ("#py\ntry: s = socket.socket(2, 1); s.getsockopt(0, 64, 84); got('told')\nexcept OSError as e: print(e)\ntry: socket.socket(16, 3, 12); got('netfilter')\nexcept OSError as e: print(e)", {"open": "network"}),
        "parameters of the network": ("#py\nimport glob\nfor p in ('/proc/sys/net/ipv4/ip_forward', '/proc/sys/net/ipv4/ip_unprivileged_port_start', '/proc/sys/net/ipv4/conf/all/route_localnet'):\n    try:\n        t = open(p).read(); open(p, 'w').write(t); got(p)\n    except OSError as e: print(e)", {"open": "network"}),
        "a tunnel": ("#py\nimport fcntl\ntry: f = os.open('/dev/net/tun', os.O_RDWR); got('opened')\nexcept OSError as e: print(e)", {"needs": lambda: _tun()}),
    },
)  # fmt: skip


def _more() -> bool:
    import os

    return any(name != "lo" for name in os.listdir("/sys/class/net"))


def _routed() -> bool:
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        return asked.connect_ex(("192.0.2.1", 53)) == 0


def _resolver() -> bool:
    import os

    return os.path.exists("/etc/resolv.conf") and os.path.getsize("/etc/resolv.conf") > 0


def _tun() -> bool:
    import os

    return os.access("/dev/net/tun", os.R_OK | os.W_OK)
