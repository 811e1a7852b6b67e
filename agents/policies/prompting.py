"""What a language model is given to read: one text per prompt, in one of three styles.

Training and sampling may use different styles. A frozen model needs the full text; one that is being trained learns the program
language from its own programs, so it can be trained on a short text, which costs a tenth of the time, and asked with either.
"""

from __future__ import annotations

from typing import Literal

from vispro_agents.policies.base import Prompt
from vispro_gym.programs.prompt import build_prompt

PromptStyle = Literal["comment", "short", "full"]
"""How much a prompt says.

"comment": the query as a line of Python comment, for models that know nothing else;
"short": one instruction and the query;
"full": the whole program language, four examples and the query (thousands of tokens).
"""


def write_prompt(prompt: Prompt, style: PromptStyle) -> str:
    """The text that a model continues with a program, or that a chat model answers with one.

    Args:
        prompt: What is asked.
        style: How much to say.

    Returns:
        Text that can be encoded as UTF-8: lone surrogates, which no tokenizer takes, are question marks. Ends with a line break.
    """
    if style == "comment":
        text = f"# {' '.join(prompt.query.split())}\n"
    else:
        text = build_prompt(prompt.query, prompt.instructions, prompt.image_names, style)
    return text.encode(errors="replace").decode()
