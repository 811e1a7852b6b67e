"""Attacks by constructs of the language: classes, decorators, patterns, rebinding of the API and of the instruments."""

from __future__ import annotations

from tests.interpreter.attacks.base import Attack, family, plain_family

_CLASSES = family(
    "classes and decorators",
    "makes a type whose methods run where only plain values are expected",
    r"""
--- class statement
class A:
    def __eq__(self, other): return True
return A()
--- three-argument type
return type('A', (), {'__eq__': lambda a, b: True})()
--- type of a type
T = type(int)
return T('A', (str,), {'__eq__': lambda a, b: True})('x')
--- type of a function
F = type(lambda: 0)
return str(F)
--- type of a generator
return str(type(x for x in ()).gi_frame)
--- type of the type of an exception
return type(type(ValueError()))('A', (Exception,), {})()
--- namedtuple with code in a name
from collections import namedtuple
return namedtuple('A', ['x; import os'])(1)
--- namedtuple with renaming | [1]
from collections import namedtuple
return namedtuple('A', ['__class__'], rename=True)(1)
--- namedtuple with a module
from collections import namedtuple
return str(namedtuple('A', 'x', module='os')(1)._replace.__globals__)
--- NamedTuple of typing
from typing import NamedTuple
N = NamedTuple('N', [('x', int)])
return str(N(1).__class__)
--- metaclass
class M(type):
    def __instancecheck__(cls, x): return True
class A(metaclass=M): pass
return isinstance(image, A)
--- descriptor
class D:
    def __get__(self, o, t): return o
class A:
    d = D()
return A().d
--- property
return property(lambda self: print.__self__).fget(1)
--- static method
return staticmethod(print).__func__.__self__
--- class method
return classmethod(print).__wrapped__
--- set name hook
class D:
    def __set_name__(self, owner, name): owner.leak = print.__self__
class A:
    d = D()
return str(A.leak)
--- init subclass hook
class A:
    def __init_subclass__(cls): cls.leak = print.__self__
class B(A): pass
return str(B.leak)
--- decorator on the entry point
@print
def execute_command(image):
    return 1
--- decorator that evaluates
@eval
@'1'.__class__
def f(): pass
return f
--- decorator expression
@(lambda f: f.__globals__)
def f(): pass
return str(f)
--- decorator of functools | 1
from functools import lru_cache
@lru_cache(maxsize=None)
def f(n): return n
return f(1)
--- annotation that runs | 'ok'
def f(x: print.__self__.open('@DROP@', 'w') = 0) -> print.__self__: return x
return 'ok'
--- annotation that loops | 'ok'
def f(x: [0 for _ in iter(int, 1)] = 0): return x
return 'ok'
--- annotated assignment that runs | 1
x: __import__('os').system('touch @DROP@') = 1
return x
--- hints of a function
def f(x: 'print.__self__'): pass
return str(f.__annotations__)
--- evaluation of hints
import typing
def f(x: "__import__('os').environ"): pass
return str(typing.get_type_hints(f))
--- forward reference
import typing
return str(typing.ForwardRef("__import__('os')")._evaluate({}, {}, frozenset()))
--- type parameters
def f[_tick_: (lambda: 1)](x): pass
while True: pass
--- type alias
type X = __import__('os').environ
return str(X.__value__)
--- lambda defaults | 'ok'
f = lambda x=[].append, *, y=dict.__class__: x
return 'ok'
--- context manager that swallows
class C:
    def __enter__(self): return self
    def __exit__(self, *a): return True
while True:
    with C():
        while True: pass
--- context manager of a module
from contextlib import suppress
with suppress(BaseException):
    while True: pass
return 1
--- with on a patch
with image as p:
    return p
--- asynchronous loop
async def f():
    async for x in image: pass
return str(f())
--- asynchronous comprehension
async def f():
    return [x async for x in image]
return str(f())
--- await at top level
await image
""",
)

_PATTERNS = family(
    "patterns",
    "reads attributes or binds names through match statements",
    r"""
--- class pattern with a dunder
match image:
    case object(__class__=c):
        return str(c)
--- class pattern with the globals
match distance:
    case object(__globals__=g):
        return g['__builtins__']['open']('@FILE@').read()
--- class pattern with a private slot
match image:
    case ImagePatch(_box=b):
        return list(b)
--- class pattern of an exception's frame
try:
    1 / 0
except Exception as e:
    match e:
        case Exception(__traceback__=t):
            return str(t)
--- match_args
match image:
    case ImagePatch(a):
        return a
--- value pattern with a chain
match 1:
    case image.__class__:
        return 1
--- capture of an instrument
match 1:
    case _tick_: pass
while True: pass
--- star capture of an instrument
match [1, 2]:
    case [1, *_tick_]: pass
while True: pass
--- rest capture of an instrument
match {1: 2}:
    case {1: 2, **_tick_}: pass
while True: pass
--- alternative capture of an instrument
match 1:
    case (1 | 2) as _tick_: pass
while True: pass
--- mapping pattern with a hostile mapping
class M(dict):
    def get(self, *a): return print.__self__
    keys = get
match M():
    case {'x': y}:
        return str(y)
--- guard that loops
match 1:
    case x if [0 for _ in iter(int, 1)]:
        return 1
--- sequence pattern on an endless generator | 'no'
def g():
    while True: yield 1
match g():
    case [*x]:
        return 'yes'
return 'no'
""",
)

BINDINGS = {
    "positional-only parameter": "def f(_tick_, /): pass\nf(len)",
    "parameter": "def f(_tick_): return _tick_\nf(1)",
    "keyword-only parameter": "def f(*, _tick_=1): pass\nf()",
    "star parameter": "def f(*_tick_): pass\nf()",
    "double star parameter": "def f(**_tick_): pass\nf()",
    "lambda parameter": "f = lambda _tick_: [0 for _ in iter(int, 1)]\nf(bool)",
    "exception name": "try:\n    1 / 0\nexcept Exception as _tick_:\n    pass",
    "import name": "import math as _tick_",
    "imported name": "from math import floor as _tick_",
    "import of several": "import math, re as _tick_",
    "assignment": "_tick_ = lambda: True",
    "assignment to the recorder": "_note_ = lambda site, value: len",
    "unpacking": "a, (_tick_, *b) = 1, (2, 3)",
    "star target": "a, *_tick_ = 1, 2",
    "annotated assignment": "_tick_: int = 1",
    "bare annotation": "_tick_: int",
    "augmented assignment": "_tick_ += 1",
    "walrus": "(_tick_ := len)",
    "walrus in a comprehension": "[(_tick_ := x) for x in [len]]",
    "loop target": "for _tick_ in [len]: pass",
    "comprehension target": "[0 for _tick_ in [len] for _ in iter(int, 1)]",
    "global": "global _tick_\n_tick_ = len",
    "nonlocal": "def g():\n    nonlocal _tick_\n    _tick_ = len\ng()",
    "deletion": "del _tick_",
    "function name": "def _tick_(): return True",
    "nested function name": "def g():\n    def _tick_(): return True\n    while True: pass\ng()",
    "class name": "class _tick_: pass",
    "with name": "with image as _tick_: pass",
    "keyword argument": "def f(**k): return k\nf(_tick_=len)",
    "match capture": "match len:\n    case _tick_: pass",
    "use as a value": "x = _tick_\nx.__self__.left = 10 ** 9",
    "the handler's instrument": "_caught_ = len\n_h_ = len",
    "the format instrument": "_format_ = str.format",
    "globals": "globals()['_tick_'] = lambda: True",
    "builtins": "__builtins__['_tick_'] = lambda: True",
    "update of the module": "vars()['_tick_'] = lambda: True",
    "exec": "exec('_tick_ = len')",
}

_SHADOWING = plain_family(
    "shadowed instruments",
    "replaces the counter of steps, so that an endless loop is not counted",
    {name: f"def execute_command(image):\n{''.join(f'    {line}' + chr(10) for line in code.splitlines())}    while True: pass"
     for name, code in BINDINGS.items()}
    | {f"{name}, at top level": f"{code}\ndef execute_command(image):\n    while True: pass"
       for name, code in BINDINGS.items() if "nonlocal" not in code and "image" not in code},
)  # fmt: skip

_REBINDING = family(
    "rebinding of the API",
    "changes what names of the API or builtins mean, for itself beyond harm or for others",
    r"""
--- method assignment
ImagePatch.find = lambda self, name: []
return 1
--- method assignment by setattr
setattr(ImagePatch, 'exists', lambda self, name: True)
return 1
--- method deletion
del ImagePatch.find
return 1
--- method replacement through the class dictionary
ImagePatch.__dict__['find'] = None
return 1
--- patch attribute assignment
image.left = 5
return image
--- patch attribute by object's setter
object.__setattr__(image, '_box', (0, 0, 10 ** 6, 10 ** 6))
return image
--- loop target that is an attribute
for image.left in [1, 2]: pass
return image
--- unpacking into an attribute
image.left, x = 1, 2
return image
--- walrus into a subscript of the class
ImagePatch['find'] = 1
return 1
--- with target that is an attribute
with image as image.left: pass
return 1
--- augmented attribute
image.left += 5
return image
--- deletion of an attribute
del image.left
return image
--- attribute of a function
distance.__code__ = (lambda a, b: 0).__code__
return distance(image, image)
--- defaults of a function
distance.__defaults__ = (1, 2)
return distance()
--- module attribute
import math
math.floor = lambda x: 'yes'
return math.floor(2)
--- module attribute by setattr
import math
setattr(math, 'pi', 3)
return math.pi
--- module dictionary
import math
vars(math)['pi'] = 3
return math.pi
--- builtin by rebinding for others | 5
global len
len = lambda x: 5
return len([])
>>>
return len([])
--- patch class by rebinding for others | 'gone'
global ImagePatch
ImagePatch = None
return 'gone'
>>>
return isinstance(image, ImagePatch)
--- function of the API by rebinding for others | 'x'
global distance
def distance(a, b): return 'x'
return distance(1, 2)
>>>
return distance(1, 2)
--- exception classes by rebinding for others | 'ok'
global ValueError, Exception
ValueError = Exception = TypeError
return 'ok'
>>>
try:
    int('x')
except ValueError:
    return 'caught'
--- range that lies | [1]
range = lambda n: [1]
return range(5)
--- entry point that replaces itself | 'first'
def execute_command(image):
    global execute_command
    execute_command = None
    return 'first'
>>>
return 'second'
--- entry point that is a class | 'ImagePatch(left=0, lower=0, right=100, upper=80)'
execute_command = str
def unused(): return 'def execute_command'
--- entry point that is a builtin
execute_command = print
x = 'def execute_command'
--- entry point that is a patch method
execute_command = ImagePatch.find
x = 'def execute_command'
--- entry point that is a generator
def execute_command(image):
    yield 'yes'
""",
)

ATTACKS: list[Attack] = [*_CLASSES, *_PATTERNS, *_SHADOWING, *_REBINDING]
