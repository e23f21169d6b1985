#!/usr/bin/env python3
"""Models between this program, Hugging Face transformers and llama.cpp: equal logits and greedy tokens.

    pip install torch transformers llama-cpp-python
    python3 tests/peers/transformers_load.py [--model models/default] [--shared ../shared]

1. The shipped model's folder loads in transformers as it is; its logits and 20 greedy continuations are ours.
2. The same model exported as a folder: with its tokenizer, every id has a token, and the text range encodes as ours.
3. Random models of each family made by transformers (GPT-2 with and without prefixes and mask buffers, Llama with grouped queries, with Llama 3's and linear
   scaling, untied, Qwen3), saved in one file or in shards, in F32, F16 and BF16: imported, logits as theirs; exported as GGUF: logits
   of llama.cpp (whose GELU, in GPT-2, looks up a table of float16).
"""
import argparse, copy, json, os, shutil, subprocess, sys, tempfile
import numpy as np, torch, transformers
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM, __version__
import llama_cpp as L

transformers.logging.set_verbosity_error(); transformers.logging.disable_progress_bar()

ap = argparse.ArgumentParser(); ap.add_argument('--model', default='models/default'); ap.add_argument('--shared', default='../shared'); ap.add_argument('--program', default='./triptych'); a = ap.parse_args()
torch.manual_seed(1); torch.set_num_threads(1); bad = 0
home = tempfile.TemporaryDirectory(); here = lambda name: os.path.join(home.name, name)
def run(*words, text=None):
    done = subprocess.run([a.program, *words], input=text, capture_output=True, text=True)
    if done.returncode: raise SystemExit(f'{words}: {done.stderr}')
    return done.stdout
def our_logits(model, ids): return np.array(json.loads(run('logits', '--ids', ','.join(map(str, ids)), '-m', model))['logits'])
def say(what, ok, more=''):
    global bad; bad += not ok; print(('ok    ' if ok else 'WRONG ') + what, more, flush=True)

# 1, 2: the shipped model, and its export
exported = here('exported'); run('export', '-m', a.model, '--out', exported, '--store', 'f32')
for folder in (a.model, exported):
    m = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    texts = ['Once upon a time', 'The fox and the crow', 'A king had', 'In the forest', '']
    prompts = [[1, 3] + json.loads(run('tokens', 'encode', '-m', a.model, text=json.dumps(t) + '\n') or '[]') + [x] for t in texts for x in (4, 5, 6, 4)]
    worst = 0; equal = 0
    for p in prompts:
        with torch.no_grad():
            worst = max(worst, np.abs(m(torch.tensor([p])).logits[0].numpy() - our_logits(folder, p)).max())
            theirs = m.generate(torch.tensor([p]), max_new_tokens=48, do_sample=False, eos_token_id=2, pad_token_id=0, temperature=None, top_k=None, top_p=None)[0].tolist()
        equal += theirs == json.loads(run('generate', '--ids', ','.join(map(str, p)), '--greedy', '--max-new-tokens', '48', '-m', folder))['sequences'][0]
    say(f'{os.path.basename(folder)} in transformers', worst <= 1e-4 and equal == len(prompts), f'logits within {worst:.2g}, {equal} of {len(prompts)} greedy continuations of 48 tokens equal')
t = AutoTokenizer.from_pretrained(exported)
config = json.load(open(f'{exported}/config.json'))
lines = open(f'{a.shared}/data/text/shakespeare/input.txt').read().split('\n\n')[:300]
ours = [json.loads(x) for x in run('tokens', 'encode', '-m', a.model, text=''.join(json.dumps(x) + '\n' for x in lines)).split('\n')[:-1]]
say('exported tokenizer', len(t) == config['vocab_size'] and [t(x)['input_ids'] for x in lines] == ours, f'{len(t)} tokens for {config["vocab_size"]} ids, 300 paragraphs equal; id {len(t) - 1} is {t.convert_ids_to_tokens(len(t) - 1)!r}')

# 3: random models of each family
SMALL = dict(vocab_size=512, initializer_range=0.2)
LLAMA = dict(SMALL, hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512)
SCALED = dict(rope_type='llama3', rope_theta=10000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=2048)
def llama(**more): return LlamaForCausalLM(LlamaConfig(**LLAMA, **more))
MODELS = {
    'gpt2': (GPT2LMHeadModel, lambda: GPT2LMHeadModel(GPT2Config(n_embd=64, n_layer=3, n_head=4, n_positions=256, bos_token_id=0, eos_token_id=0, **SMALL)), True),
    'llama tied': (LlamaForCausalLM, lambda: llama(tie_word_embeddings=True), True),
    'llama untied': (LlamaForCausalLM, lambda: llama(tie_word_embeddings=False), True),
    'llama 3 scaling': (LlamaForCausalLM, lambda: llama(rope_parameters=SCALED), True),
    'llama linear scaling': (LlamaForCausalLM, lambda: llama(rope_parameters=dict(rope_type='linear', rope_theta=10000.0, factor=4.0)), True),
    'llama biases': (LlamaForCausalLM, lambda: llama(attention_bias=True, mlp_bias=True), True),
    'qwen3': (Qwen3ForCausalLM, lambda: Qwen3ForCausalLM(Qwen3Config(**LLAMA, head_dim=32, tie_word_embeddings=True)), True),
    'qwen3 untied': (Qwen3ForCausalLM, lambda: Qwen3ForCausalLM(Qwen3Config(**LLAMA, head_dim=32, tie_word_embeddings=False)), True),
}
def strip(folder):   # names as in older files: no prefix, and with the buffers that were saved then
    w = {k.removeprefix('transformer.'): v for k, v in load_file(f'{folder}/model.safetensors').items()}
    for i in range(3): w[f'h.{i}.attn.bias'] = torch.ones(1, 1, 256, 256, dtype=torch.bool).tril(); w[f'h.{i}.attn.masked_bias'] = torch.tensor(-1e4)
    save_file(w, f'{folder}/model.safetensors', metadata={'format': 'pt'})
ids = torch.randint(0, 512, (1, 60))
for name, (_, make, gguf) in MODELS.items():
    m = make().eval()
    with torch.no_grad():      # norms and biases are not left at 1 and 0
        for key, p in m.named_parameters():
            if p.dim() == 1: p.add_(0.1 * torch.randn_like(p))
    for kind, dtype, shards in (('F32', torch.float32, None), ('F32 shards', torch.float32, '60KB'), ('F16', torch.float16, None), ('BF16 shards', torch.bfloat16, '40KB')):
        source, model = here('source'), here('model')
        for folder in (source, model): shutil.rmtree(folder, ignore_errors=True)
        copy.deepcopy(m).to(dtype).save_pretrained(source, **({'max_shard_size': shards} if shards else {}))
        if name == 'gpt2' and kind == 'F16': strip(source)
        shutil.copy(f'{a.shared}/fixtures/tokenizers/trained/shakespeare-512/tokenizer.json', source)
        run('import', source, '--out', model)
        with torch.no_grad(): wanted = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32).eval()(ids).logits[0].numpy()
        there = np.abs(wanted - our_logits(model, ids[0].tolist())).max(); size = np.abs(wanted).max()
        say(f'{name}, {kind}: import', there <= 1e-4 * max(1, size), f'logits up to {size:.1f} within {there:.2g}')
        if kind != 'F32' or not gguf: continue
        run('export', '-m', model, '--out', here('model.gguf'), '--store', 'f32', '--overwrite')
        c = L.Llama(here('model.gguf'), n_ctx=128, n_threads=1, verbose=False, logits_all=True, type_k=L.GGML_TYPE_F32, type_v=L.GGML_TYPE_F32)
        c.eval(ids[0].tolist()); over = np.abs(c.scores[:60] - wanted).max()
        say(f'{name}: export', over <= 2e-3 * max(1, size), f'llama.cpp within {over:.2g}')
        again = here('again'); shutil.rmtree(again, ignore_errors=True); run('import', here('model.gguf'), '--out', again)
        say(f'{name}: back from GGUF', np.abs(our_logits(again, ids[0].tolist()) - our_logits(model, ids[0].tolist())).max() == 0)
print('transformers', __version__, 'torch', torch.__version__, 'llama-cpp-python', L.__version__); sys.exit(bad > 0)
