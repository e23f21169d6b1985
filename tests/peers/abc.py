#!/usr/bin/env python3
"""ABC notation against music21, abc2midi, and MIDI files that abc2midi made of the same tunes.

  pip install music21;  make;  python3 tests/peers/abc.py ./triptych MIDI_FOLDER [TUNES [BUILD]]

Reading: the ABC tunes in music21's corpus; how many have, among the MIDI files of the folder, one with the same pitches and onsets.
Reading, where abc2midi is installed: all of them, without what only abc2midi plays (R:, trills, chord symbols); of those that differ, how
many are the same for abc2midi once |: is written where a section begins by ABC 2.1 (behind a double bar line).
Writing: MIDI files turned into ABC by `tokens roundtrip`; music21 must find the same pitches, onsets and lengths in them, abc2midi the same
pitches and onsets.
"""
import glob, os, random, re, shutil, subprocess, sys, tempfile, warnings
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
r = random.Random(1); texts = []; path = os.path.join(work, 'tune.abc')
corpus = sorted(glob.glob(os.path.join(os.path.dirname(music21.__file__), 'corpus', '**', '*.abc'), recursive=True))
def split(f): return re.split(r'(?m)^(?=X:)', open(f, encoding='utf-8', errors='replace').read())[1:]
for f in corpus:
    if re.search('airds|oneills|ryans', f): texts += split(f)
r.shuffle(texts); counts = {'same as a file of abc2midi': 0, 'other': 0, 'refused': 0}
for text in texts[:10 * tunes]:
    open(path, 'w').write(text); n = notes(path)
    counts['refused' if not n else 'same as a file of abc2midi' if shape(n) in known else 'other'] += 1
print(f'reading {min(len(texts), 10 * tunes)} tunes of the corpus: {counts}')

# ---- reading, by abc2midi itself ----
def plain(text):
    lines = []
    for line in text.splitlines():
        if not re.match('[A-Za-z]:|%', line):
            line = re.sub(r'"[^"]*"|!(trill|tr|roll|[a-z]*mordent|turn|prall)!', '', line)
            line = re.sub(r'[T~MPSOuvkH.](?=[\^_=,.vuA-Ga-g(k~TH!\\[{]|$)', '', line)
        if not line.startswith('R:'): lines.append(line)
    return '\n'.join(lines) + '\n'

def sections(text):
    """|: where a section that is repeated begins behind a double bar line."""
    start, opened, ending, at, key = None, False, 0, [], text.find('\nK:')
    for m in re.finditer(r'(?m)^[A-Za-z]:.*$|%.*$|\[?(?:[|:]+\]?)+|\[(?=\d)', text[key + 1:]):
        sign, end = m.group(), key + 1 + m.end()
        if re.match(r'[A-Za-z]|%', sign): continue
        number = re.match(r'\s*\[?(\d)', text[end:])
        if ':|' in sign or '::' in sign:
            if start is not None and not opened: at.append(start)
            if not number: start, opened, ending = None, sign.endswith(':'), 0
        elif sign.endswith(':'): start, opened, ending = None, True, 0
        elif len(sign) > 1 and (ending > 1 or not opened and not ending): start, opened, ending = end, False, 0
        if number and text[end:end + 1] in '[0123456789': ending = int(number[1])
    for a in sorted(set(at), reverse=True): text = text[:a] + ' |: ' + text[a:]
    return text

def played(text):
    out = os.path.join(work, 'peer.mid'); shutil.rmtree(out, ignore_errors=True); open(path, 'w').write(text)
    if os.path.exists(out): os.remove(out)
    subprocess.run(['abc2midi', path, '-o', out, '-NGRA', '-NFER'], capture_output=True, timeout=20)
    return notes(out) if os.path.exists(out) else None

def close(a, b):
    """The same pitches at the same times; abc2midi spreads the notes of a chord a little."""
    def steps(ns):
        last, row = -9, []
        for o, p, _ in ns:
            if o - ns[0][0] - last > 1: last = o - ns[0][0]
            row.append((last, p))
        return sorted(row)
    return len(a) == len(b) and all(abs(x - y) < 2 and p == q for (x, p), (y, q) in zip(steps(a), steps(b)))

if shutil.which('abc2midi'):
    counts = {'same': 0, 'same with |: written': 0, 'other': 0, 'refused': 0}
    for text in (plain(t) for f in corpus for t in split(f)):
        n, want = (open(path, 'w').write(text), notes(path))[1], None
        if n: want = played(text)
        if not n: counts['refused'] += 1
        elif want and close(n, want): counts['same'] += 1
        elif want and (want := played(sections(text))) and close(n, want): counts['same with |: written'] += 1
        else: counts['other'] += 1
    print(f'reading all {sum(counts.values())} tunes of the corpus, abc2midi beside: {counts}')
# ---- writing ----
files = sorted(glob.glob(folder + '/**/*.mid', recursive=True)); r.shuffle(files); same = different = overlays = heard = 0
for f in files:
    if same + different == tunes: break
    if os.path.getsize(f) > 8000: continue
    out = os.path.join(work, 'out.abc'); back = os.path.join(work, 'out.mid')
    for x in (out, back): subprocess.run([program, 'tokens', 'roundtrip', f, '-o', x, '--overwrite'], check=True, capture_output=True)
    want = notes(back); assert notes(out) == want, f
    abc = open(out).read().replace('X:1\n', 'X:1\n%%MIDI chordattack 0\n', 1); play = shutil.which('abc2midi') and played(abc)
    if play and shape(play) == shape(want): heard += 1
    elif play is not None: print(f, 'abc2midi: other notes')
    if ' & ' in abc: overlays += 1; continue
    try: score = music21.converter.parse(out, format='abc')
    except Exception as e: different += 1; print(f, 'music21:', type(e).__name__, e); continue
    got = []
    for part in score.parts or [score]:
        for n in part.stripTies().flatten().notes:
            got += [(round(n.offset * 24), p.midi, round(n.duration.quarterLength * 24)) for p in n.pitches]
    if sorted(got) == want: same += 1
    else: different += 1; print(f, [x for x in want if x not in got][:3], [x for x in got if x not in want][:3])
print(f'writing: {same} of {same + different} tunes the same for music21; {overlays} more have overlays, which it does not read; {heard} of all for abc2midi')
