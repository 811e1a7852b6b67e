"""Replies as tokens, whatever the tokenizer: to tokens, back to text, and where in the tokens a place of the text is."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

from transformers import PreTrainedTokenizerBase

from vispro_agents.errors import UsageError

Chat = Callable[[list[dict[str, str]], bool], str]
"""Messages as the text of a chat; the flag says whether a reply follows."""


class ReplyCodec:
    """What follows a prompt, as tokens.

    Args:
        tokenizer: The tokenizer. One without a padding token is given one: its end-of-sequence token.
        chat: Writes chats, if replies are turns of one.

    Attributes:
        end_id: The token that ends a reply.

    Raises:
        UsageError: If the tokenizer has no token that ends a text.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, chat: Chat | None = None) -> None:
        if tokenizer.eos_token_id is None:
            raise UsageError("The model's tokenizer has no end-of-sequence token. Expected one with eos_token.")
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token
        self.tokenizer = tokenizer
        # Tokenizers of SentencePiece mark the start of a text. A reply is none: it follows a line break.
        self._before: list[int] = tokenizer("\n", add_special_tokens=False)["input_ids"]
        self._before_text = self._decode(self._before)
        self.end_id = self._end_of_turn(chat) if chat else int(tokenizer.eos_token_id)

    def encode(self, text: str) -> list[int]:
        """Token ids of a reply, and of the token that ends it: what a model is trained to write.

        Args:
            text: The reply. Lone surrogates become question marks.
        """
        text = text.encode(errors="replace").decode()
        ids: list[int] = self.tokenizer(f"\n{text}", add_special_tokens=False)["input_ids"]
        size = len(self._before)
        if ids[:size] != self._before:  # the line break is one token with what follows
            ids, size = self.tokenizer(text, add_special_tokens=False)["input_ids"], 0
        return [*ids[size:], self.end_id]

    def decode(self, token_ids: Sequence[int]) -> str:
        """The text of a reply, without special tokens."""
        return self._decode([*self._before, *token_ids]).removeprefix(self._before_text)

    def split(self, token_ids: Sequence[int], start: int) -> int:
        """The number of tokens before the one that a character of the reply's text comes from.

        The tokens are those that were drawn, which need not be those that the tokenizer would make of the text: they are found by
        decoding beginnings of the reply.

        Args:
            token_ids: The reply.
            start: Number of the character in `decode(token_ids)`; from its length on, all tokens are before it. Before the first
                character there are none, whatever the text is.
        """
        text = self.decode(token_ids)
        if start == 0 or start >= len(text):
            return len(token_ids) if start else 0

        def has(size: int) -> bool:
            """Whether the character is in the text of a beginning, or in that of one a little shorter.

            Where characters are spelled byte by byte, one that is not yet whole hides those right before it.
            """
            sizes = range(max(0, size - 3), size + 1)
            return any(self.decode(token_ids[:end]).startswith(text[: start + 1]) for end in sizes)

        return bisect_left(range(len(token_ids)), True, key=has) - 1

    def _decode(self, ids: Sequence[int]) -> str:
        # Cleaning up is for English prose: it takes spaces away before full stops.
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def _end_of_turn(self, chat: Chat) -> int:
        """What the template writes after the assistant's words."""
        mark = "return 1"
        text = chat([{"role": "user", "content": "?"}, {"role": "assistant", "content": mark}], False)
        after = self.tokenizer(text.rpartition(mark)[2], add_special_tokens=False)["input_ids"]
        special = {*self.tokenizer.all_special_ids, *getattr(self.tokenizer, "added_tokens_decoder", {})}
        return next((int(token) for token in after if token in special), int(self.tokenizer.eos_token_id))
