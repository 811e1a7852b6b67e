"""Holes that reviews of the interpreter have found, each with what it led to, and what was close to them."""

from __future__ import annotations

from tests.interpreter.attacks.base import Attack, family

_CLASSES = family(
    "classes by duck typing",
    "gets at a class whose objects program code could pass off as plain values",
    r"""
--- copy of a counter calls the class of what it is given
from collections import Counter
return str(Counter.copy(int))
--- a class of its own
from collections import Counter
T = Counter.copy(int)
return len(T('X', (str,), {}).__name__)
--- methods of a counter by getattr
from collections import Counter
return [str(getattr(Counter, name)(int)) for name in ['copy', 'most_common', 'elements']]
--- methods of a counter by attrgetter
from collections import Counter
import operator
return str(operator.attrgetter('copy')(Counter)(int))
--- methods of a counter as keys
from collections import Counter
return [str(x) for x in map(Counter.copy, [int, len])]
--- poisoned expression of a neighbour | True
from collections import Counter
import functools, operator, re
T = Counter.copy(int)
F = T('F', (int,), {'__eq__': functools.partial(operator.contains, range(1)), '__hash__': functools.partial(int)})
re.compile('violet', F(2))
return True
>>>
import re
return re.search('violet', 'VIOLET') is not None or None
--- poisoned table of a module
from collections import Counter
import re
S = Counter.copy(int)('S', (str,), {'translate': lambda s, m: m.clear() or 'x'})
return re.escape(S('a'))
>>>
import re
return None if re.escape('a.b') == 'a\\.b' else 1
--- a patch that is none
from collections import Counter
X = Counter.copy(int)('X', (), {'__class__': ImagePatch, '_box': (-5, -5, 10 ** 6, 10 ** 6), '_image': 0})
return ImagePatch.find(X(), 'x')
--- mean of functions | 1
import statistics
try:
    return str(statistics.mean([len, len]))
except TypeError:
    return 1
--- slices by name
return str(slice(1))
""",
)

_CPYTHON = family(
    "mistakes of CPython",
    "has CPython read or write memory that is not the object's",
    r"""
--- list cleared while every second item is assigned
a = [0] * 60
def g():
    a.clear()
    for i in range(30):
        yield i
a[::2] = g()
return 1
--- list cut while every second item is assigned
a = [0] * 60
def g():
    del a[4:]
    for i in range(30):
        yield i
a[::2] = g()
return 1
--- the same by a map
a = [0] * 60
a[::2] = map(lambda i: a.clear() or i, range(30))
return 1
--- the same in a tuple of targets
a = [0] * 60
def g():
    a.clear()
    for i in range(30):
        yield i
a[::2], b = g(), 1
return 1
--- the same as the target of a loop
a = [0] * 60
def g():
    a.clear()
    for i in range(30):
        yield i
for a[::2] in [g()]:
    pass
return 1
--- the same with a slice that is computed
a = [0] * 60
def g():
    a.clear()
    for i in range(30):
        yield i
s = slice(None, None, 2)
a[s] = g()
return 1
--- groups that are asked for while keys are compared | 1
from functools import cmp_to_key
from itertools import groupby
state = []
def cmp(x, y):
    if state and len(state) < 3:
        state.append(1)
        try:
            next(state[0])
            next(state[0])
        except StopIteration:
            pass
        junk = [(i, 'SUBST', 'SUBST') for i in range(100)]
    return 0
K = cmp_to_key(cmp)
def key(x):
    return (K(x), K('k%d' % x), K(x))
for name, group in groupby([1, 2, 3, 4], key=key):
    state.append(group)
    for x in group:
        pass
return 1
--- sort of a list that is changed
a = [3, 1, 2] * 20
try:
    a.sort(key=lambda x: a.clear() or x)
except ValueError:
    return None
--- heap that is changed while it is compared | 1
import functools, heapq
heap = []
def cmp(x, y):
    heap.clear()
    return -1
K = functools.cmp_to_key(cmp)
for i in range(5):
    try:
        heapq.heappush(heap, K(i))
        heap += [K(j) for j in range(9)]
        heapq.heappop(heap)
    except (IndexError, RuntimeError):
        pass
return 1
--- deque that is changed while it is searched | 1
import functools
from collections import deque
d = deque()
K = functools.cmp_to_key(lambda x, y: d.clear() or 1)
d.extend([K(1), K(2), K(3)])
try:
    d.remove(K(1))
except (IndexError, RuntimeError, ValueError):
    return 1
return 1
""",
    harmless=(1, None),
)

_AFTERWARDS = family(
    "code that runs afterwards",
    "has code run when the program has ended, at the expense of others",
    r"""
--- endless work in a generator that is left to the garbage collector | 1
import re
def g():
    try:
        yield 1
    finally:
        re.match('(a+)+$', 'a' * 40 + 'b')
x = g()
next(x)
kept = [x]
kept.append(kept)
return 1
--- the same in a handler | 1
import re
def g():
    try:
        yield 1
    except BaseException:
        re.match('(a+)+$', 'a' * 40 + 'b')
x = g()
next(x)
kept = [x]
kept.append(kept)
return 1
--- questions of a generator that is left | 1
def g():
    try:
        yield 1
    finally:
        image.find('cup')
for i in range(50):
    x = g()
    next(x)
    kept = [x]
    kept.append(kept)
return 1
--- comparisons that change what is compared
import functools
s, v, w = [0], [], []
def cmp(x, y):
    s[0] += 1
    if s[0] == 2:
        v.clear()
        w.clear()
    return s[0] == 1
K = functools.cmp_to_key(cmp)
v.append([K(1), K(2)])
w.append([K(1), K(2)])
return v < w
--- expression of a neighbour | 'not'
import re
re.compile('violetx', 2)
try:
    re.compile('violetx', 2.0)
except TypeError:
    return 'not'
>>>
import re
try:
    re.compile('violetx', 2.0)
    return 1
except TypeError:
    return None
--- memory of a program that overran
import re
keep = [list(range(9000)) for _ in range(300)]
for i in range(12):
    re.match('(a+)+$', 'a' * 22 + 'b')
    image.find('x')
return 'x'
--- what is compiled is printed | 1
import re
re.compile('a' * 400, 128)
return 1
""",
    harmless=(1,),
)

ATTACKS: list[Attack] = [*_CLASSES, *_CPYTHON, *_AFTERWARDS]
