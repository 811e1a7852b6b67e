"""Programs that end with an ordinary error, or with something that is no answer."""

from __future__ import annotations

from tests.interpreter.ordinary.base import programs

ERRORS = programs(r"""
--- first of nothing
image_patch = ImagePatch(image)
lamp_patches = image_patch.find("lamp")
lamp_patch = lamp_patches[0]
return lamp_patch.simple_query("What color is the lamp?")
--- index out of range in a helper
def second(patches):
    return patches[1]

def execute_command(image):
    cats = image.find("cat")
    return second(cats)
--- index out of range in a comprehension
return [image.find(name)[0].left for name in ["cup", "lamp"]]
--- index out of range of a tuple
return (1, 2)[2]
--- index out of range of a string
answer = ""
return answer[0]
--- pop from an empty list
stack = []
return stack.pop()
--- missing key
counts = {"cup": 3}
total = counts["cup"] + counts["dog"]
return total
--- missing key that is a number
return {1: "a"}[2]
--- missing key popped
d = {}
d.pop("a")
--- minimum of nothing
return min(image.find("lamp"), key=lambda p: p.left)
--- maximum of an empty list
return max([])
--- none has no attribute
patch = None
for p in image.find("lamp"):
    patch = p
return patch.left
--- none is not subscriptable
def first_cup():
    image.find("cup")
return first_cup()[0]
--- none is not iterable
for x in [3, 1].sort():
    pass
--- list has no attribute
return image.find("cup").left
--- string has no attribute
return "abc".append("d")
--- unknown method of a patch
return image.find("dog")[0].count
--- wrong type of argument
return image.find(3)
--- wrong type of argument in a list
return image.best_text_match("cup")
--- too few arguments
return image.verify_property("cup")
--- too many arguments
return image.exists("cup", "dog")
--- unknown keyword argument
return image.find(name="cup")
--- own function with too few arguments
def f(a, b):
    return a
return f(1)
--- own function with too many arguments
def f(a):
    return a
return f(
    1,
    2,
)
--- division by zero
lamps = image.find("lamp")
red = [l for l in lamps if l.verify_property("lamp", "red")]
return len(red) / len(lamps)
--- whole division by zero
return 5 // (len(image.find("lamp")))
--- rest of a division by zero
x = 0
return 5 % x
--- float division by zero
return 1.5 / 0.0
--- unknown name
image_patch = ImagePatch(image)
return bool_to_yesno(image_pach.exists("cup"))
--- unknown function
return llm_query("Is it a cup?")
--- name used before it is set
def f():
    x = x + 1
    return x
return f()
--- name set in one branch only
if image.exists("lamp"):
    answer = "lamp"
return answer
--- nonlocal name that is unset
def outer():
    def inner():
        return later
    value = inner()
    later = 1
    return value
return outer()
--- deleted name
x = 1
del x
return x
--- string plus number
n = len(image.find("cup"))
return "cups: " + n
--- number plus string
return 1 + "1"
--- list plus tuple
return [1] + (2,)
--- string times string
return "a" * "b"
--- string times float
return "a" * 2.5
--- comparison of different types
return "3" > 2
--- sorting different types
return sorted([1, "a"])
--- calling a number
n = 3
return n()
--- calling a module
import math
return math(4)
--- text that is no number
return int("a few")
--- text that is no float
answer = "about 3"
return float(answer)
--- unpacking too many
a, b = image.find("cup")
return a
--- unpacking too few
a, b, c = image.find("dog")
return a
--- unpacking a number
a, b = 5
return a
--- iterating a number
for i in len([1, 2]):
    pass
--- length of a number
return len(5)
--- unhashable key
return {[1]: 2}
--- unhashable element
return {[1], [2]}
--- tuple assignment
t = (1, 2)
t[0] = 3
--- string assignment
s = "abc"
s[0] = "x"
--- assertion fails
cups = image.find("cup")
assert len(cups) == 2, f"found {len(cups)}"
return "two"
--- assertion without a message
assert False
--- raised error
if not image.exists("lamp"):
    raise ValueError("No lamp found")
return "lamp"
--- raised class
raise NotImplementedError
--- raised key error
raise KeyError("cup")
--- raised in a handler
try:
    image.find("lamp")[0]
except IndexError:
    raise RuntimeError("no lamp")
--- raised from another error
try:
    1 / 0
except ZeroDivisionError as e:
    raise ValueError("bad ratio") from e
--- raised again without a handler around
try:
    {}["x"]
except KeyError as e:
    raise e
--- handler of another type
try:
    [][0]
except KeyError:
    return "caught"
--- error in finally
try:
    x = 1
finally:
    y = x / 0
--- error in an else branch
try:
    x = 0
except ValueError:
    return "never"
else:
    return 1 / x
--- error in a lambda
f = lambda p: p.group
return max(image.find("cup"), key=f)
--- error in a generator
def g():
    yield 1
    yield [][0]
return list(g())
--- error in a nested call
def a(n):
    return b(n)
def b(n):
    return c(n)
def c(n):
    return {}[n]
return a(1)
--- error on a long line
value = (1 +
         2 +
         [][0])
return value
--- error in a default
def f(x=[][1]):
    return x
return f()
--- error at top level
LIMIT = int("x")

def execute_command(image):
    return LIMIT
--- error in a dictionary display
return {
    "a": 1,
    "b": undefined,
}
--- error in an f-string
p = None
return f"the color is {p.left}"
--- format of a wrong type
return f"{'abc':.2f}"
--- format with too few arguments
return "{} and {}".format(1)
--- format with an unknown name
return "{name}".format(value=1)
--- percent with too few arguments
return "%s and %s" % "one"
--- percent with a wrong type
return "%d cups" % "three"
--- join of numbers
return ", ".join([1, 2])
--- value not in the list
return [1, 2].index(5)
--- value cannot be removed
[1, 2].remove(5)
--- text not found
return "abc".index("z")
--- square root of a negative number
import math
return math.sqrt(-1)
--- logarithm of zero
import math
return math.log(0)
--- mean of nothing
import statistics
return statistics.mean([])
--- empty box
return image.crop(100, 100, 50, 200)
--- box outside of the picture
dog = image.find("dog")[0]
return image.crop(dog.right + 1000, 0, dog.right + 2000, 10)
--- box of text
return image.crop("0", 0, 10, 10)
--- half a box
return ImagePatch(image, 1, 2)
--- patch of a number
return ImagePatch(5)
--- range of a float
for i in range(len(image.find("cup")) / 2):
    pass
--- list index that is a float
cups = image.find("cup")
return cups[len(cups) / 2]
--- list index that is text
return [1, 2]["0"]
--- next of an exhausted iterator
it = iter([])
return next(it)
--- next of a list
return next([1, 2])
--- round of text
return round("2.5")
--- sum of texts
return sum(["a", "b"])
--- attribute of a function
def f():
    pass
return f.area
--- endless recursion
def f(n):
    return f(n + 1) + 1
return f(0)
--- reference to an unset global
def execute_command(image):
    return total

def later():
    global total
    total = 1
--- keyword given twice
def f(a, b=2):
    return a
return f(1, a=2)
--- dictionary changed while looping
d = {"a": 1, "b": 2}
for k in d:
    d[k + k] = 1
return len(d)
--- star of a number
return max(*5)
--- subtraction of texts
return "abc" - "b"
--- negative of text
return -"a"
--- comparison of a patch
a, b = image.find("dog")
return a < b
--- addition of patches
a, b = image.find("dog")
return a + b
--- length of a patch
return len(image)
--- iterating a patch
return [p for p in image]
--- assignment to an unpacked none
a, b = None
--- no error after all
result = []
for name in ("lamp", "cup"):
    try:
        result.append(image.find(name)[0].left)
    except IndexError:
        result.append(-1)
return result
--- nothing is returned
cups = image.find("cup")
--- none is returned
return None
--- dictionary is returned
return {"cup": 1}
--- set is returned
return {1, 2}
--- list of lists is returned
return [[1], [2]]
--- function is returned
return len
--- float that is not finite is returned
return float("inf")
--- tuple is returned
return (1, "a", image)
--- empty list is returned
return []
--- no entry point
def answer(image):
    return 1

execute_command2 = None  # def execute_command
""")
