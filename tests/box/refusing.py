"""A kernel that lacks a call, or refuses it: a filter of the test's own, on the program that makes the box."""

from __future__ import annotations

import ctypes
import struct

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2  # prctl(2)
ALLOW, ERRNO = 0x7FFF0000, 0x00050000


def refusing(number: int, errno: int, *, first: int | None = None):
    """For `preexec_fn`: the call fails with `errno`, when its first argument is `first` or in any case."""
    code = [(0x20, 0, 0, 0), (0x15, 0, 3 if first is not None else 1, number)]
    if first is not None:
        code += [(0x20, 0, 0, 16), (0x15, 0, 1, first)]
    code += [(0x06, 0, 0, ERRNO | errno), (0x06, 0, 0, ALLOW)]
    text = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *line) for line in code))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(code), ctypes.addressof(text)))  # struct sock_fprog
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def install() -> None:
        assert text, program  # kept alive
        if prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0):
            raise OSError(ctypes.get_errno(), "no filter can be installed")

    return install
