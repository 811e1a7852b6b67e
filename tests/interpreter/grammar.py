"""Random programs: statements and expressions of a small grammar, most of which run, some of which raise.

Values are cut back when they are assigned, so that no program comes near a limit.
"""

from __future__ import annotations

import random
from typing import Any

INTEGERS, TEXTS, LISTS = ("a", "b", "c"), ("s", "t"), ("xs", "ys")
NAMES = ("'cup'", "'dog'", "'lamp'")
KEYS = ("'cup'", "'cup'")
DIGITS = ("'12'", "'-3'")
OPERATORS = ("+", "-", "*", "&", "|", "^") * 3 + ("//", "%")
METHODS = (
    "upper()",
    "strip()",
    "title()",
    "lower()",
    "zfill(4)",
    "center(7, '*')",
    "replace('a', 'bc')",
    "translate({97: 'b', 99: None})",
)
MAX_DEPTH = 3


class Writer:
    """Writes programs."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def pick(self, *options: Any) -> Any:
        return self._random.choice(options)

    def number(self, depth: int) -> str:
        if depth <= 0:
            return str(self.pick("0", "1", "2", "7", "-3", *INTEGERS, *INTEGERS))
        d = depth - 1
        match self.pick(*range(14)):
            case 0 | 1 | 2:
                return f"({self.number(d)} {self.pick(*OPERATORS)} {self.number(d)})"
            case 3:
                return f"{self.pick('len', 'len', 'sum', 'max')}({self.values(d)})"
            case 4:
                return f"({self.values(d)} + [5]){self.pick('[0]', '[-1]', f'[{self.number(d)}]')}"
            case 5:
                return f"({self.number(d)} if {self.truth(d)} else {self.number(d)})"
            case 6:
                return f"{self.pick('abs', 'int', 'round', 'f', 'g')}({self.number(d)})"
            case 7:
                return f"{self.text(d)}.{self.pick('count', 'find', 'rfind', 'count', 'index')}({self.text(0)})"
            case 8:
                return f"len(image.find({self.pick(*NAMES, self.text(0))}))"
            case 9:
                return f"table.get({self.text(d)}, {self.number(d)})"
            case 10:
                return f"table[{self.pick(*KEYS, self.text(0))}]"
            case 11:
                return f"int({self.pick(*DIGITS, self.text(0))})"
            case 12:
                return f"int({self.number(d)} / {self.pick('2', '-7', self.number(d))})"
        return f"(lambda x, y={self.number(0)}: x {self.pick('+', '-')} y)({self.number(d)})"

    def text(self, depth: int) -> str:
        if depth <= 0:
            return str(self.pick("''", "'a'", "'12'", "'red cup'", *TEXTS, *TEXTS))
        d = depth - 1
        match self.pick(*range(9)):
            case 0:
                return f"({self.text(d)} + {self.text(d)})"
            case 1:
                return f"({self.text(d)} * ({self.number(0)} % 3))"
            case 2:
                return f"{self.text(d)}.{self.pick(*METHODS)}"
            case 3:
                return f"{self.text(d)}[{self.number(0)}:{self.pick('', self.number(0))}]"
            case 4:
                return f"str({self.pick(self.number, self.values, self.truth, self.text)(d)})"
            case 5:
                return f'f"{{{self.number(0)} + {self.number(0)}:{self.pick("d", "04d", ">5", "x", "+d")}}}-{{{self.text(0)}!r}}"'
            case 6:
                return f"'{self.pick('%s', '%5s', '%d')}|%s' % ({self.number(d)}, {self.text(0)})"
            case 7:
                return f"'{{}} {{:{self.pick('>4', '', '^6')}}}'.format({self.number(0)}, {self.text(d)})"
        return f"','.join({self.pick('', 'sorted')}(str(x) for x in {self.values(d)}))"

    def values(self, depth: int) -> str:
        if depth <= 0:
            return str(self.pick("[]", "[1, 2]", "[3, 1, 2]", "list(range(4))", *LISTS, *LISTS))
        d = depth - 1
        match self.pick(*range(9)):
            case 0:
                return f"({self.values(d)} + {self.values(d)})"
            case 1:
                item, test = self.pick("x", "x * 2", "x + a", "-x"), self.pick("x", "x > 1", "x % 2 == 0", "True")
                return f"[{item} for x in {self.values(d)} if {test}]"
            case 2:
                return f"sorted({self.values(d)}{self.pick('', ', reverse=True', ', key=lambda x: -x', ', key=f')})"
            case 3:
                return f"{self.values(d)}[{self.number(0)}:{self.pick('', self.number(0))}]"
            case 4:
                return f"list({self.pick('map', 'filter')}({self.pick('f', 'lambda x: x - 1')}, {self.values(d)}))"
            case 5:
                return f"[{self.number(d)}, *{self.values(0)}]"
            case 6:
                return f"[p.{self.pick('left', 'width', 'area')} for p in image.find({self.pick(*NAMES)})]"
            case 7:
                return f"[i + x for i, x in enumerate({self.values(d)})]"
        return f"list({self.pick('reversed', 'set', 'tuple', 'g_all')}({self.values(d)}))"

    def truth(self, depth: int) -> str:
        if depth <= 0:
            return str(self.pick("a > b", "xs", "s", "c", "a == 2", "s in t"))
        d = depth - 1
        match self.pick(*range(5)):
            case 0:
                return f"({self.number(d)} {self.pick('<', '<=', '==', '!=', '>')} {self.number(d)})"
            case 1:
                return f"({self.truth(d)} {self.pick('and', 'or')} {self.truth(d)})"
            case 2:
                return f"(not {self.truth(d)})"
            case 3:
                return f"({self.number(d)} in {self.values(d)})"
        return f"({self.text(d)} {self.pick('==', '<', 'in')} {self.text(d)})"

    def block(self, depth: int, in_loop: bool) -> list[str]:
        lines = [line for _ in range(self.pick(1, 2)) for line in self.statement(depth, in_loop)]
        return ["    " + line for line in lines]

    def statement(self, depth: int, in_loop: bool = False) -> list[str]:
        kind = self.pick(*range(13 if depth > 0 else 6))
        match kind:
            case 0:
                return [f"{self.pick(*INTEGERS)} = ({self.number(MAX_DEPTH)}) % 1009"]
            case 1:
                return [f"{self.pick(*TEXTS)} = ({self.text(MAX_DEPTH)})[:20]"]
            case 2:
                return [f"{self.pick(*LISTS)} = ({self.values(MAX_DEPTH)})[:8]"]
            case 3:
                return [f"{self.pick(*INTEGERS)} {self.pick('+=', '-=', '//= 2 +', '%= 7 +')} {self.number(1)}"]
            case 4:
                return [f"table[{self.text(1)}[:9]] = {self.number(1)} % 1009", f"print({self.text(1)}, {self.number(1)})"]
            case 5:
                return [f"if len(xs) < 9: xs.{self.pick('append', 'append', 'count', 'remove')}({self.number(1)} % 1009)"]
            case 6 | 7:
                otherwise = ["else:", *self.block(depth - 1, in_loop)] if self.pick(True, False) else []
                return [f"if {self.truth(2)}:", *self.block(depth - 1, in_loop), *otherwise]
            case 8:
                end = ["else:", *self.block(depth - 1, False)] if self.pick(True, False) else []
                return [f"for {self.pick('a', 'i')} in {self.values(1)}[:5]:", *self.block(depth - 1, True), *end]
            case 9:
                n = f"n{depth}"
                return [f"{n} = 4", f"while {n}:", f"    {n} -= 1", *self.block(depth - 1, True)]
            case 10 | 11:
                caught = self.pick("(IndexError, KeyError) as e", "ValueError", "Exception as e", "ZeroDivisionError")
                end = ["finally:", "    c += 1"] if self.pick(True, False) else ["else:", "    b -= 1"]
                return ["try:", *self.block(depth - 1, in_loop), f"except {caught}:", *self.block(depth - 1, in_loop), *end]
        return (
            [f"if {self.truth(1)}:", f"    {self.pick('break', 'continue')}"]
            if in_loop
            else [f"assert {self.truth(1)} or {self.truth(1)} or c, {self.text(1)}"]
        )

    def program(self) -> str:
        body = [line for _ in range(self.pick(2, 4, 6)) for line in self.statement(2)]
        return "".join(
            line + "\n"
            for line in [
                "def f(x, k=2):",
                "    return x * k - 1",
                "def g_all(values):",
                "    for value in values:",
                "        yield value + 1",
                "def execute_command(image):",
                "    a, b, c, s, t, xs, ys, table = 3, 0, 5, 'cup', '7', [4, 1, 3], [2, 0], {'cup': 2}",
                "    def g(n):",
                "        nonlocal c",
                "        c = (c + 1) % 7",
                "        return n if n < 1 else g(n // 2 % 9) + 1",
                *("    " + line for line in body),
                "    return [a, b, c, s, t, len(xs), str(ys), str(table)]",
            ]
        )
