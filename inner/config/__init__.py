"""Configuration as text: which files there are, how they are read, where a key stands in them, which of them are trusted.

What the text means is the business of `inner.settings` and `inner.profile`.
"""
