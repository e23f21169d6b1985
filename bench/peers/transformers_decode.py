"""Hugging Face transformers, float32, 2 threads, a model of SmolLM2-135M's shape: greedy decoding. Prints "decode VALUE"."""
import time
import torch
from transformers import LlamaConfig, LlamaForCausalLM
torch.set_num_threads(2)
model = LlamaForCausalLM(LlamaConfig(vocab_size=49152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3,
                                     max_position_embeddings=2048, tie_word_embeddings=True)).eval()
ids, best = torch.tensor([[5, 6, 7, 8]]), 0
for _ in range(3):
    begin = time.perf_counter()
    made = model.generate(ids, do_sample=False, min_new_tokens=64, max_new_tokens=64, pad_token_id=0)
    best = max(best, 64 / (time.perf_counter() - begin))
print('decode', best)
