/* Tunes as training draws them: captions moved to other keys; what is drawn is a tune that its caption still describes. */
#include "core/file.h"
#include "modalities/augment_music.h"
#include "modalities/draw_music.h"
#include "modalities/music_words.h"
#include "outputs/midi.h"
#include "tests/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- captions ---- */

static const struct { const char *caption; int by; const char *moved; } MOVED[] = {
    {"a reel in D major, on fiddle", 3, "a reel in F major, on fiddle"},
    {"peaceful song in E flat major for voice", 2, "peaceful song in F major for voice"},
    {"a song in F sharp minor by J. C. Bach", -1, "a song in F minor by J. C. Bach"},
    {"hymn in B-flat major, for four voices", -2, "hymn in A flat major, for four voices"},
    {"a waltz in a minor", 1, "a waltz in B flat minor"},
    {"a reel in A mixolydian", 5, "a reel in D mixolydian"},
    {"a jig in E dorian, lively", -4, "a jig in C dorian, lively"},
    {"a song in D flat major", 6, "a song in G major"},
    {"A sombre song in C# minor", 2, "A sombre song in D sharp minor"},
    {"a song in a major key, gentle", 4, "a song in a major key, gentle"},
    {"an air in 3/4 by Thomas D'Urfey", 4, "an air in 3/4 by Thomas D'Urfey"},
    {"a D major hymn", 2, NULL}, {"\"Sonata in A minor\", a piece in A minor", 2, NULL}, {"canon in D", 1, NULL}, {"mass in B", 1, NULL}, {"an E flat major song", 1, NULL},
    {"song in E flat", 1, NULL}, {"Lied in D dur", 1, NULL}, {"A minor key song", 1, "A minor key song"}, {"air in the key of G", 2, NULL}, {"a piece in A", 2, NULL},
    {"a song in D major", 12, "a song in D major"}, {"a song in D major", 0, "a song in D major"},
};

START_TEST(keys_in_captions_move)
{
    struct bytes out = {0};
    struct error error = {0};
    bool may;
    ck_assert(augment_music_key(MOVED[_i].caption, MOVED[_i].by, &out, &may, &error));
    ck_assert_msg(may == (MOVED[_i].moved != NULL), "%s: %s", MOVED[_i].caption, bytes_text(&out));
    if (may) ck_assert_str_eq(bytes_text(&out), MOVED[_i].moved);
    bytes_free(&out);
}
END_TEST

/* Every key by every interval: what the caption names is what the token says. */
START_TEST(captions_agree_with_key_tokens)
{
    for (int minor = 0; minor < 2; minor++)
        for (int sharps = -5; sharps <= 6; sharps++)
            for (int by = -5; by <= 6; by++) {
                int32_t ids[3] = {music_id(MUSIC_METRE, 0), music_id(MUSIC_KEY, music_key_value(sharps, minor)), music_id(MUSIC_TEMPO, 0)};
                char caption[60];
                struct bytes out = {0}, said = {0};
                struct music_wishes w = MUSIC_WISHES_NONE;
                struct error error = {0};
                size_t n = 3;
                bool may;
                int fifths = sharps + (minor ? 3 : 0) + 1;     /* F is 0 */
                snprintf(caption, sizeof caption, "a reel in %c%s %s", "FCGDAEB"[(fifths + 28) % 7], fifths < 0 ? " flat" : fifths > 6 ? " sharp" : "", minor ? "minor" : "major");
                ck_assert(augment_music_key(caption, by, &out, &may, &error) && may && music_transpose(ids, &n, by));
                ck_assert(music_words_find(bytes_text(&out), &w, &said, &error));
                ck_assert_msg(w.key == ids[1] - music_id(MUSIC_KEY, 0), "%s by %d: %s", caption, by, bytes_text(&out));
                bytes_free(&out), bytes_free(&said);
            }
}
END_TEST

START_TEST(captions_tell_tempos_and_instruments)
{
    ck_assert(augment_music_tells_tempo("a 16-bar reel at 120 beats a minute") && augment_music_tells_tempo("at 96 bpm") && !augment_music_tells_tempo("a slow air"));
    ck_assert(augment_music_names_family("for voice and piano", 0) && augment_music_names_family("for voice and piano", 6) && !augment_music_names_family("for voice and piano", 5));
    ck_assert(augment_music_names_family("on two violins", 5) && augment_music_names_family("string quartet", 5) && augment_music_names_family("on Acoustic Grand Piano", 0));
    ck_assert(!augment_music_names_family("a reel in D major", 9) && augment_music_names_family("on tin whistle", 9) && augment_music_names_family("on guitars", 3));
}
END_TEST

/* ---- draws ---- */

enum { BARS = 12, DRAWS = 3000, T = 640 };
struct tally { int reverse, free, moved, tempo, swapped, chords, length, density, bars, parts, kinds[12]; };

static void put_tune(const char *folder, const char *name, int sharps, bool minor)
{
    struct score s = {.ticks_per_quarter = 480};
    struct bytes file = {0};
    struct error error = {0};
    char path[300];
    score_add_part(&s, 73, false, NULL, &error), score_add_part(&s, 0, false, NULL, &error), score_add_part(&s, 0, true, NULL, &error);
    score_add_metre(&s, 0, 4, 4, &error), score_add_tempo(&s, 0, 500000, &error), score_add_key(&s, 0, sharps, minor, &error);
    for (int b = 0; b < BARS; b++)
        for (int i = 0; i < 4; i++) {
            score_add_note(&s, (struct score_note){1920 * b + 480 * i, 480, 0, (uint8_t)(74 + (b * 5 + i * 3) % 11), 80}, &error);
            if (i % 2 == 0) score_add_note(&s, (struct score_note){1920 * b + 480 * i, 960, 1, (uint8_t)(50 + (b + i) % 7), 64}, &error);
            if (i == 0) score_add_note(&s, (struct score_note){1920 * b, 120, 2, 36, 96}, &error);
        }
    score_sort(&s);
    ck_assert(midi_write(&s, &file, &error));
    snprintf(path, sizeof path, "%s/%s.mid", folder, name);
    ck_assert_msg(file_write(path, file.data, file.n, &error), "%s", error.text);
    score_free(&s);
    bytes_free(&file);
}

/* The music in a drawn sequence, decoded; its caption into *words. */
static struct score read_draw(const struct vocabulary *v, const struct ids *ids, struct bytes *words, struct ids *local, bool *reverse)
{
    struct score s = {0};
    struct error error = {0};
    size_t start = 0, end, from = 0, to = 0;
    while (ids->id[start] != SPECIAL_MUSIC) start++;
    for (end = ++start; ids->id[end] >= v->music_first && ids->id[end] < v->image_first;) end++;
    ck_assert(ids->id[0] == SPECIAL_BOS && ids->id[ids->n - 1] == SPECIAL_EOS);
    *reverse = ids->id[end] == SPECIAL_CAPTION;
    if (*reverse) from = end + 1, to = ids->n - 1;
    else if (ids->id[1] == SPECIAL_CAPTION) from = 2, to = start - 1;
    if (!*reverse) ck_assert_uint_eq(end, ids->n - 1);
    bytes_free(words);
    local->n = 0;
    ck_assert(bpe_decode(v->bpe, ids->id + from, to - from, true, words, &error) && vocabulary_local(ids->id + start, end - start, v->music_first, music_vocabulary(), local, &error));
    ck_assert_msg(music_decode(local->id, local->n, &s, &error), "%s", error.text);
    return s;
}

static bool has(const struct ids *local, enum music_kind kind)
{
    for (size_t i = 0; i < local->n; i++)
        if (local->id[i] >= music_id(kind, 0) && local->id[i] < music_id(kind, 0) + music_kind_count(kind)) return true;
    return false;
}

static void check_draw(const struct score *was, const struct score *s, const char *words, const struct ids *local, bool reverse, struct tally *t)
{
    struct music_wishes w = MUSIC_WISHES_NONE;
    struct bytes said = {0};
    struct error error = {0};
    int by = s->note[0].pitch - was->note[0].pitch, key = music_key_value(s->key[0].sharps, s->key[0].minor);
    ck_assert(s->notes == was->notes && s->parts == was->parts && by >= -5 && by <= 6);
    for (size_t i = 0; i < s->notes; i++) {
        const struct score_note *a = &was->note[i], *b = &s->note[i];
        ck_assert(a->onset == b->onset && a->length == b->length && a->part == b->part && a->velocity == b->velocity && b->pitch - a->pitch == (a->part == 2 ? 0 : by));
    }
    ck_assert_int_eq((7 * (s->key[0].sharps - was->key[0].sharps) % 12 + 24) % 12, (by + 12) % 12);
    ck_assert(music_words_find(words, &w, &said, &error));
    if (w.key >= 0) ck_assert_msg(w.key == key, "%s, but the key is %d", words, key);
    if (w.tempo >= 0) ck_assert_int_eq(s->tempo[0].us_per_quarter, 500000);
    if (strstr(words, "flute") != NULL) ck_assert_msg(s->part[0].program == 73, "%s: %d", words, s->part[0].program);
    ck_assert(s->part[0].program / 8 == 9 && s->part[1].program / 8 == 0 && s->part[2].drums);
    ck_assert(s->tempo[0].us_per_quarter > 450000 && s->tempo[0].us_per_quarter < 555000);
    bool holes = has(local, MUSIC_HOLE);
    ck_assert(!(holes && reverse) && (!reverse || words[0] != '\0'));
    t->reverse += reverse, t->free += words[0] == '\0', t->moved += by != 0, t->tempo += s->tempo[0].us_per_quarter != 500000, t->kinds[by + 5]++;
    t->swapped += s->part[1].program != 0, t->chords += has(local, MUSIC_CHORD), t->length += has(local, MUSIC_LENGTH), t->density += has(local, MUSIC_DENSITY);
    struct music_grammar g;
    music_grammar_start(&g);
    for (size_t i = 0; i < local->n; i++) (void)music_grammar_advance(&g, local->id[i]);
    t->bars += holes && g.hidden == 0, t->parts += g.hidden != 0;
    if (g.length > 0) ck_assert_int_eq(g.length, BARS);
    if (holes && g.hidden == 0) ck_assert(g.run[0].first >= 1 && g.holes <= BARS / 3);
    bytes_free(&said);
}

static bool about(int n, double share) { return n > DRAWS * share * 0.8 && n < DRAWS * share * 1.2; }

START_TEST(draws_are_true_to_their_captions)
{
    static const struct { const char *name; int sharps; bool minor, keyed; } tunes[] = {
        {"a reel in D major on flute", 2, false, true}, {"a slow air in C minor at 120 beats a minute", -3, true, true}, {"a calm song for flute, canon in D", 2, false, false}};
    char folder[] = "/tmp/triptych-draw-XXXXXX", command[100];
    struct error error = {0};
    struct bpe *bpe = NULL;
    struct codes *codes = NULL;
    struct vocabulary v;
    struct dataset d;
    struct ids local = {0}, plain = {0};
    struct bytes words = {0};
    const bool wanted[SPLITS] = {true, true, true};
    struct threads *pool = threads_start(1, &error);
    ck_assert(pool != NULL && mkdtemp(folder) != NULL && bpe_load_folder("models/default", &bpe, &error) && codes_load("models/default/vq.safetensors", &codes, &error));
    vocabulary_join(&v, bpe, codes);
    for (int i = 0; i < 3; i++) put_tune(folder, tunes[i].name, tunes[i].sharps, tunes[i].minor);
    ck_assert(dataset_scan(folder, &d, &error));
    for (size_t i = 0; i < d.n; i++) d.items[i].split = SPLIT_TRAIN;
    ck_assert_msg(dataset_encode(&d, &v, T, wanted, pool, &error), "%s", error.text);
    struct stream_source source = dataset_source(&d);
    ck_assert_uint_eq(source.n_train, 3);
    for (size_t index = 0; index < 3; index++) {
        struct tally t = {0};
        bool reverse;
        ck_assert(dataset_plain(&d, SPLIT_TRAIN, index, &plain, &error));
        struct score was = read_draw(&v, &plain, &words, &local, &reverse);
        ck_assert(!reverse && !has(&local, MUSIC_CHORD) && !has(&local, MUSIC_LENGTH) && !has(&local, MUSIC_DENSITY) && !has(&local, MUSIC_HOLE));
        plain.n = 0;
        int which = 0;
        while (strcmp(bytes_text(&words), tunes[which].name) != 0) ck_assert_int_lt(++which, 3);
        for (uint64_t draw = 0; draw < DRAWS; draw++) {
            struct ids ids = {0}, again = {0};
            ck_assert(source.piece(source.context, false, index, draw, &ids, &error) && source.piece(source.context, false, index, draw, &again, &error));
            ck_assert(ids.n == again.n && memcmp(ids.id, again.id, ids.n * sizeof *ids.id) == 0 && ids.n <= T);
            struct score s = read_draw(&v, &ids, &words, &local, &reverse);
            check_draw(&was, &s, bytes_text(&words), &local, reverse, &t);
            score_free(&s);
            ids_free(&ids), ids_free(&again);
        }
        ck_assert(about(t.reverse, 0.15 * 0.55) && about(t.free, 0.15) && about(t.chords, 0.35) && about(t.length, 0.35) && about(t.density, 0.35));
        ck_assert(about(t.bars, 0.3) && about(t.parts, 0.15));
        ck_assert(tunes[which].keyed ? about(t.moved, 0.5 * 11 / 12) : about(t.moved, 0.15 * 0.5 * 11 / 12));
        ck_assert(strstr(tunes[which].name, "beats") != NULL ? t.tempo < DRAWS * 0.07 : t.tempo > DRAWS * 0.15);
        ck_assert(about(t.swapped, 0.15 * 7 / 8));
        for (int by = 0; by < 12; by++) ck_assert_int_gt(t.kinds[by], tunes[which].keyed ? 60 : 3);
        score_free(&was);
    }
    d.as_is = true;                                            /* --no-augment: the plain spelling, in any form */
    for (uint64_t draw = 0, forms[3] = {0}; draw < 400; draw++) {
        const struct ids *own = &d.pieces[SPLIT_TRAIN][0].payload;
        struct ids ids = {0};
        ck_assert(source.piece(source.context, false, 0, draw, &ids, &error));
        const int32_t *at = memmem(ids.id, ids.n * sizeof *ids.id, own->id, own->n * sizeof *own->id);
        ck_assert(at != NULL && at[-1] == SPECIAL_MUSIC);
        forms[at == ids.id + 2 ? at[own->n] == SPECIAL_CAPTION : 2]++;
        ids_free(&ids);
        if (draw == 399) ck_assert(forms[0] > 30 && forms[1] > 30 && forms[2] > 200);      /* free, reverse, forward */
    }
    dataset_free(&d);
    vocabulary_free(&v);
    threads_stop(pool);
    ids_free(&local), ids_free(&plain);
    bytes_free(&words);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("draw_music");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 120);
    tcase_add_loop_test(all, keys_in_captions_move, 0, (int)(sizeof MOVED / sizeof *MOVED));
    tcase_add_test(all, captions_agree_with_key_tokens);
    tcase_add_test(all, captions_tell_tempos_and_instruments);
    tcase_add_test(all, draws_are_true_to_their_captions);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
