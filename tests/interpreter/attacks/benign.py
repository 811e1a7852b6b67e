"""Ordinary programs without number, of a dozen forms, for tests that compare results."""

from __future__ import annotations

import random

THINGS = "cup plate book dog cat table chair lamp window car tree person".split()
COLOURS = "red blue green brown white black".split()

_FORMS = (
    "found = image.find('{a}')\nreturn len(found) + {n}",
    "return bool_to_yesno(image.exists('{a}') and not image.exists('{b}'))",
    "best = None\nfor patch in image.find('{a}') + image.find('{b}'):\n"
    "    if best is None or patch.left > best.left:\n        best = patch\n"
    "return 'none' if best is None else best",
    "left = image.crop(0, 0, image.width // 2, image.height)\nreturn [left.exists('{a}'), left.width, '{c}']",
    "counts = {{}}\nfor name in ['{a}', '{b}', '{a}']:\n    counts[name] = counts.get(name, 0) + len(image.find(name))\n"
    "return ', '.join(f'{{k}}={{v:>{w}}}' for k, v in sorted(counts.items()))",
    "patches = sorted(image.find('{a}') + image.find('{b}'), key=lambda p: (p.compute_depth(), p.left))\n"
    "return [p.horizontal_center for p in patches]",
    "import math\ntotal = sum(math.sqrt(i) for i in range({n}))\nprint('total', round(total, 3))\nreturn round(total, 2)",
    "def count(name, depth):\n    return len(image.find(name)) if depth == 0 else count(name, depth - 1)\n"
    "return count('{a}', {w})",
    "try:\n    return image.find('{a}')[{n}].left\nexcept IndexError as error:\n    return f'{{error}} {n}'",
    "return image.find('{b}')[{n}]",
    "x = {n}\nwhile x > 1:\n    x = x // 2 if x % 2 == 0 else 3 * x + 1\n    print(x)\nreturn {{'a': x}}",
    "return image.best_text_match(['{c}', '{a} {c}', '{b}'], prefix='a {n}')",
    "from collections import Counter\nnames = [image.simple_query('{n}' + w) for w in 'abc']\n"
    "return Counter(names).most_common(1)[0][0]",
    "match len(image.find('{a}')):\n    case 0:\n        return 'none'\n    case 1 | 2:\n        return 'few {n}'\n"
    "    case many:\n        return many",
    "seen = set()\nfor i in range({n}):\n    for j in range({w}):\n        seen.add(i * j % 17)\n"
    "assert len(seen) < 15, f'{{len(seen)}} of {n}'\nreturn list(seen)",
    "return undefined_{a}_{n}",
)  # fmt: skip


def benign_program(seed: int) -> str:
    """An ordinary program: always the same for a seed."""
    rng = random.Random(seed)
    a, b = rng.sample(THINGS, 2)
    body = _FORMS[seed % len(_FORMS)].format(a=a, b=b, c=rng.choice(COLOURS), n=rng.randrange(1, 200), w=rng.randrange(1, 9))
    return "def execute_command(image):\n" + "".join(f"    {line}\n" for line in body.split("\n"))
