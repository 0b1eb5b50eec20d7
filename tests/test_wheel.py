"""The built file alone: what it must do in a folder of its own, with nothing else installed."""

import shutil
import subprocess
import sys
import time
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import Distribution
from pathlib import Path

import pytest

import AMPS

FILE = Path(AMPS.__file__)
ROOT = Path(__file__).parents[1]
SIZE_MAX = 2_400_000  # bytes, stripped: 2.14 million on 3.11, 0.8 of them HAClient and stores


@pytest.fixture
def folder(tmp_path):
    """A folder that holds a copy of the one file and nothing else."""
    shutil.copy(FILE, tmp_path)
    return tmp_path


def run(folder, *lines, cwd=None):
    """Runs lines in a Python without site-packages, environment or user, that sees the folder."""
    source = "\n".join(["import sys", f"sys.path.insert(0, {str(folder)!r})", *lines])
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", "-c", source],
        cwd=cwd or folder,
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def test_there_is_one_file_named_for_this_python():
    assert FILE.name == "AMPS" + EXTENSION_SUFFIXES[0]
    assert [path.name for path in FILE.parent.glob("AMPS*.so")] == [FILE.name]
    assert not (FILE.parent / "AMPS").is_dir() or FILE.parent == ROOT


def test_the_file_is_small():
    assert FILE.stat().st_size < SIZE_MAX


def test_the_installed_files_are_the_binary_and_the_two_packages():
    (installed,) = Distribution.discover(name="amps-client", path=[str(FILE.parent)])
    tops = {path.parts[0] for path in installed.files if ".dist-info" not in str(path)}
    tops -= {".."}  # the console script
    assert FILE.name in tops
    assert tops <= {FILE.name, "amps_sandbox", "AMPS-stubs"}


def test_copying_the_one_file_is_a_complete_installation(folder):
    where = run(folder, "import AMPS", "print(AMPS.__file__)").decode().strip()
    assert Path(where) == folder / FILE.name


def test_a_program_beside_the_file_finds_it(folder):
    (folder / "program.py").write_text("import AMPS\nprint(AMPS.VERSION)\n")
    done = subprocess.run(
        [sys.executable, "-S", "program.py"], cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert (done.stdout.strip(), done.stderr) == (AMPS.VERSION, "")


def test_every_part_is_in_the_file(folder):
    listed = run(
        folder,
        "import pkgutil, importlib, AMPS",
        "names = [found.name for found in pkgutil.iter_modules(AMPS.__path__)]",
        "files = {importlib.import_module('AMPS.' + name).__file__ for name in names}",
        "assert files == {AMPS.__file__}, files",
        "print(*names)",
    )
    sources = {
        path.stem for path in (ROOT / "AMPS").glob("*.py*") if path.suffix in (".py", ".pyx")
    }
    assert set(listed.decode().split()) == sources - {"__init__"}


def test_an_exception_pickled_by_one_process_is_read_by_another(folder):
    pickled = run(
        folder,
        "import AMPS, pickle",
        "error = AMPS.DisconnectedException('gone', reason='idle')",
        "sys.stdout.buffer.write(pickle.dumps(error))",
    )
    (folder / "error").write_bytes(pickled)
    text = run(
        folder,
        "import pickle",
        "with open('error', 'rb') as stream:",
        "    error = pickle.load(stream)",
        "import AMPS",
        "assert type(error) is AMPS.DisconnectedException",
        "print(error, error.reason)",
    )
    assert text.decode().strip() == "gone idle"


def test_a_source_folder_beside_the_file_does_not_hide_it(folder):
    shutil.copytree(ROOT / "AMPS", folder / "AMPS")
    run(folder, "import AMPS.uri", f"assert AMPS.uri.__file__.endswith({FILE.name!r})")


def test_importing_loads_nothing_that_is_slow(folder):
    loaded = run(folder, "import AMPS", "print(*sys.modules)").decode().split()
    slow = {"asyncio", "ssl", "_ssl", "logging", "socket", "typing", "re", "enum", "threading"}
    slow |= {"collections", "dataclasses", "datetime", "inspect", "importlib.util", "urllib.parse"}
    assert not slow & set(loaded)


def test_importing_takes_some_milliseconds(folder):
    began = time.perf_counter()
    spent = run(
        folder,
        "from time import perf_counter",
        "began = perf_counter()",
        "import AMPS",
        "print(f'{(perf_counter() - began) * 1000:.1f}')",
    )
    whole = (time.perf_counter() - began) * 1000
    print(f"import AMPS: {float(spent):.1f} ms of {whole:.0f} ms for the whole process")


def test_an_interpreter_leaves_quietly_after_the_import(folder):
    assert run(folder, "import AMPS.uri", "AMPS.uri.parse('tcp://h:1/amps')") == b""
