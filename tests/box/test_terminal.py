"""A terminal in a box as a person uses one, in a real tmux: job control, sizes, keys, pasting, full-screen programs."""

from __future__ import annotations

import os
import shlex
import time

import pytest
from program import INNER
from screens import WAIT

pytestmark = pytest.mark.box


def test_a_shell_with_its_job_control_and_back(screen):
    screen.box()
    assert "no job control" not in screen.text()
    screen.line("clear; tty; [[ $- == *m* ]] && echo monitor-$((1 + 1))")
    assert "/dev/" in screen.wait("monitor-2")
    screen.line("clear; sleep 100.5 & jobs; fg")
    screen.wait(lambda text: "Running" in text and text.rstrip().endswith("\nsleep 100.5"))
    screen.front("sleep", "100.5")
    screen.key("C-z")
    screen.wait("Stopped")
    screen.line("bg; kill %1; wait; echo all-$((1 + 1))")
    screen.wait("all-2")
    screen.line("exit 3")
    screen.last("host$ ")
    screen.line("echo status-$?; stty -a | grep -c ' icanon'")
    screen.wait(lambda text: "status-3" in text and "\n1" in text)


def test_a_pager_at_the_end_of_a_pipe_has_its_keys(screen):
    """As with `-i` alone: without it a program at the end of a pipe takes nothing that was typed for the shell."""
    less = shlex.join([*INNER, "run", "-i", "--", "less"])
    (screen.project / "page").write_text(f"seq 500 | {less}; echo status-$?\n")
    screen.line("clear; sh page")
    assert "\n400" not in screen.wait(lambda text: "\n25\n" in text and text.rstrip().endswith(":"))
    screen.key("G")
    screen.wait("\n500")
    screen.key("q")
    screen.wait("status-0")


def test_a_command_of_ones_own_ends_without_a_word_and_an_agents_box_names_its_record(screen):
    agent = screen.project.parent / "home/.local/bin/claude"
    agent.parent.mkdir(parents=True)
    agent.write_text("#!/bin/sh\necho agent-$((1 + 1))\n")
    agent.chmod(0o755)
    screen.box("sh", "-c", "echo own-$((1 + 1))", prompt="")
    assert "inner: run" not in screen.back().partition("own-2")[2]
    (screen.project / "start").write_text(f"PATH=~/.local/bin:$PATH exec {shlex.join([*INNER, 'claude'])}\n")
    screen.line("clear; sh start")
    assert "agent-2" in screen.wait("has ended: `inner log show` tells what it did")


def test_an_interrupt_ends_the_command_and_not_the_box(screen):
    screen.box()
    screen.line("clear; (echo begun-$((1 + 1)); exec sleep 101.5); echo status-$?")
    screen.wait("begun-2")
    screen.front("sleep", "101.5")
    screen.key("C-c")
    screen.last("box$ ")
    screen.line("echo still-$((40 + 2))")
    screen.wait("\nstill-42")
    prompts = screen.last("box$ ").count("box$")
    assert "status-0" not in screen.text()
    screen.key("C-c")
    screen.wait(lambda text: text.count("box$") > prompts)
    screen.line("echo cat-$((1 + 1)); cat")
    screen.wait("cat-2")
    screen.line("echoed")
    screen.wait("\nechoed\nechoed")
    screen.key("C-d")
    screen.last("box$ ")
    screen.key("C-d")
    screen.last("host$ ")


def test_the_whole_run_stops_and_continues_as_a_job_of_the_host(screen):
    screen.box("sh", "-c", "echo begun; sleep 1000.5", prompt="")
    screen.wait("begun")
    screen.front("sleep", "1000.5")
    screen.key("C-z")
    screen.wait("Stopped")
    screen.line("clear; jobs; echo here-$((1 + 1))")
    screen.wait("here-2")
    screen.line("fg")
    screen.taken()
    screen.key("C-c")
    screen.last("host$ ")
    screen.line("echo status-$?")
    screen.wait("status-130")
    screen.line("clear; jobs; echo none-$((1 + 1))")
    assert "Stopped" not in screen.wait("none-2")


def test_the_size_follows_the_window(screen):
    screen.box()
    screen.line("clear; trap 'echo changed-$(stty size)' WINCH; stty size")
    screen.wait("30 90")
    screen.tmux("resize-window", "-x", "70", "-y", "20")
    screen.wait("changed-20 70")
    screen.line("clear; stty size; tput cols; tput lines")
    screen.wait(lambda text: "20 70" in text and "\n70\n20" in text)


def test_an_editor_draws_edits_and_leaves_the_screen_as_it_was(screen):
    screen.box()
    screen.line("clear; echo before; vim -u NONE -N file.txt")
    screen.wait("~\n~")
    screen.type("ihello from the box")
    screen.key("Escape")
    screen.wait("hello from the box")
    screen.tmux("resize-window", "-x", "60", "-y", "15")
    screen.wait(lambda text: text.count("~\n") >= 10 and "before" not in text)
    screen.line(":echo 'it has' &lines 'lines'")
    screen.wait("it has 15 lines")
    screen.key("C-z")
    screen.wait(lambda text: "Stopped" in text and "before" in text)
    screen.line("fg")
    screen.wait(lambda text: "hello from the box" in text and "~\n" in text and "Stopped" not in text)
    screen.type(":wq")
    screen.key("Enter")
    screen.last("box$ ")
    assert "before" in screen.text()
    assert (screen.project / "file.txt").read_text() == "hello from the box\n"


def test_a_node_program_reads_keys_and_sees_the_size(screen):
    (screen.project / "tui.js").write_text(
        "process.stdin.setRawMode(true); process.stdin.resume();\n"
        "const draw = (why) => process.stdout.write(`\\x1b[2J\\x1b[H${why} ${process.stdout.columns}x${process.stdout.rows} tty=${process.stdin.isTTY}\\n`);\n"
        "process.stdout.on('resize', () => draw('resized'));\n"
        "process.stdin.on('data', (d) => { const k = d.toString(); if (k === 'q') { process.stdin.setRawMode(false); process.exit(5); } draw('key:' + JSON.stringify(k)); });\n"
        "draw('started');\n"
    )
    screen.box("node", "tui.js", prompt="")
    screen.wait("started 90x30 tty=true")
    screen.key("Up")
    screen.wait('key:"\\u001b[A"')
    screen.key("C-c")  # raw mode: a key like the others
    screen.wait('key:"\\u0003"')
    screen.type("é€")
    screen.wait("€")
    screen.tmux("resize-window", "-x", "64", "-y", "16")
    screen.wait("resized 64x16")
    screen.type("q")
    screen.last("host$ ")
    screen.line("echo status-$?")
    screen.wait("status-5")


def test_a_large_paste_arrives_whole(screen):
    text = "".join(f"line {number:05d} of a text that is pasted, with ünïcode\n" for number in range(1200))
    screen.box(
        "sh", "-c", "stty -echo -icanon; echo ready; head -c $0 > pasted; echo received", str(len(text.encode())), prompt=""
    )
    screen.wait("ready")
    screen.tmux("load-buffer", "-", input=text)
    screen.tmux("paste-buffer", "-r")
    screen.wait("received", seconds=40)
    assert (screen.project / "pasted").read_text() == text


def test_history_and_line_editing(screen):
    screen.box()
    screen.line("clear; echo first-$((10 + 1))")
    screen.wait("first-11")
    screen.key("Up")
    screen.wait(lambda text: text.rstrip().endswith("echo first-$((10 + 1))"))
    screen.key("C-a")
    screen.key("M-f")
    screen.key("C-k")
    screen.line("; echo edited-$((20 + 2))")
    screen.wait("edited-22")
    screen.type("echo som")
    screen.key("C-u")
    screen.type("ls fil")
    (screen.project / "filename-to-complete").write_text("")
    screen.key("Tab")
    screen.wait("ls filename-to-complete")


def test_the_boxs_terminal_is_its_own(screen):
    """/dev/tty in the box is the pty inside; the host's terminal cannot be opened, typed into or read by number."""
    outer = screen.tmux("display-message", "-p", "#{pane_tty}").strip()
    screen.box()
    screen.line("clear; echo to-tty-$((1 + 1)) > /dev/tty")
    screen.wait("to-tty-2")
    screen.line(f"clear; ls {outer} /dev/pts; (echo x > {outer}) 2>&1 | grep -c 'No such\\|denied'; echo done-$((1 + 1))")
    seen = screen.wait("done-2")
    if f"{outer} " not in seen:  # a number that is free in the box's own devpts
        assert "\n1\n" in seen
    screen.line('clear; python3 -c \'import fcntl; [fcntl.ioctl(0, 0x5412, c) for c in (b"Z", b"Q", b"\\n")]\'; exit')
    screen.last("host$ ")
    assert "ZQ: command not found" not in screen.text()


def test_what_a_box_leaves_on_the_terminal_is_put_right(screen):
    screen.box("sh", "-c", "printf '\\033[?1049h\\033[?25l'; stty raw -echo; exit 4", prompt="")
    screen.back()
    screen.line("echo status-$?; stty -a | grep -o ' echo ' ; echo end-$((1 + 1))")
    seen = screen.wait("end-2")
    assert "status-4" in seen and "\n echo" in seen


def test_a_box_without_a_terminal_in_a_terminal(screen):
    words = shlex.join([*INNER, "run", "--no-interactive", "--", "sh", "-c", "tty; cat"])
    (screen.project.parent / "start").write_text(f"echo piped | {words} | sed s/^/got-/\n")
    screen.line(f"clear; sh {screen.project.parent}/start")
    seen = screen.wait("got-piped")
    assert "got-not a tty" in seen


def test_only_a_profile_that_says_so_reaches_the_clipboard(screen):
    def copy(word):
        return f"printf '\\033]52;c;%s\\a' $(printf {word} | base64); echo sent-$(echo {word})"

    screen.line(copy("outside"))
    screen.wait("sent-outside")
    screen.wait(lambda _: "outside" in _buffers(screen))
    screen.box()
    screen.line(copy("stolen"))
    screen.wait("sent-stolen")
    screen.line("exit")
    screen.last("host$ ")
    (screen.project.parent / "clip.toml").write_text('schema_version = "1"\nextends = "shell"\n[sandbox]\nclipboard = true\n')
    words = shlex.join([*INNER, "run", "-p", "../clip.toml", "--", "sh", "-c", copy("wanted")])
    (screen.project.parent / "start").write_text(words + "\n")
    screen.line(f"sh {screen.project.parent}/start")
    screen.wait("sent-wanted")
    screen.wait(lambda _: "wanted" in _buffers(screen))
    assert "stolen" not in _buffers(screen)


def _buffers(screen):
    return "\n".join(
        screen.tmux("show-buffer", "-b", name) for name in screen.tmux("list-buffers", "-F", "#{buffer_name}").split()
    )


def test_a_run_in_the_background_leaves_the_terminal_to_the_shell(screen):
    words = shlex.join([*INNER, "run", "--", "sh", "-c", "echo begun; sleep 1; stty -a > modes; read line; echo got-$line"])
    (screen.project.parent / "start").write_text(f"exec {words}\n")
    screen.line(f"sh {screen.project.parent}/start &")
    screen.line("echo typed-$((1 + 1))")
    screen.wait("typed-2")
    screen.wait("begun")
    screen.wait(lambda _: (screen.project / "modes").exists())
    screen.line("clear; jobs; echo edited-$((1 + 2))")
    seen = screen.wait("edited-3")
    assert "Running" in seen and "Stopped" not in seen
    assert {"icanon", "echo", "isig", "icrnl", "onlcr"} <= set((screen.project / "modes").read_text().replace(";", " ").split())
    screen.line("fg")
    screen.taken()
    screen.line("a line")
    screen.wait("got-a line")
    screen.last("host$ ")
    screen.line("clear; stty -a | grep -c ' icanon'")
    screen.wait(lambda text: text.startswith("1\n"))


def test_a_run_goes_on_behind_the_shell_and_comes_back(screen):
    screen.box(
        "sh", "-c", "n=0; while [ $n -lt 1000 ]; do n=$((n+1)); echo $n > count; sleep 0.05; done; read x; echo got-$x", prompt=""
    )
    screen.wait(lambda _: (screen.project / "count").exists())
    time.sleep(0.3)
    screen.key("C-z")
    screen.wait("Stopped")
    screen.line("bg; clear; echo shell-$((1 + 1))")
    screen.wait("shell-2")
    count = lambda: int((screen.project / "count").read_text() or 0)  # noqa: E731 - nothing is in it for a moment
    before = count()
    screen.wait(lambda _: count() > before + 1)
    screen.line("clear; jobs; echo shell-$((1 + 2))")
    assert "Running" in screen.wait("shell-3")
    screen.line("fg")
    screen.taken()
    screen.key("C-c")
    screen.last("host$ ")
    screen.line("echo status-$?")
    screen.wait("status-130")


def test_a_window_that_is_closed_ends_the_box(screen):
    screen.box("sh", "-c", "trap '' HUP; echo begun; exec sleep 4321.5", prompt="")
    screen.wait("begun")
    assert _running("4321.5")
    screen.tmux("kill-server")
    end = time.monotonic() + WAIT
    while _running("4321.5"):
        assert time.monotonic() < end, "it is still there"
        time.sleep(0.1)


def _running(mark):
    """Whether a process has exactly this argument."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if file.read().split(b"\0")[:2] == [b"sleep", mark.encode()]:
                    return True
        except OSError:
            pass
    return False


def test_quit_and_end_of_file_and_a_second_interrupt(screen):
    screen.box("sh", "-c", "trap 'echo once-$((1 + 1))' INT; echo begun; while :; do sleep 0.2; done", prompt="")
    screen.wait("begun")
    screen.key("C-c")
    screen.wait("once-2")
    screen.key("C-\\")
    screen.last("host$ ")
    screen.line("echo status-$?")
    screen.wait("status-131")
