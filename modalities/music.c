/* Music: MIDI files and ABC in; music events; MIDI, ABC, sound files and piano rolls out. */
#include "core/file.h"
#include "modalities/modality.h"
#include "outputs/abc.h"
#include "outputs/midi.h"
#include "outputs/png.h"
#include "outputs/roll.h"
#include "outputs/wav.h"

#include <string.h>
#include <strings.h>

static bool read(const void *data, size_t n, struct piece *out, struct error *error)
{
    bool midi = n >= 4 && (memcmp(data, "MThd", 4) == 0 || memcmp(data, "RIFF", 4) == 0);
    bool text = !midi && n > 0 && memchr(data, 0, n) == NULL;
    if (text && !abc_is(data, n)) return error_set(error, ERROR_INPUT, "music: neither MThd, as MIDI files begin, nor a line K:, as tunes in ABC have; one of them is wanted");
    if (text ? !abc_read(data, n, &out->score, error) : !midi_read(data, n, &out->score, error)) return false;
    return out->score.recipe == NULL || bytes_append_text(&out->recipe, out->score.recipe, error);
}

static bool encode(const struct vocabulary *v, const struct piece *piece, struct ids *out, struct bytes *lost, struct error *error)
{
    struct music_loss loss;
    size_t start = out->n;
    if (!music_encode(&piece->score, out, &loss, error)) return false;
    for (size_t i = start; i < out->n; i++) out->id[i] += v->music_first;
    return lost == NULL || music_loss_text(&loss, lost, error);
}

static bool decode(const struct vocabulary *v, const int32_t *ids, size_t n, struct piece *out, struct error *error)
{
    struct ids local = {0};
    out->kind = MODALITY_MUSIC;
    bool ok = vocabulary_local(ids, n, v->music_first, music_vocabulary(), &local, error) && music_decode(local.id, local.n, &out->score, error);
    ids_free(&local);
    return ok;
}

static bool write_roll(const struct score *score, struct bytes *out, struct error *error)
{
    struct sprite picture = {0};
    bool ok = roll_draw(score, &picture, error) && png_write_sprite(&picture, score->recipe, NULL, out, error);
    sprite_free(&picture);
    return ok;
}

static bool write(const struct piece *piece, const char *extension, const struct modality_write *how, struct bytes *out, struct error *error)
{
    static const char *const sounds[] = {[WAV_RIFF] = ".wav", [WAV_FLAC] = ".flac", [WAV_OGG] = ".ogg"};
    if (strcasecmp(extension, ".abc") == 0) return abc_write(&piece->score, out, error);
    if (strcasecmp(extension, ".png") == 0) return write_roll(&piece->score, out, error);
    for (int format = WAV_RIFF; format <= WAV_OGG; format++) {
        if (strcasecmp(extension, sounds[format]) != 0) continue;
        bool own = how->soundfont != NULL && strcmp(how->soundfont, "none") == 0;
        return wav_render(&piece->score, (enum wav_format)format, own ? WAV_SYNTH_BUILTIN : WAV_SYNTH_BEST, own ? NULL : how->soundfont, out, error);
    }
    return midi_write(&piece->score, out, error);
}

static void start_payload(struct modality_state *state)
{
    const struct music_order *order = state->order;
    music_grammar_start(&state->music);
    for (size_t i = 0; order != NULL && i < order->before_n; i++) (void)music_grammar_advance(&state->music, order->before[i]);
}

static void allowed(const struct modality_state *state, uint8_t *mask)
{
    bool may_end;
    uint8_t *music = mask + state->vocabulary->music_first;
    if (state->order == NULL) {                               /* what would take many ids to close is for orders only */
        music_grammar_allowed(&state->music, music, &may_end);
        music[music_id(MUSIC_HOLE, 0)] = 0;
        memset(music + music_id(MUSIC_LENGTH, 0), 0, MUSIC_LENGTH_MOST);
    }
    else music_order_allowed(state->order, &state->music, &state->place, state->ids, music, &may_end);
    mask[SPECIAL_EOS] = may_end;
    if (state->order != NULL && state->order->script == NULL) music_order_pass(&state->music, music, &mask[SPECIAL_EOS]);
}

static void taken(struct modality_state *state, int32_t id)
{
    int32_t local = id - state->vocabulary->music_first;
    (void)music_grammar_advance(&state->music, local);
    if (state->order != NULL) music_order_taken(state->order, &state->place, local);
}

static int closing(const struct modality_state *state, int32_t *ids, int most)
{
    int32_t local[MUSIC_CLOSING_MOST];
    if (state->order != NULL) return 0;                       /* its masks lead to the end in time */
    int n = (int)music_grammar_closing(&state->music, local);
    for (int i = 0; i < n && i < most; i++) ids[i] = local[i] + state->vocabulary->music_first;
    return n < most ? n : most;
}

const struct modality modality_music = {.name = "music", .extensions = ".mid .midi .abc ", .start = SPECIAL_MUSIC, .file_limit = FILE_LIMIT_MIDI, .read = read,
    .encode = encode, .decode = decode, .write = write, .start_payload = start_payload, .allowed = allowed, .taken = taken, .closing = closing};
