"""The build: what it compiles, when again, what it refuses; tried on a small module of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULE = """\
include "facts.pxi"
import sys
from importlib.machinery import ExtensionFileLoader, ModuleSpec

class Finder:
    def __init__(self, path):
        if path != __file__:
            raise ImportError(path)

    def find_spec(self, name, target=None):
        return ModuleSpec(name, ExtensionFileLoader(name, __file__), origin=__file__)

__path__ = [__file__]
sys.path_hooks.append(Finder)
"""
CORE = '#include "amps_answer.h"\nint amps_answer(void) { return AMPS_ANSWER; }\n'
PART = """\
cdef extern from "amps_answer.h":
    int amps_answer()

def answer():
    return amps_answer()
"""


@pytest.fixture
def project(tmp_path):
    """A project with this repository's setup.py, one plain part, one Cython part, and a core."""
    shutil.copy(ROOT / "setup.py", tmp_path)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name in ("README.md", "LICENSE"):
        (tmp_path / name).write_text("for the metadata\n")
    for name, text in {
        "AMPS/__init__.pyx": MODULE,
        "AMPS/plain.py": "WHO = 'plain'\n",
        "AMPS/part.pyx": PART,
        "csrc/amps_answer.c": CORE,
        "csrc/amps_answer.h": "#define AMPS_ANSWER 42\nint amps_answer(void);\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def build(project, **settings):
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("AMPS_")
    }
    return subprocess.run(
        [sys.executable, "setup.py", "build_ext", "--inplace"],
        cwd=project,
        env={**environment, "AMPS_OPTIMIZE": "0", **settings},
        capture_output=True,
        text=True,
        timeout=110,
    )


def compiled(project, **settings):
    """Builds, and returns the names of the C files that were compiled."""
    done = build(project, **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    words = [line.split() for line in done.stdout.splitlines()]
    return sorted(Path(line[1]).name for line in words if line[:1] == ["compiling"])


def answer(project):
    lines = "import AMPS.part, AMPS.plain; print(AMPS.part.answer(), AMPS.plain.WHO, AMPS.VERSION)"
    done = subprocess.run(
        [sys.executable, "-c", lines], cwd=project, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_only_what_is_stale_is_compiled_again(project):
    everything = ["__init__.c", "amps_answer.c", "part.c", "plain.c"]
    assert compiled(project) == everything
    assert answer(project)[:2] == ["42", "plain"]
    assert compiled(project) == []

    (project / "AMPS/plain.py").write_text("WHO = 'changed'\n")
    assert compiled(project) == ["plain.c"]
    assert answer(project)[:2] == ["42", "changed"]

    header = project / "csrc/amps_answer.h"
    header.write_text(header.read_text().replace("42", "43"))
    assert compiled(project) == ["__init__.c", "amps_answer.c", "part.c"]
    assert answer(project)[:2] == ["43", "changed"]


def test_other_flags_compile_everything_again_and_the_old_ones_link_the_old_objects(project):
    assert len(compiled(project)) == 4
    assert len(compiled(project, AMPS_OPTIMIZE="1")) == 4
    (project / "AMPS/plain.py").write_text("WHO = 'changed'\n")
    assert compiled(project, AMPS_OPTIMIZE="1") == ["plain.c"]
    assert compiled(project, AMPS_OPTIMIZE="0") == ["plain.c"]
    assert answer(project)[1] == "changed"


def test_a_changed_setup_compiles_everything_again(project):
    assert len(compiled(project)) == 4
    with (project / "setup.py").open("a") as setup:
        setup.write("# changed\n")
    assert len(compiled(project)) == 4


def test_a_new_part_and_a_new_room_are_found(project):
    compiled(project)
    (project / "AMPS/late.py").write_text("")
    (project / "csrc/amps_late.c").write_text(
        "int amps_late(void);\nint amps_late(void) { return 1; }\n"
    )
    (project / "csrc/draft.c").write_text("this is no C\n")
    assert compiled(project) == ["__init__.c", "amps_late.c", "late.c"]


def test_the_sanitizers_are_compiled_in(project):
    assert len(compiled(project, AMPS_SANITIZE="undefined")) == 4
    (binary,) = project.glob("AMPS.*.so")
    assert b"__ubsan_handle" in binary.read_bytes()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AMPS_SANITIZE", "memory"),
        ("AMPS_SANITIZE", "Address"),
        ("AMPS_SANITIZE", "undefined,address"),
        ("AMPS_SANITIZE", "address; rm -rf /"),
        ("AMPS_OPTIMIZE", "4"),
        ("AMPS_OPTIMIZE", "fast"),
    ],
)
def test_an_unknown_setting_stops_the_build_and_names_the_known_ones(project, variable, value):
    done = build(project, **{variable: value})
    assert done.returncode != 0
    assert f"{variable}={value!r}: choose one of " in done.stderr
    assert not list(project.glob("AMPS.*.so"))


@pytest.mark.parametrize("name", ["__init__.py", "part.py"])
def test_a_source_that_would_hide_another_stops_the_build(project, name):
    (project / "AMPS" / name).write_text("")
    done = build(project)
    assert done.returncode != 0
    assert "would hide" in done.stderr


def test_a_broken_room_stops_the_build_and_says_where(project):
    (project / "csrc/amps_answer.c").write_text("int amps_answer(void) { return nothing; }\n")
    done = build(project)
    assert done.returncode != 0
    assert "amps_answer.c:1" in done.stderr


def test_the_core_must_be_c11(project):
    (project / "csrc/amps_answer.c").write_text(
        CORE + "int f(void) { typeof(1) x = 2; return x; }\n"
    )
    assert build(project).returncode != 0, "typeof is GNU's, not C11's"


def test_every_package_in_the_sandbox_travels_along(project):
    names = ["amps_sandbox/__init__.py", "amps_sandbox/one/__init__.py", "amps_sandbox/one/in.py"]
    names += ["amps_sandbox/one/two/__init__.py", "amps_sandbox/py.typed"]
    for name in [*names, "amps_sandbox/no_package/x.py"]:
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text("")
    subprocess.run(
        [sys.executable, "setup.py", "-q", "build_py", "--build-lib", "out"],
        cwd=project,
        capture_output=True,
        timeout=60,
        check=True,
    )
    found = [path for path in (project / "out").rglob("*") if path.suffix != ".pyc"]
    files = {path.relative_to(project / "out").as_posix() for path in found if path.is_file()}
    assert files == set(names)


if sys.version_info >= (3, 11):  # cibuildwheel knows Python 3.14 only in versions that need 3.11

    @pytest.mark.parametrize("platform", ["linux", "macos"])
    def test_the_wheels_to_come_are_those_of_python_3_9_to_3_14(platform):
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "cibuildwheel",
                "--print-build-identifiers",
                "--platform",
                platform,
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        pythons = {identifier.partition("-")[0] for identifier in done.stdout.split()}
        assert pythons == {"cp39", "cp310", "cp311", "cp312", "cp313", "cp314"}
