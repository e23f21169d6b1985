"""llama.cpp: llama.py MODEL.gguf f32|q8_0 THREADS, the model rewritten in that type first. Prints "decode VALUE" and "prompt VALUE"."""
import os, statistics, sys, tempfile, time
import llama_cpp as L
path, kind, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
rewritten = os.path.join(tempfile.gettempdir(), f'triptych-peer-{os.path.basename(path)}.{kind}')
if not os.path.exists(rewritten):
    options = L.llama_model_quantize_default_params()
    options.allow_requantize, options.ftype = True, {'f32': 0, 'q8_0': 7}[kind]
    if L.llama_model_quantize(path.encode(), rewritten.encode(), options): sys.exit('llama.cpp could not rewrite the model')
model = L.Llama(rewritten, n_threads=threads, n_threads_batch=threads, n_ctx=512, verbose=False)
start, rates = model.tokenize(b'The sun is shining and', add_bos=False), []
for _ in range(4):
    model.reset(); model.eval(start); begin = time.perf_counter(); token = model.sample(temp=0.0)
    for _ in range(96): model.eval([token]); token = model.sample(temp=0.0)
    rates.append(96 / (time.perf_counter() - begin))
print('decode', max(rates))
long, rates = model.tokenize(b'The sun is shining and ' * 60, add_bos=False)[:256], []
for _ in range(3):
    model.reset(); begin = time.perf_counter(); model.eval(long); rates.append(256 / (time.perf_counter() - begin))
print('prompt', max(rates))
