"""Programs that use functions, scopes, comprehensions and generators."""

from __future__ import annotations

from tests.interpreter.ordinary.base import programs

FUNCTIONS = programs(r"""
--- helper at top level
def is_red(patch):
    return patch.verify_property("cup", "red")

def execute_command(image):
    return [is_red(cup) for cup in image.find("cup")]
--- helper below the entry point
def execute_command(image):
    return describe(image.find("dog")[0])

def describe(patch):
    return patch.simple_query("What color is this?") + " " + patch.simple_query("What is this?")
--- constants at top level
NAMES = ["cup", "dog"]
LIMIT = 2

def execute_command(image):
    return [name for name in NAMES if len(image.find(name)) > LIMIT]
--- nested function
def center(p):
    return (p.horizontal_center, p.vertical_center)
def gap(a, b):
    (ax, ay), (bx, by) = center(a), center(b)
    return ((ax - bx) ** 2 + (ay - by) ** 2) ** 0.5
a, b = image.find("dog")
return round(gap(a, b), 3)
--- default argument
def count(patch, name="cup"):
    return len(patch.find(name))
return [count(image), count(image, "dog"), count(image, name="cat")]
--- default argument is shared
def collect(item, items=[]):
    items.append(item)
    return len(items)
return [collect("a"), collect("b"), collect("c", []), collect("d")]
--- star arguments
def total(*names, scale=1):
    return scale * sum(len(image.find(n)) for n in names)
return [total(), total("cup"), total("cup", "dog", scale=10)]
--- double star arguments
def describe(**parts):
    return " ".join(f"{k}={v}" for k, v in sorted(parts.items()))
options = {"b": 2}
return describe(a=1, **options)
--- all kinds of parameters
def f(a, /, b, c=3, *rest, d, e=5, **more):
    return [a, b, c, len(rest), d, e, len(more)]
return f(1, 2, 3, 4, 5, d=6, x=7)
--- keyword only
def f(*, low, high=10):
    return high - low
return f(low=3)
--- star in a call
box = (10, 20, 100, 120)
return image.crop(*box)
--- several stars in a call
parts = [1, 2]
def f(*a, **k):
    return len(a) + len(k)
return f(*parts, 3, *parts, x=1, **{"y": 2})
--- return of several values
def bounds(p):
    return p.left, p.right
low, high = bounds(image.find("cat")[0])
return high - low
--- lambda in a variable
area = lambda p: p.width * p.height
return max(map(area, image.find("cup")))
--- lambda with defaults
f = lambda x, y=2, *z: x * y + len(z)
return [f(1), f(1, 3), f(1, 2, 3, 4)]
--- list of lambdas with late binding
fs = [lambda: i for i in range(3)]
gs = [lambda i=i: i for i in range(3)]
return [f() for f in fs] + [g() for g in gs]
--- closure over a counter
def make():
    n = 0
    def step():
        nonlocal n
        n += 1
        return n
    return step
step = make()
step()
return step() * 10 + step()
--- two closures share a variable
def account(balance):
    def deposit(x):
        nonlocal balance
        balance += x
    def get():
        return balance
    return deposit, get
deposit, get = account(5)
deposit(7)
return get()
--- global
count = 0

def tick():
    global count
    count += 1

def execute_command(image):
    for _ in range(3):
        tick()
    return count
--- global made in a function
def execute_command(image):
    global total
    total = 4
    return twice()

def twice():
    return total * 2
--- shadowing a builtin
def execute_command(image):
    max = 3
    list = [1, max]
    return list
--- shadowing the api
def distance(a, b):
    return 42

def execute_command(image):
    return distance(image, image)
--- recursion
def factorial(n):
    return 1 if n <= 1 else n * factorial(n - 1)
return factorial(10)
--- mutual recursion
def even(n):
    return True if n == 0 else odd(n - 1)
def odd(n):
    return False if n == 0 else even(n - 1)
return [even(10), odd(7), even(3)]
--- recursion on lists
def flatten(items):
    out = []
    for item in items:
        if isinstance(item, list):
            out.extend(flatten(item))
        else:
            out.append(item)
    return out
return flatten([1, [2, [3, [4, []]], 5]])
--- recursive split of the picture
def count(patch, depth):
    if depth == 0 or patch.width < 100:
        return len(patch.find("cup"))
    middle = (patch.left + patch.right) // 2
    return count(patch.crop(patch.left, patch.lower, middle, patch.upper), depth - 1) + count(patch.crop(middle, patch.lower, patch.right, patch.upper), depth - 1)
return count(image, 2)
--- function as argument
def apply(f, items):
    return [f(x) for x in items]
return apply(str.upper, ["a", "b"]) + apply(lambda s: s * 2, ["c"])
--- method as value
names = []
add = names.append
add("x")
add("y")
return names
--- bound method of a patch as value
find = image.find
return len(find("cup"))
--- methods of patches by map
return list(map(image.exists, ["dog", "horse"]))
--- type hints
def count(patch: ImagePatch, name: str = "cup") -> int:
    n: int = len(patch.find(name))
    m: float
    return n
return count(image)
--- imported type hints
from typing import Dict, List, Optional, Tuple

def pick(patches: List[ImagePatch], index: Optional[int] = None) -> Optional[ImagePatch]:
    found: Dict[str, Tuple[int, ...]] = {}
    return patches[index or 0] if patches else None

def execute_command(image: ImagePatch) -> str:
    return pick(image.find("cup"), 1).simple_query("What color is this?")
--- builtin generic hints
def f(a: list[int], b: dict[str, tuple[int, int]] | None = None) -> set[str]:
    return len(a)
return f([1, 2])
--- future annotations
from __future__ import annotations

def execute_command(image) -> Unknown[Thing]:
    return 1
--- docstrings
'''Answers a question.'''

def execute_command(image):
    '''Is there a cup?

    Yes or no.
    '''
    "another string"
    return bool_to_yesno(image.exists("cup"))  # a comment
--- early return of none by a helper
def first(items):
    for item in items:
        return item
return "none" if first([]) is None else "some"
--- partial application by hand
def adder(n):
    return lambda x: x + n
return [adder(1)(2), adder(10)(2)]
--- composed functions
def compose(*fs):
    def run(x):
        for f in fs:
            x = f(x)
        return x
    return run
return compose(str.strip, str.lower, len)("  ABC ")
--- memo by a dictionary
memo = {}
def fib(n):
    if n not in memo:
        memo[n] = n if n < 2 else fib(n - 1) + fib(n - 2)
    return memo[n]
return fib(50)
--- name of a function
def helper():
    pass
return helper.__name__
--- callable
return [callable(len), callable(3), callable(lambda: 0), callable(ImagePatch)]
--- function in a dictionary
actions = {"left": lambda p: p.left, "right": lambda p: p.right}
dog = image.find("dog")[0]
return [actions[k](dog) for k in ("left", "right")]
--- trial run at the end
def execute_command(image):
    return "answer"

#tail
image = None
print(execute_command(image))
--- main guard at the end
def execute_command(image):
    return 7

#tail
if __name__ == "__main__":
    from PIL import Image
    print(execute_command(Image.open("x.png")))
--- result at the end
def execute_command(image):
    return image.exists("cup")
#tail
result = execute_command(my_image)
""")

COMPREHENSIONS = programs(r"""
--- list comprehension with a condition
return [n * n for n in range(10) if n % 2]
--- nested loops
return [a + b for a in "ab" for b in "xyz" if a != b]
--- nested comprehension
return [sum(row) for row in [[i * j for j in range(4)] for i in range(3)]]
--- conditional expression inside
return ["even" if n % 2 == 0 else "odd" for n in range(3)]
--- dict comprehension
lengths = {w: len(w) for w in ["cup", "plate", "cup"]}
return sorted(lengths.items())[1][1]
--- dict from two lists
d = dict(zip(["a", "b"], [1, 2]))
return [d["a"], d["b"], len(d)]
--- inverted dict
d = {"x": 1, "y": 2}
return {v: k for k, v in d.items()}[2]
--- set comprehension
return sorted({len(w) for w in "the quick brown fox".split()})
--- generator expression in a call
return sum(p.area for p in image.find("cup"))
--- generator expression as a value
g = (x * 2 for x in range(3))
return [next(g), next(g), next(g), next(g, "end")]
--- perception inside a generator expression
return next((p.simple_query("What color is this?") for p in image.find("cup") if p.verify_property("cup", "blue")), "none")
--- scope of the loop variable
x = "outer"
squares = [x for x in range(3)]
return x
--- walrus in a comprehension
return [y for x in range(5) if (y := x * x) > 3] + [y]
--- comprehension over a dictionary
d = {"a": 1, "b": 2}
return [k for k in d] + [v for v in d.values()]
--- comprehension with unpacking
pairs = [(1, "a"), (2, "b")]
return [f"{n}{s}" for n, s in pairs]
--- comprehension with enumerate
return [i for i, p in enumerate(image.find("cup")) if p.verify_property("cup", "red")]
--- matrix transposed
m = [[1, 2, 3], [4, 5, 6]]
return [sum(c) for c in zip(*m)]
--- comprehension in a default
def f(items=[i for i in range(3)]):
    return items
return f()
--- deep nesting
return [[k for k in range(j)] for j in range(3)][2]
--- generator with yield
def countdown(n):
    while n > 0:
        yield n
        n -= 1
return list(countdown(4))
--- generator with perception
def colors(patches):
    for patch in patches:
        yield patch.simple_query("What color is this?")
return list(colors(image.find("dog")))
--- generator stopped early
def numbers():
    n = 0
    while True:
        yield n
        n += 1
for n in numbers():
    if n * n > 50:
        return n
--- yield from
def chain(*parts):
    for part in parts:
        yield from part
    return "ignored"
return list(chain([1, 2], "ab", range(2)))
--- value of yield from
def inner():
    yield 1
    return 2
def outer():
    result = yield from inner()
    yield result * 10
return list(outer())
--- two generators side by side
def g(n):
    for i in range(n):
        yield i
a, b = g(3), g(3)
return [next(a), next(b), next(a), next(b)]
--- generator with finally
log = []
def g():
    try:
        yield 1
        yield 2
    finally:
        log.append("closed")
for x in g():
    log.append(x)
return log
--- generator in sorted and max
def areas():
    for p in image.find("dog"):
        yield p.area
return [max(areas()), sorted(areas())[0]]
--- unpacking a generator
def g():
    yield from (3, 4)
a, b = g()
return a * b
""")
