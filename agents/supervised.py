"""Supervised fine-tuning of a `TinyPolicy`: the step that both imitation of demonstrations and the Improve step take.

TRL's `SFTTrainer` does the work. Rows of `prompt` and `completion` make it compute the loss on the completion only, that is on
the program and the end-of-sequence token; the query is read, never predicted.
"""

from __future__ import annotations

import random
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import datasets
import numpy as np
import torch
from transformers.trainer_callback import PrinterCallback, TrainerCallback
from trl import SFTConfig, SFTTrainer

from vispro_agents.policies.tiny import TinyPolicy, format_prompt, quiet


def fine_tune(
    policy: TinyPolicy,
    pairs: Sequence[tuple[str, str]],
    *,
    epochs: int,
    learning_rate: float,
    batch_size: int,
    seed: int,
    on_step: Callable[[int, int], None] | None = None,
) -> float:
    """Raise the probability of each program given its query. The policy is changed in place.

    The optimizer starts anew at each call. The result is a function of the policy, the pairs and the seed: the global random
    state is neither used nor left changed.

    Args:
        policy: The policy to train.
        pairs: `(query, program)` pairs.
        epochs: Passes over the pairs.
        learning_rate: Peak learning rate of AdamW; it falls to zero along a cosine.
        batch_size: Pairs per step.
        seed: Seed of the order of the pairs.
        on_step: Called after each optimizer step with `(steps done, steps in total)`.

    Returns:
        Mean loss over all steps, in nats per token.

    Raises:
        ValueError: If there are no pairs.
    """
    if not pairs:
        raise ValueError("Expected at least one (query, program) pair to train on, got none.")
    rows = [{"prompt": format_prompt(query), "completion": program} for query, program in pairs]
    with tempfile.TemporaryDirectory() as scratch, _isolated():
        trainer = SFTTrainer(
            model=policy.model,
            processing_class=policy.tokenizer,
            train_dataset=datasets.Dataset.from_list(rows),
            callbacks=[_StepCallback(on_step)] if on_step else None,
            args=SFTConfig(
                output_dir=scratch,
                num_train_epochs=epochs,
                per_device_train_batch_size=batch_size,
                learning_rate=learning_rate,
                lr_scheduler_type="cosine",
                warmup_steps=5,
                weight_decay=0.01,
                # Runs have hundreds of steps: an average over the last thousand, the default, would lag behind.
                adam_beta2=0.98,
                max_length=None,
                seed=seed,
                # Two million parameters train fastest where they are, and the same everywhere.
                use_cpu=True,
                bf16=False,
                gradient_checkpointing=False,
                dataloader_pin_memory=False,
                save_strategy="no",
                logging_strategy="no",
                report_to="none",
                disable_tqdm=True,
            ),
        )
        trainer.remove_callback(PrinterCallback)
        return float(trainer.train().training_loss)


class _StepCallback(TrainerCallback):
    """Hands the trainer's progress on."""

    def __init__(self, on_step: Callable[[int, int], None]) -> None:
        self.on_step = on_step

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.on_step(state.global_step, state.max_steps)


@contextmanager
def _isolated() -> Iterator[None]:
    """Keep the trainer's seeding from the caller's random state, and its progress bars and warnings from the terminal."""
    python_state, numpy_state = random.getstate(), np.random.get_state()
    bars = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings(), quiet():
            warnings.simplefilter("ignore")
            yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
        if bars:
            datasets.enable_progress_bars()
