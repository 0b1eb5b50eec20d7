"""Runs a sandbox from the command line until it is told to stop."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from . import BadConfig, Fault, Queue, Sandbox, SeenFrame, Topic
from .declarations import topic_of
from .faults import parse_fault
from .listener import parse_address
from .logon import MODES
from .queues.declaration import queue_of

DEFAULT_ADDRESS = "127.0.0.1:9007"
BAD_USAGE = 2
BODY_SHOWN_MAX = 200
STOP_SIGNALS = {signal.SIGINT, signal.SIGTERM}
REPORT_SIGNAL = signal.SIGUSR1


def main(argv: Sequence[str] | None = None) -> int:
    """Serves until SIGINT or SIGTERM, then 0; 2 when the arguments or the address are no good.

    At SIGUSR1 it says on its standard output what became of the messages of its queues.
    """
    arguments = _parser().parse_args(argv)
    # Blocked here and waited for below: no handler runs at a bad moment, no traceback is left.
    # They stay blocked after serving, for a second signal must not disturb the leaving.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {*STOP_SIGNALS, REPORT_SIGNAL})
    status = _serve(arguments)
    if status != 0:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return status


def _serve(arguments: argparse.Namespace) -> int:
    try:
        sandbox = Sandbox(
            arguments.listen,
            config=arguments.config,
            topics=arguments.json_sow,
            users=arguments.user,
            queues=arguments.queue,
            auth=arguments.auth,
            txlog=arguments.txlog,
            db=arguments.db,
            default_listen=DEFAULT_ADDRESS,
            log=_say,
            on_frame=_show if arguments.trace else None,
        )
        for fault in arguments.fault:
            sandbox.faults.add(fault)
        sandbox.start()
    except BadConfig as error:
        print(f"amps-sandbox: {error}", file=sys.stderr)
        return BAD_USAGE
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"amps-sandbox: {where}{error.strerror}", file=sys.stderr)
        return BAD_USAGE
    with sandbox:
        for listener in sandbox.listeners:
            print(f"amps-sandbox listening on {listener.uri('json')}", flush=True)
        while signal.sigwait({*STOP_SIGNALS, REPORT_SIGNAL}) == REPORT_SIGNAL:
            _report(sandbox)
    return 0


def _report(sandbox: Sandbox) -> None:
    """One line of JSON: a list of all queues, with what became of their messages."""
    print(json.dumps([queue.report() for queue in sandbox.queues()]), flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = _OneLineParser(
        prog="amps-sandbox", description="A small AMPS-compatible server for tests and demos."
    )
    parser.add_argument(
        "--listen",
        metavar="HOST:PORT",
        action="append",
        type=_address,
        help=f"where to listen, may be repeated (default {DEFAULT_ADDRESS})",
    )
    parser.add_argument(
        "--user",
        metavar="NAME:PASSWORD",
        action="append",
        type=_user,
        default=[],
        help="who may log on, may be repeated (default: everybody)",
    )
    parser.add_argument(
        "--auth", choices=MODES, help="what users must show (default: a password, if there are any)"
    )
    parser.add_argument(
        "--config", metavar="FILE", help="a TOML file of topics, views, users and more"
    )
    parser.add_argument(
        "--json-sow",
        metavar="NAME:/key[,/key2]",
        action="append",
        type=_topic,
        default=[],
        help="a topic of JSON messages that keeps records, may be repeated",
    )
    parser.add_argument(
        "--queue",
        metavar="NAME[:UNDERLYING]",
        action="append",
        type=_queue,
        default=[],
        help="a queue of JSON messages that are published to it or another topic; may be repeated",
    )
    parser.add_argument(
        "--fault",
        metavar="NAME=VALUE,...",
        action="append",
        type=_fault,
        default=[],
        help="what goes wrong, such as on=publish,action=drop,after_bytes=7; may be repeated",
    )
    parser.add_argument(
        "--txlog",
        metavar="REGEX",
        action="append",
        default=[],
        help="topics that are kept in a transaction log, may be repeated",
    )
    parser.add_argument(
        "--db", metavar="FILE", default="", help="where records and log are kept between runs"
    )
    parser.add_argument("--trace", action="store_true", help="show each frame on stderr")
    return parser


class _OneLineParser(argparse.ArgumentParser):
    """Says what is wrong without the usage before it."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_USAGE, f"{self.prog}: {message}\n")


def _address(value: str) -> str:
    try:
        parse_address(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return value


def _topic(value: str) -> Topic:
    try:
        return topic_of(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _queue(value: str) -> Queue:
    try:
        return queue_of(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _fault(value: str) -> Fault:
    try:
        return parse_fault(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _user(value: str) -> tuple[str, str]:
    name, colon, password = value.partition(":")
    if not (name and colon):
        raise argparse.ArgumentTypeError("invalid user: want NAME:PASSWORD")
    return name, password


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _show(frame: SeenFrame) -> None:
    header = " ".join(f"{key}={value!a}" for key, value in frame.header.items())
    body = ascii(frame.body[:BODY_SHOWN_MAX])[1:] if frame.body else ""
    _say(f"connection {frame.connection} {frame.direction:3} {header} {body}".rstrip())


if __name__ == "__main__":
    sys.exit(main())
