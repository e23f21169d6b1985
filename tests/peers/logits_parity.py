#!/usr/bin/env python3
"""Random models of every family and switch, saved by Hugging Face transformers: our logits against theirs.

  python3 -m venv v && v/bin/pip install torch transformers; v/bin/python tests/peers/logits_parity.py

Biases, untied heads, grouped heads, odd head sizes, rotary scaling (linear, llama3, yarn), all three stored types; each model by the
KV cache and by the batched pass. Prints the largest difference of each and fails above 1e-4 (relative to the largest logit).
"""
import json, subprocess, sys, tempfile
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM

ROPE = dict(rope_theta=10000.0, factor=4.0, original_max_position_embeddings=32)
LLAMA = dict(vocab_size=300, hidden_size=48, intermediate_size=100, num_hidden_layers=2, num_attention_heads=6, num_key_value_heads=2, max_position_embeddings=128, initializer_range=.2)
QWEN = dict(LLAMA, head_dim=20, num_attention_heads=4)
CASES = [
    ('gpt2', GPT2LMHeadModel, GPT2Config(vocab_size=300, n_positions=128, n_embd=40, n_layer=2, n_head=5, initializer_range=.2, bos_token_id=1, eos_token_id=2)),
    ('gpt2 untied, n_inner', GPT2LMHeadModel, GPT2Config(vocab_size=301, n_positions=128, n_embd=40, n_layer=2, n_head=5, n_inner=90, initializer_range=.2, tie_word_embeddings=False, bos_token_id=1, eos_token_id=2)),
    ('llama', LlamaForCausalLM, LlamaConfig(**LLAMA)),
    ('llama tied, biases', LlamaForCausalLM, LlamaConfig(**LLAMA, tie_word_embeddings=True, attention_bias=True, mlp_bias=True)),
    ('llama linear', LlamaForCausalLM, LlamaConfig(**LLAMA, rope_parameters=dict(rope_type='linear', rope_theta=10000.0, factor=3.0))),
    ('llama llama3', LlamaForCausalLM, LlamaConfig(**LLAMA, rope_parameters=dict(ROPE, rope_type='llama3', low_freq_factor=1.0, high_freq_factor=4.0))),
    ('llama yarn', LlamaForCausalLM, LlamaConfig(**LLAMA, rope_parameters=dict(ROPE, rope_type='yarn'))),
    ('qwen3', Qwen3ForCausalLM, Qwen3Config(**QWEN, tie_word_embeddings=True)),
    ('qwen3 yarn, betas, bias', Qwen3ForCausalLM, Qwen3Config(**QWEN, attention_bias=True, rope_parameters=dict(ROPE, rope_type='yarn', beta_fast=16.0, beta_slow=2.0))),
]
worst = 0
for seed, (name, kind, config) in enumerate(CASES):
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        torch.manual_seed(seed); model = kind(config).eval()
        with torch.no_grad():
            for p in model.parameters():
                if p.dim() == 1: p.add_(torch.randn_like(p) * .1)
        ids = torch.randint(0, config.vocab_size, (1, 100))
        with tempfile.TemporaryDirectory() as folder:
            model.to(dtype).save_pretrained(folder)
            model = kind.from_pretrained(folder, dtype=torch.float32).eval()
            with torch.no_grad(): want = model(ids).logits[0]
            for way in ([], ['--batched']):
                out = subprocess.run(['./triptych', 'logits', '-m', folder, '--ids', ','.join(map(str, ids[0].tolist()))] + way, capture_output=True, text=True)
                if out.returncode: sys.exit(f'{name}: {out.stderr}')
                got = torch.tensor(json.loads(out.stdout)['logits'])
                d = ((got - want).abs().max() / want.abs().max()).item(); worst = max(worst, d)
                print(f'{name:24} {str(dtype)[6:]:9} {"batched" if way else "cache  "}  {d:.1e}')
print('worst', f'{worst:.1e}'); sys.exit(worst > 1e-4)
