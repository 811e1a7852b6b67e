"""An episode as one HTML page that shows why a program earned its reward, or did not.

The page refers to nothing outside of itself. Whatever programs, replies and data hold is shown as text: all of it is escaped,
characters that would act on the page or hide in it are shown by their numbers, and a Content-Security-Policy lets no other script
or style in.
"""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import Any

import jinja2
from markupsafe import Markup

from vispro_gym.rendering.marks import COLORS, is_light
from vispro_gym.rendering.rationale import Rationale
from vispro_gym.rendering.text import INVISIBLE, visible
from vispro_gym.rendering.view import MOST_EVENTS, view


def render_page(rationale: Rationale) -> str:
    """Writes the page of an episode.

    Args:
        rationale: The episode.

    Returns:
        The whole page, a function of the rationale alone. All of its characters can be encoded in UTF-8.
    """
    environment = make_environment("vispro_gym")
    pictures = [data_uri(picture.data) for picture in rationale.pictures]
    return environment.get_template("page.html.j2").render(
        shown=view(rationale), rationale=rationale, addresses=pictures, **dress(environment, ["rationale.css"], ["rationale.js"])
    )


def make_environment(*packages: str) -> jinja2.Environment:
    """Templates of packages that have a folder of them: nothing that they are given reaches a page as it is.

    Args:
        *packages: "vispro_gym", or another package first.
    """
    folders = {"vispro_gym": "rendering/templates"}
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(name, folders.get(name, "templates")) for name in packages]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["show"] = show
    environment.filters["tone"] = tone
    environment.globals["most_events"] = MOST_EVENTS
    return environment


def dress(environment: jinja2.Environment, styles: list[str], scripts: list[str], images: str = "data:") -> dict[str, Any]:
    """Style sheet, script and Content-Security-Policy of a page.

    Args:
        environment: Where the files are.
        styles: Names of style sheets.
        scripts: Names of scripts.
        images: Where pictures may come from.
    """
    css = "".join([*(_source(environment, name) for name in styles), *_color_rules()])
    js = "".join(_source(environment, name) for name in scripts)
    policy = (
        f"default-src 'none'; img-src {images}; style-src {_digest(css)}; script-src {_digest(js)}; "
        "base-uri 'none'; form-action 'none'"
    )
    return {"css": Markup(css), "js": Markup(js), "policy": policy}  # files of the package, not data


def data_uri(webp: bytes) -> str:
    """A WebP file as the address of a picture inside the page."""
    return f"data:image/webp;base64,{base64.b64encode(webp).decode('ascii')}"


def show(text: str) -> Markup:
    """A text for people to read: characters that act or hide are marked tokens with their numbers.

    Only for where tags may stand. In attributes, texts are written without a filter, which writes such characters as escapes.
    """
    parts = []
    end = 0
    for match in INVISIBLE.finditer(text):
        parts += [Markup.escape(text[end : match.start()]), Markup('<span class="ctl">U+{:04X}</span>').format(ord(match[0]))]
        end = match.end()
    return Markup("").join([*parts, Markup.escape(text[end:])])


def tone(outcome: str | None) -> str:
    """Class of an outcome's colour: right, lucky, wrong, or broken if there was no answer; "none" before the first program."""
    return {"correct": "right", "lucky": "lucky", "wrong": "wrong", None: "none"}.get(outcome, "broken")


def _finalize(value: Any) -> Any:
    """What templates do with every value before they escape it."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _source(environment: jinja2.Environment, name: str) -> str:
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0].replace("\r\n", "\n")


def _color_rules() -> list[str]:
    inks = ["#111" if is_light(color) else "#fff" for color in COLORS]
    return [
        f".c{i} {{ --tone: rgb({' '.join(map(str, color))}); --on-tone: {ink}; }}\n"
        for i, (color, ink) in enumerate(zip(COLORS, inks, strict=True))
    ]


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(sha256(text.encode()).digest()).decode('ascii')}'"
