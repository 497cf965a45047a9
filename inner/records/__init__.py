"""What is kept of every run: written while it runs (`write`), read by people and programs (`read`, `receipt`), and thrown away in
time (`keep`). `secret` knows what must not be kept or shown. The folders themselves are `launch.rundir`'s.
"""
