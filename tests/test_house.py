"""The rules of the house, checked by reading the source: who knows whom, and how big files get."""

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("AMPS", "AMPS-stubs", "amps_sandbox", "benchmarks", "csrc", "examples", "tests")
SUFFIXES = (".c", ".h", ".py", ".pyi", ".pyx", ".pxd", ".pxi")
COLUMNS_MAX = 100
FUNCTION_LINES_MAX = 70
LINES_MAX = {".c": 700, ".h": 450, ".pxi": 400, ".pyx": 400, ".pxd": 450, ".py": 400, ".pyi": 700}
TEST_LINES_MAX = 500

# The core from the ground up: a room includes only rooms of a lower step.
STEPS = (
    ("base", "crc", "map_watch", "protocol"),
    ("bookmark", "bookmark_events", "command", "ending", "file_layout", "inside", "key"),
    ("memory", "status", "text"),
    ("bookmark_table", "buffer", "header", "memory_records", "thread"),
    ("bookmark_publishers", "c_handler", "conflation", "file", "frame", "message", "record"),
    ("bookmark_journal", "bookmark_ring", "file_recovery", "send_buffer", "socket", "waits"),
    ("heartbeat",),
    ("bookmark_items", "file_records", "stream", "writer"),
    ("bookmark_disk", "bookmark_list", "publish_store", "unsent", "writer_heartbeat"),
    ("bookmark_inside", "stored"),
    ("bookmark_store",),
    ("bookmark_opening", "routes"),
    ("acks", "deliveries"),
    ("reader",),
    ("client",),
    ("client_acks", "client_commands"),
)
PURE_ROOMS = (
    "bookmark|bookmark_(items|list|publishers|table)|buffer|command|conflation|crc|ending|frame|"
    "header|heartbeat|key|memory_records|message|record|send_buffer|text"
)

# What must not be written where: (rule, files, words, files that may).
FORBIDDEN = [
    ("the core knows no Python", r"csrc/.*", r"Python\.h|\bPy_|\bPyObject\b", None),
    (
        "memory comes from one room",
        r"csrc/.*",
        r"(?<![\w>.])(malloc|calloc|realloc|free|strn?dup|v?asprintf|aligned_alloc)\s*\(",
        r"csrc/amps_memory\.c",
    ),
    (
        "threads and clocks live in one room",
        r"csrc/.*",
        r"\bpthread_|<(pthread|time|sys/time|threads|semaphore)\.h>|\bclock_gettime\b|\bu?sleep\s*\(",
        r"csrc/amps_thread\.[ch]",
    ),
    (
        "sockets live in one room",
        r"csrc/.*",
        r"<(sys/socket|sys/un|sys/epoll|poll|netdb|netinet/\w+|arpa/inet|net/if)\.h>",
        r"csrc/amps_socket\.c",
    ),
    (
        "files live in one room",
        r"csrc/.*",
        r"<(sys/(file|mman|stat)|dirent)\.h>|(?<![\w>.])(open|fopen|fsync|ftruncate|rename|unlink)\s*\(",
        r"csrc/amps_(file|map_watch)\.c",
    ),
    (
        "bytes know no thread, lock, clock or socket",
        rf"csrc/amps_({PURE_ROOMS})\.[ch]",
        r"amps_(thread|socket|mutex|condition|clock)|\bpthread|\bpoll\b",
        None,
    ),
    ("only dispatch.pxi takes the GIL", r"AMPS/.*", r"\bwith gil\b", r"AMPS/dispatch\.pxi"),
    ("only two files declare C", r"AMPS/.*", r"\bcdef extern\b", r"AMPS/(libamps|python_api)\.pxd"),
    ("the client knows no sandbox", r"AMPS/.*", r"(from|import)\s+amps_sandbox", None),
    ("the sandbox knows no client", r"amps_sandbox/.*", r"(from|import)\s+AMPS\b", None),
    (
        "nothing is left for later",
        r"(csrc|AMPS|AMPS-stubs|amps_sandbox|examples|benchmarks)/.*",
        r"TODO|FIXME|XXX|NotImplementedError",
        None,
    ),
    ("a test never sleeps", r"tests/.*\.py", r"\b(time|asyncio)\.sleep\((?!0\))", None),
    ("every test runs", r"tests/.*\.py", r"pytest\.(skip|xfail)|mark\.(skip|xfail)", None),
]


def sources():
    """Yields (path, text) of every source file but this one, which quotes what it forbids."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in SUFFIXES and path != Path(__file__):
                yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


def code(path, text):
    """Returns the text with comments and long strings blanked out, line by line as before."""
    if path.endswith((".c", ".h")):
        pattern = r'/\*.*?\*/|//[^\n]*|(?<!\w)"(?:\\.|[^"\\\n])*"(?=[^\n]*[;,)])'
    else:
        pattern = r'"""(?:\\.|.)*?"""|(?<![\'"])#[^\n]*'
    return re.sub(pattern, lambda found: "\n" * found.group().count("\n"), text, flags=re.DOTALL)


def matches(path, text, files, words, allowed):
    if not re.fullmatch(files, path) or (allowed and re.fullmatch(allowed, path)):
        return []
    lines = code(path, text).splitlines()
    return [f"{path}:{n}: {line}" for n, line in enumerate(lines, 1) if re.search(words, line)]


@pytest.mark.parametrize(
    ("rule", "files", "words", "allowed"), FORBIDDEN, ids=[r[0] for r in FORBIDDEN]
)
def test_what_must_not_be_written(rule, files, words, allowed):
    found = [hit for path, text in sources() for hit in matches(path, text, files, words, allowed)]
    assert not found, rule + ":\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        ("the core knows no Python", "csrc/amps_x.c", "#include <Python.h>"),
        ("memory comes from one room", "csrc/amps_x.c", "    char *at = malloc(7);"),
        ("memory comes from one room", "csrc/amps_x.c", "    free (at);"),
        ("threads and clocks live in one room", "csrc/amps_x.c", "  pthread_mutex_lock(&m);"),
        ("threads and clocks live in one room", "csrc/amps_x.c", "#include <time.h>"),
        ("sockets live in one room", "csrc/amps_x.h", "#include <sys/socket.h>"),
        ("files live in one room", "csrc/amps_x.c", "#include <sys/mman.h>"),
        ("files live in one room", "csrc/amps_x.c", "    int fd = open(path, O_RDWR);"),
        (
            "bytes know no thread, lock, clock or socket",
            "csrc/amps_frame.c",
            '#include "amps_thread.h"',
        ),
        ("only dispatch.pxi takes the GIL", "AMPS/client.pxi", "cdef void f() with gil:"),
        ("only two files declare C", "AMPS/core.pyx", 'cdef extern from "amps.h":'),
        ("the client knows no sandbox", "AMPS/uri.py", "    from amps_sandbox import Sandbox"),
        ("the sandbox knows no client", "amps_sandbox/wire.py", "import AMPS"),
        ("nothing is left for later", "csrc/amps_x.c", "    int todo; TODO"),
        ("a test never sleeps", "tests/live/test_x.py", "    time.sleep(1)"),
        ("every test runs", "tests/live/test_x.py", "@pytest.mark.skipif(True)"),
    ],
)
def test_a_planted_breach_is_found(rule, path, text):
    ((_, *how),) = (row for row in FORBIDDEN if row[0] == rule)
    assert matches(path, f"one\n{text}\n", *how) == [f"{path}:2: {text}"]


def test_a_comment_may_say_anything():
    assert not matches(
        "csrc/amps_x.c", "/* not malloc(\n free( */ int x; // free(", *FORBIDDEN[1][1:]
    )
    assert not matches("AMPS/x.pyx", '"""\nwith gil\n"""\n# with gil', *FORBIDDEN[6][1:])


def swallowed(text):
    """Returns the handlers that do nothing; contextlib.suppress says so where it is meant."""
    return re.findall(r"except[^\n:]*:(?:[^\n]*\n)?\s*(?:pass|\.\.\.)[ \t]*$", text, re.MULTILINE)


def test_no_error_is_swallowed():
    ours = [(path, text) for path, text in sources() if path.startswith(("AMPS/", "amps_sandbox/"))]
    assert not [path for path, text in ours if swallowed(text)]
    for breach in ("except: pass", "except OSError:\n    pass", "except A as b:  # why\n    ..."):
        assert swallowed(f"try:\n    x()\n{breach}\ny()\n")
    assert not swallowed("try:\n    x()\nexcept A:\n    passed = 1\n")


def rooms():
    """Returns {room: [texts of its .c and .h]}."""
    found = {}
    for path, text in sources():
        room = re.fullmatch(r"csrc/amps_(\w+)\.[ch]", path)
        if room:
            found.setdefault(room.group(1), []).append(text)
    return found


def test_every_room_stands_on_a_step():
    assert not set(rooms()) - {room for step in STEPS for room in step}


def climbs(room, text):
    """Returns the rooms that a room includes although they are not below it."""
    step = {name: number for number, names in enumerate(STEPS) for name in names}
    included = set(re.findall(r'#include "amps_(\w+)\.h"', text)) - {room}
    return sorted(name for name in included if step.get(name, len(STEPS)) >= step[room])


def test_a_room_includes_only_rooms_below_it():
    above = {
        (room, name)
        for room, texts in rooms().items()
        for text in texts
        for name in climbs(room, text)
    }
    assert not above
    assert climbs("frame", '#include "amps_client.h"\n#include "amps_base.h"') == ["client"]


def test_every_room_has_its_test():
    with_code = {path.stem[len("amps_") :] for path in (ROOT / "csrc").glob("amps_*.c")}
    tested = {path.stem[len("test_") :] for path in (ROOT / "tests/c").glob("test_*.c")}
    assert not with_code - tested


def imported(text):
    """Returns the modules that a Python source imports, wherever it does so."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "AMPS" and not node.level:
            found |= {f"AMPS.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module)
    return found


MAY_USE = {  # besides the exceptions
    "AMPS/authenticators.py": {"AMPS.uri"},
    "AMPS/server_choosers.py": {"AMPS.authenticators", "AMPS.uri"},
    "AMPS/conflating_recovery_points.py": {"AMPS.recovery_points"},
}


def test_a_plain_module_knows_the_exceptions_and_the_standard_library():
    for path, text in sources():
        if re.fullmatch(r"AMPS/\w+\.py", path):
            ours = {name for name in imported(text) if name.partition(".")[0] == "AMPS"}
            assert ours <= {"AMPS.exceptions"} | MAY_USE.get(path, set()), path
            assert imported(text) - ours <= set(standard_library()), path


MAY_IMPORT = {
    "amps_sandbox/pytest_plugin.py": {"pytest"},
    "amps_sandbox/expressions/patterns.py": {"regex"},  # if it is there
}


def test_the_sandbox_knows_the_standard_library_only():
    for path, text in sources():
        if path.startswith("amps_sandbox/"):
            others = {name.partition(".")[0] for name in imported(text)} - {"amps_sandbox"}
            assert others <= set(standard_library()) | MAY_IMPORT.get(path, set()), path


def standard_library():
    newer = {"tomllib"}  # of 3.11; who imports it says so when it is not there
    if sys.version_info >= (3, 10):
        return sys.stdlib_module_names | newer
    library = Path(ast.__file__).parent
    names = {
        path.name.partition(".")[0] for path in [*library.iterdir(), *library.glob("lib-dynload/*")]
    }
    return names | set(sys.builtin_module_names) | newer


def test_nothing_hides_the_binary():
    assert not (ROOT / "AMPS/__init__.py").exists()


def test_every_file_opens_with_what_it_does():
    starts = ('"""', "/* ", "# ", 'r"""')
    assert not [path for path, text in sources() if text.strip() and not text.startswith(starts)]


def test_no_file_is_too_long_and_no_line_too_wide():
    found = []
    for path, text in sources():
        lines = text.splitlines()
        most = TEST_LINES_MAX if path.startswith("tests/") else LINES_MAX[Path(path).suffix]
        found += [f"{path}: {len(lines)} lines, {most} at most"] if len(lines) > most else []
        found += [f"{path}:{n}: wide" for n, line in enumerate(lines, 1) if len(line) > COLUMNS_MAX]
    assert not found, "\n".join(found)


def functions(path, text):
    """Yields (name, lines) of every function, by its outermost braces or by Python's own parser."""
    if path.endswith(".py"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield node.name, node.end_lineno - node.lineno + 1
    elif path.endswith(".c"):
        for found in re.finditer(r"^(\w[^;{}=]*\))\s*\{$.*?^\}$", text, re.MULTILINE | re.DOTALL):
            yield found.group(1).splitlines()[0], found.group().count("\n") + 1


def test_no_function_is_too_long():
    long = [
        f"{path}: {name}: {lines} lines"
        for path, text in sources()
        for name, lines in functions(path, text)
        if lines > FUNCTION_LINES_MAX
    ]
    assert not long, "\n".join(long)


def test_functions_are_seen():
    text = "static int\nf(int x) {\n    if (x) {\n    }\n    return 1;\n}\n\nint g(void) {\n}\n"
    assert list(functions("csrc/amps_x.c", text)) == [("static int", 6), ("int g(void)", 2)]
    assert list(functions("tests/x.py", "def f():\n    x = 1\n    return x\n")) == [("f", 3)]
