"""Two worlds of thunderstorms under three photometers: one to train on, one to be judged by. Frozen by a test.

No light curve of the instrument is public, so that no value here was measured on one: each has its source beside it or was
chosen. Nothing was set by a classifier's score.
"""

from __future__ import annotations

from dataclasses import dataclass

Range = tuple[float, float]

#: Bands in the order of the data, nm.
BANDS = ("337", "180-230", "777.4")
#: Samples of a slice, and their spacing, ms: 5 000 samples at 100 kHz (Jørgensen 2021; MMIA samples at 100 kHz).
N_SAMPLES, SAMPLE_MS = 5000, 0.01
#: Quantisation steps of the bands, µW/m², as they show in the report's figures (Jørgensen and Engell 2020).
STEPS = (0.0024, 0.00003, 0.0017)
#: Greatest count of a band (chosen: 10 bits). Times the steps: 2.46, 0.031 and 1.74 µW/m².
SATURATION_COUNTS = 1023
#: Physical classes.
KINDS = ("lightning", "blue_corona", "blue_jet", "elve", "sprite", "noise")


@dataclass(frozen=True)
class World:
    """Storms and photometers. A pair is the range of a draw, log-uniform where marked ✕, else uniform.

    Attributes
    ----------
    shares : tuple of float
        How often slices of each of `KINDS` are drawn; they add up to 1. Set so that the five classes come out as often as in the
        labelled table (`mmia-labels`).
    free_path_m : (low, high) ✕
        Mean free path of light in the cloud, metres, per slice.
    absorption_ms : (low, high) ✕
        Time after which 1/e of the scattered light is left: absorption by ice, and loss through the cloud's sides and bottom.
    lightning_depth_km, stroke_depth_km, shallow_km, deep_km, jet_depth_km : (low, high)
        Depth below the cloud top of flashes, of the strokes that make elves and sprites, of the two populations of corona
        discharges, and of a jet's onset.
    shallow_share : float
        Share of shallow corona discharges.
    lightning_peak, corona_peak, jet_peak, sprite_peak : (low, high) ✕
        Peak of the strongest pulse, µW/m²: lightning at 777.4 nm, the others at 337 nm.
    elve_peak : (low, high) ✕
        Peak at 180–230 nm, µW/m².
    blue_to_red : (median, sigma)
        Light of lightning at 337 nm over that at 777.4 nm at its peak, lognormal; the deeper, the redder, see `blue_depth_km`.
    blue_depth_km : float
        Depth in which the blue light of lightning falls to 1/e of what that ratio says.
    pulse_scatter : float
        Sigma of the logarithm of that ratio from pulse to pulse.
    lightning_pulses, corona_pulses : (low, high) ✕
        Number of pulses of a flash and of a train of corona discharges, rounded down.
    lightning_gap_ms, corona_gap_ms : (median, sigma)
        Time between pulses, lognormal.
    red_rise_ms, stroke_rise_ms : (low, high)
        Rise at 777.4 nm of a pulse of a flash, and of a stroke that makes an elve or a sprite. Here and below: from 10 to 90 %
        at the source, before the cloud; decays are times to 1/e, see `cloud.source`.
    red_decay_ms, blue_decay_ms : (low, high)
        Decay of a pulse of lightning at 777.4 and 337 nm.
    blue_rise : (low, high)
        Rise at 337 nm over that at 777.4 nm.
    streamer_rise_ms, streamer_decay_ms : (low, high)
        Of a corona discharge and of a jet's onset.
    current_share, current_peak, current_decay_ms : float, (low, high) and (low, high)
        Continuing current: share of flashes with it, its glow at 777.4 nm over the peak of the flash, and its decay.
    elve_rise_ms, elve_decay_ms, elve_blue : (low, high)
        Rise and decay of an elve, and its light at 337 nm over that at 180–230 nm, in µW/m².
    elve_lead_ms : (low, high)
        By how much the current pulse that makes the elve leads the light of the hot channel.
    hidden_share : float
        Share of elves whose lightning is outside the field of view or hidden.
    jet_glow_share, jet_glow_peak, jet_glow_rise_ms, jet_glow_decay_ms : float and (low, high)
        The jet itself after its onset: share of slices that show it, its light at 337 nm over the onset's peak, its rise and decay.
    sprite_delay_ms : (low, high) ✕
        From the parent stroke to the sprite.
    sprite_rise_ms, sprite_decay_ms, sprite_uv : (low, high)
        Rise and decay of a sprite, and its light at 180–230 nm over that at 337 nm.
    sprite_elements, sprite_spread_ms : (low, high) and float
        Number of its elements, and the time within which they come.
    parent_current_share : float
        Share of sprites whose parent has a continuing current.
    leak : (low, high)
        Light at 180–230 nm over that at 337 nm for anything in the troposphere.
    red_leak : (low, high)
        Light at 777.4 nm over that at 337 nm for corona discharges and jets.
    background : (low, high) ✕
        Stray quanta per sample, in each band.
    readout : (low, high)
        Standard deviation of the readout, quanta, in each band.
    step_drift : float
        Standard deviation of the relative drift of a band's step from slice to slice.
    spikes : (low, high) ✕
        Cosmic-ray hits per band and slice.
    belt_share, belt_factor : float
        Share of slices inside the radiation belts, and how many times as many hits they have.
    spike_quanta : (low, high) ✕
        Height of a hit.
    """

    shares: tuple[float, ...]
    free_path_m: Range
    absorption_ms: Range
    lightning_depth_km: Range
    stroke_depth_km: Range
    shallow_km: Range
    deep_km: Range
    jet_depth_km: Range
    shallow_share: float
    lightning_peak: Range
    corona_peak: Range
    jet_peak: Range
    sprite_peak: Range
    elve_peak: Range
    blue_to_red: Range
    blue_depth_km: float
    pulse_scatter: float
    lightning_pulses: Range
    corona_pulses: Range
    lightning_gap_ms: Range
    corona_gap_ms: Range
    red_rise_ms: Range
    stroke_rise_ms: Range
    red_decay_ms: Range
    blue_rise: Range
    blue_decay_ms: Range
    streamer_rise_ms: Range
    streamer_decay_ms: Range
    current_share: float
    current_peak: Range
    current_decay_ms: Range
    elve_rise_ms: Range
    elve_decay_ms: Range
    elve_blue: Range
    elve_lead_ms: Range
    hidden_share: float
    jet_glow_share: float
    jet_glow_peak: Range
    jet_glow_rise_ms: Range
    jet_glow_decay_ms: Range
    sprite_delay_ms: Range
    sprite_rise_ms: Range
    sprite_decay_ms: Range
    sprite_uv: Range
    sprite_elements: Range
    sprite_spread_ms: float
    parent_current_share: float
    leak: Range
    red_leak: Range
    background: Range
    readout: Range
    step_drift: float
    spikes: Range
    belt_share: float
    belt_factor: float
    spike_quanta: Range


FIRST = World(
    shares=(0.29, 0.214, 0.107, 0.074, 0.099, 0.216),
    free_path_m=(8.0, 20.0),  # earlier studies: ice of 10–20 µm, 1–2.5 · 10⁸ m⁻³, hence 1–20 m (Li et al., EGU24-10352)
    absorption_ms=(0.2, 1.2),
    lightning_depth_km=(0.5, 4.5),
    stroke_depth_km=(0.3, 2.0),
    shallow_km=(0.1, 2.0),  # Husbjerg 2022: rise times up to 30 µs within about 2 km of the top
    deep_km=(2.0, 6.0),  # Husbjerg 2022: longer rise times from deeper in the cloud
    jet_depth_km=(0.0, 0.4),  # Neubert 2021: at the top of the cloud
    shallow_share=0.5,
    lightning_peak=(0.02, 0.25),  # the report's figures
    corona_peak=(0.015, 0.8),
    jet_peak=(0.3, 2.0),  # Neubert 2021: the onset is intense in the blue
    sprite_peak=(0.02, 0.3),
    elve_peak=(0.0001, 0.006),
    blue_to_red=(1.6, 0.4),
    blue_depth_km=5.0,
    pulse_scatter=0.35,
    lightning_pulses=(1.0, 28.0),
    corona_pulses=(1.0, 16.0),
    lightning_gap_ms=(1.5, 0.9),
    corona_gap_ms=(1.5, 0.8),
    red_rise_ms=(
        0.14,
        0.34,
    ),  # chosen so that, with the cloud, they come near: rise 260 µs and width 355 µs of single pulses (Mach 2005)
    stroke_rise_ms=(0.06, 0.14),
    red_decay_ms=(0.04, 0.14),
    blue_rise=(0.7, 1.0),
    blue_decay_ms=(0.03, 0.11),
    streamer_rise_ms=(0.006, 0.012),  # Neubert 2021: the onset of a jet takes about 10 µs
    streamer_decay_ms=(0.008, 0.03),
    current_share=0.15,
    current_peak=(0.1, 0.5),
    current_decay_ms=(3.0, 15.0),
    elve_rise_ms=(0.03, 0.08),
    elve_decay_ms=(0.06, 0.18),  # less than 1 ms in all (Østgaard 2021)
    elve_blue=(2.0, 8.0),
    elve_lead_ms=(0.0, 0.03),  # chosen so that, with the cloud, it comes near 50–90 µs (Østgaard 2021)
    hidden_share=0.15,
    jet_glow_share=0.4,
    jet_glow_peak=(0.03, 0.12),
    jet_glow_rise_ms=(1.0, 5.0),
    jet_glow_decay_ms=(8.0, 30.0),  # Neubert 2021: the jet lasts some 400 ms, in pulses
    sprite_delay_ms=(1.0, 100.0),  # 1–100 ms after a strong positive stroke; ends chosen
    sprite_rise_ms=(0.2, 0.8),
    sprite_decay_ms=(1.0, 1.6),  # McHarg 2002: blue light lives 1.3 ms
    sprite_uv=(0.003, 0.02),
    sprite_elements=(1.0, 3.0),
    sprite_spread_ms=6.0,
    parent_current_share=0.4,
    leak=(0.0, 0.00004),
    red_leak=(0.0, 0.0008),
    background=(0.03, 0.2),
    readout=(0.25, 0.45),
    step_drift=0.0,
    spikes=(0.05, 0.5),
    belt_share=0.04,
    belt_factor=15.0,
    spike_quanta=(8.0, 1500.0),
)

SECOND = World(
    shares=(0.322, 0.198, 0.084, 0.084, 0.096, 0.216),
    free_path_m=(3.0, 12.0),  # 3 m measured by lidar: ice of 50 µm, 2 · 10⁷ m⁻³ (the same)
    absorption_ms=(0.15, 0.9),
    lightning_depth_km=(0.3, 3.2),
    stroke_depth_km=(0.2, 1.5),
    shallow_km=(0.2, 1.2),
    deep_km=(1.2, 4.0),
    jet_depth_km=(0.05, 0.3),
    shallow_share=0.6,
    lightning_peak=(0.025, 0.4),
    corona_peak=(0.02, 1.2),
    jet_peak=(0.25, 2.4),
    sprite_peak=(0.03, 0.45),
    elve_peak=(0.00015, 0.01),
    blue_to_red=(1.2, 0.5),
    blue_depth_km=6.5,
    pulse_scatter=0.25,
    lightning_pulses=(1.0, 18.0),
    corona_pulses=(1.0, 14.0),
    lightning_gap_ms=(2.0, 0.7),
    corona_gap_ms=(1.0, 1.0),
    red_rise_ms=(0.10, 0.42),
    stroke_rise_ms=(0.05, 0.17),
    red_decay_ms=(0.06, 0.18),
    blue_rise=(0.6, 1.0),
    blue_decay_ms=(0.02, 0.14),
    streamer_rise_ms=(0.005, 0.016),
    streamer_decay_ms=(0.006, 0.04),
    current_share=0.2,
    current_peak=(0.05, 0.35),
    current_decay_ms=(2.0, 25.0),
    elve_rise_ms=(0.025, 0.10),
    elve_decay_ms=(0.05, 0.22),
    elve_blue=(1.0, 6.0),
    elve_lead_ms=(0.0, 0.05),
    hidden_share=0.25,
    jet_glow_share=0.5,
    jet_glow_peak=(0.02, 0.18),
    jet_glow_rise_ms=(0.5, 8.0),
    jet_glow_decay_ms=(5.0, 40.0),
    sprite_delay_ms=(1.5, 80.0),
    sprite_rise_ms=(0.1, 1.0),
    sprite_decay_ms=(0.8, 1.9),
    sprite_uv=(0.0025, 0.03),
    sprite_elements=(1.0, 4.0),
    sprite_spread_ms=9.0,
    parent_current_share=0.3,
    leak=(0.0, 0.00002),
    red_leak=(0.0, 0.0007),
    background=(0.05, 0.5),
    readout=(0.2, 0.6),
    step_drift=0.06,
    spikes=(0.1, 1.0),
    belt_share=0.07,
    belt_factor=10.0,
    spike_quanta=(5.0, 2500.0),
)

WORLDS = {"first": FIRST, "second": SECOND}
