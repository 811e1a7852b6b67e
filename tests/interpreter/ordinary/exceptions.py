"""Programs that handle exceptions."""

from __future__ import annotations

from tests.interpreter.ordinary.base import programs

EXCEPTIONS = programs(r"""
--- missing object
try:
    return image.find("lamp")[0].simple_query("What color is this?")
except IndexError:
    return "there is no lamp"
--- exception message
try:
    int("three")
except ValueError as e:
    return str(e)
--- several handlers
def risky(n):
    try:
        return [10 // n, [1, 2][n], {"a": 1}["b" * n]][0]
    except ZeroDivisionError:
        return "zero"
    except IndexError:
        return "index"
    except KeyError as error:
        return f"key {error}"
return [risky(0), risky(1), risky(5)]
--- tuple of types
try:
    return {}["x"]
except (IndexError, KeyError):
    return "lookup"
--- base class of several
out = []
for f in (lambda: [][0], lambda: {}[0], lambda: 1 / 0, lambda: int("x")):
    try:
        f()
    except LookupError:
        out.append("lookup")
    except ArithmeticError:
        out.append("arithmetic")
    except Exception as e:
        out.append(type(e).__name__)
return out
--- bare except
try:
    undefined_name
except:
    return "caught"
--- else and finally
log = []
try:
    log.append("try")
except ValueError:
    log.append("except")
else:
    log.append("else")
finally:
    log.append("finally")
return log
--- finally after an exception
log = []
try:
    try:
        1 / 0
    finally:
        log.append("inner")
except ZeroDivisionError:
    log.append("outer")
return log
--- finally runs after return
log = []
def f():
    try:
        return "value"
    finally:
        log.append("cleanup")
return [f(), *log]
--- finally in a loop with continue
log = []
for i in range(3):
    try:
        if i == 1:
            continue
        log.append(i)
    finally:
        log.append("f")
return log
--- raise and catch
def check(n):
    if n < 0:
        raise ValueError(f"negative: {n}")
    return n
try:
    check(-3)
except ValueError as e:
    return e.args[0]
--- raise again
try:
    try:
        [][1]
    except IndexError:
        raise
except Exception as e:
    return type(e).__name__
--- raise from
try:
    try:
        {}["a"]
    except KeyError as e:
        raise ValueError("wrapped") from e
except ValueError as e:
    return str(e)
--- raise a class
try:
    raise StopIteration
except StopIteration:
    return "stopped"
--- name is gone after the handler
try:
    1 / 0
except ZeroDivisionError as e:
    kind = type(e).__name__
try:
    e
except NameError:
    return kind + " gone"
--- assertion passes
cups = image.find("cup")
assert len(cups) == 3, "expected three"
return "ok"
--- assertion caught
try:
    assert image.exists("lamp"), "no lamp"
except AssertionError as e:
    return str(e)
--- retry in a loop
attempts = 0
for name in ("lamp", "vase", "cup"):
    attempts += 1
    try:
        patch = image.find(name)[0]
        break
    except IndexError:
        continue
return attempts
--- exception from a helper
def color(patches, i):
    return patches[i].simple_query("What color is this?")
cups = image.find("cup")
out = []
for i in (0, 7, 1):
    try:
        out.append(color(cups, i))
    except Exception:
        out.append("?")
return out
--- exception in a key function
def key(p):
    if p.verify_property("cup", "blue"):
        raise ValueError("blue")
    return p.left
try:
    return sorted(image.find("cup"), key=key)
except ValueError as e:
    return str(e)
--- exception in a comprehension
try:
    return [10 / x for x in (1, 2, 0)]
except ZeroDivisionError:
    return "zero"
--- empty crop caught
try:
    return image.crop(50, 50, 50, 60).width
except ValueError:
    return "empty"
--- no number in the text
try:
    return coerce_to_numeric("no number")
except ValueError:
    return -1
--- stop iteration of next
it = iter([])
try:
    next(it)
except StopIteration:
    return "empty"
--- nested try in handlers
def f(x):
    try:
        return int(x)
    except ValueError:
        try:
            return float(x)
        except ValueError:
            return None
return [f("3"), f("2.5"), f("z") is None]
--- exception text of several kinds
out = []
for f in (lambda: [1][5], lambda: {"a": 1}["b"], lambda: "a" + 1, lambda: None.left, lambda: int("q")):
    try:
        f()
    except Exception as e:
        out.append(f"{type(e).__name__}: {e}")
return out
--- representation of an exception
try:
    raise ValueError("a", 1)
except ValueError as e:
    return [repr(e), str(e), len(e.args)]
""")
