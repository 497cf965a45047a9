"""Amounts of memory, processor time and processes, from text to numbers, and which of two is the smaller grant."""

from __future__ import annotations

UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
LEAST_MEMORY = 1 << 20  # under a megabyte nothing starts: a slip of the unit

# What the host is given at least when nothing is said (half of RAM within 512M..8G, half of the cores but one, 512 processes):
# a limit that is not above these can only be lower than what is found.
FOUND_AT_LEAST: dict[str, float] = {"memory": 512 << 20, "cpu": 1.0, "pids": 512}


def memory(value: object) -> int | None:
    """Bytes of `"4G"`, `"512M"`, `"1.5GiB"` or a plain number of bytes; None for what counts as not said ("" and 0)."""
    if isinstance(value, str):
        text = value.strip().upper().removesuffix("B").removesuffix("I")
        unit = text[-1:] if text[-1:] in UNITS else ""
        amount = _number(text[: len(text) - len(unit)]) if text else 0.0
        size = None if amount is None else int(amount * UNITS[unit])
    else:
        size = value if isinstance(value, int) and not isinstance(value, bool) else None
    if size is None or size < 0 or size >= 1 << 62:
        raise ValueError("is not an amount of memory\nfor instance `4G` or `512M`")
    if 0 < size < LEAST_MEMORY:
        raise ValueError("is less than a megabyte\nfor instance `4G` or `512M`")
    return size or None


def cpu(value: object) -> float | None:
    """Cores of `"1.5"`, `"150%"` or a plain number; None for what counts as not said ("" and 0)."""
    cores: float | None
    if isinstance(value, str):
        text = value.strip()
        percent = text.endswith("%")
        cores = _number(text.removesuffix("%").rstrip()) if text else 0.0
        if cores is not None and percent:
            cores /= 100
    else:
        cores = value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    if cores is None or not 0 <= cores <= 65536 or 0 < cores < 0.01:  # false for nan too
        raise ValueError("is not an amount of processor time\nfor instance `1.5` (cores) or `150%`")
    return float(cores) or None


def pids(value: object) -> int | None:
    """A number of processes; None for what counts as not said (0)."""
    number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10 else value
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= 1 << 22:
        raise ValueError("is not a number of processes\nfor instance `512`")
    return number or None


def _number(text: str) -> float | None:
    whole, _, part = text.partition(".")
    if not (text.isascii() and whole.isdigit() and (part.isdigit() or "." not in text)) or len(text) > 20:
        return None
    return float(text)


def narrower(name: str, asked: float | None, base: float | None) -> bool:
    """True when the limit `asked` of "memory", "cpu" or "pids" allows no more than `base` does; None is what the host gives."""
    if asked is None:
        return base is None
    return asked <= (FOUND_AT_LEAST[name] if base is None else base)
