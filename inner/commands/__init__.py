"""One file per command: options beside the function, then gather, call, render."""
