"""Programs with idioms and slips that are frequent in what language models write."""

from __future__ import annotations

from tests.interpreter.ordinary.base import programs

IDIOMS = programs(r"""
--- decorated by a cache
from functools import lru_cache

@lru_cache(maxsize=None)
def count(name):
    return name.count("p") + 1

def execute_command(image):
    return [count(name) for name in ["cup", "apple", "cup"]]
--- decorated by a function
def twice(function):
    def wrapped(*args):
        return function(*args) * 2
    return wrapped

@twice
def size(patch):
    return patch.width

def execute_command(image):
    return size(image)
--- two decorators with arguments
def plus(n):
    return lambda function: lambda x: function(x) + n

@plus(1)
@plus(10)
def f(x):
    return x * 2

def execute_command(image):
    return f(3)
--- decorated entry point
def same(function):
    return function

@same
def execute_command(image):
    return "yes"
--- everything of a module
from math import *
from typing import *

def execute_command(image):
    sizes: List[float] = [sqrt(16), floor(2.5), pi > 3]
    return sizes
--- punctuation taken away
import string
text = "It's a cup, isn't it?"
return text.translate(str.maketrans("", "", string.punctuation)).lower().split()
--- characters exchanged
return ["abc".translate(str.maketrans("ab", "xy")), "abc".translate({97: "123", 98: None}), "abc".translate("".maketrans({"a": "z"}))]
--- table by a list
return "abc".translate(["x"] * 200) if False else "abc".translate({ord("a"): 98})
--- fields without numbers reach in
p = image.find("cup")[0]
return ["{.left}-{.right}".format(p, p), "{[0]} {[a]}".format([1], {"a": 2}), "{:{}}|{}".format("x", 4, "y"), "{} {name} {}".format(1, 2, name=3)]
--- fields with and without numbers
return "{} {1}".format(1, 2)
--- fields without numbers after numbers
return "{0} {}".format(1, 2)
--- field of a number
return "{[0]}".format(5)
--- base exception
try:
    return image.find("nothing")[0].simple_query("?")
except BaseException as error:
    return type(error).__name__
--- handlers of many kinds
try:
    return [][1]
except (FileNotFoundError, IOError, PermissionError):
    return "file"
except (KeyboardInterrupt, SystemExit, MemoryError):
    return "end"
except ModuleNotFoundError:
    return "module"
except Exception:
    return "other"
--- file error
raise FileNotFoundError("no such picture")
--- types of typing
from typing import Callable, Dict, Iterable, List
return [isinstance([1], List), isinstance({}, Dict), isinstance({}, List), isinstance([], Iterable), isinstance(3, Iterable), isinstance(len, Callable)]
--- member that is not there, not reached
cups = image.find("nothing")
return sorted(cups, key=lambda cup: cup.confidence) or "none"
--- member that is not there
return image.find("cup")[0].confidence
--- method that is not there
return image.find_all("cup")
--- member that is not there, caught
try:
    return image.label
except AttributeError as error:
    return str(error)
--- list methods of other languages
words = ["a"]
words.push("b")
--- length as a method
return [1, 2].length()
--- member of a module that is not there
import math
return math.average([1])
--- member of a module, caught
import math
try:
    return math.max(1, 2)
except AttributeError as error:
    return str(error)
--- member by name that is not there
try:
    return getattr(image, "label")
except AttributeError as error:
    return [str(error), getattr(image, "label", 3), hasattr(image, "label")]
--- member of a class that is not there
try:
    return str.push
except AttributeError as error:
    return str(error)
--- hasattr with a number
return hasattr(image, 3) if False else hasattr("a", "upper")
--- sum that stops at the first question
return sum(patch.simple_query("How many books?") for patch in image.find("cup"))
--- sum of many kinds
return [sum(x > 1 for x in [1, 2, 3]), sum([0.1] * 10), sum({1: 2, 3: 4}), sum([[1], [2]], []), sum(iter([1, 2])), sum([True, 2])]
--- sum of texts
return sum(["a", "b"], "")
--- sum of a text
return sum("12")
--- lines of a chain
return ("abc"
        .upper()
        .replace("A", 5)
        .strip())
--- lines of a chain of members
names = (image
         .find("cup")[0]
         .simple_query("What is it?")
         .split()
         .index("zzz"))
return names
--- join of nothing
return ", ".join(None)
--- join of a number
return ", ".join(5)
--- join of numbers
return ", ".join([1, 2])
--- groups of neighbours
from itertools import groupby
words = ["ant", "ape", "bee", "bat", "ash"]
return [key + ":" + ",".join(group) for key, group in groupby(words, key=lambda word: word[0])]
--- groups that are kept
from itertools import groupby
groups = list(groupby([1, 1, 2]))
return [[key, len(list(group))] for key, group in groups] == [[1, 0], [2, 0]]
--- groups half read
from itertools import groupby
return [next(group) for key, group in groupby([3, 3, 3, 1, 1])]
--- group of nothing
from itertools import groupby
return list(groupby([]))
--- divisions
a, b = 17, 5
a //= 3
return [a // b, divmod(-7, 2), -7 // 2, 7.5 // 2, divmod(7.5, 2)[0], int("ff", 16), int("11", base=2)]
--- slices that are assigned
xs = list(range(10))
xs[2:4] = (x * 10 for x in [7, 8, 9])
xs[::2] = [0] * len(xs[::2])
xs[:1] += [5]
del xs[-1]
return xs
--- slice of the wrong size
xs = [1, 2, 3, 4]
xs[::2] = (x for x in [1])
--- trial run with its result
def execute_command(image):
    return "yes"

if False:
    result = 1
--- reduce
from functools import reduce
return [reduce(lambda a, b: a + b, [1, 2, 3]), reduce(lambda a, b: a * b, range(1, 5), 2), reduce(max, iter([4, 9, 2]))]
--- reduce of nothing
from functools import reduce
return reduce(lambda a, b: a, [])
--- lazy iterators
from itertools import compress, dropwhile, filterfalse, islice, takewhile
xs = [5, 1, 4, 2, 3]
return [
    len(list(filter(None, [0, 1, 2]))), list(filterfalse(lambda x: x > 2, xs)) == [1, 2], list(islice(xs, 1, 4, 2)) == [1, 2],
    list(takewhile(lambda x: x > 4, xs)) == [5], list(dropwhile(lambda x: x > 2, xs))[0], list(compress(xs, [1, 0, 1])) == [5, 4],
    sum(1 for _ in filter(lambda x: x > 1, xs)), next(filter(lambda x: x > 9, xs), "none"),
]
--- counter methods
from collections import Counter
counts = Counter(["a", "b", "a"])
other = counts.copy()
other.subtract(["a"])
counts.update("bb")
return [counts.most_common(1)[0][0], sorted(other.elements()), str(counts), isinstance(counts, dict), list(map(Counter.most_common, [counts]))[0][0][0]]
--- sums of counters
from collections import Counter
a, b = Counter("aab"), Counter("bc")
return [type(a + b).__name__, isinstance(a - b, Counter), str(sorted((a | b).items())), (a & b).most_common(1)[0][0], a.__class__.__name__, len(list(Counter.elements(a)))]
--- mapping with a default as values of a format
from collections import defaultdict
return "%(a)s-%(b)s" % defaultdict(lambda: "none", a=1)
--- mapping of lists as values of a format
return "%(a)s %(b)5.1f %(c)r" % {"a": [1, "x"], "b": 2, "c": "t"}
--- functions called as types are
def int(a, b):
    return a - b

def execute_command(image):
    return int(5, 3)
--- types called with stars
return [str(*["a"]), int(*["12"]), int(*["ff", 16]), list(*["ab"])]
--- index of what is not there
return ["a"].index("b")
--- index of what is not in a deque
from collections import deque
return deque([1]).index(2)
--- escaped
import re
return re.sub(re.escape("a.b"), "x", "a.b acb")
--- floating mean
import statistics
return [statistics.fmean([1, 2]), statistics.mean([1, 2])]
--- flags
import re
return [bool(re.search("CUP", "a cup", re.I)), re.sub("^b", "x", "a\nb", flags=re.M | re.I), len(re.findall(r"\w+", "a b", flags=re.ASCII))]
--- numbers of arrays
import numpy as np
a = np.array([3.0, 1.0, 2.0])
return [np.percentile(a, 50), np.quantile([1, 2, 3, 4], 0.25), np.linalg.norm(a - 1, ord=2), bool(np.isclose(0.1 + 0.2, 0.3)), bool(np.allclose(a, a))]
--- truths of arrays
import numpy as np
a = np.array([1, 0, 2])
return [np.logical_and(a, [1, 1, 0]).tolist() == [True, False, False], np.logical_not(a).tolist()[1], int(np.logical_or(a, 0).sum()), len(np.append(a, [4, 5]))]
""")
