#!/usr/bin/env python3
"""Do generated tunes have the features of real ones? Yang & Lerch, "On the evaluation of generative models in music" (2018).

  pip install numpy mido;  python3 tests/peers/overlap.py ./triptych MUSIC [TUNES [MODEL]]

MUSIC is a folder with metadata.jsonl. TUNES (500) tunes are made with the shipped defaults from captions of the test split (again from the first, with other seeds,
when there are fewer), and compared with as many real ones (test split first, then train). Of each tune the first 32 bars count. For each feature: the distances between all pairs of real
tunes (intra), between all generated ones, and between each generated and each real one (inter); both as densities by Gaussian kernels (Scott's
rule); the area that the densities of intra (real) and inter share, and KL(intra || inter) in nats. Beside it other real tunes in the place of the generated ones.
"""
import glob, json, os, random, subprocess, sys, tempfile
import mido, numpy as np

program, folder = sys.argv[1], sys.argv[2]
tunes = int(sys.argv[3]) if len(sys.argv) > 3 else 500
model = ['-m', sys.argv[4]] if len(sys.argv) > 4 else []
BARS = 32
MAJ = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88]); MIN = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])
TONE = {'C': 0, 'D': 2, 'E': 4, 'F': 5, 'G': 7, 'A': 9, 'B': 11}

def read(path):
    m = mido.MidiFile(path); q = m.ticks_per_beat; metre, key, parts = [], [], []
    for track in m.tracks:
        t, on, notes = 0, {}, []
        for e in track:
            t += e.time
            if e.type == 'time_signature': metre.append((t, 4 * e.numerator / e.denominator))
            elif e.type == 'key_signature': key.append((t, e.key))
            elif e.type == 'note_on' and e.velocity: on.setdefault((e.channel, e.note), []).append(t)
            elif e.type in ('note_on', 'note_off') and on.get((e.channel, e.note)):
                s = on[e.channel, e.note].pop(0); notes.append((s / q, (t - s) / q, e.note, e.channel == 9))
        if notes: parts.append(sorted(notes))
    bar = min(metre)[1] if metre else 4.
    parts = [[n for n in p if n[0] < BARS * bar] for p in parts]
    return [p for p in parts if p], bar, min(key)[1] if key else None

def features(path):
    parts, bar, key = read(path); notes = [n for p in parts for n in p]; pitched = [n for n in notes if not n[3]]
    if not pitched: return None
    pc = np.zeros(12); steps = np.zeros(27); lengths = np.zeros(12); weight = np.zeros(12)
    for s, l, p, _ in pitched: pc[p % 12] += 1; weight[p % 12] += l
    for part in parts:
        line = {}
        for s, _, p, drum in part:
            if not drum: line[round(s * 12)] = max(p, line.get(round(s * 12), 0))
        line = [line[k] for k in sorted(line)]
        for a, b in zip(line, line[1:]): steps[int(np.clip(b - a, -13, 13)) + 13] += 1
    for _, l, _, _ in notes: lengths[int(np.clip(round(2 * np.log2(max(l, 1 / 12)) + 7), 0, 11))] += 1          # half octaves of length, from a 32nd on
    if key is None: tonic, minor = max(((np.corrcoef(np.roll(prof, k), weight)[0, 1], k, mode) for k in range(12) for prof, mode in ((MAJ, 0), (MIN, 1))))[1:]
    else: minor = key.endswith('m'); k = key.rstrip('m'); tonic = (TONE[k[0]] + k.count('#') - k[1:].count('b')) % 12
    scale = [(tonic + i) % 12 for i in ((0, 2, 3, 5, 7, 8, 9, 10, 11) if minor else (0, 2, 4, 5, 7, 9, 11))]
    bars = {}
    for s, l, p, _ in notes: b = int(s / bar + 1e-6); bars.setdefault(b, []).append((round(s - b * bar, 3), p, round(l, 3)))
    seen, again = set(), 0
    for b in sorted(bars): k = tuple(sorted(bars[b])); again += k in seen; seen.add(k)
    norm = lambda v: v / max(1e-9, v.sum())
    count = max(bars) + 1
    return [norm(pc), norm(steps), norm(lengths), np.array([len(notes) / count]), np.array([weight[scale].sum() / weight.sum()]), np.array([again / len(bars)])]

NAMES = ['pitch-class histogram', 'pitch intervals', 'note length histogram', 'notes a bar', 'in-key share', 'repeated-bar share']

def distances(a, b=None):                           # all pairs; of one set each pair once
    x, y = np.array(a), np.array(a if b is None else b)
    d = np.sqrt(np.maximum(0, (x ** 2).sum(1)[:, None] + (y ** 2).sum(1)[None] - 2 * x @ y.T))
    return d[np.triu_indices(len(x), 1)] if b is None else d.ravel()

def density(sample, grid):                          # Gaussian kernels; the sample is binned to the grid first
    step = grid[1] - grid[0]; width = max(sample.std() * len(sample) ** -.2, step)
    counts = np.bincount(np.clip(np.round((sample - grid[0]) / step).astype(int), 0, len(grid) - 1), minlength=len(grid)) / len(sample)
    reach = int(np.ceil(5 * width / step)); kernel = np.exp(-.5 * (np.arange(-reach, reach + 1) * step / width) ** 2); kernel /= kernel.sum() * step
    return np.convolve(counts, kernel)[reach:reach + len(grid)]

def compare(real, other):
    rows = []
    for f in range(len(NAMES)):
        a, b = [t[f] for t in real], [t[f] for t in other]; intra, own, inter = distances(a), distances(b), distances(b, a)
        spread = max(intra.max(), inter.max(), 1e-6); grid = np.linspace(-.2 * spread, 1.2 * spread, 4001); step = grid[1] - grid[0]
        p, q = density(intra, grid), density(inter, grid)
        area = np.minimum(p, q).sum() * step; kl = (p * np.log((p + 1e-12) / (q + 1e-12))).sum() * step
        rows.append((intra.mean(), own.mean(), inter.mean(), area, kl))
    return rows

rows = [json.loads(line) for line in open(os.path.join(folder, 'metadata.jsonl'))]; r = random.Random(1)
test, train = [x for x in rows if x.get('split') == 'test'], [x for x in rows if x.get('split') == 'train']; r.shuffle(train)
files = [os.path.join(folder, x['file_name']) for x in (test + train)]; real, other = [], []
for f in files:
    if len(other) == tunes: break
    x = features(f)
    if x: (real if len(real) < tunes else other).append(x)
made = []
with tempfile.TemporaryDirectory() as work:
    for i in range(tunes):
        path = os.path.join(work, f'{i}.mid')
        subprocess.run([program, 'play', test[i % len(test)]['text'], '-s', str(i), '-q', '-o', path, *model], check=True, capture_output=True)
        x = features(path)
        if x: made.append(x)
print(f'{len(made)} generated tunes against {len(real)} real ones; {len(other)} other real ones against the same')
print(f'{"feature":24}{"intra real":>11}{"intra made":>11}{"inter":>9}{"overlap":>9}{"KL":>8}{"| real: inter":>15}{"overlap":>9}{"KL":>8}')
for name, a, b in zip(NAMES, compare(real, made), compare(real, other)):
    print(f'{name:24}{a[0]:11.3f}{a[1]:11.3f}{a[2]:9.3f}{a[3]:9.3f}{a[4]:8.4f}{b[2]:15.3f}{b[3]:9.3f}{b[4]:8.4f}')
