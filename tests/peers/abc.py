#!/usr/bin/env python3
"""ABC notation against music21 and against MIDI files that abc2midi made of the same tunes.

  pip install music21;  make;  python3 tests/peers/abc.py ./triptych MIDI_FOLDER [TUNES [BUILD]]

Reading: the ABC tunes in music21's corpus; how many have, among the MIDI files of the folder, one with the same pitches and onsets.
Writing: MIDI files turned into ABC by `tokens roundtrip`; music21 must find the same pitches, onsets and lengths in them.
"""
import glob, os, random, re, subprocess, sys, tempfile, warnings
import music21
warnings.simplefilter('ignore')

program, folder, tunes, build = sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 100, sys.argv[4] if len(sys.argv) > 4 else 'build/cc-opt'
here = os.path.dirname(os.path.abspath(__file__)); root = os.path.join(here, '..', '..'); work = tempfile.mkdtemp(); tool = os.path.join(work, 'notes')
libs = subprocess.run(['pkg-config', '--libs', 'libpng', 'libcjson', 'sndfile'], capture_output=True, text=True).stdout.split()
subprocess.run(['cc', '-std=gnu11', '-D_GNU_SOURCE', '-I' + root, os.path.join(here, 'notes.c'), *glob.glob(f'{root}/{build}/core/*.o'), *glob.glob(f'{root}/{build}/outputs/*.o'),
                '-o', tool, *libs, '-ldl', '-lm', '-lpthread'], check=True)
peer = subprocess.Popen([tool], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

def notes(path):
    peer.stdin.write(path + '\n'); peer.stdin.flush(); line = peer.stdout.readline()
    if line.startswith('refused'): return None
    parts = line.split('|')[0].strip(';\n').split(';'); q = int(parts[0])
    return sorted((round(int(o) * 24 / q), int(p), round(int(l) * 24 / q)) for o, l, p, *_ in (x.split() for x in parts[1:]))

# ---- reading ----
def shape(ns): first = ns[0][0]; return tuple((o - first, p) for o, p, _ in ns)
known = {shape(n) for f in glob.glob(folder + '/**/*.mid', recursive=True) if re.search(r'/(aird|oneill|ryan|folk)/', f) for n in [notes(f)] if n}
r = random.Random(1); texts = []
for f in sorted(glob.glob(os.path.join(os.path.dirname(music21.__file__), 'corpus', '**', '*.abc'), recursive=True)):
    if re.search('airds|oneills|ryans', f): texts += re.split(r'(?m)^(?=X:)', open(f, encoding='utf-8', errors='replace').read())[1:]
r.shuffle(texts); counts = {'same as a file of abc2midi': 0, 'other': 0, 'refused': 0}; path = os.path.join(work, 'tune.abc')
for text in texts[:10 * tunes]:
    open(path, 'w').write(text); n = notes(path)
    counts['refused' if not n else 'same as a file of abc2midi' if shape(n) in known else 'other'] += 1
print(f'reading {min(len(texts), 10 * tunes)} tunes of the corpus: {counts}')

# ---- writing ----
files = sorted(glob.glob(folder + '/**/*.mid', recursive=True)); r.shuffle(files); same = different = overlays = 0
for f in files:
    if same + different == tunes: break
    if os.path.getsize(f) > 8000: continue
    out = os.path.join(work, 'out.abc'); back = os.path.join(work, 'out.mid')
    for x in (out, back): subprocess.run([program, 'tokens', 'roundtrip', f, '-o', x, '--overwrite'], check=True, capture_output=True)
    want = notes(back); assert notes(out) == want, f
    if ' & ' in open(out).read(): overlays += 1; continue
    try: score = music21.converter.parse(out, format='abc')
    except Exception as e: different += 1; print(f, 'music21:', type(e).__name__, e); continue
    got = []
    for part in score.parts or [score]:
        for n in part.stripTies().flatten().notes:
            got += [(round(n.offset * 24), p.midi, round(n.duration.quarterLength * 24)) for p in n.pitches]
    if sorted(got) == want: same += 1
    else: different += 1; print(f, [x for x in want if x not in got][:3], [x for x in got if x not in want][:3])
print(f'writing: {same} of {same + different} tunes the same for music21; {overlays} more have overlays, which it does not read')
