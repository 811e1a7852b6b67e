"""Attacks on what ends a program: its limits, failed perception, its exceptions."""

from __future__ import annotations

from tests.interpreter.attacks.base import Attack, family

_CATCHING = family(
    "catching what ends a program",
    "goes on after its limit, its failed perception or its stop",
    r"""
--- except Exception
while True:
    try:
        while True: pass
    except Exception: pass
--- bare except
while True:
    try:
        while True: pass
    except: pass
--- except BaseException
while True:
    try:
        while True: pass
    except BaseException: pass
--- except by a class from elsewhere
B = Exception.__base__
while True:
    try:
        while True: pass
    except B: pass
--- except by a class found by type
try:
    int('x')
except Exception as e:
    kinds = (type(e), type(type(e)))
while True:
    try:
        while True: pass
    except kinds: pass
--- except by a computed expression
while True:
    try:
        while True: pass
    except (lambda: (object, Exception))(): pass
--- except KeyboardInterrupt and others
while True:
    try:
        while True: pass
    except (KeyboardInterrupt, SystemExit, GeneratorExit): pass
--- finally with return
try:
    while True: pass
finally:
    return 'yes'
--- finally with break
while True:
    try:
        while True: pass
    finally:
        break
return 'yes'
--- finally with continue
for _ in range(10 ** 9):
    try:
        while True: pass
    finally:
        continue
--- finally with break in an inner loop's else
for _ in [1]:
    try:
        while True: pass
    finally:
        for x in []: pass
        else: break
return 'yes'
--- finally that raises
def f():
    try:
        while True: pass
    finally:
        raise ValueError
try:
    f()
except ValueError:
    return 'yes'
--- finally with an error of its own
def f():
    try:
        while True: pass
    finally:
        1 / 0
while True:
    try: f()
    except ArithmeticError: pass
--- finally that runs on
try:
    while True: pass
finally:
    while True: pass
--- nested finally
try:
    try:
        while True: pass
    finally:
        while True: pass
finally:
    while True: pass
--- generator that catches its end
def g():
    while True:
        try:
            yield
        except BaseException: pass
x = g()
next(x)
del x
while True: pass
--- generator with a finally that loops
def g():
    try:
        yield
    finally:
        while True: pass
x = g()
next(x)
return x
--- generator with a finally that is forgotten
def g():
    try:
        yield
    finally:
        while True: pass
next(g())
return 1
--- many generators with a finally | 1
def g():
    try:
        yield
    finally:
        for _ in range(10 ** 9): pass
for _ in range(1000):
    x = g()
    next(x)
return 1
--- finalizer
class A:
    def __del__(self):
        while True: pass
A()
return 1
--- finalizer that comes back
kept = []
class A:
    def __del__(self): kept.append(self)
for _ in range(10): A()
return len(kept)
--- generator that yields in finally | 1
def g():
    try:
        yield 1
    finally:
        yield 2
x = g()
next(x)
del x
return 1
--- sort that hides an error
a = [3, 1, 2]
def key(x):
    while True: pass
try:
    a.sort(key=key)
finally:
    a.append(0)
return len(a)
--- next with a default
def g():
    while True: pass
    yield
return next(g(), 'yes')
--- getattr with a default
return getattr(image, 'simple_query', 'yes')('?')
--- hasattr that hides
def f():
    while True: pass
return hasattr(f(), 'x')
--- any over a generator that ends
return any(x for x in iter(lambda: [0 for _ in iter(int, 1)], 0))
--- perception failure caught
try:
    image.simple_query('?')
except Exception:
    return 'yes'
--- perception failure in finally
try:
    image.simple_query('?')
finally:
    for i in range(5): image.find('x')
--- perception failure in a generator
def g():
    try:
        yield image.simple_query('?')
    except BaseException:
        yield 'yes'
return next(g())
--- perception failure in a sort key
try:
    return sorted([1], key=lambda _: image.simple_query('?'))
except Exception:
    return 'yes'
--- call limit caught
while True:
    try:
        while True: image.exists('x')
    except Exception: pass
--- call limit in many generators
gs = [(image.exists('x') for _ in range(100)) for _ in range(100)]
return sum(sum(g) for g in gs)
--- memory limit caught
while True:
    try:
        a = 'x' * 10 ** 10
    except Exception: pass
--- memory limit caught by name
try:
    a = [0] * 10 ** 10
except MemoryError:
    return 'yes'
--- recursion limit caught
def f():
    try:
        f()
    except Exception:
        while True: pass
f()
--- stop iteration as a way out | 'no'
def g():
    raise StopIteration
    yield
try:
    next(g())
except RuntimeError:
    return 'no'
--- raise of the want of memory
raise MemoryError
--- raise of the end of the stack
raise RecursionError
--- handler whose type is no class
def f():
    try:
        return 'x' * 10 ** 9
    except (1,):
        pass
try:
    f()
except TypeError:
    pass
image.find('x')
return 'yes'
--- handler whose type is made while a stop is under way
def f():
    try:
        return 'x' * 10 ** 9
    except image.simple_query('x'):
        pass
try:
    f()
except TypeError:
    pass
return 'yes'
--- raise of a stop
raise SystemExit(0)
--- raise of an interrupt
raise KeyboardInterrupt
--- raise of the end of generators
raise GeneratorExit
--- exit
exit()
quit()
return 1
--- raise of something that is no exception
raise image
--- raise of a class that is no exception
raise int
--- raise from something else
raise ValueError from 3
--- exception chain without end
e = ValueError()
e.__cause__ = e
raise e
""",
)

ATTACKS: list[Attack] = [*_CATCHING]
