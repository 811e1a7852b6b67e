"""Attacks on memory by functions of modules."""

from __future__ import annotations

from tests.interpreter.attacks.base import Attack, family

_MODULES = family(
    "growth by modules",
    "takes gigabytes of memory, or the computing time that filling them takes",
    r"""
--- product of ranges
from itertools import product
return len(list(product(range(1000), repeat=10)))
--- product that is never read
from itertools import product
return str(product(range(10 ** 9), repeat=3))[:5]
--- permutations
from itertools import permutations
return len(list(permutations(range(100))))
--- combinations
from itertools import combinations
return len(list(combinations(range(200), 100)))
--- endless count
from itertools import count
return len(list(count()))
--- endless cycle
from itertools import cycle
return len(list(cycle([1])))
--- endless repetition
from itertools import repeat
return len(list(repeat(0)))
--- bounded repetition that is large
from itertools import repeat
return len(list(repeat(0, 10 ** 9)))
--- chain of endless ones
from itertools import chain, repeat
return len(list(chain.from_iterable(repeat([1, 2]))))
--- accumulation of strings
from itertools import accumulate, repeat
return len(list(accumulate(repeat('x' * 1000, 50000))))
--- accumulation that doubles
from itertools import accumulate, repeat
return len(list(accumulate(repeat('x', 60), lambda a, b: a + a))[-1])
--- tee that remembers
from itertools import tee, count
a, b = tee(count())
for x in a: pass
return 1
--- islice of a far place
from itertools import islice, count
return next(islice(count(), 10 ** 12, None))
--- zip of endless ones
from itertools import count
return len(list(zip(count(), count())))
--- groups
from itertools import groupby, count
return len(list(groupby(count())))
--- product of endless ones
from itertools import product, count
return next(product(count(), count()))
--- factorial
import math
return math.factorial(10 ** 8) % 10
--- binomial coefficient
import math
return math.comb(10 ** 8, 10 ** 7) % 10
--- permutations as a number
import math
return math.perm(10 ** 8) % 10
--- product of numbers
import math
return math.prod(range(1, 10 ** 6)) % 10
--- least common multiple
import math
return math.lcm(*range(1, 30000)) % 10
--- whole number of a large float | 309
import math
return len(str(int(1e308))) + math.floor(0.5)
--- elements of a counter
from collections import Counter
return len(list(Counter({'x': 10 ** 10}).elements()))
--- counters added
from collections import Counter
c = Counter(range(1000))
for _ in range(60): c += Counter({k + len(c): 1 for k in c})
return len(c)
--- defaultdict that makes itself
from collections import defaultdict
def make(): return defaultdict(make)
d = make()
for i in range(99999): d = d[i]
return len(d)
--- deque doubling
from collections import deque
d = deque([0])
for _ in range(60): d.extend(list(d))
return len(d)
--- deque extended by itself
from collections import deque
d = deque([0])
for _ in range(60): d += d
return len(d)
--- deque repetition
from collections import deque
return len(deque([0]) * 10 ** 9)
--- deque rotation | 0
from collections import deque
d = deque(range(1000))
d.rotate(10 ** 18)
return 0
--- cache without a bound
from functools import lru_cache
f = lru_cache(maxsize=None)(lambda n: [0] * 10000)
for i in range(90000): f(i)
return 1
--- reduction that doubles
from functools import reduce
return len(reduce(lambda a, _: a + a, range(60), [0]))
--- reduction by an operator
from functools import reduce
from operator import add, mul
return reduce(mul, [7 ** 1000] * 1000) % 10
--- concatenation by operators
from functools import reduce
from operator import concat
return len(reduce(concat, [[0] * 1000] * 100000))
--- operators in place
from operator import iadd, imul
a = [0]
for _ in range(60): iadd(a, a)
return len(a)
--- operator power
from operator import pow
return pow(7, 10 ** 9)
--- heap that grows for ever
import heapq
h = [0]
for x in h: heapq.heappush(h, x + 1)
return 1
--- merge of endless ones
import heapq
from itertools import count
return heapq.nlargest(3, count())[0]
--- mean of a range
import statistics
return statistics.mean(range(10 ** 9))
--- mean of huge integers | True
import statistics
return statistics.mean([10 ** 4000] * 50000) > 1
--- median of endless values
import statistics
from itertools import count
return statistics.median(count())
--- standard deviation of fractions
import statistics
return statistics.stdev([x / 7 for x in range(90000)] * 10) > 0
--- array of ones
import numpy as np
return len(np.zeros(10 ** 10))
--- array range
import numpy as np
return len(np.arange(10 ** 10))
--- array in two dimensions
import numpy as np
return len(np.ones((10 ** 5, 10 ** 5)))
--- array of an endless iterator
import numpy as np
from itertools import count
return len(np.array(count()))
--- array of points
import numpy as np
return len(np.linspace(0, 1, 10 ** 10))
--- array doubling
import numpy as np
a = np.array([1])
for _ in range(60): a = np.array(list(a) + list(a))
return len(a)
--- array powers
import numpy as np
a = np.array([7])
for _ in range(60): a = a * a
return int(a[0]) % 10
--- array cumulative product
import numpy as np
return int(np.prod([7 ** 1000] * 5000)) % 10
""",
)

ATTACKS: list[Attack] = [*_MODULES]
