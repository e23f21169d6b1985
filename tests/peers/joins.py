#!/usr/bin/env python3
"""Do redrawn parts join what stays? Test sprites with a random box filled and with 0.3 of them varied, judged by Pillow and not by us.

  pip install numpy pillow;  tests/peers/joins.py SPRITES [N [VERBS]] [-- OPTIONS]      from the repository's root, behind `make`

SPRITES is a folder with metadata.jsonl. Every pixel outside of what was redrawn must be as it was (exit code 1 else). Told are mean colour steps
(absolute differences of premultiplied RGBA, 0 to 255) between neighbours of which one was redrawn and the other was not: in the original
(real), in the edited picture (ours), and with what another sprite has at these pixels pasted in (paste). A join is not seen as a line when
ours is near real. Beside it the steps inside what was redrawn, and how many of its pixels changed.
"""
import json, os, random, subprocess, sys, tempfile
import numpy as np
from PIL import Image

def art(path, native):
    a = np.asarray(Image.open(path).convert('RGBA')).astype(float)
    return a[::2, ::2] if native == 16 and a.shape[0] == 32 else a

def premultiplied(a): return np.concatenate([a[..., :3] * a[..., 3:] / 255, a[..., 3:]], -1)

def steps(a, new):
    """Colour steps over the border of the redrawn part (from above or the left, from below or the right), and inside of it."""
    p, over, inside = premultiplied(a), [[], []], []
    for axis in (0, 1):
        d = np.abs(np.diff(p, axis=axis)).mean(-1)
        first, second = (new[:-1], new[1:]) if axis == 0 else (new[:, :-1], new[:, 1:])
        over[0] += d[~first & second].tolist()
        over[1] += d[first & ~second].tolist()
        inside += d[first & second].tolist()
    return over[0], over[1], inside

def edit(line, folder):
    out = folder + '/out.png'
    made = subprocess.run(['./triptych'] + line + ['-o', out, '-q', '--overwrite'], capture_output=True, text=True)
    if made.returncode: sys.exit('failed: %s: %s' % (' '.join(line), made.stderr.strip()))
    picture = Image.open(out)
    kept = json.loads(picture.text['triptych'])['finish']['kept']
    new = np.zeros((kept['height'], kept['width']), bool)
    for y, row in enumerate(kept['pixels']):
        x = at = 0
        while at < len(row):
            new[y, x] = row[at] == '.'
            at += 1 if row[at] in '.-' else 8
            x += 1
    return out, new

def main():
    args = sys.argv[1:]
    options = args[args.index('--') + 1:] if '--' in args else []
    args = args[:args.index('--')] if '--' in args else args
    folder, n, verbs = args[0], int(args[1]) if len(args) > 1 else 200, args[2].split(',') if len(args) > 2 else ['fill', 'vary', 'continue']
    items = [o for o in map(json.loads, open(folder + '/metadata.jsonl')) if o['split'] == 'test']
    rng, bad = random.Random(1), 0
    rng.shuffle(items)
    items = items[:n]
    with tempfile.TemporaryDirectory() as temporary:
        for verb in verbs:
            sums = {k: [[], [], []] for k in ('real', 'ours', 'paste')}
            changed = []
            for i, item in enumerate(items):
                path, native = os.path.join(folder, item['file_name']), item['native']
                before = art(path, native)
                side = before.shape[0]
                w, h = rng.randint(side // 4, side * 2 // 3), rng.randint(side // 4, side * 2 // 3)
                box = (rng.randint(0, side - w), rng.randint(0, side - h), w, h)
                how = {'fill': ['--box', '%d,%d,%d,%d' % box], 'vary': ['--strength', '0.3'], 'continue': []}[verb]
                out, new = edit([verb, path, '-s', str(i + 1)] + how + options, temporary)
                if new.shape[0] != side: continue              # reduced further: art of larger pixels still
                after = art(out, native)
                if after.shape != before.shape or not (after == before)[~new].all() or (verb == 'fill' and new.sum() != w * h):
                    bad += 1
                    print(verb, item['file_name'], 'changed outside')
                other = rng.choice([o for o in items if o['native'] == native and o is not item])
                paste = np.where(new[..., None], art(os.path.join(folder, other['file_name']), native), before)
                for name, a in (('real', before), ('ours', after), ('paste', paste)):
                    for k, values in enumerate(steps(a, new)): sums[name][k] += values
                changed.append((np.abs(after - before).sum(-1) > 0)[new].mean())
            print('%-8s %d sprites, %.0f %% of the redrawn pixels changed; mean step over the border: all, above and left, below and right; inside' % (verb, len(changed), 100 * np.mean(changed)))
            for name, s in sums.items(): print('  %-6s %6.2f  %6.2f %6.2f  %6.2f' % (name, np.mean(s[0] + s[1]), np.mean(s[0]), np.mean(s[1]) if s[1] else 0, np.mean(s[2])))
            sys.stdout.flush()
    return bad > 0

if __name__ == '__main__': sys.exit(main())
