"""The command `vispro-agents`."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import tyro
from rich.console import Console

from vispro_agents.errors import UsageError
from vispro_gym.datasets.errors import DatasetError
from vispro_gym.perception import BackendError

if TYPE_CHECKING:
    from vispro_agents.curve import Point
    from vispro_agents.run_args import RunArgs

T = TypeVar("T")


@dataclass(frozen=True)
class MergeArgs:
    """Merge a policy's adapters into the model below them: a plain model folder that needs no adapters."""

    policy: Path
    """Folder of a saved policy with adapters."""
    out: Path
    """Folder to write."""


# Modules are imported by the command that needs them: those that train import torch, which takes seconds.


def _demo(argv: list[str]) -> None:
    from vispro_agents import demo

    demo.run(_parse(demo.Args, "demo", argv))


def _filtered_bc(argv: list[str]) -> None:
    from vispro_agents import filtered_bc

    args = _parse(filtered_bc.Args, "filtered-bc", argv)
    _summarise(filtered_bc.train(args, Console()), args)


def _reinforce(argv: list[str]) -> None:
    from vispro_agents import reinforce

    args = _parse(reinforce.Args, "reinforce", argv)
    _summarise(reinforce.train(args, Console()), args)


def _task_reward(argv: list[str]) -> None:
    from vispro_agents import task_reward

    args = _parse(task_reward.Args, "task-reward", argv)
    task_reward.train(args, Console())
    if args.iterations and args.objective == "reward":
        Console().print(f"What tuning did: vispro-agents reward-analysis {args.run_dir}", soft_wrap=True, highlight=False)


def _reward_analysis(argv: list[str]) -> None:
    from vispro_agents import reward_analysis

    reward_analysis.run(_parse(reward_analysis.Args, "reward-analysis", argv), Console())


def _vlm_ppo(argv: list[str]) -> None:
    from vispro_agents import vlm_ppo

    vlm_ppo.train(_parse(vlm_ppo.Args, "vlm-ppo", argv), Console())


def _evaluate(argv: list[str]) -> None:
    from vispro_agents import evaluate

    evaluate.run(_parse(evaluate.EvaluateArgs, "evaluate", argv))


def _persistent(argv: list[str]) -> None:
    from vispro_agents import persistent

    persistent.run(_parse(persistent.PersistentArgs, "persistent", argv))


def _report(argv: list[str]) -> None:
    from vispro_agents import report

    report.run(_parse(report.ReportArgs, "report", argv))


def _export(argv: list[str]) -> None:
    from vispro_agents import export

    export.run(_parse(export.ExportArgs, "export", argv))


def _merge(argv: list[str]) -> None:
    from vispro_agents.curve import policy_path
    from vispro_agents.policies import transformers

    args = _parse(MergeArgs, "merge", argv)
    transformers.merge(policy_path(args.policy), args.out)
    Console().print(f"Merged model: {args.out}", soft_wrap=True, highlight=False)


COMMANDS: dict[str, tuple[Callable[[list[str]], None], str]] = {
    "demo": (_demo, "train a small policy on the mini data and write a report (what `make demo` runs)"),
    "filtered-bc": (_filtered_bc, "train by filtered behaviour cloning: Grow, Improve, repeat"),
    "reinforce": (_reinforce, "train by REINFORCE, without a baseline or with leave-one-out"),
    "task-reward": (_task_reward, "tune a vision model with the reward of its task, after imitating annotations"),
    "reward-analysis": (_reward_analysis, "draw what tuning with a task reward did to a model's answers"),
    "vlm-ppo": (_vlm_ppo, "train a vision-language model as an agent by PPO, with chain of thought"),
    "evaluate": (_evaluate, "measure one policy, or several as a leaderboard"),
    "report": (_report, "write pages about a run: its learning curve, and episodes with what programs saw"),
    "persistent": (_persistent, "find the types of error that survive training, to correct them by hand"),
    "export": (_export, "write a run's experience as data for other trainers"),
    "merge": (_merge, "merge a policy's adapters into its model"),
}


def main(argv: list[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: Arguments; those of the process by default.

    Returns:
        The exit status: 0, or 2 if the user asked for something that cannot be done.
    """
    parser = argparse.ArgumentParser(
        "vispro-agents",
        description="Learners and evaluation for vispro_gym environments.",
        epilog="vispro-agents COMMAND --help shows the options of a command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True, dest="command")
    for name, (_, summary) in COMMANDS.items():
        commands.add_parser(name, help=summary, add_help=False)
    arguments, rest = parser.parse_known_args(sys.argv[1:] if argv is None else argv)
    sys.path.insert(0, "")  # a console script does not find modules of the working directory by itself
    try:
        COMMANDS[arguments.command][0](rest)
    except BrokenPipeError:  # of a reader such as head, which has seen enough
        sys.stdout = open(os.devnull, "w")  # which Python flushes at its end
        return 1
    except (UsageError, DatasetError, BackendError, OSError) as error:
        print(f"vispro-agents: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        extra = {"torchmetrics": "rewards", "pycocoevalcap": "rewards", "ray": "ray"}.get(error.name or "", "agents")
        print(f'vispro-agents: {error.name} is not installed: pip install "vispro-gym[{extra}]"', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("vispro-agents: interrupted", file=sys.stderr)
        return 130
    return 0


def _parse(args: type[T], command: str, argv: list[str]) -> T:
    # Without these, tyro would offer a boolean as --json and --no-json, and nested settings under long names.
    config = (tyro.conf.FlagCreatePairsOff, tyro.conf.OmitArgPrefixes)
    return tyro.cli(args, prog=f"vispro-agents {command}", args=argv, config=config)


def _summarise(points: list[Point], args: RunArgs) -> None:
    from vispro_agents.demo import curve_table

    console = Console()
    console.print(curve_table(points))
    last = points[-1]  # of those that were asked for: the run may have gone further
    options = {
        "policy": args.run_dir / "policies" / last.policy,
        "env": args.env,
        "split": args.eval_split,
        "data-dir": args.data_dir,
        "images": args.images,
    }
    if args.perception != "oracle":
        options["perception"] = shlex.quote(args.perception)
    given = " ".join(f"--{name} {value}" for name, value in options.items() if value is not None)
    console.print(f"Measure it on the whole split: vispro-agents evaluate {given}", soft_wrap=True, highlight=False)
