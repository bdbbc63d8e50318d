r"""Decoding: heatmaps to sub-pixel keypoints (the paper's Eq. 1 and 3-11).

DARK takes a heatmap for a Gaussian of unknown centre :math:`\mu`, whose
logarithm is a paraboloid, and reads :math:`\mu` off the second-order Taylor
expansion at the peak :math:`m` of the modulated map :math:`h'`:

.. math::
    \mu = m - \mathcal{H}^{-1} \nabla,\qquad
    \nabla = \nabla\log h'(m),\quad \mathcal{H} = \nabla^2 \log h'(m)

Symbols: B batch, K keypoints, M = all leading dimensions times K, (W, H)
heatmap size. Coordinates are heatmap pixels with pixel centres on integers.

Two readings of the step are offered. ``peak='raw'`` is the official code: m is
the brightest raw pixel and the derivatives are central differences of
:math:`\log h'`. ``peak='modulated'``, the default, is the paper's own m and
uses exact derivatives of the log of the modulated map normalised at the border
(see :mod:`.peaks`), expanded twice. That makes it the maximum-likelihood
position of a Gaussian of known sigma under white noise, at the border too.
"""
import numpy as np

from ._backend import backend_of
from ._checks import (check_blur_kernel_size, check_choice, check_maps,
                      check_sigma)
from .modulate import Kernel
from .peaks import MODE_MARGIN, modulated_peak, raw_peak

METHODS = ('dark', 'shift', 'second_max', 'argmax')
PEAKS = ('modulated', 'paper', 'raw')
#: Expansions of the default decoder. The first is the paper's; two more, each
#: taken where the last arrived, matter where the Gaussian is cut or noisy.
EXPANSIONS = 3


def decode_heatmaps(heatmaps,
                    sigma,
                    *,
                    method='dark',
                    modulation=True,
                    peak='modulated',
                    blur_kernel_size=None,
                    return_covariance=False):
    r"""Read sub-pixel keypoints off heatmaps.

    Args:
        heatmaps (np.ndarray | Tensor): Heatmaps in shape (..., K, H, W).
        sigma (float): The training sigma; heatmap pixels.
        method (str): One of

            - ``'dark'``: Taylor expansion of the log of the modulated map
              (Eq. 3-11)
            - ``'shift'``: a quarter of a pixel per axis towards the higher
              neighbour: the standard shift as the official code and MMPose
              have it
            - ``'second_max'``: a quarter of a pixel from the highest towards
              the second highest pixel of the map: the standard shift as the
              paper writes it (Eq. 1)
            - ``'argmax'``: the brightest pixel

            Defaults to ``'dark'``.
        modulation (bool): Whether ``'dark'`` modulates the map first
            (Eq. 10). Without it the expansion is the official one on the raw
            map, at its raw peak, whatever ``peak`` says. Defaults to
            ``True``.
        peak (str): Where ``'dark'`` starts. ``'modulated'`` is the maximum
            of the modulated map; of several modes, the one around the
            brightest pixel unless another is 10 % higher. ``'paper'`` is the
            plain maximum of the modulated map. ``'raw'`` is the brightest pixel and the
            fast path: the official algorithm wherever that one makes sense,
            and the fit of ``'modulated'`` around the highest modulated pixel
            within 2 px where it does not (see Note). Defaults to
            ``'modulated'``.
        blur_kernel_size (int, optional): Size of the modulation kernel as
            OpenCV defines it. Defaults to ``None``: the kernel follows
            ``sigma``.
        return_covariance (bool): Also return the covariance of every
            position, ``'dark'`` with modulation only. Defaults to ``False``.

    Returns:
        tuple:
        - keypoints (np.ndarray | Tensor): Positions (x, y) in shape
          (..., K, 2); heatmap pixels
        - scores (np.ndarray | Tensor): The raw map's value at the integer
          peak, in shape (..., K)
        - covariances (np.ndarray | Tensor): only with ``return_covariance``:
          in shape (..., K, 2, 2); squared heatmap pixels, see Note

        All of the kind of ``heatmaps``, float64 for float64 and float32 for
        anything else.

    Note:
        - A map whose maximum is not positive, or is NaN or +inf, holds no
          keypoint: its position is (-1, -1), as in MMPose, its score the
          maximum, or 0 where that is not finite.
        - Where the Hessian is not negative definite or a neighbour is not
          finite, there is no Taylor step and the result is the standard
          shift of the integer peak. So results are always finite.
        - The official code does not refine peaks within 2 px of the border
          and takes any step whose Hessian has an inverse. Here a raw-peak
          step must come from a negative definite Hessian and stay within
          2 sigma; any other peak is fitted locally instead.
        - Covariance: :math:`-\mathcal{H}^{-1}` of the log-likelihood at the
          result, :math:`\frac{\hat n^2}{a^2 E}(-\nabla^2\log\hat h)^{-1}`
          with amplitude :math:`a`, kernel energy :math:`E = \sum g^2` and
          the noise :math:`\hat n` estimated from what the fitted Gaussian
          leaves over in its window. Where there is no keypoint or no fit: the
          variance of a uniform position on the map.

    Raises:
        ValueError: A shape, sigma, kernel size or choice that makes no sense.
        TypeError: ``heatmaps`` are not real numbers.

    Example:
        >>> import numpy as np
        >>> from mmpose_dark.functional import encode_heatmaps
        >>> maps = encode_heatmaps(np.array([[10.3, 20.6]]), (48, 64), 2.0)
        >>> keypoints, scores = decode_heatmaps(maps, 2.0)
        >>> keypoints.round(3)
        array([[10.3, 20.6]])
    """
    xp = backend_of(heatmaps)
    maps = xp.as_float(heatmaps)
    check_maps(maps)
    sigma = check_sigma(sigma)
    check_choice('method', method, METHODS)
    check_choice('peak', peak, PEAKS)
    kernel = Kernel.of(sigma, check_blur_kernel_size(blur_kernel_size))
    fits = method == 'dark' and modulation
    if return_covariance and not fits:
        raise ValueError("return_covariance needs method='dark' with "
                         f'modulation, got method={method!r}, '
                         f'modulation={modulation!r}')

    lead, (height, width) = tuple(maps.shape[:-2]), tuple(maps.shape[-2:])
    maps = maps.reshape(-1, height, width)
    if len(maps) == 0:
        nothing = xp.full(lead, 0., maps)
        shapes = [(*lead, 2), lead] + [(*lead, 2, 2)] * return_covariance
        return tuple(nothing.reshape(shape) for shape in shapes)

    with xp.guard(maps):
        if fits and peak != 'raw':
            y, x, top = modulated_peak(
                xp, maps, kernel,
                margin=1. if peak == 'paper' else MODE_MARGIN)
            dx, dy, refined = _fit(xp, maps, y, x, kernel)
        else:
            y, x, top = raw_peak(xp, maps)
            if fits:
                dx, dy, refined = _official_or_fit(
                    xp, maps, y, x, 2 * sigma, kernel)
            elif method == 'dark':
                dx, dy, refined = _official_step(
                    xp, xp.windows(maps, y, x, 2, 2), y, x, height, width,
                    2 * sigma)
            elif method == 'shift':
                dx, dy = _shift(xp, maps, y, x)
            elif method == 'second_max':
                dx, dy = _towards_second_max(xp, maps, y, x)
            else:
                dx = dy = xp.full((len(maps), ), 0., maps)
        if method == 'dark':
            dx, dy = _shift_where_not(xp, refined, maps, y, x, dx, dy)

        present = xp.isfinite(top) & (top > 0)
        score = maps.reshape(len(maps), -1)
        score = xp.take_last(score, y * width + x)
        score = xp.where(xp.isfinite(score), score, 0.)
        px = xp.where(present, xp.to_float(x, maps) + dx, -1.)
        py = xp.where(present, xp.to_float(y, maps) + dy, -1.)
        out = [
            xp.stack([px, py], -1).reshape(*lead, 2),
            score.reshape(lead)
        ]
        if return_covariance:
            cov = _covariance(xp, maps, py, px, present & refined, kernel)
            out.append(cov.reshape(*lead, 2, 2))
    return tuple(out)


def _newton_step(gx, gy, hxx, hyy, hxy):
    """Eq. 8: minus the inverse Hessian times the gradient, in closed form.

    Returns:
        tuple: dx, dy and whether the Hessian is negative definite.
    """
    det = hxx * hyy - hxy * hxy
    definite = (det > 0) & (hxx < 0)
    return ((hxy * gy - hyy * gx) / det, (hxy * gx - hxx * gy) / det,
            definite)


def _central_differences(table):
    """Gradient and Hessian as the official code takes them.

    Args:
        table (array): Log heatmaps in shape (M, 5, 5), the peak in the
            middle.

    Returns:
        tuple: gradient x and y, Hessian xx, yy and xy, each in shape (M,).
    """
    at = [table[:, 2 + dy, 2 + dx] for dy, dx in
          ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (0, 2), (0, -2), (2, 0),
           (-2, 0), (1, 1), (-1, 1), (1, -1), (-1, -1))]
    (mid, right, left, down, up, right2, left2, down2, up2, down_right,
     up_right, down_left, up_left) = at
    return (0.5 * (right - left), 0.5 * (down - up),
            0.25 * (right2 - 2 * mid + left2), 0.25 * (down2 - 2 * mid + up2),
            0.25 * (down_right - up_right - down_left + up_left))


def _official_step(xp, stencil, y, x, height, width, limit):
    """One Taylor step by central differences, as the official code has it.

    Args:
        stencil (array): (M, 5, 5) map values around the integer peak.
        limit (float): Longest credible step per axis; heatmap pixels.

    Returns:
        tuple: dx, dy and whether the step makes sense: a peak 2 px inside the
        border, a negative definite Hessian, a step within the limit.
    """
    inside = (x > 1) & (x < width - 2) & (y > 1) & (y < height - 2)
    table = xp.log(xp.where(stencil > 1e-10, stencil, 1e-10))
    dx, dy, definite = _newton_step(*_central_differences(table))
    credible = (abs(dx) <= limit) & (abs(dy) <= limit)
    return dx, dy, inside & definite & credible


def _official_or_fit(xp, maps, y, x, limit, kernel):
    """The official step from the raw peak; where that fails, a local fit.

    The fit starts at the highest pixel of the normalised modulated map within
    2 px of the raw peak.
    """
    height, width = maps.shape[1:]
    reach = kernel.radius + 2
    taps = kernel.at(
        xp,
        xp.arange(-reach, reach + 1, maps) - xp.arange(-2, 3, maps)[:, None])
    stencil = _on_both_sides(xp.windows(maps, y, x, reach, reach), taps)
    dx, dy, official = _official_step(xp, stencil, y, x, height, width, limit)

    # Only numpy may look at the data and do less.
    some = np.flatnonzero(~official) if xp.dynamic else slice(None)
    if xp.dynamic and len(some) == 0:
        return dx, dy, official
    ys, xs = y[some], x[some]
    energy = taps * taps
    in_y = _inside(xp, ys, reach, height, maps) @ energy.T
    in_x = _inside(xp, xs, reach, width, maps) @ energy.T
    on_map = (_inside(xp, ys, 2, height, maps)[:, :, None] *
              _inside(xp, xs, 2, width, maps)[:, None, :]) > 0
    local = stencil[some] / xp.sqrt(in_y[:, :, None] * in_x[:, None, :])
    local = xp.where(on_map & xp.isfinite(local), local, -float('inf'))
    best = xp.argmax(local.reshape(-1, 25))
    oy, ox = best // 5 - 2, best % 5 - 2
    fx, fy, fitted = _fit(xp, maps, ys + oy, xs + ox, kernel,
                          some if xp.dynamic else None)
    fx, fy = fx + xp.to_float(ox, maps), fy + xp.to_float(oy, maps)
    if xp.dynamic:
        dx[some], dy[some] = fx, fy
        official[some] = fitted
        return dx, dy, official
    return (xp.where(official, dx, fx), xp.where(official, dy, fy),
            official | fitted)


def _on_both_sides(windows, taps):
    """(M, w, w) windows and (s, w) taps to the (M, s, s) products."""
    num, size, _ = windows.shape
    # One large product, then one over the much smaller remainder.
    half = (windows.reshape(-1, size) @ taps.T).reshape(num, size, -1)
    return taps @ half


def _inside(xp, centre, radius, size, like):
    """(M, 2 * radius + 1): 1 for the pixels around ``centre`` on the map."""
    pixel = xp.to_float(centre, like)[:, None] + xp.arange(
        -radius, radius + 1, like)
    return xp.to_float((pixel >= 0) & (pixel < size), like)


def _profiles(xp, inside, centre, sigma):
    """A one-dimensional Gaussian of the window and its two derivatives.

    Args:
        inside (array): (M, w), 1 for window pixels on the map.
        centre (array): (M,) centre relative to the window's middle pixel.

    Returns:
        tuple: (M, 3, w) Gaussian, first and second derivative by the centre;
        energy (M,), and the first and second derivative of half its log.
    """
    radius = inside.shape[1] // 2
    u = (xp.arange(-radius, radius + 1, inside) - centre[:, None]) / sigma
    g = xp.exp(-0.5 * u * u) * inside
    g1 = g * u / sigma
    g2 = g * (u * u - 1) / sigma**2
    energy = (g * g).sum(1)
    slope = (g * g1).sum(1) / energy
    bend = (g1 * g1 + g * g2).sum(1) / energy - 2 * slope * slope
    return xp.stack([g, g1, g2], 1), energy, slope, bend


def _expand(xp, windows, in_y, in_x, cy, cx, sigma):
    """Value, gradient and Hessian of the log of the normalised modulated map.

    Args:
        windows (array): (M, w, w) map values, 0 outside the map.
        in_y, in_x (array): (M, w), 1 for window rows and columns on the map.
        cy, cx (array): (M,) point of expansion from the window's middle.

    Returns:
        tuple: modulated value, kernel energy, gradient x and y, Hessian xx,
        yy and xy, each in shape (M,).
    """
    gx, ex, slope_x, bend_x = _profiles(xp, in_x, cx, sigma)
    gy, ey, slope_y, bend_y = _profiles(xp, in_y, cy, sigma)
    half = windows @ xp.transpose(gx)
    table = gy @ half
    value = table[:, 0, 0]
    dx, dy = table[:, 0, 1] / value, table[:, 1, 0] / value
    hxx = table[:, 0, 2] / value - dx * dx - bend_x
    hyy = table[:, 2, 0] / value - dy * dy - bend_y
    hxy = table[:, 1, 1] / value - dx * dy
    return value, ex * ey, dx - slope_x, dy - slope_y, hxx, hyy, hxy


def _fit(xp, maps, y, x, kernel, which=None):
    """Expand at the integer peak and again where that leads.

    Returns:
        tuple: dx, dy from the integer peak and whether the first Hessian was
        negative definite there.
    """
    reach = kernel.radius + 1
    windows = xp.windows(maps, y, x, reach, reach, which)
    in_y = _inside(xp, y, reach, maps.shape[1], maps)
    in_x = _inside(xp, x, reach, maps.shape[2], maps)
    cx = cy = xp.full(tuple(y.shape), 0., maps)
    fitted = None
    for _ in range(EXPANSIONS):
        value, _, *terms = _expand(xp, windows, in_y, in_x, cy, cx,
                                   kernel.sigma)
        dx, dy, ok = _newton_step(*terms)
        ok = ok & (value > 0)
        # The expansion holds in the neighbourhood it was read from: 1 px.
        length = xp.where(abs(dx) > abs(dy), abs(dx), abs(dy))
        shrink = xp.where(ok, 1 / xp.where(length > 1, length, 1.), 0.)
        cx = cx + xp.where(ok, dx, 0.) * shrink
        cy = cy + xp.where(ok, dy, 0.) * shrink
        fitted = ok if fitted is None else fitted
    return cx, cy, fitted


def _neighbours(xp, maps, y, x):
    """Values right, left, below and above, and whether the stock looks."""
    height, width = maps.shape[1:]
    flat = maps.reshape(len(maps), -1)
    index = y * width + x
    # MMPose's own conditions, which leave out one more row and column on one
    # side than they must.
    use_x = (x > 1) & (x < width - 1) & (y > 0)
    use_y = (y > 1) & (y < height - 1) & (x > 0)

    def difference(step, use):
        ahead = xp.where(use, index + step, index)
        back = xp.where(use, index - step, index)
        return xp.take_last(flat, ahead) - xp.take_last(flat, back)

    return difference(1, use_x), difference(width, use_y)


def _shift(xp, maps, y, x):
    """A quarter of a pixel per axis towards the higher neighbour."""
    dx, dy = _neighbours(xp, maps, y, x)

    def quarter(d):
        return 0.25 * (xp.to_float(d > 0, maps) - xp.to_float(d < 0, maps))

    return quarter(dx), quarter(dy)


def _shift_where_not(xp, refined, maps, y, x, dx, dy):
    """The standard shift where there was no Taylor step."""
    if xp.dynamic:
        some = np.flatnonzero(~refined)
        if len(some):
            dx[some], dy[some] = _shift(xp, maps[some], y[some], x[some])
        return dx, dy
    sx, sy = _shift(xp, maps, y, x)
    return xp.where(refined, dx, sx), xp.where(refined, dy, sy)


def _towards_second_max(xp, maps, y, x):
    """Eq. 1: a quarter of a pixel along (s - m) / |s - m|."""
    height, width = maps.shape[1:]
    if height * width == 1:
        return (xp.full((len(maps), ), 0., maps), ) * 2
    flat = maps.reshape(len(maps), -1)
    first = (y * width + x)[:, None]
    everywhere = xp.to_index(xp.arange(0, height * width, maps))[None, :]
    second = xp.argmax(xp.where(everywhere == first, -float('inf'), flat))
    dx = xp.to_float(second % width - x, maps)
    dy = xp.to_float(second // width - y, maps)
    norm = xp.sqrt(dx * dx + dy * dy)
    norm = xp.where(norm > 0, norm, 1.)
    return 0.25 * dx / norm, 0.25 * dy / norm


def _covariance(xp, maps, py, px, fitted, kernel):
    """Covariance of the fitted positions, see :func:`decode_heatmaps`."""
    height, width = maps.shape[1:]
    radius = kernel.radius
    fx = xp.where(fitted, px, 0.)
    fy = xp.where(fitted, py, 0.)
    x, y = xp.to_index(xp.floor(fx + 0.5)), xp.to_index(xp.floor(fy + 0.5))
    windows = xp.windows(maps, y, x, radius, radius)
    in_y = _inside(xp, y, radius, height, maps)
    in_x = _inside(xp, x, radius, width, maps)
    value, energy, _, _, hxx, hyy, hxy = _expand(
        xp, windows, in_y, in_x, fy - xp.to_float(y, maps),
        fx - xp.to_float(x, maps), kernel.sigma)
    # Residual power of the best amplitude, less the three fitted parameters.
    power = (windows * windows).sum(2).sum(1) - value * value / energy
    count = in_y.sum(1) * in_x.sum(1) - 3
    noise = xp.where(power > 0, power, 0.) / xp.where(count > 1, count, 1.)
    det = hxx * hyy - hxy * hxy
    scale = noise * energy / (value * value) / det
    usable = (fitted & (hxx < 0) & (det > 0) & xp.isfinite(scale) &
              (value > 0))

    def entry(term, otherwise):
        return xp.where(usable, scale * term, otherwise)

    xx, yy = entry(-hyy, width**2 / 12), entry(-hxx, height**2 / 12)
    xy = entry(hxy, 0.)
    return xp.stack([xx, xy, xy, yy], -1)
