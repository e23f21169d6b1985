#!/usr/bin/env python3
"""Makes tests/fixtures/gguf/types.gguf: random blocks of every type that we read, and beside each what ggml's own Python
package makes of it.

    pip install gguf && python3 tests/peers/make_gguf_types.py tests/fixtures/gguf/types.gguf
"""
import sys
import numpy as np
import gguf
from gguf import GGMLQuantizationType as T

TYPES = [T.F32, T.F16, T.BF16, T.Q8_0, T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1, T.Q4_K, T.Q5_K, T.Q6_K]
HALVES = {T.Q8_0: [0], T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208]}   # where scales lie

random = np.random.default_rng(1)
writer = gguf.GGUFWriter(sys.argv[1], 'test')
writer.add_string('test.text', 'é')
writer.add_array('test.texts', ['a', '', 'bc'])
writer.add_array('test.numbers', [1, -2, 3])
writer.add_float32('test.number', 0.5)
writer.add_bool('test.flag', True)
for t in TYPES:
    block, size = gguf.GGML_QUANT_SIZES[t]
    numbers = 512
    if t in HALVES:
        raw = random.integers(0, 256, (numbers // block, size), dtype=np.uint8)
        for at in HALVES[t]:
            raw[:, at:at + 2] = random.normal(0, 0.1, (len(raw), 1)).astype(np.float16).view(np.uint8)
        raw = raw.reshape(2, -1)
        wanted = gguf.quants.dequantize(raw, t)
        writer.add_tensor(t.name, raw, raw_dtype=t)
    else:
        values = random.normal(0, 1, (2, numbers // 2)).astype(np.float32)
        if t == T.F16: values = values.astype(np.float16)
        raw = gguf.quants.quantize(values, t) if t == T.BF16 else values
        wanted = gguf.quants.dequantize(raw, t).astype(np.float32)
        writer.add_tensor(t.name, raw, raw_dtype=t if t == T.BF16 else None)
    writer.add_tensor(t.name + '.wanted', wanted.astype(np.float32))
writer.write_header_to_file(); writer.write_kv_data_to_file(); writer.write_tensors_to_file(); writer.close()
