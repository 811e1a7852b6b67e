"""Attacks that walk from a value to the machinery behind it: classes, format fields, API objects, folded names."""

from __future__ import annotations

from tests.interpreter.attacks.base import Attack, family

_DUNDER = family(
    "dunder chains",
    "reaches a class, a module or a file through attributes with two underscores",
    r"""
--- subclasses of object
for c in ().__class__.__base__.__subclasses__():
    if c.__name__ == '_wrap_close':
        return c.__init__.__globals__['__builtins__']['open']('@FILE@').read()
return 'none'
--- subclasses of object by mro
return [c for c in ''.__class__.__mro__[1].__subclasses__() if c.__name__ == '_wrap_close'][0].__init__.__globals__['__builtins__']['open']('@FILE@').read()
--- a function's globals
def f(): pass
return open('@FILE@').read() if 'open' in dir(f.__globals__['__builtins__']) else f.__globals__['__builtins__']['open']('@FILE@').read()
--- a function's builtins
def f(): pass
return f.__builtins__['open']('@FILE@').read()
--- a lambda's globals
return (lambda: 0).__globals__['__builtins__']['open']('@FILE@').read()
--- globals of a method of the API
return image.find.__func__.__globals__['__builtins__']['open']('@FILE@').read()
--- globals of the constructor
return ImagePatch.__init__.__globals__['__builtins__']['open']('@FILE@').read()
--- the module of print
return print.__self__.open('@FILE@').read()
--- the module of len
return len.__self__.__dict__['open']('@FILE@').read()
--- reduce gives eval
return ().__reduce_ex__(2)[0].__globals__['__builtins__']['open']('@FILE@').read()
--- builtins by name
return __builtins__['open']('@FILE@').read() if isinstance(__builtins__, dict) else __builtins__.open('@FILE@').read()
--- loader
return distance.__globals__['__builtins__']['__loader__'] and print.__self__.__loader__.get_data and distance.__globals__['__builtins__']['open']('@FILE@').read()
--- import by name
return __import__('os').environ['VISPRO_SESAME']
--- main module
return __import__('sys').modules['__main__'].SESAME
--- getattr with a spelt name
return getattr(getattr(print, '__self__'), 'open')('@FILE@').read()
--- getattr with an assembled name
u = '_' * 2
return getattr(print, u + 'self' + u).open('@FILE@').read()
--- map over getattr
return list(map(getattr, [print], ['__self__']))[0].open('@FILE@').read()
--- vars
return vars(print.__self__)['open']('@FILE@').read()
--- dir and index
m = [getattr(print, n) for n in dir(print) if n.endswith('self__')][0]
return m.open('@FILE@').read()
--- closure cells
def outer():
    secret = image
    def inner(): return secret
    return inner
return outer().__closure__[0].cell_contents.find.__func__.__globals__['__builtins__']['open']('@FILE@').read()
--- type of type
return type(type(3)).__subclasses__(type(3).__base__)[-1].__name__ and type(3).__base__.__subclasses__()[0].__doc__.__class__('x') and print.__self__.open('@FILE@').read()
--- str subclass as a name
class S(str):
    def __eq__(self, other): return True
    def __hash__(self): return hash('upper')
return getattr(print, S('__self__')).open('@FILE@').read()
--- type with three arguments as a name
S = type('S', (str,), {'__eq__': lambda a, b: True, '__hash__': lambda a: 1})
return getattr(print, S('__self__')).open('@FILE@').read()
--- super
class A:
    def f(self): return super().__init__.__self__.__class__.__base__.__subclasses__()
return [c for c in A().f() if c.__name__ == '_wrap_close'][0].__init__.__globals__['__builtins__']['open']('@FILE@').read()
--- code object
def f(): pass
g = (lambda: 0).__class__(f.__code__.replace(co_names=('open',)), f.__globals__)
return g.__globals__['__builtins__']['open']('@FILE@').read()
--- defaults of a function
def f(a=print): pass
return f.__defaults__[0].__self__.open('@FILE@').read()
--- wrapped by partial
from functools import partial
return partial(print).func.__self__.open('@FILE@').read()
--- wrapped by lru_cache
from functools import lru_cache
return lru_cache(image.find).__wrapped__.__func__.__globals__['__builtins__']['open']('@FILE@').read()
--- objclass of a slot
return str.upper.__objclass__.__base__.__subclasses__()[0].__subclasses__ and print.__self__.open('@FILE@').read()
""",
    steals=True,
)

_FORMAT = family(
    "format strings",
    "reads attributes or items of objects through format fields",
    r"""
--- class in a field
return '{0.__class__.__base__}'.format(image)
--- globals in a field
return '{0.find.__func__.__globals__}'.format(image)
--- globals in a field of a function
return '{0.__globals__}'.format(distance)
--- module in a field
return '{0.__self__}'.format(print)
--- nested field
return '{:{0.__class__}}'.format('x')
--- nested field by name
return '{a:{b.__class__}}'.format(a='x', b=image)
--- map over a bound format
return list(map('{0.__class__.__mro__}'.format, [image]))[0]
--- format taken by getattr
return getattr('{0.__class__.__mro__}', 'format')(image)
--- format taken from str
return str.format('{0.__class__.__mro__}', image)
--- format_map
return '{p.__class__.__mro__}'.format_map({'p': image})
--- format of a subclass
return type('S', (str,), {})('{0.__class__.__mro__}').format(image)
--- string.Formatter
import string
return string.Formatter().format('{0.__class__.__mro__}', image)
--- Formatter.get_field
import string
return str(string.Formatter().get_field('0.__class__', (image,), {}))
--- Template's pattern
import string
return str(string.Template('x').pattern)
--- key of sorted
return sorted([image], key='{0.__init__.__globals__}'.format) and str(max([image], key=str.format))
--- partial format
from functools import partial
return partial('{0.__class__.__mro__}'.format, image)()
--- reduce with format
from functools import reduce
return reduce(str.format, [image], '{0.__class__.__mro__}')
--- attrgetter
from operator import attrgetter
return str(attrgetter('__class__.__mro__')(image))
--- attrgetter of allowed and forbidden names
from operator import attrgetter
return str(attrgetter('left.__class__', 'find.__func__')(image))
--- methodcaller
from operator import methodcaller
return str(methodcaller('__reduce_ex__', 2)(image))
--- item of a field
return '{0[__builtins__]}'.format({'__builtins__': 1}) and '{0.__globals__[__builtins__]}'.format(distance)
--- conversion then attribute
return '{0!r.__class__}'.format(image)
--- field name from input
name = '{0' + '.' + '_' * 2 + 'class' + '_' * 2 + '}'
return name.format(image)
--- private slots
return '{0._box} {0._image}'.format(image)
--- percent with a mapping that runs code
class M(dict):
    def __missing__(self, key): return print.__self__
return '%(x)s' % M()
--- f-string with a spelt attribute
return f'{image.__class__.__mro__}'
--- f-string with debugging
return f'{image.find.__globals__ = }'
--- format builtin with spec object
return format(image, type('S', (str,), {})('x'))
--- str.join of a format iterator
return ''.join(map(str.format, ['{0.__class__.__mro__}'], [image]))
""",
)

_API = family(
    "objects of the API",
    "reaches the implementation of the program API",
    r"""
--- globals of a method | None
return str(image.find.__func__.__globals__['perceive'])
--- globals of a function
return str(distance.__globals__['implementation'].__globals__)
--- property getter
return str(ImagePatch.left.fget.__globals__)
--- slots
return str(ImagePatch._box.__set__(image, (0, 0, 10 ** 9, 10 ** 9)))
--- slot read
return str(image._box) + str(image._image)
--- annotations of a method
return str(ImagePatch.find.__annotations__)
--- documentation
return str(ImagePatch.__doc__)
--- a patch of a picture that is not there
return ImagePatch.__new__(ImagePatch)
--- a patch without an image
p = object.__new__(ImagePatch)
return p
--- construction with other objects
return ImagePatch(print)
--- construction with a lookalike
class Fake:
    _box = (0, 0, 5, 5)
    _image = 7
return ImagePatch(Fake())
--- subclass of a patch
class Mine(ImagePatch):
    __slots__ = ('x',)
return Mine(image).find('cup')
--- unbound method with another self
return ImagePatch.find('x', 'cup')
--- unbound method with a bare object
return ImagePatch.simple_query(ImagePatch, 'x')
--- coordinates that are no numbers
return image.crop('0', [], {}, None)
--- coordinates that are too large | {'image': 0, 'box': (0, 0, 100, 80)}
return image.crop(-10 ** 400, -10 ** 400, 10 ** 400, 10 ** 400)
--- coordinates that are infinite
return image.crop(float('-inf'), 0, float('inf'), 5)
--- coordinates that are not numbers at all
return image.crop(float('nan'), 0, 10, 5)
--- index of a foreign picture
return image.__class__(image, 0, 0, 5, 5).__reduce__()
""",
)

_UNICODE = family(
    "unicode identifiers",
    "reaches a forbidden name that is spelt with characters that the parser folds",
    r"""
--- fullwidth eval
return str(ｅｖａｌ('1+1'))
--- fullwidth exec
ｅｘｅｃ('import os')
return 1
--- fullwidth import function
return str(＿＿ｉｍｐｏｒｔ＿＿('os'))
--- fullwidth class | "<class 'vispro_gym.interpreter.guest.runtime.ImagePatch'>"
return str(image.__ｃlass__)
--- mathematical letters
return str(image.__𝒸𝓁𝒶𝓈𝓈__.__𝔪𝔯𝔬__)
--- ligature
return str(image.ﬁnd.__globals__)
--- ligature of an allowed name | 2
return len(image.ﬁnd('cup'))
--- long s | "<class 'tuple'>"
return str(().__claſſ__)
--- circled or superscript letters | "<class 'vispro_gym.interpreter.guest.runtime.ImagePatch'>"
return str(image.__ᶜˡᵃˢˢ__)
--- instrument with a fullwidth underscore
def f(＿tick＿): pass
while True: pass
--- instrument with italic letters
_𝑡𝑖𝑐𝑘_ = len
while True: pass
--- builtins in bold
return str(__𝐛𝐮𝐢𝐥𝐭𝐢𝐧𝐬__)
--- keyword argument that folds
return dict(__𝒸lass__=1)
--- import of a folded module
import ｏｓ
return ｏｓ.environ['VISPRO_SESAME']
--- folded name in an import list
from math import ｆｌｏｏｒ as _𝐭𝐢𝐜𝐤_
while True: pass
--- folded name of an exception
try:
    1 / 0
except Exception as _𝐭𝐢𝐜𝐤_:
    pass
while True: pass
--- right to left override | 'no'
access = 'user‮ ⁦# admin⁩ ⁦'
return 'no'
--- homoglyphs that do not fold
def execute_command(image):
    return 'yes'
def ехecute_command(image):
    return execute_command.__globals__
--- coding line that hides code | 'x'
# -*- coding: utf-7 -*-
def execute_command(image):
    return 'x' # +AAo-    return __import__('os').environ['VISPRO_SESAME']
--- form feeds and other blanks
def execute_command(image):
    return image.__class__
""",
)

ATTACKS: list[Attack] = [*_DUNDER, *_FORMAT, *_API, *_UNICODE]
