"""Eq. 8, shared by every decoder that expands to second order."""


def newton_step(xp, gradient, curvature, mixed):
    """Eq. 8: minus the inverse Hessian times the gradient, in closed form.

    Args:
        xp: The backend.
        gradient (array): By x and y, in shape (2, M).
        curvature (array): Second derivatives xx and yy, in shape (2, M).
        mixed (array): Second derivative xy, in shape (M,).

    Returns:
        tuple: (dx, dy) in shape (2, M) and whether the Hessian is negative
        definite.
    """
    det = curvature[0] * curvature[1] - mixed * mixed
    step = (mixed * xp.swap(gradient) - xp.swap(curvature) * gradient) / det
    return step, (det > 0) & (curvature[0] < 0)
