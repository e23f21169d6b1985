"""PyTorch's training throughput: train.py char|small|medium [--compile]. The model a PyTorch user would write: fused attention, fused
AdamW, clipping, float32, 2 threads. Prints "tokens/s VALUE" (median step) and "MB VALUE" (peak memory)."""
import resource, statistics, sys, time
import torch, torch.nn as nn, torch.nn.functional as F

SHAPES = {'char': (65, 64, 4, 4, 128, 12), 'small': (4096, 512, 6, 8, 256, 8), 'medium': (4096, 256, 6, 6, 384, 16)}

class Block(nn.Module):
    def __init__(self, C, H):
        super().__init__()
        self.H, self.norm1, self.norm2 = H, nn.LayerNorm(C), nn.LayerNorm(C)
        self.qkv, self.out = nn.Linear(C, 3 * C, bias=False), nn.Linear(C, C, bias=False)
        self.up, self.down = nn.Linear(C, 4 * C, bias=False), nn.Linear(4 * C, C, bias=False)
    def forward(self, x):
        B, T, C = x.shape
        q, k, v = (p.view(B, T, self.H, -1).transpose(1, 2) for p in self.qkv(self.norm1(x)).split(C, 2))
        x = x + self.out(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(B, T, C))
        return x + self.down(F.gelu(self.up(self.norm2(x))))

class Model(nn.Module):
    def __init__(self, V, T, L, H, C):
        super().__init__()
        self.tokens, self.positions, self.norm = nn.Embedding(V, C), nn.Embedding(T, C), nn.LayerNorm(C)
        self.blocks = nn.ModuleList(Block(C, H) for _ in range(L))
        self.head = nn.Linear(C, V, bias=False)
        self.head.weight = self.tokens.weight
    def forward(self, x, y):
        h = self.tokens(x) + self.positions.weight[:x.shape[1]]
        for block in self.blocks: h = block(h)
        return F.cross_entropy(self.head(self.norm(h)).flatten(0, 1), y.flatten())

torch.set_num_threads(2)
torch.manual_seed(0)
V, T, L, H, C, B = SHAPES[sys.argv[1]]
model = Model(V, T, L, H, C)
run = torch.compile(model) if '--compile' in sys.argv else model
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(.9, .95), weight_decay=.1, fused=True)
x, y = torch.randint(0, V, (B, T)), torch.randint(0, V, (B, T))
seconds = []
for _ in range(60 if T == 64 else 16):
    begin = time.perf_counter()
    optimizer.zero_grad(set_to_none=True)
    run(x, y).backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    seconds.append(time.perf_counter() - begin)
print('tokens/s', B * T / statistics.median(seconds[4:]))
print('MB', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
