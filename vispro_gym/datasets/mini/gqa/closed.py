"""Templates of yes/no questions on attributes, relations, the whole picture, and pairs of things."""

from __future__ import annotations

from vispro_gym.datasets.mini.gqa.catalogue import (
    ALWAYS_PLURAL,
    ATTRIBUTE_CATEGORY,
    KINDS,
    PEOPLE,
    PLACES,
    category,
    plural,
)
from vispro_gym.datasets.mini.gqa.existence import absent_names
from vispro_gym.datasets.mini.gqa.programs import Program, Step, both, then
from vispro_gym.datasets.mini.gqa.questions import Asker
from vispro_gym.datasets.mini.gqa.recipes import WEATHERS
from vispro_gym.datasets.mini.gqa.references import LINKED, Reference, adjective, article, be, is_predicate, operation


def attributes(asker: Asker) -> None:
    """verifyAttr, verifyAttrK, materialVerify, positionVerify, verifyAttrs, verifyAttrAnd (each with C)."""
    for key in asker.rng.sample(asker.things, min(4, len(asker.things))):
        for own in asker.objects[key]["attributes"]:
            reference = asker.describer.any(key, without=ATTRIBUTE_CATEGORY[own])
            if reference is not None:
                rivals = asker.rivals(key, own)
                for value in (own, *asker.rng.sample(rivals, min(1, len(rivals)))):
                    _attribute(asker, reference, value, own)
        reference = asker.describer.any(key, without="position")
        if reference is not None:
            _position(asker, reference)
        _two_attributes(asker, key)
    for _ in range(3):
        _attribute_of_two(asker)


def _attribute(asker: Asker, ref: Reference, value: str, own: str) -> None:
    suffix = "" if value == own else "C"
    program = then(ref.program, operation("verify", value), value)
    noun, local = f"{{{ref.key}|{ref.name}}}", f"06-{ref.name}_{value}"
    start, full = be(ref.name).capitalize(), f"{'No' if suffix else 'Yes'}, the {noun} {be(ref.name)} {adjective(own)}."
    if ATTRIBUTE_CATEGORY[value] == "material":
        full = full.replace(f"{adjective(own)}.", f"made of {own}.")
        text = asker.phrase(f"{start} {ref.the} made of {value}?", f"{start} {ref.the} made out of {value}?")
        asker.ask(f"materialVerify{suffix}", text, program, full, None, local)
    elif asker.rng.random() < 0.6:
        asker.ask(f"verifyAttr{suffix}", f"{start} {ref.the} {value}?", program, full, None, local)
    else:
        do = "Do" if ref.name in ALWAYS_PLURAL else "Does"
        look = asker.phrase("look", "seem to be", "appear to be")
        asker.ask(f"verifyAttrK{suffix}", f"{do} {ref.the} {look} {value}?", program, full, None, local)


def _position(asker: Asker, ref: Reference) -> None:
    start, noun = be(ref.name).capitalize(), f"{{{ref.key}|{ref.name}}}"
    word = asker.rng.choice(("left", "right", "top", "bottom"))
    opposite = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}[word]
    axis = "hposition" if word in ("left", "right") else "vposition"
    part = f"on the {word} side" if axis == "hposition" else f"in the {word} part"
    program = then(ref.program, f"verify {axis}", word)
    where = "on the" if axis == "hposition" else "in the"
    text = asker.phrase(f"{start} {ref.the} {part} of the picture?", f"{start} {ref.the} {part} of the image?")
    for suffix, fact in (("", word), ("C", opposite)):
        full = f"{'No' if suffix else 'Yes'}, the {noun} {be(ref.name)} {where} {fact} of the image."
        asker.ask(f"positionVerify{suffix}", text, program, full, None, f"06-{ref.name}_{word}")


def _two_attributes(asker: Asker, key: str) -> None:
    own = [value for value in asker.objects[key]["attributes"] if not is_predicate(value)]
    if len(own) < 2:
        return
    first, second = asker.rng.sample(own, 2)
    ref = asker.describer.plain(key) if asker.rng.random() < 0.7 else asker.describer.any(key)
    if ref is None or ref.value in (first, second):
        return
    noun = f"{{{key}|{ref.name}}}"
    for detailed, value in (("verifyAttrs", second), ("verifyAttrsC", asker.rng.choice(asker.rivals(key, second)))):
        pair = [first, value]
        asker.rng.shuffle(pair)
        at = len(ref.program) - 1
        program = (
            *ref.program,
            Step(operation("verify", pair[0]), pair[0], (at,)),
            Step(operation("verify", pair[1]), pair[1], (at,)),
            Step("and", "", (at + 1, at + 2)),
        )
        words = [adjective(value) for value in pair]
        text = asker.phrase(
            f"{be(ref.name).capitalize()} {ref.the} {words[0]} and {words[1]}?",
            f"{'Do' if ref.name in ALWAYS_PLURAL else 'Does'} {ref.the} look {words[0]} and {words[1]}?",
        )
        full = f"Yes, the {noun} {be(ref.name)} {words[0]} and {words[1]}."
        if detailed.endswith("C"):
            full = f"No, the {noun} {be(ref.name)} {adjective(first)} but {adjective(second)}."
        asker.ask(detailed, text, program, full, None, f"05-{'_'.join(sorted(pair))}")


def _attribute_of_two(asker: Asker) -> None:
    first, second = asker.rng.sample(asker.things, 2)
    refs = [asker.describer.plain(first), asker.describer.plain(second)]
    a, b = refs
    own = asker.value(first, "color")
    if a is None or b is None or own is None or asker.value(second, "color") is None or a.value or b.value or a.name == b.name:
        return
    parts = [then(ref.program, "verify color", own) for ref in (a, b)]
    detailed = "verifyAttrAnd" if asker.value(second, "color") == own else "verifyAttrAndC"
    full = f"Yes, both {a.the} and {b.the} are {own}."
    if detailed.endswith("C"):
        full = f"No, {a.the} {be(a.name)} {own} but {b.the} {be(b.name)} {asker.value(second, 'color')}."
    asker.ask(
        detailed, f"Are both {a.the} and {b.the} {own}?", both(parts[0], parts[1], "and"), full, None, f"09and-{a.name}_{b.name}"
    )


def relations(asker: Asker) -> None:
    """existRelS, existRelSC, existRelSRC, relVerify, relVerifyCo, relVerifyCr."""
    absent = absent_names(asker)
    for key in asker.rng.sample(asker.things, min(4, len(asker.things))):
        edges = [edge for edge in asker.objects[key]["relations"] if edge["name"] in LINKED]
        special = [edge for edge in edges if not edge["name"].startswith("to the")]
        sides = [edge for edge in edges if edge["name"].startswith("to the")]
        for edge in special + asker.rng.sample(sides, min(1, len(sides))):
            _relation(asker, key, edge["name"], edge["object"], asker.rng.choice(absent))


def _relation(asker: Asker, subject: str, relation: str, target: str, missing: str) -> None:
    name, other = asker.names[subject], asker.names[target]
    a, b = asker.describer.any(subject), asker.describer.any(target)
    if a is None or b is None:
        return
    start, local = be(a.name).capitalize(), f"13-{name}_{other}"
    to_object = then(a.program, "verify rel", f"{other},{relation},o ({target})")
    the_other = f"{{{target}|{other}}}"
    text = asker.phrase(f"{start} {a.the} {relation} the {the_other}?", f"{start} {a.the} {relation} {article(the_other)}?")
    full = f"Yes, the {{{subject}|{a.name}}} {be(a.name)} {relation} the {the_other}."
    asker.ask("relVerify", text, to_object, full, None, local)
    if (missing in PEOPLE) == (other in PEOPLE) and (relation != "wearing" or category(missing) == "clothing"):
        program = then(a.program, "verify rel", f"{missing},{relation},o (-)")
        full = f"No, the {{{subject}|{a.name}}} {be(a.name)} {relation} the {the_other}."
        asker.ask("relVerifyCo", f"{start} {a.the} {relation} {article(missing)}?", program, full, None, f"13-{name}_{missing}")
    if relation.startswith("to the"):
        wrong = "to the left of" if relation == "to the right of" else "to the right of"
        program = then(b.program, "verify rel", f"{name},{wrong},s ({subject})")
        noun = f"{{{subject}|{name}}}"
        full = f"No, the {noun} {be(name)} {relation} the {the_other}."
        asker.ask("relVerifyCr", f"{be(name).capitalize()} the {noun} {wrong} {b.the}?", program, full, None, local)
        program = then(then(b.program, "relate", f"{name},{wrong},s (-)"), "exist", "?")
        asker.ask("existRelSRC", _is_there_linked(asker, noun, name, wrong, b), program, full, None, local)
    if relation in ("holding", "wearing"):
        return
    program = then(then(b.program, "relate", f"{name},{relation},s ({subject})"), "exist", "?")
    full = f"Yes, there {be(name)} {article(f'{{{subject}|{name}}}')} {relation} the {the_other}."
    asker.ask("existRelS", _is_there_linked(asker, f"{{{subject}|{name}}}", name, relation, b), program, full, None, local)
    if missing in PEOPLE or missing in KINDS:
        program = then(then(b.program, "relate", f"{missing},{relation},s (-)"), "exist", "?")
        full = f"No, there {be(name)} {article(f'{{{subject}|{name}}}')} {relation} the {the_other}."
        text = _is_there_linked(asker, missing, missing, relation, b)
        asker.ask("existRelSC", text, program, full, None, f"13-{missing}_{other}")


def _is_there_linked(asker: Asker, noun: str, name: str, relation: str, other: Reference) -> str:
    if name in ALWAYS_PLURAL:
        return f"Are there {noun} {relation} {other.the}?"
    linked = f"{article(noun)} {relation} {other.the}"
    return asker.phrase(f"Is there {linked}?", f"Do you see {linked}?")


def scene(asker: Asker) -> None:
    """placeVerify, weatherVerify, locationVerify (each with C)."""
    place = next(str(thing["name"]) for thing in asker.objects.values() if thing["name"] in PLACES)
    kind = PLACES[place]
    whole: Program = (Step("select", "scene"),)
    other = asker.rng.choice([name for name, group in PLACES.items() if group == kind and name != place])
    for name, suffix in ((place, ""), (other, "C")):
        program = then(whole, f"verify {kind}", name)
        full = f"{'No' if suffix else 'Yes'}, it is {article(place)}."
        text = asker.phrase(f"Is it {article(name)}?", f"Is this {article(name)}?", f"Is this a picture of {article(name)}?")
        asker.ask(f"placeVerify{suffix}", text, program, full, None, f"01-{kind}_{name}")
    location = asker.graph["location"]
    for name in ("indoors", "outdoors"):
        suffix = "" if name == location else "C"
        text = asker.phrase(f"Is it {name}?", f"Is it an {name} scene?", f"Is this picture taken {name}?")
        full = f"{'No' if suffix else 'Yes'}, it is {location}."
        asker.ask(f"locationVerify{suffix}", text, then(whole, "verify location", name), full, None, f"01-location_{name}")
    if "weather" not in asker.graph:
        return
    weather = asker.graph["weather"]
    for name in (weather, asker.rng.choice([word for word in WEATHERS if word != weather])):
        suffix = "" if name == weather else "C"
        text = asker.phrase(f"Is it {name}?", f"Is the weather {name}?", f"Is it {name} in this picture?")
        full = f"{'No' if suffix else 'Yes'}, it is {weather}."
        asker.ask(f"weatherVerify{suffix}", text, then(whole, "verify weather", name), full, None, f"01-weather_{name}")


def pairs(asker: Asker) -> None:
    """twoSame, twoDifferent, twoSameMaterial, sameAnimals, diffAnimals, sameGender (each with C)."""
    for _ in range(7):
        first, second = asker.rng.sample(asker.things, 2)
        a, b = asker.describer.plain(first), asker.describer.plain(second)
        if a is None or b is None:
            continue
        for what in ("color", "material"):
            values = asker.value(first, what), asker.value(second, what)
            if None not in values and not {ATTRIBUTE_CATEGORY.get(a.value), ATTRIBUTE_CATEGORY.get(b.value)} & {what}:
                _alike(asker, a, b, what, values[0] == values[1])
    for name, detailed, what in (("animal", "Animals", "type"), ("person", "Gender", "gender")):
        keys = [key for key in asker.things if category(asker.names[key]) == name]
        _group(asker, keys, name, detailed, what)


def _alike(asker: Asker, a: Reference, b: Reference, what: str, same: bool) -> None:
    suffix = "Material" if what == "material" else ""
    one, two = asker.value(a.key, what), asker.value(b.key, what)
    made = "made of " if what == "material" else ""
    if same:
        full = f"both {a.the} and {b.the} are {made}{one}."
    else:
        full = f"{a.the} {be(a.name)} {made}{one} and {b.the} {be(b.name)} {made}{two}."
    local = f"{a.name}_{b.name}"
    wordings = [f"Are {a.the} and {b.the} made of the same material?", f"Is {a.the} made of the same material as {b.the}?"]
    if what == "color":
        wordings = [
            f"Do {a.the} and {b.the} have the same color?",
            f"{be(a.name).capitalize()} {a.the} the same color as {b.the}?",
        ]
    asker.ask(
        f"twoSame{suffix}{'' if same else 'C'}",
        asker.phrase(*wordings),
        both(a.program, b.program, f"same {what}"),
        f"{'Yes' if same else 'No'}, {full}",
        None,
        f"09same-{local}",
    )
    if what == "color":
        do = "Do" if a.name in ALWAYS_PLURAL else "Does"
        text = asker.phrase(
            f"{do} {a.the} have a different color than {b.the}?",
            f"{be(a.name).capitalize()} {a.the} different in color than {b.the}?",
        )
        asker.ask(
            f"twoDifferent{'C' if same else ''}",
            text,
            both(a.program, b.program, "different color"),
            f"{'No' if same else 'Yes'}, {full}",
            None,
            f"09diff-{local}",
        )


def _group(asker: Asker, keys: list[str], name: str, detailed: str, what: str) -> None:
    if len(keys) < 2:
        return
    select: Program = (Step("select", f"{name} ({','.join(keys)})"),)
    names = sorted({asker.names[key] for key in keys})
    listed = " and ".join(plural(word) for word in names)
    all_word = asker.phrase("", "all ") if len(keys) > 2 else asker.phrase("", "both ")
    if what == "gender":
        text = asker.phrase(f"Are {all_word}the people of the same gender?", "Do the people in the picture have the same gender?")
        for suffix in ("", "C"):
            full = "No, they are both male and female." if suffix else f"Yes, they are {listed}."
            asker.ask(f"same{detailed}{suffix}", text, then(select, "same", what), full, None, "07same-allpeople")
        return
    text = asker.phrase(f"Are {all_word}the animals of the same type?", "Do the animals in the picture have the same type?")
    different = asker.phrase("Are the animals of different types?", "Are the animals in the picture of different types?")
    for suffix in ("", "C"):
        asker.ask(
            f"same{detailed}{suffix}",
            text,
            then(select, "same", what),
            f"{'No' if suffix else 'Yes'}, they are {listed}.",
            None,
            "07same-allanimals",
        )
        asker.ask(
            f"diff{detailed}{suffix}",
            different,
            then(select, "different", what),
            f"{'No' if suffix else 'Yes'}, they are {listed}.",
            None,
            "07diff-allanimals",
        )


TEMPLATES = (attributes, relations, scene, pairs)
"""All templates of this file."""
