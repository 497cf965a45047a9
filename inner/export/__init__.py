"""A plan for other engines: what an image-based container can hold of it, and in words what it cannot. Pure."""
