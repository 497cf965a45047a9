"""Which hosts were denied, and what is offered for them."""

from __future__ import annotations

from inner.egress.rules import rules
from inner.records.denied import at_home, denied, offer
from inner.records.read import Run


def run(*events):
    names = ("event", "host", "port", "verdict", "reason")
    return Run("id", "/folder", "ended", tuple(dict(zip(names, event, strict=True)) for event in events))


def test_each_host_once_and_how_often():
    found = denied(
        run(
            ("dns", "evil.test", 0, "deny", "not on the list"),
            ("connect", "good.test", 443, "allow", "allowed by `good.test`"),
            ("dns", "evil.test", 0, "deny", "not on the list"),
            ("connect", "good.test", 22, "deny", "port 22 is not on the list"),
        )
    )
    assert [(str(one), one.times, one.entry) for one in found] == [
        ("evil.test", 2, "evil.test"),
        ("good.test:22", 1, "good.test:22"),
    ]
    assert offer(found) == (
        "inner run --allow-host evil.test --allow-host good.test:22", 'network_allow = ["evil.test", "good.test:22"]',
    )  # fmt: skip


def test_nothing_is_offered_that_a_shell_would_read_or_that_would_not_help():
    found = denied(
        run(
            ("dns", "$(reboot).test", 0, "deny", "not a host name"),
            ("dns", "$(reboot).test", 0, "deny", "not on the list"),
            ("dns", "a.test;b", 0, "deny", "not on the list"),
            ("dns", "held.test", 0, "deny", "denied by `held.test`"),
            ("connect", "inside.test", 443, "deny", "the name leads to 10.0.0.1 (private)"),
            ("connect", "front.test", 443, "deny", "TLS for another name, `evil.test`"),
        )
    )
    assert len(found) == 5
    assert offer(found) == ("", "")


def test_a_name_that_leads_into_the_private_network_has_an_entry_of_its_own_kind():
    found = denied(
        run(
            ("connect", "intra.test", 8443, "deny", "the name leads to 10.0.0.1 (private)"),
            ("connect", "meta.test", 443, "deny", "the name leads to 169.254.169.254 (link-local)"),
            ("connect", "a.test;b", 443, "deny", "the name leads to 10.0.0.1 (private)"),
        )
    )
    assert at_home(found) == ["lan:intra.test:8443"]
    assert offer(found) == ("", "")
    assert rules(at_home(found)).decide("intra.test", 8443).allow


def test_an_address_is_quoted_for_the_shell():
    [found] = denied(run(("connect", "2a00::1", 8080, "deny", "not on the list")))
    assert offer([found])[0] == "inner run --allow-host '[2a00::1]:8080'"


def test_what_was_allowed_later_is_not_told():
    before = ("dns", "a.w.test", 0, "deny", "not on the list"), ("connect", "w.test", 22, "deny", "port 22 is not on the list")
    assert denied(run(*before, ("decide", "*.w.test", 0, "allow", "for this run"), ("decide", "w.test", 22, "allow", ""))) == []
    assert len(denied(run(*before, ("decide", "xw.test", 0, "allow", ""), ("decide", "w.test", 23, "allow", "")))) == 2
    assert len(denied(run(*before, ("decide", "*.w.test", 0, "deny", "for this run")))) == 2


def test_a_name_that_was_looked_up_to_be_asked_about():
    """It counts where no connection followed: that was to a port at which nobody is asked."""
    looked_up = ("dns", "db.test", 0, "ask", "not on the list")
    assert [str(one) for one in denied(run(looked_up, looked_up))] == ["db.test"]
    held = ("hold", "db.test", 443, "ask", "not on the list")
    assert denied(run(looked_up, held)) == []
    assert denied(run(looked_up, held, ("decide", "db.test", 0, "allow", "once: what waited for it"))) == []
    refused = ("connect", "db.test", 443, "deny", "nobody answered: not on the list")
    assert [(str(one), one.entry) for one in denied(run(looked_up, held, refused))] == [("db.test:443", "db.test")]
