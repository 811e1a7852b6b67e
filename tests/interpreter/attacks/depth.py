"""Attacks on the stack of the interpreter, and on the parser and the compiler."""

from __future__ import annotations

from tests.interpreter.attacks.base import Attack, family, plain_family

_STACK = family(
    "recursion",
    "overflows the stack of the interpreter or of C code",
    r"""
--- recursion
def f(): return f()
return f()
--- mutual recursion
def f(): return g()
def g(): return f()
return f()
--- recursion through a lambda
f = lambda: f()
return f()
--- recursion through sorted
def f(x): return sorted([1, 2], key=f)
return f(1)
--- recursion through map
def f(x): return list(map(f, [x]))
return f(1)
--- recursion through a generator
def g(): yield from g()
return list(g())
--- recursion through max
def f(x): return max([1, 2], key=f)
return f(1)
--- recursion through reduce
from functools import reduce
def f(a, b): return reduce(f, [1, 2])
return f(1, 2)
--- recursion through a cache
from functools import lru_cache
f = lru_cache(maxsize=None)(lambda n: f(n + 1))
return f(0)
--- recursion through default dictionaries
from collections import defaultdict
d = defaultdict(lambda: d[len(d)])
return d[0]
--- recursion through substitution
import re
def f(m): return re.sub('a', f, 'a')
return re.sub('a', f, 'a')
--- recursion through comparison keys
from functools import cmp_to_key
def f(a, b): return len(sorted([1, 2], key=cmp_to_key(f)))
return f(1, 2)
--- recursion through partial
from functools import partial
f = partial(lambda g: g(g), lambda g: g(g))
return f()
--- recursion that catches
def f():
    try: f()
    except: f()
return f()
--- recursion that catches by name
def f():
    try: return f()
    except RecursionError: return f()
return f()
--- recursion in finally
def f():
    try: f()
    finally: f()
return f()
--- recursion that catches and loops
def f():
    while True:
        try: f()
        except Exception: pass
return f()
--- chain of maps
x = [1, 2, 3]
for _ in range(90000): x = map(int, x)
return len(list(x))
--- chain of filters
x = [1, 2, 3]
for _ in range(90000): x = filter(None, x)
return len(list(x))
--- chain of enumerations
x = [1, 2, 3]
for _ in range(90000): x = enumerate(x)
return len(list(x))
--- chain of zips
x = [1, 2, 3]
for _ in range(90000): x = zip(x)
return len(list(x))
--- chain of chains
from itertools import chain
x = [1, 2, 3]
for _ in range(90000): x = chain(x)
return len(list(x))
--- chain of slices
from itertools import islice
x = iter([1, 2, 3])
for _ in range(90000): x = islice(x, 3)
return len(list(x))
--- chain of accumulations
from itertools import accumulate
x = [1, 2, 3]
for _ in range(90000): x = accumulate(x)
return len(list(x))
--- chain of generators
x = [1, 2, 3]
for _ in range(90000): x = (y for y in x)
return len(list(x))
--- chain of partials | 0
from functools import partial
f = int
for _ in range(90000): f = partial(f)
return f()
--- chain of caches
from functools import lru_cache
f = int
for _ in range(90000): f = lru_cache(f)
return f()
--- chain of reversed lists freed | 1
a = None
for _ in range(99000): a = [a]
return 1
--- deep list as text
a = None
for _ in range(90000): a = [a]
return len(str(a))
--- deep list compared
a, b = None, None
for _ in range(45000): a, b = [a], [b]
return a == b
--- deep tuple hashed
a = None
for _ in range(90000): a = (a,)
return hash(a)
--- deep dictionary as text
a = None
for _ in range(90000): a = {0: a}
return len(str(a))
--- deep list as an answer
a = None
for _ in range(90000): a = [a]
return a
--- deep exceptions
e = None
for i in range(90000):
    try:
        raise ValueError(e)
    except ValueError as f:
        e = f
raise e
--- deep chain of causes
def f(n):
    try:
        raise ValueError(n)
    except ValueError as e:
        if n: raise KeyError(n) from e
for n in range(9000): 
    try: f(n)
    except KeyError as e: last = e
raise last
--- chain of closures freed
f = None
for _ in range(90000): f = (lambda g: lambda: g)(f)
return 1
--- deep type union | True
t = int
for _ in range(9000): t = t | None
return isinstance(1, t)
--- deep tuple of classes
t = int
for _ in range(90000): t = (t,)
return isinstance('x', t)
--- deep regular expression
import re
return bool(re.match('(' * 50000 + ')' * 50000, ''))
--- deep format specification
return ('{:' * 5000 + '}' * 5000).format(*range(5000))
""",
    harmless=(int,),
)

_PARSER = plain_family(
    "parser",
    "crashes or stalls the parser or the compiler",
    {
        "signs": "def execute_command(image):\n    return " + "-" * 19_000 + "1\n",
        "negations": "def execute_command(image):\n    return " + "not " * 4_900 + "1\n",
        "inversions": "def execute_command(image):\n    return " + "~" * 19_000 + "1\n",
        "attributes": "def execute_command(image):\n    return image" + ".left" * 3_900 + "\n",
        "calls": "def execute_command(image):\n    return image" + "()" * 9_900 + "\n",
        "subscripts": "def execute_command(image):\n    return image" + "[0]" * 6_500 + "\n",
        "parentheses": "def execute_command(image):\n    return " + "(" * 9_900 + ")" * 9_900 + "\n",
        "brackets": "def execute_command(image):\n    return " + "[" * 190 + "]" * 190 + "\n",
        "braces": "def execute_command(image):\n    return " + "{" * 9_900 + "\n",
        "additions": "def execute_command(image):\n    return " + "1+" * 9_900 + "1\n",
        "powers": "def execute_command(image):\n    return " + "1**" * 6_500 + "1\n",
        "conjunctions": "def execute_command(image):\n    return " + "1 and " * 3_300 + "1\n",
        "comparisons": "def execute_command(image):\n    return " + "1<" * 9_900 + "1\n",
        "conditions": "def execute_command(image):\n    return " + "1 if 1 else " * 1_600 + "1\n",
        "lambdas": "def execute_command(image):\n    return " + "lambda:" * 2_800 + "1\n",
        "lambdas with defaults": "def execute_command(image):\n    return " + "lambda x=" * 2_000 + "1" + ": 0" * 2_000 + "\n",
        "comprehensions": "def execute_command(image):\n    return " + "[" * 90 + "1" + " for x in [1]]" * 90 + "\n",
        "generators in one comprehension": "def execute_command(image):\n    return [0 " + "for x in [1, 1] " * 1_200 + "]\n",
        "blocks": "def execute_command(image):\n" + "".join(f"{' ' * (i + 1)}if 1:\n" for i in range(99)) + " " * 101 + "return 1\n",
        "loops": "def execute_command(image):\n" + "".join(f"{' ' * (i + 1)}for x in [1]:\n" for i in range(30)) + " " * 32 + "pass\n",
        "functions": "def execute_command(image):\n" + "".join(f"{' ' * (i + 1)}def f():\n" for i in range(99)) + " " * 101 + "pass\n",
        "tries": "def execute_command(image):\n"
        + "".join(f"{' ' * (i + 1)}try:\n" for i in range(25)) + " " * 27 + "pass\n"
        + "".join(f"{' ' * (25 - i)}finally: pass\n" for i in range(25)),
        "alternatives": "def execute_command(image):\n    if 0: pass\n" + "    elif 0: pass\n" * 1_200 + "    return [1]\n",
        "finally copies": "def execute_command(image):\n"
        + "".join(f"{' ' * (i + 1)}try: pass\n{' ' * (i + 1)}finally:\n" for i in range(19)) + " " * 21 + "pass\n",
        "f-strings": "def execute_command(image):\n    return " + "f'{" * 900 + "1" + "}'" * 900 + "\n",
        "fields of an f-string": "def execute_command(image):\n    return f'" + "{1}" * 6_000 + "'\n",
        "strings side by side": "def execute_command(image):\n    return " + "'a' " * 4_900 + " == 3\n",
        "decorators": "@print\n" * 2_800 + "def execute_command(image): pass\n",
        "names": "def execute_command(image):\n    " + "=".join(f"a{i}" for i in range(3_000)) + "= 1\n    return [1]\n",
        "arguments": "def execute_command(image):\n    def f(" + ",".join(f"a{i}" for i in range(3_000)) + "): pass\n    return f()\n",
        "long number": "def execute_command(image):\n    return " + "9" * 19_000 + " % 10\n",
        "long hexadecimal number": "def execute_command(image):\n    return 0x" + "f" * 19_000 + " % 10\n",
        "constant folding of powers": "def execute_command(image):\n    return 7 ** 7 ** 7 ** 7 % 10\n",
        "constant folding of text": "def execute_command(image):\n    return len(('x' * 4096) * 4096 * 4096)\n",
        "constant folding of tuples": "def execute_command(image):\n    return len((0,) * 255 * 255 * 255 * 255)\n",
        "constant folding of shifts": "def execute_command(image):\n    return (1 << 100 << 100 << 10 ** 11) % 10\n",
        "patterns": "def execute_command(image):\n    match 1:\n        case " + "[" * 190 + "]" * 190 + ": pass\n",
        "alternatives of a pattern": "def execute_command(image):\n    match 5:\n        case " + "|".join(["1"] * 9_000) + ": pass\n",
        "stars": "def execute_command(image):\n    return [" + "*[]," * 4_500 + "1][0] - 2\n",
        "assignments to stars": "def execute_command(image):\n    " + "*a, " * 3_000 + "= []\n",
        "semicolons": "def execute_command(image):\n    " + "1;" * 9_000 + "\n    return [1]\n",
        "indentation": "def execute_command(image):\n" + "\n".join(" " * i + "if 1:" for i in range(1, 190)) + "\n",
        "tabs and blanks": "def execute_command(image):\n\tif 1:\n        return 1\n",
        "line continuations": "def execute_command(image):\n    return \\" + "\n\\" * 9_000 + "\n",
        "no end of a string": "def execute_command(image):\n    return '''" + "x" * 19_000,
        "byte order mark inside": "def execute_command(image):\n    return \ufeff1\n",
        "over the limit of characters": "def execute_command(image):\n    return 1\n" + "#" * 5_000_000,
        "names of characters": "def execute_command(image):\n    return '" + "\\N{LATIN SMALL LETTER A}" * 800 + "' == 3\n",
        "unknown names of characters": "def execute_command(image):\n    return '\\N{NO SUCH NAME}'\n",
        "warnings": "def execute_command(image):\n    x = '\\d' is '\\q'\n    assert (x, 'no')\n    return 1 is 1\n" + "    '\\d'\n" * 900,
    },
    harmless=([1], True, False, 7, 3, "1", -1, 1, 10, 9, 5, 1 << 62),
)  # fmt: skip

ATTACKS: list[Attack] = [*_STACK, *_PARSER]
