#!/usr/bin/env python3
"""How well holes in held-out texts are filled: the log-probability, a token, of what stands behind the hole

  bench/infill.py DATA [holes] [triptych fill's options …]     DATA: a folder with metadata.jsonl; its texts of the split "test"

given what stands before it and: nothing in the hole; a plain continuation as long as the middle; the chosen middle; the true middle.
Higher is better. Standard library only."""
import json, math, os, random, subprocess, sys

here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
data, holes, more = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 40, sys.argv[3:]
model = more[more.index('-m') + 1] if '-m' in more else f'{here}/models/default'
joint = os.path.exists(f'{model}/triptych.json')
rows = [json.loads(line) for line in open(f'{data}/metadata.jsonl')]
texts = [open(f'{data}/{r["file_name"]}').read() for r in rows if r.get('split') == 'test' and r['file_name'].endswith('.txt')]
rng = random.Random(1)

def run(*a, text=None): return subprocess.run([f'{here}/triptych', *a], input=text, capture_output=True, text=True, check=True).stdout
def encode(text): return json.loads(run('tokens', 'encode', '-m', model, text=json.dumps(text) + '\n'))

def log_probability(before, behind):
    """log p(ids of behind | ids of before), each text with its own tokens as `fill` has them."""
    left = ([1, 4] if joint else []) + before
    logits = json.loads(run('logits', '-m', model, '--ids', json.dumps(left + behind)))['logits']
    total = 0.
    for i, x in enumerate(behind):
        row = logits[len(left) + i - 1]; most = max(row)
        total += row[x] - most - math.log(sum(math.exp(v - most) for v in row))
    return total

sums = dict.fromkeys(['nothing', 'plain continuation', 'chosen middle', 'true middle'], 0.); n = wins = 0
for hole in range(holes):
    words = rng.choice([t for t in texts if len(t.split()) > 80]).split()
    at = rng.randrange(30, len(words) - 24); k = rng.randint(2, 8)
    left, middle, right = ' '.join(words[at - 30:at]), ' '.join(words[at:at + k]), ' '.join(words[at + k:at + k + 12])
    fill = json.loads(run('fill', f'{left} <fill> {right}', '-m', model, '-s', str(hole), '--json', *more))['fills'][0]
    ids = encode(' ' + right); n += len(ids); wins += fill['log_right'] > fill['log_right_plain']
    sums['nothing'] += fill['log_right_without']; sums['plain continuation'] += fill['log_right_plain']; sums['chosen middle'] += fill['log_right']
    sums['true middle'] += log_probability(encode(left) + encode(' ' + middle), ids)
for k, v in sums.items(): print(f'{k:20s} {v / n:8.3f} nats a token')
print(f'the chosen middle beats the plain continuation in {wins} of {holes} holes')
