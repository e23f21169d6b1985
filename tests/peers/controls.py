#!/usr/bin/env python3
"""Hard controls of `play`, checked on the written files by a parser that is not the project's.

  pip install mido;  python3 tests/peers/controls.py ./triptych [TUNES [TUNE_FACTS.py [MODEL [SEED]]]]

Random controls and temperatures from 0.5 to 2, ten tunes of each draw made at a time; every tune is parsed with mido and every wish checked, bars and
scale also by TUNE_FACTS.py. Prints one line a failure and a count.
"""
import importlib.util, os, random, subprocess, sys, tempfile
import mido

program, tunes = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 200
facts = None
if len(sys.argv) > 3:
    spec = importlib.util.spec_from_file_location('tune_facts', sys.argv[3]); facts = importlib.util.module_from_spec(spec); spec.loader.exec_module(facts)
MAJOR = ['Cb', 'Gb', 'Db', 'Ab', 'Eb', 'Bb', 'F', 'C', 'G', 'D', 'A', 'E', 'B', 'F#', 'C#']
MINOR = ['Ab', 'Eb', 'Bb', 'F', 'C', 'G', 'D', 'A', 'E', 'B', 'F#', 'C#', 'G#', 'D#', 'A#']
TONE = {'C': 0, 'D': 2, 'E': 4, 'F': 5, 'G': 7, 'A': 9, 'B': 11}
INSTRUMENTS = {'flute': 73, 'cello': 42, 'piano': 0, 'fiddle': 110, '24': 24, '60': 60, 'bass': 32, 'oboe': 68}
CHORDS = {'': (0, 4, 7), 'm': (0, 3, 7), '7': (0, 4, 7, 10), 'm7': (0, 3, 7, 10)}
GAP = {'low': (480, None), 'mid': (240, 960), 'high': (0, 240)}

def tone(name): return (TONE[name[0]] + name.count('#') - name[1:].count('b')) % 12

def wishes(r):
    w = {}
    if r.random() < .7: k = r.randrange(15); w['key'] = r.choice([MAJOR[k] + ' major', MINOR[k] + ' minor'])
    if r.random() < .6: w['metre'] = r.choice(['4/4', '3/4', '6/8', '2/4', '2/2', '9/8', '12/8', '5/4', '7/8'])
    if r.random() < .5: w['tempo'] = r.randrange(40, 220)
    if r.random() < .7: w['bars'] = r.randrange(1, 25)
    if r.random() < .3: w['cadence'] = True
    if r.random() < .2: w['parts'] = r.randrange(1, 5)
    elif r.random() < .6: w['instrument'] = [r.choice(list(INSTRUMENTS)) for _ in range(r.randrange(1, 4))]
    if r.random() < .4: lo = r.randrange(36, 70); w['range'] = (lo, lo + r.randrange(14, 36))
    if r.random() < .4: w['density'] = r.choice(list(GAP))
    if r.random() < .3: w['drums'] = True
    if r.random() < .4: w['scale-lock'] = True
    if r.random() < .3 and ('key' not in w or 'scale-lock' not in w):
        w['chords'] = [r.choice(['C', 'D', 'Eb', 'F', 'G', 'A', 'Bb', 'B']) + r.choice(list(CHORDS)) for _ in range(r.randrange(1, 5))]
    return w

def options(w):
    out = []
    for k, v in w.items():
        if v is True: out.append('--' + k)
        elif k == 'instrument': out += [x for i in v for x in ('--instrument', i)]
        elif k == 'range': out += ['--range', f'{v[0]}-{v[1]}']
        elif k == 'chords': out += ['--chords', ' '.join(v)]
        else: out += ['--' + k, str(v)]
    return out

def parse(path):
    m = mido.MidiFile(path); assert m.ticks_per_beat == 480
    events = {'set_tempo': [], 'time_signature': [], 'key_signature': []}; parts = []
    for track in m.tracks:
        t, program, on, notes, drums = 0, None, {}, [], False
        for e in track:
            t += e.time
            if e.type in events: events[e.type].append((t, e))
            elif e.type == 'program_change': program = e.program
            elif e.type == 'note_on' and e.velocity: on.setdefault(e.note, []).append(t); drums = e.channel == 9
            elif e.type in ('note_on', 'note_off'): s = on[e.note].pop(0); notes.append((s, t, e.note))
        if notes: parts.append((None if drums else program, sorted(notes)))
    return events, parts

def check(w, path):
    events, parts = parse(path); bad = []
    def must(ok, what): bad.extend([] if ok else [what])
    key, metre = events['key_signature'], events['time_signature'][0][1]
    bar = 1920 * metre.numerator // metre.denominator
    if 'key' in w: n, mode = w['key'].split(); must([e.key for _, e in key] == [n + ('m' if mode == 'minor' else '')], 'key')
    if 'metre' in w: must([f'{e.numerator}/{e.denominator}' for _, e in events['time_signature']] == [w['metre']], 'metre')
    if 'tempo' in w: must([round(60e6 / e.tempo) for _, e in events['set_tempo']] == [w['tempo']], 'tempo')
    if 'instrument' in w:
        wanted = [INSTRUMENTS[i] for i in w['instrument']] + ([None] if 'drums' in w else [])
        must([p for p, _ in parts] == wanted, 'instruments')
    elif 'drums' in w: must(any(p is None for p, _ in parts), 'drums')
    notes = [n for p, ns in parts for n in ns]
    if 'parts' in w: must(len(parts) == w['parts'], 'parts')
    if 'bars' in w:
        must(max(e for _, e, _ in notes) <= w['bars'] * bar, 'beyond the last bar'); must(max(s for s, _, _ in notes) >= (w['bars'] - 1) * bar, 'bars')
    pitched = sorted(n for p, ns in parts if p is not None for n in ns)
    if 'range' in w: must(all(w['range'][0] <= p <= w['range'][1] for *_, p in pitched), 'range')
    if 'scale-lock' in w:
        def scale(t):
            k = [e.key for at, e in key if at <= t][-1]; minor = k.endswith('m')
            return {(tone(k.rstrip('m')) + i) % 12 for i in ((0, 2, 3, 5, 7, 8, 9, 10, 11) if minor else (0, 2, 4, 5, 7, 9, 11))}
        must(all(p % 12 in scale(s) for s, _, p in pitched), 'scale')
    strong = lambda s: s % bar == 0 or (metre.numerator % 2 == 0 and 2 * (s % bar) == bar)
    last = max(s for s, *_ in notes) // bar
    if 'cadence' in w and pitched:
        k = key[-1][1].key; minor = k.endswith('m'); tonic = tone(k.rstrip('m'))
        must(len(events['time_signature']) == 1 and max(e for _, e, _ in notes) <= (last + 1) * bar, 'cadence: sounds beyond')
        for s, _, p in pitched:
            if s // bar == last and strong(s): must((p - tonic) % 12 in ((0, 3, 7) if minor else (0, 4, 7)), 'cadence: the last bar is not the tonic')
            if s // bar == last - 1 and strong(s) and 'chords' not in w: must((p - tonic - 7) % 12 in (0, 4, 7), 'cadence: the bar before is not the dominant')
        voices = [ns for p, ns in parts if p is not None]
        for ns, choose in ((voices[0], max), (voices[-1], min)):
            end = ns[-1][0]; must(end // bar == last and choose(p for s, _, p in ns if s == end) % 12 == tonic, 'cadence: no end on the tonic')
            must(end - last * bar <= max(0, bar - (240 if w.get('density') == 'high' else 480)), 'cadence: the end is too short')
    if 'chords' in w:
        for s, _, p in pitched:
            if not strong(s) or ('cadence' in w and s // bar == last): continue
            c = w['chords'][s // bar % len(w['chords'])]; root = c.rstrip('m7')
            must((p - tone(root)) % 12 in CHORDS[c[len(root):]], f'chord {c} in bar {s // bar + 1}')
    if 'density' in w:
        closest, widest = GAP[w['density']]; lead = next((i for i, (p, _) in enumerate(parts) if p is not None), 0)
        for i, (p, ns) in enumerate(parts):
            if p is None and i != lead: continue
            for b in range(max(s for s, *_ in notes) // bar + 1):
                at = sorted({s % bar for s, *_ in ns if s // bar == b})
                must(all(y - x >= closest for x, y in zip(at, at[1:])), 'density, too close')
                if i == lead and widest: must(bool(at) and all(y - x <= widest for x, y in zip([0] + at, at + [bar])), 'density, too wide')
    if facts:
        f = facts.facts(path)
        if 'bars' in w: must(f['bars'] == w['bars'], f"bars by tune_facts: {f['bars']}")
        if 'scale-lock' in w and 'key' in w and pitched: must(f['in_key'] == 1, 'in_key by tune_facts')
    return bad

r = random.Random(int(sys.argv[5]) if len(sys.argv) > 5 else 1); failed = made = refused = 0
with tempfile.TemporaryDirectory() as folder:
    while made < tunes:
        w = wishes(r); n = min(10, tunes - made); path = os.path.join(folder, f'{made}')
        line = [program, 'play', '', '-s', str(made), '-n', str(n), '-t', str(round(r.uniform(.5, 2), 2)), '-q', '-o', path + '/', *options(w), *(['-m', sys.argv[4]] if len(sys.argv) > 4 else [])]
        done = subprocess.run(line, capture_output=True, text=True)
        if done.returncode == 2 and 'no tone' in done.stderr: refused += 1; continue
        if done.returncode: print(line, done.stderr); failed += n; made += n; continue
        for f in sorted(os.listdir(path)):
            bad = check(w, os.path.join(path, f)); made += 1
            if bad: failed += 1; print(' '.join(line), f, bad[:3])
            os.remove(os.path.join(path, f))
print(f'{made} tunes, {failed} with a control not obeyed; {refused} impossible wishes refused')
sys.exit(failed > 0)
