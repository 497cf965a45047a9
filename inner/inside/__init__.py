"""Programs that run inside the box: standard library only, importing nothing of inner."""
