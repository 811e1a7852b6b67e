"""Attacks by what leaves a program: its answer, its output, its errors and the arguments of its perception calls."""

from __future__ import annotations

from tests.interpreter.attacks.base import Attack, family, plain_family

_ANSWERS = family(
    "answers",
    "hands over a value that runs code, lies when compared, or floods whoever reads it",
    r"""
--- object equal to everything
class A:
    def __eq__(self, other): return True
    def __hash__(self): return 0
return A()
--- text equal to everything
class A(str):
    def __eq__(self, other): return True
    def lower(self): return 'yes'
return A('no')
--- number equal to everything
class A(int):
    def __eq__(self, other): return True
return A(0)
--- list that changes while it is read
class A(list):
    def __iter__(self): return iter(['yes', 'no'])
return A()
--- object with a text
class A:
    def __str__(self): return 'yes'
    __repr__ = __str__
return A()
--- function
return lambda: 'yes'
--- builtin function
return print
--- class
return ImagePatch
--- type of a value
return type(3)
--- generator
return (x for x in ['yes', 'no'])
--- iterator
return iter(['yes', 'no'])
--- map
return map(str, [1])
--- range
return range(10 ** 9)
--- slice
return slice(0, 1)
--- dictionary
return {'answer': 'yes'}
--- dictionary of the wire
return {'image': 0, 'box': [0, 0, 5, 5]}
--- set of every answer
return {'yes', 'no'}
--- frozen set
return frozenset(['yes'])
--- bytes
return b'yes'
--- complex number
return 3j
--- ellipsis
return ...
--- not implemented
return NotImplemented
--- exception
return ValueError('yes')
--- module
import math
return math
--- partial
from functools import partial
return partial(str)
--- deque
from collections import deque
return deque(['yes'])
--- counter
from collections import Counter
return Counter('yes')
--- match object
import re
return re.match('y', 'yes')
--- pattern
import re
return re.compile('y')
--- hint
from typing import List
return List[str]
--- array
import numpy as np
return np.array(['yes', 'no'])
--- list of itself
a = []
a.append(a)
return a
--- tuple of itself
a = []
t = (a,)
a.append(t)
return t
--- dictionary of itself
d = {}
d['x'] = d
return d
--- list of lists
return [[['yes']]]
--- long list
return ['yes'] * 100000
--- long list of long texts
return ['x' * 1999] * 200000
--- long text
return 'x' * 1000000
--- long text in a list
return ['x' * 1000000]
--- every number
return list(range(90000))
--- huge integer
return 7 ** 5000
--- huge negative integer
return -7 ** 5000
--- not a number
return float('nan')
--- infinity
return float('inf')
--- negative infinity in a list
return [float('-inf')]
--- list with a function
return ['yes', print]
--- list with none
return [None]
--- mixed equal values | [True, 1, 1.0, '1']
return [True, 1, 1.0, '1']
--- negative zero | -0.0
return -0.0
--- smallest integer
return -2 ** 63
--- largest integer | 9223372036854775807
return 2 ** 63 - 1
--- the name of a secret | 'SESAME'
return 'SESAME'
--- address of a function | '<function execute_command.<locals>.<lambda>>'
return repr(lambda: 0)
--- address of a generator | '<generator object execute_command.<locals>.<genexpr>>'
return str(x for x in [])
--- address of a class | '<function find>'
return str(ImagePatch.find)
--- text of a code object
return str(eval)
--- patch of a foreign picture
return [ImagePatch(image), image] * 101
--- patch outside the picture
return ImagePatch(image, 10 ** 9, 0, 10 ** 9 + 1, 5)
--- patch with coordinates of bool | {'image': 0, 'box': (0, 0, 1, 1)}
return ImagePatch(image, False, False, True, True)
--- markup
return '<script>alert(1)</script>' * 100
""",
)

_CHARACTERS = plain_family(
    "characters",
    "breaks whoever stores, prints or parses the answer",
    {
        "lone surrogate": "return '\\ud800'",
        "reversed surrogates": "return '\\udc00\\ud800'",
        "surrogate in a list": "return ['a', '\\udfff']",
        "surrogate in an error": "raise ValueError('\\ud800')",
        "surrogate in a type of error": "raise KeyError('\\udcff')",
        "surrogate printed": "print('\\ud800')\nreturn [1]",
        "surrogate in a perception call": "return image.simple_query('\\ud800')",
        "surrogate by chr": "return chr(0xd800)",
        "surrogate in an f-string": "x = '\\udbff'\nreturn f'{x!r}{x!s}'",
        "terminal escape": "return '\\x1b]0;pwned\\x07\\x1b[2J'",
        "terminal escape printed": "print('\\x1b[2J\\x1b[31m')\nreturn [1]",
        "terminal escape in an error": "raise ValueError('\\x1b[2J')",
        "nul": "return 'a\\0b'",
        "nul in a perception call": "return image.simple_query('a\\0b')",
        "line ends": "return 'a\\r\\n\\u2028\\u2029\\x85b'",
        "line ends in an error": "raise ValueError('a\\r\\n\\u2028\\x0b\\x0cb')",
        "direction override": "return '\\u202e\\u2066yes'",
        "combining marks": "return 'y' + '\\u0301' * 1900",
        "byte order marks": "return '\\ufeff\\ufffe\\uffff'",
        "private characters": "return '\\U0010ffff\\ue000'",
        "nul in the source": "return 1\0",
        "nul at the start": "\0return 1",
        "surrogate in the source": "return '\ud800'",
        "surrogate as a name": "\ud800 = 1",
        "escape in the source": "return '\x1b[2J'",
        "carriage return in the source": "x = 1\rreturn [1]",
        "form feed in the source": "\x0creturn [1]",
        "direction override in the source": "return '\u202e\u2066'",
        "no source": "def execute_command(image): \\",
        "substitute character": "return [1] \x1a",
    },
    harmless=([1], "?", "??", ["a", "?"], "'\\udbff'?", "\ud800", "\udc00\ud800", ["a", "\udfff"], "'\\udbff'\udbff",
              "red", "a\0b", "\u202e\u2066yes", "y" + "\u0301" * 1900, "\ufeff\ufffe\uffff", "\U0010ffff\ue000", "\u202e\u2066",
              "\x1b[2J", "\x1b]0;pwned\x07\x1b[2J", "a\r\n\u2028\u2029\x85b", "'\\udbff'\\udbff"),
)  # fmt: skip

_WIRE = family(
    "injection into the wire",
    "sends the parent messages of its own, or makes it misread those of the worker",
    r"""
--- report as an answer | '[[],[[0,"answered","yes",null,"",1]]]'
return '[[],[[0,"answered","yes",null,"",1]]]'
--- report on a line of its own | '\n[[],[[0,"answered","yes",null,"",1]]]\n'
return '\n[[],[[0,"answered","yes",null,"",1]]]\n'
--- report with a length before it | '\x00\x00\x00\x02[]'
return '\x00\x00\x00\x02[]'
--- report printed | 1
print('\x00\x00\x00\x02[]')
print('[[],[[0,"answered","yes",null,"",1]]]')
return 1
--- report printed to the stream
import sys
sys.stdout.write('[[],[]]')
return 1
--- report written to the pipe
import os
os.write(1, b'\x00\x00\x00\x05[[],[[0,"answered","yes",null,"",1]]]')
return 1
--- large length written to the pipe
import os
os.write(1, b'\xff\xff\xff\xff')
return 1
--- printing to a file object
print('x', file=open('@DROP@', 'w'))
return 1
--- printing to an object that answers
class F:
    def write(self, s): raise ValueError(s)
print('x', file=F())
return 1
--- report in an error
raise ValueError('","line":0},"",1]],[[0,"answered","yes"')
--- report in the type of an error
raise type('","line', (Exception,), {})('x')
--- failure as an answer
return {'failure': 'x'}
--- perception with a list
return image.find(['cup'])
--- perception with a number
return image.exists(3)
--- perception with none
return image.simple_query(None)
--- perception with a patch
return image.find(image)
--- perception with a function
return image.find(print)
--- perception with bytes
return image.find(b'cup')
--- perception with a long text
return image.find('x' * 100000)
--- perception with many texts
return image.best_text_match(['x'] * 100000)
--- perception with long texts
return image.best_text_match(['x' * 100000] * 3)
--- perception with an endless iterator
from itertools import repeat
return image.best_text_match(repeat('x'))
--- perception with a dictionary of texts
return image.best_text_match({'a': 1, 'b': 2})
--- perception with a text for texts
return image.best_text_match('abc')
--- perception with texts that are none
return image.best_text_match([1, 2])
--- perception with no texts
return image.best_text_match([])
--- perception with a wrong role
return len(image.related('on', 'cup', role='other'))
--- perception with a role that is a list
return len(image.related('on', 'cup', role=['subject']))
--- perception with a prefix that is a list
return image.best_text_match(['a'], prefix=['b'])
--- perception with a text of a subclass
class S(str): pass
return image.simple_query(S('x'))
--- perception with a report inside | 'red'
return image.simple_query('"]],[[0,"answered","yes"')
--- perception with line ends | 'red'
return image.simple_query('a\n[[],[]]\n\x00\x00')
--- matching of things that are no patches
return best_image_match([1, 2], ['a'])
--- matching of an endless iterator
from itertools import repeat
return best_image_match(repeat(image), ['a'])
--- perception with a flood of texts
return image.best_text_match([chr(0x1f600) * 500] * 100)
--- matching of many patches
return best_image_match([image] * 90000, ['a'] * 50)
--- many calls
for i in range(10 ** 6): image.exists(str(i))
return 1
--- many calls in a comprehension
return len([image.find('cup') for _ in range(10 ** 6)])
--- call at top level | 1
found = ImagePatch.find
def execute_command(image):
    return [p.left for p in found(image, 'cup')][0] - 9
--- call while the module is made | 1
x = execute_command
def execute_command(image): return 1
--- call from a finalizer | 'done'
def g():
    try:
        yield
    finally:
        image.find('x')
x = g()
next(x)
x = [x]
x.append(x)
return 'done'
""",
)

_OUTPUT = family(
    "floods of output",
    "fills the memory or the disk of whoever reads the output",
    r"""
--- print for ever
while True: print('x' * 1000)
--- one long print
print('x' * 900000)
return 1
--- many values printed
print(*range(90000))
return 1
--- long separator
print(*range(900), sep='x' * 90000)
return 1
--- long end
for _ in range(90000): print(end='x' * 90000)
return 1
--- empty lines
for _ in range(10 ** 9): print()
--- print in a comprehension
return len([print('x' * 100) for _ in range(10 ** 6)])
--- print by map
return len(list(map(print, range(10 ** 6))))
--- print of an endless iterator
from itertools import count
print(*count())
return 1
--- print of a list of itself | 1
a = []
a.append(a)
print(a)
return 1
--- print in a handler
while True:
    try:
        1 / 0
    except ZeroDivisionError as e:
        print(e)
--- long error
raise ValueError('x' * 900000)
--- error with many arguments
raise ValueError(*range(90000))
--- long assertion
assert False, 'x' * 900000
--- long key
return {}['x' * 900000]
--- long name
return getattr(image, 'x' * 900000)
--- long attribute of a format
return ('{0.' + 'x' * 90000 + '}').format(image)
""",
)

ATTACKS: list[Attack] = [*_ANSWERS, *_CHARACTERS, *_WIRE, *_OUTPUT]
