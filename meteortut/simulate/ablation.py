"""Meteoroids in the air: drag, ablation, erosion into grains and sudden disruption, for many bodies at once.

*Stands in for* meteors of 10⁻⁸ to 10⁻¹ kg. *Breaks down* where bodies spin, change shape or heat up gradually (ablation sets in
at once when enough energy has been received), and where light comes from anything but the loss of kinetic energy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meteortut.simulate.bodies import LEFT_RADIUS, US_1976, Bodies, check_bodies, fall

#: Density of a grain, kg/m³ (Borovička et al. 2007: close to 3000; 300 is the bulk density of the body made of them).
GRAIN_DENSITY = 3000.0
#: Ablation coefficient of a grain, s²/km² (chosen: that of Ceplecha's group II, carbonaceous).
GRAIN_SIGMA = 0.042
#: Longest step of the integration, s.
MAX_STEP_S = 1 / 400
#: A body is gone, too, when it is slower than this, m/s.
SLOWEST_M_S = 3000.0
#: Moments at which eroded grains are set free, per body, and where between its neighbours each moment's light is put.
N_RELEASES, SHIFTS = 32, (-1 / 3, 0.0, 1 / 3)


@dataclass(frozen=True)
class Ablation:
    """What became of the bodies, on a common time grid.

    Attributes
    ----------
    time_s : ndarray of shape (n_times,), seconds
        Middle of each bin, from the start of the integration.
    power_w : ndarray of shape (n, n_times), watts
        Radiated power of a body and all its grains, mean over the bin.
    height_km, speed_km_s, mass_kg : ndarray of shape (n, n_times), km, km/s, kg
        Of the leading body, without its grains, at the start of the bin; held when it is gone.
    lost_j : ndarray of shape (n,), joules
        Kinetic energy lost by body and grains together.
    """

    time_s: np.ndarray
    power_w: np.ndarray
    height_km: np.ndarray
    speed_km_s: np.ndarray
    mass_kg: np.ndarray
    lost_j: np.ndarray


def absolute_magnitude(power_w: np.ndarray, zero_power_w: float = 1500.0) -> np.ndarray:
    """Turn radiated power into absolute magnitude, that at a distance of 100 km.

    Parameters
    ----------
    power_w : ndarray of any shape, watts
    zero_power_w : float, watts
        Power P₀ of a meteor of magnitude 0: 1500 W for a body at 4500 K seen panchromatically (Ceplecha et al. 1998), 840 W in a
        narrower band (Weryk and Brown 2013, Planet. Space Sci. 81, 32, give values of this order).

    Returns
    -------
    ndarray of the same shape, magnitudes
        −2.5 log₁₀(power / P₀); +inf where there is no power.
    """
    with np.errstate(divide="ignore"):
        return -2.5 * np.log10(np.asarray(power_w, float) / zero_power_w)


def ablate(
    bodies: Bodies,
    luminous_efficiency: float = 0.007,
    bin_s: float = 0.0025,
    atmosphere: tuple[tuple[float, ...], tuple[float, ...]] = US_1976,
) -> Ablation:
    """Integrate the fall of many meteoroids.

    Parameters
    ----------
    bodies : Bodies
        n bodies.
    luminous_efficiency : float
        Share τ of the lost kinetic energy that becomes visible light (0.7 %: Ceplecha et al. 1998, Space Sci. Rev. 84, 327).
    bin_s : float, seconds
        Width of a bin of the result. Steps are this long or, if that is more than 1/400 s, the largest whole fraction that is not.
    atmosphere : pair of tuples
        Heights (km, growing) and densities (kg/m³), exponential in between: two heights make an exponential atmosphere.

    Returns
    -------
    Ablation
        As long as the slowest of the bodies needs: put bodies of a like duration together.

    Raises
    ------
    ValueError
        If an array of ``bodies`` has the wrong length, a mass, speed, density or cosine is not positive, or ``bin_s`` is not.

    Notes
    -----
    With K = ΓA ρ_d^(−2/3): dv/dt = −K ρ v² m^(−1/3), dm/dt = −(σ + η) K ρ v³ m^(2/3), dh/dt = −v cos z, solved for m^(1/3) by the
    classical Runge–Kutta method. Light is τ times the loss of kinetic energy, I = −τ (½ v² dm/dt + m v dv/dt), taken as differences
    of energy, so that none is lost or made whatever the step. What erodes or is thrown off (Borovička, Spurný and Koten 2007, A&A
    473, 661) becomes grains that fall alone; erosion sets them free at 32 moments with equal shares of the eroded mass, and each
    moment's light is spread over the time between it and its neighbours.
    """
    check_bodies(bodies)
    if not bin_s > 0:
        raise ValueError(f"bin_s is {bin_s}; expected a positive number of seconds.")
    n_sub = int(np.ceil(bin_s / MAX_STEP_S - 1e-9))
    step = bin_s / n_sub
    air = np.asarray(atmosphere[0], float) * 1e3, np.log(np.asarray(atmosphere[1], float))
    path = _follow(bodies, step, air)
    n_bins = path["lost"].shape[0] // n_sub + 1
    light = np.zeros((len(bodies.mass_kg), n_bins))
    for k in range(n_bins):
        light[:, k] = path["lost"][k * n_sub : (k + 1) * n_sub].sum(axis=0)
    light = _grain_light(bodies, path, light, step, bin_s, air)
    last = np.minimum(np.arange(light.shape[1]) * n_sub, path["mass"].shape[0] - 1)
    height, speed, mass = (path[name][last].T for name in ("height", "speed", "mass"))
    time = bin_s * (np.arange(light.shape[1]) + 0.5)
    return Ablation(time, luminous_efficiency * light / bin_s, height / 1e3, speed / 1e3, mass, light.sum(axis=1))


def _received(
    speed: np.ndarray, height: np.ndarray, cos_zenith: np.ndarray, air: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Energy per cross-section received above the start, J/m²: ½ v² times the mass of the air column, taken as exponential."""
    log_density = np.interp(height, *air)
    scale = 1000.0 / np.maximum(np.interp(height - 1000.0, *air) - log_density, 1e-3)  # m
    return 0.5 * np.exp(log_density) * speed**2 * scale / cos_zenith


def _follow(bodies: Bodies, step: float, air: tuple[np.ndarray, np.ndarray]) -> dict[str, np.ndarray]:
    """Follow the leading bodies to their end; arrays (n_steps, n), float32: state before a step, what it lost and set free."""
    y, v, h = np.cbrt(bodies.mass_kg), bodies.speed_km_s * 1e3, bodies.height_km * 1e3
    rest, energy = y.copy(), _received(v, h, bodies.cos_zenith, air)
    core, waiting = np.cbrt(bodies.core * bodies.mass_kg), bodies.flare_share > 0
    names = ("mass", "speed", "height", "lost", "eroded", "thrown")
    rows: dict[str, list[np.ndarray]] = {name: [] for name in names}
    alive = np.ones(len(y), bool)
    while alive.any():
        hot = energy >= bodies.onset_j_m2
        # the nearer to its core, the less of the surface is left that erodes
        eta = np.where(hot, bodies.erosion_s2_km2 * np.clip(1 - (core / y) ** 3, 0, None), 0)
        loss = (np.where(hot, bodies.sigma_s2_km2, 0) + eta) * 1e-6
        new_y, new_v, new_h, rho = fall(y, v, h, bodies.cos_zenith, bodies.density_kg_m3, loss, step, air)
        gone = np.where(alive, y**3 - new_y**3, 0)
        eroded = gone * eta / (bodies.sigma_s2_km2 + eta)
        now = waiting & (rho * v**2 >= bodies.flare_pa.T).T & alive[:, None]
        waiting &= ~now
        thrown = new_y**3 * (1 - np.prod(np.where(now, 1 - bodies.flare_share, 1), axis=1))
        lost = np.where(alive, (y**3 * v**2 - new_y**3 * new_v**2) / 2, 0) - eroded * v**2 / 2
        for name, values in zip(names, (y**3, v, h, np.maximum(lost, 0), eroded, thrown), strict=True):
            rows[name].append(values.astype(np.float32))
        energy = energy + 0.5 * rho * v**3 * step
        new_y = np.cbrt(new_y**3 - thrown)
        y, v, h = (np.where(alive, new, old) for new, old in ((new_y, y), (new_v, v), (new_h, h)))
        alive &= (y > LEFT_RADIUS * rest) & (v > SLOWEST_M_S) & (h > 0)
    return {name: np.stack(values) for name, values in rows.items()}


def _releases(path: dict[str, np.ndarray], step: float) -> tuple[np.ndarray, ...]:
    """Say when which body sets how much free: (body, step, kg, seconds over which it does), one entry per release."""
    found = []
    total = np.cumsum(path["eroded"], axis=0, dtype=float)
    edges = np.arange(2 * N_RELEASES + 1) / (2 * N_RELEASES)
    steps = np.arange(1, len(total) + 1)
    for body in np.flatnonzero(total[-1] > 0):
        busy = np.flatnonzero(path["eroded"][:, body])
        part = slice(max(busy[0] - 1, 0), busy[-1] + 1)
        at = np.interp(edges * total[-1, body], total[part, body], steps[part])
        kg = np.full(N_RELEASES, total[-1, body] / N_RELEASES)
        found.append(np.stack([np.full(N_RELEASES, body), at[1::2], kg, (at[2::2] - at[:-2:2]) * step]))
    step_of, body = np.nonzero(path["thrown"])
    found.append(np.stack([body, step_of + 1.0, path["thrown"][step_of, body], np.full(len(body), step)]))
    body, at, kg, width = np.concatenate(found, axis=1)
    return body.astype(int), at, kg, width


def _grain_light(
    bodies: Bodies,
    path: dict[str, np.ndarray],
    light: np.ndarray,
    step: float,
    bin_s: float,
    air: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Add the energy that grains lose to ``light``, (n, n_bins) in joules per bin; longer if the grains outlive their body."""
    body, at, kg, width = _releases(path, step)
    n_kinds = bodies.grain_kg.shape[1]
    body, at, width = (np.repeat(values, n_kinds) for values in (body, at, width))
    grain = bodies.grain_kg[body[::n_kinds]].ravel() if len(body) else np.zeros(0)
    number = np.repeat(kg, n_kinds) / n_kinds / np.maximum(grain, 1e-30)
    nearest = np.clip(np.round(at).astype(int), 0, len(path["mass"]) - 1)
    v, h = path["speed"][nearest, body].astype(float), path["height"][nearest, body].astype(float)
    y, time = np.cbrt(grain), at * step
    least, cos_zenith = LEFT_RADIUS * y, bodies.cos_zenith[body]
    while len(y):
        density, sigma = np.full(len(y), GRAIN_DENSITY), np.full(len(y), GRAIN_SIGMA * 1e-6)
        new_y, new_v, new_h, _ = fall(y, v, h, cos_zenith, density, sigma, step, air)
        lost = number * (y**3 * v**2 - new_y**3 * new_v**2) / 2
        for shift in SHIFTS:
            column = np.maximum((time + shift * width + step / 2) / bin_s, 0).astype(int)
            if column.max() >= light.shape[1]:
                light = np.pad(light, ((0, 0), (0, int(column.max()) + 1 - light.shape[1])))
            np.add.at(light.reshape(-1), body * light.shape[1] + column, lost / len(SHIFTS))
        stay = (new_y > least) & (new_v > SLOWEST_M_S) & (new_h > 0)
        y, v, h, time = new_y[stay], new_v[stay], new_h[stay], time[stay] + step
        body, number, width, least, cos_zenith = (values[stay] for values in (body, number, width, least, cos_zenith))
    return light
