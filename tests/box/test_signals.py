"""Signals for inner are signals for the command, and those of the box reach nobody outside."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import launched
import pytest
from launched import WORDS

pytestmark = pytest.mark.box

TRAPS = 'for s in TERM INT HUP QUIT USR1 USR2; do trap "echo $s; exit 3" $s; done; echo ready; while :; do sleep 0.05; done'


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "QUIT", "USR1", "USR2"])
def test_signals_are_forwarded(name):
    process = subprocess.Popen(launched.argv("bash", "-c", TRAPS), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(getattr(signal, f"SIG{name}"))
    assert process.stdout.readline() == f"{name}\n".encode()
    assert process.wait(60) == 3


def test_a_signal_that_kills():
    process = subprocess.Popen(launched.argv("sh", "-c", "echo ready; exec sleep 60"), stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    process.terminate()
    assert process.wait(30) == 143


@pytest.mark.parametrize("delay", [0.0, *(at / 1000 for at in range(30, 100, 5))])
def test_a_signal_while_the_box_is_made(delay):
    process = subprocess.Popen(launched.argv("sleep", "60"), stderr=subprocess.PIPE)
    time.sleep(delay)
    process.terminate()
    assert process.wait(30) in {143, -15}, process.stderr.read()  # -15: Python itself was not ready yet


def test_the_second_interrupt_kills():
    process = subprocess.Popen(
        launched.argv("bash", "-c", "trap 'echo no' INT; echo ready; while :; do sleep 0.05; done"), stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == b"no\n"
    time.sleep(0.2)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130


GROUP = """
import os, signal, subprocess, sys
os.setpgid(0, 0)
signal.signal(signal.SIGUSR1, lambda *_: print("REACHED", flush=True))
subprocess.run(sys.argv[1:])
"""


def test_the_caller_s_process_group_is_out_of_reach():
    attack = ("python3", "-c", "import os,signal,time; signal.signal(10, signal.SIG_IGN); os.kill(0, 10); time.sleep(0.3)")
    ours = subprocess.run([sys.executable, "-c", GROUP, *launched.argv(*attack)], capture_output=True, timeout=30)
    assert b"REACHED" not in ours.stdout
    theirs = subprocess.run([sys.executable, "-c", GROUP, launched.BWRAP, *WORDS, *attack], capture_output=True, timeout=30)
    assert b"REACHED" in theirs.stdout
