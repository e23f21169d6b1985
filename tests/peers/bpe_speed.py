#!/usr/bin/env python3
"""The text tokenizer's speed against tiktoken and Hugging Face tokenizers, one thread each, in turn on the same machine.

    pip install tokenizers tiktoken && make build/cc-opt/tests/peers/bpe && python3 tests/peers/bpe_speed.py [--shared ../shared]

Encoding: GPT-2's vocabulary; MB/s of UTF-8, texts in memory, loading not counted, the ids equal. Ours twice: `first` is the first
pass of a fresh process, when no word is in the cache yet; `again` a later pass over the same text. Training: 2,048 tokens from
tinyshakespeare. Medians of the rounds.
"""
import argparse, glob, json, os, statistics, subprocess, time
os.environ.update(RAYON_NUM_THREADS='1', TOKENIZERS_PARALLELISM='false')
import tiktoken, tokenizers
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
ap = argparse.ArgumentParser(); ap.add_argument('--shared', default='../shared'); ap.add_argument('--rounds', type=int, default=5)
ap.add_argument('--bench', default='build/cc-opt/tests/peers/bpe'); a = ap.parse_args()
folder = f'{a.shared}/fixtures/tokenizers/gpt2'
texts = {'shakespeare': [f'{a.shared}/data/text/shakespeare/input.txt'], 'stories': sorted(glob.glob(f'{a.shared}/data/text/stories/*.txt'))}

own = [*range(33, 127), *range(161, 173), *range(174, 256)]
byte_of = {chr(b): b for b in own} | {chr(256 + i): b for i, b in enumerate(b for b in range(256) if b not in own)}
ranks = {bytes(byte_of[c] for c in k): i for k, i in json.load(open(f'{folder}/vocab.json')).items() if k != '<|endoftext|>'}
tik = tiktoken.Encoding('gpt2', pat_str=r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+""", mergeable_ranks=ranks, special_tokens={'<|endoftext|>': 50256})
hf = Tokenizer.from_file(f'{folder}/tokenizer.json')
def ours(*words): return [(int(n), float(s)) for n, s in (line.split() for line in subprocess.run([a.bench, *words], capture_output=True, text=True, check=True).stdout.splitlines())]
def timed(f):
    start = time.perf_counter(); n = f(); return n, time.perf_counter() - start

for name, files in texts.items():
    strings = [open(f, newline='', encoding='utf-8').read() for f in files]; size = sum(len(s.encode()) for s in strings) / 1e6
    rows = {'ours, first': [], 'ours, again': [], 'tiktoken': [], 'tokenizers': []}
    for _ in range(a.rounds):
        first, *again = ours('encode', f'{folder}/tokenizer.json', '3', *files)
        t = timed(lambda: sum(len(tik.encode_ordinary(s)) for s in strings)); h = timed(lambda: sum(len(x.ids) for x in map(hf.encode, strings)))
        assert first[0] == t[0] == h[0] and all(x[0] == first[0] for x in again)
        rows['ours, first'].append(first[1]); rows['ours, again'].append(again[-1][1]); rows['tiktoken'].append(t[1]); rows['tokenizers'].append(h[1])
    rate = {k: size / statistics.median(v) for k, v in rows.items()}; best = max(rate['tiktoken'], rate['tokenizers'])
    print(name + ': ' + ', '.join(f'{k} {v:.1f} MB/s' for k, v in rate.items()) + f"; {rate['ours, first'] / best:.1f} x (first) and {rate['ours, again'] / best:.1f} x (again) the faster peer", flush=True)

def train():
    t = Tokenizer(models.BPE()); t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.train(texts['shakespeare'], trainers.BpeTrainer(vocab_size=2048, min_frequency=2, show_progress=False, special_tokens=['<|endoftext|>'], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return t.get_vocab_size()
mine, theirs = [], []
for _ in range(a.rounds):
    mine += [x[1] for x in ours('train', '2048', '1', *texts['shakespeare'])]; n, s = timed(train); assert n == 2048; theirs.append(s)
mine, theirs = statistics.median(mine), statistics.median(theirs)
print(f'training 2,048 tokens on shakespeare: ours {mine:.3f} s, tokenizers {theirs:.3f} s: {theirs / mine:.1f} x; tokenizers {tokenizers.__version__}, tiktoken {tiktoken.__version__}')
