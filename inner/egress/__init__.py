"""The network of a box with `network_mode = "allowlist"`: listeners born in the box's network namespace, served from outside.

`rules` decides, `dns`, `tls` and `http` read bytes, all without a socket; `netns` makes the listeners; `server` and what it
uses are the only code that connects to anything; `start` is what a launcher calls. Import from the modules: this file is empty.
"""
