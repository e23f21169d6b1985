#!/bin/sh
# A public set of tunes: the corpus that comes with the Python package music21, as MIDI files with captions.
#
#     data/music21-corpus.sh my-tunes && ./triptych train --data my-tunes --out my-model
#
# Taken are chorales by Bach, works of Haydn, Mozart, Beethoven, Robert and Clara Schumann, Handel, C. P. E. Bach and Joplin, and the books of O'Neill (1850 tunes, 1903), Ryan (1883),
# Aird (1778-1801), of fife tunes and of Northumbrian minstrelsy: composers dead for long, encodings given freely. Left out are files that claim rights of
# their own, and what the corpus' licence notes restrict: the Essen folk songs (non-commercial use; ESSEN=1 takes them), the Palestrina masses, the
# Nottingham tunes (GPL). MOST=N takes at most N pieces of each source. Wanted: python3 with venv, and PyPI; some minutes of all processors.
set -eu
out=${1:?usage: data/music21-corpus.sh FOLDER}
[ ! -e "$out/metadata.jsonl" ] || { echo "$out: holds a data set; another folder is wanted" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check music21 || { echo "music21 cannot be installed from PyPI" >&2; exit 1; }
mkdir -p "$out"
"$work/venv/bin/python" - "$out" "${MOST:-1000000}" "${ESSEN:-}" <<'PYTHON'
import hashlib, json, multiprocessing, os, re, sys, warnings, zipfile
import music21
from music21 import bar, converter, instrument, key, meter, repeat

out, most, essen = sys.argv[1], int(sys.argv[2]), sys.argv[3]
corpus = os.path.join(os.path.dirname(music21.__file__), 'corpus'); warnings.simplefilter('ignore')
# folder, endings, what its pieces are called, who made them, what plays
SOURCES = [('bach', '.mxl', 'chorale', 'Johann Sebastian Bach', None), ('haydn', '.mxl', 'string quartet', 'Joseph Haydn', None), ('mozart', '.mxl', 'movement', 'Wolfgang Amadeus Mozart', None),
           ('beethoven', '.mxl', 'string quartet', 'Ludwig van Beethoven', None), ('schumann_robert', '.mxl .xml', 'movement', 'Robert Schumann', None),
           ('schumann_clara', '.mxl .xml', 'piece', 'Clara Schumann', None), ('handel', '.mxl .xml', 'aria', 'George Frideric Handel', None), ('cpebach', '.mxl', 'piece', 'C. P. E. Bach', None),
           ('joplin', '.mxl', 'rag', 'Scott Joplin', None), ('oneills1850', '.abc', 'Irish tune', None, 'Violin'), ('ryansMammoth', '.abc', '19th-century tune', None, 'Violin'),
           ('airdsAirs', '.abc', '18th-century air', None, 'Flute'), ('miscFolk', '.abc', 'traditional tune', None, 'Flute')]
if essen: SOURCES.append(('essenFolksong', '.abc', 'folk song', None, 'Recorder'))
DANCES = 'reel jig hornpipe strathspey waltz march polka minuet clog schottische galop quadrille cotillion lament lullaby'.split()
NUMBERS = {2: 'two', 3: 'three', 4: 'four', 5: 'five', 6: 'six', 8: 'eight'}

def text_of(path):
    if not path.endswith('.mxl'): return open(path, errors='replace').read()
    with zipfile.ZipFile(path) as z: return ''.join(z.read(n).decode('utf8', 'replace') for n in z.namelist() if n.endswith('.xml') and not n.startswith('META'))

def jobs():
    for folder, endings, *rest in SOURCES:
        files = sorted(os.path.join(at, f) for at, _, names in os.walk(os.path.join(corpus, folder)) for f in names if os.path.splitext(f)[1] in endings.split()); taken = 0
        for path in files:
            text = text_of(path)
            if path.endswith('.abc'): pieces = [p for p in re.split(r'(?m)^(?=X:)', text) if p.startswith('X:')]
            elif re.search(r'(?i)copyright|©|<rights|rights reserved|non-?commercial', text[:20000]): continue
            else: pieces = [None]
            for n, piece in enumerate(pieces):
                if taken == most: break
                taken += 1; yield (folder, path, n, piece, *rest)

def play_once(s):                                   # repeats that cannot be made out
    for m in s.recurse().getElementsByClass('Measure'):
        for side in ('leftBarline', 'rightBarline'):
            if isinstance(getattr(m, side), bar.Repeat): setattr(m, side, None)
    for mark in list(s.recurse().getElementsByClass((repeat.RepeatExpression, 'RepeatBracket'))):
        if mark.activeSite is not None: mark.activeSite.remove(mark)

def spell(name): return name.replace('-', ' flat').replace('#', ' sharp')

def convert(job):
    folder, path, n, piece, kind, by, plays = job
    try:
        s = converter.parse(piece, format='abc') if piece else converter.parse(path)
        try: s = s.expandRepeats()
        except Exception: pass
        parts = list(s.parts) if hasattr(s, 'parts') and len(s.parts) else [s]
        if plays:
            for p in parts: p.insert(0, getattr(instrument, plays)())
        tonic = next(iter(s.recurse().getElementsByClass(key.Key)), None)
        if tonic is None or tonic.mode not in ('major', 'minor'):          # a modal or a bare signature: what it sounds like, if it has that signature
            found = s.analyze('key'); bare = next(iter(s.recurse().getElementsByClass(key.KeySignature)), None)
            tonic = found if bare is None or found.sharps == bare.sharps else None
            if tonic is not None and bare is not None:
                for k in list(s.recurse().getElementsByClass(key.KeySignature)):
                    if k.sharps == tonic.sharps and k.activeSite is not None: k.activeSite.replace(k, key.Key(tonic.tonic, tonic.mode))
        metre = next(iter(s.recurse().getElementsByClass(meter.TimeSignature)), None)
        title = (s.metadata.title or '') if s.metadata else ''
        title = re.sub(r'\s+', ' ', title).strip(' .'); title = title.title() if title.isupper() else title
        rhythm = re.search(r'(?m)^R: *([\w ]+)', piece or ''); words = (rhythm[1] if rhythm else title).lower()
        kind = next((d for d in DANCES if d in words), kind)
        if folder == 'bach' and len(parts) != 4: kind = 'chorale setting'
        name = re.sub(r'[^a-z0-9]+', '-', os.path.splitext(os.path.relpath(path, os.path.join(corpus, folder)))[0].lower()).strip('-') + (f'-{n + 1}' if piece else '')
        file = f'{folder}/{name}.mid'
        try: s.write('midi', os.path.join(out, file))
        except repeat.ExpanderException: play_once(s); s.write('midi', os.path.join(out, file))
        a = 'an' if kind[0] in 'aeiouAEIOU1' and not kind.startswith('19') or kind.startswith('18') else 'a'
        voices = f', for {NUMBERS[len(parts)]} parts' if len(parts) in NUMBERS else ''
        in_key = f' in {spell(tonic.tonic.name).upper()[0]}{spell(tonic.tonic.name)[1:]} {tonic.mode}' if tonic is not None else ''
        texts = [f'{a} {kind}{in_key}' + (f' by {by}' if by else '') + voices, f'{a} {kind}' + (f' in {metre.ratioString}' if metre else '') + (f' for {plays.lower()}' if plays else '') + (f' by {by}' if by else '')]
        if title and not re.search(r'\.|^bwv', title.lower()): texts.append(f'"{title}", {a} {kind}{in_key}')
        at = int(hashlib.sha1((title or name).lower().encode()).hexdigest(), 16) % 20     # one title, one split
        return {'file_name': file, 'text': texts[0], 'alt': texts[1:], 'split': 'valid' if at == 0 else 'test' if at == 1 else 'train', 'title': title, 'source': f'music21 corpus, {folder}'}
    except Exception as e: return f'{path} {n + 1}: {type(e).__name__}'

for folder, *_ in SOURCES: os.makedirs(os.path.join(out, folder), exist_ok=True)
bad = 0; lines = []
with multiprocessing.Pool() as pool:
    for line in pool.imap(convert, jobs(), 8):
        if isinstance(line, str): bad += 1; print(line, file=sys.stderr)
        else: lines.append(line)
with open(os.path.join(out, 'metadata.jsonl'), 'w') as f: f.writelines(json.dumps(x, ensure_ascii=False) + '\n' for x in lines)
print(f'{len(lines)} tunes in {out}; {bad} could not be converted')
PYTHON
