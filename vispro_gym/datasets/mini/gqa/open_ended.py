"""Templates of questions that are answered with a word: query, choose and some of compare."""

from __future__ import annotations

from vispro_gym.datasets.mini.gqa.catalogue import ALWAYS_PLURAL, ATTRIBUTE_CATEGORY, KINDS, PEOPLE, PLACES, category
from vispro_gym.datasets.mini.gqa.programs import Program, Step, both, then
from vispro_gym.datasets.mini.gqa.questions import Asker
from vispro_gym.datasets.mini.gqa.recipes import WEATHERS
from vispro_gym.datasets.mini.gqa.references import LINKED, Reference, adjective, article, be, is_predicate, operation

NOUNS = {"furniture": "piece of furniture", "clothing": "article of clothing", "tableware": "piece of tableware"}
"""Categories that cannot be counted, with a noun that can."""
ASKED_CATEGORIES = ("furniture", "animal", "fruit", "vehicle", "device", "appliance", "toy", "tableware")


def attributes(asker: Asker) -> None:
    """directOf, directWhich, how, material, activity, positionQuery; chooseAttr and its kin."""
    for key in asker.rng.sample(asker.things, min(4, len(asker.things))):
        for value in asker.objects[key]["attributes"]:
            ref = asker.describer.any(key, without=ATTRIBUTE_CATEGORY[value])
            if ref is not None:
                _query(asker, ref, value)
                ref = asker.describer.any(key, without=ATTRIBUTE_CATEGORY[value]) or ref
                _choose(asker, ref, value)
        ref = asker.describer.any(key, without="position")
        if ref is not None:
            _position(asker, ref)


def _query(asker: Asker, ref: Reference, value: str) -> None:
    what = ATTRIBUTE_CATEGORY[value]
    noun, verb = f"{{{ref.key}|{ref.name}}}", be(ref.name)
    full, local = f"The {noun} {verb} [answer].", f"10q-{ref.name}_{what}"
    if what == "color":
        program = then(ref.program, "query", what)
        if asker.rng.random() < 0.5:
            text = asker.phrase(f"What is the color of {ref.the}?", f"What color {verb} {ref.the}?")
            asker.ask("directOf", text, program, full, what, local)
        else:
            text = asker.phrase(f"Which color {verb} {ref.the}?", f"Which color do you think {ref.the} {verb}?")
            asker.ask("directWhich", text, program, full, what, local)
    elif what == "material":
        text = asker.phrase(
            f"What {verb} {ref.the} made of?",
            f"What material {verb} {ref.the} made of?",
            f"Which material {verb} {ref.the} made of?",
        )
        asker.ask("material", text, then(ref.program, "query", what), f"The {noun} {verb} made of [answer].", what, local)
    elif what in ("size", "shape"):
        text = asker.phrase(f"What {what} {verb} {ref.the}?", f"What is the {what} of {ref.the}?")
        asker.ask("directOf", text, then(ref.program, "query", what), full, what, local)
    elif what == "height":
        asker.ask("how", f"How tall is {ref.the}?", then(ref.program, "query", what), full, what, local)
    elif what == "activity":
        asker.ask("activity", f"What is {ref.the} doing?", then(ref.program, "query", what), full, what, local)


def _choose(asker: Asker, ref: Reference, value: str) -> None:
    what = ATTRIBUTE_CATEGORY[value]
    rivals = asker.rivals(ref.key, value)
    if not rivals:
        return
    a, b = asker.rng.sample((value, asker.rng.choice(rivals)), 2)
    noun, verb = f"{{{ref.key}|{ref.name}}}", be(ref.name)
    program = then(ref.program, operation("choose", value), f"{a}|{b}")
    full, local = f"The {noun} {verb} [answer].", f"10c-{ref.name}_{what}"
    if what == "material":
        text = asker.phrase(f"What is {ref.the} made of, {a} or {b}?", f"Is {ref.the} made of {a} or {b}?")
        asker.ask("materialChoose", text, program, f"The {noun} {verb} made of [answer].", what, local)
    elif what == "activity":
        asker.ask("activityChoose", f"What is {ref.the} doing, {a} or {b}?", program, full, what, local)
    else:
        wordings = [f"{verb.capitalize()} {ref.the} {a} or {b}?"]
        if what == "color":
            wordings += [f"What color {verb} {ref.the}, {a} or {b}?", f"{verb.capitalize()} {ref.the} {a} or is it {b}?"]
        text = asker.phrase(*wordings[: 2 if ref.name in ALWAYS_PLURAL else 3])
        asker.ask("chooseAttr", text, program, full, what or None, local)


def _position(asker: Asker, ref: Reference) -> None:
    verb, noun = be(ref.name), f"{{{ref.key}|{ref.name}}}"
    picture = asker.phrase("picture", "image")
    text = asker.phrase(f"On which side of the {picture} {verb} {ref.the}?", f"Which side of the {picture} {verb} {ref.the} on?")
    full = f"The {noun} {verb} on the [answer] of the image."
    asker.ask("positionQuery", text, then(ref.program, "query", "hposition"), full, None, f"10q-{ref.name}_hposition")
    axis, words = asker.rng.choice((("hposition", ["left", "right"]), ("vposition", ["top", "bottom"])))
    asker.rng.shuffle(words)
    a, b = words
    if axis == "hposition":
        text = asker.phrase(
            f"On which side of the {picture} {verb} {ref.the}, the {a} or the {b}?",
            f"{verb.capitalize()} {ref.the} on the {a} or on the {b} side of the {picture}?",
        )
    else:
        text = f"In which part of the {picture} {verb} {ref.the}, the {a} or the {b}?"
        full = f"The {noun} {verb} in the [answer] of the image."
    asker.ask("positionChoose", text, then(ref.program, f"choose {axis}", f"{a}|{b}"), full, None, f"10c-{ref.name}_{axis}")


def related_things(asker: Asker) -> None:
    """relS, relO, categoryRelS, categoryRelO, categoryRelOChoose, relChooser, sameRelate, sameMaterialRelate."""
    for key in asker.rng.sample(asker.things, min(4, len(asker.things))):
        edges = [edge for edge in asker.objects[key]["relations"] if edge["name"] in LINKED]
        special = [edge for edge in edges if not edge["name"].startswith("to the")]
        sides = [edge for edge in edges if edge["name"].startswith("to the")]
        for edge in special + asker.rng.sample(sides, min(1, len(sides))):
            subject, other = asker.describer.any(key), asker.describer.any(edge["object"])
            if subject is not None and other is not None:
                _by_subject(asker, key, edge["name"], other)
                _by_object(asker, subject, edge["name"], edge["object"])
                if edge in sides:
                    _side(asker, key, edge["name"], other)
        for what in ("color", "material"):
            _same_as(asker, key, what)


def _by_subject(asker: Asker, key: str, relation: str, other: Reference) -> None:
    """What stands in the relation to the other thing?"""
    name = asker.names[key]
    group = category(name)
    noun = f"{{{key}|[answer]}}"
    the_other = f"{{{other.key}|{other.name}}}"
    local = f"14-{other.name}_{relation},s"
    if group == "person":
        program = then(then(other.program, "relate", f"person,{relation},s ({key})"), "query", "name")
        asker.ask("relS", f"Who is {relation} {other.the}?", program, f"The {noun} is {relation} the {the_other}.", group, local)
    elif not relation.startswith("to the"):
        program = then(then(other.program, "relate", f"_,{relation},s ({key})"), "query", "name")
        full = f"The {noun} {be(name)} {relation} the {the_other}."
        asker.ask("relS", f"What is {relation} {other.the}?", program, full, group or "object", local)
    if group in ASKED_CATEGORIES:
        program = then(then(other.program, "relate", f"{group},{relation},s ({key})"), "query", "name")
        one = NOUNS.get(group, group)
        text = asker.phrase(
            f"What kind of {group} is {relation} {other.the}?",
            f"Which kind of {group} is {relation} {other.the}?",
            f"What is the {one} that is {relation} {other.the}?",
        )
        full = f"The {one} is {_an(key, name)}."
        asker.ask("categoryRelS", text, program, full, group, f"15-{other.name}_{relation},s")


def _an(key: str, name: str) -> str:
    """The answer in a full sentence with its indefinite article."""
    return article(f"{{{key}|{name}}}")


def _by_object(asker: Asker, ref: Reference, relation: str, target: str) -> None:
    """What does the thing stand in the relation to?"""
    if relation.startswith("to the") or relation in ("above", "below"):
        return
    name = asker.names[target]
    group = category(name)
    noun, answer = f"{{{ref.key}|{ref.name}}}", f"{{{target}|[answer]}}"
    full = f"The {noun} is {relation} the {answer}."
    program = then(then(ref.program, "relate", f"_,{relation},o ({target})"), "query", "name")
    asker.ask("relO", f"What is {ref.the} {relation}?", program, full, group or "object", f"14-{ref.name}_{relation},o")
    if not group or group == "person":
        return
    program = then(ref.program, "relate", f"{group},{relation},o ({target})")
    text = asker.phrase(f"What kind of {group} is {ref.the} {relation}?", f"Which kind of {group} is {ref.the} {relation}?")
    local = f"15-{ref.name}_{relation},o"
    asker.ask("categoryRelO", text, then(program, "query", "name"), full, group, local)
    other = asker.rng.choice([kind.name for kind in KINDS.values() if kind.category == group and kind.name != name] or [""])
    if not other:
        return
    a, b = asker.rng.sample((name, other), 2)
    text = f"What kind of {group} is {ref.the} {relation}, {article(a)} or {article(b)}?"
    asker.ask("categoryRelOChoose", text, then(program, "choose name", f"{a}|{b}"), full, group, local)


def _side(asker: Asker, key: str, relation: str, other: Reference) -> None:
    """relChooser: is it to the left or to the right?"""
    name = asker.names[key]
    noun, verb = f"{{{key}|{name}}}", be(name)
    ways = ["to the left of", "to the right of"]
    asker.rng.shuffle(ways)
    a, b = ways
    program = then(other.program, "choose rel", f"{name},{a}|{b},s ({key})")
    short = a.removesuffix(" of")
    full = f"The {noun} {verb} to the [answer] of the {{{other.key}|{other.name}}}."
    text = f"{verb.capitalize()} the {noun} {short} or {b} {other.the}?"
    asker.ask("relChooser", text, program, full, None, f"13-{name}_{other.name}")


def _same_as(asker: Asker, key: str, what: str) -> None:
    """What kind of furniture has the same color as the cup?"""
    value = asker.value(key, what)
    ref = asker.describer.any(key, without=what)
    if value is None or ref is None:
        return
    for other in asker.things:
        group = category(asker.names[other])
        if other == key or group not in ASKED_CATEGORIES or asker.value(other, what) != value:
            continue
        program = then(then(ref.program, "relate", f"{group},same {what},_ ({other})"), "query", "name")
        answer = f"{{{other}|[answer]}}"
        local = f"14-{ref.name}_same {what},_"
        if what == "material":
            text = f"What kind of {group} is made of the same material as {ref.the}?"
            full = f"The {answer} is made of the same material as {ref.the}."
            asker.ask("sameMaterialRelate", text, program, full, group, local)
        else:
            one = NOUNS.get(group, group)
            text = asker.phrase(
                f"What kind of {group} has the same color as {ref.the}?", f"Which {one} is the same color as {ref.the}?"
            )
            asker.ask("sameRelate", text, program, f"The {answer} is the same color as {ref.the}.", group, local)


def categories(asker: Asker) -> None:
    """category, categoryAttr, categoryThat, categoryThatChoose, activityWho."""
    for key in asker.things:
        name = asker.names[key]
        group = category(name)
        if group == "person":
            for value in asker.objects[key]["attributes"]:
                if is_predicate(value):
                    program = then(then((Step("select", f"person ({key})"),), operation("filter", value), value), "query", "name")
                    text = asker.phrase(f"Who is {value}?", f"Who in the picture is {value}?")
                    asker.ask("activityWho", text, program, f"The {{{key}|{name}}} is {value}.", group, value)
            continue
        if group not in (*ASKED_CATEGORIES, "clothing"):
            continue
        select: Program = (Step("select", f"{group} ({key})"),)
        one = NOUNS.get(group, group)
        text = asker.phrase(f"What kind of {group} is it?", f"Which kind of {group} is it?", f"What is the {one} called?")
        full = f"The {one} is {_an(key, name)}."
        asker.ask("category", text, then(select, "query", "name"), full, group, f"11q-{group}")
        for value in asker.objects[key]["attributes"]:
            _category_with(asker, key, select, value)


def _category_with(asker: Asker, key: str, select: Program, value: str) -> None:
    """What is the red fruit called? Which kind of fruit is red?"""
    name = asker.names[key]
    group = category(name)
    one = NOUNS.get(group, group)
    program = then(select, operation("filter", value), value)
    full = f"The {one} is {_an(key, name)}."
    if is_predicate(value) or asker.rng.random() < 0.5:
        said = f"made of {value}" if ATTRIBUTE_CATEGORY[value] == "material" else value
        text = asker.phrase(f"What kind of {group} is {said}?", f"Which kind of {group} is {said}?", f"What {one} is {said}?")
        asker.ask("categoryThat", text, then(program, "query", "name"), full, group, f"12q-{group}_{value}")
    else:
        text = asker.phrase(f"What is the {adjective(value)} {one} called?", f"What is the name of the {adjective(value)} {one}?")
        asker.ask("categoryAttr", text, then(program, "query", "name"), full, group, f"12q-{group}_{value}")
    rivals = [other for other in asker.present if category(other) == group and other != name]
    if rivals and name not in ALWAYS_PLURAL:
        rival = asker.rng.choice(rivals)
        if rival in ALWAYS_PLURAL:
            return
        a, b = asker.rng.sample((name, rival), 2)
        said = f"made of {value}" if ATTRIBUTE_CATEGORY[value] == "material" else value
        text = f"What kind of {group} is {said}, the {a} or the {b}?"
        asker.ask(
            "categoryThatChoose",
            text,
            then(program, "choose name", f"{a}|{b}"),
            f"The {{{key}|[answer]}} is {said}.",
            group,
            f"12c-{group}_{value}",
        )


def scene(asker: Asker) -> None:
    """place, weather; placeChoose, weatherChoose, locationChoose."""
    place = next(str(thing["name"]) for thing in asker.objects.values() if thing["name"] in PLACES)
    kind = PLACES[place]
    whole: Program = (Step("select", "scene"),)
    text = asker.phrase(f"Which {kind} is it?", f"What {kind} is this?", f"What {kind} is shown?")
    asker.ask("place", text, then(whole, "query", kind), f"It is {article(place)}.", "", f"02q-{kind}")
    other = asker.rng.choice([name for name, group in PLACES.items() if group == kind and name != place])
    a, b = asker.rng.sample((place, other), 2)
    text = asker.phrase(f"Is it {article(a)} or {article(b)}?", f"Which {kind} is it, {article(a)} or {article(b)}?")
    asker.ask("placeChoose", text, then(whole, f"choose {kind}", f"{a}|{b}"), f"It is {article(place)}.", "", f"02c-{kind}")
    a, b = asker.rng.sample(("indoors", "outdoors"), 2)
    text = asker.phrase(f"Is it {a} or {b}?", f"Is it an {a} or {b} scene?", f"Is the picture taken {a} or {b}?")
    asker.ask("locationChoose", text, then(whole, "choose location", f"{a}|{b}"), "It is [answer].", "41", "02c-location")
    if "weather" not in asker.graph:
        return
    text = asker.phrase("How is the weather?", "What is the weather like?", "What type of weather do you see?")
    asker.ask("weather", text, then(whole, "query", "weather"), "It is [answer].", "weather", "02q-weather")
    weather = asker.graph["weather"]
    a, b = asker.rng.sample((weather, asker.rng.choice([word for word in WEATHERS if word != weather])), 2)
    text = asker.phrase(f"Is it {a} or {b}?", f"What is the weather like, {a} or {b}?")
    asker.ask("weatherChoose", text, then(whole, "choose weather", f"{a}|{b}"), "It is [answer].", "weather", "02c-weather")


def comparisons(asker: Asker) -> None:
    """twoCommon, comparativeChoose."""
    for _ in range(6):
        first, second = asker.rng.sample(asker.things, 2)
        a, b = asker.describer.plain(first), asker.describer.plain(second)
        if a is None or b is None or a.name == b.name:
            continue
        local = f"{a.name}_{b.name}"
        if not a.value and not b.value:
            text = asker.phrase(
                f"What do {a.the} and {b.the} have in common?", f"What do both {a.the} and {b.the} have in common?"
            )
            full = f"The [answer], {a.the} and {b.the} have it in common."
            asker.ask("twoCommon", text, both(a.program, b.program, "common"), full, "", f"09common-{local}")
        people = a.name in PEOPLE and b.name in PEOPLE
        how = asker.rng.choice(("older", "younger") if people else ("larger", "smaller", "taller", "shorter"))
        if people or not {category(a.name), category(b.name)} & {"person", "clothing"}:
            who = "Who" if people else "Which"
            text = f"{who} is {how}, {a.the} or {b.the}?"
            program = both(a.program, b.program, f"choose {how}")
            group = category(a.name) or None
            asker.ask("comparativeChoose", text, program, f"The [answer] is {how}.", group, f"09compare-{local}")


TEMPLATES = (attributes, related_things, categories, scene, comparisons)
"""All templates of this file."""
