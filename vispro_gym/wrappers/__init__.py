"""Wrappers that give environments of programs the numeric spaces of classical reinforcement learning.

    env = gym.make("VisProg-GQA-v0", filter={"detailed": "exist"})
    words = TokenizeQuery(FilterObservation(env, ["query"]))     # words become numbers
    env = ProgramLibraryAction(words, expert_programs(env))      # an action is the number of a program
    env = GrammarAction(words)                                   # or: an action is a production of the grammar

They need nothing beside Gymnasium and pass the checker of Stable-Baselines3.

`TextAction` goes the other way: it gives environments with a few actions, such as those of cards, to language models.

    env = TextAction(gym.make("Cards-NumberLine-v0"))            # an action is a reply that names a keyword
"""

from vispro_gym.programs.grammar import Grammar
from vispro_gym.programs.productions import productions_of
from vispro_gym.wrappers.grammar_action import GrammarAction
from vispro_gym.wrappers.program_library import ProgramLibraryAction, expert_programs
from vispro_gym.wrappers.text_action import TextAction, action_start, parse_action
from vispro_gym.wrappers.tokenize_query import TokenizeQuery, query_vocabulary

__all__ = [
    "Grammar",
    "GrammarAction",
    "ProgramLibraryAction",
    "TextAction",
    "TokenizeQuery",
    "action_start",
    "expert_programs",
    "parse_action",
    "productions_of",
    "query_vocabulary",
]
