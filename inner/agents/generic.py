"""Any program that is not an agent inner knows: nothing is added."""

from __future__ import annotations

NAME = "generic"
COMMANDS = ()
ENV = ()
KEYS = ()
SEEDS = ()
LOGINS = ()
HOSTS = ()
OPTIONAL = ()
PROTECTED = ()
SCRATCH = ()
BASE_URLS = ()
