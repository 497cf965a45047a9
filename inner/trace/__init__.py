"""What a command looked for in its box and did not get: strace in the box writes it (`strace`), a process of ours reads it
(`collect`, `parse`), and a comparison with the host says what would have been there (`judge`). Only `inner run --trace` comes here.
"""
