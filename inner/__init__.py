"""inner: run a program you do not trust in a box that holds."""

__version__ = "0.1.0"
