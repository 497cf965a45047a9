"""Ends that a run should not have, and more of the machine than it was given. These run on the host, and look at what is left there."""

from __future__ import annotations

import os
import resource

from attempt import table

GROUP = "endings"
NAME = "inner-escape-left-$T"
MINE = '"[i]nner-escape-left-$T"'  # whose command line has it, and not the one that looks
LEFT = f"for i in $(seq $LONG); do pgrep -f {MINE} >/dev/null || break; sleep 0.1; done; pgrep -f {MINE} >/dev/null && got it is left; pkill -KILL -f {MINE}; true"
IGNORE = "import signal, time; [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 3, 15)]; "
FAR = "import os, time; [os.close(n) for n in (0, 1, 2)]; os.fork() and os._exit(0); os.setsid(); os.fork() and os._exit(0); "
LATE = f"s=$SECONDS; timeout -k 1 $((LONG + 3)) $INNER python3 -c '%s' {NAME}; [ $((SECONDS - s)) -gt $LONG ] && got it went on"


def _room(path: str, size: int) -> bool:
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize > size


def tried(script: str, after: str = LEFT, **more: object) -> tuple[str, dict[str, object]]:
    return script, {"after": after, "seconds": 90, **more}


ATTEMPTS = table(
    GROUP,
    {
        "ignore that time is up": tried(LATE % f"{IGNORE}time.sleep(40)", words=("--timeout", "2")),
        "start again whenever it is ended": tried(LATE % "import os, signal, time\ndef again(*a):\n    os.fork() or signal.signal(15, again)\nsignal.signal(15, again); end = time.time() + 40\nwhile time.time() < end: time.sleep(0.1)", words=("--timeout", "2")),
        "stop itself before time is up": tried(LATE % "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", words=("--timeout", "2")),
        "a daemon that stays": tried(f"$INNER python3 -c '{FAR}time.sleep(30)' {NAME}"),
        "a daemon that ignores everything": tried(f"$INNER python3 -c '{FAR}{IGNORE}time.sleep(30)' {NAME}"),
        "a daemon that is stopped": tried(f"$INNER python3 -c '{FAR}import signal; os.kill(os.getpid(), signal.SIGSTOP); time.sleep(30)' {NAME}"),
        "a daemon that holds the output": tried(f"s=$SECONDS; $INNER python3 -c 'import os, time; os.fork() and os._exit(0); os.setsid(); time.sleep('$((LONG + 3))')' {NAME} | cat; [ $((SECONDS - s)) -gt $LONG ] && got it was waited for"),
        "a daemon in a group of its own, many times": tried(f"$INNER python3 -c 'import os, time\nfor _ in range(40):\n    if os.fork() == 0:\n        os.setsid(); [os.close(n) for n in (0, 1, 2)]; time.sleep(30)' {NAME}"),
        "stop whoever started it": tried(f"setsid $INNER python3 -c 'import os, signal, time; os.fork() or os.kill(0, signal.SIGSTOP); time.sleep(40)' {NAME} & p=$!; for i in $(seq $((LONG * 10))); do kill -0 $p 2>/dev/null || break; sleep 0.1; done; kill -0 $p 2>/dev/null && got it is held up; kill -9 $p 2>/dev/null; true", words=("--timeout", "2")),
        "end whoever started it": tried("setsid -w bash -c '$INNER python3 -c \"import os, signal; os.kill(0, signal.SIGTERM)\"; touch $M/alive'; [ -e $M/alive ] || got it ended"),
        "outlive whoever started it": tried(f"$INNER sh -c 'touch up; sleep 30' {NAME} & p=$!; for i in $(seq 200); do [ -e up ] && break; sleep 0.1; done; kill -9 $p"),
        "outlive a terminal that is gone": tried(f"$PY -c 'import os, time, sys, subprocess\nm, s = os.openpty()\np = subprocess.Popen(sys.argv[1:], stdin=s, stdout=s, stderr=s, start_new_session=True)\nwhile not os.path.exists(\"up\") and p.poll() is None: time.sleep(0.02)\nos.close(s); os.close(m); p.terminate(); p.wait(10)' $INNER python3 -c '{FAR}{IGNORE}open(\"up\", \"w\"); time.sleep(30)' {NAME}"),
        "hold up whoever opens a file": tried("for f in a .git/HEAD; do rm -f up; $INNER python3 -c 'import fcntl, os, signal, sys, time; signal.signal(29, signal.SIG_IGN); f = os.open(sys.argv[1], 0)\ntry: fcntl.fcntl(f, 1024, 1)\nexcept OSError as e: print(e)\nopen(\"up\", \"w\"); time.sleep(30)' $f & p=$!; for i in $(seq 200); do [ -e up ] && break; sleep 0.1; done; timeout 3 cat $f >/dev/null; [ $? = 124 ] && got stuck; kill $p; wait $p; done", after="true"),
        "fill scratch space": tried("$INNER sh -c 'for d in /tmp /var/tmp \"$HOME\"; do fallocate -l 3G $d/fill-$0; stat -c %s $d/fill-$0; rm -f $d/fill-$0; done' $T 2>/dev/null | grep -qx 3221225472 && got it", after="true", needs=lambda: _room("/tmp", 4 << 30)),
        "fill shared memory": tried("$INNER sh -c 'for d in /dev /dev/shm /run /var /etc / /usr; do fallocate -l 1100M $d/fill-$0; stat -c %s $d/fill-$0; rm -f $d/fill-$0; done' $T 2>/dev/null | grep -qx 1153433600 && got it", after="true", needs=lambda: _room("/dev/shm", 2 << 30)),
        "more memory than was given": tried("$INNER python3 -c 'b = []\nfor _ in range(24): b.append(bytearray(64 << 20))\nprint(\"much\")' 2>/dev/null | grep -qx much && got it", after="true", words=("--limit-memory", "1G")),
        "fill what is in memory, in pieces": tried("$INNER sh -c 'for d in /tmp /var/tmp /dev/shm \"$HOME\"; do fallocate -l 500M $d/fill-$0; stat -c %s $d/fill-$0; rm -f $d/fill-$0; done' $T 2>/dev/null | grep -qx 524288000 && got it", after="true", needs=lambda: _room("/tmp", 1 << 30)),
        "more open files than anybody needs": tried("$INNER python3 -c 'import os, resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)\nn = 0\ntry:\n    while n < 17000: n = os.open(\"/dev/null\", 0)\nexcept OSError: pass\nprint(n)' 2>/dev/null | grep -qx 17000 && got it", after="true", needs=lambda: resource.getrlimit(resource.RLIMIT_NOFILE)[1] > 17000),
        "more processes than were given": tried("$INNER python3 -c 'import os, time\nn = 0\ntry:\n    for _ in range(300):\n        if os.fork() == 0: time.sleep(4); os._exit(0)\n        n += 1\nexcept OSError: pass\nprint(n)' 2>/dev/null | grep -qx 300 && got it", after="true", words=("--limit-pids", "60")),
    },
    wrapper=True,
    begins=False,
)  # fmt: skip
