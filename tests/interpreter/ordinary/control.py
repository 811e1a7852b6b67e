"""Programs that use loops, conditions, patterns, print and other statements."""

from __future__ import annotations

from tests.interpreter.ordinary.base import programs

LOOPS = programs(r"""
--- while
n, steps = 27, 0
while n != 1:
    n = n // 2 if n % 2 == 0 else 3 * n + 1
    steps += 1
return steps
--- while with break and continue
i, odd = 0, []
while True:
    i += 1
    if i > 9:
        break
    if i % 2 == 0:
        continue
    odd.append(i)
return odd
--- while else
n = 5
while n:
    n -= 1
else:
    return "finished"
return "unreachable"
--- while else with break
n = 5
while n:
    n -= 1
    if n == 2:
        break
else:
    n = "finished"
return n
--- for else found
for cup in image.find("cup"):
    if cup.verify_property("cup", "blue"):
        result = "found"
        break
else:
    result = "not found"
return result
--- for else not found
for cup in image.find("cup"):
    if cup.verify_property("cup", "golden"):
        break
else:
    return "none is golden"
return "golden"
--- nested loops with a flag
found = False
for i in range(5):
    for j in range(5):
        if i * j == 6:
            found = True
            break
    if found:
        break
return [i, j]
--- loop variable after the loop
for x in [1, 2, 3]:
    pass
return x
--- changing a copy while looping
items = [1, 2, 3, 4]
for x in items[:]:
    if x % 2:
        items.remove(x)
return items
--- changing the list while looping
items = [1, 1, 2, 3]
for x in items:
    if x == 1:
        items.remove(x)
return items
--- loop over dictionary items
prices = {"cup": 3, "plate": 5}
lines = []
for name, price in prices.items():
    lines.append(f"{name}={price}")
return lines
--- loop over a string
vowels = 0
for ch in "interpreter":
    if ch in "aeiou":
        vowels += 1
return vowels
--- accumulate with augmented assignments
x = 10
x += 5
x -= 3
x *= 2
x //= 5
x **= 3
x %= 50
x <<= 2
x |= 1
x ^= 7
x &= 63
x >>= 1
y = 7
y /= 2
return [x, y]
--- bubble sort
a = [5, 2, 9, 1]
for i in range(len(a)):
    for j in range(len(a) - 1 - i):
        if a[j] > a[j + 1]:
            a[j], a[j + 1] = a[j + 1], a[j]
return a
--- breadth first search
graph = {"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}
seen, queue = [], ["a"]
while queue:
    node = queue.pop(0)
    if node in seen:
        continue
    seen.append(node)
    queue += graph[node]
return "".join(seen)
--- greedy matching of patches
cups, books = image.find("cup"), image.find("book")
pairs = []
used = set()
for book in books:
    best, best_d = None, float("inf")
    for i, cup in enumerate(cups):
        d = distance(book, cup)
        if i not in used and d < best_d:
            best, best_d = i, d
    used.add(best)
    pairs.append(best)
return pairs
--- merging overlapping boxes
boxes = sorted((p.left, p.right) for p in image.find("object"))
merged = [list(boxes[0])]
for left, right in boxes[1:]:
    if left <= merged[-1][1]:
        merged[-1][1] = max(merged[-1][1], right)
    else:
        merged.append([left, right])
return len(merged)
--- empty statements
if True:
    pass
for _ in []: pass
...
return 1; return 2
--- if chains
def grade(n):
    if n < 1:
        return "none"
    elif n < 3:
        return "few"
    elif n < 10:
        return "many"
    else:
        return "crowd"
return [grade(n) for n in (0, 2, 5, 50)]
--- truthiness
return [bool(x) for x in (0, 1, "", "a", [], [0], {}, None, 0.0, image)]
--- conditional with is none
best = None
for cup in image.find("cup"):
    if best is None or cup.area > best.area:
        best = cup
return best
--- walrus in while
items = [1, 2, 0, 3]
total = 0
while (x := items.pop(0)) != 0:
    total += x
return total
--- walrus in if
if (n := len(image.find("cup"))) > 2:
    return f"{n} cups"
return "few"
--- chained comparisons
x = 5
return [1 < x < 10, 1 < x > 3, x == 5 != 4, 10 > x >= 5 > 2, "a" < "b" <= "b"]
--- line continuation
total = 1 + \
    2 + (
        3
    )
return total
--- conditional imports
if image.exists("cup"):
    import math
    return math.floor(2.7)
return 0
""")

PATTERNS = programs(r"""
--- match on literals
def f(x):
    match x:
        case "yes" | "no":
            return "boolean"
        case 0:
            return "zero"
        case None:
            return "none"
        case True:
            return "true"
        case _:
            return "other"
return [f("no"), f(0), f(None), f(True), f(1.5)]
--- match on an answer
color = image.find("cup")[0].simple_query("What color is this?")
match color:
    case "red":
        return "warm"
    case "blue" | "green":
        return "cold"
return "unknown"
--- match on sequences
def f(x):
    match x:
        case []:
            return "empty"
        case [a]:
            return f"one {a}"
        case [a, b]:
            return f"two {a} {b}"
        case [first, *rest]:
            return f"{first} and {len(rest)}"
return [f([]), f([1]), f((1, 2)), f(range(5)), str(f("ab"))]
--- match on mappings
def f(d):
    match d:
        case {"kind": "cup", "color": color}:
            return color + " cup"
        case {"kind": kind, **rest}:
            return f"{kind} {len(rest)}"
        case _:
            return "?"
return [f({"kind": "cup", "color": "red", "x": 1}), f({"kind": "dog", "a": 1, "b": 2}), f({})]
--- match with guards
def size(n):
    match n:
        case x if x < 0:
            return "negative"
        case 0:
            return "zero"
        case x if x > 100:
            return f"large {x}"
        case x:
            return f"small {x}"
return [size(-1), size(0), size(500), size(7)]
--- match on counts of patches
match image.find("dog"):
    case []:
        return "no dogs"
    case [dog]:
        return "one dog"
    case [a, b] if a.area > b.area:
        return "a larger first dog"
    case _:
        return "dogs"
--- nested patterns
def f(x):
    match x:
        case ("point", [x, y]):
            return x + y
        case ("box", (a, b, *_), {"scale": s}):
            return (a + b) * s
        case [*_, "end"]:
            return "ends"
    return None
return [f(("point", [1, 2])), f(("box", (1, 2, 3, 4), {"scale": 10})), f([1, 2, "end"])]
--- capture with as
match [1, 2, 3]:
    case [int_first, *_] as whole if isinstance(int_first, int):
        return len(whole)
--- negative and float literals
def f(x):
    match x:
        case -1:
            return "minus one"
        case 2.5:
            return "float"
        case "a" "b":
            return "joined"
    return "none"
return [f(-1), f(2.5), f("ab"), f(3)]
--- match binds names
match {"a": [1, 2]}:
    case {"a": [x, y]}:
        pass
return x + y
""")

OUTPUT = programs(r"""
--- print
print("cups:", len(image.find("cup")))
return 1
--- print with options
print("a", "b", sep="-", end="!\n")
print()
print(1, 2.5, None, [1, "x"], {"k": (1,)}, sep="|")
print("x", end="")
return 1
--- print of patches
print(image.find("dog")[0])
print(image.find("cup"))
return 1
--- print in a loop
for i in range(3):
    print(f"{i}:", i ** 2)
return 1
--- print in a helper
def log(*args, **kwargs):
    print("[log]", *args, **kwargs)
log("found", 3)
log("a", "b", sep=", ", flush=True)
return 1
--- print before an error
print("before")
return [][0]
--- print of unicode
print("é ✓ 日本")
return "✓"
--- print at top level
print("loaded")

def execute_command(image):
    return 1
""")
