#!/usr/bin/env python3
"""continue, vary, fill and harmonise on real tunes, checked with mido.

  pip install mido;  python3 tests/peers/tune_verbs.py ./triptych FOLDER [TUNES [FOLDER_WITH_CHORDS]]

What a verb must keep is compared note by note (on the grid: the reference is `tokens roundtrip`). For harmonise also: the share of bars whose
chord has the melody's note at the bar line, or has it resolve by step into the chord; the same with the tones that the new part plays in the bar in the chord's
place, and for real tunes with a chord part (folder 2: the second part); that the new part has chord tones alone at the bar line.
"""
import glob, os, random, re, subprocess, sys, tempfile
import mido

program, folder, tunes = sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 50
model = ['-m', os.environ['MODEL']] if 'MODEL' in os.environ else []
TONE = {'C': 0, 'D': 2, 'E': 4, 'F': 5, 'G': 7, 'A': 9, 'B': 11}

def parse(path):
    m = mido.MidiFile(path); parts, metre = [], (4, 4)
    for track in m.tracks:
        t, on, notes = 0, {}, []
        for e in track:
            t += e.time
            if e.type == 'time_signature' and t == 0: metre = (e.numerator, e.denominator)
            elif e.type == 'note_on' and e.velocity: on.setdefault(e.note, []).append(t)
            elif e.type in ('note_on', 'note_off') and on.get(e.note): s = on[e.note].pop(0); notes.append((s, e.note, t - s))
        if notes: parts.append(sorted(notes))
    return parts, m.ticks_per_beat * 4 * metre[0] // metre[1]

def agrees(melody, start, end, tones):            # the note at the bar line, or where it steps to
    here = [n for n in melody if n[0] <= start < n[0] + n[2]]
    if not here: return None
    p = here[-1][1]
    if p % 12 in tones: return True
    after = [n[1] for n in melody if start < n[0] < end]
    return bool(after) and abs(after[0] - p) <= 2 and after[0] % 12 in tones

def run(*line):
    done = subprocess.run([program, *line, *model], capture_output=True, text=True)
    if done.returncode: raise SystemExit(f'{line}: {done.stderr}')
    return done.stderr

work = tempfile.mkdtemp(); r = random.Random(1); files = sorted(glob.glob(folder + '/**/*.mid', recursive=True)); r.shuffle(files)
broken = made = yes = no = own = other = 0
for f in files:
    if made == tunes: break
    parts, bar = parse(f); seed = str(made); out = os.path.join(work, 'out.mid')
    if len(parts) != 1 or sum(e.type == 'time_signature' for t in mido.MidiFile(f).tracks for e in t) != 1 or os.path.getsize(f) > 5000: continue
    run('tokens', 'roundtrip', f, '-o', out, '--overwrite'); (was,), _ = parse(out); bars = was[-1][0] // bar + 1; made += 1
    if bars < 8: continue
    def must(ok, verb):
        global broken
        if not ok: broken += 1; print(verb, f)
    run('continue', f, '--bars', '5', '-s', seed, '-q', '-o', out, '--overwrite'); (now,), _ = parse(out)
    must([n for n in now if n[0] < bars * bar] == was and (bars + 4) * bar <= now[-1][0] < (bars + 5) * bar and max(s + l for s, _, l in now) <= max((bars + 5) * bar, max(s + l for s, _, l in was)), 'continue')
    run('vary', f, '--strength', '0.5', '-s', seed, '-q', '-o', out, '--overwrite'); (now,), _ = parse(out)
    must(sorted((s, l) for s, _, l in now) == sorted((s, l) for s, _, l in was), 'vary')
    a = r.randrange(2, bars - 2); run('fill', f, '--bars', f'{a}-{a + 1}', '-s', seed, '-q', '-o', out, '--overwrite'); (now,), _ = parse(out)
    outside = lambda ns: [n for n in ns if not (a - 1) * bar <= n[0] < (a + 1) * bar]
    must(outside(now) == outside(was), 'fill')
    said = run('harmonise', f, '-s', seed, '-o', out, '--overwrite'); now, _ = parse(out)
    must(was in now and len(now) == 2, 'harmonise')
    chords = re.search(r'a bar each: (.*?)(?: …)?;', said).group(1).split()
    for b, c in enumerate(chords[:bars]):
        root = (TONE[c[0]] + ('#' in c) - ('b' in c[1:])) % 12; kind = c.lstrip('ABCDEFG').lstrip('#b')
        tones = {(root + i) % 12 for i in {'': (0, 4, 7), 'm': (0, 3, 7), 'dim': (0, 3, 6)}[kind]}
        ok = agrees(was, b * bar, (b + 1) * bar, tones); yes += ok is True; no += ok is False
        new = [n for n in now[1] if b * bar <= n[0] < (b + 1) * bar]; must(all(p % 12 in tones for s, p, _ in new if s == b * bar), 'harmonise, chord')
        if new: ok = agrees(was, b * bar, (b + 1) * bar, {n[1] % 12 for n in new}); own += ok is True; other += ok is False
print(f'{made} tunes, {broken} with something lost; harmonise: {yes} of {yes + no} bars agree with their chord ({100 * yes / max(1, yes + no):.1f} %), {own} of {own + other} with the new part ({100 * own / max(1, own + other):.1f} %)')
if len(sys.argv) > 4:
    yes = no = 0; files = sorted(glob.glob(sys.argv[4] + '/**/*.mid', recursive=True)); r.shuffle(files)
    for f in files[:tunes]:
        parts, bar = parse(f)
        if len(parts) < 2: continue
        end = max(n[0] for n in parts[0])
        for start in range(0, end, bar):
            tones = {n[1] % 12 for p in parts[1:] for n in p if start <= n[0] < start + bar}
            if not tones: continue
            ok = agrees(parts[0], start, start + bar, tones); yes += ok is True; no += ok is False
    print(f'real tunes: {yes} of {yes + no} bars ({100 * yes / max(1, yes + no):.1f} %)')
sys.exit(broken > 0)
