"""Programs that work on text: methods of strings, f-strings, the older ways of formatting, regular expressions."""

from __future__ import annotations

from tests.interpreter.ordinary.base import programs

STRINGS = programs(r"""
--- methods of case
s = "The Red cup"
return [s.lower(), s.upper(), s.title(), s.capitalize(), s.swapcase(), s.casefold()]
--- methods of trimming
s = "  xxabcxx\n"
return [s.strip(), s.lstrip(), s.rstrip(), s.strip().strip("x"), "yes.".rstrip("."), "prefix-a".removeprefix("prefix-"), "a.png".removesuffix(".png")]
--- splitting
s = "a,b,,c"
return s.split(",") + s.split(",", 1) + s.rsplit(",", 1) + "a b  c".split() + "x\ny\n".splitlines() + list("k=v=w".partition("=")) + list("k=v=w".rpartition("="))
--- joining
return [", ".join(["a", "b"]), "".join(c for c in "abc" if c != "b"), "-".join("xyz"), " ".join(sorted({"b", "a"}))]
--- finding
s = "hello world"
return [s.find("o"), s.rfind("o"), s.find("z"), s.index("w"), s.count("l"), s.startswith("hell"), s.endswith(("x", "ld")), s.find("o", 5)]
--- replacing
s = "one two two"
return [s.replace("two", "2"), s.replace("two", "2", 1), s.replace(" ", ""), s.replace("q", "z"), "abc".replace("", "-")]
--- tests of characters
return ["".join("01"[f(s)] for f in (str.isdigit, str.isalpha, str.isalnum, str.isspace, str.isupper, str.islower, str.isnumeric, str.istitle, str.isidentifier)) for s in ("12", "ab", "A1", " ", "AB", "Ab")]
--- padding
return ["7".zfill(3), "-7".zfill(4), "a".ljust(4, "."), "a".rjust(4), "a".center(5, "*"), "a\tb".expandtabs(4)]
--- indexing
s = "abcdef"
return [s[0], s[-1], s[1:4], s[::-1], s[::2], s[10:], s[:3] + s[3:]]
--- repetition
return ["-" * 10, 3 * "ab", "x" * 0, "y" * -2, "=" * len("title")]
--- concatenation in a loop
s = ""
for p in image.find("cup"):
    s += p.simple_query("What color is this?") + ";"
return s
--- comparison
return ["a" < "b", "Zebra" < "apple", "abc" == "ABC".lower(), "10" < "9", "" < "a"]
--- membership
answer = image.find("cat")[0].simple_query("What color is this?")
return bool_to_yesno("gr" in answer and "x" not in answer)
--- answer cleaned
answer = "  A Red  Cup. "
words = answer.strip().rstrip(".").lower().split()
return " ".join(w for w in words if w not in ("a", "an", "the"))
--- plural
def plural(word, n):
    if n == 1:
        return word
    if word.endswith(("s", "sh", "ch")):
        return word + "es"
    if word.endswith("y") and word[-2] not in "aeiou":
        return word[:-1] + "ies"
    return word + "s"
return [plural(w, 2) for w in ("cup", "dish", "city", "toy")] + [plural("cup", 1)]
--- numbers in words
words = {"one": 1, "two": 2, "three": 3}
text = "three cups and two dogs"
return sum(words.get(w, 0) for w in text.split())
--- palindrome
s = "Never odd or even".replace(" ", "").lower()
return s == s[::-1]
--- letters counted
s = "mississippi"
return [f"{c}{s.count(c)}" for c in sorted(set(s))]
--- triple quotes
text = '''line one
  line "two"
'''
return text.count("\n") + len(text.splitlines())
--- escapes
return ["tab\there", "quote\"s", 'it\'s', "back\\slash", r"raw\n", "\u00e9", "\x41", "a" "b"]
--- unicode
s = "Café ☕ 日本"
return [len(s), s.upper(), s[::-1], s.split()[1], "é" in s]
--- casting answers
return [str(True), str(None), str([1, "a"]), str({"a": (1,)}), str(1.50), repr("a'b"), repr('a"b')]
--- characters to numbers
return [int(c) for c in "2024"] + [sum(int(d) for d in str(98765))]
--- comparing normalised answers
def same(a, b):
    return a.strip().lower() == b.strip().lower()
return [same(" Red", "red "), same("red", "blue")]
--- text of patches
return str(image.find("cat")[0])
--- strings as conditions
answer = image.simple_query("Is it red?")
return {"yes": True, "no": False}.get(answer.lower(), None) is False
--- lstrip of characters
return ["xxyabc".lstrip("xy"), "0012".lstrip("0"), "...a...".strip(".")]
--- percent signs
return ["100%", "%d%%" % 50, f"{0.5:.0%}"]
--- title of words
return " ".join(w[0].upper() + w[1:] for w in "a red cup".split())
--- sorting words by length then alphabet
return sorted("the cat sat on a mat".split(), key=lambda w: (len(w), w))
""")

FORMATS = programs(r"""
--- plain fields
name, n = "cup", 3
return f"{n} {name}s, {n + 1} with {name!r} and {name.upper()}"
--- number formats
x = 1234.5678
return [f"{x:.2f}", f"{x:,.1f}", f"{x:10.1f}", f"{x:<10.1f}|", f"{x:^12.0f}|", f"{x:e}", f"{x:g}", f"{x:+.1f}", f"{-x:.0f}", f"{0.256:.1%}"]
--- integer formats
n = 255
return [f"{n:d}", f"{n:5d}", f"{n:05d}", f"{n:x}", f"{n:X}", f"{n:b}", f"{n:o}", f"{n:#x}", f"{n:,}", f"{1234567:_}", f"{n:+d}", f"{65:c}"]
--- text formats
s = "abc"
return [f"{s:>6}", f"{s:<6}|", f"{s:^7}", f"{s:*^7}", f"{s:.2}", f"{s:6.1}|", f"{s!s:>5}", f"{s!r:>7}", f"{s!a}"]
--- nested specification
width, precision, x = 10, 2, 3.14159
return [f"{x:{width}.{precision}f}", f"{x:.{precision}f}", f"{'ab':{'*'}^{width}}", f"{x:{'>'}{width}}"]
--- debugging fields
n = 3
return [f"{n=}", f"{n = }", f"{n*2=:d}", f"{'a'=!s}"]
--- expressions in fields
items = [1, 2, 3]
d = {"a": 1}
return [f"{sum(items)}", f"{items[0]}", f"{d['a']}", f"{len(items) > 2}", f"{'yes' if items else 'no'}", f"{[i * 2 for i in items]}", f"{(lambda x: x + 1)(1)}", f"{max(items):>3}"]
--- braces
n = 2
return [f"{{}}", f"{{{n}}}", "{}".format("{x}"), "{{}}".format()]
--- f-strings in sequence
return f"a{1}" "b" f"{2}c" 'd'
--- fields over lines
count = 3
return (
    f"There are {count} cups "
    f"and {count - 1} dogs"
)
--- triple quoted f-string
color = image.find("cup")[0].simple_query("What color is this?")
return f'''The cup
is {color}.'''
--- nested f-strings
names = ["a", "b"]
return f"<{', '.join(f'[{n}]' for n in names)}>"
--- fields of booleans and none
return f"{True} {None} {1.0} {[]} {()}"
--- format by position
return ["{} {}".format(1, "a"), "{1} {0}".format("x", "y"), "{0}{0}".format("z"), "{:>4}|{:<4}".format("a", "b"), "{0:.2f}".format(2.5)]
--- format by name
return "{name} is {color}, {n:03d}".format(name="cup", color="red", n=7)
--- format with attributes and items
dog = image.find("dog")[0]
return ["{0.left} {0.right}".format(dog), "{p.width}".format(p=dog), "{d[a]} {l[1]}".format(d={"a": 1}, l=[5, 6])]
--- format with nested widths
return "{:{w}.{p}f}|{:{}}|".format(2.5, "x", 4, w=8, p=1)
--- format with conversions
return "{!r} {!s} {x!r:>5}".format("a", "b", x="c")
--- format of stars
return ["{} {}".format(*[1, 2]), "{a}{b}".format(**{"a": 1, "b": 2})]
--- template in a variable
template = "Is there a {}?"
return [template.format(n) for n in ("cup", "dog")]
--- format as a key
return list(map("{}!".format, ["a", "b"]))
--- format builtin
return [format(3.14159, ".2f"), format(5, "03d"), format("a", ">3"), format(7), format(0.5, "%")]
--- percent formats
return ["%s" % "a", "%d cups" % 3, "%s and %s" % ("a", "b"), "%.2f" % 2.5, "%5d|" % 42, "%-5s|" % "ab", "%05.1f" % 2.25, "%x" % 255, "%r" % "q", "%+d" % 3, "%e" % 1234.5, "%c" % "z", "%i" % 3.9]
--- percent with names
return "%(name)s: %(n)d" % {"name": "cup", "n": 2, "unused": 0}
--- percent with a star
return "%*d|%.*f" % (5, 42, 1, 2.25)
--- percent with a list
return "%s %s" % ([1, 2], (3,))
--- table of text
rows = [("cup", 3), ("dog", 12)]
return "\n".join(f"{name:<6}{n:>4}" for name, n in rows)
--- rounding in formats
return [f"{x:.0f}" for x in (0.5, 1.5, 2.5)] + [f"{2.675:.2f}", f"{1e10:.3g}", f"{0.00001234:.2e}"]
""")

PATTERNS = programs(r"""
--- search
import re
found = re.search(r"(\d+) cups", "there are 12 cups")
return [found.group(1), found.group(), found.start(), found.end(), str(found.span())]
--- no match
import re
return "none" if re.match(r"\d", "abc") is None else "some"
--- findall
import re
return re.findall(r"\d+", "3 cups, 12 dogs and 7 cats") + ["".join(t) for t in re.findall(r"(\w)=(\d)", "a=1 b=2")]
--- sub
import re
return [re.sub(r"[^a-z ]", "", "a red, cup!"), re.sub(r"(\w+) (\w+)", r"\2 \1", "red cup"), re.sub("a", "b", "aaa", count=2), re.sub(r"\d", lambda m: str(int(m.group()) + 1), "a1b2")]
--- split
import re
return re.split(r"[,;]\s*", "a, b;c") + re.split(r"\s+", " x y ", maxsplit=1)
--- flags
import re
return [bool(re.search("RED", "a red cup", re.IGNORECASE)), len(re.findall(r"^\w", "a\nb\nc", flags=re.MULTILINE)), bool(re.fullmatch("a.b", "a\nb", re.DOTALL | re.I))]
--- compiled pattern
import re
pattern = re.compile(r"(?P<n>\d+)\s*(?P<unit>cm|m)")
m = pattern.search("about 25 cm wide")
return [m.group("n"), m.group("unit"), str(m.groups()), m.groupdict()["unit"], len(pattern.findall("1 m 2 cm")), pattern.sub("#", "3m")]
--- walrus with a match
import re
if (m := re.match(r"(yes|no)\b", "yes, it is")):
    return m.group(1)
return "unknown"
--- finditer
import re
return [m.start() for m in re.finditer("o", "foo boo")]
--- groups with nothing
import re
m = re.match(r"(a)?(b)", "b")
return [m.group(1) is None, m.group(2), len(m.groups())]
--- subscript of a match
import re
m = re.match(r"(\w+) (\w+)", "red cup")
return m[0] + "|" + m[2]
--- escape
import re
return re.findall(re.escape("a.b"), "a.b axb")
--- from import
from re import search, sub
return sub(r"\s+", " ", "a   b") if search("a", "cat") else "none"
--- words
import re
words = re.findall(r"\b[a-z]+\b", "The red cup, the blue cup.".lower())
return [w for i, w in enumerate(words) if w not in words[:i]]
--- subn
import re
text, n = re.subn("u", "o", "cup bug")
return f"{text} {n}"
--- error in a pattern
import re
try:
    re.compile("(")
except re.error as e:
    return "bad pattern"
""")
