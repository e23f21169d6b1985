/* Standard MIDI Files ("Standard MIDI Files 1.0", MIDI Manufacturers Association, RP-001) from and to scores.
 *
 *     "MThd" 00000006 format tracks division      then per track      "MTrk" length events...
 *     event = delta (1-4 bytes, 7 bits each, high bit: more follow) and
 *             8n key vel | 9n key vel | An Bn En a b | Cn Dn a | F0/F7 length bytes | FF kind length bytes
 *             a missing status byte repeats the last channel status ("running status")
 *
 * Reading takes formats 0, 1 and 2 (the sequences of a format 2 file follow one another) and the RIFF "RMID" wrapper.
 * A part is a (track, channel, program): the program is the one that the track itself chose on the channel, else the
 * channel's. Channel 10 is drums. A held sustain pedal (controller 64 >= 64) lengthens the notes that end under it, up
 * to its release or the next note of the same part and pitch. Notes without an end last to the end of their track; ends
 * without a note are skipped, as are tempo 0, metres with denominator above 64 and keys out of range. A text event (01)
 * that starts with "triptych {" is the recipe. Pitch bend, other controllers and lyrics are not kept.
 *
 * Refused: SMPTE time, more than 8 MB, 2^20 events, 2^31 ticks or 24 hours, and every file that is cut off.
 *
 * Writing gives format 1, 480 ticks, track 0 with title, recipe, tempos, metres and keys, and a track for each part.
 * The same score gives the same bytes.
 */
#ifndef OUTPUTS_MIDI_H
#define OUTPUTS_MIDI_H

#include "core/bytes.h"
#include "core/error.h"
#include "outputs/score.h"

/* Read a file of n bytes in memory into *out (overwritten; the caller frees it with score_free). The score comes sorted,
 * with the division of the file as ticks_per_quarter. Messages start with "MIDI:". On failure *out is empty. */
bool midi_read(const void *data, size_t n, struct score *out, struct error *error);

/* Append the file to *out. Times are rescaled to 480 ticks a quarter note, rounded to the nearest. The score need not be
 * sorted. Melodic parts get a channel each in order; of more than 15 those of equal programs share one, and from the sixteenth program on
 * they go to the next port (meta event 0x21). */
bool midi_write(const struct score *score, struct bytes *out, struct error *error);

#endif
