#!/usr/bin/env python3
"""Random Unicode strings through our tokenizer and Hugging Face's: the ids must be equal.

    pip install tokenizers unicodedata2==16.0.0
    python3 tests/peers/random_strings.py [--strings 100000] [--seed 1] [--fixtures ../shared/fixtures/tokenizers]

Four tokenizers: GPT-2's, SmolLM2's, and GPT-2's tokens behind the pre-tokenizers of Llama 3 (with ignore_merges and a
template) and of Qwen2 (with NFC). Our classes are Unicode 16.0, as in the regular expressions of tokenizers; two parts of
tokenizers know other versions, so strings with these characters are counted apart and listed:

    Digits (SmolLM2)   Rust's own tables, Unicode 17: 13 numbers that came with it, U+11DE0 to U+11DE9 and U+16FF4 to U+16FF6
    NFC (Qwen2)        a table of Unicode 9; 141 characters came later with a combining class or a composition: U+07FD U+0897-089F U+08CA-08D3 U+09FE U+0C3C
        U+0D3B-0D3C U+0EBA U+1715 U+1ABF-1ACE U+1DF6-1DFA U+A82C U+105C9 U+105E4 U+10D24-10D27 U+10D69-10D6D U+10EAB-10EAC U+10EFD-10EFF U+10F46-10F50
        U+10F82-10F85 U+11070 U+1133B U+11383 U+11385 U+1138E U+11391 U+113C5 U+113C7-113C8 U+113CE-113D0 U+1145E U+11839-1183A U+11938 U+1193D-1193E U+11943
        U+119E0 U+11A34 U+11A47 U+11A99 U+11D42 U+11D44-11D45 U+11D97 U+11F41-11F42 U+16121-16128 U+1612F U+16D68-16D6A U+16FF0-16FF1 U+1E08F U+1E130-1E136
        U+1E2AE U+1E2EC-1E2EF U+1E4EC-1E4EF U+1E5EE-1E5EF
"""
import argparse, json, os, random, subprocess, sys, tempfile
import unicodedata2
from tokenizers import Tokenizer, __version__
from tokenizers.normalizers import NFC

DIGITS_17 = {*range(0x11de0, 0x11dea), *range(0x16ff4, 0x16ff7)}
ap = argparse.ArgumentParser(); ap.add_argument('--strings', type=int, default=100000); ap.add_argument('--seed', type=int, default=1)
ap.add_argument('--fixtures', default='../shared/fixtures/tokenizers'); ap.add_argument('--program', default='./triptych'); a = ap.parse_args()
home = tempfile.TemporaryDirectory()

MODERN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
def styled(name, digits, **members):
    t = json.load(open(f'{a.fixtures}/gpt2/tokenizer.json'))
    t['pre_tokenizer'] = {'type': 'Sequence', 'pretokenizers': [{'type': 'Split', 'pattern': {'Regex': MODERN % digits}, 'behavior': 'Isolated', 'invert': False},
                          {'type': 'ByteLevel', 'add_prefix_space': False, 'trim_offsets': True, 'use_regex': False}]}
    t['model']['ignore_merges'] = members.pop('ignore_merges', False)
    t.update(members); path = os.path.join(home.name, name); json.dump(t, open(path, 'w')); return path

TEMPLATE = {'type': 'TemplateProcessing', 'single': [{'SpecialToken': {'id': '<|endoftext|>', 'type_id': 0}}, {'Sequence': {'id': 'A', 'type_id': 0}}],
            'pair': [{'Sequence': {'id': 'A', 'type_id': 0}}, {'Sequence': {'id': 'B', 'type_id': 1}}], 'special_tokens': {'<|endoftext|>': {'id': '<|endoftext|>', 'ids': [50256], 'tokens': ['<|endoftext|>']}}}
FILES = [('GPT-2', f'{a.fixtures}/gpt2/tokenizer.json'), ('SmolLM2', f'{a.fixtures}/smollm2/tokenizer.json'),
         ('Llama 3 style', styled('llama3.json', r'\p{N}{1,3}', ignore_merges=True, post_processor=TEMPLATE)), ('Qwen2 style', styled('qwen2.json', r'\p{N}', normalizer={'type': 'NFC'}))]

r = random.Random(a.seed)
WORDS = "the The a I don't we'll it's IT'S They'RE x'ſ Hello naïve café 123 4567 1,000.50 ½ ٣٤ ² Ⅷ 東京 日本語 한국어 привет мир ελληνικά שלום مرحبا हिन्दी ไทย 👍🏽 👩‍👩‍👧 é ñ ǖ Å ﬁ <|endoftext|> <| <|im_start|> \
{} () [] == != // /* */ :-) ... --- ' '' 's 've 'LL".split()
SPACES = [' ', ' ', ' ', '  ', '   ', '\n', '\n\n', ' \n', '\r\n', '\t', '\u00a0', '\u3000', '\u2028', '\u0085', '\u1680', '\x1c', '\u180e', '\u200b', '', '']
RANGES = [(1, 0x80), (0x80, 0x300), (0x300, 0x370), (0x370, 0x700), (0x900, 0xe80), (0x1100, 0x1200), (0x2000, 0x2c00), (0x3000, 0x3400), (0x4e00, 0x5000), (0xac00, 0xad00), (0xf900, 0xfb50), (0xfe00, 0x10000),
          (0x10000, 0x20000), (0x1f300, 0x1f700), (0x1d100, 0x1d200), (0x2f800, 0x2fa20), (1, 0xd800), (0xe000, 0x110000)]
def character():
    low, high = r.choice(RANGES); c = r.randrange(low, high); return 'x' if 0xd800 <= c < 0xe000 else chr(c)
def text():
    n = r.randrange(0, 12); return ''.join(r.choice([lambda: r.choice(WORDS), lambda: r.choice(SPACES), character, lambda: character() + chr(r.randrange(0x300, 0x370))])() for _ in range(n))
texts = [text() for _ in range(a.strings)]

bad = 0
for name, path in FILES:
    t = Tokenizer.from_file(path)
    lines = '\n'.join(map(json.dumps, texts)) + '\n'
    out = subprocess.run([a.program, 'tokens', 'encode', '--tokenizer', path, '--specials', '--add-special-tokens'], input=lines, capture_output=True, text=True, check=True).stdout
    ours = [json.loads(line) for line in out.split('\n')[:-1]]; theirs = [e.ids for e in t.encode_batch_fast(texts)]
    plain = subprocess.run([a.program, 'tokens', 'encode', '--tokenizer', path], input=lines, capture_output=True, text=True, check=True).stdout
    t.encode_special_tokens = True; theirs_plain = [e.ids for e in t.encode_batch_fast(texts, add_special_tokens=False)]
    ours_plain = [json.loads(line) for line in plain.split('\n')[:-1]]
    back = subprocess.run([a.program, 'tokens', 'decode', '--tokenizer', path, '--skip-special-tokens'], input=''.join(json.dumps(x) + '\n' for x in theirs), capture_output=True, text=True, check=True).stdout
    decoded = [json.loads(line) for line in back.split('\n')[:-1]]; theirs_text = t.decode_batch(theirs, skip_special_tokens=True)
    assert len(ours) == len(theirs) == len(ours_plain) == len(decoded) == len(texts)
    wrong = [i for i in range(len(texts)) if ours[i] != theirs[i] or ours_plain[i] != theirs_plain[i] or decoded[i] != theirs_text[i]]
    known = []
    if name == 'SmolLM2': known = [i for i in wrong if DIGITS_17 & set(map(ord, texts[i]))]
    if name == 'Qwen2 style': known = [i for i in wrong if NFC().normalize_str(texts[i]) != unicodedata2.normalize('NFC', texts[i])]
    rest = [i for i in wrong if i not in set(known)]
    print(f'{name}: {len(texts) - len(wrong)} of {len(texts)} strings equal (specials recognised, as plain text, and decoded), {len(known)} differ by Unicode version, {len(rest)} otherwise', flush=True)
    for i in (known + rest)[:3]: print('  ', ascii(texts[i]), ours[i], theirs[i], ascii(decoded[i]), ascii(theirs_text[i]))
    bad += len(rest)
print('tokenizers', __version__); sys.exit(bad > 0)
