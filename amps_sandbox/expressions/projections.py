"""Makes one record of a group of records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from .compiling import Compiler, Run, is_long, watch_for
from .errors import BadExpression, bad
from .parser import Parser
from .scope import Scope
from .tree import Field
from .values import NAN, first

Inputs = tuple[Any, ...]
Totals = list[Any]  # one object for each aggregate


class _Column(NamedTuple):
    path: str
    run: Run
    stays: bool  # neither aggregated nor grouped: no lost record changes it


class Projection:
    """The fields of a view or an aggregated subscription, and what its groups are made by.

    >>> totals = Projection("/region, SUM(/qty * /px) AS /notional", "/region")
    >>> rows = [Scope({"/region": "US", "/qty": qty, "/px": 10}) for qty in (1, 2)]
    >>> totals.group_key(rows[0]), totals.project(rows)
    (('US',), {'/region': 'US', '/notional': 30})
    """

    def __init__(self, projection: str, grouping: str):
        self.text = projection
        compiler = Compiler()
        groups = [_plain_path(path) for path in _paths(grouping)]
        self.grouping = tuple(path for path, _ in groups)
        if len(set(self.grouping)) < len(self.grouping):
            raise BadExpression("grouping has a path twice")
        self._groups = tuple([compiler.value(node) for _, node in groups])
        compiler = Compiler(with_aggregates=True, is_long=is_long(projection))
        fields = Parser(projection).fields()
        _refuse_clashes(fields)
        self._columns = [self._column(field, compiler) for field in fields]
        self._aggregates = tuple(compiler.aggregates)
        self._needs_watch = compiler.needs_watch
        self.is_deterministic = compiler.is_deterministic
        self.paths = frozenset(compiler.paths) | frozenset(self.grouping)
        self.qualifiers = frozenset(compiler.qualifiers)

    def _column(self, field: Field, compiler: Compiler) -> _Column:
        aggregates = len(compiler.aggregates)
        before, compiler.paths = compiler.paths, set()
        run = compiler.value(field.value)
        is_grouped = compiler.paths <= set(self.grouping)
        compiler.paths |= before
        return _Column(field.path, run, not is_grouped and aggregates == len(compiler.aggregates))

    def group_key(self, scope: Scope) -> tuple[Any, ...]:
        """The values that make the record's group; arrays as tuples, so that it can be hashed."""
        return tuple([_hashable(get(scope)) for get in self._groups])

    def project(
        self, scopes: Iterable[Scope], before: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """One group's fields in declared order; NULL is None.

        `scopes` are the group's records as they were last processed, the newest last. `before` is
        the group's former output and belongs here when the group lost a record: what is neither
        aggregated nor grouped then stays as it was. Otherwise it is the newest record's.
        """
        totals, newest = self.totals(), None
        for newest in scopes:
            self.add(totals, self.inputs(newest))
        return self.result(totals, newest, before)

    # The same in steps, for groups that grow and are projected again and again

    def totals(self) -> Totals:
        """What no record at all adds up to."""
        return [make() for make, _ in self._aggregates]

    def inputs(self, scope: Scope) -> Inputs:
        """What one record adds to each aggregate; None is nothing."""
        if self._needs_watch:
            scope.watch = watch_for(scope)
        return tuple([first(run(scope)) for _, run in self._aggregates])

    @staticmethod
    def add(totals: Totals, inputs: Inputs) -> None:
        for aggregate, value in zip(totals, inputs):
            if value is not None:
                aggregate.add(value)

    @staticmethod
    def remove(totals: Totals, inputs: Inputs) -> bool:
        """Takes back what was added; False if all others have to be added to new totals."""
        gone = zip(totals, inputs)
        return all([aggregate.remove(value) for aggregate, value in gone if value is not None])

    def result(
        self, totals: Totals, newest: Scope | None, before: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """What `project` gives of the records whose inputs were added, the newest one last."""
        scope = newest or Scope()
        if self._needs_watch:
            scope.watch = watch_for(scope)
        scope.aggregates = [aggregate.result() for aggregate in totals]
        return {
            path: before.get(path) if stays and before is not None else _output(run(scope))
            for path, run, stays in self._columns
        }

    def __repr__(self) -> str:
        return f"<Projection {self.text!r} by {','.join(self.grouping)!r}>"


def parse_projection(projection: str, grouping: str) -> Projection:
    """The projection that two lists say, given without the brackets around them.

    `projection` is `expression [AS path], ...`, `grouping` is `path, ...`. Raises BadExpression.
    """
    return Projection(projection, grouping)


def _paths(grouping: str) -> list[Any]:
    try:
        listed = Parser(grouping).order()
    except BadExpression as error:
        raise BadExpression(f"grouping: {error}") from error
    if any(descends for _, descends in listed):
        raise BadExpression("grouping: it has no order")
    return [path for path, _ in listed]


def _plain_path(node: Any) -> tuple[str, Any]:
    if node.index is not None:
        raise BadExpression(f"grouping: {node.path} with an index")
    return node.path, node


def _refuse_clashes(fields: list[Field]) -> None:
    """No field is another one, or part of it."""
    taken: dict[str, bool] = {}  # every path and what it lies in; true for fields
    for field in fields:
        steps = field.path.split("/")
        outer = ["/".join(steps[:count]) for count in range(2, len(steps))]
        if field.path in taken or any(taken.get(path) for path in outer):
            raise bad(f"field {field.path[:80]!r} clashes with another", field.position)
        taken.update(dict.fromkeys(outer, False))
        taken[field.path] = True


def _hashable(value: Any) -> Any:
    if value.__class__ is list:
        return tuple([_hashable(each) for each in value]) or None
    return NAN if value != value else None if value == "" else value


def _output(value: Any) -> Any:
    return None if value == "" or value == [] else value
