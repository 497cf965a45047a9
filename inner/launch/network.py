"""The network of one run: the egress process while bubblewrap is busy, its listeners when the box is there, a word about hosts that the
user is asked about, and one if it ends too early."""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING
from inner.launch import syscall

if TYPE_CHECKING:
    import socket as _socket
    from collections.abc import Callable

    from inner.egress.rules import Rules
    from inner.egress.start import Egress
    from inner.host import Host
    from inner.launch.undo import Undo
    from inner.plan.model import Plan
    from inner.profile.model import Profile
    from inner.records.write import Record
else:
    import _socket

MOST_RECORDED = 64 << 20  # bytes: a box that asks for names all day must not fill the disk with its record


class Network:
    """Of a plan that allows hosts or publishes ports; any other bubblewrap alone makes. A box whose egress process has ended reaches
    nothing more: its listeners are gone with it. The methods are called in the order in which they stand. Raises ConfigError, RunError."""

    _egress: Egress
    _record: Record

    def __init__(self, plan: Plan, profile: Profile, host: Host, folder: str, undo: Undo) -> None:
        self._plan, self._profile, self._host, self._folder, self._undo = plan, profile, host, folder, undo
        self._ends = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
        self.beside = (self._ends[0].fileno(), self.look)
        self._why = ""
        self._rules: Rules | None = None
        if any(entry[:1] == "@" for entry in (*plan.network.allow, *plan.network.deny)):
            self._rules = self._decided()  # now: programs of the host are asked, at the user's terminal

    def _decided(self) -> Rules:
        from inner.egress.listing import rules_of

        return rules_of(self._plan.network, self._host, self._profile.origins)

    def begin(self, record: Record) -> None:
        """Fork the egress process, which makes itself ready."""
        from inner.egress.start import prepare

        network = self._plan.network
        listed = network.mode == "allowlist"
        self._record = record
        self._egress = prepare(
            network,
            self._host,
            rules=(self._rules or self._decided()) if listed else None,
            ends=self._ends,
            credentials=self._profile.credentials if listed else {},
            event_fd=record.fd,
            folder=self._folder,
            spare=network.spare if network.ask else None,
        )
        self._undo.later(self._egress.close)
        syscall.bound_files(self._egress.pid, MOST_RECORDED)

    def attach(self, pid: int) -> None:
        """Pid 1 of the box is there: its listeners can be made, for which `wait` waits."""
        self._egress.call(pid)

    def wait(self) -> None:
        """Returns when they are there."""
        self._egress.wait()

    def look(self, say: Callable[[str], object] | None = None) -> bool:
        """Says which hosts wait for an answer, to `say`. False when it has ended."""
        for host in self._egress.questions():
            if say is not None:
                entry = host.removesuffix(":443").removesuffix(":80")
                say(f"{host} is not on the list, and waits for your answer: `inner approvals allow {entry}` in another terminal")
        if not self._why:
            self._why = self._egress.ended()
            if self._why:
                self._record.write("network", verdict="fail", reason=self._why)
        return not self._why

    def tell(self, warn: Callable[[str], None]) -> None:
        """To be called when the box has ended, before the egress process is."""
        self.look()
        self._egress.stop()  # it takes itself apart while we look at what the box has left
        if self._why:
            lost = (
                "the box reached no host" if self._plan.network.mode == "allowlist" else "nothing that it published was reached"
            )
            warn(f"the network of this run ended before it: {self._why}; from then on {lost}")
