#!/usr/bin/env python3
"""triptych generate against Hugging Face's generate(), on random options, models and prompts.

  python3 -m venv V && V/bin/pip install torch transformers safetensors          # version 5: greedy, beams, every step, guidance, lookup
  python3 -m venv W && W/bin/pip install torch "transformers==4.51.3"            # what version 5 dropped: groups, constraints, contrastive
  V/bin/python tests/peers/generate_parity.py ./triptych 400 1                   # program, cases, seed
  W/bin/python tests/peers/generate_parity.py ./triptych 400 1 --dropped

Needs no network. Every case draws a model (tests/fixtures and random larger ones of each family, with generation_config.json files
of their own), one or more prompts and a set of options, and compares sequences (equal) and scores (1e-4). A case that differs is run
again with Hugging Face's logits disturbed by 1e-5: when its own result changes, the case hangs on the last digits and is counted
as fragile, not as different. Draws cannot be equal; so the sampling steps are compared as probabilities (1e-6) by the scores of a
step (--output-scores), and beam sampling by how often each result comes in 600 runs (chi-square, p above 1e-4).
"""
import json, math, os, random, subprocess, sys, tempfile, warnings
import torch, transformers
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM
warnings.filterwarnings('ignore'); transformers.logging.set_verbosity_error(); torch.set_num_threads(1)

program, cases, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
dropped, verbose = '--dropped' in sys.argv, '-v' in sys.argv
rng = random.Random(seed)
here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

def build(folder, family, s, generation):
    """A random model of about a million parameters, saved as Hugging Face saves it, with its own generation_config.json."""
    torch.manual_seed(s)
    V = rng.choice([320, 997, 2048])
    if family == 'gpt2':
        m = GPT2LMHeadModel(GPT2Config(vocab_size=V, n_positions=160, n_embd=96, n_layer=4, n_head=6, bos_token_id=V - 1, eos_token_id=V - 1, initializer_range=.2))
    elif family == 'llama':
        m = LlamaForCausalLM(LlamaConfig(vocab_size=V, hidden_size=96, intermediate_size=200, num_hidden_layers=4, num_attention_heads=6, num_key_value_heads=3,
              max_position_embeddings=160, tie_word_embeddings=False, bos_token_id=1, eos_token_id=2, initializer_range=.2))
    else:
        m = Qwen3ForCausalLM(Qwen3Config(vocab_size=V, hidden_size=96, intermediate_size=200, num_hidden_layers=4, head_dim=32, num_attention_heads=4,
              num_key_value_heads=2, max_position_embeddings=160, tie_word_embeddings=True, bos_token_id=1, eos_token_id=2, initializer_range=.2))
    m.eval().float().save_pretrained(folder)
    if generation is not None:
        json.dump(generation, open(f'{folder}/generation_config.json', 'w'))
    else:
        os.remove(f'{folder}/generation_config.json')
    return folder

scratch = tempfile.TemporaryDirectory()
folders = [f'{here}/fixtures/tiny-{f}' for f in ('gpt2', 'llama') + (() if dropped else ('qwen3',))]    # 4.51 does not know where version 5 keeps rope_theta
CONFIGS = [None, {'eos_token_id': [2, 7, 11], 'pad_token_id': 0, 'transformers_version': '5.0.0'},
           {'eos_token_id': 5, 'repetition_penalty': 1.1, 'max_new_tokens': 17}, {'eos_token_id': 3, 'max_length': 40, 'num_beams': 3, 'length_penalty': .7},
           {'eos_token_id': 9, 'pad_token_id': 4, 'no_repeat_ngram_size': 2, 'temperature': .6, 'top_p': .9, 'do_sample': False}, {'bos_token_id': 1}]
for i, family in enumerate(['gpt2', 'llama', 'qwen3'] * 2):
    os.makedirs(f'{scratch.name}/{i}')
    folders.append(build(f'{scratch.name}/{i}', family, seed * 100 + i, CONFIGS[i]))
models = {f: AutoModelForCausalLM.from_pretrained(f, attn_implementation='eager').eval().float() for f in folders}

def ids(V, low, high): return [rng.randrange(V) for _ in range(rng.randint(low, high))]
def maybe(p): return rng.random() < p

def common(V, eos):
    """Options that every search takes."""
    o = {}
    if maybe(.75): o['max_new_tokens'] = rng.randint(1, 40)
    elif maybe(.5): o['max_length'] = rng.randint(20, 60)
    if maybe(.2): o['min_new_tokens'] = rng.randint(1, 20)
    if maybe(.1): o['min_length'] = rng.randint(1, 30)
    if maybe(.25): o['repetition_penalty'] = rng.choice([.8, 1.05, 1.2, 1.5, 2.0])
    if maybe(.1): o['encoder_repetition_penalty'] = rng.choice([.7, 1.3])
    if maybe(.2): o['no_repeat_ngram_size'] = rng.randint(1, 4)
    if maybe(.1): o['encoder_no_repeat_ngram_size'] = rng.randint(1, 3)
    if maybe(.2): o['bad_words_ids'] = [ids(V, 1, 3) for _ in range(rng.randint(1, 8))] + ([[eos[0]]] if eos and maybe(.3) else [])
    if maybe(.2): o['sequence_bias'] = [[ids(V, 1, 2), round(rng.uniform(-8, 8), 2)] for _ in range(rng.randint(1, 6))]
    if maybe(.15): o['suppress_tokens'] = ids(V, 1, 60)
    if maybe(.15): o['begin_suppress_tokens'] = ids(V, 1, 60)
    if maybe(.1): o['forced_eos_token_id'] = eos[0] if eos else 3    # two of them would tie in a beam search
    if maybe(.1): o['forced_bos_token_id'] = rng.randrange(V)
    if maybe(.15) and eos: o['exponential_decay_length_penalty'] = [rng.randint(0, 8), rng.choice([1.05, 1.5, .9])]
    if maybe(.1): o['renormalize_logits'] = True
    if maybe(.05): o['remove_invalid_values'] = True
    if maybe(.25): o['eos_token_id'] = rng.choice([rng.randrange(V), ids(V, 2, 4)])
    if maybe(.2): o['pad_token_id'] = rng.randrange(V)
    if set([o.get('forced_bos_token_id')]) & set(o.get('suppress_tokens', [])): del o['suppress_tokens']
    f = o.get('forced_eos_token_id')
    if f is not None and set(f if isinstance(f, list) else [f]) <= set(o.get('suppress_tokens', [])): del o['suppress_tokens']
    if 'sequence_bias' in o: o['sequence_bias'] = [[list(k), v] for k, v in {tuple(k): v for k, v in o['sequence_bias']}.items()]
    return o

def beams(o):
    o['num_beams'] = rng.randint(2, 8)
    if maybe(.5): o['length_penalty'] = rng.choice([-1., 0., .6, 1., 1.5, 2.])
    if maybe(.6): o['early_stopping'] = rng.choice([True, False, 'never'])
    if maybe(.5): o['num_return_sequences'] = rng.randint(1, o['num_beams'])

def draw(V, eos):
    o = common(V, eos)
    if not dropped:
        kind = rng.choice(['greedy', 'beam', 'beam', 'beam', 'guided', 'lookup', 'sample', 'sample'])
        if kind == 'beam': beams(o)
        if kind == 'sample':
            o.update(do_sample=True, max_new_tokens=1, num_beams=1)
            for k in ('max_length', 'min_length', 'forced_eos_token_id'): o.pop(k, None)
            o['temperature'] = rng.choice([.3, .7, 1., 1.5, 4.])
            for k, v in dict(top_k=[0, 1, 5, 40, 5000], top_p=[.1, .5, .9, .99, 1.], min_p=[.01, .1, .5], typical_p=[.2, .5, .95], epsilon_cutoff=[.0005, .01, .05],
                             eta_cutoff=[.001, .02, .3], top_h=[.2, .4, .9]).items():
                if maybe(.35): o[k] = rng.choice(v)
        if kind == 'guided':
            o['guidance_scale'] = rng.choice([1.5, 3., .5])
            if maybe(.5): o['negative_prompt_ids'] = ids(V, 1, 6)
            elif maybe(.5): beams(o)
        if kind == 'lookup': o['prompt_lookup_num_tokens'] = rng.randint(1, 12)
        if kind == 'lookup' and maybe(.5): o['max_matching_ngram_size'] = rng.randint(1, 4)
        if kind in ('greedy', 'lookup') or ('guided' == kind and 'num_beams' not in o): o['num_beams'] = 1
        return o
    kind = rng.choice(['group', 'force', 'contrastive'])
    if 'min_length' in o or 'min_new_tokens' in o or 'bad_words_ids' in o: o.pop('exponential_decay_length_penalty', None)    # makes a NaN of -infinity in 4.51
    o.pop('encoder_repetition_penalty', None)        # reaches the first beam only in 4.51; mended in version 5
    if kind == 'contrastive':
        o.pop('forced_eos_token_id', None); o.pop('forced_bos_token_id', None)       # one id with all of the mass: the rest of the top_k ties
        o.update(penalty_alpha=rng.choice([.1, .4, .6, .9]), top_k=rng.randint(2, 8), num_beams=1)
    if kind == 'group':
        o['num_beam_groups'] = rng.randint(2, 4); o['num_beams'] = o['num_beam_groups'] * rng.randint(1, 3); o['diversity_penalty'] = rng.choice([.2, .5, 1., 5.])
    if kind == 'force':
        o['num_beams'] = rng.randint(2, 8); words = []
        for _ in range(rng.randint(1, 3)):
            if maybe(.5): words.append(ids(V, 1, 4))
            else:
                some = [ids(V, 1, 3) for _ in range(rng.randint(2, 3))]
                if maybe(.3): some = [[some[0][0]] + w for w in some]
                some = [w for i, w in enumerate(some) if not any(i != j and v[:len(w)] == w for j, v in enumerate(some))]
                words.append(some or [[3, 4]])
        o['force_words_ids'] = words
        wanted = set(i for w in words for v in w for i in (v if isinstance(v, list) else [v]))
        for k in ('no_repeat_ngram_size', 'encoder_no_repeat_ngram_size'): o.get(k) == 1 and o.pop(k)
        if 'bad_words_ids' in o: o['bad_words_ids'] = [w for w in o['bad_words_ids'] if not wanted & set(w)] or [[0, 1]]
        if 'suppress_tokens' in o: o['suppress_tokens'] = [i for i in o['suppress_tokens'] if i not in wanted] or [0]     # forbidden beams would tie
        if maybe(.6): o['max_new_tokens'] = rng.randint(10, 40)
    if kind != 'contrastive':
        if maybe(.5): o['length_penalty'] = rng.choice([-1., 0., .6, 1., 2.])
        if maybe(.6): o['early_stopping'] = rng.choice([True, False, 'never'])
        if maybe(.5): o['num_return_sequences'] = rng.randint(1, o['num_beams'])
        o.pop('renormalize_logits', None)
    return o

def theirs(m, folder, prompts, o, noise=0, s=0):
    rows, scores = [], []
    if o.get('max_new_tokens') == 1 and o.get('temperature', 0) >= .3:
        kw = {k: torch.tensor([v]) if k == 'negative_prompt_ids' else v for k, v in o.items()}
        raw = json.loads(subprocess.run([program, 'logits', '-m', folder, '--ids', json.dumps(prompts[0])], capture_output=True, text=True).stdout)['logits'][-1]
        fwd = m.forward                          # the same logits for both: what is compared is the steps
        def given(*a, **k):
            r = fwd(*a, **k); r.logits[0, -1] = torch.tensor(raw); return r
        given.__wrapped__ = fwd; m.forward = given
        try: r = m.generate(torch.tensor([prompts[0]]), attention_mask=torch.ones(1, len(prompts[0]), dtype=torch.long), return_dict_in_generate=True, output_scores=True, **kw)
        finally: del m.forward
        return [r.scores[0][0].double().softmax(-1).tolist()], []
    for p in prompts:
        kw = dict(o)
        if 'negative_prompt_ids' in kw: kw['negative_prompt_ids'] = torch.tensor([kw['negative_prompt_ids']])
        fwd = m.forward
        if noise:
            torch.manual_seed(s)
            def noisy(*a, **k):
                r = fwd(*a, **k); r.logits = r.logits + noise * torch.randn_like(r.logits); return r
            noisy.__wrapped__ = fwd; m.forward = noisy
        try: r = m.generate(torch.tensor([p]), attention_mask=torch.ones(1, len(p), dtype=torch.long), return_dict_in_generate=True, output_scores=True, **kw)
        finally:
            if noise: del m.forward
        rows += r.sequences.tolist()
        if getattr(r, 'sequences_scores', None) is not None: scores += r.sequences_scores.tolist()
    n = max(map(len, rows))
    eos = o.get('eos_token_id', m.generation_config.eos_token_id); pad = o.get('pad_token_id', m.generation_config.pad_token_id)
    if pad is None and eos is not None: pad = eos[0] if isinstance(eos, list) else eos
    return [r + [-1 if pad is None else pad] * (n - len(r)) for r in rows], scores

def ours(folder, prompts, o):
    a = [program, 'generate', '-m', folder, '--ids', json.dumps(prompts)]
    for k, v in o.items():
        if k in ('do_sample', 'renormalize_logits', 'remove_invalid_values'): a.append('--' + k.replace('_', '-')) if v else None
        else: a += ['--' + k.replace('_', '-'), v if isinstance(v, str) else json.dumps(v)]
    sample = o.get('max_new_tokens') == 1 and o.get('temperature', 0) >= .3
    if sample: a[a.index('--ids') + 1] = json.dumps(prompts[0]); a.append('--output-scores')
    r = subprocess.run(a + (['-s', '1'] if o.get('do_sample') else []), capture_output=True, text=True)
    if r.returncode != 0: return None, r.stderr.strip()
    j = json.loads(r.stdout)
    if sample: return [torch.tensor([-math.inf if x is None else x for x in j['scores'][0]], dtype=torch.float64).softmax(-1).tolist()], []
    return j['sequences'], j.get('sequences_scores', [])

def same(a, b, scale=1):
    if a[0] and isinstance(a[0][0][0], float): return max(abs(x - y) for x, y in zip(a[0][0], b[0][0])) <= 1e-6
    near = lambda x, y: not math.isfinite(x) if y is None else abs(x - y) <= scale * 1e-4 + 1e-5 * abs(x)
    return a[0] == b[0] and len(a[1]) == len(b[1]) and all(near(x, y) for x, y in zip(a[1], b[1]))

count = dict(equal=0, refused=0, fragile=0, different=0); kinds = {}
for case in range(cases):
    folder = rng.choice(folders); m = models[folder]; V = m.config.vocab_size
    eos = m.generation_config.eos_token_id; eos = [] if eos is None else eos if isinstance(eos, list) else [eos]
    o = draw(V, eos); prompts = [ids(V, 1, 12) for _ in range(rng.choice([1, 1, 1, 2, 3]))]
    if o['num_beams'] == 1 and maybe(.2) and 'forced_eos_token_id' in o: o['forced_eos_token_id'] = [8, 9]
    if 'prompt_lookup_num_tokens' in o: prompts = [ids(V, 3, 8) * 3]
    if o['num_beams'] == 1 and not any(k in o for k in ('penalty_alpha', 'prompt_lookup_num_tokens')) and folder.endswith('/3'): o.pop('num_return_sequences', None)
    name = ('contrastive' if 'penalty_alpha' in o else 'group' if 'num_beam_groups' in o else 'force' if 'force_words_ids' in o else 'lookup' if 'prompt_lookup_num_tokens' in o
            else 'guided beam' if 'guidance_scale' in o and o['num_beams'] > 1 else 'guided' if 'guidance_scale' in o else 'sample' if o.get('temperature', 0) >= .3 else 'beam' if o['num_beams'] > 1 else 'greedy')
    try: want = theirs(m, folder, prompts, o)
    except Exception as e: want = None; why = f'{type(e).__name__}: {e}'
    got = ours(folder, prompts, o)
    if want is None or got[0] is None: result = 'refused' if want is None and got[0] is None else 'different' if want is not None else 'only theirs refuse'
    elif same(want, got, 40 if o.get('length_penalty', 1) < 0 else 1): result = 'equal'     # a sum times its length
    elif any(not abs(x) < 1e30 for x in want[1]) or None in got[1]: result = 'fragile'      # nothing but forbidden ids was left: any order is right
    else:
        try: shaky = any(not same(theirs(m, folder, prompts, o, 1e-5, s), want) and theirs(m, folder, prompts, o, 1e-5, s)[0] != want[0] for s in range(3))
        except Exception: shaky = False
        result = 'fragile' if shaky else 'different'
    count[result] = count.get(result, 0) + 1; kinds.setdefault(name, {}).setdefault(result, 0); kinds[name][result] += 1
    if result == 'different' and name == 'sample': print('  largest difference', max(abs(x - y) for x, y in zip(want[0][0], got[0][0])))
    if result == 'different' or (verbose and result != 'equal'):
        print(f'case {case} {result} {os.path.basename(folder)} {name}\n  options {json.dumps(o)}\n  prompts {json.dumps(prompts)}\n  theirs {want if want else why}\n  ours   {got}')
def beam_sampling(folder, o, n=600):
    """The best sequences of n runs of each, as a chi-square over the frequent ones."""
    m = models[folder]; p = [5, 6, 7]; tally = {}
    r = m.generate(torch.tensor([p] * n), attention_mask=torch.ones(n, len(p), dtype=torch.long), do_sample=True, return_dict_in_generate=True, output_scores=True, **o)
    for row in r.sequences.tolist()[::o['num_return_sequences']]: tally.setdefault(tuple(row[3:]), [0, 0])[0] += 1
    for s in range(n):
        a = [program, 'generate', '-m', folder, '--ids', '5,6,7', '--do-sample', '-s', str(s)] + sum([['--' + k.replace('_', '-'), json.dumps(v)] for k, v in o.items()], [])
        row = json.loads(subprocess.run(a, capture_output=True, text=True).stdout)['sequences'][0]
        tally.setdefault(tuple(row[3:]), [0, 0])[1] += 1
    often = [t for t in tally.values() if sum(t) >= 16]; rest = [sum(t[i] for t in tally.values() if sum(t) < 16) for i in (0, 1)]
    rows = often + ([rest] if sum(rest) else []); chi = sum((x - y) ** 2 / (x + y) for x, y in rows); k = len(rows) - 1
    return chi, k, chi < k + 4 * math.sqrt(2 * k) + 8

def stop_strings(rounds):
    """Stop strings cut out of what greedy and beam search write, with a tokenizer of 320 tokens."""
    from tokenizers import Tokenizer, models as tm, pre_tokenizers, decoders, trainers
    from transformers import PreTrainedTokenizerFast
    t = Tokenizer(tm.BPE()); t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False); t.decoder = decoders.ByteLevel()
    t.train_from_iterator([open(__file__).read()], trainers.BpeTrainer(vocab_size=300, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    folder = f'{scratch.name}/stop'; subprocess.run(['cp', '-r', folders[1], folder]); os.path.exists(f'{folder}/tokenizer.json') or t.save(f'{folder}/tokenizer.json')
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=t); m = models[folders[1]]; good = stopped = 0
    m.generation_config.eos_token_id = None                    # 319 is no token of this tokenizer
    json.dump({'transformers_version': '5'}, open(f'{folder}/generation_config.json', 'w'))
    for _ in range(rounds):
        p = ids(300, 2, 8); o = dict(max_new_tokens=30); maybe(.4) and beams(o)
        if maybe(.2): o['repetition_penalty'] = 1.3
        free = m.generate(torch.tensor([p]), attention_mask=torch.ones(1, len(p), dtype=torch.long), **o)[0].tolist()
        raw = b''.join(bytes(byte[c] for c in t.id_to_token(i)) if i < 300 else b'\0' for i in free)     # ids beyond it have no letters
        stops = []
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(raw)); cut = raw[at:at + rng.randint(1, 5)].decode('utf-8', 'ignore')
            if cut and '\0' not in cut: stops.append(cut)
        if not stops: continue
        want = m.generate(torch.tensor([p]), attention_mask=torch.ones(1, len(p), dtype=torch.long), stop_strings=stops, tokenizer=tokenizer, **o).tolist()
        a = [program, 'generate', '-m', folder, '--ids', json.dumps(p)] + sum([['--stop', s] for s in stops], []) + sum([['--' + k.replace('_', '-'), v if isinstance(v, str) else json.dumps(v)] for k, v in o.items()], [])
        r = subprocess.run(a, capture_output=True, text=True)
        got = json.loads(r.stdout)['sequences'] if r.returncode == 0 else r.stderr
        stopped += want != [free]; good += got == want
        if got != want: count['different'] += 1; print('  stop', stops, o, p, '\n  theirs', want, '\n  ours  ', got)
    print(f'  stop strings: {good} equal, {stopped} of them stopped early')

from transformers.convert_slow_tokenizer import bytes_to_unicode
byte = {c: b for b, c in bytes_to_unicode().items()}
if not dropped:
    stop_strings(max(cases // 8, 20))
    torch.manual_seed(seed)
    for folder in folders[:3]:
        for o in (dict(num_beams=2, num_return_sequences=1, max_new_tokens=1, top_k=12, temperature=1.5), dict(num_beams=3, num_return_sequences=2, max_new_tokens=2, top_k=3, temperature=.8)):
            chi, k, ok = beam_sampling(folder, o)
            print(f'  beam sampling {os.path.basename(folder)} {o}: chi-square {chi:.1f} with {k} degrees of freedom' + ('' if ok else ': DIFFERENT')); count['different'] += not ok
print(f'transformers {transformers.__version__}: ' + ', '.join(f'{v} {k}' for k, v in count.items()))
for k, v in sorted(kinds.items()): print(f'  {k:12s} ' + ', '.join(f'{n} {r}' for r, n in v.items()))
sys.exit(count['different'] > 0)
