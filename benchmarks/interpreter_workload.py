"""The programs that `interpreter.py` measures with, and the perception that answers them.

Every program is about ten lines long, makes five perception calls and returns text. They keep to the Python that all measured
designs understand: no call inside a key function, for one.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from string import Template
from typing import Any

SIZE = (640, 480)
CALLS = 5
DEEP_CALLS = 25

# $a to $d are names of variables, $x and $y of things, $p of a property, $m and $n numbers, $o a name of a function.
_TEMPLATES = (
    # A loop with a condition and a counter.
    """\
def execute_command(image):
    $a = image.find("$x")
    $b = 0
    for $c in $a:
        if $c.verify_property("$x", "$p") or $c.left > $m:
            $b += 1
    if image.exists("$y"):
        $b = $b + $n
    $d = image.simple_query("How many $x are $p?")
    return str($b) + " " + $d
""",
    # A chain of conditions.
    """\
def execute_command(image):
    $a = image.exists("$x")
    $b = image.exists("$y $p")
    $c = image.simple_query("Is there a $p $x number $m?")
    if not $a:
        return "no"
    elif $b and $c == "blue":
        $d = image.find("$y")[0].simple_query("What color is it?")
    else:
        $d = image.find("$x")[-1].simple_query("What is it made of?")
    return "$y: " + $d
""",
    # Sorting by a coordinate.
    """\
def execute_command(image):
    $a = image.find("$p $x")
    $a.sort(key=lambda $o: $o.horizontal_center + $m)
    $b = $a[0]
    $c = $a[-1]
    $d = [$b.simple_query("What is the $x?"), $c.simple_query("Which $y?")]
    if $b.right > $c.left - $n:
        $d.append("near")
    $d.append(bool_to_yesno(image.verify_property("$x", "$p")))
    return ", ".join($d) + bool_to_yesno(image.exists("$y"))
""",
    # Comprehensions over two searches.
    """\
def execute_command(image):
    $a = [$o for $o in image.find("$x") if $o.width > $m % 10]
    $b = [$o for $o in image.find("$y") if $o.lower >= 0]
    $c = {$o.left: $o.upper for $o in $a + $b}
    $d = max([$o.area for $o in $a] + [$n])
    if len($a) == len($b):
        $d = $d - sum($c.values())
    if image.exists("$p $x") and image.exists("$p $y"):
        return image.simple_query("What is left of the $x?")
    return str($d)
""",
    # A helper function of the program's own.
    """\
def $o(patch, $a, $b=$m):
    if patch.verify_property($a, "$p"):
        return patch.horizontal_center + $b
    return patch.vertical_center - $n

def execute_command(image):
    $c = [$o(patch, "$x") for patch in image.find("$x")]
    $d = image.find("$y")
    if distance($c[0], $c[1]) > $m and len($d) < 3:
        return $d[0].simple_query("What is this $y?")
    return image.simple_query("What is behind the $x?")
""",
    # A loop that ends itself, and parts of the picture.
    """\
def execute_command(image):
    $a = image.width // 2
    $b = image.crop(0, 0, $a, image.height)
    $c, $d = [], 0
    while $d < 3:
        $c.append($b.simple_query("What is at place " + str($d + $m) + "?"))
        $d = $d + 1
    if $b.exists("$x") and $n > len($c):
        $c.append("$y")
    return f"{$c[0]} and {$c[-1]}: " + bool_to_yesno(image.verify_property("$x", "$p"))
""",
    # An exception that is handled, and counting in a dictionary.
    """\
def execute_command(image):
    $a = {"$x": $m}
    for $b in image.find("$x") + image.find("$y"):
        $a[str($b.left)] = $a.get(str($b.left), 0) + 1
    try:
        $c = int("$p") * $n
    except ValueError:
        $c = len($a)
    if image.compute_depth() > $c:
        return image.simple_query("What is far away?")
    return image.best_text_match(["$x", "$y", "$p"]) + str(image.verify_property("$y", "$p"))
""",
    # Text from several answers.
    """\
def execute_command(image):
    $a, $b = image.find("$x $p")
    $c = $a.simple_query("What color is the $x?").upper()
    $d = $b.simple_query("What color is the $y?").split(" ")
    if $a.overlaps_with($b.left, $b.lower, $m, $n):
        $c = $c + "s"
    for $o in $d:
        if $o in ["red", "$p"]:
            $c = $c.replace("R", "r", 1)
    return f"{$c} {$d[0]:>6} {$a.exists('$x')} " + $b.best_text_match(["$p", "not $p"])
""",
    # Depth and relations.
    """\
def execute_command(image):
    $a = image.find("$x")
    $b = $a[0].compute_depth() * $m
    $c = $a[1].compute_depth() * $m + $n
    if $b < $c:
        $d = $a[0].related("left of", "$y")
    else:
        $d = $a[1].related("on", "$y")
    for $o in $d:
        if $o.left > 20:
            return $o.simple_query("What $p thing is this?")
    return "nothing"
""",
    # Conditions on all and any.
    """\
def execute_command(image):
    $a = image.find("$p $x")
    $b = [$o.verify_property("$x", "$p") for $o in $a]
    $c = image.simple_query("Which $y is it?")
    if all($b):
        $d = "all"
    elif any($b):
        $d = "some of " + str(len($a) + $m)
    else:
        $d = "none"
    return $d + ("!" if image.exists("$y") else "?") + $c[:$n]
""",
)

_DEEP = Template(
    "def execute_command(image):\n    $a, $c = [], $b\n"
    + "".join(f'    $a.append(image.verify_property("$x", "$p {i}"))\n' for i in range(CALLS))
    + "    if $c:\n"
    + "".join(f'        $a.append(image.verify_property("$y", "$p {i}"))\n' for i in range(DEEP_CALLS - CALLS))
    + "    return str(len($a))\n"
)

_THINGS = "cup dog chair table lamp horse bottle shirt truck bench tree plate kite clock sofa bird fence ball phone".split()
_PROPERTIES = "red small wooden round old striped tall metal open wet dark plastic young empty white heavy".split()
_STEMS = "patch count found result side best left_one item thing answer region box first other group value".split()
_COLORS = ("red", "blue", "dark green", "white")
_BOXES = [(10, 10, 130, 140), (250, 60, 300, 220)]


def fresh(seed: int) -> Iterator[str]:
    """Programs without end, no two alike: the templates in turn, with names, texts and numbers changed."""
    draw = random.Random(seed)
    templates = [Template(text) for text in _TEMPLATES]
    seen: set[str] = set()
    while True:
        for template in templates:
            source = template.substitute(_words(draw))
            if source not in seen:
                seen.add(source)
                yield source


def deep(seed: int, count: int) -> tuple[list[str], list[str]]:
    """Pairs of programs that differ in nothing but the calls that they make: five and twenty-five."""
    draw = random.Random(seed)
    words = [_words(draw) for _ in range(count)]
    return [_DEEP.substitute(w, b=False) for w in words], [_DEEP.substitute(w, b=True) for w in words]


def _words(draw: random.Random) -> dict[str, str]:
    names = [f"{stem}_{draw.randrange(1000)}" for stem in draw.sample(_STEMS, 5)]
    things = [f"{thing} {draw.randrange(100)}" for thing in draw.sample(_THINGS, 2)]
    numbers = {"m": str(draw.randrange(1, 1000)), "n": str(draw.randrange(1, 1000))}
    return (
        dict(zip("abcdo", names, strict=True)) | dict(zip("xy", things, strict=True)) | {"p": draw.choice(_PROPERTIES)} | numbers
    )


def reply(operation: str, box: Sequence[int], arguments: Sequence[Any]) -> Any:
    """What perception says: no model, about a microsecond."""
    if operation in ("detect", "relate"):
        return _BOXES
    if operation == "answer":
        return _COLORS[len(arguments[0]) % 4]
    if operation == "verify":
        return len(arguments[1]) % 2 == 0
    if operation == "similarity":
        return [float(len(text)) for text in arguments[0]]
    return float(box[0])
