"""Programs for the comparison of the two engines: bodies of `execute_command`, or whole programs."""

from __future__ import annotations

from tests.interpreter.attacks.base import program

_BODIES: dict[str, str] = {
    # Answers.
    "find": "return len(image.find('cup'))",
    "patch": "return image.find('cup')[0]",
    "patches": "return image.find('cup')",
    "crop": "return image.crop(20, 20, 90, 70).crop(30, 30, 95, 75)",
    "text": "return image.simple_query('what') + ' thing'",
    "unicode": "größe = 'größer ✓'\nreturn größe.upper()",
    "key with a call": "return max(image.find('cup'), key=lambda p: p.compute_depth())",
    "sort with a call": "return [p.left for p in sorted(image.find('cup'), key=lambda p: -p.compute_depth())]",
    "perception in a generator": "return [s for s in (p.simple_query('a') for p in image.find('cup'))]",
    "best": "return [image.best_text_match(['a', 'abc']), best_image_match(image.find('cup'), ['ab'], return_index=True)]",
    "relation": "return len(image.related('on', 'cup', role='object'))",
    "distance": "a, b = image.find('cup')\nreturn [distance(a, b), distance(a, a), distance(3, 5)]",
    "numbers": "return [7 // -2, 7 % -2, 2 ** 40, 1 / 3, round(2.5), 10 ** 15 / 7]",
    "floats as text": "return f'{1/3} {1e22} {1e-7:.3g} {2.5:08.3f} {-0.0} {1234567.891:,.2f}'",
    "formats": "return '{:>6}|{:^7}|{!r}'.format('ab', 3, 'x') + '%5.1f|%-4d|%s' % (2.25, 7, [1])",
    "strings": "return 'a,b,,c'.split(',') + 'X y'.partition(' ')[::-1][:2] + ['ab'.rjust(5, '.'), 'aXb'.swapcase()]",
    "unpacking": "first, *rest = range(5)\na, (b, c) = 1, (2, 3)\nreturn [first, *rest, a, b, c]",
    "closures": "def make(n):\n    def f(x):\n        nonlocal n\n        n += x\n        return n\n    return f\nf = make(3)\nreturn [f(1), f(2)]",
    "generators": "def g():\n    x = yield 1\n    yield from [2, 3]\nreturn list(g())",
    "match": "match [1, {'a': 'x'}]:\n    case [int(), {'a': name}]:\n        return name\n    case _:\n        return 'no'",
    "walrus": "if (n := len(image.find('cup'))) > 1:\n    return n\nreturn -1",
    "modules": "import math, re, itertools, functools, collections, statistics\nreturn [math.floor(2.7), re.sub('a+', 'b', 'caat'), "
    "list(itertools.chain([1], [2]))[1], functools.reduce(lambda a, b: a * b, [1, 2, 3]), "
    "collections.Counter('aab').most_common(1)[0][0], statistics.median([1, 5, 2])]",
    "numpy": "import numpy as np\nreturn [np.mean([1, 2, 4]), int(np.argmax(np.array([1, 9, 3]))), float(np.std([1, 2, 3]))]",
    "exceptions": "try:\n    [][1]\nexcept IndexError as error:\n    return str(error)\nfinally:\n    print('done')",
    "for and else": "for i in range(3):\n    if i == 5:\n        break\nelse:\n    return 'else'",
    "sets of numbers": "return list({5, 1, 3, 1})",
    "dictionaries": "d = {'b': 1, 'a': 2}\nd |= {'c': 3}\nreturn [f'{k}{v}' for k, v in d.items()]",
    "printing": "print('a', 1, sep='-', end='!')\nprint([1.5, 'x'])\nreturn 1",
    "surrogate": "return 'x\\ud800'",
    "large": "return sum(i * i for i in range(20000))",
    # Errors.
    "index": "x = 1\nreturn image.find('cup')[7]",
    "zero": "return 1 / (image.left - image.left)",
    "attribute of none": "return best_image_match([], ['a']).left",
    "name": "return image_pach",
    "type": "return 'a' + 1",
    "missing argument": "return image.find()",
    "key": "return {'a': 1}['b']",
    "assertion": "assert 1 > 2, 'no'",
    "raised": "raise ValueError('a\\nb')",
    "empty": "return max([])",
    "unhashable": "return {[1]: 2}",
    "none": "pass",
    "dict": "return {'a': 1}",
    "not finite": "return float('nan')",
    "perception": "try:\n    return image.simple_query('?')\nexcept Exception:\n    return 'caught'",
    # Not the language.
    "syntax": "return (1",
    "return outside": "def execute_command(image):\n    return 1\nreturn 2",
    "global after use": "x = 1\nglobal x\nreturn x",
    "null byte": "x = '\0'\nreturn x",
    "rejected attribute": "return image.__class__.__mro__",
    "rejected module": "import os\nreturn os.environ",
    "rejected class": "class A:\n    pass\nreturn 1",
    # As deep as can be, and deeper, which CPython 3.12 and later would write past the end of an array for.
    "comprehensions in comprehensions": "x = " + "[" * 20 + "1" + " for i in [1]]" * 20 + "\nreturn len(x)",
    "too many comprehensions": "x = " + "[" * 21 + "1" + " for i in [1]]" * 21 + "\nreturn len(x)",
    "comprehensions in handlers": "try:\n    return 1 / 0\nexcept ZeroDivisionError as e:\n    x = "
    + "{0: " * 18
    + "1"
    + " for i in [1]}" * 18
    + "\n    return len(x)",
    "too many comprehensions in handlers": "try:\n    return 1 / 0\nexcept ZeroDivisionError as e:\n    x = "
    + "{0: " * 19
    + "1"
    + " for i in [1]}" * 19
    + "\n    return len(x)",
    "no entry point": "def execute_command(image):\n    return 1\ndel execute_command",
    # Limits.
    "steps": "while True:\n    pass",
    "swallowed steps": "while True:\n    try:\n        while True: pass\n    except Exception:\n        pass",
    "calls": "for i in range(300):\n    image.exists('x')",
    "big integer": "return 7 ** 10 ** 9",
    "big string": "return len('x' * 10 ** 10)",
    "big list": "x = [0]\nwhile True:\n    x = x + x",
    "output": "for i in range(1000):\n    print('words and words')",
    "long answer": "return 'x' * 3000",
}
PROGRAMS = {name: program(body) for name, body in _BODIES.items()}

NESTED_ITERATORS = "from itertools import chain\nx = [1]\nfor _ in range(90000):\n    x = chain(x)\nreturn len(list(x))"

DIFFERENCES: dict[str, tuple[str, str, object]] = {
    # Sets order strings by their hashes, and CPython hashes them in another way on 32-bit platforms. The order is the same in
    # every build of the engine, which is what this test is for.
    "order of sets of strings": ("return list({'red', 'green', 'blue', 'cat', 'dog', 'left'})", "answered",
                                 ["blue", "left", "red", "dog", "green", "cat"]),
    # C code may recurse deeper here, and the parser less deep.
    "deep equality": ("x = []\ny = []\nfor i in range(5000):\n    x, y = [x], [y]\nreturn x == y", "answered", True),
    "parentheses": ("return " + "(" * 150 + "1" + ")" * 150, "syntax_error", "SyntaxError"),
    # Sizes are 32-bit numbers.
    "wide index": ("from collections import deque\nd = deque([1, 2])\nd.rotate(2 ** 40)\nreturn len(d)", "runtime_error",
                   "OverflowError"),
    # Whatever C code overflows the stack ends here, not in a process that is gone.
    "iterators in iterators": (NESTED_ITERATORS, "runtime_error", "InterpreterCrash"),
}  # fmt: skip
"""What ends otherwise in the process engine: body, status, and answer or type of the error."""
