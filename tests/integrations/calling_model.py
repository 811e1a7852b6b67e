"""A very small language model that calls a tool, whatever it is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
import trl

from tests.agents.policies.models import write

CALL = '<tool_call>\n{"name": "submit_program", "arguments": {"program": "return \'yes\'"}}\n</tool_call>'


def with_padding(processor: Any) -> Any:
    """The tokenizer or processor, with a token for padding."""
    tokenizer = getattr(processor, "tokenizer", processor)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    return processor


def write_caller(folder: Path) -> Path:
    """Writes the model, and a tokenizer with the chat template of Qwen 3 and one token for the whole call."""
    write("qwen3", folder, chat=True)
    tokenizer = with_padding(transformers.AutoTokenizer.from_pretrained(folder))
    tokenizer.eos_token = "<|im_end|>"
    tokenizer.chat_template = (Path(trl.__file__).parent / "chat_templates" / "qwen3.jinja").read_text(encoding="utf-8")
    tokenizer.add_tokens([CALL])
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    model.resize_token_embeddings(len(tokenizer))
    opening = tokenizer("<|im_start|>assistant\n").input_ids[-1]
    call, end = tokenizer(CALL + "<|im_end|>").input_ids
    with torch.no_grad():
        for layer in model.model.layers:  # a token decides what comes next by itself
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        for place, (token, following) in enumerate([(opening, call), (call, end)]):
            direction = 10 * torch.nn.functional.one_hot(torch.tensor(place), 32).float()
            model.model.embed_tokens.weight[token] = direction
            model.lm_head.weight[following] = direction
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
