"""Attacks that reach for frames, tracebacks and what errors tell."""

from __future__ import annotations

from tests.interpreter.attacks.base import Attack, family

_FRAMES = family(
    "frames and generators",
    "reaches a frame, and through it the globals of the worker",
    r"""
--- generator frame
def g(): yield
return str(g().gi_frame.f_back)
--- running generator frame
def g(): yield holder[0].gi_frame.f_back
holder = []
holder.append(g())
return next(holder[0]).f_globals['__builtins__']['open']('@FILE@').read()
--- generator expression frame
x = (x.gi_frame.f_back.f_back for _ in [0])
return str(next(x).f_globals)
--- generator code
def g(): yield
return str(g().gi_code.co_consts)
--- yield from target
def inner(): yield
def outer(): yield from inner()
o = outer()
next(o)
return str(o.gi_yieldfrom.gi_frame)
--- coroutine frame
async def c(): pass
return str(c().cr_frame.f_globals)
--- coroutine by a decorator of types
import types
@types.coroutine
def c(): yield
return str(c().gi_frame)
--- asynchronous generator
async def g():
    yield 1
return str(g().ag_frame.f_builtins)
--- await protocol
async def c():
    return 1
return str(c().send(None))
--- traceback of an exception
try:
    1 / 0
except Exception as e:
    return str(e.__traceback__.tb_frame.f_back.f_globals['__builtins__'])
--- traceback by with_traceback
try:
    1 / 0
except Exception as e:
    return str(e.with_traceback(None).tb_frame)
--- context of an exception
try:
    try:
        1 / 0
    except Exception:
        raise ValueError('x')
except Exception as e:
    return str(e.__context__.__traceback__.tb_frame.f_back.f_globals)
--- obj of an attribute error
try:
    image.no_such_name
except AttributeError as e:
    return str(e.obj)
--- name of a name error
try:
    undefined_name
except NameError as e:
    return str(e.name.__class__.__mro__)
--- value of stop iteration
try:
    next(iter([]))
except StopIteration as e:
    return str(e.value.__class__)
--- args of an exception with a live object
try:
    raise ValueError(image.find)
except ValueError as e:
    return str(e.args[0].__func__.__globals__)
--- add_note
try:
    1 / 0
except Exception as e:
    e.add_note('x')
    return str(e.__notes__.__class__.__base__)
--- exception group
try:
    raise ExceptionGroup('x', [ValueError(1)])
except* ValueError as group:
    x = str(group.exceptions[0].__traceback__)
return x
--- except star of everything
try:
    while True: pass
except* BaseException as e:
    x = str(e)
return x
--- sys.exc_info
import sys
try:
    1 / 0
except Exception:
    return str(sys.exc_info()[2].tb_frame.f_back)
--- sys._getframe
import sys
return str(sys._getframe(1).f_globals)
--- inspect
import inspect
return str(inspect.stack()[1].frame.f_globals)
--- traceback module
import traceback
return str(traceback.extract_stack())
--- throw into a generator
def g():
    try:
        yield
    except BaseException as e:
        return e.__traceback__.tb_frame.f_back.f_globals
x = g()
next(x)
try:
    x.throw(ValueError)
except StopIteration as e:
    return str(e.value)
--- locals of the module
return str(globals()) + str(locals())
""",
)

_SUGGESTIONS = family(
    "name suggestions",
    "learns names of the process from the text of errors",
    r"""
--- suggestion of a near name | 'ok' | "name 'execute_comand' is not defined" | "name 'execute_comand' is not defined. Did you mean: 'execute_command'?"
try:
    execute_comand
except NameError as e:
    return str(e)
--- suggestion of an instrument
try:
    _tick
except NameError as e:
    return 'leak' if '_tick_' in str(e) else str(e.name.__class__)
--- suggestion of a private slot | "'ImagePatch' object has no attribute 'box'" | 'no'
try:
    image.box
except AttributeError as e:
    return str(e)
--- text of a wrong call | 'ok'
try:
    image.find(1, 2, 3, 4)
except TypeError as e:
    return 'leak' if 'implementation' in str(e) or 'runtime' in str(e) else 'ok'
--- text of a wrong key | 'ok'
try:
    {}[print]
except KeyError as e:
    return 'leak' if '0x' in str(e) and 'module' in str(e) else 'ok'
--- address of an object | 'ok'
return 'ok' if id(image) else 'leak'
--- hash of an object as an address
return hash(print)
--- uncaught error with an object inside
raise ValueError(image.find, print, ImagePatch)
--- uncaught error with a long text
raise ValueError('A' * 100000)
--- uncaught error whose text raises
class E(Exception):
    def __str__(self): raise SystemExit
raise E
""",
)

ATTACKS: list[Attack] = [*_FRAMES, *_SUGGESTIONS]
