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

_REFUNDS = family(
    "steps given back",
    "uses more than it may by having what it uses counted below zero",
    r"""
--- numbers between, fewer than none
import numpy as np
for _ in range(5):
    try:
        np.linspace(0, 1, -10 ** 30)
    except ValueError:
        pass
while True:
    pass
--- array of a negative shape
import numpy as np
for shape in (-5, (-5, 3), (3, -5)):
    try:
        np.zeros(shape)
    except ValueError:
        pass
while True:
    pass
--- text repeated less than never
for _ in range(1000):
    'a' * -10 ** 6, [1] * -10 ** 6, 'a'.ljust(-10 ** 6), 'a'.expandtabs(-10 ** 6)
while True:
    pass
--- selections of a negative length
import itertools
try:
    itertools.combinations([1, 2], -10 ** 9)
except ValueError:
    pass
while True:
    pass
--- power with a negative exponent
for _ in range(100):
    pow(3, -10 ** 300, 7)
while True:
    pass
--- rows without columns
import numpy as np
return len(np.full((10 ** 9, 0), 1).tolist())
--- columns without rows
import numpy as np
return len(np.zeros((0, 10 ** 9)).T)
""",
)

_KEPT = family(
    "memory that is never given back",
    "has the process keep memory after the program has ended",
    r"""
--- members of an enumeration
import re
for i in range(5000):
    re.I | ((i + 77) << 16000)
return str(type(re.I | 4))
--- combined flags
import re
return str(re.I | re.M)
--- large expressions | 1
import re
for i in range(300):
    re.compile('(' + 'a|b' * 2000 + ')' + str(i))
return 1
""",
    harmless=("<class 'int'>", "10"),
)

_ADDRESSES = family(
    "addresses",
    "learns where things lie in memory, which differs from run to run",
    r"""
--- text of a function | "<function execute_command.<locals>.<lambda>>"
return str(lambda: 0)
--- digits of an address
return int(str(lambda: 0).split('0x')[1][:-1], 16)
--- in a list | "[<function execute_command.<locals>.<lambda>>]"
return repr([lambda: 0])
--- in an f-string | True
f = lambda: 0
return '0x' not in f'{f} {f!r} {[f]} {f!s:}' + '{} {!r}'.format(f, f) + '%s %r' % (f, f) + '%(a)s' % {'a': f}
--- of a generator
return '0x' in str(x for x in [1]) or None
--- of a method
return '0x' in str([].append) + str('a'.upper) + str(image.find) or None
--- of an iterator
return '0x' in str(iter([1])) + str(reversed([1])) + str(map(str, [1])) or None
--- as the key of an error
try:
    {}[lambda: 0]
except KeyError as error:
    return '0x' in str(error) or None
--- of a default
from collections import defaultdict
return '0x' in str(defaultdict(lambda: 0)) or None
--- of views
return '0x' in str({1: len}.values()) + str({1: len}.items()) or None
--- in what is printed
print(execute_command, [execute_command])
return None
--- of modules
import math, numpy
return '0x' in str(math) + str(numpy) + str(numpy.linalg) or None
--- in the message of a search
try:
    [].index(lambda: 0)
except ValueError as error:
    return error.args[0].split('0x')[1]
--- in the message of a file error
return '0x' in str(OSError(2, 'x', lambda: 0)) or None
--- by a join of texts
return '0x' in ' '.join(map(str, [len, execute_command])) or None
--- nested partials
from functools import partial
x = partial(int)
for _ in range(60):
    x = partial(int, x, x)
return len(str(x))
""",
)

_BOUNDS = family(
    "bounds walked around",
    "makes what is larger than anything a program may make",
    r"""
--- width with leading zeros
return len('%.000000000200000000d' % 1)
--- one value many times
return len(('%(a)s' * 2000) % {'a': 'x' * 90000})
--- lists many times
return len(('%(a)s' * 2000) % {'a': ['x' * 90000]})
--- escapes of escapes
import re
x = '.'
for _ in range(30):
    x = re.escape(x)
return len(x)
--- weights that repeat
import statistics
return statistics.fmean(['x' * 90000], [4000])
--- counts raised afterwards
from collections import Counter
c = Counter(a=1)
e = c.elements()
c['a'] = 10 ** 12
return len(list(e))
--- base by a star
return len(hex(int(*['f' * 90000, 32])))
--- nested value in a message
x = [1]
for _ in range(30):
    x = [x, x]
image.related('x', role=x)
--- one field many times
return len(('{0}' * 30000).format('x' * 511))
--- replacements by a function
import re
return len(re.sub('.', lambda m: 'x' * 3000, 'y' * 90000))
--- compiled replacements by a function
import re
return len(re.compile('.').sub(lambda m: 'x' * 3000, 'y' * 90000))
--- table of long texts
return len(('a' * 1000).translate({97: 'x' * 1000}))
--- integer in base 32
return int('f' * 90000, 32) % 7
--- integers by a map
return len(list(map(int, ['f' * 90000], [32])))
--- power of large numbers
m = (1 << 16383) + 1
for _ in range(100):
    pow(3, m - 4, m)
return 1
--- search from the right
s = 'a' * 99999
for _ in range(100):
    s.rfind('a' * 25000 + 'b' + 'a' * 25000)
return 1
--- long selections
import itertools
return sum(len(x) for x in itertools.combinations(range(90000), 89998))
--- one item many times
import itertools
return len(next(itertools.combinations_with_replacement([1], 10 ** 8)))
--- many iterators of one
import itertools
return len(itertools.tee([1], 10 ** 7))
--- what a filter passes over
import functools, operator
big = list(range(90000))
return list(filter(functools.partial(operator.contains, big), [-1] * 90000)) == [] or 1
--- what a slice of an iterator passes over
import itertools
for _ in range(1000):
    next(itertools.islice(range(10 ** 6), 999_999, None))
return 1
--- reduction by C code
import functools, operator
for _ in range(1000):
    functools.reduce(operator.or_, range(10 ** 6))
return 1
--- membership
big = list(range(90000))
for _ in range(90000):
    -1 in big
return 1
--- copies by slices
big = list(range(90000))
for _ in range(90000):
    big[:]
return 1
--- lists of a long range
return len(list(range(10 ** 6)))
""",
    harmless=(7, None, 1),
)

ATTACKS: list[Attack] = [*_CLASSES, *_CPYTHON, *_AFTERWARDS, *_REFUNDS, *_KEPT, *_ADDRESSES, *_BOUNDS]
