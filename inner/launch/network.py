"""The network of one run: the egress process while bubblewrap is busy, its listeners when the box is there, a word about hosts that the
user is asked about, and one if it ends too early."""

from __future__ import annotations

from inner.frozen import TYPE_CHECKING
from inner.launch import syscall

if TYPE_CHECKING:
    from collections.abc import Callable

    from inner.egress.rules import Rules
    from inner.egress.start import Egress
    from inner.host import Host
    from inner.launch.undo import Undo
    from inner.plan.model import Plan
    from inner.profile.model import Profile
    from inner.records.write import Record

MOST_RECORDED = 64 << 20  # bytes: a box that asks for names all day must not fill the disk with its record


class Network:
    """What `of` gives. A box whose egress process has ended reaches nothing more: its listeners are gone with it."""

    def __init__(self, egress: Egress, record: Record, mode: str) -> None:
        self.attach, self.wait = egress.call, egress.wait
        self.beside = (egress.pid, egress.fd, self.look)
        self._egress, self._record, self._mode = egress, record, mode
        self._why = ""

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
            lost = "the box reached no host" if self._mode == "allowlist" else "nothing that it published was reached"
            warn(f"the network of this run ended before it: {self._why}; from then on {lost}")


def of(plan: Plan, profile: Profile, host: Host, record: Record, folder: str, undo: Undo, rules: Rules | None) -> Network:
    """The network of a plan that allows hosts or publishes ports; any other bubblewrap alone makes. `rules`: those of its list, when they
    are known. Raises ConfigError, RunError."""
    network = plan.network
    from inner.egress.start import prepare

    credentials = profile.credentials if network.mode == "allowlist" else {}
    spare = network.spare if network.ask else None
    egress = prepare(
        network,
        host,
        rules=rules,
        credentials=credentials,
        origins=profile.origins,
        event_fd=record.fd,
        folder=folder,
        spare=spare,
    )
    undo.later(egress.close)
    syscall.bound_files(egress.pid, MOST_RECORDED)
    return Network(egress, record, network.mode)
