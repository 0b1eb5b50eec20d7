"""Messages handled in C: a function that counts and sums, called without Python's lock.

    python examples/c_handler.py

Needs a C compiler (Debian: apt install gcc), or one named by the environment's CC. For programs in
which the work of each message is too small for Python; see csrc/amps_c_handler.h.
"""

import ctypes
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import AMPS
from amps_sandbox import Sandbox

HERE = Path(__file__).parent


class Totals(ctypes.Structure):
    """What the function adds up, laid out as in c_handler.c."""

    _fields_ = (("count", ctypes.c_int64), ("sum", ctypes.c_int64), ("bad", ctypes.c_int64))


def build(folder):
    """Compiles c_handler.c and loads it."""
    target = Path(folder) / "c_handler.so"
    include = f"-I{HERE.parent / 'csrc'}"
    compiler = shlex.split(os.environ.get("CC") or "cc")
    command = [*compiler, "-O2", "-fPIC", "-shared", include, HERE / "c_handler.c", "-o", target]
    try:
        subprocess.run(command, check=True)
    except (OSError, subprocess.CalledProcessError) as problem:
        sys.exit(f"c_handler.py needs a C compiler: {problem}")
    return ctypes.CDLL(str(target))


def main():
    totals = Totals()
    with tempfile.TemporaryDirectory() as folder, Sandbox() as server:
        library = build(folder)
        with AMPS.Client("summer") as client:
            client.connect(server.uri("json"))
            client.logon()
            handler = AMPS.CMessageHandler(library.add_number, ctypes.addressof(totals))
            client.subscribe(handler, "numbers")
            for number in range(1, 10_001):
                client.publish("numbers", str(number))
            client.publish("numbers", "-1")
            client.publish("numbers", "many")
            client.publish_flush()  # the server has sent all of them on ...
            client.publish_flush()  # ... and all that came before this answer has been handled
    print(f"{totals.count} numbers, sum {totals.sum}; {totals.bad} was none")


if __name__ == "__main__":
    main()
