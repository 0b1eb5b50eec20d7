"""The module as Python finds it: one file, its parts inside, one flat namespace, nothing heavy."""

import doctest
import importlib.util
import inspect
import pickle
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import AMPS

ROOT = Path(__file__).parents[2]
PARTS = (
    "authenticators",
    "composite",
    "conflating_recovery_points",
    "delay_strategies",
    "exceptions",
    "fix",
    "options",
    "reasons",
    "recovery_points",
    "server_choosers",
    "uri",
    "version_info",
)

# All that `import AMPS` may load beyond what an interpreter has at its start: importlib.machinery
# (with what that loads in older Pythons), and what Cython's runtime registers.
ALLOWED = {"AMPS", "importlib", "types", "warnings", "cython_runtime"}
ALLOWED |= {"gc"}  # Cython's, while it readies types on Python 3.9


def run(*lines, cwd):
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_module_is_one_file_and_its_parts_are_inside():
    path = Path(AMPS.__file__)
    assert path.name.startswith("AMPS.")
    assert path.suffix == ".so"
    for part in PARTS:
        module = importlib.import_module(f"AMPS.{part}")
        assert module.__file__ == AMPS.__file__
        assert module.__spec__.origin == AMPS.__file__
        assert importlib.util.find_spec(f"AMPS.{part}").has_location


def test_the_parts_can_be_listed():
    assert set(PARTS) <= {found.name for found in pkgutil.iter_modules(AMPS.__path__)}


@pytest.mark.parametrize("name", ["AMPS.nothing", "AMPS.uri.nothing", "AMPS.__init__", "AMPS."])
def test_a_part_that_is_not_there_is_not_found(name):
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(name)


def test_the_hook_leaves_other_paths_alone():
    hooks = [hook for hook in sys.path_hooks if getattr(hook, "__module__", "") == "AMPS"]
    assert len(hooks) == 1
    with pytest.raises(ImportError):
        hooks[0]("/tmp")
    assert hooks[0](AMPS.__file__).find_spec("other.uri") is None


def test_the_version_is_that_of_the_project():
    assert f'\nversion = "{AMPS.VERSION}"' in (ROOT / "pyproject.toml").read_text()
    assert f"\n## {AMPS.VERSION}" in (ROOT / "CHANGELOG.md").read_text()
    assert AMPS.__version__ is AMPS.VERSION


def test_the_flat_namespace_offers_each_name_once():
    assert not hasattr(AMPS, "__all__")
    for part in set(PARTS) - {"options", "uri"}:
        module = importlib.import_module(f"AMPS.{part}")
        for name, thing in vars(module).items():
            if inspect.isclass(thing) and thing.__module__ == module.__name__:
                assert getattr(AMPS, name, thing) is thing
    offered = {name for name in vars(AMPS) if not name.startswith("_")}
    assert {"VERSION", "VersionInfo", "DefaultAuthenticator", "ConnectionError"} <= offered


def test_the_source_folder_never_hides_the_built_module():
    found = run("import AMPS, AMPS.uri", "print(AMPS.uri.__file__)", cwd=ROOT)
    assert Path(found).suffix == ".so"


def test_importing_is_light():
    loaded = run(
        "import sys",
        "before = set(sys.modules)",
        "import AMPS",
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))",
        cwd=Path(AMPS.__file__).parent,
    )
    assert {name for name in loaded.split() if not name.startswith("_cython_")} <= ALLOWED


def test_importing_starts_no_thread():
    assert run("import AMPS, threading", "print(threading.active_count())", cwd=ROOT) == "1"


def test_the_module_can_be_imported_late_after_the_program_moved(tmp_path):
    run("import AMPS, os", f"os.chdir({str(tmp_path)!r})", "import AMPS.uri", cwd=ROOT)


def test_a_purged_module_can_be_imported_again():
    run(
        "import sys, AMPS, AMPS.uri",
        "for name in [name for name in sys.modules if name.partition('.')[0] == 'AMPS']:",
        "    del sys.modules[name]",
        "import AMPS.uri",
        "print(AMPS.uri.parse('tcp://h:1/amps'))",
        cwd=ROOT,
    )


def test_an_exception_is_the_same_in_another_process(tmp_path):
    error = AMPS.BadFilterException("bad", reason="bad filter")
    (tmp_path / "error").write_bytes(pickle.dumps(error))
    text = run(
        "import pickle",
        f"with open({str(tmp_path / 'error')!r}, 'rb') as stream:",
        "    error = pickle.load(stream)",
        "print(type(error).__name__, error, error.reason)",
        cwd=ROOT,
    )
    assert text == "BadFilterException bad bad filter"


@pytest.mark.parametrize("part", PARTS)
def test_the_examples_in_the_docstrings_hold(part):
    module = importlib.import_module(f"AMPS.{part}")
    own = [
        thing
        for thing in vars(module).values()
        if getattr(thing, "__module__", 0) == module.__name__
    ]
    text = "\n\n".join(thing.__doc__ or "" for thing in own)
    examples = doctest.DocTestParser().get_doctest(text, dict(vars(module)), part, "", 0)
    assert examples.examples
    assert doctest.DocTestRunner().run(examples).failed == 0


@pytest.mark.parametrize("part", PARTS)
def test_everything_public_is_documented_and_has_a_signature(part):
    module = importlib.import_module(f"AMPS.{part}")
    for name, thing in vars(module).items():
        if name.startswith("_") or getattr(thing, "__module__", "") != module.__name__:
            continue
        members = vars(thing).values() if inspect.isclass(thing) else [thing]
        for member in [thing, *(m for m in members if callable(m) and not dunder(m))]:
            assert inspect.getdoc(member), member
            assert inspect.isclass(member) or inspect.signature(member)


def dunder(member):
    return getattr(member, "__name__", "_").startswith("_")
