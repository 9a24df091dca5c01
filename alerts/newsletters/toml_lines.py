"""In which line of a TOML file each of its values stands. Pure.

Neither tomllib nor tomlkit tells. The file was read by tomllib before: what stands here need not
know wrong TOML from right, only where one value ends and the next begins.
"""

import re
import tomllib
from collections.abc import Iterator, Sequence

Place = tuple[str | int, ...]

_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|'
    r"'''.*?'{3,5}|"
    r'"(?:\\.|[^"\\\n])*"|'
    r"'[^'\n]*'|"
    r"#[^\n]*|\n|[\[\]{},=]|[^\s\[\]{},=\"'#]+|[^\S\n]+|.",
    re.DOTALL,
)
_OPENING, _CLOSING = frozenset("[{"), frozenset("]}")


def lines_of(text: str) -> dict[Place, int]:
    """Return the line, from 1, of each table, each key and each element of a list, by its path."""
    found: dict[Place, int] = {}
    table: Place = ()
    counts: dict[Place, int] = {}
    for line, statement in _statements(text):
        head = _head(statement)
        if head is not None:
            name, is_list = head
            table = _opened(name, is_list=is_list, counts=counts)
            found.setdefault(table[:-1] if is_list else table, line)
            found[table] = line
            continue
        key = _key(statement)
        if key:
            found[*table, *key] = line
            found.update(_elements((*table, *key), line, statement))
    return found


def line_of(lines: dict[Place, int], place: Sequence[str | int]) -> int:
    """Return the line of a place, else of the nearest thing around it, else the first."""
    for length in range(len(place), 0, -1):
        line = lines.get(tuple(place[:length]))
        if line is not None:
            return line
    return 1


def _statements(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each head of a table and each key with its value, as tokens, with its first line."""
    line, start, depth = 1, 1, 0
    tokens: list[str] = []
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token in _OPENING:
            depth += 1
        elif token in _CLOSING:
            depth -= 1
        if token == "\n" and depth <= 0:  # noqa: S105 - the end of a line
            if tokens:
                yield start, tokens
            tokens, depth = [], 0
        elif not token.startswith("#") and (tokens or not token.isspace()):
            if not tokens:
                start = line
            tokens.append(token)
        line += token.count("\n")
    if tokens:
        yield start, tokens


def _head(tokens: Sequence[str]) -> tuple[Place, bool] | None:
    """Return the name of a table's head, and whether it is one of several."""
    if tokens[0] != "[":
        return None
    inner = [token for token in tokens if token not in {"[", "]"}]
    return _names(inner), tokens[1:2] == ["["]


def _opened(name: Place, *, is_list: bool, counts: dict[Place, int]) -> Place:
    """Return the path of a table, with the places in lists that lead there."""
    path: Place = ()
    for position, part in enumerate(name):
        path = (*path, part)
        if is_list and position == len(name) - 1:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def _key(tokens: Sequence[str]) -> Place:
    return _names(tokens[: tokens.index("=")]) if "=" in tokens else ()


def _names(tokens: Sequence[str]) -> Place:
    """Return the parts of a dotted name, quoted or not."""
    try:
        document = tomllib.loads("".join(tokens).strip() + " = 0")
    except tomllib.TOMLDecodeError:
        return ()
    parts: list[str] = []
    inner: object = document
    while isinstance(inner, dict):
        name, inner = next(iter(inner.items()))
        parts.append(name)
    return tuple(parts)


def _elements(path: Place, line: int, statement: Sequence[str]) -> Iterator[tuple[Place, int]]:
    """Yield the lines of a list's elements."""
    value = list(statement[statement.index("=") + 1 :])
    while value and value[0].isspace():
        value.pop(0)
    if value[:1] != ["["]:
        return
    depth, number, waiting = 0, 0, False
    for token in value:
        if waiting and not token.isspace() and token not in _CLOSING:
            yield (*path, number), line
            waiting = False
        if token in _OPENING:
            depth += 1
            waiting = waiting or depth == 1
        elif token in _CLOSING:
            depth -= 1
        elif token == "," and depth == 1:  # noqa: S105 - what separates elements
            number, waiting = number + 1, True
        line += token.count("\n")
