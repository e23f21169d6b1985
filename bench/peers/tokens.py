"""tiktoken and Hugging Face tokenizers, one thread, GPT-2's tokens: tokens.py encode prints "tiktoken MB/s" and "tokenizers MB/s" on
tinyshakespeare; tokens.py train prints "train SECONDS" for 2,048 tokens."""
import json, os, sys, time
os.environ['TOKENIZERS_PARALLELISM'] = 'false'; os.environ['RAYON_NUM_THREADS'] = '1'
import tiktoken
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
text = open(os.environ.get('SHAKESPEARE', '../shared/data/text/shakespeare/input.txt'), newline='').read()
size, home = len(text.encode()), '../shared/fixtures/tokenizers/gpt2/'

def best(run):
    seconds = []
    for _ in range(3):
        begin = time.perf_counter(); run(); seconds.append(time.perf_counter() - begin)
    return min(seconds)

if sys.argv[1] == 'encode':
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    byte = {chr(b): b for b in visible} | {chr(256 + i): b for i, b in enumerate(b for b in range(256) if b not in visible)}
    ranks = {bytes(byte[c] for c in token): rank for token, rank in json.load(open(home + 'vocab.json')).items() if token != '<|endoftext|>'}
    pattern = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    encoding = tiktoken.Encoding('gpt2', pat_str=pattern, mergeable_ranks=ranks, special_tokens={'<|endoftext|>': 50256})
    print('tiktoken', size / best(lambda: encoding.encode_ordinary(text)) / 1e6)
    tokenizer = Tokenizer.from_file(home + 'tokenizer.json')
    print('tokenizers', size / best(lambda: tokenizer.encode(text)) / 1e6)
else:
    def train():
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
        tokenizer.train_from_iterator([text], trainers.BpeTrainer(vocab_size=2048, min_frequency=2, special_tokens=['<|endoftext|>'],
                                      initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    print('train', best(train))
