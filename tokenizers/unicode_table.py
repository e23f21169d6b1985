#!/usr/bin/env python3
"""Writes tokenizers/unicode_table.c: general categories and canonical (de)composition of Unicode 16.0.

    pip install unicodedata2==16.0.0 && python3 tokenizers/unicode_table.py > tokenizers/unicode_table.c

Unicode 16.0 is what the regular expressions of Hugging Face tokenizers (Oniguruma) and tiktoken know, so words are cut at
the same places.
"""
import unicodedata2 as u

assert u.unidata_version == '16.0.0', u.unidata_version
BLOCK, ALL = 128, 0x110000
SPACES = {*range(0x09, 0x0e), 0x20, 0x85, 0xa0, 0x1680, *range(0x2000, 0x200b), 0x2028, 0x2029, 0x202f, 0x205f, 0x3000}
LETTERLIKE = {*range(0x24b6, 0x24ea), *range(0x1f130, 0x1f14a), *range(0x1f150, 0x1f16a), *range(0x1f170, 0x1f18a)}  # Other_Alphabetic among symbols


def canonical(c):
    """The canonical decomposition of one step as code points, () when there is none (Hangul syllables are computed)."""
    d = u.decomposition(chr(c))
    return () if not d or d.startswith('<') else tuple(int(x, 16) for x in d.split())


def composes(c):
    return len(canonical(c)) == 2 and u.normalize('NFC', chr(c)) == chr(c)


second = {canonical(c)[1] for c in range(ALL) if composes(c)} | set(range(0x1161, 0x1176)) | set(range(0x11a8, 0x11c3))


def kind(c):
    """The numbers of enum unicode_kind, and the two flags."""
    if 0xd800 <= c < 0xe000: return 0
    category = u.category(chr(c))
    value = 3 if c in SPACES else 1 if category[0] == 'L' else 2 if category[0] == 'N' else 0
    if category[0] in 'LM' or category in ('Nd', 'Nl', 'Pc') or c in LETTERLIKE or c in (0x200c, 0x200d): value |= 4
    if u.combining(chr(c)) or c in second or u.normalize('NFC', chr(c)) != chr(c): value |= 8
    return value


def rows(values, width=48):
    for i in range(0, len(values), width): print('    ' + ','.join(str(v) for v in values[i:i + width]) + ',')


blocks, index = {}, []
for start in range(0, ALL, BLOCK):
    block = tuple(kind(c) for c in range(start, start + BLOCK))
    index.append(blocks.setdefault(block, len(blocks)))
print('/* Made by tokenizers/unicode_table.py from the Unicode Character Database 16.0.0; do not edit. */')
print('#include "tokenizers/unicode_table.h"\n')
print(f'const uint8_t unicode_block[{ALL // BLOCK}] = {{'); assert len(blocks) < 256
rows(index)
print(f'}};\n\nconst uint8_t unicode_kinds[{len(blocks)} * {BLOCK}] = {{')
rows([v for block in blocks for v in block], 72)
print('};\n')
split = [(c, *canonical(c), 0)[:3] for c in range(ALL) if canonical(c)]
print(f'const struct unicode_split unicode_splits[] = {{')
for i in range(0, len(split), 6): print('    ' + ' '.join('{0x%x,0x%x,0x%x},' % s for s in split[i:i + 6]))
print(f'}};\nconst size_t unicode_splits_n = {len(split)};\n')
join = sorted((*canonical(c), c) for c in range(ALL) if composes(c))
print('const struct unicode_join unicode_joins[] = {')
for i in range(0, len(join), 6): print('    ' + ' '.join('{0x%x,0x%x,0x%x},' % s for s in join[i:i + 6]))
print(f'}};\nconst size_t unicode_joins_n = {len(join)};\n')
ranks, start = [], 0
while start < ALL:
    rank = u.combining(chr(start)); end = start
    while end + 1 < ALL and u.combining(chr(end + 1)) == rank: end += 1
    if rank: ranks.append((start, end, rank))
    start = end + 1
print('const struct unicode_rank unicode_ranks[] = {')
for i in range(0, len(ranks), 7): print('    ' + ' '.join('{0x%x,0x%x,%d},' % r for r in ranks[i:i + 7]))
print(f'}};\nconst size_t unicode_ranks_n = {len(ranks)};')
