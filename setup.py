"""Builds the one extension: all parts in AMPS/ and rooms in csrc/, linked into AMPS.<abi tag>.so.

Each part becomes C on its own, each C file an object on its own, in threads, and only what is
stale. Everything lands in a folder named after the flags, the compiler and this file, so a change
of any of these recompiles.

For development, AMPS_OPTIMIZE picks the level of -O, AMPS_SANITIZE a sanitizer (from the list that
CMakeLists.txt has too).
"""

import hashlib
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

LEVELS = ("0", "1", "2", "3", "s", "g")
LEVEL = "2"
SANITIZERS = ("none", "address", "undefined", "thread", "address,undefined")
CORE_FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra"]  # as in CMakeLists.txt
FOLDERS = ("amps_sandbox", "AMPS-stubs")  # packages that travel in the same wheel
DIRECTIVES = {
    "language_level": 3,
    "binding": True,  # functions and methods answer inspect.signature(), so no docstring repeats it
    "auto_pickle": False,  # a pickled connection would be a lie
    "annotation_typing": False,  # a part behaves alike compiled and interpreted
}


def chosen(variable, values, default):
    """Returns an environment variable's value, one of a closed list."""
    value = os.environ.get(variable) or default
    if value not in values:
        raise SystemExit(f"{variable}={value!r}: choose one of {', '.join(map(repr, values))}")
    return value


def compile_flags():
    """Returns the compiler's flags, the same for a part and for a room of the core."""
    flags = [f"-O{chosen('AMPS_OPTIMIZE', LEVELS, LEVEL)}", "-fvisibility=hidden", "-pthread"]
    sanitizer = chosen("AMPS_SANITIZE", SANITIZERS, "none")
    if sanitizer == "none":
        # No tables for unwinding: nothing here throws, and they are a twelfth of the file.
        small = ["-fno-unwind-tables", "-fno-asynchronous-unwind-tables"]
        return [*flags, *small, "-g0", "-ffunction-sections", "-fdata-sections"]
    keep = ["-g", "-fno-omit-frame-pointer", "-UNDEBUG"]  # readable reports; our own assertions on
    return [*flags, *keep, f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all"]


def unit_flags(source):
    """Returns one part's own flags: plain modules are no hot path, so they had better be small."""
    plain = source.endswith(".py") and chosen("AMPS_OPTIMIZE", LEVELS, LEVEL) == LEVEL
    return ["-Os"] if plain else []


def link_flags():
    """Returns the linker's flags: a small stripped file, or one that a sanitizer can explain."""
    sanitizer = chosen("AMPS_SANITIZE", SANITIZERS, "none")
    if sanitizer != "none":
        return ["-pthread", f"-fsanitize={sanitizer}"]
    return ["-pthread", *(["-Wl,-s", "-Wl,--gc-sections"] if sys.platform == "linux" else [])]


def parts():
    """Returns {module name: source} of all that lies in AMPS/."""
    found = {}
    for source in sorted([*Path("AMPS").glob("*.pyx"), *Path("AMPS").glob("*.py")]):
        name = "AMPS" if source.stem == "__init__" else f"AMPS.{source.stem}"
        if source.name == "__init__.py" or name in found:
            raise SystemExit(f"{source} must go: it would hide the built module or another part")
        found[name] = source.as_posix()
    return found


def is_stale(target, sources):
    """True when the target is missing or older than one of its sources."""
    if not target.exists():
        return True
    made = target.stat().st_mtime_ns
    return any(Path(source).stat().st_mtime_ns > made for source in sources)


def packages():
    """Returns the packages that travel along: the folders, and all with __init__.py below."""
    inner = [path.parent for folder in FOLDERS for path in Path(folder).glob("*/**/__init__.py")]
    found = [*(Path(folder) for folder in FOLDERS if Path(folder).is_dir()), *inner]
    return sorted(path.as_posix().replace("/", ".") for path in found)


class OneBinary(build_ext):
    """Compiles file by file and links everything into the extension named AMPS."""

    def build_extension(self, ext):
        room = Path(self.build_temp) / self.flags_digest(ext)
        core = sorted(path.as_posix() for path in Path("csrc").glob("amps_*.c"))
        headers = list(Path("csrc").glob("*.h"))
        jobs = [
            (generated, [] if source.endswith(".py") else headers, unit_flags(source))
            for generated, source in self.translate(room)
        ]
        jobs += [(source, headers, CORE_FLAGS) for source in core]
        with ThreadPoolExecutor(self.parallel or os.cpu_count() or 1) as pool:
            objects = pool.map(lambda job: self.compile_one(ext, room, *job), jobs)
            ext.extra_objects = list(objects)
        self.force = True  # an object may be older than a file linked with other flags: always link
        super().build_extension(ext)

    def flags_digest(self, ext):
        """Names the folder of this very way to build."""
        import Cython

        how = [self.compiler.compiler_so, ext.extra_compile_args, self.debug, Cython.__version__]
        text = repr([*how, str(self.distribution.get_version()), sys.version]).encode()
        return hashlib.sha256(text + Path(__file__).read_bytes()).hexdigest()[:12]

    def translate(self, room):
        """Turns the stale parts into C; returns [(C file, the part's source)]."""
        from Cython.Build import cythonize
        from Cython.Compiler import Options

        Options.emit_code_comments = False
        names = parts()
        self.write_facts(room, names)
        units = cythonize(
            [Extension(name, [source]) for name, source in names.items()],
            include_path=[".", str(room)],
            build_dir=str(room / "c"),
            compiler_directives=DIRECTIVES,
            force=self.force,
            quiet=True,
        )
        return [(unit.sources[0], names[unit.name]) for unit in units]

    def write_facts(self, room, names):
        """Tells AMPS/__init__.pyx what only the build knows: the version and the parts."""
        inner = sorted(name.partition(".")[2] for name in names if name != "AMPS")
        text = f'VERSION = "{self.distribution.get_version()}"\n_PARTS = frozenset({inner!r})\n'
        facts = room / "facts.pxi"
        if not facts.exists() or facts.read_text() != text:
            room.mkdir(parents=True, exist_ok=True)
            facts.write_text(text)

    def compile_one(self, ext, room, source, headers, flags):
        """Compiles one C file unless its object is fresh; returns the object."""
        folder = "" if Path(source).is_relative_to(room) else str(room)
        (target,) = self.compiler.object_filenames([source], output_dir=folder)
        if self.force or is_stale(Path(target), [source, *headers]):
            sys.stdout.write(f"compiling {source}\n")  # one write, so that threads keep lines whole
            self.compiler.compile(
                [source],
                output_dir=folder,
                include_dirs=ext.include_dirs,
                macros=ext.define_macros,
                debug=self.debug,
                extra_postargs=[*ext.extra_compile_args, *flags],
            )
        return target


setup(
    ext_modules=[
        Extension(
            "AMPS",
            sources=[],
            include_dirs=["csrc"],
            extra_compile_args=compile_flags(),
            extra_link_args=link_flags(),
        )
    ],
    packages=packages(),
    package_data={"AMPS-stubs": ["*.pyi"], "amps_sandbox": ["py.typed"]},
    cmdclass={"build_ext": OneBinary},
)
