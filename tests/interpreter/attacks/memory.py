"""Attacks on memory by operators and methods whose result can be much larger than what they are given."""

from __future__ import annotations

from tests.interpreter.attacks.base import Attack, family

_OPERATORS = family(
    "growth by operators",
    "takes gigabytes of memory, or the computing time that filling them takes",
    r"""
--- string repetition
return len('x' * 10 ** 10)
--- repetition from the left
return len(10 ** 10 * 'x')
--- list repetition
return len([0] * 10 ** 9)
--- tuple repetition
return len((0,) * 10 ** 9)
--- repetition in place
s = 'x'
s *= 10 ** 10
return len(s)
--- list repetition in place
a = [0]
a *= 10 ** 9
return len(a)
--- repetition of an item in place
d = {'k': [0]}
d['k'] *= 10 ** 9
return len(d['k'])
--- repetition by a bool and a big integer
return len([True] * (True << 33))
--- nested repetition
return len([[0] * 1000] * 10 ** 8)
--- doubling strings
s = 'x'
for _ in range(60): s = s + s
return len(s)
--- doubling strings in place
s = 'x'
for _ in range(60): s += s
return len(s)
--- doubling lists
a = [0]
for _ in range(60): a = a + a
return len(a)
--- doubling lists in place
a = [0]
for _ in range(60): a += a
return len(a)
--- doubling tuples
a = (0,)
for _ in range(60): a += a
return len(a)
--- doubling by extend
a = [0]
for _ in range(60): a.extend(a)
return len(a)
--- doubling by extend with an iterator
a = [0]
for _ in range(60): a.extend(list(iter(a)))
return len(a)
--- an extend that feeds itself
a = [0]
a.extend(x for x in a)
return len(a)
--- an iterator of itself
a = [0]
a.extend(iter(a))
return len(a)
--- doubling by slice assignment
a = [0]
for _ in range(60): a[len(a):] = a
return len(a)
--- doubling by slice insertion
a = [0]
for _ in range(60): a[0:0] = a
return len(a)
--- slice assignment in a loop target
a = [0]
for _ in range(60):
    for a[len(a):] in [list(a)]: pass
return len(a)
--- slice assignment by unpacking
a = [0]
for _ in range(60): a[len(a):], b = list(a), 0
return len(a)
--- doubling by star display
a = [0]
for _ in range(60): a = [*a, *a]
return len(a)
--- doubling by star tuple
a = (0,)
for _ in range(60): a = *a, *a
return len(a)
--- doubling by star call
def f(*a): return a
a = (0,)
for _ in range(60): a = f(*a, *a)
return len(a)
--- doubling by star unpacking
a = [0]
for _ in range(60):
    *a, = a + a
return len(a)
--- doubling by set displays
s = {0}
for _ in range(60): s = {*s, *[x + len(s) for x in s]}
return len(s)
--- doubling by dict displays
d = {0: 0}
for _ in range(60): d = {**d, **{k + len(d): 0 for k in d}}
return len(d)
--- doubling by dict union
d = {0: 0}
for _ in range(60): d = d | {k + len(d): 0 for k in d}
return len(d)
--- star call with a range
def f(*a): return len(a)
return f(*range(10 ** 9))
--- star display of a range
return len([*range(10 ** 9)])
--- power
return 7 ** 10 ** 9
--- repeated squaring
x = 7
for _ in range(60): x = x * x
return x % 10
--- repeated squaring in place
x = 7
for _ in range(60): x *= x
return x % 10
--- repeated power in place
x = 7
for _ in range(60): x **= 9
return x % 10
--- power tower
return 9 ** 9 ** 9 ** 9
--- shift
return 1 << 10 ** 12
--- shift in place
x = 1
x <<= 10 ** 12
return x
--- negative shift of a big one
return -1 << (1 << 40)
--- percent width
return len('%9999999999d' % 1)
--- percent star width
return len('%*d' % (10 ** 9, 1))
--- percent star precision
return len('%.*f' % (10 ** 9, 1.0))
--- percent precision
return len('%.999999999f' % 1.5)
--- percent with a hidden width
return len('%(a(b))9999999999d' % {'a(b)': 1})
--- percent in place
s = '%999999999d'
s %= 1
return len(s)
--- percent repr of a doubled list
a = [0]
for _ in range(40): a = [a, a]
return len('%r' % (a,))
--- many percent fields
return len('%1000000d' * 50000 % ((1,) * 50000))
--- f-string width
return len(f'{1:9999999999}')
--- f-string nested width
n = 10 ** 9
return len(f'{1:{n}}')
--- f-string nested precision
n = 10 ** 9
return len(f'{1.5:.{n}f}')
--- f-string doubling
s = 'x'
for _ in range(60): s = f'{s}{s}'
return len(s)
--- format width
return len('{:9999999999}'.format(1))
--- format nested width
return len('{:{}}'.format(1, 10 ** 9))
--- format builtin
return len(format(1, '9999999999'))
--- format builtin precision
return len(format(1.5, '.999999999f'))
--- format of many fields
return len(('{0}' * 50000).format('x' * 100000))
--- string concatenation in a list comprehension
s = 'x'
return len([s := s + s for _ in range(60)])
""",
)

_METHODS = family(
    "growth by methods",
    "takes gigabytes of memory, or the computing time that filling them takes",
    r"""
--- join of a repetition
return len('x'.join(['y' * 100000] * 100000))
--- join of an endless iterator
from itertools import repeat
return len(''.join(repeat('x')))
--- join with a long separator
return len(('x' * 100000).join('y' * 100000))
--- join taken from str
return len(str.join('x' * 100000, ['y'] * 100000))
--- join by map
return len(list(map(('x' * 100000).join, [['y'] * 100000] * 10))[0])
--- replace of nothing
return len(('x' * 100000).replace('', 'y' * 100000))
--- replace repeated
s = 'x'
for _ in range(40): s = s.replace('x', 'xxxx')
return len(s)
--- replace taken from str
return len(str.replace('x' * 100000, 'x', 'y' * 100000))
--- replace by reduce
from functools import reduce
return len(reduce(lambda s, _: s.replace('x', 'xxxx'), range(40), 'x'))
--- left justification
return len('x'.ljust(10 ** 10))
--- right justification
return len('x'.rjust(10 ** 10))
--- centring
return len('x'.center(10 ** 10))
--- zero filling
return len('x'.zfill(10 ** 10))
--- tab expansion
return len(('\t' * 1000).expandtabs(10 ** 8))
--- tab expansion by keyword
return len('\t'.expandtabs(tabsize=2 ** 31 - 1))
--- justification taken from str
return len(str.ljust('x', 10 ** 10))
--- justification by getattr
return len(getattr('x', 'ljust')(10 ** 10))
--- justification by map
return len(list(map('x'.ljust, [10 ** 10]))[0])
--- justification by partial
from functools import partial
return len(partial(str.ljust, 'x')(10 ** 10))
--- justification by methodcaller
from operator import methodcaller
return len(methodcaller('ljust', 10 ** 10)('x'))
--- substitution of nothing
import re
return len(re.sub('', 'y' * 100000, 'x' * 100000))
--- substitution that repeats its match
import re
return len(re.sub('(.*)', r'\1' * 10000, 'x' * 100000))
--- substitution by a function
import re
return len(re.sub('', lambda m: 'y' * 100000, 'x' * 100000))
--- substitution by a compiled pattern
import re
return len(re.compile('x').sub('y' * 100000, 'x' * 100000))
--- splitting into many
import re
return len([re.split('', 'x' * 1000000) for _ in range(1000)])
--- list of a range
return len(list(range(10 ** 10)))
--- tuple of a range
return len(tuple(range(10 ** 9)))
--- set of a range
return len(set(range(10 ** 9)))
--- dict from keys
return len(dict.fromkeys(range(10 ** 9)))
--- sorted range
return len(sorted(range(10 ** 9)))
--- sorted backwards
return len(sorted(range(10 ** 9), reverse=True))
--- reversed list of a range
return len(list(reversed(range(10 ** 9))))
--- list of zip
return len(list(zip(range(10 ** 9), range(10 ** 9))))
--- list of enumerate
return len(list(enumerate(range(10 ** 9))))
--- list of map
return len(list(map(str, range(10 ** 9))))
--- list of filter
return len(list(filter(None, range(10 ** 9))))
--- comprehension
return len([0 for _ in range(10 ** 9)])
--- set comprehension
return len({i for i in range(10 ** 9)})
--- dict comprehension
return len({i: i for i in range(10 ** 9)})
--- sum of lists
return len(sum([[0] * 1000] * 100000, []))
--- sum of tuples
return len(sum(((0,) * 1000,) * 10000, ()))
--- string of a huge integer
return len(str(7 ** 100000))
--- integer from a long text
return int('9' * 1000000) % 10
--- integer from text in base two
return int('1' * 100000000, 2) % 10
--- slices of a long list kept
a = list(range(10000))
return len([a[:] for _ in range(100000)])
--- copies kept
a = list(range(10000))
return len([a.copy() for _ in range(90000)])
--- strings kept
return len([str(i) * 10000 for i in range(90000)])
--- growing strings kept
s, kept = '', []
for i in range(90000):
    s += 'xxxxxxxxxx'
    kept.append(s)
return len(kept)
--- split kept
s = 'x ' * 100000
return len([s.split() for _ in range(50000)])
--- nested closures kept
def f(n): return lambda: n
return len([f([0] * 5000) for _ in range(90000)])
--- matches kept
import re
s = 'x' * 100000
return len([re.match('x*', s) for i in range(90000)]) and len([re.match('x*', s).group() for i in range(90000)])
--- case that lengthens
s = 'ß' * 500000
for _ in range(30): s = (s + s).upper()
return len(s)
""",
)

ATTACKS: list[Attack] = [*_OPERATORS, *_METHODS]
