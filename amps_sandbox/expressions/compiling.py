"""Turns an expression's tree into Python functions of a Scope."""

from __future__ import annotations

import time
from functools import partial
from typing import Any, Callable, NamedTuple

from . import comparing, tree
from .catalogue import AGGREGATE, ARRAYS, FUNCTIONS, LAZY, MESSAGE, PATTERN, Function
from .errors import BadPattern, bad
from .limits import EVALUATION_SECONDS_MAX, FOLDED_BYTES_MAX, LONG_BYTES_LEAST
from .patterns import Pattern, Watch, compile_pattern, literal_pattern
from .scope import Scope
from .values import calculate, first, fit, is_nan, number_of, truth

Run = Callable[[Scope], Any]

_EMPTY = Scope()


class Part(NamedTuple):
    """A compiled subtree; `is_truth` if it gives nothing but 1, 0 and NULL."""

    run: Run
    is_truth: bool = False
    is_constant: bool = False


class Compiler:
    """Compiles the trees of one filter or projection and notes what they ask for."""

    def __init__(self, *, with_aggregates: bool = False, is_long: bool = False):
        self.paths: set[str] = set()
        self.qualifiers: set[tuple[str | None, str]] = set()
        self.is_deterministic = True
        self.needs_watch = self._is_long = is_long
        self.aggregates: list[tuple[Any, Run]] = []  # (makes what gathers, what it is given)
        self._with_aggregates = self._may_aggregate = with_aggregates

    def value(self, node: Any) -> Run:
        return self._part(node).run

    def truth(self, node: Any) -> Run:
        """A function that gives 1, 0 or None."""
        part = self._part(node)
        if part.is_truth:
            return part.run
        run = part.run
        return lambda scope: truth(run(scope))

    def _part(self, node: Any) -> Part:
        part: Part = _KINDS[type(node)](self, node)
        if part.is_constant and not isinstance(node, tree.Literal):
            value = part.run(_EMPTY)
            if not isinstance(value, str) or len(value) <= FOLDED_BYTES_MAX:
                return Part(lambda scope: value, part.is_truth, True)
            part = part._replace(is_constant=False)
        if self._is_long and isinstance(node, _COSTLY):
            return part._replace(run=_in_time(part.run))
        return part

    def _parts(self, nodes: Any) -> tuple[tuple[Run, ...], bool]:
        """The compiled nodes, and whether all are constant."""
        parts = tuple(map(self._part, nodes))
        return tuple([part.run for part in parts]), all([part.is_constant for part in parts])

    # Values

    def _literal(self, node: tree.Literal) -> Part:
        value = node.value
        return Part(lambda scope: value, is_constant=True)

    def _path(self, node: tree.Path) -> Part:
        path, index = node.path, node.index
        self.paths.add(path)
        if node.qualifier is not None:
            self.qualifiers.add(node.qualifier)
        if index is None:
            return Part(lambda scope: scope.fields.get(path))

        def element(scope: Scope) -> Any:
            value = scope.fields.get(path)
            if value.__class__ is list:
                return value[index] if index < len(value) else None
            return value if index == 0 else None

        return Part(element)

    def _negative(self, node: tree.Negative) -> Part:
        part = self._part(node.operand)
        run = part.run

        def negative(scope: Scope) -> Any:
            number = number_of(run(scope))
            return None if number is None else fit(-number)

        return Part(negative, is_constant=part.is_constant)

    def _arithmetic(self, node: tree.Arithmetic) -> Part:
        (first_run, *runs), is_constant = self._parts(
            (node.first, *[operand for _, operand in node.rest])
        )
        steps = tuple(zip([operator for operator, _ in node.rest], runs))

        def arithmetic(scope: Scope) -> Any:
            value = first_run(scope)
            for operator, run in steps:
                value = calculate(operator, value, run(scope))
            return value

        return Part(arithmetic, is_constant=is_constant)

    # Conditions

    def _compare(self, node: tree.Compare) -> Part:
        operator, left, right = node
        if isinstance(left, tree.Literal) and isinstance(right, tree.Path):
            operator, left, right = comparing.FLIPPED[operator], right, left
        one, other = self._part(left), self._part(right)
        is_plain = isinstance(left, tree.Path) and left.index is None
        if is_plain and other.is_constant:
            return Part(comparing.with_constant(operator, left.path, other.run(_EMPTY)), True)
        run = comparing.of_two(operator, one.run, other.run)
        return Part(run, True, one.is_constant and other.is_constant)

    def _in(self, node: tree.In) -> Part:
        item = self._part(node.item)
        runs, are_constant = self._parts(node.choices)
        if are_constant:
            run = comparing.in_constants(item.run, [run(_EMPTY) for run in runs])
        else:
            run = comparing.in_list(item.run, runs)
        return Part(run, True, item.is_constant and are_constant)

    def _between(self, node: tree.Between) -> Part:
        runs, is_constant = self._parts(node)
        return Part(comparing.between(*runs), True, is_constant)

    def _like(self, node: tree.Like) -> Part:
        item = self._part(node.item)
        pattern = self._pattern(node.pattern, node.position, is_raw=node.is_raw)
        return Part(comparing.like(item.run, pattern), True)

    def _affix(self, node: tree.Affix) -> Part:
        item = self._part(node.item)
        runs, are_constant = self._parts(node.choices)
        run = comparing.affix(node.operator, item.run, runs)
        return Part(run, True, item.is_constant and are_constant)

    def _is(self, node: tree.Is) -> Part:
        part = self._part(node.item)
        run = part.run
        if node.what == "NULL":
            is_it: Run = lambda scope: 1 if first(run(scope)) is None else 0  # noqa: E731
        else:
            is_it = lambda scope: 1 if is_nan(number_of(run(scope))) else 0  # noqa: E731
        return Part(is_it, True, part.is_constant)

    def _not(self, node: tree.Not) -> Part:
        run = self.truth(node.operand)

        def negation(scope: Scope) -> Any:
            value = run(scope)
            return None if value is None else 1 - value

        return Part(negation, True)

    def _and(self, node: tree.And) -> Part:
        runs = tuple(map(self.truth, node.operands))

        def conjunction(scope: Scope) -> Any:
            for run in runs:
                value = run(scope)
                if not value:  # the first that is false or NULL decides
                    return value
            return 1

        return Part(conjunction, True)

    def _or(self, node: tree.Or) -> Part:
        runs = tuple(map(self.truth, node.operands))

        def disjunction(scope: Scope) -> Any:
            for run in runs:
                value = run(scope)
                if value or value is None:  # the first that is true or NULL decides
                    return value
            return 0

        return Part(disjunction, True)

    # Functions

    def _call(self, node: tree.Call) -> Part:
        function: Function = FUNCTIONS[node.name]
        if not function.is_deterministic:
            self.is_deterministic = False
        if function.kind == AGGREGATE:
            return self._aggregate(node, function)
        if function.kind == PATTERN:
            return self._pattern_call(node, function)
        runs, are_constant = self._parts(node.arguments)
        call: Any = function.run
        if function.kind == MESSAGE:
            return Part(call)
        if function.kind == LAZY:
            return Part(call(runs), is_constant=are_constant)
        if function.kind == ARRAYS:
            run: Run = lambda scope: call(*[run(scope) for run in runs])  # noqa: E731
        elif len(runs) == 1:
            (only,) = runs
            run = lambda scope: call(first(only(scope)))  # noqa: E731
        else:
            run = lambda scope: call(*[first(run(scope)) for run in runs])  # noqa: E731
        return Part(run, is_constant=are_constant)

    def _pattern_call(self, node: tree.Call, function: Function) -> Part:
        runs, _ = self._parts(node.arguments)
        item, given, rest = runs[0], node.arguments[1], runs[2:]
        call: Any = function.run
        if not isinstance(given, tree.Literal) or not isinstance(given.value, str):
            raise bad(f"{node.name} needs a pattern in quotes", node.position)
        pattern = self._pattern(given.value, node.position)

        def run(scope: Scope) -> Any:
            values = [first(run(scope)) for run in rest]
            return call(pattern, scope.watch, first(item(scope)), *values)

        return Part(run)

    def _pattern(self, text: str, position: int, *, is_raw: bool = False) -> Pattern:
        self.needs_watch = True
        try:
            return literal_pattern(text) if is_raw else compile_pattern(text)
        except BadPattern as error:
            raise BadPattern(f"{error}, at character {position + 1}") from error

    def _aggregate(self, node: tree.Call, function: Function) -> Part:
        """Its place among the results; what it gathers is worked out for each record before."""
        if not self._may_aggregate:
            where = "in another aggregate" if self._with_aggregates else "outside a projection"
            raise bad(f"{node.name} may not stand {where},", node.position)
        was_deterministic, self.is_deterministic = self.is_deterministic, True
        self._may_aggregate = False
        run, *options = map(self._part, node.arguments)
        self._may_aggregate = True
        if not self.is_deterministic:
            raise bad(f"{node.name} of what changes with time", node.position)
        self.is_deterministic = was_deterministic
        if not all(option.is_constant for option in options):
            raise bad(f"{node.name} needs a constant separator", node.position)
        index = len(self.aggregates)
        make = partial(function.run, *[option.run(_EMPTY) for option in options])
        self.aggregates.append((make, run.run))
        return Part(lambda scope: scope.aggregates[index])


_KINDS: dict[type, Callable[[Any, Any], Part]] = {
    tree.Literal: Compiler._literal,
    tree.Path: Compiler._path,
    tree.Call: Compiler._call,
    tree.Negative: Compiler._negative,
    tree.Arithmetic: Compiler._arithmetic,
    tree.Compare: Compiler._compare,
    tree.In: Compiler._in,
    tree.Between: Compiler._between,
    tree.Like: Compiler._like,
    tree.Affix: Compiler._affix,
    tree.Is: Compiler._is,
    tree.Not: Compiler._not,
    tree.And: Compiler._and,
    tree.Or: Compiler._or,
}


# What may look at many elements or bytes; all else takes no time of its own.
_COSTLY = (tree.Call, tree.Compare, tree.In, tree.Between, tree.Like, tree.Affix)


def _in_time(run: Run) -> Run:
    """The function, or NULL when the time of this evaluation is used up."""

    def in_time(scope: Scope) -> Any:
        watch = scope.watch
        if watch is not None and time.perf_counter() > watch.deadline:
            watch.say(f"the rest of an expression is NULL: it took {EVALUATION_SECONDS_MAX} s")
            return None
        return run(scope)

    return in_time


def is_long(text: str) -> bool:
    return len(text) >= LONG_BYTES_LEAST


def watch_for(scope: Scope) -> Watch:
    """A watch with all the time that one evaluation may take."""
    watch = Watch(scope.tell)
    watch.deadline = time.perf_counter() + EVALUATION_SECONDS_MAX
    return watch


def watched(run: Run) -> Run:
    """The function with a fresh watch at each call."""

    def with_watch(scope: Scope) -> Any:
        scope.watch = watch_for(scope)
        return run(scope)

    return with_watch
