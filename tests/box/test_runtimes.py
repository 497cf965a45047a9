"""What people run in a box still runs in it: runtimes, compilers, debuggers, a browser. Under the filter, in boxes of `inner run`.

Debian's packages for it: nodejs npm golang-go default-jdk-headless chromium git gdb strace gcc libc6-dev make perl python3; and bun,
`npm install -g bun`. What is missing fails its test.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from program import inner

pytestmark = pytest.mark.box

MACHINE = os.uname().machine


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty folder to work in."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def run(*words, options=(), **more):
    """What the command wrote; it has to end well."""
    done = inner("run", *options, "--", *words, **more)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def for_users(test):
    """Root is refused what the test asks for, see test_root_box.py: no test, then."""
    return test if os.getuid() else None


def words(text):
    return text.split()


# --- JavaScript ---------------------------------------------------------------------------------------------------------------------

NODE = """
const { Worker } = require("worker_threads"), http = require("http"), { execFileSync, spawn } = require("child_process"), fs = require("fs");
const worker = () => new Promise(done => new Worker("require('worker_threads').parentPort.postMessage(6 * 7)", { eval: true }).on("message", done));
const page = () => new Promise(done => { const server = http.createServer((_, to) => to.end("page")).listen(0, "127.0.0.1", async () => {
  done(await (await fetch(`http://127.0.0.1:${server.address().port}`)).text()); server.close(); }); });
const watched = () => new Promise(done => { fs.writeFileSync("w", ""); const w = fs.watch("w", () => { w.close(); done("watched"); }); fs.writeFileSync("w", "x"); });
(async () => console.log(await worker(), await page(), await watched(), (await fs.promises.readFile("w", "utf8")), execFileSync("echo", ["child"], { encoding: "utf8" })))();
"""


def test_node(project):
    """Worker threads, a server and fetch, inotify, the thread pool, a child. libuv asks for io_uring and does without."""
    assert words(run("node", "-e", NODE)) == ["42", "page", "watched", "x", "child"]


BUN = """
const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("page") });
const worker = new Worker(URL.createObjectURL(new Blob(["postMessage(6 * 7)"])));
const answer = await new Promise(done => worker.onmessage = event => done(event.data));
await Bun.write("file", "text");
console.log(answer, await (await fetch(server.url)).text(), await Bun.file("file").text(), Bun.spawnSync(["echo", "child"]).stdout.toString());
server.stop(); worker.terminate();
"""


@pytest.mark.slow
def test_bun(project):
    (project / "main.js").write_text(BUN)
    assert words(run("bun", "run", "main.js")) == ["42", "page", "text", "child"]


# --- compiled languages -------------------------------------------------------------------------------------------------------------

GO = """package main

import ("fmt"; "io"; "net"; "net/http"; "os"; "os/exec"; "os/signal"; "syscall")

func main() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	syscall.Kill(os.Getpid(), syscall.SIGUSR1)
	fmt.Println(<-signals)
	at, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil { panic(err) }
	go http.Serve(at, http.HandlerFunc(func(to http.ResponseWriter, _ *http.Request) { io.WriteString(to, "page") }))
	page, err := http.Get("http://" + at.Addr().String())
	if err != nil { panic(err) }
	text, _ := io.ReadAll(page.Body)
	child, err := exec.Command("echo", "child").Output()
	fmt.Println(string(text), string(child), err)
}
"""


@pytest.mark.slow
def test_go(project):
    """Compiled and run: goroutines, signals, the poller, clone with a pidfd."""
    (project / "main.go").write_text(GO)
    assert words(run("go", "run", "main.go")) == ["user", "defined", "signal", "1", "page", "child", "<nil>"]


JAVA = """
import java.net.*; import java.net.http.*; import java.util.concurrent.*;
class Main {
    public static void main(String[] line) throws Exception {
        var pool = Executors.newFixedThreadPool(4);
        System.out.println(pool.submit(() -> 6 * 7).get());
        pool.shutdown();
        var server = com.sun.net.httpserver.HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
        server.createContext("/", it -> { it.sendResponseHeaders(200, 4); it.getResponseBody().write("page".getBytes()); it.close(); });
        server.start();
        var at = URI.create("http://127.0.0.1:" + server.getAddress().getPort());
        System.out.println(HttpClient.newHttpClient().send(HttpRequest.newBuilder(at).build(), HttpResponse.BodyHandlers.ofString()).body());
        System.out.println(new String(new ProcessBuilder("echo", "child").start().getInputStream().readAllBytes()));
        System.exit(0);
    }
}
"""


@pytest.mark.slow
def test_java(project):
    """Compiled and run: the JIT, threads, NIO, vfork through jspawnhelper."""
    (project / "Main.java").write_text(JAVA)
    run("javac", "Main.java")
    assert words(run("java", "-Xmx128m", "Main")) == ["42", "page", "child"]


C = """#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static void *answer(void *out)
{
    *(int *)out = 42;
    return out;
}

int main(void)
{
    pthread_t thread;
    int x = 0;
    pthread_create(&thread, 0, answer, &x);
    pthread_join(thread, 0);
    printf("%d\\n", x);
    fflush(stdout);
    return system("exit 3") == 3 << 8 ? 7 : 1;
}
"""


@pytest.fixture
def program(project):
    """A C program with a thread and a child, built in the box."""
    (project / "a.c").write_text(C)
    (project / "Makefile").write_text("a: a.c\n\tgcc -g -pthread -o a a.c\n")
    run("make", "-s")
    return project / "a"


def test_gcc_and_make(program):
    assert run("sh", "-c", "./a; echo $?") == "42\n7\n"


def test_the_address_sanitizer(project):
    """It re-executes itself without randomisation (personality) and looks at its own memory, of which it reserves terabytes."""
    (project / "b.c").write_text("int main(int n, char **v) { char *p = __builtin_malloc(4); p[n + 3] = 1; return p[0] & 0; }")
    run("gcc", "-g", "-fsanitize=address", "-o", "b", "b.c")
    done = inner("run", "--limit-memory", "100T", "--", "./b")
    assert "heap-buffer-overflow" in done.stderr
    assert done.returncode == 1


# --- debuggers ----------------------------------------------------------------------------------------------------------------------


def test_gdb_runs_a_program(program):
    """Breakpoints, memory, registers, a call in the program; gdb switches randomisation off (personality)."""
    script = [
        "break answer",
        "run",
        "finish",
        "up-silently",
        "info registers rip",
        "print $_siginfo.si_signo",
        "call (int)abs(-5)",
        "continue",
    ]
    script = [word for line in script if MACHINE == "x86_64" or "rip" not in line for word in ("-ex", line)]
    shown = run("gdb", "-q", "-nx", "-batch", *script, "./a")
    assert "Breakpoint 1, answer" in shown
    assert "= 5" in shown
    assert "exited with code 07" in shown
    assert "randomization" not in shown


def test_gdb_attaches(program):
    shown = run("sh", "-c", "sleep 30 & gdb -q -nx -batch -p $! -ex 'info proc' -ex 'info registers' -ex detach; kill $!")
    assert "exe = '/usr/bin/sleep'" in shown
    assert "[Inferior 1 (process" in shown


def test_strace_runs_and_attaches(program):
    script = "strace -f -o trace ./a; echo $?; grep -c 'exited with' trace; grep -c 'write(1, .42.n., 3' trace"
    assert run("sh", "-c", script).split() == ["42", "7", "3", "1"]
    attached = run("sh", "-c", "sleep 0.5 & strace -q -o trace -p $!; grep -c exit_group trace")
    assert attached == "1\n"


# --- scripting languages ------------------------------------------------------------------------------------------------------------

PYTHON = """
import asyncio, concurrent.futures, multiprocessing, os, pty, select, signal, socket, sqlite3, tempfile, threading

def square(x):
    return x * x

if __name__ == "__main__":
    for method in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            print(method, pool.map(square, [2, 3]))
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        print("pool", list(pool.map(square, [4])))
    queue = multiprocessing.Queue(); queue.put("queued"); print(queue.get())

    async def main():
        server = await asyncio.start_server(lambda r, w: (w.write(b"page"), w.close()), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        print((await reader.read()).decode())
        child = await asyncio.create_subprocess_exec("echo", "child", stdout=-1)
        print((await child.communicate())[0].decode().strip())
    asyncio.run(main())

    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp("sh", ["sh", "-c", "test -t 0 && echo terminal $(tput cols 2>/dev/null || echo 80)"])
    print(os.read(terminal, 100).split()[0].decode())
    left, right = socket.socketpair(); socket.send_fds(left, [b"fd"], [0]); print(socket.recv_fds(right, 10, 1)[0].decode())
    watcher = os.pidfd_open(os.getpid()); print("pidfd", watcher > 2)
    with tempfile.TemporaryFile() as file, sqlite3.connect("data.db") as base:
        base.execute("pragma journal_mode=wal"); print("sqlite", base.execute("select 1").fetchone())
"""


def test_python(project):
    """multiprocessing in its three ways, asyncio, a pty, descriptors over a socket, SQLite's shared memory."""
    (project / "main.py").write_text(PYTHON)
    assert run("/usr/bin/python3", "main.py").splitlines() == [
        "fork [4, 9]", "spawn [4, 9]", "forkserver [4, 9]", "pool [16]", "queued", "page", "child", "terminal", "fd", "pidfd True", "sqlite (1,)",
    ]  # fmt: skip


PERL = """
use strict; use IO::Socket::INET; use IPC::Open3; use threads;
my $server = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1") or die "listen: $!";
if (fork == 0) { my $to = $server->accept; print $to "page\\n"; exit 0 }
print IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $server->sockport)->getline;
my $pid = open3(my $in, my $out, undef, "echo", "child"); print <$out>; waitpid $pid, 0;
print threads->create(sub { 42 })->join, "\\n";
"""


def test_perl(project):
    assert words(run("perl", "-e", PERL)) == ["page", "child", "42"]


def test_git(project):
    """In the box's own /tmp: what is protected of a project is another matter."""
    script = """
        set -e; cd /tmp; git init -q a; cd a
        git config user.name n; git config user.email e@example.test
        seq 1000 > f; git add f; git commit -q -m one; git gc -q; git worktree add -q ../w
        git clone -q /tmp/a /tmp/b; git -C /tmp/b fsck --strict; git -C ../w log --format=%s
    """
    assert run("sh", "-c", script) == "one\n"


# --- a browser ----------------------------------------------------------------------------------------------------------------------

PAGE = 'data:text/html,<p id="x"></p><script>document.getElementById("x").textContent = 6 * 7</script>'
CHROMIUM = ("timeout", "100", "chromium", "--headless", "--disable-gpu", "--dump-dom", PAGE)


@pytest.mark.slow
def test_chromium_without_its_own_sandbox(project):
    assert '<p id="x">42</p>' in run(*CHROMIUM[:3], "--no-sandbox", *CHROMIUM[3:])


@for_users
@pytest.mark.slow
def test_chromium_with_its_own_sandbox(project, tmp_path, monkeypatch):
    """It makes user, pid and network namespaces of its own, which the profile has to allow."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    profiles = tmp_path / "config/inner/profiles"
    profiles.mkdir(parents=True)
    (profiles / "browser.toml").write_text(
        'schema_version = "1"\nname = "browser"\nextends = "shell"\n[sandbox]\nallow = ["nested-user-ns"]\n'
    )
    assert '<p id="x">42</p>' in run(*CHROMIUM, options=("-p", "browser"))
    refused = inner("run", "--", *CHROMIUM)
    assert refused.returncode != 0
    assert "No usable sandbox" in refused.stderr
