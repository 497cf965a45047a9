"""Review before apply: what a box changes is kept apart from the project until somebody has looked at it."""
