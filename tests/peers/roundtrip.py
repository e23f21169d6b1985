#!/usr/bin/env python3
"""What the music tokens keep of every file of some folders: `tokens roundtrip`, then file against file.

  make;  python3 tests/peers/roundtrip.py ./triptych FOLDER... [-m MODEL]

Both files are read by our reader (tests/peers/notes.c; midi_reader.py compares it with mido). A note is on the grid when its onset and length are
whole twelfths of a quarter note and the length is one that has a token. Counted are the notes that come back with the same pitch, onset, length and
program; and the tempo, metre and key changes that come back at the same place: tempos exactly, and within one class of the metronome's scale. Changes off the grid,
and those behind the last note's bar, are counted apart.
"""
import collections, concurrent.futures, glob, json, math, os, subprocess, sys, tempfile

model = []
if '-m' in sys.argv: i = sys.argv.index('-m'); model = sys.argv[i:i + 2]; del sys.argv[i:i + 2]
program, folders = sys.argv[1], sys.argv[2:]
here = os.path.dirname(os.path.abspath(__file__)); root = os.path.join(here, '..', '..'); work = tempfile.mkdtemp(); tool = os.path.join(work, 'notes')
libs = subprocess.run(['pkg-config', '--libs', 'libpng', 'libcjson', 'sndfile'], capture_output=True, text=True).stdout.split()
subprocess.run(['cc', '-std=gnu11', '-D_GNU_SOURCE', '-I' + root, os.path.join(here, 'notes.c'), *glob.glob(f'{root}/build/cc-opt/core/*.o'), *glob.glob(f'{root}/build/cc-opt/outputs/*.o'), '-o', tool, *libs, '-ldl', '-lm', '-lpthread'], check=True)
peer = subprocess.Popen([tool], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
LENGTHS = {*range(1, 97), *range(102, 193, 6), *range(204, 289, 12), *range(312, 385, 24)}
TEMPOS = sorted({*range(20, 60, 2), *range(60, 72, 3), *range(72, 120, 4), *range(120, 144, 6), *range(144, 209, 8), *range(80, 201, 10), *range(208, 321, 16)})

def tempo_class(us): return min(range(len(TEMPOS)), key=lambda i: abs(math.log(60e6 / int(us) / TEMPOS[i])))

def read(path):                                     # times in twelfths of a quarter note, as (whole, rest)
    peer.stdin.write(path + '\n'); peer.stdin.flush(); line = peer.stdout.readline().strip()
    if line.startswith('refused'): return None
    notes, *events = line.split('|'); q, *notes = [x for x in notes.split(';') if x]; q = int(q)
    at = lambda t: (int(t) * 12 // q, int(t) * 12 % q)
    changes = []
    for text in events:
        kept = []
        for t, *v in (x.split() for x in text.split(';') if x):
            if kept and kept[-1][0] == at(t): kept.pop()
            if not kept or kept[-1][1] != v: kept.append((at(t), v))     # only what changes something
        changes.append(kept)
    return [(at(o), at(l), int(p), int(v), 'drums' if d == '1' else int(g)) for o, l, p, v, d, g in (x.split() for x in notes)], changes

def in_force(changes, t): return changes[max(k for k in changes if k <= t)]

def trip(i, path):
    out = os.path.join(work, f'{i}.mid'); done = subprocess.run([program, 'tokens', 'roundtrip', path, '-o', out, '--json', *model], capture_output=True, text=True)
    return path, out, json.loads(done.stdout) if done.returncode == 0 else done.stderr

total = collections.Counter()
files = [f for folder in folders for f in sorted(glob.glob(folder + '/**/*.mid', recursive=True))]
with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    for path, out, told in pool.map(trip, range(len(files)), files):
        total['files'] += 1
        if isinstance(told, str): total['refused'] += 1; print(path, told); continue
        was, now = read(path), read(out); os.remove(out)
        total.update({k: v for k, v in told.items() if isinstance(v, (int, float)) and k not in ('ids', 'largest_shift')}); total['ids'] += told['ids']
        back = collections.Counter((o[0], l[0], p, g) for o, l, p, v, g in now[0])
        whole = collections.Counter((o[0], l[0], p, v, g) for o, l, p, v, g in now[0])
        for o, l, p, v, g in was[0]:
            grid = o[1] == 0 and l[1] == 0 and l[0] in LENGTHS
            total['notes'] += 1; total['grid'] += grid; total['onset off'] += o[1] != 0; total['length off'] += o[1] == 0 and not grid
            if not grid: continue
            k = (o[0], l[0], p, g)
            if back[k]: back[k] -= 1; total['grid back'] += 1
            if whole[k[:3] + (v, g)]: whole[k[:3] + (v, g)] -= 1; total['grid back with velocity'] += 1
        last = max((o[0] for o, l, p, v, g in was[0]), default=0)
        for name, a, b in zip(('tempo', 'metre', 'key'), was[1], now[1]):
            b = {t[0]: v for t, v in b}
            for t, v in a:
                total[name] += 1; total[name + ' off'] += t[1] != 0; total[name + ' behind'] += t[1] == 0 and t[0] > last
                if t[1] != 0 or t[0] > last: continue
                total[name + ' on'] += 1; total[name + ' back'] += b.get(t[0]) == v
                if name == 'tempo': total['class back'] += abs(tempo_class(in_force(b, t[0])[0]) - tempo_class(v[0])) <= 1
                elif b.get(t[0]) != v: print(path, name, v, 'at', t[0], 'has become', sorted(b.items()))
peer.stdin.close()
share = lambda a, b: f'{total[a]} of {total[b]} ({100 * total[a] / max(1, total[b]):.4f} %)'
print(f'{total["files"]} files, {total["refused"]} refused; {total["notes"]} notes, {total["ids"] / max(1, total["notes"]):.3f} ids a note')
print(f'on the grid: {share("grid", "notes")}; of the others {total["onset off"]} onsets and {total["length off"]} lengths are off it')
print(f'grid notes back with pitch, onset, length and program: {share("grid back", "grid")}; with the very velocity too: {share("grid back with velocity", "grid")}')
for name in ('tempo', 'metre', 'key'): print(f'{name} changes: {total[name]}, {total[name + " off"]} of them off the grid, {total[name + " behind"]} behind the last note; of the others back in their place: {share(name + " back", name + " on")}' +
                                             (f', within one class: {share("class back", "tempo on")}' if name == 'tempo' else ''))
print('told by the program: ' + ', '.join(f'{k} {total[k]:.0f}' for k in ('notes_merged', 'notes_dropped', 'onsets_moved', 'lengths_changed', 'parts_merged', 'parts_dropped', 'tempos_moved', 'tempos_rounded', 'tempos_dropped',
                                                                       'metres_moved', 'metres_changed', 'metres_dropped', 'keys_moved', 'keys_dropped')))
