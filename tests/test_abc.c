/* ABC notation: what is read, what is refused, and scores that come back from what was written. */
#include "core/file.h"
#include "core/mem.h"
#include "core/random.h"
#include "modalities/modality.h"
#include "outputs/abc.h"
#include "outputs/midi.h"
#include "tests/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bodies in C major, 4/4, L:1/8, and their notes: "pitch@onset+length" in eighths. */
static const struct { const char *body, *notes; } BODIES[] = {
    {"CDEF GABc|", "60@0+1 62@1+1 64@2+1 65@3+1 67@4+1 69@5+1 71@6+1 72@7+1"},
    {"C,c'z2 x2 c2|", "48@0+1 84@1+1 72@6+2"},
    {"^F_B=f2 F2 B2|F2z6|", "66@0+1 70@1+1 77@2+2 65@4+2 70@6+2 65@8+2"},
    {"A2 A3/2 A/ A// A3/4 A6/2|", "69@0+2 69@2+1.5 69@3.5+0.5 69@4+0.25 69@4.25+0.75 69@5+3"},
    {"C>D E<F G>>A z2|", "60@0+1.5 62@1.5+0.5 64@2+0.5 65@2.5+1.5 67@4+1.75 69@5.75+0.25"},
    {"(3CDE (3:2:2C2D (5CDEFGz2|", "60@0+0.6667 62@0.6667+0.6667 64@1.3333+0.6667 60@2+1.3333 62@3.3333+0.6667 60@4+0.4 62@4.4+0.4 64@4.8+0.4 65@5.2+0.4 67@5.6+0.4"},
    {"C2-C2 D4-|D4 z4|", "60@0+4 62@4+8"},
    {"[CEG]4 [C2E2]2|", "60@0+4 64@0+4 67@0+4 60@4+4 64@4+4"},
    {"C2D2E2^F2-|F2F2A2B2|", "60@0+2 62@2+2 64@4+2 66@6+4 65@10+2 69@12+2 71@14+2"},
    {"^f8-|[K:G]f4=f4|", "78@0+12 77@12+4"},
    {"[^CF]8-|[CF]8|C8|", "61@0+16 65@0+16 60@16+8"},
    {"_A8-|^G8-|^G8&A8|", "68@0+24 69@16+8"},
    {"C2 - C2>-C2 [CE]2> -[CE]2|", "60@0+6 60@6+4 64@6+4"},
    {"C2- \"a\"C2 z2 C2 -|C8|C4-C4 -D8|", "60@0+4 60@6+10 60@16+8 62@24+8"},
    {"F8 |=20\n[K:G]=3DF4F4|=\nF8|", "65@0+8 65@8+4 65@12+4 66@16+8"},
    {"^C2[K:D]C2[K:C]C2C2|", "61@0+2 61@2+2 60@4+2 60@6+2"},
    {"[!trill!C\"Am\"E+f+uG]8|", "60@0+8 64@0+8 67@0+8"},
    {"C10079/5040 D20161/5040 E2|F8|", "60@0+1.9998 62@1.9998+4.0002 64@6+2 65@8+8"},
    {"|:F4[L:1/4][K:G]F2:|F2|", "65@0+4 66@4+4 65@8+4 66@12+4 66@16+4"},
    {"|:C8[|]:|D8|]:|E4||[ F4|]", "60@0+8 60@8+8 62@16+8 62@24+8 64@32+4 65@36+4"},
    {"z4^F4-|F4z4&c4F4|", "66@4+8 72@8+4 65@12+4"},
    {"[CE]-[CG]z6|", "60@0+2 64@0+1 67@1+1"},
    {"|:C8:|D8|", "60@0+8 60@8+8 62@16+8"},
    {"|:C8|1D8:|2E8|F8|]", "60@0+8 62@8+8 60@16+8 64@24+8 65@32+8"},
    {"|:C8|[1,2 D8:|[3 E8|]", "60@0+8 62@8+8 60@16+8 62@24+8 60@32+8 64@40+8"},
    {"|:C4|D4|1E4:|2F4||G4|1A4:|2B4|]", "60@4+4 62@8+4 64@12+4 60@16+4 62@20+4 65@24+4 67@28+4 69@32+4 67@36+4 71@40+4"},
    {"C8|D8|1E8:|2F8||G8|A8:|", "60@0+8 62@8+8 64@16+8 60@24+8 62@32+8 65@40+8 67@48+8 69@56+8 67@64+8 69@72+8"},
    {"|:C8|1,3D8:|2,4E8:|G8|]", "60@0+8 62@8+8 60@16+8 64@24+8 60@32+8 62@40+8 60@48+8 64@56+8 67@64+8"},
    {"|:C8|1-3D8:|4E8|]", "60@0+8 62@8+8 60@16+8 62@24+8 60@32+8 62@40+8 60@48+8 64@56+8"},
    {"C8||D8:|E8:|", "60@0+8 62@8+8 62@16+8 64@24+8 64@32+8"},
    {"|:C8||D8:|E8|]", "60@0+8 62@8+8 60@16+8 62@24+8 64@32+8"},
    {"|:C8|1D8:|2E8|F8:|", "60@0+8 62@8+8 60@16+8 64@24+8 65@32+8 65@40+8"},
    {"|:C8|1D8:|2E8:|F8|]", "60@0+8 62@8+8 60@16+8 64@24+8 65@32+8"},
    {"|:C8|1D8:|2E8|F8|1G8:|2A8|]", "60@0+8 62@8+8 60@16+8 64@24+8 65@32+8 67@40+8 65@48+8 69@56+8"},
    {"C8||\n:D8|\\\n1E8:|2F8||\n[K:C]\n: G8||\\\n:A8 : B8:[|]", "60@0+8 62@8+8 64@16+8 62@24+8 65@32+8 67@40+8 69@48+8 71@56+8 69@64+8 71@72+8"},
    {"|:C8||1D8:||2E8||F8|]", "60@0+8 62@8+8 60@16+8 64@24+8 65@32+8"},
    {"C8| 4D8|\n[K:C]E8|[1F8:| [2G8|]", "60@0+8 62@8+8 64@16+8 65@24+8 60@32+8 62@40+8 64@48+8 67@56+8"},
    {"|::C8::|D8::E8:|", "60@0+8 60@8+8 60@16+8 62@24+8 62@32+8 64@40+8 64@48+8"},
    {"C8::D8:|", "60@0+8 60@8+8 62@16+8 62@24+8"},
    {"C4 & E2E2 z4|G8|", "60@0+4 64@0+2 64@2+2 67@8+8"},
    {"C2|E8|", "60@6+2 64@8+8"},
    {"\"Am\"C2 !trill!D2 {gf}E2 .F2 | w\n%comment\nG8|", "60@0+2 62@2+2 64@4+2 65@6+2 67@8+8"},
    {"Z2|C8|", "60@16+8"},
    {"[K:D middle=c]CF[K:D ^a _b]AB[K:D =c=f]CF[K:^f^c]FC|", "61@0+1 66@1+1 70@2+1 70@3+1 60@4+1 65@5+1 66@6+1 61@7+1"},
    {"[M:FREI6/8]C8|D8|", "60@0+8 62@8+8"},
    {"C2|[M:3/4]E6|", "60@0+2 64@2+6"},
    {"C8|[M:3/4][L:1/4]C2D|[K:G]F3|", "60@0+8 60@8+4 62@12+2 66@14+6"},
};

static double rounded(int64_t ticks, double unit) { return (double)(int)((double)ticks / unit * 1e4 + .5) / 1e4; }

static char *notes_of(const struct score *s, double unit)
{
    static char text[2000];
    size_t at = 0;
    for (size_t i = 0; i < s->notes; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%d@%.5g+%.5g", i ? " " : "", s->note[i].pitch, rounded(s->note[i].onset, unit), rounded(s->note[i].length, unit));
    return text;
}

START_TEST(bodies_have_their_notes)
{
    char file[1000];
    struct score s;
    struct error error = {0};
    snprintf(file, sizeof file, "X:1\nT:t\nM:4/4\nL:1/8\nK:C\n%s\n", BODIES[_i].body);
    ck_assert_msg(abc_read(file, strlen(file), &s, &error), "%s: %s", BODIES[_i].body, error.text);
    ck_assert_str_eq(notes_of(&s, ABC_QUARTER / 2), BODIES[_i].notes);
    score_free(&s);
}
END_TEST

START_TEST(only_decorations_name_dynamics)
{
    static const struct { const char *body, *velocities; } bodies[] = {
        {"C {f}D {pp}E \"f\"F", "80 80 80 80 "}, {"!p!C !f!D +ff+E !trill!F", "48 96 112 112 "}, {"{!f!g}C", "80 "},
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        char file[100], got[100] = "";
        struct score s;
        struct error error = {0};
        snprintf(file, sizeof file, "X:1\nK:C\n%s\n", bodies[i].body);
        ck_assert_msg(abc_read(file, strlen(file), &s, &error), "%s", error.text);
        for (size_t n = 0; n < s.notes; n++) snprintf(got + strlen(got), 10, "%d ", s.note[n].velocity);
        ck_assert_str_eq(got, bodies[i].velocities);
        score_free(&s);
    }
}
END_TEST

START_TEST(headers_are_read)
{
    static const char text[] = "%abc-2.1\nX:7\r\nT:A tune\r\nT:again\nC:trad\nM:6/8\nQ:\"lively\" 3/8=80\nK:Dmix ^g % a key\nV:a name=\"Flute\"\n%%MIDI program 73\nV:b\n%%MIDI channel 10\nV:a\nFGA B2c|\nV:b\nC6|\nX:8\nK:C\nC8|\n";
    struct score s;
    struct error error = {0};
    ck_assert_msg(abc_read(text, sizeof text - 1, &s, &error), "%s", error.text);
    ck_assert_str_eq(s.title, "A tune");
    ck_assert(s.metres == 1 && s.metre[0].numerator == 6 && s.keys == 1 && s.key[0].sharps == 1 && !s.key[0].minor && s.tempos == 1 && s.tempo[0].us_per_quarter == 500000);
    ck_assert(s.parts == 2 && s.part[0].program == 73 && !s.part[0].drums && s.part[1].drums);
    ck_assert_str_eq(s.part[0].name, "Flute");
    ck_assert_uint_eq(s.notes, 6);
    ck_assert(s.note[0].pitch == 66 && s.note[2].pitch == 68);      /* the key's f sharp, and the g sharp written with it */
    score_free(&s);
    static const struct { const char *key; int sharps; bool minor; } keys[] = {{"F# minor", 3, true}, {"Bbmaj", -2, false}, {"Ador", 1, true}, {"E phrygian", 0, true}, {"Flyd", 0, false}, {"G", 1, false}, {"Cm", -3, true}, {"HP", 2, false}};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char file[100];
        snprintf(file, sizeof file, "X:1\nK:%s\nC\n", keys[i].key);
        ck_assert_msg(abc_read(file, strlen(file), &s, &error), "%s", error.text);
        ck_assert_msg(s.keys == 1 && s.key[0].sharps == keys[i].sharps && s.key[0].minor == keys[i].minor, "%s", keys[i].key);
        score_free(&s);
    }
}
END_TEST

START_TEST(tunes_have_their_place_in_a_file)
{
    static const char *const files[] = {
        "X:1\nK:C\nCE\n\nA caged bird\nCAGE\n", "X:1\nK:C\nC\nE\n \t\r\nw\n%%MIDI program 3\n\nX:2\nK:C\nG\n", "X:1\nK:C\n\nCE\n", "X:1\nK:C\nCE\n%\n",
        "\xef\xbb\xbfX:1\nK:C\nCE", "T:no number\nK:C\nCE", "K:C\nCE\n\nK:D\nF", "L:1/8\nM:C\nT:not of a tune\n\nX:1\nK:C\nCE\nX:2\nK:C\nG\n", "%abc-2.1\n\nX:1\nK:C\n[V:1]C\n\n[V:2]E",
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct score s;
        struct error error = {0};
        ck_assert(abc_is(files[i], strlen(files[i])));
        ck_assert_msg(abc_read(files[i], strlen(files[i]), &s, &error), "%s: %s", files[i], error.text);
        ck_assert_msg(s.notes == 2 && s.note[0].pitch == 60 && s.note[1].pitch == 64 && s.note[0].length == ABC_QUARTER / 2 && s.part[0].program == 0, "%s", files[i]);
        ck_assert(s.title == NULL || strcmp(s.title, "no number") == 0);
        score_free(&s);
    }
    ck_assert(!abc_is("", 0) && !abc_is("MThd\0K:C", 8) && !abc_is("X:1\nA:K:", 8));
    struct score s;
    struct error error = {0};
    static const char head[] = "M:3/4\nL:1/4\n\nX:1\nK:C\nC\n";
    ck_assert(abc_read(head, sizeof head - 1, &s, &error) && s.metre[0].numerator == 3 && s.note[0].length == ABC_QUARTER);
    score_free(&s);
}
END_TEST

START_TEST(directives_give_instruments)
{
    static const struct { const char *text, *parts; } tunes[] = {
        {"%%MIDI program 73\nV:1\nV:2\n%%MIDI program 40\nK:C\nV:1\nC\nV:2\nC\n", "73 40 "},
        {"K:C\n%%MIDI program 1 73\nV:1\nC\nV:2\nC\n%%MIDI channel 10\n", "73 73d "},
        {"I:MIDI program 12\nK:C\nC\n", "12 "}, {"%%MIDI nobarlines\n%%MIDI program 3\nK:C\n^CC\n", "3 "},
        {"%%MIDI channel 10\nK:C\nC\n", "0d "},
        {"V:1\n%%MIDI program 9\nV:2\nK:C\nV:1\nC\nV:2\nC\n", "9 0 "},
    };
    for (size_t i = 0; i < sizeof tunes / sizeof *tunes; i++) {
        char file[200], got[100] = "";
        struct score s;
        struct error error = {0};
        snprintf(file, sizeof file, "X:1\n%s", tunes[i].text);
        ck_assert_msg(abc_read(file, strlen(file), &s, &error), "%s", error.text);
        for (size_t p = 0; p < s.parts; p++) snprintf(got + strlen(got), 10, "%d%s ", s.part[p].program, s.part[p].drums ? "d" : "");
        ck_assert_str_eq(got, tunes[i].parts);
        ck_assert(s.note[s.notes - 1].pitch == 60);
        score_free(&s);
    }
}
END_TEST

START_TEST(clefs_octaves_and_transpositions_move_notes)
{
    static const struct { const char *text; int first, last, sharps; } tunes[] = {       /* the pitches of C and D, or of D in two voices */
        {"K:C clef=treble-8\nCD", 48, 50, 0}, {"K:G treble+8\nCD", 72, 74, 1}, {"K:bass-8\nCD", 48, 50, 99}, {"K:C clef=\"bass-15\"\nCD", 36, 38, 0}, {"K:C clef=alto1\nCD", 60, 62, 0},
        {"K:C octave=-1\nCD", 48, 50, 0}, {"K:C\nC[K:D octave=1 clef=treble-8]D", 60, 62, 2}, {"K:C transpose=-2\nCD", 58, 60, -2}, {"K:F transpose=3\nCD", 63, 65, -4}, {"K:E transpose=14\nCD", 75, 77, 6},
        {"%%MIDI transpose 12\nK:C\nCD", 72, 74, 0}, {"V:1 name=\"a treble-8\" clef=bass+8\nV:2 octave=-2\nK:C clef=treble-8\nV:1\nC\nV:2\nz D", 72, 26, 0},
        {"V:1\nV:2\nK:C octave=1\nV:2 transpose=12\n[V:1]C\n[V:2 octave=-1]zD", 72, 62, 0}, {"K:C middle=B, clef=tenor stafflines=3\nCD", 60, 62, 0}, {"K:C octave=99\nCD", 60, 62, 0},
    };
    for (size_t i = 0; i < sizeof tunes / sizeof *tunes; i++) {
        char file[200];
        struct score s;
        struct error error = {0};
        snprintf(file, sizeof file, "X:1\n%s\n", tunes[i].text);
        ck_assert_msg(abc_read(file, strlen(file), &s, &error), "%s: %s", tunes[i].text, error.text);
        ck_assert_msg(s.notes == 2 && s.note[0].pitch == tunes[i].first && s.note[1].pitch == tunes[i].last, "%s: %s", tunes[i].text, notes_of(&s, 5040));
        ck_assert_msg(tunes[i].sharps == 99 ? s.keys == 0 : s.keys > 0 && s.key[s.keys - 1].sharps == tunes[i].sharps, "%s", tunes[i].text);
        score_free(&s);
    }
}
END_TEST

START_TEST(parts_are_played_in_order)
{
    static const struct { const char *text, *pitches; } tunes[] = {
        {"P:ABA\nK:C\nP:A\nCD\nP:B\nE", "60 62 64 60 62 "}, {"P:A2(BA)2.C\nK:C\nG\nP:A\nC\nP:B\nD:|\nP:C\nE|F:|", "67 60 60 62 62 60 62 62 60 64 65 64 65 "},
        {"P:AB\nK:C\nP:B\nF[P:A]C[K:D]F", "60 66 65 "}, {"P:ABA\nK:C\nP:A\nF\nP:B\n[K:D]F", "65 66 65 "}, {"P:ABA\nK:C\nP:A\n|:C|1D:|2E|]\nP:B\nF", "60 62 60 64 65 60 62 60 64 "},
        {"P:ABA\nK:C\nP:A\nC::\nP:B\nD|]", "60 60 62 60 60 "}, {"K:C\nP:A\nC|D::\nP:B\nE:|\nP:A\nC:|", "60 62 60 62 64 64 60 60 "}, {"P:ABA\nK:C\nP:A\nC\nP:C\nD", "60 62 "}, {"P:A(B\nK:C\nP:A\nC\nP:B\nD", "60 62 "}, {"P:March\nK:C\nP:B\nC\nP:Verse\nD\nP:A\nE", "60 62 64 "}, {"K:C\nP:B\nC\nP:A\nE", "60 64 "},
        {"P:BAB\nK:C\nP:A\nV:1\nC\nV:2\nE\nP:B\nV:1\nD\nV:2\nF", "62 65 60 64 62 65 "}, {"P:BAB\nV:1\nV:2\nK:C\nV:1\nP:A\nC\nP:B\nD\nV:2\nP:A\nE\nP:B\nF", "62 65 60 64 62 65 "},
        {"P:((((((((((((A))))))))))))\nK:C\nP:A\nC\nP:B\nD", "60 62 "}, {"P:((A9)9)9\nK:C\nP:A\nC\nP:B\nD", "60 62 "},
    };
    for (size_t i = 0; i < sizeof tunes / sizeof *tunes; i++) {
        char file[200], got[200] = "";
        struct score s;
        struct error error = {0};
        snprintf(file, sizeof file, "X:1\nL:1/4\n%s\n", tunes[i].text);
        ck_assert_msg(abc_read(file, strlen(file), &s, &error), "%s: %s", tunes[i].text, error.text);
        for (size_t n = 0; n < s.notes; n++) snprintf(got + strlen(got), 10, "%d ", s.note[n].pitch);
        ck_assert_msg(strcmp(got, tunes[i].pitches) == 0, "%s: %s", tunes[i].text, got);
        score_free(&s);
    }
}
END_TEST

START_TEST(repeats_take_back_what_fields_set)
{
    static const char text[] = "X:1\nM:4/4\nL:1/4\nQ:1/4=60\nK:C\n|:CDEF|[M:2/4][K:D][Q:1/4=120]CD:|CD|";
    struct score s;
    struct error error = {0};
    ck_assert_msg(abc_read(text, sizeof text - 1, &s, &error), "%s", error.text);
    ck_assert(s.metres == 4 && s.keys == 4 && s.tempos == 4 && s.notes == 14);
    for (size_t i = 0; i < 4; i++) {
        static const int beats[] = {0, 4, 6, 10};
        ck_assert(s.metre[i].tick == beats[i] * ABC_QUARTER && s.metre[i].numerator == (i % 2 ? 2 : 4) && s.key[i].tick == s.metre[i].tick && s.key[i].sharps == (i % 2 ? 2 : 0));
        ck_assert(s.tempo[i].tick == s.metre[i].tick && s.tempo[i].us_per_quarter == (i % 2 ? 500000 : 1000000));
    }
    score_free(&s);
}
END_TEST

START_TEST(tempos_of_fields_and_lines_are_read)
{
    static const char text[] = "X:1\nQ:1/4=20\nK:C\nC[Q:1/4=200]C[Q:1/2=20]C[Q:3/8=60]C|=20\nQ:1/4=3000\nC";
    static const uint32_t us[] = {3000000, 300000, 1500000, 666667, 20000};
    struct score s;
    struct error error = {0};
    ck_assert_msg(abc_read(text, sizeof text - 1, &s, &error), "%s", error.text);
    ck_assert(s.notes == 5 && s.tempos == 5);
    for (size_t i = 0; i < 5; i++) ck_assert(s.tempo[i].us_per_quarter == us[i]);
    score_free(&s);
}
END_TEST

START_TEST(files_of_music_choose_their_reader)
{
    static const struct { const char *data; size_t n; const char *message; } files[] = {
        {"T:no X:\nK:C\nC", 13, NULL}, {"\xef\xbb\xbfX:1\nK:C\nC", 12, NULL}, {"X:1\nM:x\nK:C\nC", 13, "ABC: "}, {"hello", 5, "a line K:"}, {"hello\0", 6, "MIDI: "}, {"MThd", 4, "MIDI: "}, {"", 0, "MIDI: "},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct piece piece = {.kind = MODALITY_MUSIC};
        struct error error = {0};
        bool ok = modality_music.read(files[i].data, files[i].n, &piece, &error);
        ck_assert_msg(ok == (files[i].message == NULL) && (ok || strstr(error.text, files[i].message) != NULL), "%s: %s", files[i].data, error.text);
        ck_assert_uint_eq(piece.score.notes, ok);
        piece_free(&piece);
    }
}
END_TEST

START_TEST(bad_tunes_are_refused)
{
    static const struct { const char *text, *message; } wrong[] = {
        {"", "no line K:"}, {"hello\nX:1\n", "no line K:"}, {"X:1\nK:C\n", "without notes"}, {"X:1\nK:Q\nC", "a key that is none"}, {"X:1\nM:3/5\nK:C\nC", "a metre out of range"},
        {"X:1\nM:x\nK:C\nC", "a metre that is none"}, {"X:1\nL:0/8\nK:C\nC", "a unit of length"}, {"X:1\nK:C\n[CE", "a chord without its end"}, {"X:1\nK:C\n^z", "an accidental without a note"},
        {"X:1\nK:C\nC/0", "a length divided by nothing"}, {"X:1\nK:C\nc''''''''''''", "a pitch out of range"}, {"X:1\nK:C\n[K:G", "an inline field without its end"}, {"X:1\nK:C\nC99999", "a length out of range"},
        {"X:1\nK:G#\nC", "more than 7 sharps"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct score s;
        struct error error = {0};
        ck_assert_msg(!abc_read(wrong[i].text, strlen(wrong[i].text), &s, &error), "%s", wrong[i].text);
        ck_assert_msg(strstr(error.text, wrong[i].message) != NULL && strstr(error.text, "wanted") != NULL, "%s: %s", wrong[i].text, error.text);
        ck_assert(s.notes == 0 && s.note == NULL);
    }
}
END_TEST

/* ---- round trips ---- */

static void check_same(const struct score *a, const struct score *b)
{
    int64_t x = b->ticks_per_quarter, y = a->ticks_per_quarter;
    ck_assert_uint_eq(a->notes, b->notes);
    ck_assert_uint_eq(a->parts, b->parts);
    for (size_t i = 0; i < a->notes; i++) {
        const struct score_note *m = &a->note[i], *n = &b->note[i];
        ck_assert_msg(m->onset * x == n->onset * y && m->pitch == n->pitch && m->part == n->part && m->length * x == n->length * y && m->velocity == n->velocity, "note %zu", i);
    }
    for (size_t p = 0; p < a->parts; p++) ck_assert(a->part[p].program == b->part[p].program && a->part[p].drums == b->part[p].drums);
    ck_assert(a->metres == b->metres && a->keys == b->keys && a->tempos == b->tempos);
    for (size_t i = 0; i < a->metres; i++) ck_assert(a->metre[i].tick * x == b->metre[i].tick * y && a->metre[i].numerator == b->metre[i].numerator && a->metre[i].denominator == b->metre[i].denominator);
    for (size_t i = 0; i < a->keys; i++) ck_assert(a->key[i].tick * x == b->key[i].tick * y && a->key[i].sharps == b->key[i].sharps && a->key[i].minor == b->key[i].minor);
    for (size_t i = 0; i < a->tempos; i++) ck_assert(a->tempo[i].tick * x == b->tempo[i].tick * y && a->tempo[i].us_per_quarter == b->tempo[i].us_per_quarter);
}

/* Parts with chords and overlaps, no pitch twice at a time; the metre changes once, keys and tempos anywhere. */
static struct score random_score(uint64_t seed)
{
    static const uint8_t loud[] = {16, 32, 48, 64, 80, 96, 112, 127};
    struct score s = {.ticks_per_quarter = 480};
    struct error error = {0};
    uint64_t k = 0;
#define R(n) ((int)random_below(seed, 1, k++, (uint64_t)(n)))
    int numerator = 2 + R(5), parts = 1 + R(3), bars = 2 + R(6), sharps = R(15) - 7;
    score_add_metre(&s, 0, numerator, 4, &error), score_add_key(&s, 0, sharps, sharps % 2 == 0, &error), score_add_tempo(&s, 0, 60000000u / (unsigned)(50 + R(150)), &error);
    int change = 480 * (numerator - R(2));              /* at the first bar's end, or before it */
    if (R(2)) score_add_metre(&s, change, numerator + 1, 8, &error), score_add_key(&s, change, R(15) - 7, false, &error);
    for (int i = R(6); i-- > 0;) {
        int64_t tick = 40 * (1 + R(12 * numerator * bars));
        if (i % 2 == 0) score_add_key(&s, tick, R(15) - 7, false, &error);
        else score_add_tempo(&s, tick, 60000000u / (unsigned)(50 + R(150)), &error);
    }
    score_set_title(&s, "A \"title\"", &error);
    for (int p = 0; p < parts; p++) {
        int program = R(128);
        score_add_part(&s, program, R(4) == 0, "part", &error);
        if (s.part[p].drums) s.part[p].program = 0;
        for (int i = 0; i < 30; i++) {
            int64_t onset = 40 * R(12 * bars * 2);
            int64_t length = 40 * (1 + R(60));
            int pitch = 30 + R(70);
            bool clash = false;
            for (size_t n = 0; n < s.notes; n++)
                clash = clash || (s.note[n].part == p && s.note[n].pitch == pitch && onset <= s.note[n].onset + s.note[n].length && s.note[n].onset <= onset + length);
            uint8_t velocity = loud[R(8)];
            if (!clash) score_add_note(&s, (struct score_note){onset, length, (uint16_t)p, (uint8_t)pitch, velocity}, &error);
        }
    }
#undef R
    score_sort(&s);
    return s;
}

START_TEST(random_scores_come_back)
{
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct score s = random_score(seed), back;
        struct bytes text = {0};
        struct error error = {0};
        for (size_t i = s.metres; i-- > 0 && s.metre[i].tick >= score_end(&s);) s.metres--;
        for (size_t i = s.keys; i-- > 0 && s.key[i].tick >= score_end(&s);) s.keys--;
        for (size_t i = s.tempos; i-- > 0 && s.tempo[i].tick >= score_end(&s);) s.tempos--;
        ck_assert_msg(abc_write(&s, &text, &error), "%s", error.text);
        ck_assert_msg(abc_read(text.data, text.n, &back, &error), "%s\n%s", error.text, bytes_text(&text));
        check_same(&s, &back);
        score_free(&s), score_free(&back);
        bytes_free(&text);
    }
}
END_TEST

/* Other programs want denominators that are powers of two. */
START_TEST(thirds_are_written_as_triplets)
{
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct score s = random_score(seed);
        struct bytes text = {0};
        struct error error = {0};
        ck_assert(abc_write(&s, &text, &error));
        for (const char *at = strstr(bytes_text(&text), "\nK:"); (at = strchr(at, '/')) != NULL;) {
            long n = strtol(++at, NULL, 10);
            ck_assert_msg(strncmp(at - 6, "[M:", 3) == 0 || strncmp(at - 5, "[M:", 3) == 0 || strncmp(at - 4, "[Q", 2) == 0 || (n & (n - 1)) == 0, "/%ld", n);
        }
        score_free(&s), bytes_free(&text);
    }
    struct score s = {.ticks_per_quarter = 480};
    struct bytes text = {0};
    struct error error = {0};
    static const int lengths[] = {160, 160, 160, 80, 160, 240, 96, 96, 96, 96, 96, 1};
    int64_t at = 0;
    ck_assert(score_add_part(&s, 0, false, "", &error));
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; at += lengths[i++]) ck_assert(score_add_note(&s, (struct score_note){at, lengths[i], 0, 60, 80}, &error));
    ck_assert(abc_write(&s, &text, &error));
    ck_assert_msg(strstr(bytes_text(&text), "(3:2:3C C C (3:2:2C/2 C C (5:4:5C/2 C/2 C/2 C/2 C/2 C/240 z479/240 |]") != NULL, "%s", bytes_text(&text));
    score_free(&s), bytes_free(&text);
}
END_TEST

START_TEST(mutated_tunes_do_no_harm)
{
    struct score s = random_score(5);
    struct bytes text = {0};
    struct error error = {0};
    ck_assert(abc_write(&s, &text, &error));
    score_free(&s);
    int read = 0;
    for (uint64_t seed = 0; seed < 3000; seed++) {
        static const char signs[] = "|:[]()123/<>-^_=&zZcC!\"{}VKLMQX \n%";
        struct bytes copy = {0};
        ck_assert(bytes_append(&copy, text.data, text.n, &error));
        for (uint64_t k = 0; k < 1 + seed % 9; k++) copy.data[random_below(seed, 2, k, copy.n)] = (uint8_t)(seed % 4 ? signs[random_below(seed, 3, k, sizeof signs - 1)] : (int)random_below(seed, 3, k, 256));
        struct error told = {0};
        if (abc_read(copy.data, copy.n, &s, &told)) {
            for (size_t i = 0; i < s.notes; i++) ck_assert(s.note[i].onset >= 0 && s.note[i].length >= 1 && s.note[i].pitch < 128 && s.note[i].part < s.parts);
            score_free(&s);
            read++;
        } else ck_assert(strstr(told.text, "wanted") != NULL);
        bytes_free(&copy);
    }
    ck_assert_int_gt(read, 300);
    bytes_free(&text);
}
END_TEST

START_TEST(every_failed_allocation_is_an_error)
{
    static const char text[] = "X:1\nT:t\nK:C\nV:1\nC2[DE]2|\nV:2\nC8|\n";
    for (size_t k = 1;; k++) {
        struct score s;
        struct error error = {0};
        mem_fail_at(k);
        bool ok = abc_read(text, sizeof text - 1, &s, &error);
        mem_fail_at(0);
        if (ok) {
            ck_assert_uint_gt(k, 5);
            score_free(&s);
            break;
        }
        ck_assert_int_eq(error.kind, ERROR_MEMORY);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("abc");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, bodies_have_their_notes, 0, (int)(sizeof BODIES / sizeof *BODIES));
    tcase_add_test(all, only_decorations_name_dynamics);
    tcase_add_test(all, headers_are_read);
    tcase_add_test(all, tunes_have_their_place_in_a_file);
    tcase_add_test(all, clefs_octaves_and_transpositions_move_notes);
    tcase_add_test(all, parts_are_played_in_order);
    tcase_add_test(all, repeats_take_back_what_fields_set);
    tcase_add_test(all, tempos_of_fields_and_lines_are_read);
    tcase_add_test(all, files_of_music_choose_their_reader);
    tcase_add_test(all, directives_give_instruments);
    tcase_add_test(all, bad_tunes_are_refused);
    tcase_add_test(all, random_scores_come_back);
    tcase_add_test(all, thirds_are_written_as_triplets);
    tcase_add_test(all, mutated_tunes_do_no_harm);
    tcase_add_test(all, every_failed_allocation_is_an_error);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
