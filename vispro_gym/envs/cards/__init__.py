"""Environments of cards: a drawn picture in, one of a few keywords out; several steps per episode."""

from vispro_gym.envs.cards.base import CardsEnv
from vispro_gym.envs.cards.blackjack import BlackjackEnv
from vispro_gym.envs.cards.number_line import NumberLineEnv
from vispro_gym.envs.cards.points import EZPointsEnv, Points24Env

__all__ = ["BlackjackEnv", "CardsEnv", "EZPointsEnv", "NumberLineEnv", "Points24Env"]
