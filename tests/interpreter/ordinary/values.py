"""Programs that use lists, dictionaries, sets, tuples and numbers."""

from __future__ import annotations

from tests.interpreter.ordinary.base import programs

COLLECTIONS = programs(r"""
--- list methods
items = [3, 1, 2]
items.append(5)
items.insert(0, 9)
items.extend([7, 7])
items.remove(1)
last = items.pop()
first = items.pop(0)
items.reverse()
return items + [last, first, items.count(7), items.index(2)]
--- list operators
a = [1, 2] + [3]
b = a * 2
a += [4]
b *= 2
return [len(a), len(b), a == [1, 2, 3, 4], a < b, 3 in a, 9 not in a]
--- slices
s = list(range(10))
return [s[2:5][0], s[-3:][0], s[::3][1], s[::-1][0], s[5:2:-1][2], len(s[100:]), s[:-8][1]]
--- slice assignment
s = list(range(6))
s[1:3] = ["x"]
s[-1:] = []
s[::2] = [0, 0]
return s
--- deleting
s = list(range(6))
d = {"a": 1, "b": 2}
del s[0], s[-1], d["a"]
del s[1:3]
x = 3
del x
return s + list(d)
--- sorting with several keys
words = ["pear", "fig", "apple", "kiwi"]
return sorted(words, key=lambda w: (-len(w), w))
--- sorting is stable
pairs = [("b", 1), ("a", 1), ("c", 0)]
pairs.sort(key=lambda p: p[1])
return [p[0] for p in pairs]
--- sorting in reverse by a method
words = ["b", "A", "c"]
words.sort(key=str.lower, reverse=True)
return words
--- sorting by a perception call
return [p.left for p in sorted(image.find("cup"), key=lambda p: p.simple_query("What color is this?"))]
--- sorting by a perception call twice
cups = image.find("cup")
cups.sort(key=lambda c: (c.verify_property("cup", "red"), -c.compute_depth()))
return [c.left for c in cups]
--- dictionary methods
d = {"a": 1}
d["b"] = 2
d.update({"c": 3}, d=4)
d.setdefault("e", []).append(5)
popped = d.pop("a")
missing = d.pop("z", "none")
return [popped, missing, d.get("b"), d.get("q", 0), len(d), list(d.keys())[-1], list(d.values())[0], d["e"][0]]
--- dictionary merge
a, b = {"x": 1, "y": 2}, {"y": 3}
c = {**a, **b}
d = a | b
a |= b
return [c["y"], d["y"], a["y"], c == d == a]
--- dictionary order
d = {}
for w in "b a c a".split():
    d[w] = d.get(w, 0) + 1
return list(d)
--- dictionary of lists
groups = {}
for p in image.find("object"):
    groups.setdefault(p.simple_query("What is this?"), []).append(p)
return [f"{k}:{len(v)}" for k, v in groups.items() if len(v) > 1]
--- augmented items
d = {"n": 1}
d["n"] += 4
d["n"] *= 3
d["n"] **= 2
l = [1, 2]
l[0] -= 5
l[1] <<= 3
l[-1] //= 5
return [d["n"], *l]
--- nested structures
data = {"a": [1, {"b": (2, 3)}]}
data["a"][1]["b"] += (4,)
return list(data["a"][1]["b"])
--- sets
a, b = {1, 2, 3}, {2, 3, 4}
a.add(9)
a.discard(100)
return [str(sorted(s)) for s in (a & b, a | b, a - b, a ^ b)] + [len(a), a >= {1}, a.isdisjoint({7})]
--- set methods
s = set("hello")
s.remove("l")
s.update("xy")
t = frozenset(s)
return sorted(t.union({"z"}).intersection(set("xyzh")))
--- tuples
t = 1, 2, 2
one = (5,)
empty = ()
return [len(t), t.count(2), t.index(2), one[0], len(empty), (1, 2) < (1, 3), t + one == (1, 2, 2, 5)]
--- unpacking with a star
first, *middle, last = range(6)
head, *none = [1]
return [first, len(middle), last, head, len(none)]
--- nested unpacking
(a, b), [c, *d] = (1, 2), "xyz"
return f"{a}{b}{c}{d}"
--- swap
a, b, c = 1, 2, 3
a, b, c = c, a, b
return [a, b, c]
--- unpacking in a loop
total = 0
for (x, y), z in [((1, 2), 3), ((4, 5), 6)]:
    total += x * y * z
return total
--- several targets
a = b = [1]
b.append(2)
return [a is b, len(a)]
--- stars in displays
a, b = [1, 2], (3,)
return [*a, *b, *range(2), *"xy"]
--- zip and enumerate
names, ages = ["a", "b", "c"], [1, 2]
return [f"{i}{n}{a}" for i, (n, a) in enumerate(zip(names, ages), start=1)]
--- strict zip
try:
    list(zip([1], [1, 2], strict=True))
except ValueError as e:
    return "uneven"
--- min and max
return [min([3, 1]), max(3, 7, 5), min([], default=-1), max("apple", "fig", key=len), min({"b": 1, "a": 2}), max([1.5, 2])]
--- any and all
return [any([]), all([]), any([0, "", 3]), all([1, "a"]), any(x > 2 for x in range(4))]
--- sum
return [sum([1, 2]), sum([0.5, 0.25]), sum([], 5), sum(x for x in range(4)), len(sum([[1], [2, 3]], []))]
--- reversed and range
return list(reversed([1, 2])) + list(range(5, 0, -2)) + [len(range(0, 10, 3)), 4 in range(0, 10, 2), range(5)[-1]]
--- copies
a = [[1], [2]]
b = a.copy()
c = a[:]
d = list(a)
b.append(3)
c[0].append(9)
return [len(a), len(b), len(c), len(d), a[0][-1]]
--- membership in strings and dictionaries
return ["ed" in "red", "a" in {"a": 1}, 1 in {"a": 1}.values(), ("a", 1) in {"a": 1}.items()]
--- equality and identity
a = [1]
return [a == [1], a is a, None is None, 1 == 1.0, True == 1, "a" != "b", a is not None]
--- map and filter
return list(map(lambda x, y: x * y, [1, 2], [3, 4])) + list(filter(None, [0, 1, "", 2]))
--- iterators
it = iter([1, 2, 3])
first = next(it)
rest = list(it)
return [first, *rest, next(it, "done")]
--- iterator until a value
items = [3, 2, 1, 0, 5]
return list(iter(items.pop, 3))
--- conversions
return [int("12"), int(3.9), int(-3.9), float("2.5"), str(1.0), bool(""), bool("0"), int(True), list("ab")[1], tuple([1])[0]]
--- numbers
return [7 // 2, -7 // 2, 7 % 3, -7 % 3, 7 / 2, 2 ** 10, 2 ** -1, 5 & 3, 5 | 3, 5 ^ 3, ~5, 1 << 4, 256 >> 2, abs(-2.5)]
--- rounding
return [round(2.5), round(3.5), round(2.675, 2), round(1234, -2), round(-0.4), round(7.0), round(1.25, 1), round(3)]
--- divmod and pow
return [*divmod(17, 5), *divmod(-7.5, 2), pow(2, 5), pow(3, 4, 5), pow(2.0, 3)]
--- float formats
return [str(0.1 + 0.2), str(1e20), str(1e-7), str(100.0), str(1 / 3), repr(2.0), str(float("inf"))]
--- large integers
n = 2 ** 60
return [str(n * n), n % 1000, len(str(3 ** 100))]
--- bases
return [bin(10), hex(255), oct(8), int("ff", 16), int("0b11", 0), 0x1F, 0b101, 1_000]
--- isinstance
values = [1, "a", 2.5, [1], None, True, image]
return ["".join(n for n, t in [("i", int), ("s", str), ("f", float), ("l", list), ("b", bool), ("p", ImagePatch)] if isinstance(v, t)) for v in values]
--- isinstance with several types
return [isinstance(1, (str, int)), isinstance("a", int | float), isinstance([], (tuple, set))]
--- type names
return [type(1).__name__, type("a").__name__, type(image).__name__, [].__class__.__name__, type(2.5) == float, type(True) is bool]
--- matrix as lists
grid = [["." for _ in range(4)] for _ in range(3)]
grid[1][2] = "#"
grid[0][0] = "@"
return ["".join(row) for row in grid]
--- chr and ord
return [chr(97), ord("a"), "".join(chr(ord(c) + 1) for c in "HAL")]
--- boolean operators return operands
return [0 or "x", 1 and "y", "" or 0, [] and 1 or "z", not 0 and 2]
--- equal values in a set
return [len({1, 1.0, True}), {1: "a", True: "b"}[1], len({"a", "A".lower()})]
""")
