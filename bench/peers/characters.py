"""nanoGPT's recipe for character models on a CPU (4 layers, 4 heads, 128 wide, context 64, batch 12, 2,000 steps of AdamW, rate 1e-3 falling
to 1e-4 by a cosine, no dropout), written anew: "seconds VALUE" until the validation loss (20 random batches, every 250 steps, as there) is
1.88 or, where the recipe ends above that, to its end; validations are counted in, as in the run it is compared with."""
import math, os, sys, time
sys.argv = ['train.py', 'char']
import torch
exec(open(os.path.join(os.path.dirname(__file__), 'train.py')).read().split('torch.set_num_threads')[0])

torch.set_num_threads(2)
torch.manual_seed(1337)
text = open(os.environ.get('SHAKESPEARE', '../shared/data/text/shakespeare/input.txt')).read()
number = {c: i for i, c in enumerate(sorted(set(text)))}
ids = torch.tensor([number[c] for c in text])
split = {'train': ids[:len(ids) * 9 // 10], 'valid': ids[len(ids) * 9 // 10:]}
V, T, L, H, C, B, STEPS = len(number), 64, 4, 4, 128, 12, 2000

def batch(name):
    at = torch.randint(len(split[name]) - T, (B,))
    return torch.stack([split[name][i:i + T] for i in at]), torch.stack([split[name][i + 1:i + 1 + T] for i in at])

model = Model(V, T, L, H, C)
for p in model.parameters():
    if p.dim() > 1: torch.nn.init.normal_(p, 0, .02)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(.9, .99), weight_decay=.1, fused=True)
begin = time.perf_counter()
for step in range(STEPS + 1):
    rate = 1e-3 * step / 100 if step < 100 else 1e-4 + .5 * (1 + math.cos(math.pi * (step - 100) / (STEPS - 100))) * 9e-4
    for group in optimizer.param_groups: group['lr'] = rate
    if step % 250 == 0 or step == STEPS:
        with torch.no_grad(): loss = sum(model(*batch('valid')).item() for _ in range(20)) / 20
        print('step', step, 'loss', round(loss, 4), round(time.perf_counter() - begin, 1), file=sys.stderr)
        if loss <= 1.88: break
    optimizer.zero_grad(set_to_none=True)
    model(*batch('train')).backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
print('seconds', time.perf_counter() - begin)
