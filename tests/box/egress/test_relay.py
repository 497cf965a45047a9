"""Bytes between two sockets: all of them in order, through pipes that are wide only for streams, few at a time, and given back."""

from __future__ import annotations

import fcntl
import os
import socket
import threading
from itertools import pairwise

import pytest

from inner.egress import relay

pytestmark = pytest.mark.box


class Line:
    """A client, a direction from it, and the server at its end."""

    def __init__(self, pipes):
        self.client, source = socket.socketpair()
        target, self.server = socket.socketpair()
        self.ends = source, target
        for sock in self.ends:
            sock.setblocking(False)
        self.way = relay.Direction(source, target, pipes)

    def carry(self, data):
        """Sends it all, and returns what arrives."""
        sender = threading.Thread(target=lambda: (self.client.sendall(data), self.client.shutdown(socket.SHUT_WR)))
        sender.start()
        self.server.setblocking(False)
        found = b""
        while self.way.wants != relay.DONE or len(found) < len(data):
            if self.way.wants != relay.DONE:
                self.way.pump()
            try:
                found += self.server.recv(1 << 20)
            except BlockingIOError:
                pass
        sender.join()
        return found


def size(pipe):
    return fcntl.fcntl(pipe.inlet, fcntl.F_GETPIPE_SZ)


def test_a_stream_gets_a_wide_pipe_and_gives_it_back():
    pipes, data = relay.Pipes(), os.urandom(3 << 20)
    assert Line(pipes).carry(data) == data
    assert size(pipes.take()) == relay.WIDE


def test_a_conversation_makes_no_pipe_wide():
    pipes = relay.Pipes()
    for _ in range(50):
        assert Line(pipes).carry(b"word") == b"word"
    assert size(pipes.take()) == relay.NARROW


def test_few_pipes_are_wide_at_a_time():
    pipes = relay.Pipes()
    taken = [pipes.take() for _ in range(3 * relay.WIDENED)]
    for pipe in taken:
        pipes.widen(pipe)
    assert sum(size(pipe) == relay.WIDE for pipe in taken) == relay.WIDENED
    pipes.close(taken[0])
    pipes.widen(taken[-1])
    assert size(taken[-1]) == relay.WIDE  # the room of one that was closed


def test_a_narrow_pipe_carries_a_stream_as_well():
    pipes, data = relay.Pipes(), os.urandom(3 << 20)
    for pipe in [pipes.take() for _ in range(relay.WIDENED)]:
        pipes.widen(pipe)
    assert Line(pipes).carry(data) == data
    assert size(pipes.take()) == relay.NARROW


def test_a_stream_leaves_others_their_turn():
    line = Line(relay.Pipes())
    data = bytes(64 << 20)
    for work in (lambda: line.client.sendall(data), lambda: [1 for _ in iter(lambda: line.server.recv(1 << 20), b"")]):
        threading.Thread(target=work, daemon=True).start()
    turns = [0]
    while turns[-1] < len(data):
        line.way.pump()
        turns.append(line.way.count)
    assert max(after - before for before, after in pairwise(turns)) < relay.TURN + relay.WIDE
    line.ends[1].close()
