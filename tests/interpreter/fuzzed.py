"""Random programs for fuzzing: from a grammar that mostly keeps to the language, and by mutation of attacks."""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Sequence
from functools import lru_cache

from tests.interpreter.attacks import CORPUS

# Families whose programs end by the clock: too slow to be mutated by the million.
_SLOW = {"shared structures", "endless work", "recursion", "growth by operators", "growth by methods", "growth by modules"}
_QUICK_SOURCES = [attack.source for attack in CORPUS if attack.family not in _SLOW and len(attack.source) < 3_000]
_SLOW_SOURCES = [attack.source for attack in CORPUS if attack.family in _SLOW]
_TOKEN = re.compile(r"\s+|\w+|'[^'\n]*'|.", re.DOTALL)

_WORDS = "cup dog red blue table yes no {} {0} %s %d x é \\ud800 \\n 12 -3.5 __class__ a+ (a)|b".split()
_NUMBERS = ("0", "1", "2", "3", "7", "-1", "10", "255", "0.5", "1e308", "10 ** 6", "2 ** 70", "True", "float('nan')")
_BINARY = "+ - * / // % ** & | ^ << >>".split()
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=", "is", "is not")

# Variables by what they hold. `w` holds anything.
_VARIABLES = {
    "n": ("n", "m"),
    "s": ("s", "é"),
    "l": ("xs", "ys"),
    "p": ("p", "image"),
    "d": ("d",),
    "b": ("ok",),
    "w": ("w", "_v"),
}
_KIND_OF = {name: kind for kind, names in _VARIABLES.items() for name in names}
_PRELUDE = """import math, re, collections, itertools, functools, statistics, heapq, string, operator
import numpy as np
def f(x, y=1, *z, k=None, **r):
    return (x, y)[:1] + z
n, m, s, é, xs, ys, d, ok = 3, 40, 'cup', 'a b, c', [3, 1, 2], ['x', 'yy'], {'k': 1, 2: [0]}, True
def execute_command(image):
  global n, m, s, é, xs, ys, d, ok, w, _v
  w, _v, p = None, (1, 'a'), image
"""

# Expressions by what they give; holes stand for expressions by what they give.
_FORMS: dict[str, tuple[str, ...]] = {
    "n": (
        "len($l)", "len($s)", "len($d)", "sum($l)", "int($n)", "abs($n)", "round($n, $n)", "ord($s[0])", "($n + $n)",
        "($n - $n)", "($n * $n)", "($n // $n)", "($n % $n)", "($n ** $n)", "($n << $n)", "($n / $n)", "(-$n)",
        "max($n, $n)", "min($l)", "$s.count($s)", "$s.find($s)", "$l.index($w)", "$p.left", "$p.width", "$p.area",
        "$p.horizontal_center", "$p.compute_depth()", "distance($p, $p)", "coerce_to_numeric($s)", "math.floor($n)",
        "math.sqrt($n)", "math.comb($n, $n)", "math.factorial($n)", "math.gcd($n, $n)", "statistics.mean($l)",
        "functools.reduce(max, $l, $n)", "np.mean($l)", "float($s)", "int($s)", "pow($n, $n, $n)", "len(set($s))",
        "$l.count($w)", "($n if $b else $n)", "(lambda x, *z: $n)($w, *$l)", "divmod($n, $n)[0]", "np.array($l).sum()",
        "functools.reduce(lambda a, b: a + b, $l)", "next(iter($l), $n)", "math.prod($l)", "statistics.median($l)",
        "$s.rfind($s)", "int($s, $n)", "np.percentile($l, $n)", "np.linalg.norm($l, 2)", "functools.reduce(operator.or_, $l)", "math.isqrt($n)",
    ),
    "s": (
        "str($w)", "repr($w)", "($s + $s)", "($s * $n)", "$s.upper()", "$s.replace($s, $s)", "$s.join($l)", "$s[$n:]",
        "$s.ljust($n)", "$s.zfill($n)", "$s.center($n, '*')", "$s.format($w, $w)", "($s % $w)", "f'{$n:>$n}'",
        "f'{$w!r} {$s}'", "format($n, '.2f')", "chr($n)", "$p.simple_query($s)", "$p.best_text_match([$s, $s])",
        "bool_to_yesno($b)", "re.sub($s, $s, $s)", "''.join(sorted($s))", "$s.strip($s)", "$s.expandtabs($n)",
        "type($w).__name__", "$s.title()", "($s if $b else $s)", "'%s %d' % ($s, $n)", "string.digits[$n]", "$s.lower()",
        "$s.translate(str.maketrans($s, $s))", "'{} {.left}'.format($w, $p)", "$s.rsplit($s)[0]", "'%(k)s' % $d",
    ),
    "l": (
        "sorted($l)", "list($s)", "list($d)", "[$w, $w]", "[*$l, $w]", "($l + $l)", "($l * $n)", "$l[$n:$n]", "$l[::-1]",
        "[$w for x in $l]", "[x for x in $l if $b]", "[x for x in range($n) for y in $l]", "list(map(str, $l))",
        "list(filter(None, $l))", "list(zip($l, $l))", "list(enumerate($l))", "$s.split($s)", "$p.find($s)",
        "$p.related($s, $s)", "re.findall($s, $s)", "list(itertools.product($l, repeat=2))", "list($d.items())",
        "list(itertools.permutations($l, 2))", "list(itertools.chain($l, $l))", "heapq.nlargest($n, $l)", "list(set($l))",
        "sorted($l, key=lambda x: $n)", "sorted($l, key=str, reverse=$b)", "list(collections.Counter($l).elements())",
        "list(itertools.islice(itertools.count($n), 5))", "list(itertools.accumulate($l))", "(lambda *z: list(z))(*$l)",
        "list(range($n))", "list(range($n, $n, $n))", "list(f($w, k=$w, **$d))", "list(reversed($l))", "list($l)",
        "collections.Counter($s).most_common($n)", "np.array($l).tolist()", "list(itertools.combinations($l, 2))",
        "[list(g) for _, g in itertools.groupby($l)]", "list(map(lambda x: $w, $l))", "list(x for x in $l)", "($l or $l)",
        "list(itertools.filterfalse(callable, $l))", "[next(g) for _, g in itertools.groupby($l, key=str)]", "list(itertools.tee($l, $n)[0])",
        "list(itertools.combinations_with_replacement($l, 2))", "np.logical_and($l, $l).tolist()", "np.append($l, $n).tolist()",
        "list(itertools.takewhile(callable, $l))", "list(itertools.islice($l, $n, $n))", "list(filter(lambda x: $b, $l))",
    ),
    "p": (
        "$p.crop($n, $n, $n, $n)", "ImagePatch($p)", "$p.find($s)[0]", "best_image_match($p.find($s), [$s])", "image",
        "ImagePatch($p, $n, $n, $n, $n)", "max($p.find('cup'), key=lambda q: $n)", "(image if $b else $p)",
    ),
    "d": (
        "dict($d)", "{$s: $w, $n: $w}", "{**$d, $s: $w}", "dict(enumerate($l))", "collections.Counter($l)", "($d | $d)",
        "{x: $w for x in $l}", "dict(zip($l, $l))", "collections.defaultdict(list, $d)", "dict.fromkeys($l, $w)",
    ),
    "b": (
        "($n < $n)", "($w == $w)", "($w in $l)", "($s in $s)", "not $w", "($b and $b)", "($b or $w)", "any($l)", "all($l)",
        "$p.exists($s)", "$p.verify_property($s, $s)", "isinstance($w, str)", "bool($w)", "$s.startswith($s)", "callable($w)",
        "($n <= $n < $n)", "($w is not $w)", "hasattr($w, 'left')", "bool(re.match($s, $s))", "($w in $d)",
        "($l == $l)", "($l < $l)", "$p.overlaps_with($n, $n, $n, $n)",
    ),
    "w": (
        "$n", "$s", "$l", "$p", "$d", "$b", "None", "f", "(lambda x: $w)", "(x for x in $l)", "iter($l)", "$d.get($w, $w)",
        "$l[$n]", "$d[$s]", "getattr($w, 'width', $w)", "print", "map(f, $l)", "tuple($l)", "set($l)", "frozenset($l)", "range($n)",
        "f($w)", "np.array($l)", "re.compile($s)", "$w.colour", "getattr($w, $s)", "collections.Counter.copy($w)", "(re.I | $n)", "image.find_all($s)", "$l.append($w)", "$l.sort()", "$l.extend($l)",
        "$l.pop($n)", "$d.update($d)", "$d.setdefault($w, $l)", "print($w, $s, sep=$s)", "collections.deque($l, $n)", "type($w)",
        "functools.partial(f, $w)", "operator.itemgetter($n)($l)", "next(x for x in $l if $b)", "functools.lru_cache(f)($w)",
        "$w.__class__", "ValueError($w)", "math", "str.upper", "($w, $w)", "$w.args", "$l.insert($n, $w)", "$w.values()",
    ),
}  # fmt: skip
_FORBIDDEN = (
    "image.find.__globals__", "__import__('os')", "eval('1')", "f.__code__", "_tick_()", "_note_('1', 2)", "image._box", "().__reduce__()", "open('x')",
)  # fmt: skip
_HOLE = re.compile(r"\$([nslpdbw])")


_LITERAL = re.compile(r"(?<![\w.$%])\d+(?![\w.])")

FRAGMENTS = 2_000
PROGRAMS_PER_PARTS = 50_000


class Writer:
    """Writes programs at random. What it writes depends on the seed alone."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def expression(self, kind: str, depth: int) -> str:
        """An expression that gives a value of a kind, nearly always, nested so many levels at most."""
        rng = self.rng
        if rng.random() < 0.03:
            kind = rng.choice(tuple(_FORMS))
        if depth <= 0 or rng.random() < 0.2:
            if depth < 0:
                return rng.choice(_VARIABLES[kind])
            if kind == "n" and rng.random() < 0.6:
                return rng.choice(_NUMBERS)
            if kind == "s" and rng.random() < 0.6:
                return "'" + " ".join(rng.choices(_WORDS, k=rng.randrange(1, 3))) + "'"
            return rng.choice(_VARIABLES[kind])
        if rng.random() < 0.0005:
            return rng.choice(_FORBIDDEN)
        return self._filled(rng.choice(_FORMS[kind]), depth - 1)

    def _filled(self, form: str, depth: int = 2) -> str:
        # Quotes and braces inside the field of an f-string are no syntax before Python 3.12.
        inside = -1 if form.startswith("f'") else max(depth, 0)
        return _HOLE.sub(lambda hole: self.expression(hole[1], inside), form)

    def block(self, indent: int, depth: int, in_loop: bool = False) -> list[str]:
        """Lines of a block."""
        return [line for _ in range(self.rng.randrange(1, 3)) for line in self.statement(indent, depth, in_loop)]

    def statement(self, indent: int, depth: int, in_loop: bool) -> list[str]:
        """Lines of one statement."""
        rng, pad = self.rng, " " * indent
        if depth <= 0 or rng.random() < 0.5:
            return [pad + self._simple(in_loop)]
        filled, inner = self._filled, self.block(indent + 1, depth - 1, in_loop)
        kind = rng.randrange(8)
        if kind < 2:
            return [filled(f"{pad}if $b:"), *inner, f"{pad}else:", *self.block(indent + 1, depth - 1, in_loop)]
        if kind == 2:
            target = rng.choice(("w", "n", "w, *_v", "xs[0]"))
            return [filled(f"{pad}for {target} in $l:"), *self.block(indent + 1, depth - 1, True)]
        if kind == 3:
            return [filled(f"{pad}while $b:"), *self.block(indent + 1, depth - 1, True), f"{pad} if {filled('$b')}: break"]
        if kind == 4:
            last = [f"{pad}finally:", filled(f"{pad} w = $w")] if rng.random() < 0.3 else []
            caught = rng.choice(("Exception", "ValueError", "(TypeError, KeyError)", "LookupError", "BaseException"))
            return [f"{pad}try:", *inner, f"{pad}except {caught} as e:", f"{pad} w = e", *last]
        if kind == 5:
            above = rng.choice(
                (f"{pad}@functools.lru_cache", f"{pad}@functools.lru_cache(maxsize=None)", f"{pad}@f", *[f"{pad}pass"] * 5)
            )
            return [
                above,
                f"{pad}def g(x, y=xs, *z):",
                *self.block(indent + 1, depth - 1),
                f"{pad} return x",
                filled(f"{pad}w = g($w)"),
            ]
        if kind == 6:
            # A generator: it may be left half way.
            head = [f"{pad}def h(x):", f"{pad} try:", filled(f"{pad}  yield $w"), f"{pad} finally:", filled(f"{pad}  print($s)")]
            return [*head, filled(f"{pad}w = next(h($w))")]
        head = [filled(f"{pad}match $w:"), f"{pad} case [w, *_]:", *self.block(indent + 2, depth - 1, in_loop)]
        return [*head, f"{pad} case {{'k': _v}}: pass", f"{pad} case 1 | 'x' | None: pass", f"{pad} case _: pass"]

    def _simple(self, in_loop: bool) -> str:
        rng, filled = self.rng, self._filled
        if rng.random() < 0.6:
            name = rng.choice(tuple(_KIND_OF))
            return filled(f"{name} = ${_KIND_OF[name]}", 3)
        return filled(
            rng.choice((
                "$w", "$w", f"n {rng.choice(_BINARY)}= $n", "s += $s", "xs += $l", "ys *= $n", "xs[$n:] = $l", "xs[::$n] = (x for x in $l)", "xs[:$n] += $l", "n //= $n", "xs.remove($w)", "d[$w] = $w",
                "w, *_v = $l", "print($w)", "xs[$n] = $w", "assert $b or True, $w", "(w := $w)", f"ok = $n {rng.choice(_COMPARISONS)} $n",
                "return $w" if rng.random() < 0.1 else "pass", "raise ValueError($w)" if rng.random() < 0.1 else "pass",
                "del xs[0]", rng.choice(("break", "continue")) if in_loop else "pass", "d['k'] *= $n", "image.find($s)",
            ))
        )  # fmt: skip

    def fragment(self) -> str:
        """A few statements of a function's body; most may fail without ending it."""
        if self.rng.random() < 0.8:
            return "\n".join(["  try:", *self.block(3, 2), "  except Exception as e: print(type(e))"])
        return "\n".join(self.block(2, 2))

    def mutant(self) -> str:
        """An attack with some tokens, lines or characters changed; nearly always still Python."""
        for _ in range(4):
            source = self._changed()
            try:
                ast.parse(source)
            except (SyntaxError, ValueError, MemoryError, RecursionError):
                continue
            break
        return source

    def _changed(self) -> str:
        rng = self.rng
        sources: Sequence[str] = _QUICK_SOURCES if rng.random() < 0.995 else _SLOW_SOURCES
        source, other = rng.choice(sources), rng.choice(_QUICK_SOURCES)
        tokens = _TOKEN.findall(source)
        kind = rng.randrange(5)
        if kind == 0:  # two tokens change places
            for _ in range(rng.randrange(1, 4)):
                i, j = rng.randrange(len(tokens)), rng.randrange(len(tokens))
                tokens[i], tokens[j] = tokens[j], tokens[i]
        elif kind == 1:  # tokens of another program
            foreign = _TOKEN.findall(other)
            for _ in range(rng.randrange(1, 6)):
                tokens[rng.randrange(len(tokens))] = rng.choice(foreign)
        elif kind == 2:  # the rest of another program
            lines, foreign = source.split("\n"), other.split("\n")
            return "\n".join(lines[: rng.randrange(1, len(lines) + 1)] + foreign[rng.randrange(len(foreign)) :])
        elif kind == 3:  # noise
            characters = list(source)
            for _ in range(rng.randrange(1, 5)):
                characters[rng.randrange(len(characters))] = chr(rng.choice((rng.randrange(128), rng.randrange(0x1_1000))))
            return "".join(characters)
        else:  # an expression in the place of a word
            words = [i for i, token in enumerate(tokens) if token.isidentifier()]
            for i in rng.sample(words, min(len(words), 2)):
                tokens[i] = self.expression("w", 2)
        return "".join(tokens)


@lru_cache(maxsize=2)
def _parts(number: int) -> tuple[list[str], list[str]]:
    """Fragments and last lines. Programs are put together from these, which is many times faster than writing each afresh."""
    writer = Writer(number)
    kinds = [writer.rng.choice("nnsslpbw") for _ in range(FRAGMENTS)]
    return [writer.fragment() for _ in kinds], [f"  return {writer.expression(kind, 3)}" for kind in kinds]


def fuzzed(seed: int) -> str:
    """The program of a seed: seven in eight from the grammar, one a mutant of an attack."""
    if seed % 8 == 7:
        return Writer(seed).mutant()
    rng = random.Random(seed)
    fragments, last = _parts(seed // PROGRAMS_PER_PARTS)
    body = "\n".join([*rng.choices(fragments, k=rng.randrange(1, 4)), rng.choice(last)])
    return _PRELUDE + _LITERAL.sub(lambda m: rng.choice(_NUMBERS) if rng.random() < 0.2 else m[0], body) + "\n"
