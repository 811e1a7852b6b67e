"""The productions of the grammar: those of plain Python, written here, and those of the program language, made from its table.

Symbols are the kinds of things that expressions give; `vispro_gym.programs.grammar` explains them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence

from vispro_gym.programs.api import API, Member

IDIOMS: Mapping[str, tuple[str, ...]] = {
    "block": (
        "return {answer}",
        "NEW = {patch}\n{block}",
        "NEW = {patches}\n{block}",
        "NEW = {text}\n{block}",
        "NEW = {number}\n{block}",
        "NEW = {truth}\n{block}",
        "if {truth}:\n    return {answer}\n{block}",
        "for NEW in {patches}:\n    if {truth}:\n        return {answer}\n{block}",
    ),
    "answer": ("{text}", "{number}", "{truth}", "{patch}", "{patches}"),
    "patch": (
        "{patches}[0]",
        "{patches}[-1]",
        "max({patches}, key=lambda p: p.{size})",
        "min({patches}, key=lambda p: p.{size})",
        "min({patches}, key=lambda p: p.compute_depth())",
        "min({patches}, key=lambda p: distance(p, {patch}))",
        "(lambda p: p.crop(p.left, p.lower, int(p.horizontal_center), p.upper))({patch})",
        "(lambda p: p.crop(p.left, int(p.vertical_center), p.right, p.upper))({patch})",
    ),
    "patches": (
        "[p for p in {patches} if p.verify_property({noun}, {adjective})]",
        "[p for p in {patches} if p.exists({noun})]",
        "sorted({patches}, key=lambda p: p.{size})",
    ),
    "text": ("{word}", "str({number})", "({text} if {truth} else {text})"),
    "number": ("0", "1", "2", "3", "len({patches})", "{patch}.{size}", "abs({number} - {number})"),
    "truth": (
        "len({patches}) > 0",
        "{number} < {number}",
        "{number} == {number}",
        "{text} == {text}",
        "not {truth}",
        "({truth} and {truth})",
        "({truth} or {truth})",
    ),
}
"""What programs say in plain Python: right-hand sides by symbol. A symbol in braces is a hole; NEW is a variable that is bound
there, of the kind of the hole."""

# How the parameters of the program language are filled, by name. Those that may be left out are, but for those in OPTIONAL.
_ARGUMENTS = {
    "object_name": "{noun}",
    "attribute": "{adjective}",
    "question": "{question}",
    "option_list": "[{word}, {word}]",
    "relation": "{relation}",
    "name": "{noun}",
    "list_patches": "{patches}",
    "content": "[{noun}]",
    "a": "{patch}",
    "b": "{patch}",
    "value": "{truth}",
    "text": "{text}",
}
_OPTIONAL = {"role": "'object'"}
_BOX = ("left", "lower", "right", "upper")
_KIND_OF = {
    "list[ImagePatch]": "patches",
    "ImagePatch": "patch",
    "str": "text",
    "bool": "truth",
    "float": "number",
    "int": "number",
}


def api_productions(api: Sequence[Member] = API) -> dict[str, tuple[str, ...]]:
    """Right-hand sides by symbol for the names of the program language: one for each way in which a member can be called.

    Args:
        api: The members, all or some.

    Raises:
        ValueError: If a member has a parameter or a type that nothing is known of.
    """
    productions: dict[str, list[str]] = {}
    for member in api:
        if member.kind == "attribute":
            productions.setdefault("size", []).append(member.name)
            continue
        function = ast.parse(f"def f{member.signature}: ...").body[0]
        assert isinstance(function, ast.FunctionDef) and function.returns is not None
        kind = _KIND_OF.get(ast.unparse(function.returns).partition(" | ")[0])
        names = [parameter.arg for parameter in function.args.args]
        needed = names[: len(names) - len(function.args.defaults)]
        # What a call can do without is left out from the first parameter on that nothing is known of.
        given = [name for i, name in enumerate(names) if name in needed or set(names[: i + 1]) <= set(_ARGUMENTS)]
        is_method = member.kind == "method"
        if tuple(names) == _BOX and is_method:
            sides = ", ".join(f"q.{side}" for side in _BOX)
            calls = [f"(lambda p, q: p.{member.name}({sides}))({{patch}}, {{patch}})"]
        elif kind is None or not set(given) <= set(_ARGUMENTS):
            raise ValueError(
                f"the grammar cannot call {member.name}{member.signature}. Expected parameters among {', '.join(_ARGUMENTS)} and "
                f"a type among {', '.join(_KIND_OF)}; see vispro_gym.programs.grammar."
            )
        else:
            callee = f"{{patch}}.{member.name}" if is_method else member.name
            plain = [_ARGUMENTS[name] for name in given]
            extra = [[*plain, f"{name}={text}"] for name, text in _OPTIONAL.items() if name in names]
            calls = [f"{callee}({', '.join(arguments)})" for arguments in (plain, *extra)]
        productions.setdefault(str(kind), []).extend(calls)
    return {symbol: tuple(texts) for symbol, texts in productions.items()}


def _merged(*tables: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    symbols = dict.fromkeys(symbol for table in tables for symbol in table)
    return {symbol: tuple(dict.fromkeys(text for table in tables for text in table.get(symbol, ()))) for symbol in symbols}


def productions_of(members: Iterable[str], idioms: Mapping[str, tuple[str, ...]] = IDIOMS) -> dict[str, tuple[str, ...]]:
    """The productions of a part of the program language.

    Args:
        members: Names of the members that programs may use.
        idioms: What programs may say in plain Python; those that use other members are left out.

    Raises:
        ValueError: If there is no such member.
    """
    chosen = set(members)
    if unknown := sorted(chosen - {member.name for member in API}):
        raise ValueError(
            f"the program language has no member {', '.join(map(repr, unknown))}. "
            f"Expected some of: {', '.join(member.name for member in API)}."
        )
    others = {member.name for member in API if member.kind != "attribute"} - chosen
    kept = {
        symbol: tuple(text for text in texts if not others.intersection(_CALLED.findall(text)))
        for symbol, texts in idioms.items()
    }
    return _merged(kept, api_productions([member for member in API if member.name in chosen]))


_CALLED = re.compile(r"(\w+)\(")

PRODUCTIONS: Mapping[str, tuple[str, ...]] = _merged(IDIOMS, api_productions())
"""The whole grammar: plain Python and every member of the program language."""
