"""Simulated photometry of thunderstorms from the space station: slices of 50 ms in three bands, with their truth.

*Stands in for* level-1 data of the three photometers of ASIM/MMIA (337, 180–230 and 777.4 nm, 100 kHz; Chanrion et al. 2019, Space
Sci. Rev. 215, 28), which need an account. What a slice may hold, and what is known of it:

* Lightning shines at 777.4 and 337 nm, hardly at 180–230 nm (ozone and oxygen keep the troposphere dark there), through cloud
  that delays and broadens it: light leaves at its first passage through the cloud top (`cloud`). Single pulses at 777.4 nm rise
  in 240 µs (10 to 90 %) and are 370 µs wide (medians of the first world; Mach et al. 2005: 260 and 355 µs).
* Corona discharges are blue: 337 nm alone. Six in ten of the shallow ones (within 2 km of the top) rise within 30 µs, none of the
  deeper ones (Husbjerg et al. 2022, Geophys. Res. Lett. 49, e2022GL099064: two populations, divided there).
* The onset of a blue jet peaks some 15 µs after its start and comes with an elve (Neubert et al. 2021, Nature 589, 371).
* Elves last less than 1 ms at 180–230 nm and lead their lightning at 777.4 nm: 70 µs from 10 % of one peak to 10 % of the other
  (median, half of them within 52–91; Østgaard et al. 2021: 50 and 90 µs in two events).
* Sprites come 1 to 100 ms after a strong stroke, in blue light that lives 1.3 ms (McHarg et al. 2002) and at 180–230 nm. In four
  of ten, the stroke lies before the slice.
* Noise: single quanta of 0.0024, 0.00003 and 0.0017 µW/m², and hits of cosmic rays on single samples.

*Breaks down*: **no value was measured on a light curve of the instrument**, as none is public; where `worlds` names no source, it
was chosen. Peaks follow the figures of one report (0.02–0.25 µW/m² at 777.4 nm); catalogues of blue events also have 25 µW/m² and
more. The brightness of a class, how often it occurs, and so every score, are ours; the limits of the five classes too (`labels`).
One cause per slice: no corona discharge before a flash, no elve with a sprite, no two storms at once. Clouds are flat, even and
infinitely deep, and the same in all bands; an event has one depth. Continuing currents are even glows, without current surges. No
halos, no elve doublets, no gigantic jets, no daylight, moonlight or cities; sprites give no light at 777.4 nm, though a band of
nitrogen lies nearby; no light of lightning reaches the ultraviolet photometer even when the channel is exposed above the cloud. A
quantum is a photon's worth: the noise of bright light is that of its counts, with no gain noise. Slices of one flash do not come
in a row, as they do in a file. The second world is not meant to agree with the first.
"""

from meteortut.simulate.mmia.photometry import simulate_photometry
from meteortut.simulate.mmia.worlds import BANDS, KINDS, N_SAMPLES, SAMPLE_MS, SATURATION_COUNTS, STEPS

__all__ = ["BANDS", "KINDS", "N_SAMPLES", "SAMPLE_MS", "SATURATION_COUNTS", "STEPS", "simulate_photometry"]
