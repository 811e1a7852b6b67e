"""Ways around limits that reviews of the interpreter have found: steps given back, memory kept, addresses shown, bounds passed."""

from __future__ import annotations

from tests.interpreter.attacks.base import Attack, family

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

ATTACKS: list[Attack] = [*_REFUNDS, *_KEPT, *_ADDRESSES, *_BOUNDS]
