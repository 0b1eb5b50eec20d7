"""Builds the C peer, keeps it running for the length of a benchmark, and measures the C floors."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "benchmarks"
BODY = b"x" * 100  # as in peer.c, where it is BODY_SIZE bytes of x
PIECE_SIZE = 64 << 10  # bytes per send of the publish floor
FLOOR_TIMES = 4  # a floor is over in no time: so many more messages make it last as long as ours
FLOOR_SECONDS_MAX = 150
STOP_SECONDS_MAX = 10


def build_peer():
    """Builds what is stale with CMake and returns the program's path."""
    options = ["-DCMAKE_BUILD_TYPE=Release", "-DAMPS_BENCHMARKS=ON"]
    for command in (
        ["cmake", "-S", str(ROOT), "-B", str(BUILD), *options],
        ["cmake", "--build", str(BUILD), "--target", "peer"],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return BUILD / "benchmarks" / "peer"


class Peer:
    """The far end, serving on a port of its own until the `with` block ends."""

    def __init__(self, program):
        self.program = str(program)

    def __enter__(self):
        self.process = subprocess.Popen(
            [self.program, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.port = self.process.stdout.readline().strip()
        self.uri = f"tcp://127.0.0.1:{self.port}/amps/json"
        return self

    def __exit__(self, *problem):
        self.process.stdin.close()  # its sign to leave
        self.process.stdout.close()
        try:
            self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def floor(self, role, count, *more):
        """Runs one floor against this peer; returns the numbers it printed (nanoseconds)."""
        command = [self.program, role, self.port, str(count), *map(str, more)]
        done = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, text=True, timeout=FLOOR_SECONDS_MAX
        )
        return [int(word) for word in done.stdout.split()]

    def publish_rate(self, count, piece_size=PIECE_SIZE):
        """Messages a second that C writes in sends of `piece_size` bytes; 0: one send each."""
        count *= FLOOR_TIMES if piece_size else 1
        (took_ns,) = self.floor("publish", count, piece_size)
        return count * 1e9 / took_ns

    def receive_rate(self, count):
        """Messages a second whose frames C finds."""
        count *= FLOOR_TIMES
        (took_ns,) = self.floor("receive", count)
        return count * 1e9 / took_ns

    def query_rate(self, count, batch_size):
        """Records a second that C finds in the frames of a query, `batch_size` to a frame."""
        count *= FLOOR_TIMES
        (took_ns,) = self.floor("sow", count, batch_size)
        return count * 1e9 / took_ns
