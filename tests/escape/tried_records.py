"""What inner keeps of a run, and a review that waits: neither is the box's to read, to change, or to speak through."""

from __future__ import annotations

from attempt import table

GROUP = "records"

ATTEMPTS = table(
    GROUP,
    {
        "read what is kept of other runs": ('$INNER true; $INNER sh -c \'cat "$0"/.local/state/inner/*/*/* "$0"/.local/state/inner/*/* 2>/dev/null | grep -q . && echo G""OT it\' "$H" 2>&1', {"before": "mkdir -p ~/.local/state/inner/runs/x; echo x > ~/.local/state/inner/runs/x/record"}),
        "write into what is kept of this run": ('$INNER sh -c \'for d in "$0"/.local/state/inner/runs/*; do echo EVIL >> "$d/record"; done\' "$H" 2>/dev/null; grep -rqs EVIL ~/.local/state/inner/runs/x && got written', {"before": "mkdir -p ~/.local/state/inner/runs/x; echo x > ~/.local/state/inner/runs/x/record"}),
        "sockets of inner": ("$INNER sh -c 'ls /run/user/*/inner \"$0\"/inner 2>/dev/null | grep -q . && echo G\"\"OT it' \"$R\" 2>&1", {"before": "mkdir -p $R/inner/x", "after": "rm -rf $R/inner"}),
        "trust itself": ('printf \'schema_version = "1"\\n\' > .inner.toml; $INNER sh -c \'mkdir -p "$0/.local/state/inner/trust" && echo x > "$0/.local/state/inner/trust/evil"\' "$H" 2>/dev/null; [ -e ~/.local/state/inner/trust/evil ] && got trusted', {}),
        "end of a line of the log": ("$INNER sh -c 'printf \"x\\n\" >> \"$0/last-run\"' \"$H\" 2>/dev/null; grep -qx x ~/last-run && got a line", {}),
    },
    wrapper=True,
    begins=False,
)  # fmt: skip
