/* The program as its user meets it: a tiny model trained from a few files by `triptych train`, every verb on it, and a
 * table of wrong uses, each with its exit code, its one clear line, and nothing written. */
#include "core/file.h"
#include "core/json.h"
#include "core/random.h"
#include "outputs/midi.h"
#include "outputs/png.h"
#include "tests/program.h"
#include "tests/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct bytes get_file(const char *name)
{
    char path[300];
    struct bytes out = {0};
    struct error error = {0};
    snprintf(path, sizeof path, "%s/%s", home, name);
    ck_assert_msg(file_read(path, 1 << 26, &out, &error), "%s", error.text);
    return out;
}

/* ---- a few works of one's own ---- */

static void make_sprite(int number)
{
    struct sprite s;
    struct error error = {0};
    struct bytes png = {0};
    char name[60];
    ck_assert(sprite_init(&s, 32, 32, &error));
    for (int y = 6; y < 26; y++)
        for (int x = 6; x < 26; x++) {
            uint8_t *p = s.rgba + 4 * (y * 32 + x);
            if ((x - 16) * (x - 16) + (y - 16) * (y - 16) > 20 + 4 * number) continue;
            p[0] = (uint8_t)(60 + 9 * number), p[1] = (uint8_t)(x < 16 ? 200 : 120), p[2] = (uint8_t)(7 * number), p[3] = 255;
        }
    ck_assert(png_write_sprite(&s, NULL, NULL, &png, &error));
    snprintf(name, sizeof name, "works/ball-%d.png", number);
    put_file(name, png.data, png.n);
    bytes_free(&png);
    sprite_free(&s);
}

static void make_tune(int number)
{
    struct score score = {.ticks_per_quarter = 480};
    struct error error = {0};
    struct bytes midi = {0};
    char name[60];
    ck_assert(score_add_part(&score, 73, false, "Flute", &error) && score_add_tempo(&score, 0, 500000, &error) &&
              score_add_metre(&score, 0, 3, 4, &error) && score_add_key(&score, 0, 1, false, &error));
    for (int i = 0; i < 24; i++)
        ck_assert(score_add_note(&score, (struct score_note){.onset = 480 * i, .length = 480, .pitch = (uint8_t)(60 + (i * number) % 12), .velocity = 80}, &error));
    ck_assert(midi_write(&score, &midi, &error));
    snprintf(name, sizeof name, "works/tune-%d.mid", number);
    put_file(name, midi.data, midi.n);
    bytes_free(&midi);
    score_free(&score);
}

static void make_works(void)
{
    struct error error = {0};
    struct bytes text = {0}, ideas = {0};
    char path[300], name[60];
    snprintf(path, sizeof path, "%s/works", home);
    ck_assert(file_make_folder(path, &error));
    for (int i = 0; i < 30; i++) make_sprite(i);
    for (int i = 1; i < 20; i++) make_tune(i);
    for (int i = 0; i < 12; i++) {
        text.n = 0;
        for (int k = 0; k < 40; k++) ck_assert(bytes_printf(&text, &error, "The %s mouse number %d went to the moon.%s", k % 3 ? "brave" : "sad", i * k % 17, k % 5 == 4 ? "\n\n" : " "));
        snprintf(name, sizeof name, "works/story-%d.txt", i);
        put_file(name, text.data, text.n);
    }
    for (int i = 0; i < 40; i++)
        ck_assert(bytes_printf(&ideas, &error, "{\"idea\": \"mouse %d\", \"text\": \"A mouse was %d.\", \"music\": \"a waltz in G\", \"picture\": \"a ball\", \"split\": \"%s\"}\n", i, i, i % 10 == 9 ? "valid" : "train"));
    put_file("ideas.jsonl", ideas.data, ideas.n);
    put_file("caption-works.txt", "x", 1);
    bytes_free(&text), bytes_free(&ideas);
}

#define TRAIN "$T train --data works --data ideas.jsonl=0.5 --preset tiny --vocabulary 400 --patterns 640 --palette-colours 32 --batch 2048 --micro 512 --threads 2 " \
              "--warmup 2 --decay 4 --valid-every 5 --learning-rate 0.01 --quiet "

/* Broken files for the table of wrong uses. */
static void make_broken(void)
{
    struct bytes png = get_file("works/ball-9.png"), midi = get_file("works/tune-3.mid"), model = get_file("model/model.safetensors"), vq = get_file("model/vq.safetensors"),
                 tokenizer = get_file("model/tokenizer.json");
    put_file("cut.png", png.data, png.n / 2);
    put_file("cut.mid", midi.data, midi.n - 9);
    put_file("empty.png", "", 0);
    put_file("empty.mid", "", 0);
    put_file("empty.txt", "", 0);
    put_file("broken.txt", "ab\xff\xfe", 4);
    put_file("nul.txt", "a\0b", 3);
    put_file("wrong.png", midi.data, midi.n);
    put_file("wrong.mid", png.data, png.n);
    put_file("bad.jsonl", "{\"idea\": 3}\n", 12);
    put_file("torn.jsonl", "{\"idea\": \"a", 11);
    static const char *const copies[] = {"cut-weights", "no-weights", "bad-config", "no-tokenizer", "cut-tokenizer", "cut-codes", "wrong-family", "odd-head", "small-vocab", "cut-layout"};
    char command[300];
    for (size_t i = 0; i < sizeof copies / sizeof *copies; i++) {
        snprintf(command, sizeof command, "mkdir %s && cp model/*.json model/*.safetensors %s/", copies[i], copies[i]);
        must(command);
    }
    put_file("cut-weights/model.safetensors", model.data, model.n - 100);
    must("rm no-weights/model.safetensors no-tokenizer/tokenizer.json");
    put_file("bad-config/config.json", "{\"model_type\": \"qwen3\"", 22);
    put_file("cut-tokenizer/tokenizer.json", tokenizer.data, tokenizer.n / 2);
    put_file("cut-codes/vq.safetensors", vq.data, vq.n - 1);
    put_file("cut-layout/triptych.json", "{\"version\": 1", 13);
    struct bytes gguf = get_file("model.gguf");
    put_file("cut.gguf", gguf.data, gguf.n - 1000);
    put_file("short.gguf", gguf.data, 1000);
    put_file("noise.gguf", png.data, png.n);
    bytes_free(&gguf);
    must("mkdir cut-index && cp hf/*.json cut-index/ && echo '{\"weight_map\":{\"model.norm.weight\":\"../hf/model.safetensors\"}}' > cut-index/model.safetensors.index.json");
    must("sed -i s/qwen3/gptj/ wrong-family/config.json");
    must("sed -i 's/\"head_dim\": 32/\"head_dim\": 31/' odd-head/config.json");
    must("sed -i 's/\"vocab_size\": [0-9]*/\"vocab_size\": 100/' small-vocab/config.json");
    bytes_free(&png), bytes_free(&midi), bytes_free(&model), bytes_free(&vq), bytes_free(&tokenizer);
}

static void start(void)
{
    static char path[4096];
    const char *build = getenv("BUILD");
    ck_assert_ptr_nonnull(realpath(build == NULL ? "triptych" : build, path));
    if (build != NULL) strncat(path, "/triptych", sizeof path - strlen(path) - 1);
    program = path;
    ck_assert_ptr_nonnull(mkdtemp(home));
    make_works();
    must(TRAIN "--out model --steps 10");
    must("$T export -m model --out model.gguf --store f32 && $T import model.gguf --out words && $T export -m model --out hf --store f32");
    make_broken();
}

static void stop(void)
{
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", home);
    ck_assert_int_eq(system(command), 0);
}

/* ---- wrong uses ---- */

static const struct { const char *command; int code; const char *message; } WRONG[] = {
    /* verbs and options */
    {"$T", 2, "usage: triptych VERB"},
    {"$T sing", 2, "unknown verb 'sing'"},
    {"$T draw --colour 3", 2, "unknown option --colour"},
    {"$T draw --temprature 1", 2, "did you mean --temperature?"},
    {"$T draw -z", 2, "unknown option -z"},
    {"$T draw --seed", 2, "--seed: the value is missing"},
    {"$T draw --seed x", 2, "--seed: 'x' is no whole number"},
    {"$T draw --seed 1.5", 2, "--seed: '1.5' is no whole number"},
    {"$T draw --seed -1", 2, "--seed: -1 is out of range"},
    {"$T draw --seed 1 --seed 2", 2, "--seed: given twice"},
    {"$T draw --temperature 0", 2, "--temperature: 0 is out of range; 0.01 to 100"},
    {"$T draw --temperature 1e9", 2, "out of range"},
    {"$T draw --temperature nan", 2, "is no number"},
    {"$T draw --temperature inf", 2, "is no number"},
    {"$T draw --top-p 1.5", 2, "--top-p: 1.5 is out of range; 0 to 1"},
    {"$T draw --top_p -1", 2, "--top-p: -1 is out of range"},
    {"$T draw --top-k -3", 2, "--top-k: -3 is out of range"},
    {"$T draw --min-p 2", 2, "--min-p: 2 is out of range"},
    {"$T draw --typical-p 0", 2, "--typical-p: 0 is out of range"},
    {"$T draw --repetition-penalty 0", 2, "--repetition-penalty: 0 is out of range"},
    {"$T draw --guidance-scale 99", 2, "--guidance-scale: 99 is out of range"},
    {"$T draw --scale 0", 2, "--scale: 0 is out of range; 1 to 32"},
    {"$T draw -n 0", 2, "--count: 0 is out of range"},
    {"$T draw --overwrite=1", 2, "takes no value"},
    {"$T draw --do-sample --greedy", 2, "exclude each other"},
    {"$T draw --bad-words-ids '[[5'", 2, "JSON"},
    {"$T draw --bad-words-ids '[5]'", 2, "--bad-words-ids: a JSON list"},
    {"$T draw --suppress-tokens '[-1]'", 2, "--suppress-tokens: holds something that is no id"},
    {"$T draw one two", 2, "2 prompts; one"},
    {"$T draw x -s 1 -m model -o out.mid", 2, "unknown kind of file; .png is wanted"},
    {"$T play x -s 1 -m model -o out.gif", 2, "unknown kind of file; .mid, .abc, .wav, .flac, .ogg or .png"},
    {"$T play x -s 1 -m model --roll out.gif", 2, "--roll: out.gif; a .png is wanted"},
    {"$T draw x -s 1 -m model -o works/ball-1.png", 1, "is there already; --overwrite"},
    {"$T draw x -s 1 -m model -o nowhere/out.png", 1, "nowhere/out.png: cannot be created"},
    {"$T play x -s 1 -m model --key 'H minor'", 2, "--key: 'H minor'; a tone with major or minor"},
    {"$T play x -s 1 -m model --metre 3/3", 2, "--metre: '3/3'; one as 6/8"},
    {"$T play x -s 1 -m model --tempo 400", 2, "--tempo: 400 is out of range"},
    {"$T play x -s 1 -m model --bars 0", 2, "--bars: '0'; 1 to 999"},
    {"$T play x -s 1 -m model --bars 5-8", 2, "--bars: '5-8'; 1 to 999"},
    {"$T play x -s 1 -m model --bars 900", 1, "900 bars take more than"},
    {"$T play x -s 1 -m model --instrument kazoo", 2, "--instrument: 'kazoo'; a name as flute"},
    {"$T play x -s 1 -m model --range C6-C4", 2, "--range: 'C6-C4'; the lowest"},
    {"$T play x -s 1 -m model --range C#4-C#4 --key 'C major' --scale-lock", 2, "have no tone of the key's scale; a wider range"},
    {"$T play x -s 1 -m model --range C4-C4 --chords 'C Dm'", 2, "have no tone of each chord"},
    {"$T play x -s 1 -m model --chords 'C Q'", 2, "--chords: 'Q'; a chord as C, Am"},
    {"$T play x -s 1 -m model --density thick", 2, "--density: 'thick'; low, mid or high"},
    {"$T continue -m model", 2, "0 files; one"},
    {"$T continue works/story-1.txt -m model", 2, "cannot continue this kind of file; a .mid, .abc or .png"},
    {"$T harmonise works/ball-1.png -m model", 2, "cannot harmonise this kind of file; a .mid or .abc"},
    {"$T continue works/tune-3.mid -s 1 -m model --bars x", 2, "--bars: 'x'; 1 to 999"},
    {"$T vary cut.mid -s 1 -m model", 1, "cut.mid: MIDI"},
    {"$T play x -s 1 -m model --bars 1 -o a.png --roll a.png", 2, "--roll: a.png is the tune's own file"},
    {"$T play x -s 1 -m model --bars 1 -o a.mid --roll works/ball-3.png; test ! -e a.mid && false", 1, "works/ball-3.png: is there already"},
    {"$T fill works/tune-3.mid -s 1 --bars 2-3 -m model --scale-lock --chords C#", 2, "chords: one has no tone in the key's scale"},
    {"$T vary works/tune-3.mid -s 1 -m model --strength 2", 2, "--strength: 2 is out of range"},
    {"$T fill works/tune-3.mid -s 1 -m model", 2, "--bars is missing"},
    {"$T fill works/tune-3.mid -s 1 -m model --bars 8-5", 2, "--bars: '8-5'; bars as 5-8"},
    {"$T fill works/tune-3.mid -s 1 -m model --bars 8-9", 1, "has 8 bars; bars that it has"},
    {"$T fill works/tune-3.mid -s 1 -m model --bars 1-8", 1, "no note around the bars"},
    {"$T fill works/tune-3.mid -s 1 -m model --bars 2 --range C4-C4 --scale-lock --chords D", 2, "no tone of each chord"},
    {"$T harmonise works/tune-3.mid -s 1 -m model --range C4-C4 --chords A", 2, "no tone of each chord"},
    {"$T play x -s 1 -m model --parts 2 --instrument flute", 2, "--parts: --instrument says which parts"},
    {"$T play x -s 1 -m model --cadence --key 'C major' --range D4-B4", 2, "no tone that a close wants"},
    {"$T draw x -s 1 -m model --key C", 2, "unknown option --key"},
    {"$T compose -m model", 2, "0 ideas; one"},
    {"$T compose a b -m model", 2, "2 ideas; one"},
    {"$T compose '' -m model", 2, "0 ideas; one"},
    {"$T draw \"$(yes word | head -n 2000)\" -s 1 -m model", 1, "the prompt takes"},
    /* decoding */
    {"$T draw --num-beams 2", 2, "unknown option --num-beams"},
    {"$T generate -m model", 2, "--ids is missing"},
    {"$T generate --ids 1,x -m model", 2, "'1,x' is no list of ids"},
    {"$T generate --ids '[[1,2],[3]' -m model", 2, "is no list of ids"},
    {"$T generate --ids '[[[1]]]' -m model", 2, "is no list of ids"},
    {"$T generate --ids 99999 -m model", 2, "--ids: 99999 is out of range"},
    {"$T logits --ids '[[1],[2]]' -m model", 2, "2 lists; one is wanted"},
    {"$T generate --ids 1,2 -m model --num-beams 0", 2, "--num-beams: 0 is out of range; 1 to 1024"},
    {"$T generate --ids 1,2 -m model --num-beams 2 --num-return-sequences 3", 2, "num_return_sequences: 3; at most num_beams, 2"},
    {"$T generate --ids 1,2 -m model --greedy --num-return-sequences 3", 2, "greedy search has one result"},
    {"$T generate --ids 1,2 -m model --bad-words-ids '[[]]'", 2, "--bad-words-ids: a JSON list of lists of ids, none of them empty"},
    {"$T generate --ids 1,2 -m model --sequence-bias '[[1,2]]'", 2, "--sequence-bias"},
    {"$T generate --ids 1,2 -m model --samplers heat", 2, "--samplers: 'heat' is no step"},
    {"$T generate --ids 1,2 -m model --early-stopping maybe", 2, "--early-stopping"},
    {"$T generate --ids 1,2 -m model --num-beam-groups 2 --num-beams 3 --greedy", 2, "a divisor of num_beams, 3"},
    {"$T generate --ids 1,2 -m model --output-scores --num-beams 2", 2, "--output-scores: goes with one prompt"},
    {"$T generate --ids 1,2,3 -m model --max-length 2 --greedy", 1, "max_length: 2, but the prompt takes 3"},
    {"$T write x -m model --num-beams 2 --stream", 2, "--stream: shows one text"},
    {"$T write x -m model --num-beams 2 --num-return-sequences 2 -o x.txt", 2, "--num-return-sequences: has no file names"},
    {"$T write x -m model --stop ''", 2, "--stop: is empty"},
    {"$T fill -m model", 2, "0 texts; one"},
    {"$T fill 'no hole' -m model", 2, "has no <fill> and is no .txt"},
    {"$T fill works/story-1.txt -m model", 1, "works/story-1.txt: has no <fill>"},
    {"$T fill 'a <fill> b' -m model --candidates 0", 2, "--candidates: 0 is out of range"},
    {"$T fill 'a <fill> b' -m model -s 1 --max-new-tokens 9999", 1, "fill: 9999 tokens in the hole"},
    /* models */
    {"$T draw x -s 1 -m nowhere", 1, "nowhere: no model"},
    {"$T draw x -s 1 -m works", 1, "works: no model"},
    {"$T draw x -s 1 -m cut-weights", 1, "cut-weights/model.safetensors: safetensors: tensor"},
    {"$T draw x -s 1 -m no-weights", 1, "no-weights/model.safetensors: cannot be opened"},
    {"$T draw x -s 1 -m bad-config", 1, "bad-config/config.json: JSON"},
    {"$T draw x -s 1 -m no-tokenizer", 1, "no-tokenizer/tokenizer.json: cannot be opened"},
    {"$T draw x -s 1 -m cut-tokenizer", 1, "cut-tokenizer/tokenizer.json"},
    {"$T draw x -s 1 -m cut-codes", 1, "cut-codes/vq.safetensors: safetensors"},
    {"$T draw x -s 1 -m cut-layout", 1, "cut-layout/triptych.json: JSON"},
    {"$T draw x -s 1 -m wrong-family", 1, "model_type is gptj; gpt2, llama or qwen3"},
    {"$T draw x -s 1 -m odd-head", 1, "head_dim 31 is odd"},
    {"$T draw x -s 1 -m small-vocab", 1, "embed_tokens"},
    /* files */
    {"$T describe nowhere.png -m model", 1, "nowhere.png: cannot be opened: No such file"},
    {"$T describe -m model", 2, "the file is missing"},
    {"$T describe works -m model", 1, "works: unknown kind of file"},
    {"$T describe works/story-1.txt -m model", 1, "a text; a .mid or .png is wanted"},
    {"$T describe cut.png -m model", 1, "cut.png: PNG"},
    {"$T describe empty.png -m model", 1, "empty.png: PNG: the file is empty"},
    {"$T describe wrong.png -m model", 1, "wrong.png: PNG: the file does not start like a PNG"},
    {"$T describe cut.mid -m model", 1, "cut.mid: MIDI"},
    {"$T describe empty.mid -m model", 1, "empty.mid: MIDI"},
    {"$T describe wrong.mid -m model", 1, "wrong.mid: MIDI"},
    {"$T tokens roundtrip cut.png -m model -o out.png", 1, "cut.png: PNG"},
    {"$T tokens roundtrip empty.txt -m model -o out.txt", 1, "empty.txt: text: the file is empty"},
    {"$T tokens roundtrip broken.txt -m model -o out.txt", 1, "byte 2 is not UTF-8"},
    {"$T tokens roundtrip nul.txt -m model -o out.txt", 1, "NUL byte"},
    {"$T tokens roundtrip works/ball-1.png -m model", 2, "-o is missing"},
    {"$T tokens roundtrip -m model -o out.png", 2, "one file is wanted"},
    {"$T tokens sing", 2, "'sing' is unknown"},
    {"echo '\"a' | $T tokens encode -m model", 1, "line 1: JSON"},
    {"echo '3' | $T tokens encode -m model", 1, "line 1: no JSON string"},
    {"echo '[99999]' | $T tokens decode -m model", 1, "line 1: not an id"},
    {"$T tokens encode --data works --split tset -m model", 2, "--split: 'tset' is unknown"},
    {"$T tokens encode --tokenizer nowhere.json", 1, "nowhere.json: cannot be opened"},
    {"$T recipe works/ball-1.png", 1, "has no recipe"},
    {"$T recipe works/story-1.txt", 1, "has no recipe"},
    {"$T redo works/tune-1.mid -m model", 1, "has no recipe"},
    {"$T recipe", 2, "0 files; one"},
    /* training and evaluation */
    {"$T train --data works", 2, "--out is missing"},
    {"$T train --out out", 2, "--data is missing"},
    {"$T train --data nowhere --out out", 1, "nowhere: no such file or folder"},
    {"$T train --data works=0 --out out", 2, "weight '0'"},
    {"$T train --data works=x --out out", 2, "weight 'x'"},
    {"$T train --data works --data works --out out", 2, "two sources are called works"},
    {"$T train --data bad.jsonl --out out", 1, "bad.jsonl: line 1: \"idea\" is no string"},
    {"$T train --data torn.jsonl --out out", 1, "torn.jsonl: line 1: JSON"},
    {"$T train --data model/config.json --out out", 1, "unknown kind of data"},
    {"$T train --data works --out out --optimizer sgd", 2, "--optimizer: 'sgd' is unknown"},
    {"$T train --data works --out out --store f64", 2, "--store: 'f64' is unknown"},
    {"$T train --data works --out model --steps 12", 2, "holds a training run; --resume"},
    {"$T eval --data works --split none -m model", 2, "--split: 'none' is unknown"},
    {"$T eval -m model", 2, "--data is missing"},
    /* import and export */
    {"$T import --out out", 2, "0 sources; one"},
    {"$T import model.gguf hf --out out", 2, "2 sources; one"},
    {"$T import model.gguf", 2, "--out is missing"},
    {"$T import nowhere.gguf --out out", 1, "nowhere.gguf: no such file or folder"},
    {"$T import works/ball-1.png --out out", 1, "works/ball-1.png: neither a folder nor a GGUF file"},
    {"$T import works --out out", 1, "works/config.json: cannot be opened"},
    {"$T import noise.gguf --out out", 1, "noise.gguf: GGUF: the file does not start"},
    {"$T import short.gguf --out out", 1, "short.gguf: GGUF: byte"},
    {"$T import cut.gguf --out out", 1, "behind the end of the file"},
    {"$T import cut-index --out out", 1, "\"../hf/model.safetensors\" is no name"},
    {"$T import cut-weights --out out", 1, "cut-weights: is a model of this program already"},
    {"$T import model.gguf --out words", 1, "words/config.json: is there already; --overwrite"},
    {"$T import model.gguf --out out --store q8_0", 2, "--store: 'q8_0' is unknown; f32, f16 or bf16"},
    {"$T export -m model", 2, "--out is missing"},
    {"$T export model -m model --out out.gguf", 2, "'model' is no option"},
    {"$T export -m model --out model.gguf", 1, "model.gguf: is there already; --overwrite"},
    {"$T export -m model --out hf", 1, "hf/config.json: is there already; --overwrite"},
    {"$T export -m model --out out.gguf --store bf16", 2, "--store: 'bf16' is unknown; f32, f16 or q8_0"},
    {"$T export -m model --out out --store q8_0", 2, "--store: 'q8_0' is unknown; f32, f16 or bf16"},
    {"$T export -m cut-tokenizer --out out.gguf", 1, "cut-tokenizer/tokenizer.json"},
    {"$T export -m model --out nowhere/out.gguf", 1, "nowhere/out.gguf: cannot be created"},
    {"$T write --chat hello -m words -s 1", 1, "words: no chat template"},
    {"$T write --chat hello -m model -s 1", 1, "model: is no model for conversations"},
    {"$T write --system x hello -m words -s 1", 2, "--system: is for conversations"},
    {"$T write --chat hello -m words -s 1 -o out.txt", 2, "--chat: answers are shown one by one"},
    {"$T write --chat hello -m words -s 1 --num-beams 2", 2, "--chat: answers are shown one by one"},
    {"$T draw x -s 1 -m words", 1, "words: a text model; one with music and images"},
    {"$T play x -s 1 -m words", 1, "words: a text model"},
    {"$T compose x -s 1 -m words", 1, "words: a text model"},
    {"$T describe works/ball-1.png -m words", 1, "words: a text model"},
    {"$T eval --data works -m words", 1, "this model knows text only, .txt files are wanted"},
    {"$T eval --data ideas.jsonl -m words", 1, "ideas.jsonl: holds ideas; this model knows text only"},
    /* ids */
    {"$T generate -m model", 2, "--ids is missing"},
    {"$T generate --ids '1,x' -m model", 2, "--ids: '1,x' is no list"},
    {"$T generate --ids '1,999999' -m model", 2, "--ids: 999999 is out of range"},
    {"$T logits --ids '' -m model", 2, "--ids: is empty"},
    {"$T logits --ids 5 -m cut-weights", 1, "cut-weights/model.safetensors"},
};

START_TEST(wrong_uses_get_one_clear_line)
{
    char text[8000], before[20000], after[20000];
    run(before, sizeof before, "find . -type f | sort");
    int code = run(text, sizeof text, WRONG[_i].command);
    ck_assert_msg(strstr(text, WRONG[_i].message) != NULL, "%s\n -> %s", WRONG[_i].command, text);
    ck_assert_msg(code == WRONG[_i].code, "%s: exit code %d: %s", WRONG[_i].command, code, text);
    if (_i > 0) ck_assert_msg(strncmp(text, "triptych", 8) == 0 && strchr(text, '\n') == text + strlen(text) - 1, "%s: more than one line: %s", WRONG[_i].command, text);
    run(after, sizeof after, "find . -type f | sort");
    ck_assert_msg(strcmp(before, after) == 0, "%s: left files behind", WRONG[_i].command);
}
END_TEST

/* ---- right uses ---- */

START_TEST(compose_writes_four_files_that_redo_makes_again)
{
    char text[8000];
    must("$T compose 'mouse 7 & co' -m model -s 5 -o made");
    must("test $(ls made | wc -l) = 4 && cd made && file *.png | grep -q 'PNG image data, 256 x 256' && file *.mid | grep -q 'Standard MIDI' && file *.wav | grep -q 'WAVE audio.*16 bit, stereo 44100' && file *.txt | grep -q text");
    must("cd made && for x in txt mid wav png; do $T redo -m ../model mouse-7-co-5.$x -o again.$x && cmp mouse-7-co-5.$x again.$x || exit 1; done");
    ck_assert_int_eq(run(text, sizeof text, "$T recipe made/mouse-7-co-5.txt"), 0);
    ck_assert_ptr_nonnull(strstr(text, "mouse 7 & co"));
    ck_assert_int_eq(run(text, sizeof text, "$T compose 'mouse 7 & co' -m model -s 5 -o made"), 1);
    ck_assert_ptr_nonnull(strstr(text, "is there already"));
    must("$T compose 'mouse 7 & co' -m model -s 5 -o made2 && for x in txt mid wav png; do cmp made/mouse-7-co-5.$x made2/mouse-7-co-5.$x || exit 1; done");
}
END_TEST

START_TEST(hot_samples_always_decode)
{
    char text[100];
    must("$T draw -m model -s 1 -n 150 -t 1.5 -k 0 -o hot/ && $T play 'a waltz' -m model -s 1 -n 60 -t 1.5 -p 1 -o hot/ && $T write 'The' -m model -s 1 -n 30 -t 1.5 -k 0 -p 1 -o hot/");
    run(text, sizeof text, "ls hot | wc -l");
    ck_assert_int_eq(atoi(text), 240);
    must("file hot/*.png | grep -vc 'PNG image data, 256 x 256' | grep -q '^0$'");
    must("for most in 24 25 26 27 40 41; do $T play -m model -s 1 -n 12 -t 1.5 -p 1 --max-new-tokens $most -o short-$most/ || exit 1; done");     /* cut short anywhere: whole pieces */
    must("for f in hot/play-1*.mid; do $T tokens roundtrip $f -m model -o x.mid --overwrite >/dev/null || exit 1; done");
}
END_TEST

START_TEST(round_trips_keep_the_works)
{
    char text[1000];
    must("$T tokens roundtrip works/ball-4.png -m model -o back.png && $T tokens roundtrip works/tune-5.mid -m model -o back.mid && $T tokens roundtrip works/story-2.txt -m model -o back.txt && cmp back.txt works/story-2.txt");
    must("cmp back.mid works/tune-5.mid || $T tokens roundtrip back.mid -m model -o back2.mid");
    ck_assert_int_eq(run(text, sizeof text, "$T tokens roundtrip works/tune-5.mid -m model -o back.mid --overwrite --json"), 0);
    ck_assert_ptr_nonnull(strstr(text, "\"notes_in\":24,\"notes_kept\":24"));
    must("echo '\"A mouse \\u00e9\"' | $T tokens encode -m model | $T tokens decode -m model | grep -q '^\"A mouse é\"$'");
    must("test $($T tokens encode --data works --split train -m model | wc -l) -gt 30");
}
END_TEST

START_TEST(models_travel_and_stay_the_same)
{
    must("$T import hf --out words2 && $T export -m words --out words.gguf --store f32 && $T import words.gguf --out words3");
    must("for m in model words hf words2 words3; do $T logits --ids 1,3,40,300,420,9 -m $m > $m.logits; cmp model.logits $m.logits || exit 1; done");
    must("for m in words words2 words3; do echo '\"The brave mouse\"' | $T tokens encode -m $m > $m.ids; cmp words.ids $m.ids || exit 1; done");
    must("echo '\"The brave mouse\"' | $T tokens encode -m model | cmp - words.ids");
    must("$T export -m model --out small.gguf --store q8_0 && $T import small.gguf --out packed && $T logits --ids 1,3,40 -m packed > packed.logits && test $(stat -c %s small.gguf) -lt $(stat -c %s model.gguf)");
    must("grep -q '<pattern' hf/tokenizer.json && grep -q PreTrainedTokenizerFast hf/tokenizer_config.json && test ! -e hf/triptych.json");
    must("$T import model.gguf --out half --store f16 && $T import half --out half2 && cmp half/model.safetensors half2/model.safetensors");
}
END_TEST

START_TEST(text_models_write_and_learn)
{
    char text[8000];
    ck_assert_int_eq(run(text, sizeof text, "$T write 'The brave' -m words -s 1 --max-new-tokens 8 --json"), 0);
    ck_assert_msg(strncmp(text, "{\"text\":\"The brave", 18) == 0, "%s", text);
    ck_assert_int_eq(run(text, sizeof text, "$T eval --data works/story-3.txt --split train -m words --json"), 0);
    ck_assert_ptr_nonnull(strstr(text, "\"bits_per_byte\":"));
    must("cp -r words chatty && sed -i 's/<reserved-9>/<|im_start|>/g; s/<reserved-10>/<|im_end|>/g' chatty/tokenizer.json && printf '{{ \"<|im_start|>system\\nBe brief.<|im_end|>\" }}' > chatty/chat_template.jinja");
    must("$T write --chat 'the mouse' -m chatty --greedy --max-new-tokens 5 > once.txt && $T write --chat 'the mouse' -m chatty --greedy --max-new-tokens 5 --system 'Be brief.' | cmp - once.txt");
    must("printf 'the mouse\\nand the moon\\n' | $T write --chat -m chatty --greedy --max-new-tokens 5 --json > two.txt && test $(wc -l < two.txt) = 2 && head -n 1 two.txt | grep -q '\"tokens\":5'");
    must("mkdir stories && cp works/story-*.txt stories/");
    must("$T train --init words --data stories --out tuned --steps 4 --batch 1024 --micro 512 --threads 2 --learning-rate 0.001 --valid-every 2 --save-every 2 --quiet");
    must("cmp words/tokenizer.json tuned/tokenizer.json && cmp words/tokenizer_config.json tuned/tokenizer_config.json && test ! -e tuned/triptych.json && ! cmp -s words/model.safetensors tuned/model.safetensors");
    must("$T write 'The brave' -m tuned -s 1 --max-new-tokens 8");
    must("$T train --init words --data stories --out tuned-on --steps 4 --batch 1024 --micro 512 --threads 2 --learning-rate 0.001 --valid-every 2 --save-every 2 --quiet --decay 0 --warmup 0");
    must("$T train --data stories --out tuned-on --resume --steps 6 --batch 1024 --micro 512 --threads 2 --learning-rate 0.001 --valid-every 2 --save-every 2 --quiet --decay 0 --warmup 0");
    ck_assert_int_eq(run(text, sizeof text, "$T train --init words --data works --out spoiled --steps 1"), 1);
    ck_assert_msg(strstr(text, "this model knows text only, .txt files are wanted") != NULL, "%s", text);
    must("test ! -e spoiled/tokenizer.json");
}
END_TEST

START_TEST(resumed_run_equals_straight_run)
{
    static const char *const moments[] = {"0.1", "0.25", "0.45", "0.6", "0.35", "0.5"};
    must(TRAIN "--out straight --steps 30 --save-every 10");
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        char command[1000];
        snprintf(command, sizeof command, TRAIN "--out broken-off --steps 30 --save-every 2 --resume & P=$!; sleep %s; kill -9 $P; wait $P; true", moments[i]);
        must(command);
    }
    must(TRAIN "--out broken-off --steps 30 --save-every 10 --resume");
    must("cmp straight/checkpoints/step-000000030/model.safetensors broken-off/checkpoints/step-000000030/model.safetensors");
    must("cmp straight/checkpoints/step-000000030/optimizer.safetensors broken-off/checkpoints/step-000000030/optimizer.safetensors");
    must("cut -f1-5 straight/loss.tsv >a; cut -f1-5 broken-off/loss.tsv >b; cmp a b && test $(wc -l <a) = 31");
    must("test $(find broken-off -name '*.tmp' | wc -l) = 0");
}
END_TEST

START_TEST(a_bad_file_among_good_ones_is_left_out)
{
    char text[4000];
    must("mkdir mixed && cp works/*.png mixed && cp cut.png mixed/cut.png");
    ck_assert_int_eq(run(text, sizeof text, "$T tokens encode --data mixed --split train -m model >/dev/null; $T tokens encode --data mixed --split valid -m model > /dev/null; $T tokens encode --data mixed -m model >/dev/null"), 0);
    ck_assert_ptr_nonnull(strstr(text, "1 files left out"));
}
END_TEST

START_TEST(every_search_writes)
{
    char text[8000];
    static const char *const ways[] = {"--greedy", "--num-beams 3 --greedy", "--num-beams 2 --do-sample", "--num-beams 4 --num-beam-groups 2 --diversity-penalty 1 --greedy", "--penalty-alpha 0.5 --top-k 4 --greedy",
        "--num-beams 3 --greedy --force-words-ids '[[40,41]]'", "--prompt-lookup-num-tokens 4", "--guidance-scale 1.5 --negative-prompt sad", "--dry-multiplier 0.8 --xtc-probability 0.2 --top-n-sigma 2", "--mirostat 2",
        "--max-time 5 --min-new-tokens 3", "--samplers 'top_k;temperature' --min-keep 2"};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        char command[1000];
        snprintf(command, sizeof command, "$T write 'The brave' -m model -s 4 --max-new-tokens 12 %s 2>/dev/null > one && $T write 'The brave' -m model -s 4 --max-new-tokens 12 %s 2>/dev/null > two && cmp one two && "
                 "iconv -f utf-8 -t utf-8 one >/dev/null && head -c 9 one | grep -q '^The brave$' && test $(head -c 10 one | wc -c) = 10", ways[i], ways[i]);
        must(command);
    }
    must("test $($T write 'The' -m model -s 4 --num-beams 3 --num-return-sequences 3 --json | grep -c '\"score\":-') = 3");
    must("$T write 'The' -m model -s 4 --max-new-tokens 40 --stop e | grep -q '^The.*e'");
    must("$T write 'The' -m model -s 4 --max-new-tokens 8 -n 2 -o beams/ --num-beams 2 && $T redo beams/write-5.txt -m model -o again.txt && cmp beams/write-5.txt again.txt && $T recipe again.txt | grep -q 'num-beams.*2'");
    must("$T generate --ids '[[1,4,20],[1,4,20,21,22]]' -m model --max-new-tokens 6 --greedy > both && $T generate --ids 1,4,20 --ids 1,4,20,21,22 -m model --max-new-tokens 6 --greedy | cmp - both");
    ck_assert_int_eq(run(text, sizeof text, "$T generate --ids 1,4,20 -m model --greedy --max-new-tokens 2 --output-scores"), 0);
    ck_assert_ptr_nonnull(strstr(text, ",\"scores\":[["));
    must("$T write --help | grep -q 'repetition_penalty, no_repeat_ngram_size'");
}
END_TEST

START_TEST(holes_are_filled)
{
    char text[8000];
    must("$T fill 'The <fill> mouse went to <fill> moon.' -m model -s 2 > one && $T write 'The <fill> mouse went to <fill> moon.' -m model -s 2 > two && cmp one two && tr '\\n' ' ' <one | grep -q '^The .* mouse went to .* moon\\. $'");
    must("printf 'A <fill>.\\n' > hole.txt && $T fill hole.txt -m model -s 2 -o filled.txt && $T redo filled.txt -m model -o again2.txt && cmp filled.txt again2.txt && head -c 2 filled.txt | grep -q '^A $'");
    ck_assert_int_eq(run(text, sizeof text, "$T fill '<fill> moon' -m model -s 2 --json"), 0);              /* nothing before the hole */
    ck_assert_ptr_nonnull(strstr(text, "\"log_right\":-"));
}
END_TEST

/* Score of a file in the home folder. */
static struct score get_score(const char *name)
{
    struct bytes data = get_file(name);
    struct score score;
    struct error error = {0};
    ck_assert_msg(midi_read(data.data, data.n, &score, &error), "%s", error.text);
    bytes_free(&data);
    return score;
}

START_TEST(play_obeys_its_controls)
{
    char text[2000];
    must("$T play '' -m model -s 3 -t 2 --bars 6 --key 'D minor' --scale-lock --metre 6/8 --tempo 97 --range C4-C6 --instrument flute --instrument 42 --drums --density mid --chords 'Dm A7' -o wish.mid "
         "&& $T redo wish.mid -m model -o wish2.mid && cmp wish.mid wish2.mid");
    struct score s = get_score("wish.mid");
    ck_assert(s.keys == 1 && s.key[0].sharps == -1 && s.key[0].minor && s.metres == 1 && s.metre[0].numerator == 6 && s.metre[0].denominator == 8);
    ck_assert(s.tempos == 1 && s.tempo[0].us_per_quarter == 618557 && s.parts == 3 && s.part[0].program == 73 && s.part[1].program == 42 && s.part[2].drums);
    ck_assert(score_end(&s) > 5 * 1440 && score_end(&s) <= 6 * 1440);
    for (size_t i = 0; i < s.notes; i++)
        ck_assert(s.part[s.note[i].part].drums || (s.note[i].pitch >= 60 && s.note[i].pitch <= 84 && "111011010111"[s.note[i].pitch % 12] == '1'));
    score_free(&s);
    ck_assert_int_eq(run(text, sizeof text, "$T play 'a waltz in A minor for cello' -m model -s 4 --bars 3 --key G -o words.mid"), 0);
    ck_assert_ptr_nonnull(strstr(text, "the prompt's words set metre 3/4, instrument Cello (--no-words"));
    s = get_score("words.mid");
    ck_assert(s.key[0].sharps == 1 && !s.key[0].minor && s.parts == 1 && s.part[0].program == 42 && s.metre[0].numerator == 3);
    score_free(&s);
    ck_assert_int_eq(run(text, sizeof text, "$T play 'a waltz in A minor for cello' -m model -s 4 --no-words -o words2.mid"), 0);
    ck_assert_ptr_null(strstr(text, "the prompt's words"));
}
END_TEST

/* Notes of `a` with onset in from … to, all of them also in `b`; the other way round they may be more. */
static size_t check_kept(const struct score *a, const struct score *b, int64_t from, int64_t to, bool lengths, bool pitches)
{
    size_t n = 0;
    for (size_t i = 0; i < a->notes; i++) {
        const struct score_note *x = &a->note[i];
        bool found = false;
        if (x->onset < from || x->onset >= to) continue;
        for (size_t k = 0; k < b->notes && !found; k++) {
            const struct score_note *y = &b->note[k];
            found = x->onset == y->onset && x->part == y->part && (!pitches || x->pitch == y->pitch) && (!lengths || x->length == y->length);
        }
        ck_assert_msg(found, "the note at %lld is gone", (long long)x->onset);
        n++;
    }
    return n;
}

START_TEST(verbs_on_a_tune_keep_the_rest)
{
    enum { BAR = 1440 };                                       /* the tunes: 8 bars in 3/4 of quarter notes */
    must("$T continue works/tune-5.mid -m model -s 1 --bars 3 -t 2 -o on.mid && $T vary works/tune-5.mid -m model -s 2 --strength 0.5 -o vary/ -n 2 && $T fill works/tune-5.mid -m model -s 1 --bars 3-4 -t 2 -o filled.mid && "
         "$T harmonise works/tune-5.mid -m model -s 1 --instrument guitar --density mid --range C2-G4 -t 2 -o two.mid 2>chords && grep -q 'chords by rule' chords && "
         "$T harmonise works/tune-5.mid -m model -s 1 --instrument violin --instrument drums --instrument cello --chords 'G D' -t 2 -o four.mid && $T fill works/tune-5.mid -m model -s 4 --bars 7-8 --scale-lock --range D4-A5 --chords 'D G' --density high -t 2 -o end.mid && "
         "$T continue works/tune-5.mid -m model -s 1 --bars 18 --cadence -t 2 -o close.mid");
    must("printf 'X:1\nM:28/4\nL:1/4\nK:C\nCDEF GABc CDEF GABc CDEF GABc CDEF |\n' > long.abc && $T fill long.abc -m model -s 1 --bars 2-3 -t 2 -o long.mid 2>said && "
         "grep -q 'long.abc: a bar of 28/4 counts as 4 in --bars' said && $T vary long.abc -m model -s 1 -o long2.mid 2>said && ! grep -q counts said");
    must("for i in on vary/vary-2 filled two four end close; do $T redo $i.mid -m model -o redone.mid --overwrite && cmp $i.mid redone.mid || exit 1; done; ! cmp -s vary/vary-2.mid vary/vary-3.mid");
    struct score was = get_score("works/tune-5.mid"), now = get_score("on.mid");
    ck_assert_uint_eq(check_kept(&was, &now, 0, 8 * BAR, true, true), 24);
    ck_assert_uint_eq(check_kept(&now, &was, 0, 8 * BAR, true, true), 24);
    ck_assert(score_end(&now) <= 11 * BAR && now.note[now.notes - 1].onset >= 10 * BAR);
    must("$T continue works/tune-5.mid -m model -s 1 --bars 20 -t 2 --chords 'C F G' -o far.mid");      /* more than one round */
    score_free(&now), now = get_score("far.mid");
    ck_assert(now.note[now.notes - 1].onset >= 27 * BAR && score_end(&now) <= 28 * BAR);
    for (size_t i = 0; i < now.notes; i++) {
        static const char *const chords[] = {"100010010000", "100001000100", "001000010001"};
        if (now.note[i].onset >= 8 * BAR && now.note[i].onset % BAR == 0) ck_assert(chords[(now.note[i].onset / BAR - 8) % 3][now.note[i].pitch % 12] == '1');
    }
    score_free(&now), now = get_score("filled.mid");
    ck_assert_uint_eq(check_kept(&was, &now, 0, 2 * BAR, true, true) + check_kept(&was, &now, 4 * BAR, 8 * BAR, true, true), 18);
    ck_assert_uint_eq(check_kept(&now, &was, 0, 2 * BAR, true, true) + check_kept(&now, &was, 4 * BAR, 8 * BAR, true, true), 18);
    for (size_t i = 0; i < now.notes; i++) ck_assert(now.note[i].onset >= 4 * BAR || now.note[i].onset < 2 * BAR || now.note[i].onset + now.note[i].length <= 4 * BAR);
    score_free(&now), now = get_score("vary/vary-2.mid");
    ck_assert_uint_eq(check_kept(&was, &now, 0, 8 * BAR, true, false), 24);        /* the form: onsets and lengths */
    ck_assert_uint_eq(now.notes, 24);
    size_t same = 0;
    for (size_t i = 0; i < 24; i++) same += was.note[i].pitch == now.note[i].pitch;
    ck_assert_msg(same > 3 && same < 24, "%zu of 24 pitches are the same", same);
    score_free(&now), now = get_score("two.mid");
    ck_assert(now.parts == 2 && now.part[1].program == 24 && now.part[0].program == 73);
    ck_assert_uint_eq(check_kept(&was, &now, 0, 8 * BAR, true, true), 24);
    for (int bar = 0; bar < 8; bar++) {                        /* it plays in every bar, in its range */
        size_t n = 0;
        for (size_t i = 0; i < now.notes; i++) {
            if (now.note[i].part == 1 && now.note[i].onset / BAR == bar) n++;
            ck_assert(now.note[i].part == 0 || (now.note[i].pitch >= 36 && now.note[i].pitch <= 67));
        }
        ck_assert_uint_ge(n, 1);
    }
    score_free(&now), now = get_score("four.mid");
    ck_assert(now.parts == 4 && now.part[1].program == 40 && now.part[2].drums && now.part[3].program == 42);
    ck_assert_uint_eq(check_kept(&was, &now, 0, 8 * BAR, true, true), 24);
    unsigned played = 0;
    for (size_t i = 0; i < now.notes; i++) {
        const struct score_note *n = &now.note[i];
        played |= 1u << n->part;
        if (n->part % 2 == 1 && n->onset % BAR == 0) ck_assert(n->onset / BAR % 2 ? "001000100100"[n->pitch % 12] == '1' : "001000010001"[n->pitch % 12] == '1');
        ck_assert_int_le(n->onset + n->length, 8 * BAR);
    }
    ck_assert_uint_eq(played, 15);
    score_free(&now), now = get_score("end.mid");              /* the wishes hold in what is filled, to the end; the rest stays */
    ck_assert_uint_eq(check_kept(&was, &now, 0, 6 * BAR, true, true), 18);
    ck_assert_uint_eq(check_kept(&now, &was, 0, 6 * BAR, true, true), 18);
    int64_t before = 6 * BAR;
    for (size_t i = 18; i < now.notes; i++) {
        const struct score_note *n = &now.note[i];
        ck_assert(n->pitch >= 62 && n->pitch <= 81 && "101010110101"[n->pitch % 12] == '1' && n->onset + n->length <= 8 * BAR);
        ck_assert_int_le(n->onset - (n->onset / BAR == before / BAR ? before : n->onset / BAR * BAR), 240);
        if (n->onset % BAR == 0) ck_assert(n->onset == 6 * BAR ? "001000100100"[n->pitch % 12] == '1' : "001000010001"[n->pitch % 12] == '1');
        before = n->onset;
    }
    ck_assert_int_ge(before, 8 * BAR - 240);
    score_free(&now), now = get_score("close.mid");
    ck_assert(now.note[now.notes - 1].onset >= 25 * BAR && score_end(&now) <= 26 * BAR && now.note[now.notes - 1].pitch % 12 == 7);      /* in G */
    score_free(&now), score_free(&was);
}
END_TEST

/* A tune as sequencers write them: no key, names, kits, velocities between the classes, tempos between and beyond theirs, a note held long. */
static struct score rich_tune(void)
{
    struct score s = {.ticks_per_quarter = 480};
    struct error error = {0};
    struct bytes file = {0};
    static const uint8_t melody[8] = {67, 71, 74, 72, 69, 67, 66, 69};
    ck_assert(score_add_part(&s, 52, false, "Soprano", &error) && score_add_part(&s, 52, false, "Alto", &error) && score_add_part(&s, 40, true, "Brushes", &error));
    ck_assert(score_add_tempo(&s, 0, 645161, &error) && score_add_tempo(&s, 2 * 1920 + 7, 700001, &error) && score_add_tempo(&s, 5 * 1920, 60000, &error));
    for (int i = 0; i < 32; i++) ck_assert(score_add_note(&s, (struct score_note){480 * i, 480, 0, melody[i % 8], (uint8_t)(120 - i)}, &error));
    for (int i = 0; i < 8; i++) ck_assert(score_add_note(&s, (struct score_note){1920 * i, 480, 2, 38, (uint8_t)(50 + i)}, &error));
    ck_assert(score_add_note(&s, (struct score_note){0, 32 * 480, 1, 62, 77}, &error));
    score_sort(&s);
    ck_assert(midi_write(&s, &file, &error));
    put_file("rich.mid", file.data, file.n);
    bytes_free(&file);
    score_free(&s);
    return get_score("rich.mid");
}

/* Are the names, the kit and the tempos of `was` in `now`, and its notes outside of bars 3 and 4 with their velocities? */
static void check_rich(const struct score *was, const struct score *now, bool pitches)
{
    ck_assert_uint_ge(now->parts, 3);
    for (size_t p = 0; p < 3; p++) ck_assert(strcmp(was->part[p].name, now->part[p].name) == 0 && was->part[p].program == now->part[p].program);
    ck_assert_uint_eq(now->tempos, 3);
    for (size_t i = 0; i < 3; i++) ck_assert(now->tempo[i].tick == was->tempo[i].tick && now->tempo[i].us_per_quarter == was->tempo[i].us_per_quarter);
    for (size_t i = 0; i < was->notes; i++) {
        const struct score_note *a = &was->note[i];
        bool found = a->onset / 1920 == 2 || a->onset / 1920 == 3;
        for (size_t k = 0; k < now->notes && !found; k++) {
            const struct score_note *b = &now->note[k];
            found = b->onset == a->onset && b->part == a->part && b->velocity == a->velocity && (!pitches || (b->pitch == a->pitch && b->length == a->length));
        }
        ck_assert_msg(found, "note %zu, tick %lld, pitch %d, velocity %d", i, (long long)a->onset, a->pitch, a->velocity);
    }
}

START_TEST(a_users_tune_keeps_what_ids_do_not_tell)
{
    static const char *const verbs[] = {"vary", "fill --bars 3-4 --range D4-D4", "continue --bars 2", "harmonise", "fill --bars 3-4 --scale-lock"};
    struct score was = rich_tune();
    char command[400], said[2000];
    for (size_t v = 0; v < sizeof verbs / sizeof *verbs; v++) {
        snprintf(command, sizeof command, "$T %s rich.mid -m model -s %zu -t 1.5 -o rich-%zu.mid 2>&1 && $T redo rich-%zu.mid -m model -o again.mid --overwrite -q && cmp rich-%zu.mid again.mid", verbs[v], v + 1, v, v, v);
        ck_assert_msg(run(said, sizeof said, command) == 0, "%s: %s", verbs[v], said);
        ck_assert_msg((strstr(said, "tells no key") != NULL) == (v == 4), "%s: %s", verbs[v], said);
        ck_assert_msg(strstr(said, "tempo") == NULL && strstr(said, "velocit") == NULL, "%s: %s", verbs[v], said);
        snprintf(command, sizeof command, "rich-%zu.mid", v);
        struct score now = get_score(command);
        check_rich(&was, &now, v != 0);
        for (size_t i = 0; i < now.notes && v == 1; i++) {     /* nothing strikes the pitch that the second part holds */
            const struct score_note *n = &now.note[i];
            ck_assert(n->part != 1 || n->pitch != 62 || n->onset == 0);
        }
        score_free(&now);
    }
    score_free(&was);
    static const char *const breaks[] = {"s/\"velocities\":\\[/&1,/", "s/\"tempos\":\\[0,/\"tempos\":[/", "s/\"names\":\\[/&\"more\",/", "s/\"kits\":\\[0/\"kits\":[\"x\"/"};
    must("$T vary rich.mid -m model -s 1 -o rich.abc -q && $T redo rich.abc -m model -o again.abc && cmp rich.abc again.abc");
    for (size_t i = 0; i < sizeof breaks / sizeof *breaks; i++) {      /* a recipe that was tampered with makes no file */
        snprintf(command, sizeof command, "sed '%s' rich.abc > bad.abc && ! cmp -s rich.abc bad.abc && ! $T redo bad.abc -m model -o none.abc && test ! -e none.abc", breaks[i]);
        ck_assert_msg(run(said, sizeof said, command) == 0 && strstr(said, "does not fit its ids") != NULL, "%s: %s", breaks[i], said);
    }
}
END_TEST

START_TEST(tunes_come_in_many_files)
{
    char text[4000];
    must("for x in mid wav flac ogg png abc; do $T play 'a waltz' -m model -s 6 --bars 4 -q --soundfont none -o t.$x && $T recipe t.$x | grep -q controls && $T redo t.$x -m model --soundfont none -o r.$x || exit 1; done; "
         "cmp t.wav r.wav && cmp t.flac r.flac && cmp t.png r.png && cmp t.abc r.abc && cmp t.mid r.mid");
    must("mkdir bin && printf '#!/bin/sh\nhead -c 4 \"$2\" > played\n' > bin/aplay && chmod +x bin/aplay && PATH=$PWD/bin $T play 'a waltz' -m model -s 6 --bars 4 -q --soundfont none -o p.mid --roll roll.png --play 2>/dev/null; test -s roll.png");
    ck_assert_int_eq(run(text, sizeof text, "PATH=/nowhere $T play x -m model -s 6 --bars 2 -q --soundfont none -o q.mid --play"), 1);
    ck_assert_ptr_nonnull(strstr(text, "no player; pw-play"));
    ck_assert_int_eq(run(text, sizeof text, "$T describe works/tune-3.mid -m model --json"), 0);
    ck_assert_ptr_nonnull(strstr(text, "\"key\":\"G major\",\"key_estimated\":false,\"metre\":\"3/4\",\"tempo\":120,\"bars\":8,\"notes\":24,\"lowest\":60,\"highest\":69,\"seconds\":12.000,\"instruments\":[\"Flute\"]"));
}
END_TEST

/* A model with convolutional codes draws, but edits no picture: it says so, and writes nothing. */
START_TEST(convolutional_codes_edit_no_pictures)
{
    static const char *const verbs[] = {"fill works/ball-9.png --box 1,1,4,4", "vary works/ball-9.png", "continue works/ball-9.png", "frames works/ball-9.png"};
    char command[200], text[1000];
    must("$T train --data works --codec convolutional --codec-steps 2 --preset tiny --vocabulary 400 --batch 2048 --micro 512 --threads 2 --steps 1 --quiet --out conv && "
         "$T draw 'a ball' -s 1 -m conv -o conv.png");
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        snprintf(command, sizeof command, "$T %s -s 1 -m conv -o edited.png", verbs[i]);
        ck_assert_int_eq(run(text, sizeof text, command), 1);
        ck_assert_msg(strstr(text, "the image codes of this model are convolutional") != NULL, "%s: %s", verbs[i], text);
    }
    must("test ! -e edited.png");
}
END_TEST

START_TEST(eval_describe_and_ids_work)
{
    char text[8000];
    ck_assert_int_eq(run(text, sizeof text, "$T eval --data ideas.jsonl --split valid -m model --json"), 0);
    ck_assert_ptr_nonnull(strstr(text, "\"bits_per_token\":"));
    must("test -n \"$($T describe works/ball-3.png -m model)\" && test -n \"$($T describe works/tune-3.mid -m model)\"");
    ck_assert_int_eq(run(text, sizeof text, "$T generate --ids 1,2,3 -m model --max-new-tokens 5"), 0);
    ck_assert_ptr_nonnull(strstr(text, "{\"sequences\":[[1,2,3,"));
    must("$T logits --ids 1,2,3 -m model > one && $T logits --ids 1,2,3 -m model --batched > two && head -c 20 one | grep -q '{\"logits\":\\[\\['");
    must("$T --help | grep -q compose && $T --version | grep -q '^triptych [0-9]' && $T draw --help | grep -q guidance-scale && $T models -m model | grep -q 'text, music and images'");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("app");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 300);
    tcase_add_unchecked_fixture(all, start, stop);
    tcase_add_loop_test(all, wrong_uses_get_one_clear_line, 0, (int)(sizeof WRONG / sizeof *WRONG));
    tcase_add_test(all, compose_writes_four_files_that_redo_makes_again);
    tcase_add_test(all, hot_samples_always_decode);
    tcase_add_test(all, round_trips_keep_the_works);
    tcase_add_test(all, models_travel_and_stay_the_same);
    tcase_add_test(all, text_models_write_and_learn);
    tcase_add_test(all, resumed_run_equals_straight_run);
    tcase_add_test(all, a_bad_file_among_good_ones_is_left_out);
    tcase_add_test(all, every_search_writes);
    tcase_add_test(all, holes_are_filled);
    tcase_add_test(all, play_obeys_its_controls);
    tcase_add_test(all, verbs_on_a_tune_keep_the_rest);
    tcase_add_test(all, a_users_tune_keeps_what_ids_do_not_tell);
    tcase_add_test(all, tunes_come_in_many_files);
    tcase_add_test(all, convolutional_codes_edit_no_pictures);
    tcase_add_test(all, eval_describe_and_ids_work);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
