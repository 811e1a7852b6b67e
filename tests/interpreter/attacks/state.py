"""Attacks on the programs that run next in the same process, and on clocks and counters as a way to learn or to pass on a bit."""

from __future__ import annotations

from tests.interpreter.attacks.base import Attack, family

_STATE = family(
    "state that stays",
    "leaves something that a later program in the same process can notice",
    r"""
--- global name | 1
global kept
kept = 1
return 1
>>>
return kept
--- module name | 1
kept = 1
def execute_command(image):
    return 1
>>>
return kept
--- module of a shim | 1
import math as m
global kept_module
kept_module = m
return 1
>>>
import math
return [math.floor(2.5), math.pi]
--- attribute of a shim
import math
math.kept = 1
return 1
>>>
import math
return math.kept
--- attribute of a function of the API
distance.kept = 1
return 1
>>>
return distance.kept
--- attribute of the patch class
ImagePatch.kept = 1
return 1
>>>
return ImagePatch.kept
--- default argument | [1, 1, 1, 1]
def f(x=[]):
    x.append(1)
    return x
return f() + f()
>>>
def f(x=[]):
    x.append(1)
    return x
return f()
--- cache of a function of the library | [3, 3]
from functools import lru_cache
@lru_cache(maxsize=None)
def f(n): return n
return [f(3), f(3)]
>>>
from functools import lru_cache
calls = []
f = lru_cache(maxsize=None)(lambda n: calls.append(n) or len(calls))
return [f(3), f(3)]
--- cache around a shared function
from functools import lru_cache
import math
f = lru_cache(maxsize=None)(math.floor)
f(2.5)
return math.floor.cache_info()
>>>
import math
return math.floor(2.5)
--- cache of regular expressions | True
import re
for i in range(2000): re.compile('a' * (i % 90) + str(i))
return True
>>>
import re
return re.sub('(b)', r'<\1>', 'abc')
--- cache of patterns cleared | True
import re
re.purge()
return True
>>>
import re
return len(re.findall('a', 'banana'))
--- list of a module | 'abc'
import string
x = string.ascii_letters
x += 'kept'
return string.ascii_letters[:3]
>>>
import string
return len(string.ascii_letters)
--- dictionary of the builtins
__builtins__['kept'] = 1
return 1
>>>
return kept
--- builtins by globals
globals()['__builtins__']['len'] = lambda x: 7
return 1
>>>
return len([])
--- deletion of a builtin
del len
return 1
>>>
return len([1])
--- deletion of the API | 1
global distance
del distance
return 1
>>>
return distance(1, 2)
--- numbers of the API | 2
boxes = image.find('cup')
boxes.clear()
return len(image.find('cup'))
>>>
return len(image.find('cup'))
--- scores of the API | 'b'
options = ['a', 'b']
x = image.best_text_match(['', 'b'])
options.clear()
return x
>>>
return image.best_text_match(['a', 'bb'])
--- hint with items
from typing import List
List.kept = 1
return 1
>>>
from typing import List
return List.kept
--- hint subscripted | 1
from typing import Dict
x = Dict
x['kept'] = 1
return 1
>>>
from typing import Dict
return Dict['kept']
--- statistics error | 'none'
import statistics
try:
    statistics.mean([])
except ValueError as e:
    return 'none'
>>>
import statistics
try:
    return statistics.mode([])
except ValueError as e:
    return str(e.__context__)
--- recursion limit left high | 'deep'
def f(n): return f(n + 1)
try:
    f(0)
except ValueError:
    pass
return 'deep'
>>>
def f(n): return 0 if n == 0 else 1 + f(n - 1)
return f(50)
--- suspended generator that prints | 1
def g():
    try:
        yield
    finally:
        print('kept')
x = g()
next(x)
x = [x]
x.append(x)
return 1
>>>
print('own')
return 1
--- suspended generator that steps | 1
def g():
    try:
        yield
    finally:
        for i in range(99999): pass
x = g()
next(x)
x = [x]
x.append(x)
return 1
>>>
for i in range(1000): pass
return 1
--- garbage in the collector's way | 90
kept = []
for i in range(90):
    a = []
    a.append(a)
    kept.append(a)
return len(kept)
>>>
return len([[] for _ in range(90)])
--- error of an earlier program | 'x'
try:
    raise ValueError('kept')
except ValueError:
    return 'x'
>>>
try:
    raise KeyError('own')
except KeyError as e:
    return str(e)
--- hash seed | True
return hash('yes') == hash('yes')
>>>
return [hash('yes') % 1000, list({'yes', 'no', 'maybe'})]
--- identity as a memory of addresses
return id([]) % 1000
>>>
return id([]) % 1000
--- counter with a default | 0
from collections import Counter
c = Counter()
c['x'] += 1
return Counter()['x']
>>>
from collections import Counter
return Counter()['x']
--- heap module | [1, 2]
import heapq
a = [2, 1]
heapq.heapify(a)
return a
>>>
import heapq
return heapq.nsmallest(2, [3, 1, 2])
--- interning | True
return 'kept' is 'kept'
>>>
return 'ke' + 'pt' is 'kept'
--- output of an earlier program | 1
print('kept', end='')
return 1
>>>
return 1
--- steps of an earlier program
n = 0
while True: n += 1
>>>
for i in range(100): pass
return 1
--- calls of an earlier program
while True: image.exists('x')
>>>
return image.exists('x')
--- memory of an earlier program
a = [[0] * 99 for _ in range(90000)]
while True: pass
>>>
return len([0] * 90000)
--- crash of an earlier program
a = None
for _ in range(90000): a = map(int, a or [])
return list(a)
>>>
return 1
--- hang of an earlier program
import re
return re.match('(a+)+$', 'a' * 40 + 'b')
>>>
return image.simple_query('x')
""",
)

_ORACLES = family(
    "clocks and counters",
    "measures time or steps, to learn what other programs do or to behave differently when tried again",
    r"""
--- time
import time
return time.time()
--- processor time
import time
return time.process_time()
--- date
import datetime
return str(datetime.datetime.now())
--- random number
import random
return random.random()
--- random of the system
import secrets
return secrets.token_hex()
--- unique identifier
import uuid
return str(uuid.uuid4())
--- number of the process
import os
return os.getpid()
--- name of the machine
import platform
return platform.node()
--- number of processors
import os
return os.cpu_count()
--- version of the interpreter
import sys
return sys.version
--- size of an object
import sys
return sys.getsizeof([])
--- reference count
import sys
return sys.getrefcount(None)
--- state of the collector
import gc
return gc.get_count()
--- depth of the stack | 'deep'
def depth(n):
    try:
        return depth(n + 1)
    except Exception:
        return n
return depth(0) and 'deep'
--- steps that are left
return _tick_.__self__.left
--- steps by a limit
n = 0
try:
    while True: n += 1
except Exception:
    return n
--- clock by perception | False
a = image.compute_depth()
return image.compute_depth() != a
--- order of a set of objects
return [repr(f)[10:14] for f in {print, len, distance, abs, max}] and 3.5j
--- hash of a function
return hash(distance)
--- hash of none
return hash(None) and 1j
--- identity of a constant
return id(None)
""",
)

ATTACKS: list[Attack] = [*_STATE, *_ORACLES]
