"""The vendors' hosts, in a network namespace of their own (see `test_injected.py`): a model behind TLS at an address that looks
public. Runs a command beside it and tells, as JSON, how it ended and which keys came: `vendor.py FOLDER SHELL-COMMAND WORDS...`.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import sys

from model_api import Api

ADDRESS = "45.45.45.45"


def main() -> None:
    folder, wanted, *words = sys.argv[1:]
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(f"{folder}/cert.pem", f"{folder}/key.pem")
    with Api(wanted, address=ADDRESS, port=443, tls=tls) as model:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
        told = {
            "status": done.returncode,
            "out": done.stdout,
            "err": done.stderr,
            "keys": sorted(model.keys),
            "requests": len(model.seen),
        }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
