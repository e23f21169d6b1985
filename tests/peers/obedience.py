#!/usr/bin/env python3
"""Do drawn sprites have the colour that their prompt names? Captions of the test split are drawn and measured by the rules of the data set.

  pip install numpy pillow;  tests/peers/obedience.py SPRITES FACTS.py [N [SEED]] [-- OPTIONS]      from the repository's root, behind `make`

SPRITES is a folder with metadata.jsonl, FACTS.py has colours(rgba): names of colours that cover a good share, the dominant one first (sprite_facts.py).
Of N captions that name colours the first colour named is compared with the dominant one of what is drawn, and with all names of it; beside it
the same for the real sprites of these captions. Told as well: see-through share and number of colours, drawn and real, to see that sprites do not become poorer.
"""
import importlib.util, json, os, random, re, subprocess, sys, tempfile
import numpy as np
from PIL import Image

NAMES = ['black', 'white', 'grey', 'pink', 'red', 'brown', 'tan', 'orange', 'yellow', 'olive', 'cream', 'green', 'teal', 'cyan', 'blue', 'purple', 'magenta']
NAMED = re.compile(r'\b(%s)\b' % '|'.join(NAMES))

def look(path, facts):
    a = np.asarray(Image.open(path).convert('RGBA'))
    opaque = a[..., 3] > 127
    return facts.colours(a), opaque.mean(), len(np.unique(a[opaque][:, :3], axis=0))

def tell(name, found, asked):
    dominant = [bool(c) and c[0] == want for (c, _, _), want in zip(found, asked)]
    among = [want in c for (c, _, _), want in zip(found, asked)]
    print('%-6s dominant colour as named %.1f %%, among the names %.1f %%; covered %.1f %%, %.1f colours' %
          (name, 100 * np.mean(dominant), 100 * np.mean(among), 100 * np.mean([f[1] for f in found]), np.mean([f[2] for f in found])))

def main():
    args = sys.argv[1:]
    options = args[args.index('--') + 1:] if '--' in args else []
    args = args[:args.index('--')] if '--' in args else args
    spec = importlib.util.spec_from_file_location('facts', args[1])
    facts = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(facts)
    n, seed = int(args[2]) if len(args) > 2 else 500, args[3] if len(args) > 3 else '1'
    captions = []
    for o in map(json.loads, open(args[0] + '/metadata.jsonl')):
        if o['split'] == 'test': captions += [(c, o['file_name']) for c in [o['text']] + o.get('alt', []) if NAMED.search(c)]
    random.Random(1).shuffle(captions)
    captions = captions[:n]
    asked = [NAMED.search(c).group(1) for c, _ in captions]
    with tempfile.TemporaryDirectory() as folder:
        with open(folder + '/prompts', 'w') as f: f.write(''.join(c + '\n' for c, _ in captions))
        command = ['./triptych', 'draw', '--prompts', folder + '/prompts', '-s', seed, '--scale', '1', '-o', folder + '/', '-q'] + options
        made = subprocess.run(command, capture_output=True, text=True)
        if made.returncode: sys.exit(made.stderr)
        drawn = [look('%s/draw-%d.png' % (folder, int(seed) + i), facts) for i in range(len(captions))]
    print('%d captions; options: %s' % (len(captions), ' '.join(options) or 'none'))
    tell('drawn', drawn, asked)
    tell('real', [look(os.path.join(args[0], f), facts) for _, f in captions], asked)

if __name__ == '__main__': main()
