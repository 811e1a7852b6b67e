"""A causal language model small enough to train from scratch on two cores in minutes.

The model is a Llama of about two million parameters with its own byte-level BPE vocabulary. Nothing is downloaded, so it shows
what self-training does without any pretrained knowledge of Python or of pictures. It reads the query as a comment line
and writes the program, then the end-of-sequence token.

Before BPE sees a text it is split into words, without their plural "s", and what stands between them. So "cup" is the same
token in a query, between quotes and in the variable `cups`: a model this small learns to copy nouns only if copying is copying
of tokens. Names of the program language and Python's keywords are not words but belong to what stands between, which BPE may
merge: the whole first line of a program is one token, and programs are short.
"""

from __future__ import annotations

import keyword
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.utils import logging

from vispro_agents.policies.base import Prompt
from vispro_gym.programs.api import API, ENTRY_POINT

_PAD, _EOS = "<|pad|>", "<|eos|>"
_LANGUAGE = sorted(
    {ENTRY_POINT, *(member.name for member in API), *keyword.kwlist}.union(
        "ImagePatch image image_patch any all abs len max min next key".split()
    )
)
_PIECES = Regex(rf"(?:[^A-Za-z]|\b(?:{'|'.join(_LANGUAGE)})\b)+|[A-Za-z]{{3,}}(?=s(?![A-Za-z]))|[A-Za-z]+")


def format_prompt(query: str) -> str:
    """The text the model continues: the query as a Python comment line."""
    line = " ".join(query.split())
    return f"# {line.encode(errors='replace').decode()}\n"  # the tokenizer refuses lone surrogates


class TinyPolicy:
    """A small causal language model with its tokenizer, as a policy.

    Args:
        model: The language model.
        tokenizer: Its tokenizer, padding on the left.
        name: Name for tables and logs.
    """

    def __init__(self, model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, name: str = "tiny") -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.name = name

    @classmethod
    def create(
        cls,
        texts: Sequence[str],
        programs: Sequence[str],
        *,
        seed: int,
        vocab_size: int = 2048,
        hidden_size: int = 192,
        num_layers: int = 4,
    ) -> TinyPolicy:
        """Build an untrained policy.

        Args:
            texts: Queries and names to learn the vocabulary from. Whatever is not in them is spelled in smaller pieces, so any
                query can be read and any program written.
            programs: Examples of programs, at least one: the vocabulary is learned from them, too, and programs are cut when
                they get longer than the longest of them by a quarter.
            seed: Seed of the initial weights.
            vocab_size: Upper limit of the vocabulary; at least 258 (all bytes and two special tokens).
            hidden_size: Width of the model; a multiple of 32.
            num_layers: Depth of the model.
        """
        tokenizer = _train_tokenizer([*texts, *programs], vocab_size)
        config = LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=hidden_size,
            intermediate_size=hidden_size * 8 // 3,
            num_hidden_layers=num_layers,
            num_attention_heads=hidden_size // 32,
            num_key_value_heads=hidden_size // 32,
            max_position_embeddings=1024,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            tie_word_embeddings=True,
            # Llama's 0.02 suits a width of thousands.
            initializer_range=0.06,
        )
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            model = LlamaForCausalLM(config)
        # Saved and loaded with the model.
        model.generation_config.max_new_tokens = max(len(tokenizer(program)["input_ids"]) for program in programs) * 5 // 4 + 1
        return cls(model, tokenizer)

    @classmethod
    def load(cls, path: Path) -> TinyPolicy:
        """Read a policy that `save` wrote. Only local files are looked at.

        Raises:
            FileNotFoundError: If the folder does not hold a saved policy.
        """
        if not (path / "config.json").is_file():
            raise FileNotFoundError(f"{path} holds no saved policy: expected config.json, model.safetensors, tokenizer.json.")
        with quiet():
            model = LlamaForCausalLM.from_pretrained(path, local_files_only=True, dtype=torch.float32)
            tokenizer = PreTrainedTokenizerFast.from_pretrained(path, local_files_only=True)
        return cls(model, tokenizer, name=path.name)

    def save(self, path: Path) -> None:
        """Write weights (safetensors) and tokenizer (JSON) into the folder `path`."""
        with quiet():
            self.model.save_pretrained(path)
            self.tokenizer.save_pretrained(path)

    @property
    def num_parameters(self) -> int:
        """Number of trainable weights; tied ones count once."""
        return int(self.model.num_parameters())

    def propose(self, prompts: Sequence[Prompt]) -> list[str]:
        """Write the most probable program for each prompt, token by token (greedy)."""
        return self.generate([prompt.query for prompt in prompts])

    def generate(
        self,
        queries: Sequence[str],
        *,
        temperature: float = 0.0,
        generator: torch.Generator | None = None,
        batch_size: int = 256,
    ) -> list[str]:
        """Write one program per query.

        Args:
            queries: Text queries; repeat a query to sample several programs for it.
            temperature: Sampling temperature; 0 is greedy.
            generator: Source of randomness, needed if the temperature is not 0. The global random state is not used.
            batch_size: Queries per forward pass.

        Returns:
            The programs, in the order of the queries.
        """
        # Batches of queries of similar length waste little on padding.
        order = sorted(range(len(queries)), key=lambda index: (len(queries[index]), index))
        programs = [""] * len(queries)
        self.model.eval()
        for start in range(0, len(order), batch_size):
            indices = order[start : start + batch_size]
            texts = [format_prompt(queries[index]) for index in indices]
            tokens = self._continue(texts, temperature, generator)
            for index, ids in zip(indices, tokens, strict=True):
                programs[index] = cast(str, self.tokenizer.decode(ids, skip_special_tokens=True))
        return programs

    @torch.inference_mode()
    def _continue(self, texts: list[str], temperature: float, generator: torch.Generator | None) -> list[list[int]]:
        """Continue a batch of texts up to the end-of-sequence token, which is not part of the result.

        This loop exists beside `model.generate` because that one draws from the global random state, and because finished
        rows are dropped here: programs differ in length by a factor of ten.
        """
        encoded = self.tokenizer(texts, padding=True, return_tensors="pt")
        mask = encoded["attention_mask"]
        step_input = encoded["input_ids"]
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        rows = torch.arange(len(texts))
        written: list[list[int]] = [[] for _ in texts]
        cache = None
        for _ in range(self.model.generation_config.max_new_tokens):
            output = self.model(
                input_ids=step_input,
                attention_mask=mask,
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
            cache = output.past_key_values
            logits = output.logits[:, -1]
            if temperature == 0.0:
                chosen = logits.argmax(-1)
            else:
                chosen = torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator).squeeze(1)
            going = chosen != self.tokenizer.eos_token_id
            for row, token in zip(rows[going].tolist(), chosen[going].tolist(), strict=True):
                written[row].append(token)
            if not going.any():
                break
            if not going.all():
                kept = going.nonzero().squeeze(1)
                cache.batch_select_indices(kept)
                rows, chosen, mask, positions = rows[kept], chosen[kept], mask[kept], positions[kept]
            step_input = chosen.unsqueeze(1)
            mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
            positions = positions[:, -1:] + 1
        return written


class SamplingPolicy:
    """A `TinyPolicy` that draws its programs at random, as the Grow step does.

    Args:
        policy: The policy to draw from.
        temperature: Sampling temperature, greater than 0.
        seed: Seed of all that this object will draw, call after call.
    """

    def __init__(self, policy: TinyPolicy, *, temperature: float, seed: int) -> None:
        self.name = policy.name
        self._policy = policy
        self._temperature = temperature
        self._generator = torch.Generator().manual_seed(seed)

    def propose(self, prompts: Sequence[Prompt]) -> list[str]:
        """Draw one program per prompt."""
        queries = [prompt.query for prompt in prompts]
        return self._policy.generate(queries, temperature=self._temperature, generator=self._generator)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence progress bars and notices of transformers: who trains a policy prints its own."""
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def _train_tokenizer(texts: Sequence[str], vocab_size: int) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(_PIECES, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=4,
        special_tokens=[_PAD, _EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=_PAD,
        eos_token=_EOS,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )
