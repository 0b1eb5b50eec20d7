"""What the module costs before it does anything: the time to import it, the size of its file."""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from table import AT_MOST, BYTES, MILLISECONDS, interleave, plain_row

import AMPS

RUNS = 20
IMPORT_MS_MAX = (AT_MOST, 10)
FILE_SIZE_MAX = (AT_MOST, 2_400_000)  # as in tests/test_wheel.py


def run_ms(statement):
    """How long a fresh interpreter takes for a statement.

    It starts as an empty environment would: `site` is imported, but no .pth file of this one runs,
    which could take long and import what AMPS would then seem to have for nothing.
    """
    folder = str(Path(AMPS.__file__).parent)
    program = f"import site, sys; sys.path.insert(0, {folder!r}); {statement}"
    began = time.perf_counter()
    # With a timeout this would look for the end only now and then; run.py's alarm is the limit.
    subprocess.run([sys.executable, "-I", "-S", "-c", program], check=True)
    return (time.perf_counter() - began) * 1000


def import_time(peer, rounds, count):
    """Yields the row of importing, over a bare interpreter."""
    run_ms("import AMPS")  # the file is in memory from here on
    bare, importing = interleave(RUNS, lambda: run_ms("pass"), lambda: run_ms("import AMPS"))
    yield plain_row("import", MILLISECONDS, [median(importing) - median(bare)], IMPORT_MS_MAX)


def file_size(peer, rounds, count):
    """Yields the row of the file, stripped if it was not."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "stripped.so"
        shutil.copyfile(AMPS.__file__, copy)
        if shutil.which("strip"):
            subprocess.run(["strip", str(copy)], check=True)
        yield plain_row("file size", BYTES, [copy.stat().st_size], FILE_SIZE_MAX)


BENCHMARKS = {"import": import_time, "size": file_size}
