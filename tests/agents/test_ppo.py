"""Proximal policy optimisation by hand: advantages by their definition, losses and gradients in plain numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vispro_agents.acting import Turn
from vispro_agents.errors import UsageError
from vispro_agents.policies.base import Completion
from vispro_agents.policies.vision_language import Judged, View
from vispro_agents.ppo import Experienced, PPOArgs, estimate_advantages, in_parts, look_back, ppo_losses
from vispro_agents.text_tasks import CardsTask

BLANK = np.zeros((2, 2, 3), np.uint8)


def turn(
    name: str = "", reply: str = "", tokens: int = 1, reward: float = 0.0, ended: bool = False, last: str | None = None
) -> Turn:
    completion = Completion(reply, tuple(range(tokens)), (0.0,) * tokens)
    return Turn(View(name, BLANK), completion, reward, "legal", ended, last if last is None else View(last, BLANK), None, 0)


# --- advantages ---


def by_definition(
    rewards: Sequence[float], values: Sequence[float], nexts: Sequence[float], ends: Sequence[bool], gamma: float, lam: float
) -> list[float]:
    """The lambda-return minus the value: a mean of all n-step returns up to the end, as in Sutton and Barto, 12.2."""
    found = []
    for start in range(len(rewards)):
        stop = next((step for step in range(start, len(rewards)) if ends[step]), len(rewards) - 1)
        returns, earned = [], 0.0
        for step in range(start, stop + 1):
            earned += gamma ** (step - start) * rewards[step]
            returns.append(earned + gamma ** (step - start + 1) * nexts[step])
        shares = [(1 - lam) * lam**n for n in range(len(returns) - 1)] + [lam ** (len(returns) - 1)]
        found.append(sum(share * value for share, value in zip(shares, returns, strict=True)) - values[start])
    return found


numbers = st.floats(-2.0, 2.0)
END = st.sampled_from(["goes on", "goes on", "terminated", "truncated"])


@given(st.data(), st.integers(1, 7), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
@settings(max_examples=100)
def test_advantages_are_those_of_the_definition(data: Any, steps: int, gamma: float, lam: float) -> None:
    columns = []
    for _ in range(data.draw(st.integers(1, 3))):
        rewards, values, last = (data.draw(st.lists(numbers, min_size=steps, max_size=steps)) for _ in range(3))
        how = data.draw(st.lists(END, min_size=steps, max_size=steps))
        after = [*values[1:], last[0]]  # what is expected after the last step is what is shown then
        nexts = [{"goes on": go, "terminated": 0.0, "truncated": cut}[end] for end, go, cut in zip(how, after, last, strict=True)]
        columns.append((rewards, values, nexts, [end != "goes on" for end in how]))
    given = [np.array(part).T for part in zip(*columns, strict=True)]
    found = estimate_advantages(*given, gamma, lam)  # type: ignore[arg-type]
    for place, column in enumerate(columns):
        assert found[:, place].tolist() == pytest.approx(by_definition(*column, gamma, lam), abs=1e-9)


def test_advantages_in_words() -> None:
    rewards, values = np.array([[1.0], [2.0], [4.0]]), np.array([[0.5], [0.25], [0.125]])
    nexts, never = np.array([[0.25], [0.125], [8.0]]), np.zeros((3, 1), bool)
    one = estimate_advantages(rewards, values, nexts, never, 0.5, 1.0)
    assert one[0, 0] == 1 + 0.5 * 2 + 0.25 * 4 + 0.125 * 8 - 0.5, "all rewards, and what is expected after the last of them"
    zero = estimate_advantages(rewards, values, nexts, never, 0.5, 0.0)
    assert zero[:, 0].tolist() == [1 + 0.125 - 0.5, 2 + 0.0625 - 0.25, 4 + 4 - 0.125], "one step"
    ends = np.array([[False], [True], [False]])
    nexts[1] = 0.0
    assert estimate_advantages(rewards, values, nexts, ends, 0.5, 1.0)[0, 0] == 1 + 0.5 * 2 - 0.5, "nothing after the end"


def test_looking_back_at_a_rollout() -> None:
    """Two episodes side by side: one terminates and the next begins; one is cut off, and the next begins."""
    worth = {"a": 0.5, "b": 0.25, "c": -1.0, "d": 2.0, "e": 3.0, "f": 0.75, "last": 1.5, "next": -0.5, "cut": 4.0}
    asked: list[int] = []

    def judge(views: list[str], replies: list[tuple[int, ...]], temperature: float = 1.0) -> Judged:
        asked.append(len(views))
        width = max(map(len, replies))
        mask = torch.tensor([[place < len(reply) for place in range(width)] for reply in replies]).reshape(len(replies), width)
        assert temperature == (0.7 if width else 1.0)
        return Judged(-0.5 * mask.float(), mask, torch.tensor([worth[name] for name in views]))

    policy: Any = SimpleNamespace(
        model=SimpleNamespace(eval=lambda: None), encode=lambda view: view.text, judge=judge,
        replies=SimpleNamespace(split=lambda tokens, start: start),
    )  # fmt: skip
    turns = [
        [turn("a", '"action": "+"', 3, 1.0, True), turn("b", '1,"action": "+"', 2, -1.0)],
        [turn("c", "", 1, 0.0), turn("d", "", 4, 0.5, True, last="cut")],
        [turn("e", "", 2, 2.0), turn("f", "", 2, 0.0)],
    ]
    last = [View("last", BLANK), View("next", BLANK)]
    args = PPOArgs(gamma=0.9, gae_lambda=0.95)
    found = look_back(policy, CardsTask("Cards-NumberLine-v0"), turns, last, args, 0.7, 4)
    assert asked == [4, 2, 3], "in parts"
    left = by_definition([1.0, 0.0, 2.0], [0.5, -1.0, 3.0], [0.0, 3.0, 1.5], [True, False, False], 0.9, 0.95)
    right = by_definition([-1.0, 0.5, 0.0], [0.25, 2.0, 0.75], [2.0, 4.0, -0.5], [False, True, False], 0.9, 0.95)
    advantages = np.array([left, right]).T.ravel()
    assert [each.turn for each in found] == [one for row in turns for one in row]
    assert [each.value for each in found] == [0.5, 0.25, -1.0, 2.0, 3.0, 0.75]
    assert [each.target - each.value for each in found] == pytest.approx(advantages.tolist())
    assert [each.spread for each in found] == pytest.approx([np.std([each.target for each in found])] * 6)
    normal = (advantages - advantages.mean()) / advantages.std()
    assert [each.advantage for each in found] == pytest.approx(normal.tolist())
    assert [each.log_probs for each in found] == [(-0.5,) * length for length in (3, 2, 1, 4, 2, 2)]
    assert [each.split for each in found] == [0, 2, 0, 0, 0, 0]


def test_in_parts() -> None:
    assert in_parts([1, 2, 3, 4, 5], 2) == [[1, 2], [3, 4], [5]]
    assert in_parts([], 2) == []


# --- losses ---


def experienced(
    log_probs: Sequence[float], split: int, advantage: float, target: float = 0.0, spread: float = 1.0
) -> Experienced:
    return Experienced(turn(), split, tuple(log_probs), 0.0, advantage, target, spread)


def by_hand(now: Sequence[float], each: Experienced, value: float, args: PPOArgs) -> float:
    """The loss of one reply in plain numbers."""
    changes = [one - other for one, other in zip(now, each.log_probs, strict=True)]

    def clipped(ratio: float) -> float:
        near = min(max(ratio, 1 - args.clip), 1 + args.clip)
        return min(ratio * each.advantage, near * each.advantage)

    if args.credit == "reply":
        gain = clipped(math.exp(args.thought_weight * sum(changes[: each.split]) + sum(changes[each.split :])))
    else:
        gains = [clipped(math.exp(change)) for change in changes[each.split :]]
        gain = sum(gains) / len(gains) if gains else 0.0
    return -gain + args.value_weight * 0.5 * ((value - each.target) / each.spread) ** 2


logarithms = st.floats(-3.0, -0.1)


@given(st.data(), st.sampled_from(["reply", "action-tokens"]), st.sampled_from([0.0, 0.5, 1.0]))
@settings(max_examples=100)
def test_losses_by_hand(data: Any, credit: Any, weight: float) -> None:
    args = PPOArgs(thought_weight=weight, credit=credit, clip=0.2, value_weight=0.25)
    batch, nows, values = [], [], []
    for _ in range(data.draw(st.integers(1, 4))):
        length = data.draw(st.integers(0, 5))
        before, change = (
            data.draw(st.lists(part, min_size=length, max_size=length)) for part in (logarithms, st.floats(-0.4, 0.4))
        )
        nows.append([one + other for one, other in zip(before, change, strict=True)])
        split, (advantage, value, target) = data.draw(st.integers(0, length)), (data.draw(numbers) for _ in range(3))
        batch.append(experienced(before, split, advantage, target, data.draw(st.floats(0.5, 3.0))))
        values.append(value)
    width = max(map(len, nows))
    log_probs = torch.tensor([[*now, *[0.0] * (width - len(now))] for now in nows]).reshape(len(nows), width)
    losses, figures = ppo_losses(log_probs, torch.tensor(values), batch, args)
    expected = [by_hand(*given, args) for given in zip(nows, batch, values, strict=True)]
    assert losses.tolist() == pytest.approx(expected, abs=1e-4)
    assert figures["kl"] >= -1e-5
    assert 0.0 <= figures["clipped"] <= len(batch) + 1e-5
    others, _ = ppo_losses(torch.nn.functional.pad(log_probs, (0, 3)), torch.tensor(values), batch, args)
    assert others.tolist() == pytest.approx(losses.tolist(), abs=1e-6), "how wide rows are filled up changes nothing"


def gradient(now: Sequence[float], each: Experienced, **options: Any) -> list[float]:
    log_probs = torch.tensor([list(now)], requires_grad=True)
    losses, _ = ppo_losses(log_probs, torch.zeros(1), [each], PPOArgs(**options))
    losses.sum().backward()
    assert log_probs.grad is not None
    return log_probs.grad[0].tolist()


BEFORE = [-1.0, -2.0, -0.5, -0.25]


@pytest.mark.parametrize("advantage", [2.0, -1.5])
@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0])
def test_gradients_at_the_policy_that_acted(weight: float, advantage: float) -> None:
    each = experienced(BEFORE, 2, advantage)
    thoughts = [-advantage * weight] * 2
    assert gradient(BEFORE, each, thought_weight=weight) == pytest.approx([*thoughts, -advantage, -advantage])
    apart = gradient(BEFORE, each, thought_weight=weight, credit="action-tokens")
    assert apart == pytest.approx([0.0, 0.0, -advantage / 2, -advantage / 2]), "the mean over the action's tokens alone"
    for split, credit in ((0, "reply"), (4, "action-tokens")):
        found = gradient(BEFORE, experienced(BEFORE, split, advantage), thought_weight=weight, credit=credit)
        assert found == pytest.approx([-advantage if split == 0 else 0.0] * 4)


def test_a_weight_of_zero_leaves_thoughts_alone() -> None:
    now = [-1.3, -1.8, -0.52, -0.24]
    found = gradient(now, experienced(BEFORE, 2, 1.0), thought_weight=0.0)
    assert found[:2] == [0.0, 0.0]
    assert all(found[2:])
    assert found == gradient([-9.0, -0.1, *now[2:]], experienced(BEFORE, 2, 1.0), thought_weight=0.0), "nor does it look at them"
    far = experienced([-200.0, -2.0, *BEFORE[2:]], 2, 1.0)
    assert gradient(now, far, credit="action-tokens") == gradient(now, experienced(BEFORE, 2, 1.0), credit="action-tokens")


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0])
def test_the_first_step_is_that_of_reinforce(weight: float) -> None:
    """-A (lambda grad log p(thoughts) + grad log p(action)), by the weights of a model."""
    numbers = torch.Generator().manual_seed(0)
    states, weights = torch.randn(3, 6, 4, generator=numbers), torch.randn(4, 7, generator=numbers, requires_grad=True)
    tokens = torch.randint(7, (3, 6), generator=numbers)
    log_probs = (states @ weights).log_softmax(-1).gather(-1, tokens[..., None])[..., 0]
    splits, advantages = (2, 0, 5), (1.5, -0.5, -2.0)
    rows = [experienced(row, *rest) for row, *rest in zip(log_probs.tolist(), splits, advantages, strict=True)]
    losses, figures = ppo_losses(log_probs, torch.zeros(3), rows, PPOArgs(thought_weight=weight))
    assert (figures["clipped"], figures["kl"]) == (0.0, 0.0)
    [found] = torch.autograd.grad(losses.sum(), weights, retain_graph=True)
    parts = [
        -advantage * (weight * row[:split].sum() + row[split:].sum())
        for row, split, advantage in zip(log_probs, splits, advantages, strict=True)
    ]
    [expected] = torch.autograd.grad(torch.stack(parts).sum(), weights)
    assert torch.allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("advantage", "change", "moves"), [(1.0, 0.2, False), (1.0, -0.2, True), (-1.0, 0.2, True), (-1.0, -0.2, False)]
)
def test_a_ratio_that_has_gone_far_enough_goes_no_further(advantage: float, change: float, moves: bool) -> None:
    now = [*BEFORE[:3], BEFORE[3] + change]
    for credit in ("reply", "action-tokens"):
        found = gradient(now, experienced(BEFORE, 3, advantage), clip=0.1, credit=credit)
        assert (found[3] != 0.0) == moves
        assert (found[0] != 0.0) == (moves and credit == "reply")
        _, figures = ppo_losses(
            torch.tensor([now]), torch.zeros(1), [experienced(BEFORE, 3, advantage)], PPOArgs(clip=0.1, credit=credit)
        )  # type: ignore[arg-type]
        assert figures["clipped"] == 1.0
        ratio = math.exp(change)
        assert figures["kl"] == pytest.approx(ratio - 1 - change, abs=1e-6)


def test_each_token_of_an_action_has_a_ratio_of_its_own() -> None:
    now = [BEFORE[0], BEFORE[1], BEFORE[2] + 0.3, BEFORE[3] - 0.3]
    found = gradient(now, experienced(BEFORE, 2, 1.0), clip=0.1, credit="action-tokens")
    assert found == pytest.approx([0.0, 0.0, 0.0, -math.exp(-0.3) / 2])
    together = gradient(now, experienced(BEFORE, 2, 1.0), clip=0.1)
    assert together == pytest.approx([-0.5, -0.5, -1.0, -1.0]), "while those of a reply make up for each other"


def test_values_are_measured_by_what_they_should_have_been() -> None:
    """Whatever the scale of rewards is; they are not clipped, whose scale is that of ratios."""
    values = torch.tensor([0.5, 7.0], requires_grad=True)
    rows = [experienced([0.0], 0, 0.0, target, 2.0) for target in (1.0, 4.0)]
    losses, figures = ppo_losses(torch.zeros(2, 1), values, rows, PPOArgs(clip=0.1, value_weight=4.0))
    losses.sum().backward()
    assert losses.tolist() == [0.125, 4.5]
    assert figures["value_loss"] == 4.625 / 4.0
    assert values.grad is not None and values.grad.tolist() == [-0.5, 3.0]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"thought_weight": -0.1}, "--thought-weight -0.1"), ({"thought_weight": math.nan}, "--thought-weight nan"),
        ({"clip": 0.0}, "--clip 0.0"), ({"clip": math.nan}, "--clip nan"), ({"gamma": 1.1}, "--gamma 1.1"),
        ({"gamma": math.nan}, "--gamma nan"), ({"gae_lambda": -0.1}, "--gae-lambda -0.1"),
        ({"value_weight": -1.0}, "--value-weight -1.0"),
    ],
)  # fmt: skip
def test_impossible_settings_are_refused(wrong: dict[str, float], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        PPOArgs(**wrong)  # type: ignore[arg-type]
