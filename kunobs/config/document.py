"""YAML text -> plain data and the line of every key; whatever the text, the outcome is data or mistakes."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Collection, Iterator

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from kunobs.config.base import Path
from kunobs.config.places import Mistake, Place, Places

_SURROGATE = re.compile("[\ud800-\udfff]")
_TAG = "tag:yaml.org,2002:"
_MAX_VALUES = 20_000
_MAX_DEPTH = 50
_QUOTE_IT = "put a value that begins with one of @ ` % & * ! in quotes"

# What ruamel.yaml says -> what to do. Its own text may quote the file, so it is matched and never printed.
_PROBLEMS: tuple[tuple[str, str, str], ...] = (
    ("found character '\\t'", "a tab stands where spaces are needed", "indent with spaces"),
    ("that cannot start any token", "a value begins with a sign that YAML keeps for itself", _QUOTE_IT),
    ("found undefined alias", "a value begins with * and is taken for an alias", _QUOTE_IT),
    ("found undefined tag handle", "a value begins with ! and is taken for a tag", _QUOTE_IT),
    ("mapping values are not allowed", "a second `: ` stands on one line", "put the value in quotes"),
    ("sequence entries are not allowed", "`- ` stands where a value is expected", "begin it on its own line"),
    ("found unexpected end of stream", "a quote is never closed", "close the quote"),
    ("found unknown escape character", "a backslash is no valid escape", "use single quotes"),
    ("could not find expected ':'", "a key has no `:`", "write `key: value`"),
    ("but found another document", "a second document begins", "keep one document, remove ---"),
    ("expected <block end>", "the indentation does not fit the lines above", "align the keys of one mapping"),
    ("expected ',' or", "a [ or { is never closed, or a comma is missing", "check the brackets"),
    ("incompatible YAML document", "the %YAML line names an unknown version", "remove the line"),
    ("expected the node content", "a value is missing, or a bracket is never closed", "check the brackets"),
)


class Unreadable(Exception):
    """The text is no usable YAML; holds the one mistake that says so."""

    def __init__(self, mistake: Mistake) -> None:
        super().__init__(mistake.problem)
        self.mistake = mistake


def decoded(content: bytes, name: str) -> str:
    """The text of the file `name`; Unreadable when it is not UTF-8."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
    raise Unreadable(Mistake((), "is not UTF-8 text", f"`file {name}` says what it is", Place(name, line)))


def compose(text: str, at: Callable[[int], Place]) -> Node | None:
    """The root node of `text` (None when it holds nothing); Unreadable when it is no YAML."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a ReusedAnchorWarning prints lines of the file, secrets and all
            node: Node | None = YAML(typ="safe", pure=True).compose(text)
            return node
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if "end of stream" in str(error.problem) and error.context_mark is not None:
            mark = error.context_mark
        mistake = _syntax(str(error.problem), at(mark.line + 1 if mark else 1))
    except YAMLError as error:
        line = text.count("\n", 0, getattr(error, "position", 0) or 0) + 1
        hint = "save it as UTF-8 text without control characters"
        mistake = Mistake((), "holds a character that YAML does not allow", hint, at(line))
    except RecursionError:
        mistake = Mistake((), f"is nested deeper than {_MAX_DEPTH} levels", "", at(1))
    except Exception as error:  # noqa: BLE001 - ruamel.yaml fails on odd input in many ways of its own
        mistake = Mistake((), f"is not valid YAML (the parser gave up: {type(error).__name__})", "", at(1))
    raise Unreadable(mistake)


def _syntax(problem: str, place: Place) -> Mistake:
    for needle, meaning, hint in _PROBLEMS:
        if needle in problem:
            return Mistake((), f"is not valid YAML: {meaning}", hint, place)
    return Mistake((), "is not valid YAML", "check this line and the one above", place)


class Builder:
    """Turns nodes into plain data, notes every key's place, and collects what the data cannot say."""

    def __init__(self, places: Places, at: Callable[[int], Place]) -> None:
        self.mistakes: list[Mistake] = []
        self._places = places
        self._at = at
        self._values = 0
        self._open: list[Node] = []

    def root(self, node: Node, wanted: Collection[str] | None) -> tuple[dict[str, object], list[str]]:
        """The root mapping's `wanted` keys (None: all) as data, and the names of the others, unread."""
        data: dict[str, object] = {}
        others: list[str] = []
        for key, key_node, value in self._pairs(node, (), wanted):
            if wanted is None or key in wanted:
                self._places.put((key,), self._at(key_node.start_mark.line + 1))
                data[key] = self.value(value, (key,))
            else:
                others.append(key)
        return data, others

    def value(self, node: Node, path: Path) -> object:
        """`node` as dict, list, text, number, bool or None."""
        self._values += 1
        place = self._at(node.start_mark.line + 1)
        if self._values > _MAX_VALUES:
            hint = "aliases (*name) repeat what they name"
            raise Unreadable(Mistake(path[:2], f"holds more than {_MAX_VALUES} values", hint, place))
        if any(node is one for one in self._open):
            raise Unreadable(Mistake(path, "holds an alias of itself", "write the value out", place))
        if len(path) > _MAX_DEPTH:
            raise Unreadable(Mistake(path[:3], f"is nested deeper than {_MAX_DEPTH} levels", "", place))
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        if node.tag not in (f"{_TAG}map", f"{_TAG}seq"):
            self._refuse_tag(path)
            return None
        self._open.append(node)
        try:
            if isinstance(node, MappingNode):
                return self._mapping(node, path)
            return [self._item(item, path, index) for index, item in enumerate(node.value)]
        finally:
            self._open.pop()

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, object]:
        data: dict[str, object] = {}
        for key, key_node, value in self._pairs(node, path, None):
            self._places.put((*path, key), self._at(key_node.start_mark.line + 1))
            data[key] = self.value(value, (*path, key))
        return data

    def _item(self, node: Node, path: Path, index: int) -> object:
        self._places.put((*path, index), self._at(node.start_mark.line + 1))
        return self.value(node, (*path, index))

    def _pairs(
        self, node: Node, path: Path, wanted: Collection[str] | None, depth: int = 0
    ) -> Iterator[tuple[str, Node, Node]]:
        """A mapping's keys; those merged with `<<` come last and only where the mapping itself is silent."""
        lines: dict[str, int] = {}
        merged: list[Node] = []
        for key_node, value in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == f"{_TAG}merge":
                merged += value.value if isinstance(value, SequenceNode) else [value]
            elif not isinstance(key_node, ScalarNode) or key_node.tag != f"{_TAG}str":
                hint = "put the key in quotes"
                self.mistakes.append(Mistake(path, "has a key that is not text", hint, self._at(line)))
            elif key_node.value in lines:
                if wanted is None or key_node.value in wanted:
                    text = f"is set twice, first on line {lines[key_node.value]}"
                    where = (*path, key_node.value)
                    self.mistakes.append(Mistake(where, text, "remove one of them", self._at(line)))
            else:
                lines[key_node.value] = line
                yield key_node.value, key_node, value
        for other in merged:
            yield from self._merge(other, path, lines, wanted, depth)

    def _merge(
        self, node: Node, path: Path, taken: dict[str, int], wanted: Collection[str] | None, depth: int
    ) -> Iterator[tuple[str, Node, Node]]:
        place = self._at(node.start_mark.line + 1)
        self._values += 1
        if not isinstance(node, MappingNode):
            self.mistakes.append(Mistake(path, "merges (<<) something that is no mapping", "", place))
            return
        if depth > _MAX_DEPTH or self._values > _MAX_VALUES:
            raise Unreadable(Mistake(path, "merges (<<) too much", "write the keys out", place))
        for key, key_node, value in self._pairs(node, path, wanted, depth + 1):
            if key not in taken:
                taken[key] = key_node.start_mark.line + 1
                yield key, key_node, value

    def _refuse_tag(self, path: Path) -> None:
        hint = "put a value that begins with ! in quotes"
        self.mistakes.append(Mistake(path, "has a YAML tag, which kunobs does not read", hint))

    def _scalar(self, node: ScalarNode, path: Path) -> object:
        kind = str(node.tag).removeprefix(_TAG)
        text = str(node.value)
        if _SURROGATE.search(text):
            # "\ud800" in quotes is half a character: nothing can print it, not even the message about it.
            self.mistakes.append(Mistake(path, "holds half a character", "write the character itself, in UTF-8"))
            return None
        if kind in ("str", "timestamp"):
            return text
        if kind == "null":
            return None
        if kind == "bool" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if kind in ("int", "float"):
            number = _number(kind, text)
            if number is not None:
                return number
        if kind in ("bool", "int", "float"):
            self.mistakes.append(Mistake(path, "is not a number, true or false", "put text in quotes"))
        else:
            self._refuse_tag(path)
        return None


def _number(kind: str, text: str) -> int | float | None:
    plain = text.replace("_", "").lower()
    try:
        if kind == "float":
            return float(re.sub(r"\.(inf|nan)$", r"\1", plain))
        return int(plain, 0 if re.match(r"[-+]?0[xob]", plain) else 10)
    except ValueError:
        return None
