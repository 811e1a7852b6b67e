"""Templates of yes/no questions on what there is in the picture."""

from __future__ import annotations

from vispro_gym.datasets.mini.gqa.catalogue import (
    ALWAYS_PLURAL,
    ATTRIBUTE_CATEGORY,
    PLACES,
    category,
    plural,
    related,
)
from vispro_gym.datasets.mini.gqa.programs import Program, Step, both, then
from vispro_gym.datasets.mini.gqa.questions import Asker
from vispro_gym.datasets.mini.gqa.recipes import CARRIED, FLOOR_GROUPS, ON_WALLS, SURFACES
from vispro_gym.datasets.mini.gqa.references import adjective, article, be, is_predicate, operation


def absent_names(asker: Asker) -> list[str]:
    """Things that could well be in such a picture but are not, nor anything that somebody might call so."""
    place = next(str(thing["name"]) for thing in asker.objects.values() if thing["name"] in PLACES)
    required, optional = FLOOR_GROUPS[place]
    candidates = [*required, *optional, *ON_WALLS.get(place, ()), *(carried.name for carried in CARRIED[place])]
    for name in (*required, *optional):
        if name in SURFACES:
            candidates += SURFACES[name].items
    candidates += ["shirt", "pants", "hat", "dress", "shorts", "skirt"]
    taken = set(asker.present)
    for name in asker.present:
        taken |= {category(name), *related(name)}
    return [name for name in dict.fromkeys(candidates) if name and name not in taken]


def _select(name: str, key: str) -> Program:
    return (Step("select", f"{name} ({key})"),)


def existence(asker: Asker) -> None:
    """exist, existC, existAttr, existMaterial, existThat, existAttrNot (each with C)."""
    for name in asker.rng.sample(asker.present, min(3, len(asker.present))):
        key = next(key for key in asker.things if asker.names[key] == name)
        program = then(_select(name, key), "exist", "?")
        asker.ask(
            "exist",
            _is_there(asker, f"{{{key}|{name}}}", f"{{{key}|{plural(name)}}}", name),
            program,
            f"Yes, there {be(name)} {article(f'{{{key}|{name}}}')}.",
            None,
            f"03-{name}",
        )
    absent = absent_names(asker)
    for name in asker.rng.sample(absent, min(3, len(absent))):
        program = then(_select(name, "-"), "exist", "?")
        asker.ask(
            "existC", _is_there(asker, name, plural(name), name), program, f"No, there are no {plural(name)}.", None, f"03-{name}"
        )
    for key in asker.rng.sample(asker.things, min(4, len(asker.things))):
        _existence_with(asker, key)


def _is_there(asker: Asker, one: str, many: str, name: str) -> str:
    where = asker.phrase("", "", " in the picture", " in the image")
    if name in ALWAYS_PLURAL:
        return asker.phrase(f"Are there any {many}{where}?", f"Do you see any {many}{where}?")
    return asker.phrase(f"Is there {article(one)}{where}?", f"Are there any {many}{where}?", f"Do you see {article(one)}{where}?")


def _existence_with(asker: Asker, key: str) -> None:
    """Existence of a thing with an attribute, true and false."""
    name = asker.names[key]
    noun = f"{{{key}|{name}}}"
    for own in asker.objects[key]["attributes"]:
        rivals = asker.rivals(key, own)
        kind = {"material": "existMaterial"}.get(ATTRIBUTE_CATEGORY[own], "existThat" if is_predicate(own) else "existAttr")
        for value, detailed in ((own, kind), *((rival, f"{kind}C") for rival in asker.rng.sample(rivals, min(1, len(rivals))))):
            program = then(then(_select(name, key), operation("filter", value), value), "exist", "?")
            if is_predicate(value):
                said = f"{article(noun)} that is {value}"
                text = asker.phrase(f"Is there {said}?", f"Do you see {said}?")
                yes = f"Yes, there is {article(noun)} that is {value}."
            else:
                one = f"{{{key}|{adjective(value)} {name}}}"
                text = _is_there(asker, one, f"{{{key}|{adjective(value)} {plural(name)}}}", name)
                yes = f"Yes, there {be(name)} {article(one)}."
            no = f"No, there {be(name)} {article(noun)} but {'they are' if name in ALWAYS_PLURAL else 'it is'} {adjective(own)}."
            asker.ask(detailed, text, program, no if detailed.endswith("C") else yes, None, f"04-{name}_{value}")
            if ATTRIBUTE_CATEGORY[value] == "color" and name not in ALWAYS_PLURAL:
                program = then(then(_select(name, key), operation("filter", value), f"not({value})"), "exist", "?")
                # The thing is of the color "own": "not red" is false of a red thing and true of another.
                asker.ask(
                    "existAttrNotC" if value == own else "existAttrNot",
                    f"Is there {article(noun)} that is not {value}?",
                    program,
                    no if value == own else f"Yes, there is {article(f'{{{key}|{own} {name}}}')}.",
                    None,
                    f"04-{name}_n#{value}",
                )


def two_existences(asker: Asker) -> None:
    """existAnd, existOr (each with C)."""
    absent = absent_names(asker)
    for _ in range(2):
        here = asker.rng.sample(asker.present, 2)
        missing = asker.rng.sample(absent, 2)
        _pair(asker, here[0], here[1], "existAnd", "and")
        for detailed, mixed, word in (("existAndC", (here[0], missing[0]), "and"), ("existOr", (here[1], missing[1]), "or")):
            first, second = asker.rng.sample(mixed, 2)
            _pair(asker, first, second, detailed, word)
        _pair(asker, missing[0], missing[1], "existOrC", "or")


def _pair(asker: Asker, first: str, second: str, detailed: str, word: str) -> None:
    parts, marked = [], []
    for name in (first, second):
        key = next((key for key in asker.things if asker.names[key] == name), "-")
        parts.append(then(_select(name, key), "exist", "?"))
        marked.append((name if key == "-" else f"{{{key}|{name}}}", plural(name) if key == "-" else f"{{{key}|{plural(name)}}}"))
    (one, many), (other, others) = marked
    both_word = "both" if word == "and" else "either"
    wordings = [f"Are there {both_word} {many} {word} {others}?", f"Do you see {both_word} {many} {word} {others}?"]
    if not {first, second} & ALWAYS_PLURAL:
        wordings.append(f"Are there {both_word} {article(one)} {word} {article(other)} in the picture?")
    full = {
        "existAnd": f"Yes, there are both {article(one)} and {article(other)}.",
        "existAndC": f"No, there are no {others if '{' in one else many}.",
        "existOr": f"Yes, there is {article(one if '{' in one else other)}.",
        "existOrC": f"No, there are no {many} or {others}.",
    }[detailed]
    local = f"09{detailed.removesuffix('C')}-{first}_{second}"
    asker.ask(detailed, asker.phrase(*wordings), both(parts[0], parts[1], word), full, None, local)


TEMPLATES = (existence, two_existences)
"""All templates of this file."""
