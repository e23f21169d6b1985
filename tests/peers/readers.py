#!/usr/bin/env python3
"""The MIDI files that we write, read by mido, music21, FluidSynth and our own reader: the same notes in all four.

  pip install mido music21;  make;  python3 tests/peers/readers.py ./triptych FOLDER [FILES [MODEL]]

FILES (200) tunes are made by `play` (ten of each prompt, odd ones in parts) and as many files of FOLDER are brought to the grid by `tokens roundtrip`. Compared are onset,
length, pitch, velocity and channel 10 of every note, all four times in ticks. FluidSynth (libfluidsynth.so.3) plays the file without sound, less than a tick
a block, and its events are taken down; music21 is asked for its events, before it makes notation of them.
"""
import ctypes, glob, os, random, subprocess, sys, tempfile
import mido
from music21 import midi

program, folder = sys.argv[1], sys.argv[2]
files = int(sys.argv[3]) if len(sys.argv) > 3 else 200
model = ['-m', sys.argv[4]] if len(sys.argv) > 4 else []

def notes(events):                                  # (tick, on, channel, pitch, velocity) in order, of one stream
    open_, out = {}, []
    for t, on, c, p, v in events:
        if on: open_.setdefault((c, p), []).append((t, v))
        elif open_.get((c, p)): s, w = open_[c, p].pop(0); out.append((s, t - s, p, w, c == 9))
    return out + [(s, None, p, v, c == 9) for (c, p), rest in open_.items() for s, v in rest]

def by_mido(path):
    out = []
    for track in mido.MidiFile(path).tracks:
        t, events = 0, []
        for e in track:
            t += e.time
            if e.type in ('note_on', 'note_off'): events.append((t, e.type == 'note_on' and e.velocity > 0, e.channel, e.note, e.velocity))
        out += notes(events)
    return sorted(out)

def by_music21(path):
    m = midi.MidiFile(); m.open(path); m.read(); m.close(); out = []
    for track in m.tracks:
        t, events = 0, []
        for e in track.events:
            if isinstance(e, midi.DeltaTime): t += e.time
            elif e.isNoteOn() or e.isNoteOff(): events.append((t, e.isNoteOn(), e.channel - 1, e.pitch, e.velocity))
        out += notes(events)
    return sorted(out)

fluid = ctypes.CDLL('libfluidsynth.so.3'); HANDLER = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
for name in ('new_fluid_settings', 'new_fluid_synth', 'new_fluid_player'): getattr(fluid, name).restype = ctypes.c_void_p
P = ctypes.c_void_p
def by_fluidsynth(path):
    settings = P(fluid.new_fluid_settings())
    fluid.fluid_settings_setnum(settings, b'synth.sample-rate', ctypes.c_double(48000))
    for what in (b'synth.reverb.active', b'synth.chorus.active'): fluid.fluid_settings_setint(settings, what, 0)
    synth = P(fluid.new_fluid_synth(settings)); player = P(fluid.new_fluid_player(synth)); events = []
    def take(_, event):
        e = P(event); kind = fluid.fluid_midi_event_get_type(e)
        if kind in (0x80, 0x90):
            v = fluid.fluid_midi_event_get_velocity(e)
            events.append((fluid.fluid_player_get_current_tick(player), kind == 0x90 and v > 0, fluid.fluid_midi_event_get_channel(e), fluid.fluid_midi_event_get_key(e), v))
        return 0
    handler = HANDLER(take); fluid.fluid_player_set_playback_callback(player, handler, None)
    assert fluid.fluid_player_add(player, path.encode()) == 0
    fluid.fluid_player_set_tempo(player, 2, ctypes.c_double(1280000))     # two blocks of 64 samples a tick of 1/480
    fluid.fluid_player_play(player); buffer = (ctypes.c_float * 131072)()
    while fluid.fluid_player_get_status(player) == 1: fluid.fluid_synth_write_float(synth, 65536, buffer, 0, 2, buffer, 1, 2)
    fluid.delete_fluid_player(player); fluid.delete_fluid_synth(synth); fluid.delete_fluid_settings(settings)
    return sorted(notes(events))

here = os.path.dirname(os.path.abspath(__file__)); root = os.path.join(here, '..', '..'); work = tempfile.mkdtemp(); tool = os.path.join(work, 'notes')
libs = subprocess.run(['pkg-config', '--libs', 'libpng', 'libcjson', 'sndfile'], capture_output=True, text=True).stdout.split()
subprocess.run(['cc', '-std=gnu11', '-D_GNU_SOURCE', '-I' + root, os.path.join(here, 'notes.c'), *glob.glob(f'{root}/build/cc-opt/core/*.o'), *glob.glob(f'{root}/build/cc-opt/outputs/*.o'), '-o', tool, *libs, '-ldl', '-lm', '-lpthread'], check=True)
peer = subprocess.Popen([tool], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
def by_ours(path):
    peer.stdin.write(path + '\n'); peer.stdin.flush(); line = peer.stdout.readline()
    return sorted((o, l, p, v, bool(d)) for o, l, p, v, d, _ in (map(int, x.split()) for x in line.split('|')[0].split(';')[1:] if x))

made = os.path.join(work, 'made') + '/'; asked = ['', 'a hymn for four voices on organ', 'a fast jig', 'a song for voice and piano', 'for flute, cello and drums']
for i in range(0, files, 10): subprocess.run([program, 'play', asked[i // 10 % len(asked)], '-n', str(min(10, files - i)), '-s', str(i), '-q', '-o', made, *model], check=True, capture_output=True)
converted = os.path.join(work, 'converted'); os.mkdir(converted); all_ = sorted(glob.glob(folder + '/**/*.mid', recursive=True)); random.Random(1).shuffle(all_)
for i, f in enumerate(all_[:files]): subprocess.run([program, 'tokens', 'roundtrip', f, '-o', f'{converted}/{i}.mid', *model], check=True, capture_output=True)
bad = 0
for name, where in (('made', made), ('converted', converted)):
    paths = sorted(glob.glob(where + '/*.mid')); same = {r.__name__[3:]: 0 for r in (by_mido, by_music21, by_fluidsynth)}; count = 0
    for path in paths:
        want = by_ours(path); count += len(want)
        for r in (by_mido, by_music21, by_fluidsynth):
            got = r(path)
            if got == want: same[r.__name__[3:]] += 1
            else: bad += 1; print(r.__name__, path, 'differs:', sorted(set(got) ^ set(want), key=str)[:4])
    print(f'{name}: {len(paths)} files, {count} notes; the same by ' + ', '.join(f'{k} {v}' for k, v in same.items()))
peer.stdin.close()
sys.exit(bad > 0)
