"""Programs that import what programs usually import."""

from __future__ import annotations

from tests.interpreter.ordinary.base import programs

STANDARD = programs(r"""
--- math
import math
return [math.sqrt(16), math.floor(2.7), math.ceil(2.1), math.pi, math.hypot(3, 4), math.fabs(-2), math.gcd(12, 18), math.factorial(5), math.isclose(0.1 + 0.2, 0.3), math.inf > 1, math.trunc(-2.5), math.isnan(math.nan)]
--- math by name
from math import sqrt, atan2, degrees
a, b = image.find("dog")
dx, dy = b.horizontal_center - a.horizontal_center, b.vertical_center - a.vertical_center
return [round(sqrt(dx ** 2 + dy ** 2), 6), round(degrees(atan2(dy, dx)), 6)]
--- math with an alias
import math as m
return [m.dist((0, 0), (3, 4)), m.prod([2, 3]), m.comb(5, 2), m.perm(4, 2), m.log(8, 2), m.log2(8), m.log10(1000), m.exp(0), m.isqrt(17), m.copysign(1, -2), m.fmod(7, 3), m.lcm(4, 6)]
--- trigonometry
import math
return [round(f(0.5), 9) for f in (math.sin, math.cos, math.tan, math.asin, math.acos, math.atan, math.sinh, math.tanh)] + [round(math.radians(180), 9), round(math.tau, 9), math.e]
--- several imports
import math, re
from math import floor as down
return [down(2.9), math.ceil(2.1), len(re.findall("a", "banana"))]
--- import at top level
import math
from collections import Counter

def execute_command(image):
    return [math.floor(1.5), Counter("aab")["a"]]
--- import in a helper
def root(x):
    from math import sqrt
    return sqrt(x)
return root(9)
--- counter
from collections import Counter
c = Counter(p.simple_query("What is this?") for p in image.find("object"))
return [f"{k}:{v}" for k, v in sorted(c.items(), key=lambda kv: (-kv[1], kv[0]))]
--- counter arithmetic
from collections import Counter
a, b = Counter("aabbb"), Counter(a=1, c=2)
c = a + b
d = a - b
a.update("zz")
a.subtract(b)
return [c["a"], c["c"], d["a"], d["c"], a["z"], a["c"], a["missing"], sum(a.values()), a.most_common(1)[0][0], "".join(sorted((Counter("ba") | Counter("c")).elements()))]
--- defaultdict
from collections import defaultdict
groups = defaultdict(list)
for p in image.find("object"):
    groups[p.simple_query("What color is this?")].append(p.simple_query("What is this?"))
counts = defaultdict(int)
for w in "a b a".split():
    counts[w] += 1
return [",".join(groups["red"]), counts["a"], counts["q"], len(counts), dict(counts) == {"a": 2, "b": 1, "q": 0}]
--- defaultdict with a lambda
import collections
d = collections.defaultdict(lambda: "none", a=1)
return [d["a"], d["b"]]
--- deque
from collections import deque
q = deque([1, 2, 3], maxlen=4)
q.append(4)
q.appendleft(0)
q.rotate(1)
last = q.pop()
first = q.popleft()
q.extend([7, 8])
return list(q) + [last, first, len(q), q[0]]
--- ordered dictionary
from collections import OrderedDict
d = OrderedDict(b=1, a=2)
d.move_to_end("b")
return list(d) + [d.popitem(last=False)[0]]
--- itertools combinations
import itertools
cups = image.find("cup")
return [round(distance(a, b)) for a, b in itertools.combinations(cups, 2)]
--- itertools assorted
from itertools import chain, count, cycle, islice, product, permutations, takewhile, dropwhile, accumulate, repeat, zip_longest, pairwise, starmap, compress
out = []
out += list(chain([1], (2, 3))) + list(chain.from_iterable([[4], [5]]))
out += list(islice(count(10, 5), 3)) + list(islice(cycle("ab"), 3))
out += [a + b for a, b in product([1, 2], repeat=2)] + ["".join(p) for p in permutations("abc", 2)]
out += list(takewhile(lambda x: x < 3, [1, 2, 5, 1])) + list(dropwhile(lambda x: x < 3, [1, 5, 1]))
out += list(accumulate([1, 2, 3])) + list(accumulate([2, 3], lambda a, b: a * b)) + list(repeat("r", 2))
out += [f"{a}{b}" for a, b in zip_longest([1, 2], "x", fillvalue="-")] + [b - a for a, b in pairwise([1, 4, 9])]
out += list(starmap(pow, [(2, 3), (3, 2)])) + list(compress("abc", [1, 0, 1]))
return out
--- itertools groupby
from itertools import groupby
words = sorted(["dog", "cat", "door", "cup"], key=lambda w: w[0])
return [f"{k}{len(list(g))}" for k, g in groupby(words, key=lambda w: w[0])]
--- itertools with perception
import itertools
names = itertools.chain(["cup"], ["dog"])
return [len(image.find(n)) for n in names]
--- itertools tee and filterfalse
import itertools
a, b = itertools.tee([1, 2, 3])
next(a)
return list(a) + list(b) + list(itertools.filterfalse(lambda x: x % 2, range(5)))
--- functools reduce and partial
from functools import partial, reduce
add = partial(lambda x, y: x + y, 10)
return [reduce(lambda a, b: a * b, [1, 2, 3, 4]), reduce(max, [3, 9, 2], 5), add(5), partial(int, base=2)("101")]
--- functools cache as a function
import functools
calls = []
def slow(x):
    calls.append(x)
    return x * x
fast = functools.lru_cache(maxsize=None)(slow)
return [fast(3), fast(3), fast(4), len(calls)]
--- statistics
import statistics
x = [1, 2, 2, 5, 10]
return [statistics.mean(x), statistics.median(x), statistics.mode(x), round(statistics.stdev(x), 9), round(statistics.pstdev(x), 9), statistics.variance(x), statistics.median_low([1, 2]), statistics.fmean(x)]
--- statistics by name
from statistics import mean, median
heights = [p.height for p in image.find("cup")]
return [mean(heights), median(heights), mean([0.5, 1.5]), mean([1, 2])]
--- string constants
import string
return [string.ascii_lowercase[:3], string.digits, len(string.punctuation), string.ascii_uppercase[-1], "".join(c for c in "a.b!c" if c not in string.punctuation)]
--- heapq
import heapq
h = [5, 1, 4]
heapq.heapify(h)
heapq.heappush(h, 0)
return [heapq.heappop(h), heapq.heappop(h)] + heapq.nlargest(2, [1, 9, 5]) + heapq.nsmallest(1, [3, 2]) + [p.left for p in heapq.nsmallest(2, image.find("cup"), key=lambda p: p.left)]
--- operator
import operator
from operator import attrgetter, itemgetter
pairs = [("b", 2), ("a", 3)]
return [sorted(pairs, key=itemgetter(0))[0][1], max(pairs, key=itemgetter(1))[0], operator.add(1, 2), operator.mul(3, 4), min(image.find("cup"), key=attrgetter("left")).left, operator.itemgetter(0, 1)("xy")[1]]
--- typing in many places
from typing import Any, Callable, Iterable, Union

def apply(f: Callable[[int], int], xs: Iterable[int]) -> Union[list, None]:
    result: list[Any] = [f(x) for x in xs]
    return result

def execute_command(image) -> Any:
    return apply(lambda x: x + 1, [1, 2])
--- alias of a hint
from typing import List, Tuple
Box = Tuple[int, int, int, int]
Boxes = List[Box]
return 1
""")

NUMPY = programs(r"""
--- mean of a list
import numpy as np
areas = [p.area for p in image.find("cup")]
return np.mean(areas)
--- float of a mean
import numpy as np
return round(float(np.mean([p.height for p in image.find("person")])), 2)
--- median and deviation
import numpy as np
x = [p.width for p in image.find("object")]
return [np.median(x), np.std(x), np.var(x), np.max(x), np.min(x), np.sum(x)]
--- by name
from numpy import array, mean
return [mean([1, 2, 3]), len(array([1, 2]))]
--- argmin over depths
import numpy as np
objects = image.find("object")
depths = [o.compute_depth() for o in objects]
return objects[np.argmin(depths)].simple_query("What is this?")
--- argmax over an array
import numpy as np
cups = image.find("cup")
areas = np.array([c.area for c in cups])
return cups[areas.argmax()]
--- argsort to order patches
import numpy as np
cups = image.find("cup")
order = np.argsort([-c.horizontal_center for c in cups])
return [cups[i].left for i in order]
--- distance of centres
import numpy as np
a, b = image.find("dog")
p = np.array([a.horizontal_center, a.vertical_center])
q = np.array([b.horizontal_center, b.vertical_center])
return np.linalg.norm(p - q)
--- distance by the formula
import numpy as np
a, b = image.find("dog")
return np.sqrt((a.left - b.left) ** 2 + (a.lower - b.lower) ** 2)
--- squares summed
import numpy as np
p, q = np.array([1, 2]), np.array([4, 6])
return np.sqrt(np.sum((p - q) ** 2))
--- mask
import numpy as np
areas = np.array([p.area for p in image.find("object")])
large = areas[areas > areas.mean()]
return [len(large), int(large.max()), bool((areas > 0).all()), np.sum(areas > 5000)]
--- where
import numpy as np
depths = np.array([p.compute_depth() for p in image.find("object")])
near = np.where(depths < 2.7)[0]
return [int(i) for i in near] + np.where(depths > 4, 1, 0).tolist()
--- unique colours
import numpy as np
colors = [p.simple_query("What color is this?") for p in image.find("cup")]
values, counts = np.unique(colors, return_counts=True)
return str(values[np.argmax(counts)])
--- centre of centres
import numpy as np
points = np.array([[p.horizontal_center, p.vertical_center] for p in image.find("cup")])
return points.mean(axis=0).tolist() + [points.shape[0], points[:, 0].max(), points[1][0], points[-1, 1]]
--- differences
import numpy as np
x = sorted(p.left for p in image.find("object"))
gaps = np.diff(x)
return [int(gaps.max()), int(np.argmax(gaps)), bool(np.all(gaps >= 0))]
--- elementwise functions
import numpy as np
x = np.array([1.0, -2.0, 3.5])
return np.abs(x).tolist() + np.clip(x, -1, 2).tolist() + np.round(x * 1.1, 1).tolist() + np.floor(x).tolist() + np.maximum(x, 0).tolist() + (x / 2 + 1).tolist()
--- histogram by hand
import numpy as np
bins = np.zeros(3, dtype=int)
for p in image.find("object"):
    bins[min(int(3 * p.horizontal_center / image.width), 2)] += 1
return bins.tolist()
--- ranges
import numpy as np
return np.arange(0, 10, 3).tolist() + np.linspace(0, 1, 5).tolist() + [len(np.ones(4))]
--- overlap with arrays
import numpy as np
a, b = image.find("table")[0], image.find("book")[1]
low = np.maximum([a.left, a.lower], [b.left, b.lower])
high = np.minimum([a.right, a.upper], [b.right, b.upper])
return int(np.prod(np.clip(high - low, 0, None)))
--- scalar functions
import numpy as np
return [np.sqrt(2), np.pi, np.floor(2.7), np.abs(-3), np.round(2.567, 1), np.hypot(3, 4), np.sign(-2), bool(np.isnan(np.nan)), np.inf > 5, np.power(2, 5)]
--- formatting results
import numpy as np
return f"{np.mean([1, 2]):.2f} {np.max([3, 4])} {np.sum([1, 2])}"
--- conditions on results
import numpy as np
if np.any([c.verify_property("cup", "blue") for c in image.find("cup")]) and not np.all([True, False]):
    return "blue"
return "none"
--- loop over an array
import numpy as np
total = 0
for i, x in enumerate(np.array([1, 2, 3])):
    total += i * x
return int(total)
--- arrays and lists
import numpy as np
return list(np.array([1, 2]) + [3, 4]) + sorted(np.array([3, 1])) + [sum(np.array([1, 2])), max(np.array([5, 9]))]
--- length mismatch
import numpy as np
return np.array([1, 2]) + np.array([1, 2, 3])
--- truth of an array
import numpy as np
if np.array([1, 2]) > 1:
    return 1
--- maximum of nothing
import numpy as np
return np.max([])
""")
