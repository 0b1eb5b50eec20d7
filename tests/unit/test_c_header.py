"""The header for handlers written in C: complete in itself, in every dialect, and shipped."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEADER = ROOT / "csrc/amps_c_handler.h"
STRICT = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion", "-Wshadow"]
USE = """\
#include "amps_c_handler.h"
#include "amps_c_handler.h"
#ifdef __cplusplus
extern "C"
#endif
void handle(const amps_c_message *message, void *user_data);
void handle(const amps_c_message *message, void *user_data)
{
    char out[8];
    size_t size = message->field(message, "t", out, sizeof out);
    if (message->abi == AMPS_C_HANDLER_ABI && size != AMPS_C_FIELD_ABSENT && size > 0) {
        *(size_t *)user_data += message->body_size;
    }
}
amps_c_handler given = handle;
"""


def compiled(language, standard, source, *flags):
    """Runs the compiler that Python was built with; gives what it complains of."""
    compiler = sysconfig.get_config_var("CXX" if language == "c++" else "CC").split()
    done = subprocess.run(
        [*compiler, "-x", language, f"-std={standard}", *STRICT, *flags, "-fsyntax-only", source],
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stderr if done.returncode else ""


@pytest.mark.parametrize(
    ("language", "standard"),
    [("c", "c99"), ("c", "c11"), ("c", "c17"), ("c++", "c++11"), ("c++", "c++17")],
)
def test_it_is_all_that_a_handler_needs(tmp_path, language, standard):
    shutil.copy(HEADER, tmp_path)
    (tmp_path / "use.c").write_text(USE)
    assert compiled(language, standard, tmp_path / "use.c") == ""
    alone = (tmp_path / "alone.c", '#include "amps_c_handler.h"\ntypedef int nothing_else;\n')
    alone[0].write_text(alone[1])
    assert compiled(language, standard, alone[0]) == ""
    (tmp_path / "wrong.c").write_text(USE.replace("message->abi", "message->abj"))
    assert "abj" in compiled(language, standard, tmp_path / "wrong.c")


def test_it_includes_the_standard_library_only():
    included = [line for line in HEADER.read_text().splitlines() if line.startswith("#include")]
    assert included == ["#include <stddef.h>", "#include <stdint.h>"]


def test_cmake_installs_it_and_nothing_else(tmp_path):
    for command in (
        ["cmake", "-S", ROOT, "-B", tmp_path / "build"],
        ["cmake", "--install", tmp_path / "build", "--prefix", tmp_path / "installed"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
    files = [path for path in (tmp_path / "installed").rglob("*") if path.is_file()]
    assert files == [tmp_path / "installed/include/amps/amps_c_handler.h"]
    assert files[0].read_bytes() == HEADER.read_bytes()


def test_the_source_distribution_has_it_and_its_example(tmp_path):
    made = subprocess.run(
        [sys.executable, "setup.py", "-q"]
        + ["egg_info", "--egg-base", str(tmp_path), "sdist", "--dist-dir", str(tmp_path)],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("AMPS_")},
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert made.returncode == 0, made.stderr
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as files:
        names = {name.partition("/")[2] for name in files.getnames()}
    wanted = {"csrc/amps_c_handler.h", "examples/c_handler.c", "examples/c_handler.py"}
    wanted |= {path.relative_to(ROOT).as_posix() for path in (ROOT / "csrc").glob("amps_*.[ch]")}
    assert wanted <= names
    assert not [name for name in names if name.endswith((".so", ".o", ".pyc"))]
