#!/usr/bin/env python3
"""Many sprites under random wishes and at temperatures from 0.5 to 2, judged by Pillow and not by us.

  pip install numpy pillow;  tests/peers/sprites.py [RUNS [SPRITES_A_RUN]]      from the repository's root, behind `make`

Every file must open, have the size asked for, hard alpha, no more colours than asked for, none outside a palette that was forced, equal
halves under --symmetry, no see-through pixel under --background; --tile: the mean colour step over the seam is no larger than inside,
along each axis asked for, and in the mean of both the figure of sprites that were not asked to tile is told for comparison. Exit code 1 on any fault.
"""
import glob, os, random, subprocess, sys, tempfile
import numpy as np
from PIL import Image

def seam(x, axis):
    x = np.moveaxis(x.astype(float), 1 - axis, 0)              # axis 0: x, columns first
    inside, over = np.abs(x[1:] - x[:-1]).mean(), np.abs(x[0] - x[-1]).mean()
    return over, inside

def palette(name, n, rng):
    colours = [tuple(rng.randrange(256) for _ in range(3)) for _ in range(n)]
    with open(name, 'w') as f: f.write(''.join('%02x%02x%02x\n' % c for c in colours))
    return colours

def wishes(folder, rng):
    w = {'size': rng.choice([None, 16, 32]), 'colours': rng.choice([None, rng.randint(1, 16)]), 'tile': rng.choice([None, None, 'x', 'y', 'xy']), 'symmetry': rng.random() < .3,
         'palette': None, 'outline': False, 'background': None}
    if rng.random() < .4: w['palette'] = palette(folder + '/p.hex', rng.choice([1, 2, 4, 8, 16, 48]), rng)
    if w['tile'] is None: w['outline'] = rng.random() < .3
    if rng.random() < .2 and w['colours'] != 1: w['background'] = rng.choice(w['palette']) if w['palette'] else (16, 32, 48)
    line = []
    for k in ('size', 'colours', 'tile'):
        if w[k] is not None: line += ['--' + k, str(w[k])]
    if w['symmetry']: line += ['--symmetry', 'x']
    if w['outline']: line += ['--outline']
    if w['palette']: line += ['--palette', folder + '/p.hex']
    if w['background']: line += ['--background', '#%02x%02x%02x' % w['background']]
    if rng.random() < .8: line += ['--no-words']                # faster: no second tries for a colour
    return w, line

def faults(a, w):
    out, opaque = [], a[..., 3] == 255
    if a.shape[:2] not in ((16, 16), (32, 32)) or (w['size'] and a.shape[0] != w['size']): out.append('size %s' % (a.shape,))
    if not np.isin(a[..., 3], (0, 255)).all(): out.append('soft alpha')
    used = {tuple(c) for c in a[opaque][:, :3].tolist()}
    most = w['colours'] or (24 if a.shape[0] == 16 and not w['palette'] else 16)
    if len(used) > most + (1 if w['background'] and not w['colours'] else 0): out.append('%d colours' % len(used))
    if w['palette'] and not used <= set(w['palette']): out.append('colours outside the palette')
    if w['symmetry'] and not (a == a[:, ::-1]).all(): out.append('not symmetric')
    if w['background'] and not opaque.all(): out.append('see-through')
    for axis, name in ((0, 'x'), (1, 'y')):
        if w['tile'] and name in w['tile']:
            over, inside = seam(a, axis)
            if over > inside + 1e-9: out.append('seam %s: %.2f, inside %.2f' % (name, over, inside))
    return out

def main():
    runs, each = int(sys.argv[1]) if len(sys.argv) > 1 else 100, int(sys.argv[2]) if len(sys.argv) > 2 else 100
    rng, bad, total, seams = random.Random(1), 0, 0, {True: [], False: []}
    prompts = ['', 'a red dragon', 'a stone wall', 'grass', 'a blue potion', 'an old wizard', 'a golden sword', 'a brown mouse with a hat']
    for run in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            w, line = wishes(folder, rng)
            temperature, prompt = round(rng.uniform(.5, 2), 2), rng.choice(prompts)
            top_k = rng.choice(['0', '60'])
            command = ['./triptych', 'draw', prompt, '-s', str(1 + run * each), '-n', str(each), '-t', str(temperature), '-k', top_k, '--scale', '1', '-o', folder + '/', '-q'] + line
            made = subprocess.run(command, capture_output=True, text=True)
            files = sorted(glob.glob(folder + '/*.png'))
            if made.returncode != 0 or len(files) != each:
                bad += each
                print('failed: %s: %s' % (' '.join(command), made.stderr.strip()))
                continue
            for f in files:
                a = np.asarray(Image.open(f).convert('RGBA'))
                found = faults(a, w)
                total += 1
                bad += bool(found)
                if found: print(os.path.basename(f), ' '.join(command), '; '.join(found))
                if w['tile'] in (None, 'xy') and not w['background'] and prompt in ('a stone wall', 'grass'):
                    s = [seam(a, 0), seam(a, 1)]
                    inside = (s[0][1] + s[1][1]) / 2
                    if inside > 0: seams[w['tile'] == 'xy'].append((s[0][0] + s[1][0]) / 2 / inside)
    print('%d sprites, %d faulty' % (total, bad))
    for tiled, name in ((True, '--tile xy'), (False, 'no --tile')):
        if seams[tiled]: print('walls and grass, %s: seam / inside: mean %.3f, largest %.3f (%d sprites)' % (name, np.mean(seams[tiled]), max(seams[tiled]), len(seams[tiled])))
    return bad > 0

if __name__ == '__main__': sys.exit(main())
