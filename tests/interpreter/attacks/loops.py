"""Attacks on computing time: work that never ends, in the program or in C code that it calls."""

from __future__ import annotations

from tests.interpreter.attacks.base import Attack, family, plain_family

_SHARED = "a = [0]\nfor _ in range(60): a = [a, a]\n"

_PAIR = "a, b = [0], [0]\nfor _ in range(60): a, b = [a, a], [b, b]\n"

_TUPLES = "a, b = (0,), (0,)\nfor _ in range(60): a, b = (a, a), (b, b)\n"

_EXPONENTIAL = plain_family(
    "shared structures",
    "keeps C code busy for ever on a small structure whose parts are shared",
    {
        "equality of lists": _PAIR + "return a == b",
        "inequality of lists": _PAIR + "return a != b",
        "order of lists": _PAIR + "return a < b",
        "order of tuples": _TUPLES + "return a <= b",
        "equality of dicts": "a, b = {0: 0}, {0: 0}\nfor _ in range(60): a, b = {0: a, 1: a}, {0: b, 1: b}\nreturn a == b",
        "hash of tuples": _TUPLES + "return hash(a)",
        "tuple as a key": _TUPLES + "return {a: 1}[b]",
        "tuple in a set": _TUPLES + "return len({a, b})",
        "frozen sets": "a = frozenset([0])\nfor _ in range(60): a = frozenset([a, (a, a)])\nreturn len({a})",
        "text": _SHARED + "return len(str(a))",
        "representation": _SHARED + "return len(repr(a))",
        "f-string": _SHARED + "return len(f'{a}')",
        "f-string with a conversion": _SHARED + "return len(f'{a!r}')",
        "percent": _SHARED + "return len('%s' % a)",
        "percent of a tuple": _TUPLES + "return len('%s %s' % a)",
        "format": _SHARED + "return len('{}'.format(a))",
        "format builtin": _SHARED + "return len(format(a))",
        "join of texts": _SHARED + "return len(','.join(map(str, [a])))",
        "print": _SHARED + "print(a)\nreturn 1",
        "text of a dict": "a = {}\nfor _ in range(60): a = {0: a, 1: a}\nreturn len(str(a))",
        "text of a deque": "from collections import deque\na = deque()\nfor _ in range(60): a = deque([a, a])\nreturn len(str(a))",
        "text of an exception": _SHARED + "raise ValueError(a)",
        "text of a caught exception": _SHARED + "try:\n    raise ValueError(a)\nexcept ValueError as e:\n    return len(str(e))",
        "text of a key error": _TUPLES + "return {}[a]",
        "message of an assertion": _SHARED + "assert False, a",
        "message of int": _SHARED + "return int(str(a))",
        "membership": _PAIR + "return a in [b]",
        "index": _PAIR + "return [b, b].index(a)",
        "count": _PAIR + "return [b, b].count(a)",
        "removal": _PAIR + "[b].remove(a)\nreturn 1",
        "sorting": _PAIR + "return len(sorted([a, b]))",
        "sorting in place": _PAIR + "c = [a, b]\nc.sort()\nreturn len(c)",
        "maximum": _PAIR + "return len(max(a, b))",
        "minimum by key": _PAIR + "return len(min([1, 2], key=lambda i: a if i == 1 else b))",
        "heap": _PAIR + "import heapq\nreturn len(heapq.nsmallest(1, [a, b]))",
        "match": _TUPLES + "match a:\n    case x if x == b:\n        return 1",
        "counter": _TUPLES + "from collections import Counter\nreturn len(Counter([a, b]))",
        "groups": _PAIR + "from itertools import groupby\nreturn len(list(groupby([a, b])))",
        "cache key": _TUPLES + "from functools import lru_cache\nreturn len(lru_cache(len)(a))",
        "operator": _PAIR + "from operator import eq\nreturn eq(a, b)",
        "mode": _TUPLES + "import statistics\nreturn len(statistics.mode([a, b]))",
        "answer": _SHARED + "return a",
        "self-reference compared": "a, b = [], []\na.append(a)\nb.append(b)\nreturn a == b",
        "two that hold each other": "a, b = [], []\na.append(b)\nb.append(a)\nreturn a == b",
        "argument of perception": _SHARED + "return image.simple_query(a)",
        "role of a relation": _SHARED + "return len(image.related('on', 'cup', a))",
        "numeric text": _SHARED + "return coerce_to_numeric(a)",
    },
    harmless=(int,),
)

_LOOPS = family(
    "endless work",
    "never ends, or keeps C code busy for minutes",
    r"""
--- endless loop
while True: pass
--- endless loop at top level
while True: pass
def execute_command(image):
    return 1
--- endless for
from itertools import count
for _ in count(): pass
--- endless generator
def g():
    while True: yield 1
return sum(g())
--- sum of an endless iterator
from itertools import repeat
return sum(repeat(1))
--- any of nothing true
from itertools import repeat
return any(repeat(0))
--- all of everything true
from itertools import cycle
return all(cycle([1, 2]))
--- membership in an endless iterator
from itertools import count
return -1 in count()
--- maximum of an endless iterator
from itertools import count
return max(count())
--- unpacking an endless iterator
from itertools import count
a, *b = count()
return a
--- iter with a sentinel that never comes
return len(list(iter(int, 1)))
--- filter that finds nothing
from itertools import count
return next(filter(lambda x: x < 0, count()))
--- filter in C that finds nothing
from itertools import repeat
return next(filter(None, repeat(0)))
--- dropwhile in C
from itertools import dropwhile, repeat
return next(dropwhile(bool, repeat(1)))
--- compress by zeros
from itertools import compress, count, repeat
return next(compress(count(), repeat(0)))
--- starmap over an endless iterator
from itertools import starmap, repeat
return sum(starmap(max, repeat((1, 2))))
--- deque that drains
from collections import deque
from itertools import count
deque(count(), maxlen=0)
return 1
--- list that grows while it is read
a = [0]
for x in a: a.append(x)
return 1
--- large ranges summed
return sum(sum(range(10 ** 9)) for _ in range(100))
--- membership in a range of strange values
return 'x' in range(10 ** 12)
--- quadratic index
a = list(range(50000))
return sum(a.index(49999 - i) for i in range(50000))
--- quadratic membership
a = list(range(50000))
return sum(x in a for x in a)
--- quadratic count
a = [0] * 100000
return sum(a.count(0) for _ in range(90000))
--- quadratic removal
a = list(range(90000))
while a: a.remove(a[-1])
return 1
--- quadratic insertion
a = []
for i in range(90000): a.insert(0, i)
return 1
--- quadratic slices
a = list(range(90000))
return sum(len(a[i:]) for i in range(90000))
--- quadratic copies
a = list(range(90000))
for _ in range(90000): a = a[:]
return 1
--- quadratic reversal
a = list(range(90000))
for _ in range(90000): a.reverse()
return 1
--- quadratic sorting
a = list(range(90000))
for _ in range(90000): a.sort()
return 1
--- quadratic minimum
a = list(range(90000))
return sum(min(a) for _ in range(90000))
--- quadratic comparison
a, b = list(range(90000)), list(range(90000))
return sum(a == b for _ in range(90000))
--- quadratic hashing
a = tuple(range(90000))
return sum(hash(a) % 2 for _ in range(90000))
--- quadratic search in text
s = 'a' * 500000
return sum(s.count('a' * 1000 + 'b') for _ in range(9000))
--- quadratic text case
s = 'a' * 900000
for _ in range(90000): s = s.upper()
return 1
--- quadratic containment in text
s, t = 'a' * 500000, 'a' * 250000 + 'b'
return sum(t in s for _ in range(90000))
--- quadratic splitting
s = 'a ' * 400000
return sum(len(s.split()) for _ in range(90000))
--- quadratic set union
a, b = set(range(90000)), set(range(90000, 180000))
return sum(len(a | b) for _ in range(90000))
--- quadratic dict copies
d = dict.fromkeys(range(90000))
return sum(len(dict(d)) for _ in range(90000))
--- colliding hashes
d = {i * (2 ** 61 - 1): 0 for i in range(30000)}
return sum(d.get(i * (2 ** 61 - 1), 0) for i in range(30000))
--- colliding powers
s = {(2 ** 61 - 1) * i + 5 for i in range(20000)}
return len(s)
--- number to text and back
x = 7 ** 5000
for _ in range(90000): x = int(str(x))
return 1
--- modular power
return pow(3, 7 ** 5000, 7 ** 5000 + 2) % 10
--- modular power in a loop
return sum(pow(3, 10 ** 300, 10 ** 301 + 7) % 10 for _ in range(90000)) % 10
--- greatest common divisor
import math
return sum(math.gcd(7 ** 5000, 11 ** 4000) for _ in range(90000))
--- integer square root
import math
return sum(math.isqrt(7 ** 5000) for _ in range(90000)) % 10
--- big division
a, b = 7 ** 5800, 3 ** 4000
return sum(a // b % 3 for _ in range(90000))
--- exact sums
import math
return math.fsum([1e308, 1.0, -1e308] * 30000) + sum(math.fsum([1.5] * 90000) for _ in range(90000))
--- median in a loop
import statistics
a = list(range(90000))
return sum(statistics.median(a) for _ in range(90000))
--- percent of many
return sum(len('%s' * 1000 % ((1,) * 1000)) for _ in range(90000))
--- catastrophic regular expression
import re
return bool(re.match(r'(a+)+$', 'a' * 40 + 'b'))
--- catastrophic alternatives
import re
return bool(re.fullmatch(r'(a|a|a|a)*', 'a' * 60 + 'b'))
--- catastrophic search
import re
return bool(re.search(r'(.*)*=', 'x' * 500))
--- catastrophic substitution
import re
return re.sub(r'(x+x+)+y', '', 'x' * 60)
--- catastrophic split | 1
import re
return len(re.split(r'(?:a?){40}a{40}b', 'a' * 40))
--- catastrophic compiled pattern
import re
return bool(re.compile(r'^(\w+\s?)*$').match('word ' * 20 + '!'))
--- catastrophic findall
import re
return len(re.findall(r'(?:(?:a*)*)*b', 'a' * 100))
--- nested quantifiers to compile | True
import re
return bool(re.compile('(' * 90 + 'a' + '{0,9})' * 90).match('a'))
--- large repetition to compile | False
import re
return bool(re.compile('(?:' + 'a{1,60000}' * 50 + '){1,60000}').match('a'))
--- many alternatives to compile | False
import re
return bool(re.compile('|'.join(str(i) for i in range(20000))).match('a'))
--- backreferences
import re
return bool(re.match(r'(a*)(a*)(a*)(a*)(a*)\1\2\3\4\5b', 'a' * 200))
""",
    harmless=(int,),
)

ATTACKS: list[Attack] = [*_EXPONENTIAL, *_LOOPS]
