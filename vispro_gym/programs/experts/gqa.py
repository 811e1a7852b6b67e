"""GQA's functional programs as visual programs.

A functional program is a list of nodes `{"operation": name, "argument": text, "dependencies": [indices]}`, the last of which is
the answer. Object ids in the arguments are dropped: a program names what it looks for. Where a name fits several objects, every
step keeps all of them; a fact holds if it holds for any, and a question takes the first answer that is annotated.

Attribute filters become adjectives (`find("white wall")`, `related("on", "red towel")`) unless they are negated or would read as
something else; those and positions become conditions of a list comprehension.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vispro_gym.perception.language import is_relational
from vispro_gym.perception.vocabulary import attribute_categories, category_words
from vispro_gym.programs.experts.errors import UntranslatableError
from vispro_gym.programs.experts.naming import Names, quoted

_FIELD = re.compile(r"(?P<operation>[^:]+): ?(?P<argument>.*?)(?: ?\[(?P<dependencies>[\d, ]+)\])?\s*")
_IDS = re.compile(r"(?:^|\s+)\((?:-|[\w, ]*)\)\s*$")
_NEGATED = re.compile(r"not\((.*)\)")

_CATEGORIES = {"sportActivity": "sport activity", "opaqness": "opaqueness", "": ""}
_SIDES = {
    "hposition": {
        "left": "{0}.horizontal_center < {1}.horizontal_center",
        "right": "{0}.horizontal_center > {1}.horizontal_center",
    },
    "vposition": {"top": "{0}.vertical_center > {1}.vertical_center", "bottom": "{0}.vertical_center < {1}.vertical_center"},
}
_MIDDLE = {
    "hposition": "abs({0}.horizontal_center - {1}.horizontal_center) < {1}.width / 6",
    "vposition": "abs({0}.vertical_center - {1}.vertical_center) < {1}.height / 6",
}
_PICTURE_QUESTIONS = {
    "location": "Is this indoors or outdoors?",
    "place": "What place is this?",
    "room": "What room is this?",
    "weather": "How is the weather?",
}
_SHORT_RELATIONS = {"to the left of": "left", "to the right of": "right", "in front of": "front"}
# Comparison -> (adjective of the one that is meant, adjective of the other, measure that decides between equals).
_SUPERLATIVES = {
    "younger": ("young", "old", None),
    "older": ("old", "young", None),
    "healthier": ("healthy", "unhealthy", None),
    "less healthy": ("unhealthy", "healthy", None),
    "larger": ("large", "small", "area"),
    "bigger": ("large", "small", "area"),
    "smaller": ("small", "large", "-area"),
    "taller": ("tall", "short", "height"),
    "shorter": ("short", "tall", "-height"),
    "longer": ("long", "short", "width"),
    "higher": ("high", "low", "vertical_center"),
    "lower": ("low", "high", "-vertical_center"),
}


def parse_semantic_str(text: str) -> list[dict[str, Any]]:
    """Rebuilds the nodes of a functional program from GQA's `semanticStr`.

    Args:
        text: For example `"select: wall (7)->filter color: white [0]->query: name [1]"`.

    Raises:
        UntranslatableError: If a step is not of the form `operation: argument [dependencies]`.
    """
    nodes = []
    for step in text.split("->"):
        match = _FIELD.fullmatch(step)
        if match is None:
            raise UntranslatableError(
                f"{step!r} is no step of a functional program. Expected 'operation: argument [dependencies]'."
            )
        dependencies = [int(number) for number in (match["dependencies"] or "").split(",") if number.strip()]
        nodes.append({"operation": match["operation"], "argument": match["argument"], "dependencies": dependencies})
    return nodes


def translate(functional_program: Sequence[Mapping[str, Any]]) -> str:
    """Translates one functional program of GQA.

    Args:
        functional_program: Nodes as in the field `semantic` of the question files.

    Returns:
        Source text of a program that defines `execute_command(image)`.

    Raises:
        UntranslatableError: If a node is malformed or its operation is unknown.
    """
    return _Translator(functional_program).source()


@dataclass(frozen=True)
class _Node:
    operation: str
    argument: str
    inputs: tuple[int, ...]

    @property
    def head(self) -> str:
        return self.operation.partition(" ")[0]

    @property
    def category(self) -> str:
        return self.operation.partition(" ")[2]


@dataclass(frozen=True)
class _Group:
    """Candidates of one step: the list variable, the name of its elements, and the noun they were asked for by."""

    variable: str
    element: str
    noun: str

    def condition(self, test: str) -> str:
        return f"any({test} for {self.element} in {self.variable})"


@dataclass(frozen=True)
class _Condition:
    """A truth value: a test on the elements of a group, or (without a group) an expression."""

    test: str
    group: _Group | None = None

    def expression(self) -> str:
        return self.test if self.group is None else self.group.condition(self.test)


class _Translator:
    def __init__(self, functional_program: Sequence[Mapping[str, Any]]) -> None:
        self._nodes = [_node(node, i) for i, node in enumerate(functional_program)]
        if not self._nodes:
            raise UntranslatableError("The functional program has no nodes. Expected at least one.")
        self._users = Counter(j for node in self._nodes for j in node.inputs)
        self._names = Names()
        self._lines = ["image_patch = ImagePatch(image)"]
        self._groups: dict[int, _Group] = {}

    def source(self) -> str:
        last = self._nodes[-1]
        if last.head == "query":
            answer = self._query(last)
        elif last.head == "choose":
            answer = self._choose(last)
        elif last.head == "common":
            answer = self._common(last)
        else:
            answer = f"bool_to_yesno({self._truth(len(self._nodes) - 1).expression()})"
        body = "\n".join(f"    {line}" for line in (*self._lines, f"return {answer}"))
        return f"def execute_command(image):\n{body}\n"

    def _unknown(self, node: _Node) -> UntranslatableError:
        return UntranslatableError(
            f"The operation {node.operation!r} with argument {node.argument!r} and {len(node.inputs)} inputs is unknown."
        )

    def _is_picture(self, node: _Node) -> bool:
        source = self._nodes[node.inputs[0]]
        return source.head == "select" and source.argument == "scene"

    def _is_main_object(self, node: _Node) -> bool:
        source = self._nodes[node.inputs[0]]
        return source.head == "select" and source.argument == "this"

    # Objects

    def _group(self, i: int) -> _Group:
        if i not in self._groups:
            self._groups[i] = self._make_group(i, ())
        return self._groups[i]

    def _make_group(self, i: int, adjectives: tuple[str, ...]) -> _Group:
        """Emits the statement that finds the objects of a node, with adjectives from the filters that follow it."""
        node = self._nodes[i]
        if node.head == "filter":
            source = node.inputs[0]
            if node.category not in _SIDES and _is_adjective(node.argument) and (self._users[source] == 1 or adjectives):
                return self._make_group(source, (node.argument, *adjectives))
            return self._filtered(node, adjectives)
        if node.head == "select":
            if node.argument == "this":
                return self._assigned("thing", (), '[max(image_patch.find("object"), key=lambda thing: thing.area)]')
            phrase = quoted(" ".join([*adjectives, node.argument]))
            return self._assigned(node.argument, adjectives, f"image_patch.find({phrase})")
        if node.head == "relate":
            return self._related(node, adjectives)
        raise self._unknown(node)

    def _assigned(self, noun: str, prefixes: Sequence[str], expression: str) -> _Group:
        variable, element = self._names.several(noun, *prefixes)
        self._lines.append(f"{variable} = {expression}")
        return _Group(variable, element, noun)

    def _filtered(self, node: _Node, adjectives: tuple[str, ...]) -> _Group:
        group = self._group(node.inputs[0])
        negated = _NEGATED.fullmatch(node.argument)
        value = negated[1] if negated else node.argument
        test = " and ".join(
            [
                ("not " if negated else "") + self._test(group, node.category, value),
                *(self._test(group, "", word) for word in adjectives),
            ]
        )
        prefix = f"not {value}" if negated else value
        variable, element = self._names.several(group.noun, prefix)
        self._lines.append(f"{variable} = [{group.element} for {group.element} in {group.variable} if {test}]")
        return _Group(variable, element, group.noun)

    def _related(self, node: _Node, adjectives: tuple[str, ...]) -> _Group:
        group = self._group(node.inputs[0])
        name, relation, role = _relation(node)
        prefixes = (*adjectives, _SHORT_RELATIONS.get(relation, ""))
        variable, element = self._names.several(name, *prefixes)
        call = _related_call(group, relation, " ".join([*adjectives, name]), role)
        self._lines.append(f"{variable} = [{element} for {group.element} in {group.variable} for {element} in {call}]")
        return _Group(variable, element, name)

    def _test(self, group: _Group, category: str, value: str) -> str:
        """Whether an element of the group has an attribute or a position."""
        if category in _SIDES:
            template = _MIDDLE[category] if value == "middle" else _SIDES[category].get(value)
            if template is None:
                raise UntranslatableError(
                    f"The position {value!r} is unknown. Expected one of: {', '.join(_SIDES[category])}, middle."
                )
            return template.format(group.element, "image_patch")
        return _verified(group, quoted(value))

    # Truth values

    def _truth(self, i: int) -> _Condition:
        node = self._nodes[i]
        if node.head == "exist":
            return _Condition(f"len({self._group(node.inputs[0]).variable}) > 0")
        if node.head == "verify":
            return self._verify(node)
        if node.operation in ("and", "or") and len(node.inputs) == 2:
            left, right = (self._operand(j) for j in node.inputs)
            if left.group is not None and left.group == right.group:
                return _Condition(f"{left.test} {node.operation} {right.test}", left.group)
            return _Condition(f"{left.expression()} {node.operation} {right.expression()}")
        if node.head in ("same", "different"):
            condition = self._same(node)
            return condition if node.head == "same" else _Condition(f"not {condition.expression()}")
        raise self._unknown(node)

    def _operand(self, i: int) -> _Condition:
        condition = self._truth(i)
        return _Condition(f"({condition.expression()})") if self._nodes[i].head in ("and", "or") else condition

    def _verify(self, node: _Node) -> _Condition:
        if self._is_picture(node):
            return _Condition(_picture_test(node.category, node.argument))
        group = self._group(node.inputs[0])
        if node.category == "rel":
            name, relation, role = _relation(node)
            return _Condition(_related_call(group, relation, name, role), group)
        return _Condition(self._test(group, node.category, node.argument), group)

    def _same(self, node: _Node) -> _Condition:
        category = node.category or node.argument
        if category not in ("type", "name"):
            category = self._category(node, category)
        if len(node.inputs) == 2:
            one, other = (self._group(j) for j in node.inputs)
            test = f"{other.element} in {one.element}.related({quoted(f'same {category}')})"
            return _Condition(f"any({test} for {one.element} in {one.variable} for {other.element} in {other.variable})")
        group = self._group(node.inputs[0])
        if category in ("type", "name"):
            kind = self._names.one("kind")
            self._lines.append(f"{kind} = {group.variable}[0].simple_query()")
            return _Condition(f"all({_verified(group, kind)} for {group.element} in {group.variable})")
        values, _ = self._names.several(category)
        self._lines.append(f"{values} = {{{_ask(group.element, category)} for {group.element} in {group.variable}}}")
        return _Condition(f'len({values} - {{"unknown"}}) == 1')

    # Answers in words

    def _category(self, node: _Node, name: str) -> str:
        category = category_words().get(_CATEGORIES.get(name, name))
        if category is None:
            known = ", ".join(sorted(attribute_categories()))
            raise UntranslatableError(f"The operation {node.operation!r} asks for {name!r}, which is unknown. Known: {known}.")
        return category

    def _query(self, node: _Node) -> str:
        if self._is_picture(node):
            if node.argument not in _PICTURE_QUESTIONS:
                raise self._unknown(node)
            return f"image_patch.simple_query({quoted(_PICTURE_QUESTIONS[node.argument])})"
        group = self._group(node.inputs[0])
        if node.argument == "name":
            return f"{group.variable}[0].simple_query()"
        if node.argument in _SIDES:
            first, second = _SIDES[node.argument]
            return f'"{first}" if {self._test(_first(group), node.argument, first)} else "{second}"'
        category = self._category(node, node.argument)
        values, value = self._names.several(category)
        self._lines.append(f"{values} = [{_ask(group.element, category)} for {group.element} in {group.variable}]")
        return f'next({value} for {value} in {values} if {value} != "unknown")'

    def _choose(self, node: _Node) -> str:
        if len(node.inputs) == 2:
            return self._superlative(node)
        if node.category == "rel":
            name, relations, role = _relation(node)
            options = relations.split("|")
        else:
            options = node.argument.split("|")
        if len(options) != 2:
            raise self._unknown(node)
        first, second = options
        if node.category == "rel":
            group = self._group(node.inputs[0])
            condition = group.condition(_related_call(group, first, name, role))
            first, second = (_SHORT_RELATIONS.get(option, option) for option in options)
        elif self._is_picture(node):
            condition = _picture_test(node.category, first)
        elif self._is_main_object(node):
            condition = f"image_patch.exists({quoted(first)})"
        else:
            group = self._group(node.inputs[0])
            condition = group.condition(self._test(group, node.category, first))
        return f"{quoted(first)} if {condition} else {quoted(second)}"

    def _superlative(self, node: _Node) -> str:
        if node.category not in _SUPERLATIVES:
            raise self._unknown(node)
        wanted, unwanted, measure = _SUPERLATIVES[node.category]
        one, other = (self._group(j) for j in node.inputs)
        patch = _Group("", self._names.one("candidate"), "object")
        key = f"{self._test(patch, '', wanted)} - {self._test(patch, '', unwanted)}"
        if measure:
            sign, attribute = ("-", measure[1:]) if measure.startswith("-") else ("", measure)
            key = f"({key}, {sign}{patch.element}.{attribute})"
        best = self._names.one(node.category)
        self._lines.append(f"{best} = max({one.variable} + {other.variable}, key=lambda {patch.element}: {key})")
        return f"{best}.simple_query()"

    def _common(self, node: _Node) -> str:
        if len(node.inputs) != 2:
            raise self._unknown(node)
        one, other = (self._group(j) for j in node.inputs)
        self._lines.append('for kind in ["color", "material", "shape"]:')
        test = f'{other.element} in {one.element}.related("same " + kind)'
        self._lines.append(f"    if any({test} for {one.element} in {one.variable} for {other.element} in {other.variable}):")
        self._lines.append("        return kind")
        return '"unknown"'


def _node(node: Mapping[str, Any], i: int) -> _Node:
    operation, argument, inputs = node.get("operation"), node.get("argument"), node.get("dependencies")
    if (
        not isinstance(operation, str)
        or not isinstance(argument, str)
        or not isinstance(inputs, Sequence)
        or any(not isinstance(j, int) or not 0 <= j < i for j in inputs)
    ):
        raise UntranslatableError(
            f"Node {i} is {dict(node)!r}. Expected texts 'operation' and 'argument', and 'dependencies' on earlier nodes."
        )
    parsed = _Node(" ".join(operation.split()), _IDS.sub("", argument).strip(), tuple(inputs))
    if bool(inputs) == (parsed.head == "select"):
        raise UntranslatableError(
            f"Node {i} ({operation!r}) has the dependencies {list(inputs)}. Expected some, and none for 'select'."
        )
    return parsed


def _relation(node: _Node) -> tuple[str, str, str]:
    """Name, relation and role of an argument such as "man,to the left of,s" or "appliance,same color,_"."""
    parts = [part.strip() for part in node.argument.split(",")]
    if len(parts) == 2:
        parts.append("_")
    if len(parts) != 3 or parts[2] not in ("s", "o", "_"):
        raise UntranslatableError(
            f"{node.operation!r} has the argument {node.argument!r}. Expected 'name,relation,s' or 'name,relation,o'."
        )
    return parts[0], parts[1], "object" if parts[2] == "o" else "subject"


def _related_call(group: _Group, relation: str, name: str, role: str) -> str:
    arguments = [quoted(relation)]
    if name != "_":
        arguments.append(quoted(_noun(name)))
    if role == "object":
        arguments.append('role="object"')
    return f"{group.element}.related({', '.join(arguments)})"


def _verified(group: _Group, attribute: str) -> str:
    """A call that verifies an attribute, given as an expression."""
    return f"{group.element}.verify_property({quoted(_noun(group.noun))}, {attribute})"


def _noun(name: str) -> str:
    """A name as a noun phrase: GQA writes "_" where anything will do."""
    return name.replace("_", "object")


def _is_adjective(value: str) -> bool:
    """Whether a value can stand in front of a noun: "red", "long sleeved"; not "not(red)", nor "on", a relation."""
    return not _NEGATED.fullmatch(value) and not is_relational((*value.split(" "), "object"))


def _first(group: _Group) -> _Group:
    return _Group(group.variable, f"{group.variable}[0]", group.noun)


def _picture_test(category: str, value: str) -> str:
    if category in ("location", "weather"):
        return f"image_patch.simple_query({quoted(_PICTURE_QUESTIONS[category])}) == {quoted(value)}"
    return f"image_patch.exists({quoted(value)})"


def _ask(element: str, category: str) -> str:
    question = "What is this doing?" if category == "activity" else f"What {category} is this?"
    return f"{element}.simple_query({quoted(question)})"
