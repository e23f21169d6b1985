#!/usr/bin/env python3
"""The MIDI reader against mido: the same notes, tempos, metres and keys on every file, and on mutated ones the same or a refusal.

  pip install mido;  make [SAN=1];  python3 tests/peers/midi_reader.py FOLDER [MUTANTS [BUILD]]

BUILD is the folder of objects (build/cc-opt; build/cc-san for the sanitizers). Lengths are compared in files without a sustain pedal.
"""
import glob, os, random, re, subprocess, sys, tempfile
import mido

folder, mutants, build = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10000, sys.argv[3] if len(sys.argv) > 3 else 'build/cc-opt'
here = os.path.dirname(os.path.abspath(__file__)); root = os.path.join(here, '..', '..'); tool = os.path.join(tempfile.mkdtemp(), 'midi')
flags = ['-fsanitize=address,undefined', '-fno-sanitize-recover=undefined'] if 'san' in build else []
libs = subprocess.run(['pkg-config', '--libs', 'libpng', 'libcjson', 'sndfile'], capture_output=True, text=True).stdout.split()
subprocess.run(['cc', '-std=gnu11', '-D_GNU_SOURCE', '-I' + root, *flags, os.path.join(here, 'notes.c'), *glob.glob(f'{root}/{build}/core/*.o'),
                *glob.glob(f'{root}/{build}/outputs/*.o'), '-o', tool, *libs, '-ldl', '-lm', '-lpthread'], check=True)
peer = subprocess.Popen([tool], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

def ours(path):
    peer.stdin.write(path + '\n'); peer.stdin.flush(); line = peer.stdout.readline()
    if not line: raise SystemExit(f'the reader ended on {path}')
    if line.startswith('refused: '): return line.strip(), None
    notes, *events = line.strip().split('|')
    split = lambda text: [tuple(map(int, x.split())) for x in text.split(';') if x]
    return None, [split(notes)[1:], *map(split, events)]

def last(events):                                   # of one tick the last one stays
    out = {}
    for t, *v in events: out[t] = tuple(v)
    return sorted((t, *v) for t, v in out.items())

def theirs(path):
    m = mido.MidiFile(path); notes, tempo, metre, key, programs, pedal = [], [], [], [], [], False; base = 0
    if any(e.type == 'unknown_meta' for track in m.tracks for e in track): raise ValueError('mido loses the delta time of meta events that it does not know')
    keys = {k: v for k, v in mido.midifiles.meta._key_signature_encode.items()}
    for i, track in enumerate(m.tracks):
        t = base
        for e in track:
            t += e.time
            if e.type == 'program_change': programs.append((e.channel, t, i, e.program))
            elif e.type == 'control_change' and e.control == 64: pedal = True
        if m.type == 2: base = t
    base = 0
    for i, track in enumerate(m.tracks):
        t, on = base, {}
        for e in track:
            t += e.time
            if e.type == 'set_tempo' and e.tempo: tempo.append((t, e.tempo))
            elif e.type == 'time_signature' and e.numerator and e.denominator <= 64: metre.append((t, e.numerator, e.denominator))
            elif e.type == 'key_signature': k = keys[e.key]; key.append((t, k[0] if k[0] < 128 else k[0] - 256, k[1]))
            elif e.type == 'note_on' and e.velocity: on.setdefault((e.channel, e.note), []).append((t, e.velocity))
            elif e.type in ('note_on', 'note_off') and on.get((e.channel, e.note)):
                s, v = on[e.channel, e.note].pop(0); notes.append((s, max(1, t - s), e.note, v, int(e.channel == 9)))
        for (c, n), waiting in on.items(): notes += [(s, max(1, t - s), n, v, int(c == 9)) for s, v in waiting]
        if m.type == 2: base = t
    return m.ticks_per_beat, sorted(notes), last(tempo), last(metre), last(key), pedal

def compare(path):
    refusal, a = ours(path)
    try: b = theirs(path)
    except Exception as e: b = None
    if refusal: return 'both refuse' if b is None else 'we refuse'
    if b is None: return 'mido refuses'
    mine = sorted(n[:5] for n in a[0]); want = b[1]
    if b[5]: mine, want = sorted((n[0], *n[2:]) for n in mine), sorted((n[0], *n[2:]) for n in want)
    return 'same' if (mine, *map(sorted, a[1:])) == (want, *b[2:5]) else 'DIFFERENT'

files = sorted(glob.glob(f'{folder}/**/*.mid', recursive=True)); counts = {}
for f in files: w = compare(f); counts[w] = counts.get(w, 0) + 1; w == 'DIFFERENT' and print(w, f)
print(f'{len(files)} files: {counts}'); bad = counts.get('DIFFERENT', 0) + counts.get('we refuse', 0)
r = random.Random(1); counts = {}; small = [f for f in files if os.path.getsize(f) < 6000] or files; path = os.path.join(os.path.dirname(tool), 'mutant.mid')
for i in range(mutants):
    data = bytearray(open(r.choice(small), 'rb').read())
    for _ in range(r.choice([1, 1, 2, 4, 16])):
        at, how = r.randrange(len(data)), r.randrange(5)
        if how == 0: data[at] ^= 1 << r.randrange(8)
        elif how == 1: data[at] = r.choice([0, 1, 127, 128, 255, 0x90, 0xb0, 0xf0, 0xff])
        elif how == 2: del data[at:at + r.randrange(1, 9)]
        elif how == 3: data[at:at] = bytes(r.randrange(256) for _ in range(r.randrange(1, 5)))
        else: del data[max(20, at):]
        if len(data) < 20: break
    if r.random() < .6:                              # chunk lengths put right, so that the reader gets inside
        marks = [m.start() for m in re.finditer(b'MTrk', data)] + [len(data)]
        for a, b in zip(marks, marks[1:]): data[a + 4:a + 8] = max(0, b - a - 8).to_bytes(4, 'big')
    open(path, 'wb').write(data); w = compare(path); counts[w] = counts.get(w, 0) + 1
    if w == 'DIFFERENT': bad += 1; open(os.path.join(os.path.dirname(tool), f'different-{i}.mid'), 'wb').write(data); print('mutant', i, 'differs:', path.replace('mutant', f'different-{i}'))
peer.stdin.close(); code = peer.wait(); print(f'{mutants} mutants: {counts}; exit code {code}')
sys.exit(bad > 0 or code != 0)
