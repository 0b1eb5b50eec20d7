"""Writes our trees in other forms: as nested tuples, and as text again."""

from amps_sandbox.expressions import tree as t


def as_tuples(node):
    """The same tree as the second parser would give it."""
    kind = type(node).__name__.lower()
    if isinstance(node, (t.Or, t.And)):
        return (kind, *map(as_tuples, node.operands))
    if isinstance(node, t.Literal):
        return (kind, node.value)
    if isinstance(node, t.Path):
        return (kind, *node)
    if isinstance(node, t.Call):
        return (kind, node.name, *map(as_tuples, node.arguments))
    if isinstance(node, t.Arithmetic):
        rest = [part for operator, operand in node.rest for part in (operator, as_tuples(operand))]
        return ("chain", as_tuples(node.first), *rest)
    if isinstance(node, t.Like):
        return (kind, as_tuples(node.item), node.pattern, node.is_raw)
    if isinstance(node, t.In):
        return (kind, as_tuples(node.item), *map(as_tuples, node.choices))
    if isinstance(node, t.Affix):
        return (kind, node.operator, as_tuples(node.item), *map(as_tuples, node.choices))
    parts = [as_tuples(part) if isinstance(part, tuple) else part for part in node]
    return (kind, *parts)


def as_text(node):
    """An expression that says the tree, with parentheses around all that has operands."""
    if isinstance(node, t.Literal):
        return literal_text(node.value)
    if isinstance(node, t.Path):
        index = "" if node.index is None else f"[{node.index}]"
        return f"[{node.path}]{index}" if " " in node.path else node.path + index
    return f"({_compound_text(node)})"


def literal_text(value):
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return "'" + "".join(f"\\x{ord(character):02x}" for character in value) + "'"
    text = repr(value)
    return f"({text})" if text.startswith("-") else text


def _compound_text(node):
    if isinstance(node, (t.Or, t.And)):
        return f" {type(node).__name__} ".join(map(as_text, node.operands))
    if isinstance(node, t.Call):
        return f"{node.name}({', '.join(map(as_text, node.arguments))})"
    if isinstance(node, t.Arithmetic):
        text = as_text(node.first)
        for operator, operand in node.rest:
            text = f"({text}) {operator} {as_text(operand)}"
        return text
    if isinstance(node, t.Negative):
        return f"-{as_text(node.operand)}"
    if isinstance(node, t.Not):
        return f"NOT {as_text(node.operand)}"
    if isinstance(node, t.Compare):
        return f"{as_text(node.left)} {node.operator} {as_text(node.right)}"
    if isinstance(node, t.Is):
        return f"{as_text(node.item)} IS {node.what}"
    if isinstance(node, t.Between):
        return f"{as_text(node.item)} BETWEEN {as_text(node.low)} AND {as_text(node.high)}"
    if isinstance(node, t.Like):
        return f"{as_text(node.item)} LIKE {'r' if node.is_raw else ''}'{node.pattern}'"
    choices = ", ".join(map(as_text, node.choices))
    operator = "IN" if isinstance(node, t.In) else f"{node.operator} WITH"
    return f"{as_text(node.item)} {operator} ({choices})"
